#!/usr/bin/env python3
"""The control plane with its decisions made by a server elsewhere, which is stopped, killed and tampered with.

usage: remote_test.py PEMBA

Who decides is another `pemba serve`; with TEST_OPENFGA_BINARY=FILE the scenario is run against that program, too.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from scenario import ARCHIVE, B1, B2, B3, B4, CHECKS, IAM_PATH, WORLD, I, L, RM, ScenarioTest
from server import Server, ask

PEMBA = ScenarioTest.pemba = sys.argv[1]
del sys.argv[1:2]
TOKEN = "a-secret-of-this-test"
# As long as it takes: what does not come at all fails the test.
PATIENCE = 90

USER, EVERYBODY = f"{I}/InternalUser:", f"{I}/InternalUserGroup:system_authenticated"
NORTHWIND, PROJECT, SHELVES = f"{RM}/Organization:northwind", f"{RM}/Project:archive", f"{I}/Root:{L}/Shelf"


def relation(permission):
    """As the table of the scenario has them."""
    return {"books.get": "ddffb4db", "books.list": "eb0fdd25", "books.lend": "a9ee38fc", "shelves.get": "fcc2cccd",
            "shelves.list": "9e7bf34b"}[permission]


READS = {relation(one) for one in ("books.get", "books.list", "shelves.get", "shelves.list")}
LEND, LIST = relation("books.lend"), relation("books.list")


def each(target, subject, relations):
    return {(subject, one, target) for one in relations}


class Remote(ScenarioTest):
    """The server that decides is over TLS, with a token, and keeps what it has."""
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
                               "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
                               "subjectAltName=IP:127.0.0.1,DNS:localhost"], cwd=cls.home.name, capture_output=True)
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    def guarded(self):
        home = self.home.name
        return ["--authn-method", "preshared", "--authn-preshared-keys", TOKEN, "--grpc-tls-enabled",
                "--grpc-tls-cert", f"{home}/cert.pem", "--grpc-tls-key", f"{home}/key.pem"]

    def start_remote(self):
        return Server(PEMBA, "--datastore-engine", "embedded", "--data-dir", f"{self.data.name}/remote",
                      *self.guarded())

    def remote_flags(self, *true):
        return ["--iam-openfga-address", self.remote.addresses["grpc"], "--iam-openfga-store-name", "access",
                "--iam-openfga-token", TOKEN, "--iam-openfga-tls-enabled", *true, "--iam-openfga-ca",
                f"{self.home.name}/cert.pem"]

    def start_control_plane(self, *flags):
        server = Server(PEMBA, "--datastore-engine", "embedded", "--data-dir", f"{self.data.name}/data",
                        "--iam-enabled", "--iam-system-namespace", "pemba-system", "--metrics-addr", "127.0.0.1:0", *self.remote_flags(), *flags)
        type(self).url = server.url()
        return server

    def setUp(self):
        self.data = tempfile.TemporaryDirectory()
        self.addCleanup(self.data.cleanup)
        self.remote = self.start_remote()
        self.addCleanup(self.end_remote)
        self.server = self.start_control_plane("--iam-provider", "openfga", "--iam-repair", "report",
                                               "--iam-repair-interval", "300ms")
        self.addCleanup(lambda: self.server.stop())

    def end_remote(self):
        if self.remote.process.poll() is None:
            self.remote.kill()  # It may be paused.

    # What is there.

    def ask_remote(self, method, path, body=None):
        status, _, answer = ask(self.remote.url() + path, method, body, {"Authorization": "Bearer " + TOKEN})
        self.assertEqual(status, 200, answer)
        return answer

    def remote_store(self):
        """Its path; None before there is one."""
        stores = [one["id"] for one in self.ask_remote("GET", "/stores")["stores"] if one["name"] == "access"]
        self.assertLessEqual(len(stores), 1)
        return "/stores/" + stores[0] if stores else None

    def tuples(self):
        found, token, store = set(), "", self.remote_store()
        while store:
            page = self.ask_remote("POST", store + "/read", {"continuation_token": token})
            found |= {(one["key"]["user"], one["key"]["relation"], one["key"]["object"]) for one in page["tuples"]}
            token = page["continuation_token"]
            if not token:
                break
        return found

    def metric(self, name):
        text = ask(self.server.url("metrics") + "/metrics")[2]
        for line in text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name} in {text}")

    def becomes(self, read, wanted):
        """Waits until it is so."""
        end = time.monotonic() + PATIENCE
        while True:
            found = read()
            if found == wanted:
                return
            if time.monotonic() > end:
                self.assertEqual(found, wanted)
            time.sleep(0.02)

    def ready(self, namespace, name, kind="policybindings"):
        conditions = self.get(f"{IAM_PATH}/namespaces/{namespace}/{kind}/{name}")[2]["status"]["conditions"]
        return next((one["status"], one["reason"]) for one in conditions if one["type"] == "Ready")

    def doctor(self, code):
        """What it finds around this control plane."""
        done = self.run_command(PEMBA, "doctor", "--datastore-engine", "memory", "--iam-enabled", "true",
                                "--iam-provider", "openfga", "--metrics-addr", self.server.addresses["metrics"],
                                *self.remote_flags("true"))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        return done.stdout

    def serving(self, service):
        return ask(f"{self.url}/healthz?service={service}")[0]

    def step(self, name, change, come=frozenset(), gone=frozenset()):
        """A change, and exactly what comes and goes there."""
        with self.subTest(step=name):
            before = self.tuples()
            self.assertFalse(set(come) & before)
            self.assertLessEqual(set(gone), before)
            begin = time.monotonic()
            change()
            self.becomes(self.tuples, (before | set(come)) - set(gone))
            self.becomes(lambda: self.metric("provider_backlog"), 0)
            self.assertEqual(self.tuples(), (before | set(come)) - set(gone))
            self.took[name] = time.monotonic() - begin

    def apply(self, text):
        return self.command("apply", "-f", "-", stdin=text)

    def declare(self):
        """The scenario's objects; when it returns the other server has what they come to."""
        self.apply(WORLD + B1 + B2 + B3)
        for namespace, name in (("organization-northwind", "b1"), ("organization-northwind", "b2"),
                                ("pemba-system", "b3")):
            self.becomes(lambda: self.ready(namespace, name), ("True", "ReconciliationSuccessful"))
        group = self.get(f"{IAM_PATH}/namespaces/organization-northwind/groups/cataloguers")[2]
        self.group = f"{I}/InternalUserGroup:{group['metadata']['uid']}"
        self.membership = {(USER + "tomas", "member", self.group)}
        self.parent = {(NORTHWIND, "parent", PROJECT)}
        self.of_group = each(PROJECT, self.group + "#member", READS)
        return ({(USER + name, "member", EVERYBODY) for name in ("mira", "tomas", "ops")} | self.membership |
                self.parent | each(NORTHWIND, USER + "mira", READS | {LEND}) | self.of_group |
                each(SHELVES, USER + "ops", READS))

    # The tests.

    def test_the_scenario(self):
        wanted = self.declare()
        self.assertEqual(len(wanted), 18)
        self.becomes(self.tuples, wanted)
        for check in CHECKS:
            with self.subTest(check=check[0]):
                status = self.review(check)
                self.assertEqual(self.outcome(check[0]), check[-1], status)
        self.becomes(lambda: self.metric("provider_model_published"), 1)
        self.changes()

    def test_the_other_server_is_paused(self):
        wanted = self.declare()
        service = "pemba.iam.v1.AccessService"
        self.becomes(lambda: self.serving(service), 200)
        self.remote.pause()
        self.command("delete", "policybinding", "b1", "-n", "organization-northwind")
        self.apply(B4)
        self.assertEqual(self.ready("organization-northwind", "b4"), ("False", "Reconciling"))
        self.assertEqual(self.outcome(3), "error")  # What was allowed is not known any more.
        self.assertGreater(self.metric("provider_backlog"), 0)
        self.becomes(lambda: self.serving(service), 500)
        self.assertEqual(self.serving(""), 200)  # Declared objects are there all the same.
        self.assertGreater(self.metric("provider_behind_seconds"), 0)
        self.assertIn("BAD   provider: ", self.doctor(1))
        self.remote.resume()
        self.becomes(lambda: self.ready("organization-northwind", "b4"), ("True", "ReconciliationSuccessful"))
        self.becomes(self.tuples, wanted - each(NORTHWIND, USER + "mira", {LEND}))
        self.becomes(lambda: (self.outcome(3), self.outcome(1)), ("denied", "allowed"))
        self.becomes(lambda: self.serving(service), 200)
        self.becomes(lambda: (self.metric("provider_backlog"), self.metric("provider_behind_seconds")), (0, 0))
        self.becomes(lambda: self.metric("provider_model_published"), 1)
        told = self.doctor(0)
        for line in ("answers in", "a model with 7 types of ours is published", "0 revisions behind, for 0 s",
                     "drift: 0 tuples missing, 0 too many, 0 changed"):
            self.assertRegex(told, f"(?m)^ok    provider: .*{line}")

    def test_the_other_server_is_killed(self):
        wanted = self.declare()
        self.remote.kill()
        self.command("delete", "groupmembership", "tomas", "-n", "organization-northwind")
        self.assertEqual(self.outcome(4), "error")
        self.becomes(lambda: self.metric("provider_up"), 0)
        self.assertGreater(self.metric("provider_backlog"), 0)
        self.remote.start()
        self.becomes(self.tuples, wanted - self.membership)
        self.becomes(lambda: self.outcome(4), "denied")
        self.becomes(lambda: (self.metric("provider_up"), self.metric("provider_backlog")), (1, 0))

    def test_the_other_server_forgets_everything(self):
        wanted = self.declare()
        self.becomes(self.tuples, wanted)
        self.forget()
        self.apply(B4)  # Which makes it look.
        self.becomes(self.tuples, wanted)
        self.becomes(lambda: self.outcome(3), "allowed")

    def forget(self):
        self.remote.kill()
        shutil.rmtree(f"{self.data.name}/remote", ignore_errors=True)
        self.remote.start()

    def test_what_is_changed_behind_the_control_plane_is_told_and_repaired(self):
        wanted = self.declare()
        self.becomes(lambda: self.metric("provider_backlog"), 0)
        lost, extra = (USER + "mira", LEND, NORTHWIND), (USER + "tomas", LEND, NORTHWIND)

        def key(one):
            return {"tuple_keys": [dict(zip(("user", "relation", "object"), one))]}

        self.ask_remote("POST", self.remote_store() + "/write", {"deletes": key(lost), "writes": key(extra)})
        self.becomes(lambda: (self.metric('provider_drift_tuples{kind="missing"}'),
                              self.metric('provider_drift_tuples{kind="extra"}')), (1, 1))
        self.assertEqual(self.outcome(3), "denied")
        self.assertEqual(self.tuples(), wanted - {lost} | {extra})
        self.assertIn("look  provider: drift: 1 tuples missing, 1 too many, 0 changed", self.doctor(0))
        # It only told, as it was started to. The next one does something about it.
        self.server.stop()
        self.server = self.start_control_plane("--iam-provider", "openfga", "--iam-repair-interval", "300ms")
        self.becomes(self.tuples, wanted)
        self.becomes(lambda: self.outcome(3), "allowed")
        self.becomes(lambda: (self.metric('provider_drift_tuples{kind="missing"}'),
                              self.metric('provider_drift_tuples{kind="extra"}')), (0, 0))

    def shadowed(self, provider, shadow):
        """Decisions of both, of whom the other one has a tuple less: what is decided, and what is counted."""
        self.server.stop()
        self.server = self.start_control_plane("--iam-provider", provider, "--iam-shadow-provider", shadow,
                                               "--iam-projection", "direct", "--iam-repair", "off")
        self.declare()
        self.becomes(lambda: self.metric("provider_backlog"), 0)

        def counted(outcome):
            return lambda: self.metric(f'provider_shadow_checks_total{{outcome="{outcome}"}}')

        self.assertEqual((self.outcome(3), self.outcome(2)), ("allowed", "denied"))
        self.becomes(lambda: counted("same")() > 0, True)
        self.assertEqual(counted("mismatch")(), 0)
        lost = {"user": USER + "mira", "relation": LEND, "object": NORTHWIND}
        self.ask_remote("POST", self.remote_store() + "/write", {"deletes": {"tuple_keys": [lost]}})
        decided = self.outcome(3)
        self.becomes(lambda: counted("mismatch")() > 0, True)
        return decided

    def test_who_is_in_the_shadow_does_not_decide(self):
        self.assertEqual(self.shadowed("embedded", "openfga"), "allowed")
        # Nor does it hold anything up.
        self.remote.kill()
        self.assertEqual((self.outcome(3), self.outcome(2)), ("allowed", "denied"))
        self.apply(B4)
        self.assertEqual(self.ready("organization-northwind", "b4"), ("True", "ReconciliationSuccessful"))
        self.assertEqual(self.serving("pemba.iam.v1.AccessService"), 200)

    def test_who_is_elsewhere_decides_with_this_one_in_the_shadow(self):
        self.assertEqual(self.shadowed("openfga", "embedded"), "denied")

    def changes(self):
        self.took = {}
        mira, ops, namespace = USER + "mira", USER + "ops", ("-n", "organization-northwind")
        documents = WORLD.split("\n---\n")

        def document(kind, name):
            return next(one for one in documents if f"kind: {kind}\n" in one and f"name: {name}" in one)

        def delete(*what):
            return lambda: self.command("delete", *what)

        def put(text):
            return lambda: self.apply(text)

        self.step("the membership goes", delete("groupmembership", "tomas", *namespace), gone=self.membership)
        self.assertEqual(self.outcome(4), "denied")
        self.step("the membership comes", put(document("GroupMembership", "tomas")), come=self.membership)
        self.assertEqual(self.outcome(4), "allowed")
        self.step("a binding of what is there", put(B4))
        self.step("b1 goes", delete("policybinding", "b1", *namespace), gone=each(NORTHWIND, mira, {LEND}))
        self.assertEqual((self.outcome(3), self.outcome(1)), ("denied", "allowed"))
        self.step("b4 goes", delete("policybinding", "b4", *namespace), gone=each(NORTHWIND, mira, READS))
        self.assertEqual(self.outcome(1), "denied")

        more = B2.replace("subjects: [", "subjects: [{kind: User, name: ops}, ")
        ops_lists = (0, "ops", "list", L, "books", "", ARCHIVE, "", "")
        self.step("a subject comes", put(more), come=each(PROJECT, ops, READS))
        self.assertTrue(self.review(ops_lists)["allowed"])
        self.step("the subject goes", put(B2), gone=each(PROJECT, ops, READS))
        self.assertTrue(self.review(ops_lists)["denied"])

        reader = document("Role", "library-reader")
        lists = each(PROJECT, self.group + "#member", {LIST}) | each(SHELVES, ops, {LIST})
        self.step("the role shrinks", put(reader.replace(" library.example.org/books.list,", "")), gone=lists)
        self.assertEqual(self.outcome(4), "denied")
        self.step("the role grows", put(reader), come=lists)
        self.assertEqual(self.outcome(4), "allowed")

        self.step("b1 comes", put(B1), come=each(NORTHWIND, mira, READS | {LEND}))
        books = {relation("books.get"), LIST}
        of_books = (each(NORTHWIND, mira, books | {LEND}) | each(PROJECT, self.group + "#member", books) |
                    each(SHELVES, ops, books))
        self.step("a kind goes", delete("protectedresource", "books"), gone=of_books)
        self.assertEqual(self.outcome(3), "error")
        self.step("the kind comes", put(document("ProtectedResource", "books")), come=of_books)
        self.becomes(lambda: self.outcome(3), "allowed")

        self.step("the project goes", delete("project", "archive"), gone=self.parent | self.of_group)
        self.step("another of its name comes", put(document("Project", "archive")), come=self.parent)
        self.assertEqual(self.outcome(4), "denied")

        self.step("nothing changes", put(WORLD))
        refusal = self.refused("delete", "role", "library-reader", "-n", "pemba-system")
        self.assertIn("force-delete", refusal)
        self.step("a role that is in use stays", lambda: None)
        self.step("a role goes with its bindings",
                  lambda: (self.apply(reader.replace("pemba-system}", "pemba-system, annotations: "
                                                     "{iam.pemba.dev/force-delete: 'true'}}")),
                           self.command("delete", "role", "library-reader", "-n", "pemba-system")),
                  gone=each(SHELVES, ops, READS) | each(NORTHWIND, mira, READS))
        self.assertEqual(self.get(f"{IAM_PATH}/namespaces/pemba-system/policybindings/b3")[0], 404)
        self.assertEqual((self.outcome(9), self.outcome(1)), ("denied", "denied"))
        sys.stderr.write("propagation in ms: " +
                         ", ".join(f"{name} {1000 * took:.0f}" for name, took in self.took.items()) + "\n")


class OpenFga(Server):
    """Another program: it says nothing of where it listens, and keeps nothing."""

    def __init__(self, binary, *flags):
        free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.addresses = {protocol: f"127.0.0.1:{one.getsockname()[1]}" for protocol, one in zip(("http", "grpc"), free)}
        for one in free:
            one.close()
        self.command = [binary, "run", "--datastore-engine", "memory", "--playground-enabled=false",
                        "--metrics-enabled=false", "--log-level", "none", *flags]
        self.start()

    def start(self):
        where = [f"--{protocol}-addr={address}" for protocol, address in self.addresses.items()]
        self.process = subprocess.Popen(self.command + where, stdout=subprocess.PIPE, text=True)
        for _ in range(300):
            try:
                if ask(self.url() + "/healthz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError("the server did not start")


class RemoteOpenFga(Remote):
    """The same with OpenFGA itself."""
    program = os.environ.get("TEST_OPENFGA_BINARY", "")

    def setUp(self):
        if not self.program:
            self.skipTest("TEST_OPENFGA_BINARY names no OpenFGA to run the suite with")
        super().setUp()

    def start_remote(self):
        return OpenFga(self.program, *self.guarded())


if __name__ == "__main__":
    unittest.main(verbosity=1)
