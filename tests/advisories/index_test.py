#!/usr/bin/env python3
"""The table of advisories and the tests are in step: what it names exists, what is tested is in it.

usage: index_test.py SOURCE_DIR
"""
import pathlib
import re
import sys
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
HERE = SOURCE / "tests" / "advisories"
ID = re.compile(r"\b(?:CVE-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3})\b")
TEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")
PLANTED = re.compile(r"`(?:PlantedBug\.ChangesTheAnswer|PlantedListBug\.ChangesTheList)`")


def rows():
    """(id, rule, tests) of every table; the heads and rulers are left out."""
    for line in (HERE / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0] not in ("Id", "---"):
            yield cells


def sources():
    for folder in ("src", "tests"):
        yield from sorted((SOURCE / folder).rglob("*.cc"))


class Index(unittest.TestCase):
    def test_every_published_bug_has_one_row(self):
        published = [id for id, _, _ in rows() if ID.fullmatch(id)]
        self.assertEqual(len(published), 43)
        self.assertEqual(len(set(published)), 43)

    def test_every_row_names_tests_that_exist(self):
        known = {".".join(names) for path in sources() for names in TEST.findall(path.read_text())}
        for id, _, tests in rows():
            named = re.findall(r"`([^`]+)`", tests)
            with self.subTest(id=id):
                self.assertTrue(named or "arrives with" in tests, "no test")
                self.assertEqual([test for test in named if test not in known], [])

    def test_every_planted_bug_is_in_the_table(self):
        planted = set(re.findall(r'\{"(CVE[-0-9]+)",', (HERE / "evaluation_test.cc").read_text()))
        listed = {id for id, _, tests in rows() if ID.fullmatch(id) and PLANTED.search(tests)}
        self.assertEqual(planted, listed)

    def test_every_id_in_a_test_is_in_the_table(self):
        listed = {id for id, _, _ in rows()}
        for path in sources():
            with self.subTest(path=path.name):
                self.assertEqual(set(ID.findall(path.read_text())) - listed, set())


if __name__ == "__main__":
    unittest.main()
