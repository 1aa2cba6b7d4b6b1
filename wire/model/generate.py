#!/usr/bin/env python3
"""generate.py MODEL.json SERVICE OUTDIR [RELAXED.json]: from an AWS service model to OUTDIR/SERVICE.h and SERVICE.c.

For each shape that an operation's input or output reaches: a C type and a table (wire/shape.h says how they lie);
for each operation a row. Regular expressions become tables of states here, so that the program needs no regex
engine and a match costs one look-up a byte, whatever the pattern.

RELAXED.json holds members of shapes that replace the model's, where a setting may take what AWS does not: then the
operation looks at it, and says what the model would. The model itself stays as AWS gave it.

Promises: the output depends on nothing but the model (and, for \\p{..}, on Python's Unicode tables); what this
program does not understand ends it, with the shape or pattern named, and leaves no output.
"""
import json
import os
import re
import sys
import unicodedata
import warnings

try:
    from re import _parser as sre
except ImportError:  # Python before 3.11
    import sre_parse as sre

SCALARS = {  # shape type -> (enum shape_kind, C type of a member)
    "string": ("SHAPE_STRING", "struct bytes"), "blob": ("SHAPE_BLOB", "struct bytes"),
    "integer": ("SHAPE_INTEGER", "struct opt_int"), "long": ("SHAPE_LONG", "struct opt_int"),
    "boolean": ("SHAPE_BOOLEAN", "struct opt_int"), "timestamp": ("SHAPE_TIMESTAMP", "struct opt_int"),
    "double": ("SHAPE_DOUBLE", "struct opt_double"),
}
KEYWORDS = set("""auto bool break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while""".split())


class Unsupported(Exception):
    """The model holds something that this program cannot turn into tables."""


# ---------------------------------------------------------------------------------------------------------------
# Patterns: Python's parser gives the tree; the tree becomes an NFA over bytes, that a DFA, that the smallest DFA.
# Semantics are those of Java's String.matches: the whole text. Text is UTF-8 and has been checked to be so.
# Sets of characters are sorted lists of (low, high) code points.

LAST = 0x10FFFF
DIGITS = [(48, 57)]
WORD = [(48, 57), (65, 90), (95, 95), (97, 122)]
SPACE = [(9, 13), (32, 32)]
NON_ASCII = frozenset(range(0x80, 0x100))
# Java's '.' leaves out U+0085, U+2028 and U+2029 as well; we let them pass, so that beyond ASCII a set is
# mostly all or nothing, and a table need not spell out the whole of UTF-8 at each of its states.
LINE_ENDS = [(10, 10), (13, 13)]


def set_join(ranges):
    out = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return out


def set_invert(ranges):
    out, at = [], 0
    for low, high in set_join(ranges):
        if low > at:
            out.append((at, low - 1))
        at = high + 1
    if at <= LAST:
        out.append((at, LAST))
    return out


def category_set(name):
    sets = {"CATEGORY_DIGIT": DIGITS, "CATEGORY_WORD": WORD, "CATEGORY_SPACE": SPACE}
    name = str(name)
    if name in sets:
        return sets[name]
    if name.replace("_NOT", "") in sets:
        return set_invert(sets[name.replace("_NOT", "")])
    raise Unsupported(name)


def node_set(op, arg):
    """The set of a node that matches one character, or None."""
    op = str(op)
    if op == "LITERAL":
        return [(arg, arg)]
    if op == "NOT_LITERAL":
        return set_invert([(arg, arg)])
    if op == "ANY":
        return set_invert(LINE_ENDS)
    if op != "IN":
        return None
    ranges, negate = [], False
    for inner, value in arg:
        inner = str(inner)
        if inner == "NEGATE":
            negate = True
        elif inner == "LITERAL":
            ranges.append((value, value))
        elif inner == "RANGE":
            ranges.append(value)
        elif inner == "CATEGORY":
            ranges += category_set(value)
        else:
            raise Unsupported(inner)
    return set_invert(ranges) if negate else set_join(ranges)


def set_is_whole_beyond_ascii(ranges):
    return any(low <= 0x80 and high == LAST for low, high in ranges)


