/* plan_test.c: rows come back as they were written; damaged ones are refused. */
#include "delivery/plan.h"

#include "base/limits.h"
#include "delivery/output_rules.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

static void a_plan_comes_back(void **state)
{
    (void)state;
    struct parcel_refusal only = {.record = 3, .code = "c", .text = "why \"not\""};
    struct plan_facts in = {
        .first = {7, 1},
        .last = {9, 0},
        .channel = OUTPUT_MAIN,
        .partition = bytes_of("query:a\0x/\xc3\xa4\0", 13),
        .place = {"a/b%c", "bucket", "arn:k", COMPRESSION_GZIP},
        .first_ms = 12,
        .entry = "d",
        .failure = {.is = true,
                    .place = {"e", "b", NULL, COMPRESSION_NONE},
                    .code = "X.Y",
                    .text = "t",
                    .attempts = 4,
                    .ended_ms = 99,
                    .only = &only,
                    .only_count = 1},
    };
    struct plan_facts out;
    struct buf row;
    struct fault f = {0};
    buf_init(&row, MIB(1));
    assert_int_equal(plan_write(&in, &row), OK);
    assert_int_equal(plan_read(buf_view(&row), &out, &f), OK);
    assert_int_equal(out.first.offset, 7);
    assert_int_equal(out.first.sub, 1);
    assert_int_equal(out.last.offset, 9);
    assert_true(bytes_equal(out.partition, in.partition));
    assert_string_equal(out.place.name, "a/b%c");
    assert_string_equal(out.place.kms_key, "arn:k");
    assert_int_equal(out.place.compression, COMPRESSION_GZIP);
    assert_true(!out.to_s3 && out.failure.is);
    assert_null(out.failure.place.kms_key);
    assert_int_equal(out.failure.only_count, 1);
    assert_int_equal(out.failure.only[0].record, 3);
    assert_string_equal(out.failure.only[0].text, "why \"not\"");
    arena_fini(&out.arena);
    for (size_t cut = 0; cut < row.len; cut++)
        assert_int_equal(plan_read(bytes_of(row.at, cut), &out, &f), CORRUPT);
    buf_fini(&row);
}

/* Each for a long reason. */
static void many_refusals_come_back(void **state)
{
    (void)state;
    enum { MANY = 2 * OUTPUT_RECORDS_MAX };
    static struct parcel_refusal only[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        only[i] = (struct parcel_refusal){.record = i, .code = "400"};
        memset(only[i].text, '"', sizeof(only[i].text) - 1);
    }
    struct plan_facts out, in = {.place = {"n", NULL, NULL, COMPRESSION_NONE},
                                 .partition = BYTES_LITERAL(""),
                                 .entry = "d",
                                 .failure = {.is = true,
                                             .place = {"e", "b", NULL, COMPRESSION_NONE},
                                             .code = "c",
                                             .text = "t",
                                             .only = only,
                                             .only_count = MANY}};
    struct buf row;
    struct fault f = {0};
    buf_init(&row, MIB(64));
    assert_int_equal(plan_write(&in, &row), OK);
    assert_int_equal(plan_read(buf_view(&row), &out, &f), OK);
    assert_int_equal(out.failure.only_count, MANY);
    assert_string_equal(out.failure.only[MANY - 1].text, only[MANY - 1].text);
    arena_fini(&out.arena);
    buf_fini(&row);
}

static void plans_that_nobody_could_send_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        /* for S3, but to no bucket; of S3, refused; refused, but with no bucket for the errors */
        "\"s3\": true",
        "\"s3\": true, \"bucket\": \"b\", \"failed\": {\"name\": \"e\", \"bucket\": \"b\", "
        "\"compression\": "
        "\"UNCOMPRESSED\", \"code\": \"c\", \"text\": \"t\", \"attempts\": 1, \"ended_ms\": 1}",
        "\"s3\": false, \"failed\": {\"name\": \"e\", \"compression\": \"UNCOMPRESSED\", \"code\": "
        "\"c\", \"text\": \"t\", \"attempts\": 1, \"ended_ms\": 1}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[512];
        struct plan_facts out;
        struct fault f;
        snprintf(text, sizeof(text),
                 "{\"first\": [1, 0], \"last\": [2, 0], \"channel\": \"main\", \"first_ms\": 1, "
                 "\"name\": "
                 "\"n\", \"compression\": \"UNCOMPRESSED\", %s}",
                 rows[i]);
        assert_int_equal(plan_read(bytes_text(text), &out, &f), CORRUPT);
    }
}

static void keys_tell_shard_and_output(void **state)
{
    (void)state;
    struct buf key;
    uint32_t shard;
    struct bytes output;
    buf_init(&key, 4096);
    row_key(ROW_PLAN, 7, 3, "main:a%2Fb", (struct position){12, 1}, &key);
    assert_true(bytes_equal(
        buf_view(&key),
        BYTES_LITERAL(
            "plan/00000000000000000007/0000000003/main:a%2Fb/00000000000000000012.0000000001")));
    assert_true(row_key_parse(ROW_PLAN, buf_view(&key), &shard, &output));
    assert_int_equal(shard, 3);
    assert_true(bytes_equal(output, BYTES_LITERAL("main:a%2Fb")));
    buf_clear(&key);
    row_key(ROW_CURSOR, 7, 4000000000u, NULL, (struct position){0}, &key);
    assert_true(row_key_parse(ROW_CURSOR, buf_view(&key), &shard, &output));
    assert_int_equal(shard, 4000000000u);
    assert_false(row_key_parse(ROW_MARK, buf_view(&key), &shard, &output));
    buf_fini(&key);
}

static void output_names_come_back(void **state)
{
    (void)state;
    struct buf name;
    struct arena a;
    enum output_channel channel;
    struct bytes partition, given = bytes_of("query:a\0b/:c\0", 13);
    buf_init(&name, 4096);
    arena_init(&a, 65536);
    output_name(OUTPUT_ERROR, given, &name);
    assert_int_equal(output_parse(buf_view(&name), &channel, &partition, &a), OK);
    assert_int_equal(channel, OUTPUT_ERROR);
    assert_true(bytes_equal(partition, given));
    assert_int_equal(output_parse(BYTES_LITERAL("main"), &channel, &partition, &a), OK);
    assert_int_equal(partition.len, 0);
    assert_int_equal(output_parse(BYTES_LITERAL("maine"), &channel, &partition, &a), CORRUPT);
    arena_fini(&a);
    buf_fini(&name);
}

static void places_come_back(void **state)
{
    (void)state;
    struct place_row in = {{1ull << 52, 9}, 11}, out;
    struct buf row;
    struct fault f;
    buf_init(&row, 4096);
    place_write(&in, &row);
    assert_int_equal(place_read(buf_view(&row), &out, &f), OK);
    assert_true(out.next.offset == in.next.offset && out.next.sub == 9 && out.stream == 11);
    assert_int_equal(place_read(BYTES_LITERAL("{\"next\": -1}"), &out, &f), CORRUPT);
    buf_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_comes_back),
        cmocka_unit_test(many_refusals_come_back),
        cmocka_unit_test(plans_that_nobody_could_send_are_refused),
        cmocka_unit_test(keys_tell_shard_and_output),
        cmocka_unit_test(output_names_come_back),
        cmocka_unit_test(places_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
