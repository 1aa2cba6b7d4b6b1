#!/usr/bin/env python3
"""banned.py: refuses calls and habits that have a better form here.

- strcpy and its like, anywhere: no bound. atoi: no errors. gmtime, localtime, strtok: not for threads.
- malloc, free, time, rand and their like outside base/: base/mem.h, clock.h and random.h are the only ways.
- sleep in a test without a comment beside it that says why no condition could be waited for.
- TODO without the number of what will do it, as TODO(#12). Tabs.
"""

import re
import sys

import source

EVERYWHERE = {"strcpy", "strcat", "sprintf", "vsprintf", "gets", "atoi", "atol", "gmtime", "localtime", "strtok"}
OUTSIDE_BASE = {"malloc", "calloc", "realloc", "free", "time", "rand", "random", "strdup"}
CALL = re.compile(r"\b(%s)\s*\(" % "|".join(sorted(EVERYWHERE | OUTSIDE_BASE)))
SLEEP = re.compile(r"\b(u|nano)?sleep\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
TEXT = (".c", ".cc", ".h", ".def", ".py", ".sh", ".md", ".json", "CMakeLists.txt")
UNCHECKED = ("tests/fuzz/corpus/", "tests/golden/")


def check_calls(path, code, exceptions):
    for match in CALL.finditer(code):
        word = match.group(1)
        banned = word in EVERYWHERE or not path.startswith("base/")
        of_something = code[: match.start()].rstrip().endswith(("->", ".")) if banned else False
        if banned and not of_something and not exceptions.allows("banned", f"{path}:{word}"):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: banned: {word}()"


def check_sleeps(path, text, code, exceptions):
    if path.endswith(".py"):
        commented = {n for n, line in enumerate(text.split("\n"), 1) if "#" in line}
    else:
        commented = source.comments_of(text)
    for match in SLEEP.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        if not {line, line - 1} & commented and not exceptions.allows("banned", f"{path}:sleep"):
            yield f"{path}:{line}: banned: sleep in a test, and no comment beside it that says why"


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield f"{path}:{number}: banned: a tab"
        if UNFINISHED.search(line) and not path.startswith("tests/house/"):  # which must speak of it
            yield f"{path}:{number}: banned: unfinished work without its number, as TODO(#12)"


def check(root):
    exceptions = source.Exceptions(root, {"banned"})
    complaints = []
    for path in source.files(root, TEXT):
        if path.startswith(UNCHECKED):
            continue
        text = source.read(root, path)
        in_c = path.endswith((".c", ".cc", ".h"))
        code = source.code_of(text) if in_c else text
        if in_c:
            complaints.extend(check_calls(path, code, exceptions))
        if path.startswith("tests/") and path.endswith((".c", ".py")) and not path.startswith("tests/house/"):
            complaints.extend(check_sleeps(path, text, code, exceptions))
        complaints.extend(check_text(path, text))
    return complaints + exceptions.leftovers()


if __name__ == "__main__":
    source.finish("banned", check(sys.argv[1] if len(sys.argv) > 1 else source.ROOT))