def set_bytes(ranges):
    """The set as single bytes: ASCII, and all bytes beyond it if the set has all characters beyond it."""
    ascii_bytes = frozenset(c for low, high in ranges for c in range(low, min(high, 0x7F) + 1))
    return ascii_bytes | NON_ASCII if set_is_whole_beyond_ascii(ranges) else ascii_bytes


def utf8_sequences(low, high):
    """Rows of byte ranges that together match the UTF-8 of low..high, both beyond ASCII."""
    for border in (0x7FF, 0xD7FF, 0xDFFF, 0xFFFF):
        if low <= border < high:
            return utf8_sequences(low, border) + utf8_sequences(border + 1, high)
    if 0xD800 <= low <= 0xDFFF:
        return []  # surrogates have no UTF-8
    for shift in (6, 12, 18):
        mask = (1 << shift) - 1
        if low >> shift != high >> shift:
            if low & mask:
                return utf8_sequences(low, low | mask) + utf8_sequences((low | mask) + 1, high)
            if high & mask != mask:
                return utf8_sequences(low, (high & ~mask) - 1) + utf8_sequences(high & ~mask, high)
    return [list(zip(chr(low).encode(), chr(high).encode()))]


class Nfa:
    """edges[state]: byte edges (set, to). jumps[state]: free edges (condition, set, to), where condition is None,
    'start', 'end', or 'next' / 'previous': the byte there, if any, must not be in the set."""

    def __init__(self):
        self.edges, self.jumps = [], []

    def state(self):
        self.edges.append([])
        self.jumps.append([])
        return len(self.edges) - 1

    def jump(self, start, end, condition=None, among=frozenset()):
        self.jumps[start].append((condition, among, end))

    def add_set(self, start, ranges, end):
        ascii_bytes = set_bytes(ranges) - NON_ASCII
        if ascii_bytes:
            self.edges[start].append((ascii_bytes, end))
        if set_is_whole_beyond_ascii(ranges):
            rows = [[(0xC2, 0xDF)], [(0xE0, 0xEF), (0x80, 0xBF)], [(0xF0, 0xF4), (0x80, 0xBF), (0x80, 0xBF)]]
            rows = [row + [(0x80, 0xBF)] for row in rows]
        else:
            rows = [row for low, high in ranges if high > 0x7F for row in utf8_sequences(max(low, 0x80), high)]
        for row in rows:
            at = start
            for i, (low, high) in enumerate(row):
                to = end if i == len(row) - 1 else self.state()
                self.edges[at].append((frozenset(range(low, high + 1)), to))
                at = to

    def add_repeat(self, start, least, most, items):
        """Returns the state after it."""
        one = node_set(*items[0]) if len(items) == 1 else None
        if one and str(most) == "MAXREPEAT" and least <= 1 and set_is_whole_beyond_ascii(one):
            # Whole runs of bytes beyond ASCII are whole runs of characters: no need to follow UTF-8.
            end = self.state()
            if least == 0:
                self.jump(start, end)
            self.edges[start].append((set_bytes(one), end))
            self.edges[end].append((set_bytes(one), end))
            return end
        at = start
        for _ in range(least):
            at = self.add(at, items)
        if str(most) == "MAXREPEAT":
            loop, end = self.state(), self.state()
            self.jump(at, loop)
            self.jump(self.add(loop, items), loop)
            self.jump(loop, end)
            return end
        end = self.state()
        for _ in range(most - least):
            self.jump(at, end)
            at = self.add(at, items)
        self.jump(at, end)
        return end

    def add_look(self, start, op, arg):
        direction, items = arg
        among = node_set(*items[0]) if len(items) == 1 else None
        if op != "ASSERT_NOT" or among is None:
            raise Unsupported("a look-around of more than one character inside the pattern")
        end = self.state()
        self.jump(start, end, "next" if direction > 0 else "previous", set_bytes(among))
        return end

    def add(self, start, items):
        """Adds the nodes one after the other; returns the state after them."""
        at = start
        for op, arg in items:
            name, one = str(op), node_set(op, arg)
            if one is not None:
                end = self.state()
                self.add_set(at, one, end)
                at = end
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                at = self.add_repeat(at, arg[0], arg[1], list(arg[2]))
            elif name == "SUBPATTERN":
                if arg[1] or arg[2]:
                    raise Unsupported("flags")
                at = self.add(at, list(arg[3]))
            elif name == "BRANCH":
                end = self.state()
                for branch in arg[1]:
                    self.jump(self.add(at, list(branch)), end)
                at = end
            elif name == "AT" and str(arg) in ("AT_BEGINNING", "AT_END"):
                end = self.state()
                self.jump(at, end, "start" if str(arg) == "AT_BEGINNING" else "end")
                at = end
            elif name in ("ASSERT", "ASSERT_NOT"):
                at = self.add_look(at, name, arg)
            else:
                raise Unsupported(name)
        return at

    def closure(self, items, previous, at_start):
        """Items are (state, bytes that must not come next, nothing may follow)."""
        seen, work = set(items), list(items)
        while work:
            state, barred, ended = work.pop()
            for condition, among, to in self.jumps[state]:
                if condition == "start" and not at_start:
                    continue
                if condition == "previous" and previous is not None and previous in among:
                    continue
                item = (to, barred | among if condition == "next" else barred, ended or condition == "end")
                if item not in seen:
                    seen.add(item)
                    work.append(item)
        return frozenset(seen)

    def letters(self):
        """One byte for each class of bytes that no edge tells apart, and the class of each byte."""
        sets = {among for edges in self.edges for among, _ in edges}
        sets |= {among for jumps in self.jumps for _, among, _ in jumps}
        signs = {}
        class_of = []
        ordered = sorted(sets, key=sorted)
        for byte in range(256):
            sign = tuple(byte in among for among in ordered)
            class_of.append(signs.setdefault(sign, len(signs)))
        return [class_of.index(c) for c in range(len(signs))], class_of


