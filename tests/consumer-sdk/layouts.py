#!/usr/bin/env python3
"""layouts.py HEADER... [--write]: how the SDK's public structs lie in memory, against consumer-sdk/sluice.layouts.

    struct sluice_error 672: status 0, http_status 4, retryable 8, ...

What is listed is what programs were compiled with: a struct's size and the offsets of its members stay for as long as the soname does. Structs may
be added; members may be added at the end of those that come with their size. --write makes the list anew from those headers.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "consumer-sdk" / "sluice.layouts"
STRUCT = re.compile(r"^struct (sluice_\w+) \{\n(.*?)^\};", re.M | re.S)


def names_of(declaration):
    """The members that `const char *a, *b[2]` declares."""
    pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", declaration)
    if pointer:
        return [pointer.group(1)]
    return [re.search(r"(\w+)\s*(\[[^]]*\]\s*)*$", part.strip()).group(1) for part in declaration.split(",")]


def structs_of(header):
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    for name, body in STRUCT.findall(text):
        yield name, [n for declaration in body.split(";") if declaration.strip() for n in names_of(declaration)]


def measure(headers):
    """-> lines of the list for the structs of those headers, sorted."""
    program = ["#include <stddef.h>", "#include <stdio.h>"] + [f"#include <sluice/{h.name}>" for h in headers] + ["int main(void) {"]
    for header in headers:
        for name, members in structs_of(header):
            places = ", ".join(f"{m} %zu" for m in members)
            offsets = "".join(f", offsetof(struct {name}, {m})" for m in members)
            program.append(f'printf("struct {name} %zu: {places}\\n", sizeof(struct {name}){offsets});')
    program.append("return 0; }")
    folders = {str(h.parent.parent) for h in headers}
    with tempfile.TemporaryDirectory() as folder:
        binary = pathlib.Path(folder) / "layouts"
        words = ["cc", "-xc", "-", "-o", binary, *(f"-I{f}" for f in folders), f"-I{ROOT / 'consumer-sdk' / 'include'}"]
        subprocess.run(words, input="\n".join(program), text=True, check=True)
        out = subprocess.run([binary], capture_output=True, text=True, check=True).stdout
    return sorted(out.splitlines())


def listed():
    return LIST.read_text().splitlines() if LIST.exists() else []


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = measure([pathlib.Path(p) for p in sys.argv[1:] if p.endswith(".h")])
    if "--write" in sys.argv:
        LIST.write_text("\n".join(found) + "\n")
    print("\n".join(sorted(set(found) ^ set(listed()))) or "as listed")
