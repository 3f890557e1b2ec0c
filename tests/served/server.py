"""A server of this build for one test class, and ways to ask it."""
import json
import os
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request


class Server:
    """A program that serves, on ports of this machine. The first line that it prints with `http listening on` ends its
    start."""

    def __init__(self, pemba, *flags):
        self.command = [pemba, "serve", "--log-level", "none", *flags]
        self.addresses = {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0"}
        if "--metrics-addr" not in flags:
            self.command.append("--metrics-enabled=false")
        self.start()

    def start(self):
        """Later once more, at the same addresses."""
        where = [f"--{protocol}-addr={self.addresses[protocol]}" for protocol in ("http", "grpc")]
        self.process = subprocess.Popen(self.command + where, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            protocol, found, address = line.strip().partition(" listening on ")
            if found:
                self.addresses[protocol] = address
            if protocol == "http" and found:
                return
        raise RuntimeError("the server did not start")

    def url(self, protocol="http"):
        return "http://" + self.addresses[protocol]

    def stop(self):
        self.process.terminate()
        return self.gone()

    def kill(self):
        self.process.kill()
        return self.gone()

    def gone(self):
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


def ask(url, method="GET", body=None, headers=None):
    """Status, headers and body (JSON or text) of an answer."""
    headers = dict(headers or {})
    data = None
    if body is not None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, sent, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, sent, text = error.code, error.headers, error.read()
    try:
        return status, sent, json.loads(text)
    except ValueError:
        return status, sent, text.decode()


class ServedTest(unittest.TestCase):
    """Tests of one server, which is there for all of them."""
    pemba = ""
    flags = []

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.server = Server(cls.pemba, "--datastore-engine", "memory", *cls.flags)
        cls.url = cls.server.url()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.home.cleanup()

    def ask(self, method, path, body=None, headers=None, user=None):
        headers = dict(headers or {})
        if user:
            headers["Impersonate-User"] = user
        return ask(self.url + path, method, body, headers)

    def get(self, path, user=None):
        return self.ask("GET", path, user=user)

    def environment(self, **more):
        return {**os.environ, "HOME": self.home.name, "KUBECONFIG": self.home.name + "/none", "PEMBA_API_URL": self.url,
                **more}

    def run_command(self, *command, stdin=None, **more):
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60,
                              env=self.environment(**more))

    def command(self, *arguments, stdin=None):
        done = self.run_command(self.pemba, *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def refused(self, *arguments, stdin=None):
        done = self.run_command(self.pemba, *arguments, stdin=stdin)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr


class KubectlTest(ServedTest):
    """Tests that ask by kubectl."""

    def kubectl_command(self, *arguments, server=""):
        return ["kubectl", "--server", self.url + server, "--cache-dir", self.home.name + "/cache", *arguments]

    def run_kubectl(self, *arguments, server="", stdin=None, **more):
        return self.run_command(*self.kubectl_command(*arguments, server=server), stdin=stdin, **more)

    def kubectl(self, *arguments, server="", stdin=None):
        done = self.run_kubectl(*arguments, server=server, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def kubectl_refused(self, *arguments, server="", stdin=None):
        done = self.run_kubectl(*arguments, server=server, stdin=stdin)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr
