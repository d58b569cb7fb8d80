#!/usr/bin/env python3
"""Copies the floors with the faults of some lists in them, for the builds of ginnel_crash_planted and ginnel_hostile_planted.

plant.py <source tree> <output folder> <tests/NAME/faults.txt>...

Writes <output>/include and <output>/src, and of each list <output>/NAME_faults.inc: the table of its faults. A fault is active while the variable
ginnel_planted_fault has its number, counted from 1 on through all lists. One whose place is not found is noted in the table as one that does not fit: the
build goes on, and the test fails and names it.
"""

import pathlib
import sys

FLOORS = ("core", "sys", "msg")


class Fault:
    def __init__(self, name):
        self.name = name
        self.operations = []
        self.places = []  # [kind, file, sound, faulty]
        self.fits = True


def parse(text):
    faults = []
    reading = None  # "sound" or "faulty"
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "fault":
            faults.append(Fault(rest.strip()))
            reading = None
        elif word == "in" and reading is None:
            faults[-1].operations = rest.split()
        elif word in ("statement", "expression") and rest.startswith(("src/", "include/")):
            faults[-1].places.append([word, rest.strip(), "", ""])
            reading = None
        elif word in ("sound", "faulty") and faults:
            reading = word
            faults[-1].places[-1][2 if word == "sound" else 3] = rest
        elif reading and faults and not line.startswith("#"):
            faults[-1].places[-1][2 if reading == "sound" else 3] += "\n" + line
    return faults


def planted(kind, number, sound, faulty):
    if kind == "expression":
        return f"(ginnel_planted_fault == {number} ? ({faulty.strip()}) : ({sound}))"
    return f"if (ginnel_planted_fault == {number}) {{ {faulty.strip()}\n}} else {{ {sound}\n}}"


def main():
    tree, output, *files = map(pathlib.Path, sys.argv[1:])
    lists = [parse(file.read_text()) for file in files]
    faults = [fault for listed in lists for fault in listed]
    texts = {}
    edits = {}  # (file, sound) -> [kind, [(number, faulty)]]
    for number, fault in enumerate(faults, 1):
        for kind, file, sound, faulty in fault.places:
            sound = sound.strip()
            texts.setdefault(file, (tree / file).read_text())
            if texts[file].count(sound) != 1:
                fault.fits = False
                continue
            edits.setdefault((file, sound), [kind, []])[1].append((number, faulty))
    for (file, sound), (kind, variants) in edits.items():
        text = sound
        for number, faulty in variants:
            text = planted(kind, number, text, faulty)
        texts[file] = texts[file].replace(sound, text)

    for part in ("include", "src"):
        for path in sorted((tree / part).rglob("*.[ch]pp")):
            name = path.relative_to(tree)
            if path.name.endswith("_test.cpp") or (part == "src" and name.parts[1] not in FLOORS):
                continue
            text = texts.get(str(name))
            text = path.read_text() if text is None else 'extern "C" int ginnel_planted_fault;\n' + text
            target = output / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_text() != text:
                target.write_text(text)

    number = 0
    for file, listed in zip(files, lists):
        table = ""
        for fault in listed:
            number += 1
            operations = ", ".join(f'"{name}"' for name in fault.operations)
            fits = "true" if fault.fits else "false"
            table += f'Fault{{.name = "{fault.name}", .planted = {number}, .operations = {{{operations}}}, .fits = {fits}}},\n'
        target = output / f"{file.parent.name}_faults.inc"
        if not target.exists() or target.read_text() != table:
            target.write_text(table)


if __name__ == "__main__":
    main()
