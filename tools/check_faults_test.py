#!/usr/bin/env python3
"""The tests of tools/check_faults.py: functions that no operation drives, in a small tree, must be told by name."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parent / "check_faults.py"

PIPE = """#pragma once
// Result<void> in_a_comment();
struct Pipe {
  static Result<Pipe> create(PipeOptions options = {});
  [[nodiscard]] Result<Outcome<Done, TimedOut>> drain(Deadline deadline);

 private:
  Result<void> hidden();
};
class [[nodiscard]] Reader {
  Result<void> hidden_too();

 public:
  [[nodiscard]] int number() const { return 3; }
  [[nodiscard]] Result<std::optional<Bytes>>
      read();
};
[[nodiscard]] Result<std::vector<std::pair<int, int>>> pipe_capacity(int fd);
"""
DRIVER = 'auto a = Pipe::create();\nauto b = a->drain({});\nreader.read();\nreturn report(pipe_capacity(3));\n'


class CheckFaults(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="check-faults-test-")
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        self.write("include/ginnel/sys/pipe.hpp", PIPE)
        self.write("tests/fault/stream_operations.cpp", DRIVER)

    def write(self, path, text):
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def breaches(self):
        result = subprocess.run([sys.executable, "-B", str(CHECKER), str(self.tree)], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 1 if result.stdout else 0)
        return result.stdout.splitlines()

    def test_a_tree_in_which_all_are_driven_passes(self):
        self.assertEqual(self.breaches(), [])

    def test_each_that_is_not_driven_is_named_with_its_header(self):
        for line, name in (("auto a = Pipe::create();", "Pipe::create"), ("auto b = a->drain({});", "Pipe::drain"),
                           ("reader.read();", "Reader::read"), ("return report(pipe_capacity(3));", "pipe_capacity")):
            with self.subTest(name):
                self.write("tests/fault/stream_operations.cpp", DRIVER.replace(line, ""))
                breaches = self.breaches()
                self.assertEqual(len(breaches), 1)
                self.assertTrue(breaches[0].startswith(f"include/ginnel/sys/pipe.hpp: {name} is driven by no "), breaches)

    def test_a_static_function_of_another_type_is_not_the_one(self):
        self.write("tests/fault/stream_operations.cpp", DRIVER.replace("Pipe::create", "Fifo::create"))
        self.assertEqual(len(self.breaches()), 1)

    def test_a_call_through_a_template_is_known_by_the_operations_name(self):
        self.write("tests/fault/stream_operations.cpp", DRIVER.replace("Pipe::create()", '{"Pipe::create", make<Pipe>}'))
        self.assertEqual(self.breaches(), [])

    def test_an_exception_needs_a_reason(self):
        self.write("tests/fault/stream_operations.cpp", DRIVER.replace("reader.read();", ""))
        self.write("tests/fault/not_driven.txt", "Reader::read\n")
        self.assertEqual(len(self.breaches()), 1)
        self.write("tests/fault/not_driven.txt", "Reader::read  # makes no system call\n")
        self.assertEqual(self.breaches(), [])

    def test_an_exception_that_is_none_any_more_is_told(self):
        self.write("tests/fault/not_driven.txt", "Reader::read  # makes no system call\nReader::write  # is not there\n")
        self.assertEqual(len(self.breaches()), 2)

    def test_a_tree_in_which_nothing_is_found_does_not_pass(self):
        self.write("include/ginnel/sys/pipe.hpp", "#pragma once\n")
        self.assertEqual(len(self.breaches()), 1)


if __name__ == "__main__":
    unittest.main()