def determinise(nfa, start, accept):
    """-> (rows of next states by letter, accepting flags, class_of). State 0 starts; a dead state is among them."""
    letters, class_of = nfa.letters()
    first = nfa.closure([(start, frozenset(), False)], None, True)
    index, order, rows = {first: 0}, [first], []
    for current in order:
        row = []
        for byte in letters:
            moved = {(to, frozenset(), False) for state, barred, ended in current if not ended and byte not in barred
                     for among, to in nfa.edges[state] if byte in among}
            target = nfa.closure(moved, byte, False)
            if target not in index:
                index[target] = len(order)
                order.append(target)
            row.append(index[target])
        rows.append(row)
    return rows, [any(state == accept for state, _, _ in items) for items in order], class_of


def without(dfa, barred):
    """The DFA of what the first matches and the second does not."""
    rows_a, accept_a, class_a = dfa
    rows_b, accept_b, class_b = barred
    pairs = sorted(set(zip(class_a, class_b)))
    class_of = [pairs.index(pair) for pair in zip(class_a, class_b)]
    index, order, rows = {(0, 0): 0}, [(0, 0)], []
    for a, b in order:
        row = []
        for letter_a, letter_b in pairs:
            target = (rows_a[a][letter_a], rows_b[b][letter_b])
            if target not in index:
                index[target] = len(order)
                order.append(target)
            row.append(index[target])
        rows.append(row)
    return rows, [accept_a[a] and not accept_b[b] for a, b in order], class_of


def minimise(rows, accepts):
    """-> the same, with state 0 dead, state 1 the start, the rest in the order in which they are reached."""
    rows, accepts = rows + [[len(rows)] * len(rows[0])], accepts + [False]
    dead, block = len(rows) - 1, [int(a) for a in accepts]
    while True:
        signs = {}
        refined = [signs.setdefault((block[i], tuple(block[t] for t in rows[i])), len(signs)) for i in range(len(rows))]
        if len(signs) == len(set(block)):
            break
        block = refined
    if block[0] == block[dead]:
        raise Unsupported("nothing can match it")
    number, order = {block[dead]: 0, block[0]: 1}, [dead, 0]
    for state in order:
        for target in rows[state]:
            if block[target] not in number:
                number[block[target]] = len(order)
                order.append(target)
    return [[number[block[t]] for t in rows[i]] for i in order], [accepts[i] for i in order]


def merge_letters(rows, class_of):
    """Letters whose columns are the same become one."""
    columns = {}
    merged = [columns.setdefault(tuple(row[c] for row in rows), len(columns)) for c in range(len(rows[0]))]
    keep = [merged.index(c) for c in range(len(columns))]
    return [[row[c] for c in keep] for row in rows], [merged[c] for c in class_of]


