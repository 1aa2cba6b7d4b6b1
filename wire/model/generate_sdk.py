#!/usr/bin/env python3
"""generate_sdk.py MODEL.json SERVICE PUBLIC OUTDIR [RELAXED.json]: from a service model to what a program that uses the SDK sees of it.

    OUTDIR/include/sluice/PUBLIC.h   structs, values of enums, operations and their functions
    OUTDIR/sdk/PUBLIC.c              the functions, and the proof that the structs lie as wire's do

Idea: the SDK's requests and answers are wire's structs under public names, so that wire's codecs serve both sides and nothing is copied
from one into the other. What is equal must stay so: PUBLIC.c asserts the offset of every member and the size of every struct.
Enums are texts on the wire and in the structs, and services add to them: so they are macros of texts, not C enums.
"""
import json
import os
import sys

from generate import SCALARS, Model, Unsupported, literal, snake

CPP_KEYWORDS = set("""and asm bool catch char8_t class concept constexpr delete explicit export false friend mutable namespace new not
operator or private protected public requires template this throw true try typeid typename using virtual wchar_t xor""".split())
MEMBERS = {"SHAPE_STRING": "struct sluice_bytes", "SHAPE_BLOB": "struct sluice_bytes", "SHAPE_DOUBLE": "struct sluice_opt_double"}
WIDTH = 140


class Sdk:
    def __init__(self, model, public):
        self.m, self.public = model, public
        self.prefix, self.upper = "sluice_" + public, "SLUICE_" + public.upper()

    def c_name(self, shape):
        return self.prefix + "_" + snake(shape)

    def c_type(self, shape):
        kind = self.m.shapes[shape]["type"]
        if kind in SCALARS:
            return MEMBERS.get(SCALARS[kind][0], "struct sluice_opt_int")
        return "struct " + self.c_name(shape)

    def member(self, member):
        name = snake(member)
        return name + "_" if name in CPP_KEYWORDS else name

    def is_subscription(self, operation):
        output = operation.get("output")
        members = self.m.shapes[output["shape"]]["members"] if output else {}
        return any(self.m.shapes[v["shape"]].get("eventstream") for v in members.values())


def in_comment(text):
    return text.replace("*/", "* /").replace("/*", "/ *").replace("??", "?\\?")


def bounds(shape):
    """In words: "1 to 128 characters; matches [a-z]+"."""
    unit = {"string": " characters", "blob": " bytes", "list": " items", "map": " entries"}.get(shape["type"], "")
    low, high = shape.get("min"), shape.get("max")
    words = []
    if low is not None and high is not None:
        words.append("%d to %d%s" % (low, high, unit) if low != high else "%d%s" % (low, unit))
    elif high is not None:
        words.append("at most %d%s" % (high, unit))
    elif low is not None:
        words.append("at least %d%s" % (low, unit))
    if "pattern" in shape and len(shape["pattern"]) <= 80:
        words.append("matches " + shape["pattern"])
    return words


def about(sdk, owner, member, shape):
    """What the comment beside a member says, or ""."""
    words = ["required"] if member in sdk.m.shapes[owner].get("required", []) else []
    kind = sdk.m.shapes[shape]
    if "enum" in kind:
        words.append("%s_%s_*" % (sdk.upper, snake(shape).upper()))
    elif kind["type"] in ("timestamp", "boolean", "blob"):
        words.append({"timestamp": "milliseconds since 1970", "boolean": "0 or 1", "blob": "bytes as they are"}[kind["type"]])
    words += bounds(kind)
    return "; ".join(words)


def write_enums(sdk, out):
    for name in sdk.m.enums():
        out.append("/* %s */" % name)
        for value in sdk.m.shapes[name]["enum"]:
            out.append("#define %s_%s_%s %s" % (sdk.upper, snake(name).upper(), snake(value).upper(), literal(value)))
        out.append("")


