#!/usr/bin/env python3
"""Checks the rules of the tree that a program can check, and names the remedy for each breach.

    check_layers.py [TREE]

Floors and operating-system headers: tools/layers.txt. Forbidden code: tools/forbidden.txt. Besides: every header has
#pragma once, every umbrella header includes its whole floor, the library uses libc and libstdc++ only.
"""

import fnmatch
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

PLACES = ("include", "src", "cli", "tests", "examples", "bench")

C_STANDARD = {f"{name}.h" for name in
              ("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp stdalign stdarg stdatomic "
               "stdbool stddef stdint stdio stdlib string tgmath time uchar wchar wctype").split()}
OS_FOLDERS = ("sys/", "linux/", "asm/", "asm-generic/", "bits/", "net/", "netinet/", "arpa/", "ginnel/")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ALLOWED = re.compile(r"//\s*allowed:\s*\S")
TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\b\d[\w']*)
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.VERBOSE | re.DOTALL)


def blank(text):
    """The same number of lines and columns, with nothing on them."""
    return re.sub(r"[^\n]", " ", text)


def strip(text, kinds):
    """The text with the tokens of those kinds blanked."""
    return TOKEN.sub(lambda token: blank(token[0]) if token.lastgroup in kinds else token[0], text)


class RulesError(Exception):
    """The rules themselves cannot be read."""


@dataclass
class Layers:
    may_use: dict = field(default_factory=dict)
    programs: list = field(default_factory=list)
    os_headers: list = field(default_factory=list)


@dataclass
class Ban:
    places: list
    pattern: re.Pattern
    instead: str
    exceptions: list = field(default_factory=list)


