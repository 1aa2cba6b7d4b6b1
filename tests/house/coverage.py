#!/usr/bin/env python3
"""coverage.py: holds docs/COVERAGE.md, and docs/COVERAGE-FIREHOSE.md, to their models: every error that an operation can raise stands there once,
with what raises it.

    | operation | error | `tests/path::test`          a test that exists, in a file that names both
    | operation | error | never: Reason               Reason stands in the closed list under "Never"; each is used
    | operation | error | not served yet              the operation stands under "Not served yet", and not in api/operations.def

A reason `- Reason (until Operation): ...` holds only as long as that operation is not served. And docs/API.md leads to the table before its first
section: whoever looks there for what is served finds it.
"""

import json
import os
import re
import sys

import source

DOC = "docs/COVERAGE.md"
API = "docs/API.md"
MODEL = "wire/model/kinesis-2013-12-02.json"
OPERATIONS = "api/operations.def"
TABLES = (  # document, model, operations
    (DOC, MODEL, OPERATIONS),
    ("docs/COVERAGE-FIREHOSE.md", "wire/model/firehose-2015-08-04.json", "api/delivery_operations.def"),
)
UNSERVED = "not served yet"

ROW = re.compile(r"^\| (\w+) \| (\w+) \| (.+) \|$")
REASON = re.compile(r"^- (\w+)(?: \(until (\w+)\))?: \S")
WAITING = re.compile(r"^- (\w+)$")
TEST = re.compile(r"^`([\w./]+)::(\w+)`$")
SERVED = re.compile(r"^OPERATION\((\w+),", re.M)


def pairs_of(model):
    return {
        (name, error["shape"])
        for name, operation in model["operations"].items()
        for error in operation.get("errors", [])
    }


class Document:
    """The rows, reasons and waiting operations of docs/COVERAGE.md, each with its line."""

    def __init__(self, text):
        self.rows = []  # (line, operation, error, how)
        self.reasons = {}  # name: (line, until)
        self.waiting = {}  # operation: line
        self.complaints = []
        section = ""
        for number, line in enumerate(text.split("\n"), 1):
            if line.startswith("## "):
                section = line[3:].strip()
            elif section == "Never" and line.startswith("- "):
                self.item(number, REASON.match(line), self.reasons, "a reason is `- Name: one sentence`")
            elif section == "Not served yet" and line.startswith("- "):
                self.item(number, WAITING.match(line), self.waiting, "what is not served is `- Operation`")
            elif line.startswith("| ") and not line.startswith("| operation |"):
                self.row(number, line)

    def complain(self, line, text):
        self.complaints.append((line, text))

    def item(self, number, match, into, rule):
        if not match:
            self.complain(number, rule)
        elif match.group(1) in into:
            self.complain(number, f"{match.group(1)} stands here twice")
        else:
            into[match.group(1)] = (number, match.group(2)) if match.re is REASON else number

    def row(self, number, line):
        match = ROW.match(line)
        if match:
            self.rows.append((number, *match.groups()))
        else:
            self.complain(number, "a row is `| operation | error | what raises it |`")


def words_of(operation):
    """How a test may name an operation: as AWS does, or as boto3 does."""
    return operation, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def why_no_test(root, reference, operation, error):
    """Why that reference is no test of that pair; None when it is one."""
    match = TEST.match(reference)
    if not match:
        return f"{reference} is neither `path::test`, `never: Reason` nor `{UNSERVED}`"
    path, name = match.groups()
    if not os.path.isfile(os.path.join(root, path)):
        return f"{path} does not exist"
    text = source.read(root, path)
    if path.endswith(".py"):
        found = name.startswith("test_") and re.search(rf"^\s*def {name}\(", text, re.M)
    else:
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        found = re.search(rf"^static void {name}\(void \*\*", text, re.M) and len(re.findall(rf"\b{name}\b", text)) > 1
    if not found:
        return f"{path} has no test {name} that is run"
    for wanted in (words_of(operation), (error.removesuffix("Exception"),)):
        if not any(re.search(rf"(?<![A-Za-z]){word}", text) for word in wanted):
            return f"{path} does not name {wanted[0]}"
    return None


def check_row(root, doc, row, used):
    line, operation, error, how = row
    if (how == UNSERVED) != (operation in doc.waiting):
        doc.complain(line, f'{operation} and its rows stand together under "Not served yet", or not at all')
    elif how.startswith("never: "):
        used.add(how[7:])
        if how[7:] not in doc.reasons:
            doc.complain(line, f'the reason {how[7:]} is not in the list under "Never"')
    elif how != UNSERVED:
        for reference in how.split(", "):
            reason = why_no_test(root, reference, operation, error)
            if reason:
                doc.complain(line, reason)


def check_lists(doc, model, served, used, operations):
    for operation, line in doc.waiting.items():
        if operation in served:
            doc.complain(line, f"{operation} is served: see {operations}")
        if operation not in model["operations"]:
            doc.complain(line, f"the model has no operation {operation}")
    for operation in sorted(set(model["operations"]) - served - set(doc.waiting)):
        doc.complain(1, f'{operation} is not served, and does not stand under "Not served yet"')
    for name, (line, until) in doc.reasons.items():
        if name not in used:
            doc.complain(line, f"no row has the reason {name} any more")
        if until and until not in doc.waiting:
            doc.complain(line, f"{until} is served now: {name} is a reason no more")


def check_pairs(doc, model):
    wanted, seen = pairs_of(model), set()
    for line, operation, error, _ in doc.rows:
        pair = (operation, error)
        if pair not in wanted:
            doc.complain(line, f"the model does not say that {operation} raises {error}")
        elif pair in seen:
            doc.complain(line, f"{operation}, {error} stands here twice")
        seen.add(pair)
    for operation, error in sorted(wanted - seen):
        doc.complain(1, f"{operation}, {error} is missing")


def check_way(root, doc, document):
    head = source.read(root, API).split("\n## ")[0].split("\n|")[0]
    if f"({os.path.basename(document)})" not in head:
        doc.complain(1, f"{API} does not lead here at its top")


def look(root, table):
    """A document, with all its complaints."""
    path, model, operations = table
    model = json.loads(source.read(root, model))
    served = set(SERVED.findall(source.read(root, operations)))
    doc = Document(source.read(root, path))
    used = set()
    check_pairs(doc, model)
    for row in doc.rows:
        check_row(root, doc, row, used)
    check_lists(doc, model, served, used, operations)
    check_way(root, doc, path)
    return doc


def tables(root):
    return [table for table in TABLES if os.path.isfile(os.path.join(root, table[1]))]


def check(root):
    return [f"{table[0]}:{line}: coverage: {text}" for table in tables(root) for line, text in sorted(look(root, table).complaints)]


def main(root):
    for table in tables(root):
        doc = look(root, table)
        tested = sum(how != UNSERVED and not how.startswith("never: ") for _, _, _, how in doc.rows)
        print(f"{table[0]}: {len(doc.rows)} errors, {tested} of them raised by tests; {len(doc.waiting)} operations not served yet")
    source.finish("coverage", check(root))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else source.ROOT)