def write_struct(sdk, name, out):
    m = sdk.m
    out += ["/* %s */" % name, "%s {" % sdk.c_type(name)]
    for member, shape in m.members(name).items():
        if m.shapes[shape]["type"] == "structure":
            line = "    const %s *%s;" % (sdk.c_type(shape), sdk.member(member))
        else:
            line = "    %s %s;" % (sdk.c_type(shape), sdk.member(member))
        words = in_comment(about(sdk, name, member, shape))
        out.append(line + (" /* %s */" % words if words else ""))
    for member in m.shapes[name]["members"]:
        if member not in m.members(name):
            out.append("    /* %s: events, which come one by one (sluice_subscribe) */" % member)
    if not m.members(name):
        out.append("    uint8_t no_members;")
    out += ["};", ""]


def write_types(sdk, out):
    m = sdk.m
    for name in m.structures():
        out.append("%s;" % sdk.c_type(name))
    out.append("")
    for name in m.of_type("list", "map"):
        shape = m.shapes[name]
        element = sdk.c_type(shape["member"]["shape"]) if shape["type"] == "list" else "struct sluice_pair"
        words = in_comment("; ".join([name] + bounds(shape)))
        out += ["/* %s */" % words, "%s {" % sdk.c_type(name), "    uint32_t count;", "    bool present;",
                "    const %s *at;" % element, "};", ""]
    for name in m.structures():
        write_struct(sdk, name, out)


def fold(text, indent, taken=0):
    """Breaks at commas; `taken` columns of the first line are used already."""
    lines, line = [], ""
    for part in text.split(", "):
        piece = (", " if line else "") + part
        if len(line) + len(piece) + (indent if lines else taken) > WIDTH and line:
            lines.append(line + ",")
            line, piece = "", part
        line += piece
    return ("\n" + " " * indent).join(lines + [line])


def signatures(sdk, operation):
    """-> the declarations of the waiting and the starting function, without `;`."""
    name = "%s_%s" % (sdk.prefix, snake(operation["name"]))
    given = "const %s *input, " % sdk.c_type(operation["input"]["shape"]) if "input" in operation else ""
    got = "const %s **output, " % sdk.c_type(operation["output"]["shape"]) if "output" in operation else ""
    waits = "enum sluice_status %s(sluice_client *client, %ssluice_reply **reply, %sstruct sluice_error *error)" % (name, given, got)
    starts = ("enum sluice_status %s_start(sluice_client *client, %sconst struct sluice_call_options *options, sluice_completion *done, "
              "void *context, sluice_call_handle **handle, struct sluice_error *error)" % (name, given))
    return fold(waits, 4, len("SLUICE_API ")), fold(starts, 4, len("SLUICE_API "))


def write_operation(sdk, operation, out):
    name = snake(operation["name"])
    errors = ", ".join(e["shape"] for e in operation.get("errors", [])) or "none of its own"
    out += ["/* %s. Errors: %s. */" % (operation["name"], fold(errors, 3, len(operation["name"]) + 13)),
            "extern SLUICE_API const struct sluice_operation %s_%s_operation;" % (sdk.prefix, name)]
    if sdk.is_subscription(operation):
        out += ["/* Its answer goes on: sluice_subscribe. */", ""]
        return
    waits, starts = signatures(sdk, operation)
    out += ["SLUICE_API %s SLUICE_MUST_USE;" % waits, "SLUICE_API %s SLUICE_MUST_USE;" % starts, ""]


