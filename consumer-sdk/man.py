#!/usr/bin/env python3
"""man.py OUTDIR VERSION HEADER...: the SDK's manual, from the comments of its headers: sluice_NAME.h(3) for each header, and a page for each
function: its declaration, and the comment above it as it stands. What has no comment of its own shares the one before, as in the header.
"""

import os
import re
import sys

COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
DECLARED = re.compile(r"^(?:extern )?SLUICE_API\s+[^;{]*;", re.S | re.M)
NAME = re.compile(r"\b(sluice_[a-z0-9_]+)\s*(?:\(|;$)")


def words_of(comment):
    """A comment's text without its frame."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.split("\n")]
    return "\n".join(lines).strip()


def roff(text):
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def page(name, version, parts):
    """parts: (heading, text, whether its lines stay as they are)."""
    out = ['.TH "%s" 3 "" "Sluice %s" "Sluice SDK"' % (name, version)]
    for heading, text, kept in parts:
        out.append(".SH " + heading)
        out += [".nf", roff(text), ".fi"] if kept else [roff(re.sub(r"\n\s+", "\n", text))]
    return "\n".join(out) + "\n"


def first_sentence(text):
    sentence = re.split(r"(?<=[.;:])\s", " ".join(text.split()), maxsplit=1)[0]
    return sentence.rstrip(".;:") or "see below"


def declarations(text):
    """(comment, declaration) of each function and table of a header."""
    comment, at = "", 0
    for match in DECLARED.finditer(text):
        between = text[at:match.start()]
        found = COMMENT.findall(between)
        rest = between[between.rfind("*/") + 2:] if found else between
        if found and rest.strip() == "":
            comment = words_of(found[-1])
        elif "\n\n" in between.lstrip(" \t") or "}" in between:
            comment = ""
        at = match.end()
        yield comment, match.group(0)


def pages_of(path, version):
    """name -> page."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    header = "sluice/" + os.path.basename(path)
    top = words_of(COMMENT.search(text).group(1))
    title = top.split(":", 1)[1] if top.startswith(header + ":") else top
    pages, names = {}, []
    for comment, code in declarations(text):
        name = NAME.search(code).group(1)
        names.append(name)
        code = re.sub(r"\s*SLUICE_MUST_USE", "", code).replace("SLUICE_API ", "")
        pages[name] = page(name, version, [
            ("NAME", "%s - %s" % (name, first_sentence(comment)), False),
            ("SYNOPSIS", "#include <%s>\n\n%s" % (header, code), True),
            ("DESCRIPTION", comment or "See <%s>." % header, False),
            ("SEE ALSO", "sluice_%s(3)" % os.path.basename(path), False)])
    own = "sluice_" + os.path.basename(path)
    pages[own] = page(own, version, [
        ("NAME", "%s - %s" % (own, first_sentence(title)), False),
        ("SYNOPSIS", "#include <%s>" % header, True),
        ("DESCRIPTION", title.strip(), True),
        ("FUNCTIONS", ", ".join("%s(3)" % n for n in names) or "None.", False)])
    return pages


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    folder, version = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    for path in sys.argv[3:]:
        for name, text in pages_of(path, version).items():
            with open(os.path.join(folder, name + ".3"), "w", encoding="utf-8") as file:
                file.write(text)


if __name__ == "__main__":
    main()
