/* json_test.c: the JSON codec and the bounds check, by the tables of the real model. */
#include "wire/json.h"

#include "wire/check.h"
#include "wire/model/kinesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct arena arena;
static uint8_t body[65536];

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum status decode(const struct shape *s, const char *text, void *out, struct fault *f)
{
    memcpy(body, text, strlen(text));
    f->text[0] = '\0';
    return json_decode(s, body, strlen(text), &arena, out, f);
}

static void assert_view(struct bytes view, const char *text)
{
    assert_true(bytes_present(view));
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.at, text, view.len);
}

static void members_go_to_their_places(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    struct fault f;
    assert_int_equal(decode(&shape_kinesis_put_record_input,
                            " { \"Data\" : \"aGVsbG8=\", \"Unknown\": [1, {\"a\": [null, true]}], "
                            "\"PartitionKey\":\"k\\u00e9\\n\\ud83d\\ude00\","
                            "\"StreamName\": null } ",
                            &in, &f),
                     OK);
    assert_view(in.data, "hello");
    assert_view(in.partition_key, "k\xc3\xa9\n\xf0\x9f\x98\x80");
    assert_false(bytes_present(in.stream_name));
}

static void lists_and_maps_keep_their_order(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    struct kinesis_create_stream_input create;
    struct fault f;
    char text[8192] = "{\"Records\":[";
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "%s{\"Data\":\"\",\"PartitionKey\":\"%d\"}", i ? "," : "", i);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "]}");
    assert_int_equal(decode(&shape_kinesis_put_records_input, text, &in, &f), OK);
    assert_int_equal(in.records.count, 100);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        assert_view(in.records.at[i].partition_key, key);
        assert_true(bytes_present(in.records.at[i].data));
    }
    assert_int_equal(decode(&shape_kinesis_create_stream_input,
                            "{\"Tags\":{\"a\":\"1\",\"b\":\"2\"},\"ShardCount\":3.9,"
                            "\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}",
                            &create, &f),
                     OK);
    assert_int_equal(create.tags.count, 2);
    assert_view(create.tags.at[1].key, "b");
    assert_view(create.tags.at[1].value, "2");
    assert_int_equal(create.shard_count.value, 3);
    assert_view(create.stream_mode_details->stream_mode, "ON_DEMAND");
}

static void what_is_not_json_is_refused_without_words(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{",
        "{}x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{'a':1}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"StreamName\":1,\"a\":}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct kinesis_put_record_input in;
        struct fault f;
        enum status st = decode(&shape_kinesis_put_record_input, bad[i], &in, &f);
        if (st != MALFORMED || f.text[0])
            fprintf(stderr, "%s: %d %s\n", bad[i], st, f.text);
        assert_int_equal(st, MALFORMED);
        assert_string_equal(f.text, "");
        assert_false(json_is_object(bytes_text(bad[i])));
    }
    assert_true(json_is_object(bytes_text("{\"a\":[1,-0.5e+7,\"\\u0041\",{}]}")));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    struct fault f;
    char text[1024] = "{\"a\":";
    memset(text + 5, '[', 500);
    memset(text + 505, ']', 500);
    text[1005] = '}';
    text[1006] = '\0';
    assert_int_equal(decode(&shape_kinesis_put_record_input, text, &in, &f), MALFORMED);
}