def header(sdk):
    guard = sdk.upper + "_H"
    title = {"kinesis": "Kinesis Data Streams", "firehose": "Data Firehose", "service": "Sluice's own operations"}.get(sdk.public, sdk.public)
    out = ["/* sluice/%s.h: %s: every operation, typed. Made from %s.json by wire/model/generate_sdk.py; change those." % (
        sdk.public, title, os.path.splitext(sdk.m.file)[0]), " *",
        " * For each operation: a function that waits for its answer (sluice_call), whose *output lives as long as *reply, which is the",
        " * caller's to free; and one that starts it (sluice_start). Members that are absent (zero) are not sent. Bounds are checked before",
        " * anything is. Values of enums are texts: the macros name those that the model knew, a service may send more. */",
        "#ifndef " + guard, "#define " + guard, "", "#include <sluice/client.h>", "", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    write_enums(sdk, out)
    write_types(sdk, out)
    for operation in sdk.m.operations:
        write_operation(sdk, operation, out)
    out += ["#ifdef __cplusplus", "}", "#endif", "#endif", ""]
    return "\n".join(out)


def write_layout(sdk, out):
    def same(ours, theirs, member, public_member):
        out.append("_Static_assert(offsetof(%s, %s) == offsetof(%s, %s), \"\");" % (ours, public_member, theirs, member))
    for name in sdk.m.of_type("structure", "list", "map"):
        ours, theirs = sdk.c_type(name), sdk.m.c_type(name)
        out.append("_Static_assert(sizeof(%s) == sizeof(%s), \"\");" % (ours, theirs))
        if sdk.m.shapes[name]["type"] == "structure":
            for member in sdk.m.members(name):
                same(ours, theirs, snake(member), sdk.member(member))
        else:
            for member in ("count", "present", "at"):
                same(ours, theirs, member, member)
    out.append("")


def write_functions(sdk, operation, out):
    name, has_input, has_output = snake(operation["name"]), "input" in operation, "output" in operation
    waits, starts = signatures(sdk, operation)
    row = "&%s_%s_operation" % (sdk.prefix, name)
    given = "input, sizeof(*input)" if has_input else "NULL, 0"
    out += ["%s" % waits, "{"]
    if has_output:
        out.append("    return call_and_wait(client, %s, %s, reply, (const void **)output, error);" % (row, given))
    else:
        out.append("    return call_and_wait(client, %s, %s, reply, NULL, error);" % (row, given))
    out += ["}", "", "%s" % starts, "{",
            "    return sluice_start(client, %s, %s, options, done, context, handle, error);" % (row, given), "}", ""]


def source(sdk):
    m = sdk.m
    out = ["/* %s.c: made by wire/model/generate_sdk.py from %s; change those. */" % (sdk.public, m.file),
           '#include "consumer-sdk/operation.h"', '#include "wire/model/%s.h"' % m.service, "",
           "#include <sluice/%s.h>" % sdk.public, ""]
    write_layout(sdk, out)
    service = {"firehose": "SERVICE_FIREHOSE"}.get(m.service, "SERVICE_KINESIS")
    for operation in m.operations:
        out += ["const struct sluice_operation %s_%s_operation = {" % (sdk.prefix, snake(operation["name"])),
                "    .model = &%s_operations[%s_OP_%s]," % (m.service, m.service.upper(), snake(operation["name"]).upper()),
                "    .target = %s_TARGET_PREFIX \".%s\"," % (m.service.upper(), operation["name"]),
                "    .service = %s," % service]
        if m.service == "kinesis":
            out.append("    .has_cbor = true,")
        out += ["};", ""]
        if not sdk.is_subscription(operation):
            write_functions(sdk, operation, out)
    return "\n".join(out)


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit("usage: generate_sdk.py MODEL.json SERVICE PUBLIC OUTDIR [RELAXED.json]")
    path, service, public, folder = sys.argv[1:5]
    relaxed = {}
    if len(sys.argv) == 6:
        with open(sys.argv[5], encoding="utf-8") as file:
            relaxed = json.load(file)
    try:
        sdk = Sdk(Model(path, service, relaxed), public)
        files = {"include/sluice/%s.h" % public: header(sdk), "sdk/%s.c" % public: source(sdk)}
    except Unsupported as error:
        sys.exit("generate_sdk.py: %s: %s" % (path, error))
    for name, text in files.items():
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


if __name__ == "__main__":
    main()
