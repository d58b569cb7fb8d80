"""`ginnel bench`: what it measures, what it writes, and what it leaves. No figure is judged: that is for who reads them."""

import csv
import glob
import io
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

from harness import ShellTest

SHORT = "--size 64 --budget 1s --repeats 2"


class Bench(ShellTest):
    def setUp(self):
        super().setUp()
        self.env["XDG_STATE_HOME"] = self.path("state")

    def report(self, line):
        return json.loads(self.sh(line + " --json").text)

    def test_a_figure_for_each_way_to_use_a_mechanism(self):
        report = self.report(f"ginnel bench --only pipe --mode sleeping {SHORT}")
        self.assertEqual(report["bench_schema"], 1)
        self.assertEqual(report["options"]["repeats"], 2)
        place = report["placements"][0]["name"]
        found = {(f["what"], f["placement"]) for f in report["figures"]}
        self.assertIn(("round trip", place), found)
        self.assertIn(("one way", place), found)
        for figure in report["figures"]:
            self.assertIsNone(figure["failure"], figure)
            self.assertEqual(figure["repeats"], 2)
            self.assertGreater(figure["messages"], 0)
            self.assertTrue(0 < figure["low"] <= figure["value"] <= figure["high"], figure)
            if figure["what"] != "one way":
                at = figure["latency_ns"]
                self.assertTrue(0 < at["p50"] <= at["p90"] <= at["p99"] <= at["p99_9"] <= at["max"], at)
                self.assertEqual(sum(bucket[2] for bucket in figure["histogram"]), figure["messages"])
            if figure["system_calls"] is None:
                self.assertTrue(figure["missing"]["system_calls"])
        self.assertGreater(report["limits"]["system_call_ns"], 0)
        self.assertTrue(report["machine"]["kernel"])

    def test_every_mechanism_can_be_measured(self):
        report = self.report("ginnel bench --quick --size 64 --budget 4s --repeats 1")
        self.assertEqual({f["carrier"]: f["failure"] for f in report["figures"] if f["failure"]}, {})
        self.assertGreaterEqual(len({f["carrier"] for f in report["figures"]}), 25)

    def test_a_table_for_the_eye(self):
        text = self.sh(f"ginnel bench --only unix-stream --mode sleeping {SHORT}").text
        self.assertRegex(text, r"MECHANISM +MODE +SIZE +P50 .*X LIMIT")
        self.assertRegex(text, r"\nunix-stream +sleeping +64 ")
        self.assertIn("futex wake there and back", text)
        self.assertNotIn("\x1b", text)

    def test_a_wrong_name_shows_all_and_a_wrong_word_what_there_is(self):
        self.assertIn("unix-seqpacket", self.sh("ginnel bench --only pipes", code=2).errors)
        self.assertIn("one processor", self.sh("ginnel bench --placement nowhere", code=2).errors)
        self.assertIn("sleeping, adaptive, polling", self.sh("ginnel bench --mode lazy", code=2).errors)
        self.assertIn("at least 4 bytes", self.sh("ginnel bench --size 3", code=2).errors)
        self.assertIn("json csv markdown html", self.sh("ginnel bench --export pdf x", code=2).errors)

    def test_all_formats_tell_the_same_figures(self):
        self.sh(f"ginnel bench --only pipe --mode sleeping {SHORT} --export json j --export csv c --export markdown m "
                "--export html h")
        figures = json.loads(Path(self.path("j")).read_text())["figures"]
        rows = list(csv.DictReader(io.StringIO(Path(self.path("c")).read_text())))
        self.assertEqual([(f["carrier"], f["what"], f["placement"]) for f in figures],
                         [(r["carrier"], r["what"], r["placement"]) for r in rows])
        for figure, row in zip(figures, rows):
            self.assertAlmostEqual(figure["value"] / float(row["value"]), 1, places=4)
        markdown = Path(self.path("m")).read_text()
        self.assertRegex(markdown, r"\| pipe \| sleeping \| 64 \|")
        page = Path(self.path("h")).read_text()
        self.assertIn('"carrier":"pipe"', page)
        self.assertNotIn("{{", page.split("<script>")[0])
        self.assertNotIn("http://", page)

    def test_the_last_run_is_kept_for_choose(self):
        self.sh(f"ginnel bench --only pipe --mode sleeping {SHORT}")
        kept = json.loads(Path(self.path("state/ginnel/bench.json")).read_text())
        self.assertEqual(kept["bench_schema"], 1)
        self.assertNotIn("histogram", kept["figures"][0])
        ranking = json.loads(self.sh("ginnel choose --for bytes --json").text)["ranking"]
        self.assertEqual(ranking[0]["mechanism"], "pipe")
        self.assertGreater(ranking[0]["cost"]["one_way_ns"], 0)

    def test_a_baseline_is_compared_and_what_changed_is_told(self):
        self.sh(f"ginnel bench --only pipe --mode sleeping {SHORT} --export json base")
        base = json.loads(Path(self.path("base")).read_text())
        for figure in base["figures"]:
            for name in ("value", "low", "high"):
                figure[name] *= 1000 if figure["unit"] == "ns" else 0.001
        Path(self.path("slow")).write_text(json.dumps(base))
        text = self.sh(f"ginnel bench --only pipe --mode sleeping {SHORT} --baseline slow").text
        self.assertRegex(text, r"pipe sleeping round trip 64 B .* % better")
        self.assertRegex(text, r"(\d+) of \1 figures changed beyond noise")

    def test_a_baseline_that_is_none_is_refused_before_anything_is_measured(self):
        Path(self.path("x")).write_text('{"figures": 1}')
        self.assertIn("no report", self.sh("ginnel bench --baseline x", code=2).errors)
        self.assertIn("ENOENT", self.sh("ginnel bench --baseline y", code=2).errors)

    def left_behind(self, pid):
        return glob.glob(f"/dev/shm/*ginnel-bench-{pid}*")

    def test_ctrl_c_keeps_what_was_measured_and_leaves_nothing(self):
        job = self.start("exec ginnel bench --only pipe fifo topic --json --export csv c")
        self.wait_until(lambda: glob.glob(f"/dev/shm/ginnel-bench-{job.pid}/3*"), "a run under way")
        job.signal(signal.SIGINT)
        done = job.finish()
        self.assertEqual(done.code, 1, done.errors)
        report = json.loads(done.text)
        self.assertTrue(report["interrupted"])
        self.assertGreaterEqual(len(report["figures"]), 1)
        self.assertTrue(os.path.exists(self.path("c")))
        self.assertFalse(os.path.exists(self.path("state/ginnel/bench.json")), "a part is not kept for choose")
        self.assertEqual(self.left_behind(job.pid), [])

    def test_a_bar_on_a_terminal_and_none_elsewhere(self):
        # So many figures that some of them are drawn also where the machine is busy: the bar is drawn ten times a second at most.
        line = "ginnel bench --only pipe fifo --mode sleeping --size 64 --budget 4s --repeats 3"
        self.assertEqual(self.sh(line).err, b"")
        controller, terminal = pty.openpty()
        shown = b""
        with subprocess.Popen(["bash", "-c", line], env=self.env, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=terminal) as run:
            os.close(terminal)
            try:
                while chunk := os.read(controller, 4096):
                    shown += chunk
            except OSError:  # the other end is closed
                pass
            os.close(controller)
        self.assertEqual(run.returncode, 0)
        self.assertIn("█", shown.decode(errors="replace"))
        self.assertTrue(shown.endswith(b"\r\x1b[K"), "the bar is wiped at the end")


