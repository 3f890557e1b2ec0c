#!/usr/bin/env python3
"""The control plane over HTTP and by the command.

usage: served_test.py PEMBA SAMPLES_DIRECTORY
"""
import json
import sys
import unittest
import urllib.request

from scenario import B1, B2, B3, B4, CHECKS, IAM_PATH, RM_PATH, WORLD, I, L, RM, REVIEWS, ScenarioTest
from server import ServedTest

ServedTest.pemba, ServedTest.samples = sys.argv[1:3]
ServedTest.flags = ["--iam-enabled"]
del sys.argv[1:3]

class Scenario(ScenarioTest):
    flags = ["--iam-enabled", "--iam-system-namespace", "pemba-system"]

    def setUp(self):
        self.command("apply", "-f", "-", stdin=WORLD + B1 + B2 + B3)

    def test_the_thirteen_checks(self):
        for check in CHECKS:
            with self.subTest(check=check[0]):
                status = self.review(check)
                self.assertEqual(self.outcome(check[0]), check[-1], status)
                self.assertEqual("evaluationError" in status, check[-1] == "error", status)
        self.assertIn("binding=organization-northwind/b1", self.review(CHECKS[0])["reason"])

    def test_effective_permissions_and_readiness(self):
        role = self.get(f"{IAM_PATH}/namespaces/pemba-system/roles/librarian")[2]
        self.assertEqual(role["status"]["effectivePermissions"],
                         [f"{L}/books.get", f"{L}/books.lend", f"{L}/books.list", f"{L}/shelves.get",
                          f"{L}/shelves.list"])
        for namespace, name in (("organization-northwind", "b1"), ("organization-northwind", "b2"),
                                ("pemba-system", "b3")):
            conditions = self.get(f"{IAM_PATH}/namespaces/{namespace}/policybindings/{name}")[2]["status"]["conditions"]
            ready = [one for one in conditions if one["type"] == "Ready"]
            self.assertEqual(ready[0]["status"], "True", ready)

    def test_a_table_shows_what_a_binding_is_on(self):
        self.assertRegex(self.command("get", "pb", "-n", "organization-northwind"),
                         r"b1 +librarian +Organization +northwind +True ")
        self.assertRegex(self.command("get", "pb", "-n", "pemba-system"), r"b3 +library-reader +Shelf +\* +True ")

    def test_what_goes_takes_its_access_along(self):
        self.command("delete", "groupmembership", "tomas", "-n", "organization-northwind")
        self.assertEqual(self.outcome(4), "denied")
        self.command("apply", "-f", "-", stdin=B4)
        self.command("delete", "policybinding/b1", "-n", "organization-northwind")
        self.assertEqual(self.outcome(3), "denied")
        self.assertEqual(self.outcome(1), "allowed")
        self.command("delete", "policybinding/b4", "-n", "organization-northwind")
        self.assertEqual(self.outcome(1), "denied")
        self.command("delete", "project", "archive")
        self.command("apply", "-f", "-", stdin=WORLD)
        self.assertEqual(self.outcome(4), "denied")
        self.command("delete", "policybinding", "b2", "-n", "organization-northwind", "--ignore-not-found")

    def test_a_deactivated_user_may_do_nothing(self):
        deactivation = """
apiVersion: iam.miloapis.com/v1alpha1
kind: UserDeactivation
metadata: {name: mira-left}
spec: {userRef: {name: mira}, reason: left, deactivatedBy: x}
"""
        self.command("apply", "-f", "-", stdin=deactivation)
        try:
            status = self.review(CHECKS[0])
            self.assertTrue(status["denied"], status)
            self.assertIn("reason=account_deactivated", status["reason"])
        finally:
            self.command("delete", "userdeactivation", "mira-left")
        self.assertEqual(self.outcome(1), "allowed")

    def test_requests_that_are_no_reviews(self):
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {}}
        for content_type in ("application/json; charset=utf-8", "text/plain"):
            status, _, answer = self.ask("POST", REVIEWS, body, {"Content-Type": content_type})
            self.assertEqual(status, 200)
            self.assertIn("expected application/json", answer["status"]["evaluationError"])
        for path in ("/core/v1alpha/webhook", "/project/v1alpha/projects/archive/webhook"):
            self.assertFalse(self.ask("POST", path, body)[2]["status"]["allowed"])

    def authorize(self, method, path, user="mira", headers=None):
        return self.ask(method, "/iam/v1/authorize" + path, headers=headers, user=user)[0]

    def test_external_authorization(self):
        archive = f"{RM_PATH}/projects/archive/control-plane"
        self.assertEqual(self.authorize("GET", f"{archive}/apis/{L}/v1/shelves/s-100"), 200)
        self.assertEqual(self.authorize("DELETE", f"{archive}/apis/{L}/v1/shelves/s-100"), 403)
        self.assertEqual(self.authorize("GET", "/somewhere"), 403)
        self.assertEqual(self.authorize("GET", f"{archive}/apis/{L}/v1/shelves/s-100/../../x"), 403)
        self.assertEqual(self.authorize("GET", f"{archive}/apis/{L}/v1/unheard/of"), 500)
        original = {"X-Original-URI": f"{archive}/apis/{L}/v1/books?limit=1", "X-Original-Method": "GET"}
        self.assertEqual(self.authorize("GET", "", "tomas", original), 200)
        self.assertEqual(self.authorize("GET", "", "ops", original), 403)
        self.assertEqual(self.authorize("GET", "", "tomas"), 403)

    def access(self, what, body, user=None):
        status, _, answer = self.ask("POST", "/iam/v1/" + what, body, user=user)
        self.assertEqual(status, 200, answer)
        return answer

    def test_questions_about_access(self):
        archive = {"api_group": RM, "kind": "Project", "name": "archive"}
        lend = {"principal": "mira", "permission": f"{L}/books.lend", "resource": archive}
        answer = self.access("check-access", lend)
        self.assertEqual((answer["allowed"], answer["binding"]), (True, "organization-northwind/b1"))
        answer = self.access("batch-check-access", {"checks": [lend, {**lend, "principal": "tomas"},
                                                               {**lend, "permission": f"{L}/books.shred"}]})
        self.assertEqual([one.get("result", {}).get("allowed") for one in answer["outcomes"]], [True, False, None])
        self.assertEqual(answer["outcomes"][2]["problem"]["reason"], "not_registered")
        answer = self.access("list-principals", {"permission": f"{L}/books.get", "resource": archive})
        self.assertEqual({(one["kind"], one["name"], tuple(one["via_groups"])) for one in answer["principals"]},
                         {("User", "mira", ()), ("Group", "cataloguers", ()),
                          ("User", "tomas", ("organization-northwind/cataloguers",))})
        answer = self.access("list-accessible", {"principal": "mira", "permission": f"{L}/books.get", "api_group": RM,
                                                 "kind": "Project"})
        self.assertEqual([one["name"] for one in answer["resources"]], ["archive"])
        answer = self.access("list-accessible", {"principal": "ops", "permission": f"{L}/shelves.get", "api_group": L,
                                                 "kind": "Shelf"})
        self.assertTrue(answer["all"])
        answer = self.access("test-iam-permissions",
                             {"resource": archive, "permissions": [f"{L}/books.get", f"{L}/nothing.get"]})
        self.assertEqual(answer["permissions"], [f"{L}/books.get"])
        answer = self.access("list-grantable-roles", {"resource": archive})
        self.assertEqual([one["name"] for one in answer["roles"]], ["librarian", "library-reader"])
        self.assertEqual(self.ask("POST", "/iam/v1/check-access", {"permission": "x"})[0], 400)

    def test_explanations_name_every_step(self):
        out = self.command("explain", "access", "tomas", f"{L}/books.get", f"{RM}/Project:archive")
        self.assertEqual(out, f"""allowed  granted
  binding  organization-northwind/b2
  subject  User tomas > Group organization-northwind/cataloguers
  role     pemba-system/library-reader
  target   {RM}/Project:archive
""")
        out = self.command("explain", "access", "mira", f"{L}/books.get", f"{RM}/Project:archive")
        self.assertIn("role     pemba-system/librarian > pemba-system/library-reader", out)
        self.assertIn(f"target   {RM}/Project:archive > {RM}/Organization:northwind", out)
        out = self.command("explain", "access", "tomas", f"{L}/books.lend", f"{RM}/Project:archive")
        self.assertTrue(out.startswith("denied  no_grant\n"), out)
        self.assertIn("role_lacks_permission: role pemba-system/library-reader of binding organization-northwind/b2", out)
        self.assertIn("not_a_member: binding organization-northwind/b1 grants it to", out)
        done = self.run_command(self.pemba, "access", "check", "tomas", f"{L}/books.lend", f"{RM}/Project:archive")
        self.assertEqual((done.returncode, done.stdout), (1, "denied  no_grant\n"))


