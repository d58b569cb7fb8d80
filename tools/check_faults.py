#!/usr/bin/env python3
"""Checks that every function of the floor sys which can be refused is driven by the fault injection.

    check_faults.py [TREE]

Those are the functions of include/ginnel/sys that return a Result. tests/fault/*.cpp must call each, or
tests/fault/not_driven.txt names it (`Class::function`, or `function`) with the reason behind a `#`.
"""

import re
import sys
from pathlib import Path

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
TOKEN = re.compile(
    r"""\b(?:class|struct)\s+(?:\[\[\w+\]\]\s+)?(?P<type>\w+)[^;{}()]*\{   # a type begins
      | (?P<section>public|private|protected)\s*:(?!:)
      | (?P<static>static\s+)?\bResult\s*<                               # a function that can be refused
      | (?P<open>\{) | (?P<close>\})""", re.VERBOSE)
FUNCTION = re.compile(r"\s+(\w+)\s*\(")


def behind_angles(text, position):
    """The position behind the `>` that closes a `<` which stands before `position`."""
    depth = 1
    while depth:
        depth += {"<": 1, ">": -1}.get(text[position], 0)
        position += 1
    return position


def refusable(text):
    """(name, is a member of an object) of each public function that returns a Result."""
    text = COMMENT.sub(" ", text)
    scopes, position = [], 0  # of each brace: [type or None, is public]
    while token := TOKEN.search(text, position):
        position = token.end()
        if token["type"]:
            scopes.append([token["type"], token[0].startswith("struct")])
        elif token["section"] and scopes:
            scopes[-1][1] = token["section"] == "public"
        elif token["open"]:
            scopes.append([None, True])
        elif token["close"] and scopes:
            scopes.pop()
        elif token[0].endswith("<"):
            position = behind_angles(text, position)
            function = FUNCTION.match(text, position)
            if function and all(public for _, public in scopes):
                types = [name for name, _ in scopes if name]
                yield "::".join(types[-1:] + [function[1]]), bool(types) and not token["static"]


def is_called(name, is_member, code):
    plain = re.escape(name.rpartition("::")[2])
    # A call through a template parameter does not tell the type: there the operation's name does.
    pattern = rf"(?:\.|->)\s*{plain}\s*\(" if is_member else rf"\b{re.escape(name)}\s*[(\"]"
    return re.search(pattern, code)


def exceptions(path):
    """{name: reason}"""
    named = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, _, reason = line.partition("#")
        if name.strip():
            named[name.strip()] = reason.strip()
    return named


def check(tree):
    code = "\n".join(path.read_text() for path in sorted((tree / "tests/fault").glob("*.cpp")))
    excused = exceptions(tree / "tests/fault/not_driven.txt")
    known = set()
    for header in sorted((tree / "include/ginnel/sys").glob("*.hpp")):
        for name, is_member in refusable(header.read_text()):
            known.add(name)
            if is_called(name, is_member, code):
                if name in excused:
                    yield f"tests/fault/not_driven.txt: {name} is driven now: take its line away"
            elif not excused.get(name):
                yield (f"{header.relative_to(tree)}: {name} is driven by no operation in tests/fault: "
                       "its system calls are never made to fail")
    for name in excused.keys() - known:
        yield f"tests/fault/not_driven.txt: no header of sys has {name}"
    if not known:
        yield "include/ginnel/sys: no function that returns a Result was found"


def main():
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    breaches = list(check(tree))
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
