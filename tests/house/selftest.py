#!/usr/bin/env python3
"""selftest.py: each house check can fail. Small trees are made, one broken rule each, and the check must name file and line."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import arrows
import banned
import coverage
import shape
import source

HERE = os.path.dirname(os.path.abspath(__file__))


class Tree(unittest.TestCase):
    """A source tree that lives as long as its test."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        self.addCleanup(self.folder.cleanup)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def must_complain(self, check, *wanted):
        found = check(self.root)
        self.assertEqual(len(found), len(wanted), found)
        for complaint, start in zip(found, wanted):
            self.assertTrue(complaint.startswith(start), f"{complaint!r} does not start with {start!r}")

    def must_pass(self, check):
        self.assertEqual(check(self.root), [])


class Arrows(Tree):
    def setUp(self):
        super().setUp()
        for path in ("base/buf.h", "base/buf_internal.h", "wire/json.h", "shards/log.h", "api/auth.h"):
            self.write(path, "")

    def test_what_stands_to_the_right_may_be_included(self):
        self.write("api/auth.c", '#include "api/auth.h"\n#include "shards/log.h"\n#include "wire/model/kinesis.h"\n')
        self.write("base/buf.c", '#include "base/buf_internal.h"\n#include <stdio.h>\n')
        self.must_pass(arrows.check)

    def test_an_arrow_against_the_order_is_refused(self):
        self.write("shards/log.c", '#include "base/buf.h"\n#include "api/auth.h"\n')
        self.write("base/buf.c", '#include "wire/model/kinesis.h"\n')
        self.must_complain(arrows.check, "base/buf.c:1: arrows:", "shards/log.c:2: arrows:")

    def test_shards_and_wire_do_not_know_each_other(self):
        self.write("shards/log.c", '#include "wire/json.h"\n')
        self.write("wire/json.c", '#  include "shards/log.h"\n')
        self.must_complain(arrows.check, "shards/log.c:1: arrows:", "wire/json.c:1: arrows:")

    def test_an_internal_header_is_for_its_folder_and_its_tests(self):
        self.write("tests/unit/base/buf_test.c", '#include "base/buf_internal.h"\n')
        self.write("tests/unit/wire/json_test.c", '#include "base/buf_internal.h"\n')
        self.write("wire/json.c", '#include "base/buf_internal.h"\n')
        self.must_complain(arrows.check, "tests/unit/wire/json_test.c:1: arrows:", "wire/json.c:1: arrows:")

    def test_a_bare_name_a_missing_file_and_an_unknown_folder_are_refused(self):
        self.write("base/buf.c", '#include "buf.h"\n')
        self.write("misc/a.c", '\n#include "base/buf.h"\n')
        self.write("wire/json.c", '#include "wire/nothing.h"\n')
        self.must_complain(arrows.check, "base/buf.c:1:", "misc/a.c:2:", "wire/json.c:1:")

    def test_tests_include_anything(self):
        self.write("tests/support/fake.h", "")
        self.write("tests/api/put_test.c", '#include "support/fake.h"\n#include "api/auth.h"\n')
        self.must_pass(arrows.check)


def function(lines, branches=0):
    body = ["    if (x)", "        return;"] * branches
    body += ["    x++;"] * (lines - 3 - len(body))
    return "\n".join(["static void f(int x)", "{"] + body + ["}", ""])


class Shape(Tree):
    def test_what_is_at_the_caps_passes(self):
        self.write("base/a.c", function(60, 14))
        self.write("base/b.c", "int x;\n" * 600)
        self.must_pass(shape.check)

    def test_a_long_file_is_refused(self):
        self.write("base/b.c", "int x;\n" * 601)
        self.must_complain(shape.check, "base/b.c:601: shape: 601 lines")

    def test_a_long_function_is_refused(self):
        self.write("base/a.c", "\n" + function(61))
        self.must_complain(shape.check, "base/a.c:2: shape: f has 61 lines")

    def test_a_ladder_is_refused(self):
        self.write("base/a.c", function(40, 15))
        self.must_complain(shape.check, "base/a.c:1: shape: f has complexity 16")

    def test_each_kind_of_branch_counts(self):
        for text in ("if (x) {}", "for (;;) {}", "while (x) {}", "switch (x) { case 1: }", "x = a && b;", "x = a || b;", "x = a ? 1 : 2;"):
            found, _ = shape.functions_of("int f(void)\n{\n" + text + "\n}\n")
            self.assertEqual([(f.name, f.complexity) for f in found], [("f", 2)], text)

    def test_words_in_comments_and_strings_do_not_count(self):
        found, _ = shape.functions_of('int f(void)\n{\n/* if { */ puts("if } && \\" {"); // while\nreturn \'{\';\n}\n')
        self.assertEqual([(f.complexity, f.lines) for f in found], [(1, 5)])

    def test_tables_and_types_are_no_functions(self):
        found, whole = shape.functions_of("struct s { int (*f)(int); };\nstatic const struct s t[] = {{0}, {0}};\nenum { A = (1) };\n")
        self.assertEqual((found, whole), ([], True))

    def test_a_name_is_found_past_attributes_and_macros(self):
        found, _ = shape.functions_of("#define X(a) { \\\n  {\n__attribute__((cold)) struct a *g(int (*h)(int))\n{\n}\n")
        self.assertEqual([f.name for f in found], ["g"])

    def test_branches_of_the_preprocessor_may_share_a_brace(self):
        found, whole = shape.functions_of("#if A\nint f(void) {\n#else\nint f(int x) {\n#endif\n}\n")
        self.assertEqual(([f.name for f in found], whole), (["f"], True))

    def test_an_exception_lets_it_stand_and_an_idle_one_is_refused(self):
        self.write("base/a.c", function(61))
        self.write("tests/house/exceptions.txt", "function base/a.c:f one row after another\n")
        self.must_pass(shape.check)
        self.write("base/a.c", function(10))
        self.must_complain(shape.check, "tests/house/exceptions.txt:1:")

    def test_an_exception_needs_its_reason(self):
        self.write("tests/house/exceptions.txt", "# why\n\nfunction base/a.c:f\n")
        self.must_complain(shape.check, "tests/house/exceptions.txt:3:")


