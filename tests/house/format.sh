#!/usr/bin/env bash
# format.sh: every .c, .cc and .h stands as .clang-format says. `./dev format` puts it right. One argument: another root (for selftest.py).
set -u
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}" || exit 1
mapfile -d '' sources < <(find . \( -name build -o -name .git -o -name data \) -prune -o \( -name '*.[ch]' -o -name '*.cc' \) -print0)
if ((${#sources[@]} == 0)); then
    echo "format: no sources found"
    exit 1
fi
if complaints=$(printf '%s\0' "${sources[@]}" | xargs -0 -P2 -n16 clang-format-14 --style=file --dry-run -Werror 2>&1); then
    echo "format: ok"
else
    # The first line of each file is enough to know which.
    grep 'error:' <<<"$complaints" | sort -t: -u -k1,1 || echo "$complaints"
    echo "format: run ./dev format"
    exit 1
fi
