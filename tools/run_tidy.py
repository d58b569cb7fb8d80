#!/usr/bin/env python3
"""clang-tidy over the sources of a build, and only over those that changed since it last found nothing in them.

    run_tidy.py BUILD [--jobs N] [--program CLANG-TIDY]

BUILD was configured for ninja and built, so that ninja knows the headers of each source. A source that is clean leaves a stamp in
BUILD/tidy; it is looked at again when it, one of its headers or .clang-tidy is newer. So a run that is cut short goes on where it ended.
Tests go without the analyzer, which walks the macros of GoogleTest for minutes; what they do runs under the sanitizers.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
IS_TEST = re.compile(r"^tests/|_test\.cpp$")
NOISE = re.compile(r"^\d+ warnings? (generated|treated)|^Suppressed |^Use -header-filter")


def headers_of(build):
    """What each object was made of, as ninja saw it."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    found = {}
    for block in text.split("\n\n"):
        first, _, rest = block.strip().partition("\n")
        found[first.partition(":")[0]] = [build / line.strip() for line in rest.splitlines()]
    return found


class Source:
    def __init__(self, command, headers, build):
        self.path = Path(command["file"])
        output = command.get("output") or re.search(r" -o (\S+)", command["command"])[1]
        self.needs = [self.path, TREE / ".clang-tidy", *headers.get(output, [])]
        self.is_known = output in headers
        self.stamp = build / "tidy" / hashlib.sha256(command["command"].encode()).hexdigest()

    @property
    def name(self):
        return os.path.relpath(self.path, TREE)

    def is_clean(self):
        try:
            checked = self.stamp.stat().st_mtime_ns
            return self.is_known and all(need.stat().st_mtime_ns <= checked for need in self.needs)
        except FileNotFoundError:
            return False

    def check(self, program, build):
        """What clang-tidy found; empty when nothing. A file that is changed meanwhile stays to be checked."""
        begun = max(need.stat().st_mtime_ns for need in self.needs if need.exists())
        options = ["--checks=-clang-analyzer-*"] if IS_TEST.search(self.name) else []
        done = subprocess.run([program, "-p", build, "--quiet", *options, self.path], capture_output=True, text=True, check=False)
        found = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not NOISE.search(line))
        if done.returncode != 0:
            return found or f"{self.name}: {program} ended with {done.returncode}"
        self.stamp.touch()
        os.utime(self.stamp, ns=(begun, begun))
        return ""


def sources_of(build):
    """Each of the tree's own sources once."""
    headers = headers_of(build)
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    own = {command["file"]: command for command in commands if not Path(command["file"]).is_relative_to(build.resolve())}
    return [Source(command, headers, build) for _, command in sorted(own.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--program", default="clang-tidy-19")
    options = parser.parse_args()
    (options.build / "tidy").mkdir(exist_ok=True)
    sources = sources_of(options.build)
    due = [source for source in sources if not source.is_clean()]
    print(f"tidy: {len(sources)} files, {len(due)} to check", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda source: source.check(options.program, options.build), due):
            if found:
                failed += 1
                print(found, flush=True)
    print(f"tidy: {failed} files with findings" if failed else "tidy: nothing found", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