def spell_categories(pattern):
    """\\p{L} and the like, only inside brackets, as ranges of code points: Python's parser does not know them."""
    def spell(match):
        wanted = match.group(1)
        ranges = set_join([(c, c) for c in range(LAST + 1) if unicodedata.category(chr(c)).startswith(wanted)])
        return "".join("\\U%08x-\\U%08x" % pair for pair in ranges)
    return re.sub(r"\\p\{([A-Z][a-z]?)\}", spell, pattern)


def compile_pattern(pattern):
    """-> (class_of, rows, accepts)"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        items = list(sre.parse(spell_categories(pattern), re.ASCII))
    anchor = [] if not items or str(items[0][0]) != "AT" else [items.pop(0)]
    barred = None
    if items and str(items[0][0]) == "ASSERT_NOT" and items[0][1][0] > 0:
        # (?!X)Y at the beginning: what Y matches, less what starts with X.
        nfa = Nfa()
        start = nfa.state()
        end = nfa.add(start, list(items.pop(0)[1][1]))
        rest = nfa.state()
        nfa.jump(end, rest)
        nfa.edges[rest].append((frozenset(range(256)), rest))
        barred = determinise(nfa, start, rest)
    nfa = Nfa()
    start = nfa.state()
    dfa = determinise(nfa, start, nfa.add(start, anchor + items))
    rows, accepts, class_of = without(dfa, barred) if barred else dfa
    rows, accepts = minimise(rows, accepts)
    rows, class_of = merge_letters(rows, class_of)
    if len(rows) > 0xFFFF:
        raise Unsupported("more than 65,535 states")
    return class_of, rows, accepts


# ---------------------------------------------------------------------------------------------------------------
# Names

WORDS = re.compile(r"AWS(?=KMS)|[KMG]iBps|[KMG]iB|[KM]Bs|SerDe|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def snake(name):
    """PartitionKey -> partition_key, StreamARN -> stream_arn, S3Backup -> s3_backup, SizeInMBs -> size_in_mbs."""
    out = ""
    for part in re.split(r"[^A-Za-z0-9]+", name):
        for word in WORDS.findall(part):
            out += ("_" if out and not word.isdigit() else "") + word.lower()
        out += "_"
    out = re.sub(r"_+", "_", out).strip("_")
    return out + "_" if out in KEYWORDS else out


def camel(name):
    """As violations spell it: the first letter small, whatever follows."""
    return name[:1].lower() + name[1:]


def literal(text):
    out = ""
    for byte in text.encode():
        c = chr(byte)
        out += "\\" + c if c in '"\\' else c if " " <= c <= "~" and c != "?" else "\\%03o" % byte
    return '"' + out + '"'


# ---------------------------------------------------------------------------------------------------------------
# The model

class Model:
    def __init__(self, path, service, relaxed):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        self.service, self.file = service, os.path.basename(path)
        for name, members in relaxed.items():
            data["shapes"][name].update(members)
        self.shapes, self.target = data["shapes"], data["metadata"].get("targetPrefix", "")
        self.operations = [data["operations"][name] for name in sorted(data["operations"])]
        self.reached = set()
        for operation in self.operations:
            for side in ("input", "output"):
                if side in operation:
                    self.reach(operation[side]["shape"])
        self.order = sorted(self.reached)
        self.patterns = sorted({self.shapes[n]["pattern"] for n in self.order if "pattern" in self.shapes[n]})
        self.check_names()

    def reach(self, name):
        shape = self.shapes[name]
        if name in self.reached:
            return
        if shape.get("eventstream"):
            for member in shape["members"].values():
                if not self.shapes[member["shape"]].get("exception"):
                    self.reach(member["shape"])
            return
        if shape["type"] not in SCALARS and shape["type"] not in ("structure", "list", "map"):
            raise Unsupported("shape %s: type %s" % (name, shape["type"]))
        self.reached.add(name)
        for member in shape.get("members", {}).values():
            self.reach(member["shape"])
        for part in ("member", "key", "value"):
            if part in shape:
                self.reach(shape[part]["shape"])
        if shape["type"] == "map" and any(self.shapes[shape[p]["shape"]]["type"] != "string" for p in ("key", "value")):
            raise Unsupported("shape %s: a map of other than strings" % name)

    def check_names(self):
        if len({snake(n) for n in self.order}) != len(self.order):
            raise Unsupported("two shapes get one C name")
        for name in self.structures():
            names = [snake(m) for m in self.members(name)]
            if len(set(names)) != len(names):
                raise Unsupported("shape %s: two members get one C name" % name)

    def of_type(self, *types):
        return [n for n in self.order if self.shapes[n]["type"] in types]

    def structures(self):
        return self.of_type("structure")

    def enums(self):
        return [n for n in self.order if "enum" in self.shapes[n]]

    def members(self, name):
        return {m: v["shape"] for m, v in self.shapes[name]["members"].items() if v["shape"] in self.reached}

    def c_name(self, name):
        return self.service + "_" + snake(name)

    def c_type(self, name):
        kind = self.shapes[name]["type"]
        return SCALARS[kind][1] if kind in SCALARS else "struct " + self.c_name(name)

    def member_type(self, name):
        return self.c_type(name) + (" *" if self.shapes[name]["type"] == "structure" else " ")


def write_types(m, out):
    for name in m.structures():
        out.append("%s;" % m.c_type(name))
    out.append("")
    for name in m.enums():
        out.append("enum %s {" % m.c_name(name))
        for value in m.shapes[name]["enum"]:
            out.append("    %s_%s," % (m.c_name(name).upper(), snake(value).upper()))
        out += ["};", ""]
    for name in m.of_type("list", "map"):
        shape = m.shapes[name]
        element = m.c_type(shape["member"]["shape"]) if shape["type"] == "list" else "struct shape_pair"
        out += ["%s {" % m.c_type(name), "    uint32_t count;", "    bool present;", "    %s *at;" % element, "};", ""]
    for name in m.structures():
        out.append("%s {" % m.c_type(name))
        for member, shape in m.members(name).items():
            out.append("    %s%s;" % (m.member_type(shape), snake(member)))
        for member in m.shapes[name]["members"]:
            if member not in m.members(name):
                out.append("    /* %s: an event stream, sent in frames of its own */" % member)
        if not m.members(name):
            out.append("    uint8_t no_members;")
        out += ["};", ""]


def header(m):
    guard = "SLUICE_WIRE_MODEL_%s_H" % m.service.upper()
    upper = m.service.upper()
    out = ["/* %s.h: made by wire/model/generate.py from %s; change those. */" % (m.service, m.file),
           "#ifndef " + guard, "#define " + guard, "", '#include "wire/shape.h"', ""]
    out += ["#define %s_TARGET_PREFIX %s" % (upper, literal(m.target)), ""]
    write_types(m, out)
    out += ["extern const struct shape shape_%s;" % m.c_name(name) for name in m.order]
    out += ["", "/* Sorted by name. */", "enum %s_operation_index {" % m.service]
    out += ["    %s_OP_%s," % (upper, snake(operation["name"]).upper()) for operation in m.operations]
    out += ["};", "enum { %s_OPERATIONS = %d };" % (upper, len(m.operations)),
            "extern const struct operation_model %s_operations[%s_OPERATIONS];" % (m.service, upper), "", "#endif", ""]
    return "\n".join(out)


def numbers(values):
    lines, line = [], "   "
    for value in values:
        text = " %d," % value
        if len(line) + len(text) > 110:
            lines.append(line)
            line = "   "
        line += text
    return lines + [line]


def write_pattern(index, pattern, out):
    try:
        class_of, rows, accepts = compile_pattern(pattern)
    except (Unsupported, re.error, Warning) as error:
        raise Unsupported("pattern %s: %s" % (pattern, error)) from error
    out.append("static const uint8_t classes_%d[256] = {" % index)
    out += numbers(class_of)
    out += ["};", "static const uint16_t next_%d[] = {" % index]
    for row in rows:
        out += numbers(row)
    out += ["};", "static const uint8_t accepts_%d[] = {" % index]
    out += numbers([int(a) for a in accepts])
    out += ["};", "static const struct shape_pattern pattern_%d = {" % index, "    .text = %s," % literal(pattern),
            "    .class_of = classes_%d," % index, "    .next = next_%d," % index, "    .accepts = accepts_%d," % index,
            "    .states = %d," % len(rows), "    .classes = %d," % len(rows[0]), "};", ""]


def write_bounds(name, shape, out):
    for bound in ("min", "max"):
        if bound in shape:
            if shape[bound] != int(shape[bound]):
                raise Unsupported("shape %s: %s is not whole" % (name, bound))
            out.append("    .%s = %d," % (bound, int(shape[bound])))
            out.append("    .has_%s = true," % bound)


def write_fields(m, name, out):
    required = m.shapes[name].get("required", [])
    if not m.members(name):
        return
    out.append("static const struct shape_field fields_%s[] = {" % m.c_name(name))
    for member, shape in m.members(name).items():
        out.append("    {.name = %s, .path = %s, .name_len = %d, .required = %s," % (
            literal(member), literal(camel(member)), len(member), "true" if member in required else "false"))
        out.append("     .offset = offsetof(%s, %s), .shape = &shape_%s}," % (m.c_type(name), snake(member), m.c_name(shape)))
    out += ["};"]


def write_shape(m, name, out):
    shape, c_name = m.shapes[name], m.c_name(name)
    kind = SCALARS[shape["type"]][0] if shape["type"] in SCALARS else "SHAPE_" + shape["type"].upper()
    if shape["type"] == "structure":
        write_fields(m, name, out)
    if "enum" in shape:
        values = ", ".join(literal(v) for v in shape["enum"])
        out.append("static const char *const values_%s[] = {%s, NULL};" % (c_name, values))
    out.append("const struct shape shape_%s = {" % c_name)
    out += ["    .name = %s," % literal(name), "    .kind = %s," % kind, "    .size = sizeof(%s)," % m.c_type(name)]
    write_bounds(name, shape, out)
    if shape.get("sensitive"):
        out.append("    .sensitive = true,")
    if "pattern" in shape:
        out.append("    .pattern = &pattern_%d," % m.patterns.index(shape["pattern"]))
    if "enum" in shape:
        out += ["    .enum_values = values_%s," % c_name, "    .enum_text = %s," % literal("[%s]" % ", ".join(shape["enum"]))]
    if shape["type"] == "structure" and m.members(name):
        out += ["    .fields = fields_%s," % c_name, "    .field_count = %d," % len(m.members(name))]
    for part, field in (("member", "element"), ("key", "element"), ("value", "map_value")):
        if part in shape:
            out.append("    .%s = &shape_%s," % (field, m.c_name(shape[part]["shape"])))
    out += ["};", ""]


def source(m):
    out = ["/* %s.c: made by wire/model/generate.py from %s; change those. Tables only. */" % (m.service, m.file),
           '#include "wire/model/%s.h"' % m.service, ""]
    for index, pattern in enumerate(m.patterns):
        write_pattern(index, pattern, out)
    for name in m.order:
        write_shape(m, name, out)
    rows = []
    for operation in m.operations:
        errors = "errors_%s" % snake(operation["name"])
        names = [literal(e["shape"]) for e in operation.get("errors", [])]
        out.append("static const char *const %s[] = {%s};" % (errors, ", ".join(names + ["NULL"])))
        sides = ["&shape_" + m.c_name(operation[s]["shape"]) if s in operation else "NULL" for s in ("input", "output")]
        rows.append("    {.name = %s, .input = %s, .output = %s, .errors = %s}," % (literal(operation["name"]), *sides, errors))
    out += ["", "const struct operation_model %s_operations[%s_OPERATIONS] = {" % (m.service, m.service.upper())] + rows + ["};", ""]
    return "\n".join(out)


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: generate.py MODEL.json SERVICE OUTDIR [RELAXED.json]")
    path, service, folder = sys.argv[1:4]
    relaxed = {}
    if len(sys.argv) == 5:
        with open(sys.argv[4], encoding="utf-8") as file:
            relaxed = json.load(file)
    try:
        model = Model(path, service, relaxed)
        files = {service + ".h": header(model), service + ".c": source(model)}
    except Unsupported as error:
        sys.exit("generate.py: %s: %s" % (path, error))
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


if __name__ == "__main__":
    main()
