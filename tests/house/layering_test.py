#!/usr/bin/env python3
"""The architecture as a test: a room includes only rooms that it may know, and every source is built.

usage: layering_test.py SOURCE_DIR COMPILE_COMMANDS
"""
import json
import pathlib
import re
import sys
import unittest

# Direct dependencies; what those may include is allowed too. Keep in step with ARCHITECTURE.md.
ROOMS = {
    "base": [],
    "yaml": ["base"],
    "telemetry": ["base"],
    "rpc": ["base"],
    "tuple": ["base"],
    "condition": ["telemetry"],
    "model": ["tuple", "condition"],
    "graph": ["tuple"],
    "engine": ["model", "graph"],
    "storage": ["tuple", "model"],
    "store": ["engine", "storage"],
    "provider": ["store", "telemetry"],
    "reason": ["base"],
    "resource": ["store", "yaml"],
    "iam": ["resource", "provider"],
    "api": ["store", "rpc", "telemetry", "resource", "iam", "reason"],
    "server": ["api"],
    "bench": ["store", "rpc"],
    "cli": ["server", "bench", "yaml"],
}
SOURCE, COMMANDS = pathlib.Path(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def allowed(room):
    seen, todo = {room}, [room]
    while todo:
        for other in ROOMS[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def sources(*endings):
    return [p for p in sorted((SOURCE / "src").rglob("*")) if p.suffix in endings]


class Layering(unittest.TestCase):
    def test_every_room_is_in_the_table(self):
        rooms = {p.name for p in (SOURCE / "src/pemba").iterdir() if p.is_dir()}
        self.assertEqual(rooms, set(ROOMS))

    def test_the_table_has_no_cycle(self):
        for room in ROOMS:
            for dependency in ROOMS[room]:
                self.assertNotIn(room, allowed(dependency), f"{room} and {dependency} know each other")

    def test_includes_point_one_way(self):
        wrong = []
        for path in sources(".h", ".cc"):
            room = path.relative_to(SOURCE / "src/pemba").parts[0]
            for include in INCLUDE.findall(path.read_text()):
                parts = pathlib.PurePath(include).parts
                if parts[0] != "pemba":
                    if not include.endswith((".pb.h", ".inc")):
                        wrong.append(f"{path}: {include} is not a full path from src/")
                    continue
                if parts[1] not in allowed(room):
                    wrong.append(f"{path}: {room} may not include {include}")
                if "internal" in parts and parts[1] != room:
                    wrong.append(f"{path}: {include} is private to {parts[1]}")
        self.assertEqual(wrong, [])

    def test_every_source_belongs_to_a_target(self):
        built = {pathlib.Path(entry["file"]).resolve() for entry in json.loads(COMMANDS.read_text())}
        orphans = [str(p) for p in sources(".cc") if p.resolve() not in built]
        self.assertEqual(orphans, [])

    def test_every_header_guards_itself(self):
        missing = [str(p) for p in sources(".h") if "#pragma once" not in p.read_text()]
        self.assertEqual(missing, [])

    def test_every_room_says_what_it_is_for(self):
        missing = [room for room in ROOMS if not (SOURCE / "src/pemba" / room / "README.md").exists()]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
