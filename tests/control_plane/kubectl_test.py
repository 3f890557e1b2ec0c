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
        self.assertRegex(out, r"NAME +ROLE +KIND +TARGET +READY +AGE\n")
        self.assertRegex(out, r"mira-is-librarian +librarian +Organization +northwind +True")
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


if __name__ == "__main__":
    if shutil.which("kubectl") is None:
        print("SKIP: kubectl is not installed")
        sys.exit(0)
    unittest.main(verbosity=1)
