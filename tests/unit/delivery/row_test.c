/* row_test.c: one value a row: which JSON a column takes, and the bytes that it becomes (columnar.h). */
#include "delivery/row.h"

#include "base/limits.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

/* The row of {"v": value} in a table of one column; its bytes behind the length in hex. */
static enum status row_of(const char *type, const char *value, char hex[512])
{
    struct arena a;
    struct column c = {.name = "v"};
    struct fault f = {.text = ""};
    arena_init(&a, MIB(1));
    assert_int_equal(column_parse(bytes_text(type), &a, &c, &f), OK);
    const struct bytes key = BYTES_LITERAL("v");
    const struct row_rules rules = {.columns = {1, &c}, .keys = &key};
    char text[512];
    snprintf(text, sizeof(text), "{\"v\":%s}", value);
    json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    struct buf out;
    buf_init(&out, MIB(1));
    enum status st = row_append(&rules, object, &out, &f);
    hex[0] = '\0';
    for (size_t i = 4; st == OK && i < out.len; i++)
        snprintf(hex + 2 * (i - 4), 3, "%02x", out.at[i]);
    if (st == OK)
        assert_int_equal(out.len - 4, out.at[0] | out.at[1] << 8);
    else
        assert_int_equal(out.len, 0);
    buf_fini(&out);
    json_decref(object);
    arena_fini(&a);
    return st;
}

struct value {
    const char *type, *json, *hex; /* hex NULL: it is not taken */
};

static const struct value rows[] = {
    {"int", "null", "00"},
    {"tinyint", "-128", "0180ffffffffffffff"},
    {"tinyint", "128", NULL},
    {"smallint", "\"-5\"", "01fbffffffffffffff"},
    {"int", "2147483648", NULL},
    {"int", "3.0", "010300000000000000"},
    {"int", "3.5", NULL},
    {"int", "true", NULL},
    {"int", "\" 3\"", NULL},
    {"bigint", "-9223372036854775808", "010000000000000080"},
    {"bigint", "\"9223372036854775807\"", "01ffffffffffffff7f"},
    {"bigint", "\"9223372036854775808\"", NULL},
    {"double", "\"1.5\"", "01000000000000f83f"},
    {"double", "\"0x10\"", NULL},
    {"double", "\"\"", NULL},
    {"float", "1e300", NULL},
    {"boolean", "\"TRUE\"", "0101"},
    {"boolean", "false", "0100"},
    {"boolean", "1", NULL},
    {"string", "\"\"", "0100000000"},
    {"string", "{\"a\":[1,null]}", "010e0000007b2261223a5b312c6e756c6c5d7d"},
    {"varchar(2)", "\"\xc3\xbc\xc3\xbc\xc3\xbc\"", "0104000000c3bcc3bc"},
    {"decimal(5,2)", "\"-123.456\"", "01c6cfffffffffffffffffffffffffffff"},
    {"decimal(5,2)", "\"0.005\"", "0101000000000000000000000000000000"},
    {"decimal(5,2)", "1.5e1", "01dc050000000000000000000000000000"},
    {"decimal(5,2)", "\"1e-1000\"", NULL},
    {"decimal(5,2)", "\"1e-999\"", "0100000000000000000000000000000000"},
    {"decimal(5,2)", "1000", NULL},
    {"decimal(5,2)", "\"999.995\"", NULL},
    {"decimal(38,0)", "\"99999999999999999999999999999999999999\"",
     "01ffffffff3f228a097ac4865aa84c3b4b"},
    {"decimal(38,0)", "\"100000000000000000000000000000000000000\"", NULL},
    {"decimal(5,2)", "\"1.2.3\"", NULL},
    {"decimal(5,2)", "\".\"", NULL},
    {"decimal(5,2)", "\"-\"", NULL},
    {"decimal(5,2)", "\".5\"", "0132000000000000000000000000000000"},
    {"date", "\"1969-12-31\"", "01ffffffffffffffff"},
    {"date", "\"nothing\"", NULL},
    {"timestamp", "\"1970-01-01 00:00:01\"", "0140420f0000000000"},
    {"timestamp", "1", "0140420f0000000000"},
    {"timestamp", "100000000000", "0100407a10f35a0000"},
    {"timestamp", "true", NULL},
    {"array<int>", "[1,null]",
     "01020000000101000000000000000"
     "0"},
    {"array<int>", "[1,\"x\"]", NULL},
    {"array<int>", "{}", NULL},
    {"map<string,boolean>", "{\"a\":true}",
     "010100000001010000006101"
     "01"},
    {"map<int,boolean>", "{\"a\":true}", NULL},
    {"struct<a:boolean,b:boolean>", "{\"B\":true,\"c\":1}", "01000101"},
    {"struct<a:boolean>", "[]", NULL},
};

static void values_become_their_columns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char hex[512];
        enum status st = row_of(rows[i].type, rows[i].json, hex);
        if (st != (rows[i].hex ? OK : INVALID_VALUE) ||
            strcmp(hex, rows[i].hex ? rows[i].hex : "") != 0)
            fail_msg("%s from %s: %s, %s", rows[i].type, rows[i].json, status_name(st), hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_become_their_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