static void wrong_types_are_worded_as_aws_does(void **state)
{
    (void)state;
    static const struct {
        const struct shape *shape;
        const char *text, *words;
    } wrong[] = {
        {&shape_kinesis_put_record_input, "{\"StreamName\":1}",
         "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an "
         "String"},
        {&shape_kinesis_put_record_input, "{\"StreamName\":[]}",
         "Start of list found where not expected"},
        {&shape_kinesis_put_record_input, "{\"StreamName\":{}}",
         "Start of structure or map found where not expected."},
        {&shape_kinesis_create_stream_input, "{\"ShardCount\":\"1\"}",
         "class java.lang.String can not be converted to an Integer"},
        {&shape_kinesis_create_stream_input, "{\"ShardCount\":true}",
         "class java.lang.Boolean can not be converted to an Integer"},
        {&shape_kinesis_put_records_input, "{\"Records\":1}", "Expected list or null"},
        {&shape_kinesis_create_stream_input, "{\"Tags\":1}", "Expected map or null"},
        {&shape_kinesis_put_record_input, "{\"Data\":\"23456\"}",
         "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of "
         "4 bytes but found: 5"},
        {&shape_kinesis_put_record_input, "{\"Data\":\"=+/=\"}",
         "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        uint64_t out[64];
        struct fault f;
        assert_int_equal(decode(wrong[i].shape, wrong[i].text, out, &f), MALFORMED);
        assert_string_equal(f.text, wrong[i].words);
    }
}

static void numbers_are_truncated_and_clamped(void **state)
{
    (void)state;
    struct kinesis_create_stream_input in;
    struct kinesis_get_shard_iterator_input it;
    struct fault f;
    assert_int_equal(decode(&shape_kinesis_create_stream_input,
                            "{\"ShardCount\":99999999999999999999}", &in, &f),
                     OK);
    assert_int_equal(in.shard_count.value, INT32_MAX);
    assert_int_equal(decode(&shape_kinesis_create_stream_input, "{\"ShardCount\":-1e400}", &in, &f),
                     OK);
    assert_int_equal(in.shard_count.value, INT32_MIN);
    assert_int_equal(decode(&shape_kinesis_get_shard_iterator_input,
                            "{\"Timestamp\":1.547993531819E9}", &it, &f),
                     OK);
    assert_int_equal(it.timestamp.value, 1547993531819);
}

static void answers_are_written_and_absent_members_left_out(void **state)
{
    (void)state;
    struct kinesis_record r = {.sequence_number = BYTES_LITERAL("49"),
                               .approximate_arrival_timestamp = {1547993531810, true},
                               .data = BYTES_LITERAL("hello"),
                               .partition_key = BYTES_LITERAL("a\"\\\n\x01\xc3\xa9\xff")};
    struct kinesis_get_records_output out = {.records = {1, true, &r},
                                             .millis_behind_latest = {0, true}};
    struct buf b;
    buf_init(&b, 4096);
    json_encode(&shape_kinesis_get_records_output, &out, &b);
    buf_append_byte(&b, 0);
    assert_int_equal(b.status, OK);
    assert_string_equal(
        (char *)b.at,
        "{\"Records\":[{\"SequenceNumber\":\"49\",\"ApproximateArrivalTimestamp\":1547993531.81,"
        "\"Data\":\"aGVsbG8=\","
        "\"PartitionKey\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\"}],\"MillisBehindLatest\":0}");
    buf_fini(&b);
}

static void violations_are_worded_as_aws_does(void **state)
{
    (void)state;
    static const struct {
        const struct shape *shape;
        const char *text, *words;
    } broken[] = {
        {&shape_kinesis_put_record_input, "{\"Data\":\"\",\"StreamName\":\"s\"}",
         "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: "
         "Member must not be null"},
        {&shape_kinesis_delete_stream_input, "{\"StreamName\":\"a b\"}",
         "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: "
         "Member must satisfy regular expression pattern: "
         "[a-zA-Z0-9_.-]+"},
        {&shape_kinesis_create_stream_input, "{\"StreamName\":\"s\",\"ShardCount\":0}",
         "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: "
         "Member must have value greater than or equal to 1"},
        {&shape_kinesis_put_records_input,
         "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"\"}]}",
         "1 validation error detected: Value '' at 'records.1.member.partitionKey' failed to "
         "satisfy constraint: Member must have length greater "
         "than or equal to 1"},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        uint64_t out[64];
        struct fault f;
        assert_int_equal(decode(broken[i].shape, broken[i].text, out, &f), OK);
        assert_int_equal(check(broken[i].shape, out, &f), INVALID_VALUE);
        assert_string_equal(f.text, broken[i].words);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(members_go_to_their_places),
        TEST(lists_and_maps_keep_their_order),
        TEST(what_is_not_json_is_refused_without_words),
        TEST(depth_is_bounded),
        TEST(wrong_types_are_worded_as_aws_does),
        TEST(numbers_are_truncated_and_clamped),
        TEST(answers_are_written_and_absent_members_left_out),
        TEST(violations_are_worded_as_aws_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
