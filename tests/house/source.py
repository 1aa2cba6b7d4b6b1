"""source.py: what all house checks share: which files are ours, C source as tokens, and the list of exceptions.

The tokens are those a style check needs and no more: identifiers, numbers, punctuation; comments and literals become
blanks of the same length, so that a line number stays a line number. Nothing is expanded: macros count as they stand.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = {"build", ".git", ".cache", ".venv", "data", "__pycache__"}

BLANKED = re.compile(
    r"/\*.*?\*/"  # a comment, over lines
    r"|//[^\n]*"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'",
    re.S,
)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|->|&&|\|\||[^\s\w]")


class Token:
    __slots__ = ("text", "line")

    def __init__(self, text, line):
        self.text = text
        self.line = line


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_of(text):
    """The text with comments and literals blanked."""
    return BLANKED.sub(blank, text)


def comments_of(text):
    """Line numbers that carry a comment."""
    lines = set()
    for match in BLANKED.finditer(text):
        if match.group(0).startswith("/"):
            first = text.count("\n", 0, match.start()) + 1
            lines.update(range(first, first + match.group(0).count("\n") + 1))
    return lines


def without_preprocessor(code, both_branches=True):
    """Blanks directives, and what they continue on; with both_branches false, also what #else and #elif select."""
    out, continued, depth_cut, nest = [], False, None, 0
    for line in code.split("\n"):
        directive = continued or line.lstrip().startswith("#")
        if directive and not continued:
            word = line.lstrip()[1:].lstrip()
            if word.startswith("if"):
                nest += 1
            elif word.startswith("endif"):
                if depth_cut == nest:
                    depth_cut = None
                nest -= 1
            elif word.startswith(("else", "elif")) and depth_cut is None and not both_branches:
                depth_cut = nest
        out.append("" if directive or depth_cut is not None else line)
        continued = directive and line.rstrip().endswith("\\")
    return "\n".join(out)


def tokens_of(code):
    out, at, line = [], 0, 1
    for match in TOKEN.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        out.append(Token(match.group(0), line))
    return out


def files(root, endings):
    """Paths below root, relative to it, sorted; build folders and the like left out."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED]
        for name in names:
            if name.endswith(endings):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


class Exceptions:
    """exceptions.txt: `rule place reason...` a line. One that nothing needs any more is itself a complaint."""

    def __init__(self, root, rules):
        self.path = os.path.join("tests", "house", "exceptions.txt")
        self.rows = {}
        self.used = set()
        self.complaints = []
        if not os.path.exists(os.path.join(root, self.path)):
            return
        for number, line in enumerate(read(root, self.path).split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 2)
            if len(words) < 3:
                self.complaints.append(f"{self.path}:{number}: an exception is `rule place reason`")
            elif words[0] in rules:
                self.rows[(words[0], words[1])] = number

    def allows(self, rule, place):
        if (rule, place) not in self.rows:
            return False
        self.used.add((rule, place))
        return True

    def leftovers(self):
        return self.complaints + [
            f"{self.path}:{number}: nothing needs the exception `{rule} {place}` any more"
            for (rule, place), number in self.rows.items()
            if (rule, place) not in self.used
        ]


def finish(name, complaints):
    """Prints the complaints and ends the program."""
    for complaint in complaints:
        print(complaint)
    print(f"{name}: {len(complaints)} complaints" if complaints else f"{name}: ok")
    sys.exit(1 if complaints else 0)