class Banned(Tree):
    def test_each_banned_call_is_refused(self):
        for word in banned.EVERYWHERE | banned.OUTSIDE_BASE:
            self.write("wire/a.c", f"void f(void)\n{{\n    {word} (x);\n}}\n")
            self.must_complain(banned.check, f"wire/a.c:3: banned: {word}()")

    def test_base_may_touch_the_heap_but_not_strcpy(self):
        self.write("base/mem.c", "void f(void)\n{\n    free(p);\n    strcpy(a, b);\n}\n")
        self.must_complain(banned.check, "base/mem.c:4: banned: strcpy()")

    def test_names_that_only_look_alike_pass(self):
        self.write("wire/a.c", 'void f(void)\n{\n    mem_free(p);\n    x->free(p);\n    t.time(1);\n    gmtime_r(a, b); /* free(x) */\n    puts("malloc(1)");\n}\n')
        self.must_pass(banned.check)

    def test_an_exception_lets_a_call_stand(self):
        self.write("wire/a.c", "void f(void)\n{\n    free(p);\n}\n")
        self.write("tests/house/exceptions.txt", "banned wire/a.c:free a library hands it over\n")
        self.must_pass(banned.check)

    def test_a_sleep_in_a_test_gives_its_reason(self):
        self.write("tests/e2e/a.py", "import time\ntime.sleep(1)\n")
        self.write("tests/unit/a_test.c", "int a;\nvoid f(void)\n{\n    usleep(5);\n}\n")
        self.must_complain(banned.check, "tests/e2e/a.py:2:", "tests/unit/a_test.c:4:")
        self.write("tests/e2e/a.py", "import time\n# a client that says a byte a second\ntime.sleep(1)\n")
        self.write("tests/unit/a_test.c", "int a;\nvoid f(void)\n{\n    usleep(5); /* the clock itself is on trial */\n}\n")
        self.must_pass(banned.check)

    def test_unfinished_work_needs_its_number(self):
        self.write("base/a.c", "/* TODO: later */\n")
        self.must_complain(banned.check, "base/a.c:1:")
        self.write("base/a.c", "/* TODO(#12): later */\n")
        self.must_pass(banned.check)

    def test_a_tab_is_refused(self):
        self.write("docs/A.md", "a\n\tb\n")
        self.must_complain(banned.check, "docs/A.md:2: banned: a tab")

    def test_build_folders_are_not_ours(self):
        self.write("build/x/a.c", "\tfree(p);\n")
        self.must_pass(banned.check)