class Authorized(ServedTest):
    """What people may do on the objects themselves."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.command(cls(), "apply", "-f", cls.samples)

    def runTest(self):
        """For setUpClass."""

    def test_who_may_read_what(self):
        groups = f"{IAM_PATH}/namespaces/organization-northwind/groups"
        self.assertEqual(self.get(groups, "mira")[0], 200)
        status, _, answer = self.get(groups, "tomas")
        self.assertEqual((status, answer["reason"]), (403, "Forbidden"))
        self.assertEqual(answer["message"], 'groups.iam.miloapis.com is forbidden: User "tomas" cannot list resource '
                                            '"groups" in API group "iam.miloapis.com" in the namespace '
                                            '"organization-northwind"')
        self.assertEqual(self.get(f"{RM_PATH}/organizations/northwind", "mira")[0], 200)
        self.assertEqual(self.get(f"{RM_PATH}/organizations", "mira")[0], 403)
        self.assertEqual(self.get(f"{IAM_PATH}/namespaces/datum-cloud/roles", "tomas")[0], 200)
        self.assertEqual(self.get(f"{IAM_PATH}/users/tomas", "tomas")[0], 200)
        self.assertEqual(self.get(f"{IAM_PATH}/users/mira", "tomas")[0], 403)

    def test_an_organizations_control_plane_shows_its_own(self):
        self.ask("POST", f"{RM_PATH}/organizations", {"apiVersion": f"{RM}/v1alpha1", "kind": "Organization",
                                                      "metadata": {"name": "other"}, "spec": {"type": "Standard"}})
        self.ask("POST", f"{RM_PATH}/projects", {"apiVersion": f"{RM}/v1alpha1", "kind": "Project",
                                                 "metadata": {"name": "secret"},
                                                 "spec": {"ownerRef": {"kind": "Organization", "name": "other"}}})
        northwind = f"{RM_PATH}/organizations/northwind/control-plane"
        status, _, answer = self.get(f"{northwind}{RM_PATH}/projects?labelSelector={RM}/organization-name=other",
                                     "mira")
        self.assertEqual(status, 200, answer)
        self.assertEqual([one["metadata"]["name"] for one in answer["items"]], ["archive"])
        self.assertEqual(self.get(f"{northwind}{RM_PATH}/projects/archive", "mira")[0], 200)
        self.assertEqual(self.get(f"{northwind}{RM_PATH}/projects/secret", "mira")[0], 403)
        self.assertEqual(self.get(f"{northwind}{IAM_PATH}/users", "mira")[0], 403)

    def test_nobody_gives_away_what_is_not_theirs(self):
        path = f"{IAM_PATH}/namespaces/organization-northwind/policybindings"

        def bind(name, role, target):
            return self.ask("POST", path, {
                "apiVersion": f"{I}/v1alpha1", "kind": "PolicyBinding", "metadata": {"name": name},
                "spec": {"roleRef": {"name": role, "namespace": "datum-cloud"},
                         "subjects": [{"kind": "User", "name": "tomas"}], "resourceSelector": target}}, user="mira")

        own = {"resourceRef": {"apiGroup": RM, "kind": "Organization", "name": "northwind"}}
        self.assertEqual(bind("fine", "library-reader", own)[0], 201)
        self.assertIn(bind("all", "library-reader", {"resourceKind": {"apiGroup": L, "kind": "Shelf"}})[0], (403, 422))
        self.assertEqual(self.ask("PATCH", f"{path}/fine/status", {"status": {}},
                                  {"Content-Type": "application/merge-patch+json"}, user="mira")[0], 403)
        self.command("delete", "policybinding", "fine", "-n", "organization-northwind")

    def test_impersonation_is_for_masters(self):
        northwind = f"{RM_PATH}/organizations/northwind"
        headers = {"Impersonate-User": "tomas", "Impersonate-Extra-Iam.miloapis.com%2fparent-name": "northwind",
                   "Impersonate-Extra-Iam.miloapis.com%2fparent-type": "Organization",
                   "Impersonate-Extra-Iam.miloapis.com%2fparent-api-group": RM}
        self.assertEqual(self.ask("GET", northwind, headers=headers)[0], 403)
        self.assertEqual(self.ask("GET", northwind, headers={"Impersonate-Group": "x"})[0], 400)


class Command(ServedTest):
    """apply, get, describe, diff, delete."""

    def test_apply_is_idempotent_and_tells_files_and_lines(self):
        out = self.command("apply", "-f", self.samples)
        self.assertIn("organization.resourcemanager.miloapis.com/northwind created\n", out)
        again = self.command("apply", "-f", self.samples)
        self.assertEqual({line.split()[-1] for line in again.splitlines()}, {"unchanged"})
        error = self.refused("apply", "-f", "-", stdin="# x\napiVersion: iam.miloapis.com/v1alpha1\nkind: Rolle\n"
                                                       "metadata: {name: r}\n")
        self.assertEqual(error, "error: standard input:2: the server has no kind Rolle of iam.miloapis.com/v1alpha1\n")

    def test_atomic_is_all_or_nothing(self):
        user = "apiVersion: iam.miloapis.com/v1alpha1\nkind: User\nmetadata: {name: %s}\nspec: {email: %s}\n"
        both = user % ("anne", "anne@example.org") + "---\n" + user % ("bert", "[]")
        error = self.refused("apply", "--atomic", "-f", "-", stdin=both)
        self.assertIn("standard input:6: ", error)
        self.assertIn("nothing was applied", error)
        self.assertIn('users.iam.miloapis.com "anne" not found', self.refused("get", "user", "anne"))
        out = self.command("apply", "--atomic", "-f", "-", stdin=both.replace("[]", "bert@example.org"))
        self.assertEqual(out, "user.iam.miloapis.com/anne created\nuser.iam.miloapis.com/bert created\n")
        self.assertEqual(self.command("get", "users", "-o", "name").splitlines()[:2],
                         ["user.iam.miloapis.com/anne", "user.iam.miloapis.com/bert"])
        self.command("delete", "-f", "-", stdin=both)

    def test_get_describe_and_diff(self):
        self.command("apply", "-f", self.samples)
        self.assertRegex(self.command("get", "pb", "-n", "organization-northwind"),
                         r"NAME +ROLE +RESOURCE KIND +RESOURCE NAME +READY +AGE\n")
        self.assertRegex(self.command("get", "roles", "-A"), r"NAMESPACE +NAME +DISPLAY NAME +READY +LAUNCH STAGE +AGE\n")
        self.assertIn("email: mira@example.org", self.command("get", "user/mira", "-o", "yaml"))
        self.assertIn('"email":"mira@example.org"', self.command("get", "user/mira", "-o", "json"))
        out = self.command("describe", "role", "librarian", "-n", "datum-cloud")
        self.assertRegex(out, r"Conditions:\n +TYPE +STATUS +REASON +MESSAGE\n")
        changed = "apiVersion: iam.miloapis.com/v1alpha1\nkind: User\nmetadata: {name: mira}\nspec: {email: m@x.org}\n"
        done = self.run_command(self.pemba, "diff", "-f", "-", stdin=changed)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("-   email: mira@example.org\n", done.stdout)
        self.assertIn("+   email: m@x.org\n", done.stdout)
        self.assertEqual(self.run_command(self.pemba, "diff", "-f", self.samples).returncode, 0)
        self.assertIn("mira@example.org", self.command("get", "user/mira", "-o", "yaml"))


class Clients(ServedTest):
    """What programs that cache objects (informers) ask for beside the objects themselves."""
    ORGANIZATIONS = RM_PATH + "/organizations"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("east", "west"):
            body = {"apiVersion": f"{RM}/v1alpha1", "kind": "Organization", "metadata": {"name": name},
                    "spec": {"type": "Standard"}}
            status, _, made = cls("test_forms").ask("POST", cls.ORGANIZATIONS, body)
            assert status == 201, made

    def list(self, query="", accept=None):
        return self.ask("GET", self.ORGANIZATIONS + query, headers={"Accept": accept} if accept else None)

    def watched(self, query, accept="application/json"):
        """The events of a watch, as they come."""
        request = urllib.request.Request(self.url + self.ORGANIZATIONS + "?watch=true&" + query, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:
            for line in answer:
                yield json.loads(line)

    def names(self, body):
        return [item["metadata"]["name"] for item in body["items"]]

    def test_forms(self):
        metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        status, _, body = self.list(accept=f"application/vnd.kubernetes.protobuf;{metadata.partition(';')[2]},{metadata}")
        self.assertEqual((status, body["kind"]), (200, "PartialObjectMetadataList"))
        self.assertEqual({(item["kind"], "spec" in item) for item in body["items"]}, {("PartialObjectMetadata", False)})
        status, sent, body = self.list("/east", accept="application/yaml")
        self.assertEqual((status, sent["content-type"]), (200, "application/yaml"))
        self.assertIn("\n  name: east\n", body)
        status, _, body = self.list(accept="application/vnd.kubernetes.protobuf")
        self.assertEqual((status, body["reason"]), (406, "NotAcceptable"))

    def test_a_body_may_leave_out_what_its_path_says(self):
        body = {"metadata": {"name": "untyped"}}
        status, _, made = self.ask("POST", "/api/v1/namespaces", body)
        self.assertEqual((status, made["apiVersion"], made["kind"]), (201, "v1", "Namespace"))
        self.assertEqual(self.ask("POST", "/api/v1/namespaces", {**body, "kind": "Role"})[0], 400)

    def test_bodies_as_protocol_buffers(self):
        def field(number, content):
            return chr(number << 3 | 2) + chr(len(content)) + content

        def send(method, path, kind, message):
            body = "k8s\0" + field(1, field(1, "v1") + field(2, kind)) + field(2, message)
            return self.ask(method, path, body, {"Content-Type": "application/vnd.kubernetes.protobuf"})

        status, _, body = send("POST", "/api/v1/namespaces", "Namespace", field(1, field(1, "typed") + field(2, "")))
        self.assertEqual((status, body["metadata"]["name"], body["status"]), (201, "typed", {"phase": "Active"}))
        status, _, body = send("DELETE", "/api/v1/namespaces/typed", "DeleteOptions", field(2, field(1, "another uid")))
        self.assertEqual((status, body["reason"]), (409, "Conflict"))
        self.assertEqual(send("DELETE", "/api/v1/namespaces/typed", "DeleteOptions", field(4, "Foreground"))[0], 200)
        status, _, body = send("POST", self.ORGANIZATIONS, "Organization", "")
        self.assertEqual((status, body["reason"]), (415, "UnsupportedMediaType"))

    def test_a_watch_of_metadata(self):
        events = self.watched("allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
                              "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        first, second, end = next(events), next(events), next(events)
        self.assertEqual([(e["type"], e["object"]["kind"], e["object"]["metadata"]["name"]) for e in (first, second)],
                         [("ADDED", "PartialObjectMetadata", "east"), ("ADDED", "PartialObjectMetadata", "west")])
        self.assertEqual((end["type"], end["object"]["metadata"]["annotations"]),
                         ("BOOKMARK", {"k8s.io/initial-events-end": "true"}))

    def test_a_list_of_one_state(self):
        before = self.list()[2]
        version = before["metadata"]["resourceVersion"]
        patch = {"metadata": {"labels": {"later": "yes"}}}
        self.ask("PATCH", self.ORGANIZATIONS + "/east", patch, {"Content-Type": "application/merge-patch+json"})
        then = self.list(f"?resourceVersion={version}&resourceVersionMatch=Exact")[2]
        self.assertEqual(then, before)
        now = self.list(f"?resourceVersion={version}&resourceVersionMatch=NotOlderThan&labelSelector=later")[2]
        self.assertEqual(self.names(now), ["east"])
        status, _, body = self.list("?resourceVersionMatch=Exact")
        self.assertEqual((status, body["reason"]), (422, "Invalid"))
        status, sent, body = self.list("?resourceVersion=987654321")
        self.assertEqual((status, body["details"]["causes"][0]["reason"]), (504, "ResourceVersionTooLarge"))
        self.assertEqual(sent["retry-after"], "1")

    def test_conflicts_of_those_who_apply(self):
        def apply(manager, kind):
            body = f"apiVersion: {RM}/v1alpha1\nkind: Organization\nmetadata: {{labels: {{is: {kind}}}}}\n"
            return self.ask("PATCH", f"{self.ORGANIZATIONS}/west?fieldManager={manager}", body,
                            {"Content-Type": "application/apply-patch+yaml"})
        self.assertEqual(apply("one", "far")[0], 200)
        status, _, body = apply("two", "near")
        self.assertEqual((status, body["details"]["causes"][0]["reason"]), (409, "FieldManagerConflict"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
