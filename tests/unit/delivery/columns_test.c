/* columns_test.c: Hive's types as Glue writes them, the tables of a file, and what is wrong in either, in words. */
#include "delivery/columns.h"

#include "base/limits.h"
#include "delivery/tables.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum status parse(const char *type, struct arena *a, struct column *out, struct fault *f)
{
    arena_init(a, MIB(4));
    *out = (struct column){0};
    return column_parse(bytes_text(type), a, out, f);
}

static void types_are_read_to_their_depth(void **state)
{
    (void)state;
    struct arena a;
    struct column c;
    struct fault f;
    assert_int_equal(
        parse(" Array< STRUCT<First : decimal( 12 , 3 ),m:map<string,array<varchar(9)>>> > ", &a,
              &c, &f),
        OK);
    assert_int_equal(c.kind, COLUMN_ARRAY);
    const struct column *s = &c.children[0];
    assert_int_equal(s->kind, COLUMN_STRUCT);
    assert_int_equal(s->count, 2);
    assert_string_equal(s->children[0].name, "first");
    assert_int_equal(s->children[0].kind, COLUMN_DECIMAL);
    assert_int_equal(s->children[0].precision, 12);
    assert_int_equal(s->children[0].scale, 3);
    const struct column *m = &s->children[1];
    assert_int_equal(m->kind, COLUMN_MAP);
    assert_int_equal(m->children[1].children[0].kind, COLUMN_VARCHAR);
    assert_int_equal(m->children[1].children[0].length, 9);
    arena_fini(&a);
    assert_int_equal(parse("decimal", &a, &c, &f), OK);
    assert_int_equal(c.precision, 10);
    assert_int_equal(c.scale, 0);
    arena_fini(&a);
}

static void what_is_no_type_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *type, *words;
    } rows[] = {
        {"", "empty"},
        {"uniontype<int>", "'uniontype' is not a type"},
        {"array<int", "'>' is missing"},
        {"array<int,int>", "an array has one type"},
        {"map<int>", "a map has a key's type"},
        {"map<array<int>,int>", "a map's key"},
        {"struct<a>", "':' is missing"},
        {"struct<>", "empty"},
        {"decimal(39)", "not 1 to 38"},
        {"decimal(4,5)", "not 0 to 4"},
        {"varchar", "'(' is missing"},
        {"char(256)", "not 1 to 255"},
        {"int int", "goes on after its end"},
        {"array<array<array<array<array<array<array<array<array<array<array<array<array<array<"
         "array<array<array<int>>>>>>>>>>>>>>>>>",
         "deep"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena a;
        struct column c;
        struct fault f = {.text = ""};
        assert_int_equal(parse(rows[i].type, &a, &c, &f), INVALID_VALUE);
        if (!strstr(f.text, rows[i].words))
            fail_msg("%s: %s", rows[i].type, f.text);
        arena_fini(&a);
    }
}

static enum status open_text(const char *text, struct tables **out, struct fault *f)
{
    char path[] = "/tmp/sluice-tables-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum status st = tables_open(path, out, f);
    unlink(path);
    return st;
}

#define TABLE(version, type)                                                                       \
    "{\"DatabaseName\":\"D\",\"Name\":\"t\",\"VersionId\":\"" version                              \
    "\",\"Owner\":\"x\",\"StorageDescriptor\":{\"Columns\":[{\"Name\":\"Id\",\"Type\":\"" type     \
    "\"}]}}"

static void a_table_is_found_by_name_and_version(void **state)
{
    (void)state;
    struct tables *t;
    struct fault f;
    assert_int_equal(
        open_text("{\"TableList\":[" TABLE("1", "int") "," TABLE("2", "bigint") "]}", &t, &f), OK);
    static const struct {
        const char *version, *type;
    } rows[] = {{"1", "int"}, {"2", "bigint"}, {"LATEST", "bigint"}, {NULL, "bigint"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text;
        buf_init(&text, MIB(1));
        assert_int_equal(tables_find(t, BYTES_LITERAL("d"), BYTES_LITERAL("T"),
                                     bytes_text(rows[i].version), &text),
                         OK);
        struct arena a;
        struct columns c;
        arena_init(&a, MIB(1));
        assert_int_equal(columns_parse(buf_view(&text), &a, &c, &f), OK);
        assert_int_equal(c.count, 1);
        assert_string_equal(c.at[0].name, "id");
        assert_int_equal(c.at[0].kind, i == 0 ? COLUMN_INT : COLUMN_BIGINT);
        arena_fini(&a);
        buf_fini(&text);
    }
    struct buf none;
    buf_init(&none, MIB(1));
    assert_int_equal(
        tables_find(t, BYTES_LITERAL("d"), BYTES_LITERAL("t"), BYTES_LITERAL("3"), &none),
        NOT_FOUND);
    assert_int_equal(tables_find(NULL, BYTES_LITERAL("d"), BYTES_LITERAL("t"), BYTES_NONE, &none),
                     NOT_FOUND);
    buf_fini(&none);
    tables_close(t);
}

static void a_file_that_is_wrong_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"{", "line 1"},
        {"[]", "no TableList"},
        {"{\"TableList\":[{}]}", "no DatabaseName"},
        {"{\"TableList\":[{\"DatabaseName\":\"d\",\"Name\":\"t\"}]}",
         "table d.t: columns are not a list"},
        {"{\"TableList\":[" TABLE("1", "number") "]}",
         "table D.t: column id: 'number' is not a type"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tables *t;
        struct fault f = {.text = ""};
        assert_int_equal(open_text(rows[i].text, &t, &f), INVALID_VALUE);
        if (!strstr(f.text, rows[i].words))
            fail_msg("%s: %s", rows[i].text, f.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_read_to_their_depth),
        cmocka_unit_test(what_is_no_type_is_told),
        cmocka_unit_test(a_table_is_found_by_name_and_version),
        cmocka_unit_test(a_file_that_is_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