class Page(ShellTest):
    """The exported page in a browser."""

    def setUp(self):
        super().setUp()
        self.need("chromium")
        self.env["XDG_STATE_HOME"] = self.path("state")
        self.sh("ginnel bench --only pipe unix-stream topic queue --size 64 4K 64K --budget 6s --repeats 2 --export html page.html")

    def browse(self, options):
        return self.sh("chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir=./profile "
                       "--enable-logging=stderr --virtual-time-budget=10000 " + options + f" file://{self.dir}/page.html")

    def test_all_charts_draw_and_the_console_has_no_error(self):
        done = self.browse("--window-size=1280,2400 --dump-dom")
        self.assertRegex(done.text, r'<body[^>]* data-charts="5"')
        self.assertRegex(done.text, r'<body[^>]* data-errors="0"')
        console = [line for line in done.errors.splitlines() if ":CONSOLE" in line]
        self.assertEqual(console, [])
        self.assertIn("<td>topic</td>", done.text)

    def test_a_picture_of_it_is_not_blank_at_either_width(self):
        folder = os.environ.get("GINNEL_SCREENSHOTS", self.dir)
        for width, theme in ((1280, ""), (700, ""), (1280, "--force-dark-mode --blink-settings=preferredColorScheme=0")):
            picture = os.path.join(folder, f"bench-{width}{'-dark' if theme else ''}.png")
            self.browse(f"{theme} --window-size={width},2600 --screenshot={picture}")
            self.assertGreater(os.path.getsize(picture), 60_000)