class Coverage(Tree):
    """A model of two operations: Put, which is served and raises two errors, and Look, which is not yet."""

    DOC = (
        "| operation | error | what raises it |\n|---|---|---|\n"  # lines 1, 2
        "| Put | FullException | `tests/api/put_test.c::full` |\n"
        "| Put | KeyLost | never: NoKeys |\n"
        "| Look | GoneException | not served yet |\n"
        "\n## Never\n\n- NoKeys (until Look): nothing has a key.\n"  # line 9
        "\n## Not served yet\n\n- Look\n"  # line 13
    )
    TEST = 'static void full(void **state)\n{\n    refused("Put", "FullException");\n}\nint main(void)\n{\n    run(full);\n}\n'

    def setUp(self):
        super().setUp()
        model = {"operations": {"Put": {"errors": [{"shape": "FullException"}, {"shape": "KeyLost"}]}, "Look": {"errors": [{"shape": "GoneException"}]}}}
        self.write(coverage.MODEL, json.dumps(model))
        self.write(coverage.OPERATIONS, "OPERATION(Put, PUT, op_put)\n")
        self.write(coverage.DOC, self.DOC)
        self.write(coverage.API, "# What is served\n\n[Coverage](COVERAGE.md)\n")
        self.write("tests/api/put_test.c", self.TEST)

    def doc_with(self, before, after):
        self.assertIn(before, self.DOC)
        self.write(coverage.DOC, self.DOC.replace(before, after))

    def must_name(self, *wanted):
        """Complaints, as (line, words in them)."""
        found = coverage.check(self.root)
        self.assertEqual(len(found), len(wanted), found)
        for complaint, (line, words) in zip(found, wanted):
            self.assertTrue(complaint.startswith(f"docs/COVERAGE.md:{line}: coverage: "), complaint)
            self.assertIn(words, complaint)

    def test_a_whole_table_passes(self):
        self.must_pass(coverage.check)

    def test_a_pair_is_there_exactly_once(self):
        row = "| Put | FullException | `tests/api/put_test.c::full` |\n"
        self.doc_with(row, "")
        self.must_name((1, "Put, FullException is missing"))
        self.doc_with(row, row + row)
        self.must_name((4, "twice"))
        self.doc_with(row, row + row.replace("Full", "Empty"))
        self.must_name((4, "does not name Empty"), (4, "the model does not say"))

    def test_a_named_test_exists_is_run_and_names_both(self):
        self.doc_with("::full", "::empty")
        self.must_name((3, "no test empty"))
        self.doc_with("put_test.c::full", "get_test.c::full")
        self.must_name((3, "does not exist"))
        self.write(coverage.DOC, self.DOC)
        self.write("tests/api/put_test.c", self.TEST.replace("run(full)", "/* full */ run()"))
        self.must_name((3, "no test full that is run"))
        self.write("tests/api/put_test.c", self.TEST.replace('"Put"', "0"))
        self.must_name((3, "does not name Put"))

    def test_a_python_test_names_operations_as_boto3_does(self):
        self.doc_with("tests/api/put_test.c::full", "tests/e2e/test_put.py::test_full")
        self.write("tests/e2e/test_put.py", 'def test_full(kinesis):\n    kinesis.put()  # raises "FullException"\n')
        self.must_pass(coverage.check)
        self.write("tests/e2e/test_put.py", "def helper():\n    put, FullException\n")
        self.must_name((3, "no test test_full"))

    def test_only_listed_reasons_are_given_and_all_are_used(self):
        self.doc_with("never: NoKeys", "never: BecauseISaySo")
        self.must_name((4, "not in the list"), (9, "NoKeys any more"))
        self.doc_with("never: NoKeys", "later")
        self.must_name((4, "is neither"), (9, "NoKeys any more"))

    def test_what_is_not_served_is_listed_and_only_that(self):
        self.doc_with("\n- Look\n", "\n")
        self.must_name((1, "does not stand under"), (5, "stand together"), (9, "a reason no more"))
        self.doc_with("GoneException | not served yet", "GoneException | never: NoKeys")
        self.must_name((5, "stand together"))
        self.doc_with("KeyLost | never: NoKeys", "KeyLost | not served yet")
        self.must_name((4, "stand together"), (9, "NoKeys any more"))

    def test_the_page_of_the_api_leads_to_it_at_its_top(self):
        self.write(coverage.API, "# What is served\n\n## Much\n\n[Coverage](COVERAGE.md)\n")
        self.must_name((1, "does not lead here"))

    def test_an_operation_that_is_served_leaves_the_list(self):
        self.write(coverage.OPERATIONS, "OPERATION(Put, PUT, op_put)\nOPERATION(Look, LOOK, op_look)\n")
        self.must_name((13, "Look is served"))


class Format(Tree):
    def run_it(self):
        return subprocess.run(["bash", os.path.join(HERE, "format.sh"), self.root], capture_output=True, text=True, check=False)

    def setUp(self):
        super().setUp()
        self.write(".clang-format", source.read(source.ROOT, ".clang-format"))

    def test_what_stands_right_passes(self):
        self.write("a.c", "int f(void)\n{\n    return 1;\n}\n")
        self.assertEqual(self.run_it().returncode, 0)

    def test_what_stands_wrong_is_named(self):
        self.write("a.c", "int f(void) {\n  return 1; }\n")
        ran = self.run_it()
        self.assertEqual(ran.returncode, 1)
        self.assertIn("a.c:1:", ran.stdout)

    def test_an_empty_tree_is_no_success(self):
        self.assertEqual(self.run_it().returncode, 1)


class Programs(Tree):
    def test_a_check_ends_with_1_when_it_complains(self):
        self.write("misc/a.c", '#include "a.h"\n' + function(61) + "\tfree(p);\n")
        for name in ("arrows", "shape", "banned"):
            for root, wanted in ((self.root, 1), (os.path.join(self.root, "none"), 0)):
                ran = subprocess.run([sys.executable, os.path.join(HERE, name + ".py"), root], capture_output=True, check=False)
                self.assertEqual(ran.returncode, wanted, (name, ran.stdout))


if __name__ == "__main__":
    unittest.main()
