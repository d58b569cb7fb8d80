#!/usr/bin/env python3
"""The tests of tools/run_tidy.py: a build of two sources with one header, and a checker that finds BAD in a source."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parent / "run_tidy.py"
RULES = """
rule compile
  command = echo "$out: $in {header}" > $out.d && touch $out
  depfile = $out.d
  deps = gcc
build plain.o: compile {folder}/plain.cpp
build plain_test.o: compile {folder}/plain_test.cpp
"""
CHECKER = """#!/bin/sh
echo "$@" >> {folder}/asked
for last; do :; done
echo "7 warnings generated."
if grep -q BAD "$last"; then echo "$last: BAD"; exit 1; fi
"""


@unittest.skipUnless(shutil.which("ninja"), "ninja is not installed")
class RunTidy(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="run-tidy-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.build = self.folder / "build"
        self.build.mkdir()
        for name in ("plain.cpp", "plain_test.cpp", "header.hpp"):
            self.write(name, "good")
        (self.build / "build.ninja").write_text(RULES.format(folder=self.folder, header=self.folder / "header.hpp"), encoding="ascii")
        commands = [{"directory": str(self.build), "file": str(self.folder / f"{name}.cpp"), "command": f"compile -o {name}.o -c"}
                    for name in ("plain", "plain_test")]
        (self.build / "compile_commands.json").write_text(json.dumps(commands), encoding="ascii")
        self.checker = self.folder / "checker"
        self.checker.write_text(CHECKER.format(folder=self.folder), encoding="ascii")
        self.checker.chmod(0o700)
        subprocess.run(["ninja", "-C", self.build], check=True, capture_output=True)

    def write(self, name, text, newer_s=0):
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        newest = path.stat().st_mtime + newer_s
        os.utime(path, (newest, newest))

    def run_tool(self):
        """How it ended, what it printed, and the lines by which the checker was asked."""
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-B", TOOL, self.build, "--program", self.checker], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, sorted(asked.read_text(encoding="ascii").splitlines()) if asked.exists() else []

    def test_what_was_clean_is_not_asked_again(self):
        code, text, asked = self.run_tool()
        self.assertEqual((code, text), (0, "tidy: 2 files, 2 to check\ntidy: nothing found\n"))
        self.assertEqual(len(asked), 2)
        code, text, asked = self.run_tool()
        self.assertEqual((code, text, asked), (0, "tidy: 2 files, 0 to check\ntidy: nothing found\n", []))

    def test_only_what_is_no_test_goes_through_the_analyzer(self):
        _, _, asked = self.run_tool()
        self.assertEqual([("clang-analyzer" in line, line.endswith("_test.cpp")) for line in asked], [(True, True), (False, False)])

    def test_a_finding_fails_and_is_found_again(self):
        self.write("plain.cpp", "BAD")
        for expected in (2, 1):
            code, text, asked = self.run_tool()
            self.assertEqual((code, len(asked)), (1, expected))
            self.assertEqual(text, f"tidy: 2 files, {expected} to check\n{self.folder}/plain.cpp: BAD\ntidy: 1 files with findings\n")

    def test_a_header_that_changed_brings_all_that_includes_it_back(self):
        self.run_tool()
        self.write("plain.cpp", "good", newer_s=5)
        self.assertEqual(len(self.run_tool()[2]), 1)
        self.write("header.hpp", "good", newer_s=10)
        self.assertEqual(len(self.run_tool()[2]), 2)

    def test_what_ninja_knows_nothing_of_is_always_asked(self):
        (self.build / ".ninja_deps").unlink()
        for _ in range(2):
            self.assertEqual(len(self.run_tool()[2]), 2)

    def test_what_the_build_made_is_not_asked(self):
        made = [{"directory": str(self.build), "file": str(self.build / "made.cpp"), "command": "compile -o made.o -c"}]
        (self.build / "compile_commands.json").write_text(json.dumps(made), encoding="ascii")
        self.assertEqual(self.run_tool()[:2], (0, "tidy: 0 files, 0 to check\ntidy: nothing found\n"))


if __name__ == "__main__":
    unittest.main()