def rule_lines(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield f"{path}:{number}", line.strip()


def read_layers(path):
    layers = Layers()
    for where, line in rule_lines(path):
        name, colon, rest = line.partition(":")
        if not colon:
            raise RulesError(f"{where}: a line is `name: ...`")
        if name == "programs":
            layers.programs += rest.split()
        elif name == "os-headers":
            layers.os_headers += rest.split()
        else:
            unknown = set(rest.split()) - set(layers.may_use)
            if unknown:
                raise RulesError(f"{where}: {name} may use only floors that stand above this line, not {' '.join(unknown)}")
            layers.may_use[name] = set(rest.split())
    return layers


def read_bans(path):
    bans, places = [], []
    for where, line in rule_lines(path):
        if line.startswith("["):
            places = line.strip("[]").split()
            continue
        kind, _, rest = line.partition(" ")
        if kind == "except" and bans:
            bans[-1].exceptions += rest.split()
            continue
        what, arrow, instead = rest.partition(" -> ")
        if kind not in ("call", "match") or not arrow or not instead.strip() or not places:
            raise RulesError(f"{where}: a ban is `call NAME... -> instead` or `match REGEX -> instead`, under [places]")
        if kind == "call":
            what = rf"(?<![\w.>~])(?:{'|'.join(map(re.escape, what.split()))})\s*\("
        bans.append(Ban(places, re.compile(what), instead.strip()))
    return bans


def matches(path, patterns):
    """Whether the path is one of the files, lies in one of the folders (`x/`), or matches one of the globs."""
    return any(path.startswith(p) if p.endswith("/") else fnmatch.fnmatchcase(path, p) for p in patterns)


class Source:
    """One file of the tree: where it stands, and its text in the three forms that the rules look at."""

    def __init__(self, tree, path, layers):
        self.tree = tree
        self.path = path.relative_to(tree).as_posix()
        parts = self.path.split("/")
        self.place = parts[0]
        self.floor = None
        if self.place == "include" and len(parts) >= 3:
            self.floor = parts[2].removesuffix(".hpp")
        elif self.place == "src" and len(parts) >= 3:
            self.floor = parts[1]
        self.is_test = self.place == "tests" or self.path.endswith("_test.cpp")
        self.is_library = self.place in ("include", "src") and not self.is_test
        self.known = self.floor in layers.may_use if self.place in ("include", "src") else True

        text = path.read_text(encoding="utf-8") or "\n"
        self.code = strip(text, {"comment", "raw", "string", "char"}).splitlines()
        # Includes are read with their strings, but not from inside a comment or a raw string.
        self.directives = strip(text, {"comment", "raw"}).splitlines()
        self.comments = [line if ALLOWED.search(line) else "" for line in text.splitlines()]

    def allowed(self, number):
        """Whether the line carries an exemption, or the line above is nothing but one."""
        if self.comments[number - 1]:
            return True
        return number > 1 and bool(self.comments[number - 2]) and not self.code[number - 2].strip()

    def includes(self):
        for number, line in enumerate(self.directives, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found[1] == "<", found[2]


def check_floor_rule(source, layers):
    own = source.floor
    if not source.known:
        yield 1, f"'{own or source.path}' is not a floor: name it in tools/layers.txt, or move the file"
        return
    if source.place not in ("include", "src"):
        return
    for number, _, name in source.includes():
        if not name.startswith("ginnel/"):
            continue
        used = name.split("/")[1].removesuffix(".hpp")
        if used != own and used not in layers.may_use[own]:
            may = " ".join(sorted(layers.may_use[own])) or "no other floor"
            yield number, f"{own} may not use {used}: it may use {may} (tools/layers.txt); move the code to a higher floor"


def check_private_headers(source, layers):
    del layers
    for number, angle, name in source.includes():
        if name.startswith("ginnel/"):
            continue
        # src/ is on no include path, so a private header is reached relative to the file, or by its path from the root.
        here = os.path.normpath(os.path.join(os.path.dirname(source.path), name))
        target = os.path.normpath(name) if name.startswith("src/") else here
        if angle and not name.startswith("src/"):
            continue
        if target.startswith("src/") and (source.place != "src" or target.split("/")[1] != source.floor):
            yield number, f"{name} is private to its floor: include a public header, ginnel/<floor>/..."
        elif source.place == "include" and not angle:
            yield number, f"a public header includes only public headers, by \"ginnel/<floor>/...\", not {name}"


def check_os_headers(source, layers):
    if matches(source.path, layers.os_headers):
        return
    for number, angle, name in source.includes():
        if angle and (name == "csignal" or (name.endswith(".h") and name not in C_STANDARD)):
            yield number, f"<{name}> belongs to the operating system: go through the floor sys (tools/layers.txt)"


def check_third_parties(source, layers):
    del layers
    if not source.is_library:
        return
    for number, angle, name in source.includes():
        if angle and "/" in name and not name.startswith(OS_FOLDERS):
            yield number, f"<{name}>: the library depends on libc and libstdc++ only; third parties belong to cli/ and tests/"


def check_header_guard(source, layers):
    del layers
    if source.path.endswith(".hpp") and not any(re.match(r"\s*#\s*pragma\s+once\b", line) for line in source.code):
        yield 1, "a header without a guard: begin it with #pragma once"


def check_umbrella(source, layers):
    if source.path != f"include/ginnel/{source.floor}.hpp" or source.floor not in layers.may_use:
        return
    included = {name for _, _, name in source.includes()}
    for header in sorted((source.tree / "include" / "ginnel" / source.floor).glob("*.hpp")):
        name = f"ginnel/{source.floor}/{header.name}"
        if name not in included:
            yield 1, f"the umbrella header lacks a header of its floor: add #include \"{name}\""


def check_forbidden(source, bans):
    for ban in bans:
        in_library = source.is_library and ("library" in ban.places or source.floor in ban.places)
        in_tests = source.is_test and "tests" in ban.places
        if not (in_library or in_tests) or matches(source.path, ban.exceptions):
            continue
        for number, line in enumerate(source.code, 1):
            found = ban.pattern.search(line)
            if found:
                yield number, f"`{found[0].rstrip('( ')}` is not used here; instead: {ban.instead}"


LAYER_RULES = (check_floor_rule, check_private_headers, check_os_headers, check_third_parties, check_header_guard,
               check_umbrella)


def check(tree):
    """Every breach in the tree, as `file:line: remedy`, in order."""
    layers = read_layers(tree / "tools" / "layers.txt")
    bans = read_bans(tree / "tools" / "forbidden.txt")
    breaches = []
    for place in PLACES:
        for path in sorted((tree / place).rglob("*")):
            if path.suffix == ".h" or path.suffix in (".cc", ".cxx", ".hh"):
                breaches.append(f"{path.relative_to(tree)}:1: C++ files are named *.hpp and *.cpp here: rename it")
            if path.suffix not in (".hpp", ".cpp"):
                continue
            source = Source(tree, path, layers)
            found = [breach for rule in LAYER_RULES for breach in rule(source, layers)]
            found += check_forbidden(source, bans)
            breaches += [f"{source.path}:{number}: {text}" for number, text in sorted(found)
                         if not source.allowed(number)]
    return breaches


def main():
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    try:
        breaches = check(tree)
    except (RulesError, OSError, re.error) as error:
        print(error, file=sys.stderr)
        return 2
    for breach in breaches:
        print(breach)
    print(f"check_layers: {len(breaches) or 'no'} breach{'' if len(breaches) == 1 else 'es'} of the rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
