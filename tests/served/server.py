"""A server with a control plane for one test class, and ways to ask it."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request


class ServedTest(unittest.TestCase):
    pemba = samples = ""
    flags = []

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.server = subprocess.Popen(
            [cls.pemba, "serve", "--datastore-engine", "memory", "--http-addr", "127.0.0.1:0", "--grpc-addr",
             "127.0.0.1:0", "--metrics-enabled=false", "--log-level", "none", "--iam-enabled", *cls.flags],
            stdout=subprocess.PIPE, text=True)
        for line in cls.server.stdout:
            if line.startswith("http listening on "):
                cls.url = "http://" + line.split()[-1]
                return
        raise RuntimeError("the server did not start")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stdout.close()
        cls.home.cleanup()

    def ask(self, method, path, body=None, headers=None, user=None):
        """Status, headers and body (JSON or text) of an answer."""
        headers = dict(headers or {})
        if user:
            headers["Impersonate-User"] = user
        data = None
        if body is not None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, sent, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, sent, text = error.code, error.headers, error.read()
        try:
            return status, sent, json.loads(text)
        except ValueError:
            return status, sent, text.decode()

    def get(self, path, user=None):
        return self.ask("GET", path, user=user)

    def environment(self, **more):
        return {**os.environ, "HOME": self.home.name, "KUBECONFIG": self.home.name + "/none", "PEMBA_API_URL": self.url,
                **more}

    def run_command(self, *command, stdin=None):
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=self.environment())

    def command(self, *arguments, stdin=None):
        done = self.run_command(self.pemba, *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def refused(self, *arguments, stdin=None):
        done = self.run_command(self.pemba, *arguments, stdin=stdin)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr
