#!/usr/bin/env python3
"""The tests of tools/check_layers.py: each rule is broken in a small tree and must be reported at its line, with a remedy."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent

GOOD = {
    "include/ginnel/core.hpp": '#pragma once\n#include "ginnel/core/unique_fd.hpp"\n',
    "include/ginnel/core/unique_fd.hpp": "#pragma once\n#include <utility>\n",
    "include/ginnel/sys.hpp": '#pragma once\n#include "ginnel/sys/pipe.hpp"\n',
    "include/ginnel/sys/pipe.hpp": '#pragma once\n#include "ginnel/core/unique_fd.hpp"\n',
    "include/ginnel/msg.hpp": "#pragma once\n",
    "src/core/unique_fd.cpp": '#include "ginnel/core/unique_fd.hpp"\n#include <unistd.h>\n',
    "src/core/error.cpp": "#include <string.h>\nauto text = strerrordesc_np(1);\n",
    "src/sys/pipe.cpp": '#include "ginnel/sys/pipe.hpp"\n#include <fcntl.h>\n#include <sys/stat.h>\n#include "retry.hpp"\n',
    "src/sys/retry.hpp": "#pragma once\n",
    "src/sys/pipe_test.cpp": '#include <gtest/gtest.h>\n#include <unistd.h>\n#include "support/child.hpp"\n',
    "cli/main.cpp": '#include <fmt/core.h>\n#include <signal.h>\n#include "ginnel/sys.hpp"\nint main() { printf("x"); }\n',
    "tests/support/child.hpp": "#pragma once\n#include <sys/wait.h>\n",
    "examples/pipe.cpp": '#include <iostream>\n#include "ginnel/sys.hpp"\nint main() { std::cout << 1; }\n',
}


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="check-layers-test-")
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        (self.tree / "tools").mkdir()
        for name in ("layers.txt", "forbidden.txt"):
            shutil.copy(TOOLS / name, self.tree / "tools" / name)
        for path, text in GOOD.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_checker(self):
        return subprocess.run([sys.executable, "-B", str(TOOLS / "check_layers.py"), str(self.tree)],
                              capture_output=True, text=True, check=False)

    def assert_passes(self):
        result = self.run_checker()
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def assert_only_breach(self, place, remedy):
        """There is exactly one breach, at `file:line`, and its text names the remedy."""
        result = self.run_checker()
        self.assertEqual((result.returncode, result.stderr), (1, ""), result.stdout)
        breaches = result.stdout.splitlines()[:-1]
        self.assertEqual(len(breaches), 1, result.stdout)
        self.assertTrue(breaches[0].startswith(f"{place}: "), breaches[0])
        self.assertIn(remedy, breaches[0])

    def test_a_good_tree_passes(self):
        self.assert_passes()

    def test_a_floor_may_not_use_a_higher_one(self):
        self.write("src/core/x.cpp", "#include <string>\n#include <ginnel/sys/pipe.hpp>\n")
        self.assert_only_breach("src/core/x.cpp:2", "core may not use sys: it may use no other floor")

    def test_a_public_header_obeys_the_floor_rule(self):
        self.write("include/ginnel/core/x.hpp", '#pragma once\n#include "ginnel/sys.hpp"\n')
        self.write("include/ginnel/core.hpp",
                   '#pragma once\n#include "ginnel/core/unique_fd.hpp"\n#include "ginnel/core/x.hpp"\n')
        self.assert_only_breach("include/ginnel/core/x.hpp:2", "core may not use sys")

    def test_msg_and_inventory_never_meet(self):
        self.write("src/inventory/x.cpp", '#include "ginnel/msg.hpp"\n')
        self.assert_only_breach("src/inventory/x.cpp:1", "inventory may not use msg: it may use core sys")

    def test_the_tests_of_a_floor_obey_the_floor_rule(self):
        self.write("src/sys/x_test.cpp", '#include "ginnel/msg.hpp"\n')
        self.assert_only_breach("src/sys/x_test.cpp:1", "sys may not use msg")

    def test_a_folder_that_is_no_floor(self):
        self.write("src/util/x.cpp", "")
        self.assert_only_breach("src/util/x.cpp:1", "'util' is not a floor: name it in tools/layers.txt")

    def test_a_private_header_of_another_floor(self):
        self.write("src/msg/x.cpp", '#include "../sys/retry.hpp"\n')
        self.assert_only_breach("src/msg/x.cpp:1", "include a public header")

    def test_a_private_header_in_the_command(self):
        self.write("cli/commands/x.cpp", '#include "../../src/sys/retry.hpp"\n')
        self.assert_only_breach("cli/commands/x.cpp:1", "include a public header")

    def test_a_private_header_by_its_path_from_the_root(self):
        self.write("tests/conformance/x.cpp", "#include <src/sys/retry.hpp>\n")
        self.assert_only_breach("tests/conformance/x.cpp:1", "include a public header")

    def test_a_public_header_that_includes_beside_itself(self):
        self.write("include/ginnel/sys/pipe.hpp", '#pragma once\n#include "fifo.hpp"\n')
        self.assert_only_breach("include/ginnel/sys/pipe.hpp:2", 'by "ginnel/<floor>/..."')

    def test_operating_system_headers_outside_sys(self):
        for header in ("unistd.h", "sys/mman.h", "linux/futex.h", "csignal", "pthread.h"):
            with self.subTest(header):
                self.write("src/msg/x.cpp", f"\n#include <{header}>\n")
                self.assert_only_breach("src/msg/x.cpp:2", "go through the floor sys")

    def test_operating_system_headers_in_core_but_not_in_its_exceptions(self):
        self.write("src/core/error.cpp", "#include <fcntl.h>\n")
        self.assert_only_breach("src/core/error.cpp:1", "go through the floor sys")

    def test_operating_system_headers_in_an_example(self):
        self.write("examples/pipe.cpp", "#include <unistd.h>\n")
        self.assert_only_breach("examples/pipe.cpp:1", "go through the floor sys")

    def test_a_third_party_in_the_library(self):
        self.write("src/sys/x.cpp", "#include <fmt/core.h>\n")
        self.assert_only_breach("src/sys/x.cpp:1", "libc and libstdc++ only")

    def test_a_header_without_a_guard(self):
        self.write("src/sys/retry.hpp", "// #pragma once\n")
        self.assert_only_breach("src/sys/retry.hpp:1", "begin it with #pragma once")

    def test_an_umbrella_that_lacks_a_header(self):
        self.write("include/ginnel/sys/fifo.hpp", "#pragma once\n")
        self.assert_only_breach("include/ginnel/sys.hpp:1", 'add #include "ginnel/sys/fifo.hpp"')

    def test_a_file_with_another_ending_is_not_overlooked(self):
        self.write("src/sys/x.cc", "")
        self.assert_only_breach("src/sys/x.cc:1", "rename it")

    def test_forbidden_code_in_the_library(self):
        cases = {
            "std::cerr << 1;": "the library never prints",
            "::printf(format);": "the library never prints",
            "std::exit(1);": "the library never exits",
            "_exit (1);": "the library never exits",
            "::system(command);": "ginnel::spawn",
            "auto text = strerror(code);": "Error::message()",
            "::signal(2, nullptr);": "sigaction",
            "std::jthread worker;": "give a descriptor to poll",
            "pthread_cond_wait(&c, &m);": "futex sequence word",
            "word.notify_one();": "futex(2)",
            "sem_timedwait(&s, &t);": "sem_clockwait",
            "pthread_mutex_timedlock(&m, &t);": "pthread_mutex_clocklock",
            "mq_timedreceive(q, b, n, &p, &t);": "Deadline",
            "clock_gettime(CLOCK_REALTIME, &t);": "CLOCK_MONOTONIC",
            "std::this_thread::sleep_for(t);": "wait for the event",
            "usleep(1);": "wait for the event",
            "ftok(path, 1);": "ftok collides",
            "tmpnam(buffer);": "mkostemp",
            "flags |= MSG_NOERROR;": "loses bytes",
            "flags |= MSG_PEEK;": "leaks the descriptors",
        }
        for code, remedy in cases.items():
            with self.subTest(code):
                self.write("src/sys/x.cpp", f"void f() {{\n  {code}\n}}\n")
                self.assert_only_breach("src/sys/x.cpp:2", remedy)

    def test_forbidden_code_in_a_public_header(self):
        self.write("include/ginnel/msg.hpp", "#pragma once\ninline void f() { std::cout << 1; }\n")
        self.assert_only_breach("include/ginnel/msg.hpp:2", "the library never prints")

    def test_a_sleep_in_a_test(self):
        for path in ("src/sys/x_test.cpp", "tests/conformance/x.cpp"):
            with self.subTest(path):
                self.write(path, "void f() {\n  ::usleep(1);\n}\n")
                self.assert_only_breach(f"{path}:2", "readiness that the other process reports")
                self.write(path, "")

    def test_members_and_longer_names_are_not_calls(self):
        self.write("src/sys/x.cpp", "void f() { child.exit(1); child->system(x); snprintf(a, b, c); on_exit(g); }\n")
        self.assert_passes()

    def test_comments_and_strings_are_not_code(self):
        self.write("src/sys/x.cpp", '\n'.join([
            "// printf(1) and #include <fmt/core.h>",
            "/* exit(1)",
            "   #include <fmt/core.h> */",
            'auto a = "system(1) \\" // popen(2)";',
            'auto b = R"x(exit(1)',
            "#include <fmt/core.h>",
            ')" printf(1) )x";',
            "auto c = '\"'; auto d = 1'000'000; auto e = '\\'';",
            ""]))
        self.assert_passes()

    def test_code_after_comments_and_strings_is_found(self):
        self.write("src/sys/x.cpp", 'auto a = 1\'000; /* " */ auto b = "//"; exit(1);\n')
        self.assert_only_breach("src/sys/x.cpp:1", "the library never exits")

    def test_an_exemption_with_a_reason(self):
        self.write("src/sys/x.cpp", "void f() {\n  _exit(1);  // allowed: the child after fork\n"
                                    "  // allowed: the child after fork\n  _exit(1);\n}\n")
        self.assert_passes()

    def test_an_exemption_without_a_reason_is_none(self):
        self.write("src/sys/x.cpp", "_exit(1);  // allowed:\n")
        self.assert_only_breach("src/sys/x.cpp:1", "the library never exits")

    def test_an_exemption_does_not_reach_the_line_after_code(self):
        self.write("src/sys/x.cpp", "_exit(1);  // allowed: the child after fork\n_exit(2);\n")
        self.assert_only_breach("src/sys/x.cpp:2", "the library never exits")

    def test_rules_that_cannot_be_read_are_an_error(self):
        for name, text in (("layers.txt", "core: sys\n"), ("forbidden.txt", "[library]\ncall exit\n")):
            with self.subTest(name):
                good = (self.tree / "tools" / name).read_text(encoding="utf-8")
                self.write(f"tools/{name}", text)
                result = self.run_checker()
                self.assertEqual(result.returncode, 2, result.stdout)
                self.assertIn(name, result.stderr)
                self.write(f"tools/{name}", good)


if __name__ == "__main__":
    unittest.main()
