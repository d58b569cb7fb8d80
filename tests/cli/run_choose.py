"""`ginnel choose`: needs in, a ranking out, and lines to start with that compile and run."""

import json
import os
from pathlib import Path

from harness import GINNEL, ShellTest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = Path(GINNEL).parents[1]


class Choose(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["XDG_STATE_HOME"] = self.path("state")
        self.env["GINNEL_HOME"] = self.path("home")

    def ranking(self, needs, code=0):
        return json.loads(self.sh(f"ginnel choose {needs} --json", code=code).text)["ranking"]

    def test_every_mechanism_is_ranked_with_a_reason(self):
        ranking = self.ranking("--for messages --descriptors")
        known = json.loads(self.sh("ginnel choose --table --json").text)["mechanisms"]
        self.assertEqual({r["mechanism"] for r in ranking}, {k["mechanism"] for k in known})
        for row in ranking:
            self.assertTrue(row["reason"])
            self.assertEqual(row["fits"], not row["missing"])
            for missing in row["missing"]:
                self.assertTrue(missing["source"], row)
        self.assertEqual([r["fits"] for r in ranking], sorted((r["fits"] for r in ranking), reverse=True))

    def test_unmeasured_is_said(self):
        text = self.sh("ginnel choose --for bytes").text
        self.assertIn("unmeasured", text)
        self.assertIn("ginnel bench --quick", text)

    def test_a_file_says_the_same_as_options(self):
        Path(self.path("needs")).write_text("# a worker pool\nfor jobs\n\nreceivers share\nredelivers\nsize 4K\n")
        self.assertEqual(self.ranking("--needs needs"), self.ranking("--for jobs --receivers share --redelivers --size 4K"))
        self.assertEqual(self.ranking("--needs needs")[0]["mechanism"], "queue")

    def test_what_is_wrong_in_a_file_is_told_with_its_line(self):
        for line, told in (("for bytez", "bytes, messages"), ("colour red", "no such need"), ("size", "value is missing"),
                           ("posix yes", "takes no value")):
            Path(self.path("needs")).write_text("order\n" + line + "\n")
            errors = self.sh("ginnel choose --needs needs", code=2).errors
            self.assertIn("line 2", errors)
            self.assertIn(told, errors)

    def test_where_nothing_fits_it_ends_with_1_and_says_what_lacks_the_least(self):
        done = self.sh("ginnel choose --for messages --other-machine", code=1)
        self.assertIn("Nothing has all of that", done.text)
        self.assertIn("tcp(7)", done.text)

    def test_without_needs_and_without_a_terminal_it_asks_for_them(self):
        self.assertIn("--for messages", self.sh("ginnel choose", code=2).errors)

    def test_questions_at_a_terminal(self):
        self.need("script")
        answers = "value\n\n\nmaybe\nn\nnonsense\nall\n" + "\n" * 30
        done = self.sh("script -qec 'ginnel choose' /dev/null", data=answers.encode(), code=None)
        self.assertIn("maybe: answer y or n", done.text)
        self.assertIn("nonsense: there is no such one", done.text)
        self.assertRegex(done.text, r"1 +\S*latest")

    def test_costs_of_a_report_decide_where_speed_is_asked_for(self):
        figures = [{"carrier": name, "mode": "sleeping", "what": "round trip", "size": 64, "placement": "two cores", "value": ns}
                   for name, ns in (("unix-seqpacket", 20000), ("service", 8000))]
        Path(self.path("report")).write_text(json.dumps({"bench_schema": 1, "when": 1, "figures": figures}))
        self.assertEqual(self.ranking("--for calls --bench report")[0]["mechanism"], "unix-seqpacket")
        first, second = self.ranking("--for calls --latency 5us --bench report")[:2]
        self.assertEqual((first["mechanism"], second["too_slow"]), ("service", True))
        self.assertEqual(first["cost"]["one_way_ns"], 4000)

    def test_a_report_that_is_none_is_refused(self):
        Path(self.path("report")).write_text("[]")
        self.assertIn("no report", self.sh("ginnel choose --for bytes --bench report", code=2).errors)

    def test_docs_have_the_table_that_the_command_prints(self):
        docs = (ROOT / "docs" / "MECHANISMS.md").read_text(encoding="utf-8")
        table = self.sh("ginnel choose --markdown").text
        self.assertIn(table, docs, "renew it: ginnel choose --markdown, from '| mechanism |' on")


class Starts(ShellTest):
    """The lines that `choose` gives to start with."""

    def setUp(self):
        super().setUp()
        self.env["GINNEL_HOME"] = self.path("home")
        self.env["XDG_STATE_HOME"] = self.path("state")
        ranking = json.loads(self.sh("ginnel choose --order --json").text)["ranking"]
        # Names of this test's own, so that it can run beside others.
        word = f"ginnel-start-{os.getpid()}"
        key = f"{os.getpid() & 0x7fffffff | 0x40000000:#x}"
        mine = lambda text: text.replace("0x6578616d", key).replace("/example", "/" + word).replace("queue:example", "queue:" + word)
        self.starts = {r["mechanism"]: (mine(r["cpp"]), mine(r["shell"]) if r["shell"] else None) for r in ranking}
        self.addCleanup(self._remove, "mq:/" + word)
        self.addCleanup(self._remove, "shm:/" + word)
        self.addCleanup(self._remove, "sem:/" + word)

    def test_the_cpp_lines_compile_and_run(self):
        program = ["#include <ginnel/sys.hpp>", "#include <ginnel/msg.hpp>", "#include <array>", "#include <cstring>",
                   "#include <thread>", "using namespace std::chrono_literals;"]
        names = sorted(self.starts)
        for number, name in enumerate(names):
            program.append(f"int start{number}() {{  // {name}\n{self.starts[name][0]}}}")
        program.append("int main(int, char** words) {\n  switch (std::atoi(words[1])) {")
        program += [f"    case {number}: return start{number}();" for number in range(len(names))]
        program.append("  }\n  return 3;\n}")
        Path(self.path("starts.cpp")).write_text("\n".join(program) + "\n")
        libraries = " ".join(f"-lginnel_{floor}" for floor in ("msg", "sys", "core"))
        compiler = os.environ.get("CXX", "c++")
        flags = "-fsanitize=address,undefined" if b"__asan_init" in Path(GINNEL).read_bytes() else ""
        self.sh(f"{compiler} -std=c++23 -Wall {flags} -I {ROOT}/include starts.cpp -L {LIBRARIES} {libraries} -pthread -o starts")
        for number, name in enumerate(names):
            with self.subTest(name):
                self.assertEqual(self.sh(f"mkdir {number} && cd {number} && ../starts {number}", code=None).code, 0)

    def test_the_shell_lines_run_and_clear_away(self):
        for number, (name, (_, shell)) in enumerate(sorted(self.starts.items())):
            if shell is None:
                continue
            with self.subTest(name):
                Path(self.path(f"{number}.sh")).write_text("set -e\n" + shell)
                done = self.sh(f"mkdir {number} && cd {number} && bash ../{number}.sh")
                self.assertTrue(done.out, "it shows something")
                self.assertEqual(os.listdir(self.path(str(number))), [])

    def test_every_mechanism_has_cpp_lines(self):
        self.assertEqual([name for name, (cpp, _) in self.starts.items() if not cpp.strip()], [])
