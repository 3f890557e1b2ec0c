#!/usr/bin/env python3
"""kubectl, as it is, against the resource API.

usage: kubectl_test.py PEMBA KINDS_DIRECTORY
"""
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "served"))
from server import KubectlTest  # noqa: E402

KubectlTest.pemba, KubectlTest.flags = sys.argv[1], ["--resource-kinds", sys.argv[2]]
del sys.argv[1:3]

BOOK = """
apiVersion: library.example.org/v1
kind: Book
metadata: {name: emma, namespace: default, labels: {shelf: a}}
spec: {title: Emma, author: austen}
"""


class Kubectl(KubectlTest):
    def tearDown(self):
        self.run_kubectl("delete", "books,shelves", "--all", "-A")

    def apply(self, text, *more):
        return self.kubectl("apply", "-f", "-", *more, stdin=text)

    def test_api_resources_and_versions(self):
        out = self.kubectl("api-resources")
        self.assertRegex(out, r"books +library\.example\.org/v1 +true +Book")
        self.assertRegex(out, r"shelves +sh +library\.example\.org/v1 +false +Shelf")
        self.assertIn("library.example.org/v1", self.kubectl("api-versions"))

    def test_explain(self):
        out = self.kubectl("explain", "book.spec")
        self.assertIn("As on the cover.", out)
        self.assertRegex(out, r"title\s+<string> -required-")
        self.assertIn("What every object has.", self.kubectl("explain", "shelf.metadata"))

    def test_apply_is_idempotent_and_changes_what_differs(self):
        self.assertEqual(self.apply(BOOK), "book.library.example.org/emma created\n")
        self.assertEqual(self.apply(BOOK), "book.library.example.org/emma unchanged\n")
        changed = BOOK.replace("title: Emma", "title: Emma Woodhouse")
        self.assertEqual(self.apply(changed), "book.library.example.org/emma configured\n")
        self.assertEqual(self.kubectl("get", "book", "emma", "-o", "jsonpath={.spec.title} {.metadata.generation}"),
                         "Emma Woodhouse 2")

    def test_get_prints_tables(self):
        self.apply(BOOK)
        out = self.kubectl("get", "books")
        self.assertRegex(out, r"NAME +TITLE +LENT +AGE\nemma +Emma +\d+s\n")
        self.assertRegex(self.kubectl("get", "books", "-A", "-o", "wide"),
                         r"NAMESPACE +NAME +TITLE +LENT +AUTHOR +AGE\ndefault +emma +Emma +austen +\d+s\n")
        self.assertEqual(self.kubectl("get", "library", "-o", "name"), "book.library.example.org/emma\n")

    def test_selectors(self):
        self.apply(BOOK)
        self.assertIn("emma", self.kubectl("get", "books", "-l", "shelf in (a,b)"))
        self.assertEqual(self.kubectl("get", "books", "-l", "shelf!=a"), "")
        self.assertIn("emma", self.kubectl("get", "books", "--field-selector", "spec.author=austen"))
        self.assertIn("field label not supported: spec.title",
                      self.kubectl_refused("get", "books", "--field-selector", "spec.title=x"))

    def test_every_broken_rule_is_named(self):
        broken = BOOK.replace("title: Emma, author: austen", 'genre: opera, copies: 0')
        error = self.kubectl_refused("apply", "-f", "-", stdin=broken)
        self.assertIn("spec.title: Required value", error)
        self.assertIn('spec.genre: Unsupported value: "opera"', error)
        self.assertIn("spec.copies: Invalid value: 0", error)
        self.assertIn('unknown field "spec.titel"',
                      self.kubectl_refused("apply", "-f", "-", stdin=BOOK.replace("title:", "titel: x, title:")))
        self.apply(BOOK)
        self.assertIn("author is immutable", self.kubectl_refused("apply", "-f", "-", stdin=BOOK.replace("austen", "bronte")))
        self.assertIn('namespaces "nowhere" not found',
                      self.kubectl_refused("apply", "-f", "-", stdin=BOOK.replace("default", "nowhere")))

    def test_patches(self):
        self.apply(BOOK)
        self.kubectl("patch", "book", "emma", "--type", "merge", "-p", '{"spec":{"copies":3}}')
        self.kubectl("patch", "book", "emma", "--type", "json", "-p",
                     '[{"op":"replace","path":"/spec/title","value":"E"}]')
        self.assertEqual(self.kubectl("get", "book", "emma", "-o", "jsonpath={.spec.copies}{.spec.title}"), "3E")
        self.kubectl("label", "book", "emma", "shelf=b", "--overwrite")
        self.kubectl("annotate", "book", "emma", "note=read")

    def test_server_side_apply(self):
        def server_side(text, *more):
            return self.kubectl("apply", "--server-side", "-f", "-", *more, stdin=text)

        self.assertEqual(server_side(BOOK), "book.library.example.org/emma serverside-applied\n")
        self.kubectl("patch", "book", "emma", "--type", "merge", "-p", '{"spec":{"title":"E"}}')
        error = self.kubectl_refused("apply", "--server-side", "-f", "-", stdin=BOOK)
        self.assertIn('kubectl-patch: .spec.title', error)
        server_side(BOOK, "--force-conflicts")
        self.assertEqual(self.kubectl("get", "book", "emma", "-o", "jsonpath={.spec.title}"), "Emma")

    def test_status_and_wait(self):
        self.apply(BOOK)
        waiting = subprocess.Popen(self.kubectl_command("wait", "--for=condition=Lent", "book/emma", "--timeout=30s"),
                                   stdout=subprocess.PIPE, text=True, env=self.environment())
        time.sleep(0.5)
        self.kubectl("patch", "book", "emma", "--subresource", "status", "--type", "merge", "-p",
                     '{"status":{"conditions":[{"type":"Lent","status":"True"}]}}')
        self.assertEqual(waiting.communicate(timeout=30)[0], "book.library.example.org/emma condition met\n")
        self.assertRegex(self.kubectl("get", "books"), r"emma +Emma +True")
        self.assertEqual(self.kubectl("get", "book", "emma", "-o", "jsonpath={.metadata.generation}"), "1")

    def test_watch(self):
        self.apply(BOOK)
        watching = subprocess.Popen(self.kubectl_command("get", "books", "-w", "-o", "name"), stdout=subprocess.PIPE, text=True,
                                    env=self.environment())
        self.assertEqual(watching.stdout.readline(), "book.library.example.org/emma\n")
        self.apply(BOOK.replace("emma", "persuasion"))
        self.assertEqual(watching.stdout.readline(), "book.library.example.org/persuasion\n")
        watching.kill()
        watching.communicate()

    def test_diff_and_dry_run_change_nothing(self):
        self.apply(BOOK)
        done = self.run_kubectl("diff", "-f", "-", stdin=BOOK.replace("title: Emma", "title: Other"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("-  title: Emma", done.stdout)
        self.assertIn("+  title: Other", done.stdout)
        self.apply(BOOK.replace("emma", "dry"), "--dry-run=server")
        self.assertEqual(self.kubectl("get", "books", "-o", "name"), "book.library.example.org/emma\n")

    def test_describe_and_edit(self):
        self.apply(BOOK)
        out = self.kubectl("describe", "book", "emma")
        self.assertRegex(out, r"Kind: +Book")
        self.assertRegex(out, r"Title: +Emma")
        done = self.run_kubectl("edit", "book", "emma", KUBE_EDITOR="sed -i s/Emma/Edited/")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.kubectl("get", "book", "emma", "-o", "jsonpath={.spec.title}"), "Edited")

    def test_replace_needs_the_version_that_was_read(self):
        self.apply(BOOK)
        old = self.kubectl("get", "book", "emma", "-o", "json")
        self.kubectl("replace", "-f", "-", stdin=old.replace('"Emma"', '"New"'))
        self.assertIn("the object has been modified", self.kubectl_refused("replace", "-f", "-", stdin=old))

    def test_namespaces_and_deletion(self):
        self.kubectl("create", "namespace", "branch")
        self.apply(BOOK.replace("default", "branch"))
        self.assertEqual(self.kubectl("get", "books", "-n", "branch", "-o", "name"), "book.library.example.org/emma\n")
        self.kubectl("delete", "namespace", "branch")
        self.assertIn("not found", self.kubectl_refused("get", "book", "emma", "-n", "branch"))
        self.apply(BOOK)
        self.kubectl("delete", "book", "emma")
        self.assertIn('books.library.example.org "emma" not found', self.kubectl_refused("delete", "book", "emma"))

    def test_namespaces_are_applied_again(self):
        namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: annex, labels: {floor: one}}\n"
        self.assertEqual(self.apply(namespace), "namespace/annex created\n")
        self.assertEqual(self.apply(namespace), "namespace/annex unchanged\n")
        self.assertEqual(self.apply(namespace.replace("one", "two")), "namespace/annex configured\n")
        self.assertEqual(self.kubectl("get", "namespace", "annex", "-o", "jsonpath={.metadata.labels.floor}"), "two")
        self.kubectl("delete", "namespace", "annex")

    def test_lists_are_paged(self):
        for n in range(7):
            self.apply(BOOK.replace("emma", f"b{n}"))
        path = "/apis/library.example.org/v1/namespaces/default/books?limit=3"
        names, token = [], ""
        while True:
            page = self.get(path + (f"&continue={token}" if token else ""))[2]
            names.append([item["metadata"]["name"] for item in page["items"]])
            token = page["metadata"].get("continue", "")
            if not token:
                break
        self.assertEqual(names, [["b0", "b1", "b2"], ["b3", "b4", "b5"], ["b6"]])
        self.assertEqual(len(self.kubectl("get", "books", "--chunk-size=2", "-o", "name").splitlines()), 7)


if __name__ == "__main__":
    if shutil.which("kubectl") is None:
        print("SKIP: kubectl is not installed")
        sys.exit(0)
    unittest.main(verbosity=1)
