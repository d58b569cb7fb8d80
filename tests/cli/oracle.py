"""The tools of util-linux as the judge of ginnel's applets.

A line is run with the tools of the system, with links to ginnel under their names, and with `ginnel applet NAME`, each
time in a fresh folder and a fresh IPC namespace. Output, errors and exit code must be the same bytes.
"""

import os
import re
import shlex
import subprocess

from harness import GINNEL, ShellTest

TOOLS = ("flock", "ipcmk", "ipcrm", "ipcs", "lslocks")
AS_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
WAYS = ("tool", "link", "applet")


class AppletTest(ShellTest):
    def setUp(self):
        super().setUp()
        self.need("unshare", *TOOLS)
        version = subprocess.run(["flock", "--version"], capture_output=True, text=True, check=True).stdout
        if " 2.38" not in version:
            self.skipTest("the tools are not those of util-linux 2.38: " + version)
        os.chmod(self.dir, 0o755)
        for way in ("link", "applet"):
            os.mkdir(self.path(way))
        for tool in TOOLS:
            os.symlink(GINNEL, self.path("link/" + tool))
            script = self.path("applet/" + tool)
            with open(script, "w", encoding="ascii") as file:
                file.write(f'#!/bin/sh\nexec {shlex.quote(GINNEL)} applet {tool} "$@"\n')
            os.chmod(script, 0o755)
        self.apart = "unshare --ipc" if os.geteuid() == 0 else "unshare --user --map-root-user --ipc"

    def path_for(self, way):
        """What PATH has to be for the tools to be those of a way."""
        return "$PATH" if way == "tool" else f"{shlex.quote(self.path(way))}:$PATH"

    def run_as(self, way, line):
        folder = self.path("in-" + way)
        if not os.path.isdir(folder):
            os.mkdir(folder)
        script = f"cd {shlex.quote(folder)}; export PATH={self.path_for(way)}; {line}"
        return self.sh(f"{self.apart} bash -c {shlex.quote(script)}", code=None)

    def same(self, line, code=None, hide=""):
        """The line ends in the same way for all, with this code if one is given; what matches `hide` may differ.
        Gives how it ended for the tools."""

        def seen(done):
            texts = (done.out.decode(errors="surrogateescape"), done.err.decode(errors="surrogateescape"))
            return tuple(re.sub(hide, "…", text) if hide else text for text in texts) + (done.code,)

        expected = self.run_as("tool", line)
        for way in WAYS[1:]:
            with self.subTest(line=line, way=way):
                self.assertEqual(seen(self.run_as(way, line)), seen(expected))
        if code is not None:
            self.assertEqual(expected.code, code, line)
        return expected

    def same_on(self, setting, lines):
        """Each line shows the same for all on one and the same setting: what the shell code `setting` has made, in an IPC
        namespace of its own, for as long as its shell lives. What others do meanwhile may be seen in it (locks of open
        file descriptions are those of the whole system, and /proc/locks tells a line twice when it changes between two reads): a
        line is run again when the tool has told two different things before and after, and up to ten times while they differ."""
        folder = shlex.quote(self.path("views"))
        script = [f"mkdir -p {folder}", setting]
        for number, line in enumerate(lines):
            place = f"{folder}/{number}"
            runs = [f"(PATH={self.path_for(way)}; {line}) >{place}.{name}.out 2>{place}.{name}.err; echo $? >{place}.{name}.code"
                    for name, way in [*zip(WAYS, WAYS), ("again", "tool")]]
            agree = " && ".join(f"cmp -s {place}.tool.out {place}.{way}.out" for way in WAYS[1:])
            script.append(f"n=0; until {{ {'; '.join(runs)}; cmp -s {place}.tool.out {place}.again.out && "
                          f"{{ {{ {agree}; }} || [ $((n += 1)) -ge 10 ]; }}; }}; do :; done")
        self.sh(f"{self.apart} bash -c {shlex.quote(chr(10).join(script))}", code=None)
        for number, line in enumerate(lines):
            views = {way: [self._read(f"views/{number}.{way}.{part}") for part in ("out", "err", "code")] for way in WAYS}
            self.assertEqual(len(views["tool"][2].split()), 1, f"not run: {line}")
            for way in WAYS[1:]:
                with self.subTest(line=line, way=way):
                    self.assertEqual(views[way], views["tool"])
        return self._read("views/0.tool.out")

    def _read(self, name):
        with open(self.path(name), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
