#!/usr/bin/env python3
"""shape.py: holds the caps: a file at most 600 lines, a function at most 60, its cyclomatic complexity at most 15.

Complexity is 1, and 1 more for each if, for, while, case, &&, ||, ? and LIST_EACH (a loop of ours). A function is a `{` at the
outermost level whose declaration has parentheses and no `=`; its lines run from the first of that declaration to the `}`.
"""

import sys

import source

FILE_LINES_MAX, FUNCTION_LINES_MAX, COMPLEXITY_MAX = 600, 60, 15
BRANCHES = {"if", "for", "while", "case", "&&", "||", "?", "LIST_EACH"}


class Function:
    def __init__(self, name, first, last, complexity):
        self.name, self.first, self.last, self.complexity = name, first, last, complexity

    @property
    def lines(self):
        return self.last - self.first + 1


def function_name(declaration):
    """The name that a declaration's tokens declare, or None when it is no function's."""
    depth, name = 0, None
    for i, token in enumerate(declaration):
        if token.text == "(":
            before = declaration[i - 1].text if i else ""
            if depth == 0 and name is None and before != "__attribute__" and before.isidentifier():
                name = before
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif token.text == "=" and depth == 0:
            return None
    return name


def functions_in(tokens):
    """All functions, and whether the braces match."""
    found, depth, start, body = [], 0, 0, None
    for i, token in enumerate(tokens):
        if token.text == "{":
            if depth == 0:
                declaration = tokens[start:i]
                name = function_name(declaration)
                body = (name, declaration[0].line, i) if name else None
            depth += 1
        elif token.text == "}":
            depth -= 1
            if depth < 0:
                return found, False
            if depth == 0:
                if body:
                    name, first, at = body
                    branches = sum(1 for t in tokens[at:i] if t.text in BRANCHES)
                    found.append(Function(name, first, token.line, 1 + branches))
                start, body = i + 1, None
        elif token.text == ";" and depth == 0:
            start = i + 1
    return found, depth == 0


def functions_of(text):
    code = source.code_of(text)
    found, whole = functions_in(source.tokens_of(source.without_preprocessor(code)))
    if not whole:  # the branches of an #if do not each close what they open: measure the first only
        found, whole = functions_in(source.tokens_of(source.without_preprocessor(code, False)))
    return found, whole


def check_functions(path, text, exceptions):
    found, whole = functions_of(text)
    if not whole:
        yield f"{path}:1: shape: braces do not match, so functions cannot be told apart"
    for f in found:
        place = f"{path}:{f.name}"
        if f.lines > FUNCTION_LINES_MAX and not exceptions.allows("function", place):
            yield f"{path}:{f.first}: shape: {f.name} has {f.lines} lines, at most {FUNCTION_LINES_MAX}"
        if f.complexity > COMPLEXITY_MAX and not exceptions.allows("complexity", place):
            yield f"{path}:{f.first}: shape: {f.name} has complexity {f.complexity}, at most {COMPLEXITY_MAX}"


def check(root):
    exceptions = source.Exceptions(root, {"length", "function", "complexity"})
    complaints = []
    for path in source.files(root, (".c", ".cc", ".h", ".py", ".sh", ".def", "CMakeLists.txt")):
        text = source.read(root, path)
        lines = text.count("\n")
        if lines > FILE_LINES_MAX and not exceptions.allows("length", path):
            complaints.append(f"{path}:{FILE_LINES_MAX + 1}: shape: {lines} lines, at most {FILE_LINES_MAX}")
        if path.endswith((".c", ".h")):
            complaints.extend(check_functions(path, text, exceptions))
    return complaints + exceptions.leftovers()


if __name__ == "__main__":
    source.finish("shape", check(sys.argv[1] if len(sys.argv) > 1 else source.ROOT))
