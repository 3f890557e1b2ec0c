#!/usr/bin/env python3
"""kubectl, as it is, on identities and access.

usage: kubectl_test.py PEMBA SAMPLES_DIRECTORY
"""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "served"))
from server import KubectlTest  # noqa: E402

KubectlTest.pemba, KubectlTest.samples = sys.argv[1:3]
KubectlTest.flags = ["--iam-enabled"]
del sys.argv[1:3]

NORTHWIND = "/apis/resourcemanager.miloapis.com/v1alpha1/organizations/northwind/control-plane"
ARCHIVE = "/apis/resourcemanager.miloapis.com/v1alpha1/projects/archive/control-plane"


class Kubectl(KubectlTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("test_explain")
        # In an order in which everything that is named is there; what is not would become ready later all the same.
        for directory in ("platform", "company"):
            test.run_kubectl("apply", "-f", f"{cls.samples}/{directory}")
        for directory in ("platform", "company"):
            test.kubectl("apply", "-f", f"{cls.samples}/{directory}")

    def refused_to(self, user, *arguments, server=""):
        return self.kubectl_refused("--as", user, *arguments, server=server)

    def test_explain(self):
        self.assertIn("launchStage", self.kubectl("explain", "role.spec"))

    def test_applying_again_changes_nothing(self):
        versions = ("get", "policybindings", "-A", "-o", "jsonpath={.items[*].metadata.resourceVersion}")
        before = self.kubectl(*versions)
        for directory in ("platform", "company"):
            out = self.kubectl("apply", "-f", f"{self.samples}/{directory}")
            for line in out.splitlines():
                # kubectl sends lists whole when the server has filled something in.
                if not line.startswith("policybinding."):
                    self.assertTrue(line.endswith(" unchanged"), line)
        self.assertEqual(self.kubectl(*versions), before)

    def test_wait_for_what_is_ready(self):
        out = self.kubectl("wait", "--for=condition=Ready", "policybinding/mira-is-librarian", "-n",
                           "organization-northwind", "--timeout=10s")
        self.assertEqual(out, "policybinding.iam.miloapis.com/mira-is-librarian condition met\n")
        self.kubectl("wait", "--for=condition=Ready", "role/librarian", "-n", "datum-cloud", "--timeout=10s")

    def test_get_and_watch(self):
        out = self.kubectl("get", "policybindings", "-n", "organization-northwind")
        self.assertRegex(out, r"NAME +ROLE +RESOURCE KIND +RESOURCE NAME +READY +AGE\n")
        self.assertRegex(out, r"mira-is-librarian +librarian +Organization +northwind +True")
        everywhere = self.kubectl("get", "policybinding", "everyone-creates-organizations", "-n", "milo-system")
        self.assertRegex(everywhere, r"everyone-creates-organizations +\S+ +Organization +\* +True")
        watching = subprocess.Popen(self.kubectl_command("get", "users", "-w", "-o", "name"), stdout=subprocess.PIPE,
                                    text=True, env=self.environment())
        self.assertEqual([watching.stdout.readline().strip() for _ in range(3)],
                         [f"user.iam.miloapis.com/{name}" for name in ("mira", "ops", "tomas")])
        self.kubectl("apply", "-f", "-", stdin="apiVersion: iam.miloapis.com/v1alpha1\nkind: User\n"
                                               "metadata: {name: zoe}\nspec: {email: zoe@example.org}\n")
        self.assertEqual(watching.stdout.readline().strip(), "user.iam.miloapis.com/zoe")
        watching.kill()
        watching.communicate()
        self.kubectl("delete", "user", "zoe")

    def test_acting_for_somebody(self):
        self.assertIn("cataloguers", self.kubectl("--as", "mira", "get", "groups", "-n", "organization-northwind"))
        self.assertIn('User "tomas" cannot list resource "groups"',
                      self.refused_to("tomas", "get", "groups", "-n", "organization-northwind"))
        self.assertIn("archive", self.kubectl("--as", "mira", "get", "projects", server=NORTHWIND))
        self.assertIn("cannot list resource", self.refused_to("tomas", "get", "projects", server=NORTHWIND))
        self.assertIn('cannot list resource "projects"', self.refused_to("mira", "get", "projects"))
        # Who makes an organization owns it.
        organization = ("apiVersion: resourcemanager.miloapis.com/v1alpha1\nkind: Organization\n"
                        "metadata: {name: tailspin}\nspec: {type: Standard}\n")
        self.kubectl("--as", "tomas", "create", "-f", "-", stdin=organization)
        self.assertIn("member-tomas", self.kubectl("--as", "tomas", "get", "organizationmemberships", "-n",
                                                   "organization-tailspin"))
        self.assertIn("cannot", self.refused_to("mira", "get", "organization", "tailspin"))
        self.kubectl("delete", "organization", "tailspin")

    def test_who_am_i_and_what_may_i_do(self):
        self.assertRegex(self.kubectl("--as", "mira", "auth", "whoami"), r"Username +mira\n(.*\n)*Groups +\[system:authenticated\]")
        may = ("auth", "can-i")
        self.assertEqual(self.kubectl(*may, "create", "organizations"), "yes\n")
        self.assertEqual(self.kubectl("--as", "mira", *may, "get", "users/mira"), "yes\n")
        for question in (("get", "users/tomas"), ("delete", "organization/northwind", "-n", "organization-northwind")):
            done = self.run_kubectl("--as", "tomas" if question[0] == "delete" else "mira", *may, *question)
            self.assertEqual((done.returncode, done.stdout.split()[0]), (1, "no"), done.stderr)
        # What is enforced elsewhere is known as well.
        for user, answer in (("mira", "yes"), ("tomas", "no")):
            done = self.run_kubectl("--as", user, *may, "lend", "books.library.example.org/emma", server=ARCHIVE)
            self.assertEqual(done.stdout.split()[0], answer, done.stderr)
        rules = self.kubectl("--as", "mira", *may, "--list", "-n", "organization-northwind")
        self.assertRegex(rules, r"groups\.iam\.miloapis\.com .*\[get list watch")
        self.assertRegex(self.kubectl(*may, "--list"), r"\*\.\* .*\[\*\]")

    def test_kinds_of_a_control_plane(self):
        shown = self.kubectl("api-resources", "-o", "name", server=NORTHWIND).split()
        self.assertIn("projects.resourcemanager.miloapis.com", shown)
        self.assertNotIn("organizations.resourcemanager.miloapis.com", shown)
        self.assertIn("organizations.resourcemanager.miloapis.com", self.kubectl("api-resources", "-o", "name").split())

    def test_what_is_not_served(self):
        elsewhere = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        for flags in ((), ("--server-side",)):
            self.assertIn('no matches for kind "Deployment" in version "apps/v1"',
                          self.kubectl_refused("apply", *flags, "-f", "-", stdin=elsewhere))
        self.assertIn("Who it is.", self.kubectl("explain", "user.spec", "--output=plaintext-openapiv2"))

    def test_documents_are_applied_again_by_others(self):
        approval = ("apiVersion: iam.miloapis.com/v1alpha1\nkind: PlatformAccessApproval\nmetadata: {name: early}\n"
                    "spec: {subjectRef: {email: early@example.org}, approverRef: {name: somebody}}\n")
        for flags in ((), (), ("--server-side", "--force-conflicts")):
            self.kubectl("apply", *flags, "-f", "-", stdin=approval)
        self.assertEqual(self.kubectl("get", "platformaccessapproval", "early", "-o",
                                      "jsonpath={.spec.approverRef.name} {.metadata.generation}"), "system:anonymous 1")
        self.kubectl("delete", "platformaccessapproval", "early")

    def test_namespaces_have_a_phase(self):
        self.kubectl("wait", "namespace/organization-northwind", "--for=jsonpath={.status.phase}=Active", "--timeout=10s")
        self.assertRegex(self.kubectl("describe", "namespace", "organization-northwind"), r"Status: +Active")

    def test_refusals_say_why(self):
        self.assertIn('The User "mira" is invalid: spec.email: Required value',
                      self.kubectl_refused("patch", "user", "mira", "--type=merge", "-p", '{"spec":{"email":null}}'))
        patch = '[{"op":"test","path":"/spec/email","value":"other"}]'
        self.assertRegex(self.kubectl_refused("patch", "user", "mira", "--type=json", "-p", patch),
                         r"The request is invalid: .*/spec/email")


if __name__ == "__main__":
    if shutil.which("kubectl") is None:
        print("SKIP: kubectl is not installed")
        sys.exit(0)
    unittest.main(verbosity=1)
