#!/usr/bin/env python3
"""arrows.py: holds the arrows between folders: a folder includes only what stands to its right.

    server > api > delivery > shards > base          server > retention > shards
    api, delivery, consumer-sdk > wire > base
    api, consumer-sdk > groups > base                server > cli > wire, base; of consumer-sdk it sees <sluice/...>

Also: an include names its folder; what it names exists; an *_internal.h is for its own folder and that folder's tests.
"""

import os
import re
import sys

import source

ALLOWED = {
    "base": {"base"},
    "wire": {"wire", "base"},
    "groups": {"groups", "base"},
    "shards": {"shards", "base"},
    "retention": {"retention", "shards", "base"},
    "delivery": {"delivery", "shards", "wire", "base"},
    "api": {"api", "delivery", "groups", "shards", "wire", "base"},
    "server": {"server", "api", "delivery", "groups", "retention", "shards", "wire", "base", "cli"},
    "consumer-sdk": {"consumer-sdk", "groups", "wire", "base"},
    "cli": {"cli", "wire", "base"},
}
FREE = {"tests", "bench", "docs"}  # may include anything
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def internal_is_for(path, target):
    """Whether `path` may see the *_internal.h `target`."""
    folder = os.path.dirname(target)
    parts = path.split("/")
    if os.path.dirname(path) == folder or path.startswith(folder + "/"):
        return True
    return parts[0] == "tests" and len(parts) > 2 and "/".join(parts[2:]).startswith(folder + "/")


def why_not(root, path, target):
    """Why `path` may not include `target`; None when it may."""
    mine, theirs = path.split("/")[0], target.split("/")[0]
    if mine not in ALLOWED and mine not in FREE:
        return f"folder {mine}/ has no arrows: give it a row in arrows.py"
    if mine == "tests" and os.path.exists(os.path.join(root, "tests", target)):
        return None
    if "/" not in target:
        return f'"{target}" does not name its folder'
    if mine in ALLOWED and theirs not in ALLOWED[mine]:
        return f'{mine}/ may not include "{target}" (only {", ".join(sorted(ALLOWED[mine]))})'
    generated = target.startswith("wire/model/")
    if not generated and not os.path.exists(os.path.join(root, target)):
        return f'"{target}" does not exist'
    if target.endswith("_internal.h") and not internal_is_for(path, target):
        return f'"{target}" is for its own folder and that folder\'s tests'
    return None


def check(root):
    complaints = []
    for path in source.files(root, (".c", ".cc", ".h", ".def")):
        text = source.read(root, path)
        for match in INCLUDE.finditer(text):
            reason = why_not(root, path, match.group(1))
            if reason:
                line = text.count("\n", 0, match.start(1)) + 1
                complaints.append(f"{path}:{line}: arrows: {reason}")
    return complaints


if __name__ == "__main__":
    source.finish("arrows", check(sys.argv[1] if len(sys.argv) > 1 else source.ROOT))
