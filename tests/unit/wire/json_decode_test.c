/* json_decode_test.c: the corners of decoding: places, numbers, escapes, what comes twice, what
 * does not fit. */
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/json_internal.h"
#include "wire/model/kinesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct arena arena;
static uint8_t *body;
static struct fault fault;

/* From a block of exactly the text's size, so that a sanitizer sees whatever is read beyond it. */
static enum status decode_bytes(const struct shape *s, struct bytes text, void *out)
{
    mem_free(body);
    body = mem_must(text.len ? text.len : 1);
    memcpy(body, text.at, text.len);
    fault.text[0] = '\0';
    return json_decode(s, body, text.len, &arena, out, &fault);
}

static enum status decode(const struct shape *s, const char *text, void *out)
{
    return decode_bytes(s, bytes_text(text), out);
}

static void assert_view(struct bytes view, const char *text)
{
    assert_true(bytes_present(view));
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.at, text, view.len);
}

static int64_t integer(const char *text)
{
    struct kinesis_create_stream_input in;
    char json[400];
    snprintf(json, sizeof(json), "{\"ShardCount\":%s}", text);
    assert_int_equal(decode(&shape_kinesis_create_stream_input, json, &in), OK);
    assert_true(in.shard_count.present);
    return in.shard_count.value;
}

static int64_t timestamp(const char *text)
{
    struct kinesis_list_shards_input in;
    char json[400];
    snprintf(json, sizeof(json), "{\"StreamCreationTimestamp\":%s}", text);
    assert_int_equal(decode(&shape_kinesis_list_shards_input, json, &in), OK);
    return in.stream_creation_timestamp.value;
}

static void integers_are_cut_and_clamped_exactly(void **state)
{
    (void)state;
    assert_int_equal(integer("0"), 0);
    assert_int_equal(integer("-0"), 0);
    assert_int_equal(integer("2147483647"), INT32_MAX);
    assert_int_equal(integer("2147483648"), INT32_MAX);
    assert_int_equal(integer("-2147483648"), INT32_MIN);
    assert_int_equal(integer("-2147483649"), INT32_MIN);
    assert_int_equal(integer("2147483646.999999999999999999999999"), 2147483646);
    assert_int_equal(integer("-1.9"), -1);
    assert_int_equal(integer("0.99e1"), 9);
    assert_int_equal(integer("1E+3"), 1000);
    assert_int_equal(integer("12345e-2"), 123);
    assert_int_equal(integer("123456789012345678901234567890e-25"), 12345);
    assert_int_equal(integer("0.000000000000000000000000000000000000000000000000000000000000000000"
                             "00000000000123e80"),
                     123);
    assert_int_equal(integer("1e99999999999999999999999999"), INT32_MAX);
    assert_int_equal(integer("-1e99999999999999999999999999"), INT32_MIN);
    assert_int_equal(integer("1e-99999999999999999999999999"), 0);
    assert_int_equal(integer("0e99999999999999999999999999"), 0);
}

static void longs_keep_every_digit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {{"9007199254740993", 9007199254740993}, {"9223372036854775807", INT64_MAX},
                {"9223372036854775808", INT64_MAX},     {"-9223372036854775808", INT64_MIN},
                {"-9223372036854775809", INT64_MIN},    {"99999999999999999999", INT64_MAX}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct kinesis_get_records_output out;
        char json[100];
        snprintf(json, sizeof(json), "{\"MillisBehindLatest\":%s}", rows[i].text);
        assert_int_equal(decode(&shape_kinesis_get_records_output, json, &out), OK);
        assert_true(out.millis_behind_latest.value == rows[i].value);
    }
}

static void times_are_rounded_to_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(timestamp("1.547993531819E9"), 1547993531819);
    assert_int_equal(timestamp("1547993531"), 1547993531000);
    assert_int_equal(timestamp("1547993531.8194"), 1547993531819);
    assert_int_equal(timestamp("1547993531.8195"), 1547993531820);
    assert_int_equal(timestamp("1547993531.81949999999999999999999"), 1547993531819);
    assert_int_equal(timestamp("-1.5"), -1500);
    assert_int_equal(timestamp("0.0004"), 0);
    assert_int_equal(timestamp("1e300"), INT64_MAX / 1000);
    assert_int_equal(timestamp("-1e300"), -(INT64_MAX / 1000));
}

static void escapes_are_undone_in_names_strings_and_data(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    assert_int_equal(decode(&shape_kinesis_put_record_input,
                            "{\"D\\u0061ta\":\"Pz8\\/\",\"PartitionKey\":"
                            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\uD83D\\ude00\\u0000!\"}",
                            &in),
                     OK);
    assert_view(in.data, "???");
    static const char want[] = "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0!";
    assert_int_equal(in.partition_key.len, sizeof(want) - 1);
    assert_memory_equal(in.partition_key.at, want, sizeof(want) - 1);
}

static void a_string_without_escapes_is_a_view_of_the_body(void **state)
{
    (void)state;
    struct kinesis_put_record_input in;
    assert_int_equal(decode(&shape_kinesis_put_record_input,
                            "{\"PartitionKey\":\"abc\",\"Data\":\"YWJj\"}", &in),
                     OK);
    assert_ptr_equal(in.partition_key.at, body + strlen("{\"PartitionKey\":\""));
    assert_ptr_equal(in.data.at, body + strlen("{\"PartitionKey\":\"abc\",\"Data\":\""));
    assert_view(in.data, "abc");
}

static void the_last_of_a_member_given_twice_wins(void **state)
{
    (void)state;
    struct kinesis_create_stream_input in;
    assert_int_equal(decode(&shape_kinesis_create_stream_input,
                            "{\"StreamName\":\"a\",\"StreamName\":\"b\","
                            "\"Tags\":{\"x\":\"1\"},\"Tags\":{\"y\":\"2\",\"z\":\"3\",\"y\":\"4\"},"
                            "\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"},"
                            "\"StreamModeDetails\":{},\"ShardCount\":1,\"ShardCount\":null}",
                            &in),
                     OK);
    assert_view(in.stream_name, "b");
    assert_int_equal(in.tags.count, 2);
    assert_view(in.tags.at[0].key, "y");
    assert_view(in.tags.at[0].value, "4");
    assert_view(in.tags.at[1].key, "z");
    assert_non_null(in.stream_mode_details);
    assert_false(bytes_present(in.stream_mode_details->stream_mode));
    assert_false(in.shard_count.present);
}

static void a_key_given_again_with_null_has_no_value(void **state)
{
    (void)state;
    struct kinesis_create_stream_input in;
    assert_int_equal(
        decode(&shape_kinesis_create_stream_input, "{\"Tags\":{\"y\":\"2\",\"y\":null}}", &in), OK);
    assert_int_equal(in.tags.count, 1);
    assert_false(bytes_present(in.tags.at[0].value));
}

/* Its elements own memory of their own, which must not be where the list grows. */
static void a_list_grows_without_losing_what_its_elements_hold(void **state)
{
    (void)state;
    struct kinesis_get_records_output out;
    char text[16384] = "{\"ChildShards\":[";
    for (int i = 0; i < 100; i++)
        snprintf(
            text + strlen(text), sizeof(text) - strlen(text),
            "%s{\"ParentShards\":[\"p%d\",\"q\"],\"HashKeyRange\":{\"StartingHashKey\":\"%d\"},"
            "\"ShardId\":\"s%d\"}",
            i ? "," : "", i, i, i);
    strncat(text, "]}", sizeof(text) - strlen(text) - 1);
    assert_int_equal(decode(&shape_kinesis_get_records_output, text, &out), OK);
    assert_int_equal(out.child_shards.count, 100);
    for (int i = 0; i < 100; i++) {
        const struct kinesis_child_shard *shard = &out.child_shards.at[i];
        char want[16];
        snprintf(want, sizeof(want), "p%d", i);
        assert_int_equal(shard->parent_shards.count, 2);
        assert_view(shard->parent_shards.at[0], want);
        assert_view(shard->hash_key_range->starting_hash_key, want + 1);
        want[0] = 's';
        assert_view(shard->shard_id, want);
    }
}

static void almost_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"a\":[1 22]}",
        "{\"a\":1;\"b\":2}",
        "{\"a\":1x\"b\":2}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{,}",
        "{\"a\":[,1]}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":--1}",
        "{\"a\":-}",
        "{\"a\":1.e1}",
        "{\"a\":1e+}",
        "{\"a\":0x1}",
        "{\"a\":Infinity}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":\"\\ud83dabcdefgh\"}",
        "{\"a\":\"\\ud83d\\u0041\"}",
        "{\"a\":\"\\ud83d\\ud83d\"}",
        "{\"a\":\"\\ud83d\\n234567\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\t\"}",
        "\xef\xbb\xbf{}",
        "{}\x0c",
        "{}{}",
        "{} ]",
        " ",
        "null",
        "\"a\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct kinesis_put_record_input in;
        assert_int_equal(decode(&shape_kinesis_put_record_input, bad[i], &in), MALFORMED);
        assert_string_equal(fault.text, "");
        assert_false(json_is_object(bytes_text(bad[i])));
    }
    static const char nul_behind[] = "{}\0";
    struct kinesis_put_record_input in;
    assert_int_equal(decode_bytes(&shape_kinesis_put_record_input, bytes_of(nul_behind, 3), &in),
                     MALFORMED);
    assert_false(json_is_object(bytes_of(nul_behind, 3)));
}

static void nulls_are_absent(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    struct kinesis_remove_tags_from_stream_input untag;
    assert_int_equal(
        decode(&shape_kinesis_put_records_input,
               "{\"Records\":[null,{\"Data\":null,\"PartitionKey\":\"k\"}],\"StreamARN\":null}",
               &in),
        OK);
    assert_int_equal(in.records.count, 2);
    assert_false(bytes_present(in.records.at[0].partition_key));
    assert_view(in.records.at[1].partition_key, "k");
    assert_false(bytes_present(in.stream_arn));
    assert_int_equal(
        decode(&shape_kinesis_remove_tags_from_stream_input, "{\"TagKeys\":[\"a\",null]}", &untag),
        OK);
    assert_int_equal(untag.tag_keys.count, 2);
    assert_false(bytes_present(untag.tag_keys.at[1]));
    assert_int_equal(decode(&shape_kinesis_put_records_input, "{\"Records\":null}", &in), OK);
    assert_false(in.records.present);
    assert_int_equal(decode(&shape_kinesis_put_records_input, "{\"Records\":[ ]}", &in), OK);
    assert_true(in.records.present);
}

#define NUMBER                                                                                     \
    "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to "
#define TEXT   "class java.lang.String can not be converted to "
#define YES_NO "class java.lang.Boolean can not be converted to "
#define LIST   "Start of list found where not expected"
#define OBJECT "Start of structure or map found where not expected."

static void every_kind_refuses_every_other(void **state)
{
    (void)state;
    static const char *const values[] = {"\"x\"", "1", "true", "[]", "{}"};
    static const struct {
        const struct shape *shape;
        const char *member, *words[5]; /* NULL: it fits */
    } rows[] = {
        {&shape_kinesis_create_stream_input,
         "StreamName",
         {NULL, NUMBER "an String", YES_NO "an String", LIST, OBJECT}},
        {&shape_kinesis_create_stream_input,
         "ShardCount",
         {TEXT "an Integer", NULL, YES_NO "an Integer", LIST, OBJECT}},
        {&shape_kinesis_get_records_output,
         "MillisBehindLatest",
         {TEXT "an Long", NULL, YES_NO "an Long", LIST, OBJECT}},
        {&shape_kinesis_delete_stream_input,
         "EnforceConsumerDeletion",
         {TEXT "an Boolean", NUMBER "an Boolean", NULL, LIST, OBJECT}},
        {&shape_kinesis_put_record_input,
         "Data",
         {"'x' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 "
          "bytes but found: 1",
          NUMBER "a Blob", YES_NO "a Blob", LIST, OBJECT}},
        {&shape_kinesis_list_shards_input,
         "StreamCreationTimestamp",
         {TEXT "milliseconds since epoch", NULL, YES_NO "milliseconds since epoch", LIST, OBJECT}},
        {&shape_kinesis_put_records_input,
         "Records",
         {"Expected list or null", "Expected list or null", "Expected list or null", NULL, OBJECT}},
        {&shape_kinesis_create_stream_input,
         "Tags",
         {"Expected map or null", "Expected map or null", "Expected map or null", LIST, NULL}},
        {&shape_kinesis_create_stream_input,
         "StreamModeDetails",
         {"Expected null", "Expected null", "Expected null", LIST, NULL}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (size_t v = 0; v < 5; v++) {
            uint64_t out[64];
            char json[100];
            snprintf(json, sizeof(json), "{\"%s\":%s}", rows[i].member, values[v]);
            enum status status = decode(rows[i].shape, json, out);
            assert_int_equal(status, rows[i].words[v] ? MALFORMED : OK);
            assert_string_equal(fault.text, rows[i].words[v] ? rows[i].words[v] : "");
        }
    }
}

static void the_first_wrong_type_is_told_and_a_later_syntax_error_hides_it(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    const struct shape *s = &shape_kinesis_put_records_input;
    assert_int_equal(decode(s, "{\"Records\":[1,{\"Data\":2}],\"StreamName\":[[{}]]}", &in),
                     MALFORMED);
    assert_string_equal(fault.text, "Expected null");
    assert_int_equal(decode(s, "{\"Records\":[{\"Data\":\"?\"},{\"Data\":2}]}", &in), MALFORMED);
    assert_string_equal(fault.text,
                        "'?' can not be converted to a Blob: Base64 encoded length is expected a "
                        "multiple of 4 bytes but found: 1");
    assert_int_equal(decode(s, "{\"Records\":1,\"StreamName\":\"s\"", &in), MALFORMED);
    assert_string_equal(fault.text, "");
    assert_int_equal(decode(s, "{\"Records\":{\"a\":[1,2,}]}}", &in), MALFORMED);
    assert_string_equal(fault.text, "");
    assert_int_equal(decode(s, "{\"StreamName\":1} {}", &in), MALFORMED);
    assert_string_equal(fault.text, "");
}

static void every_beginning_of_a_body_is_refused_and_read_no_further(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Records\":[{\"Data\":\"YWJj\",\"PartitionKey\":\"\\ud83d\\ude00\xc3\xa9\"},"
        "{\"PartitionKey\":null}],\"X\":[-1.5e+3,true,false,{\"y\":\"\"}],\"StreamName\":\"s\"}";
    struct kinesis_put_records_input in;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct bytes part = bytes_of(text, len);
        assert_int_equal(decode_bytes(&shape_kinesis_put_records_input, part, &in), MALFORMED);
        assert_string_equal(fault.text, "");
        assert_false(json_is_object(part));
    }
    assert_int_equal(decode(&shape_kinesis_put_records_input, text, &in), OK);
}

static void depth_ends_at_the_bound(void **state)
{
    (void)state;
    for (int deep = JSON_DEPTH_MAX - 2; deep <= JSON_DEPTH_MAX + 1; deep++) {
        char text[4 * JSON_DEPTH_MAX] = "{\"x\":";
        struct kinesis_put_record_input in;
        memset(text + 5, '[', (size_t)deep);
        memset(text + 5 + deep, ']', (size_t)deep);
        memcpy(text + 5 + 2 * deep, "}", 2);
        bool fits = 1 + deep <= JSON_DEPTH_MAX;
        assert_int_equal(decode(&shape_kinesis_put_record_input, text, &in), fits ? OK : MALFORMED);
        assert_int_equal(json_is_object(bytes_text(text)), fits);
    }
}

static void a_body_that_needs_too_much_is_too_large(void **state)
{
    (void)state;
    struct kinesis_put_records_input in;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append_text(&text, "{\"Records\":[{}");
    for (int i = 0; i < 100000; i++)
        buf_append_text(&text, ",{}");
    buf_append_text(&text, "]}");
    assert_int_equal(decode_bytes(&shape_kinesis_put_records_input, buf_view(&text), &in),
                     TOO_LARGE);
    assert_int_equal(fault.status, TOO_LARGE);
    buf_fini(&text);
}

static void the_end_of_a_string_is_found_at_every_distance(void **state)
{
    (void)state;
    enum { BEHIND = 70 };
    static const uint8_t stops[] = {'"', '\\', 0, 0x1f, '\n'};
    static const uint8_t others[] = {' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff};
    for (size_t len = 0; len < 200; len++) {
        for (size_t i = 0; i < sizeof(stops) + sizeof(others); i++) {
            bool stops_here = i < sizeof(stops), beyond = false;
            size_t behind = len % 2 ? BEHIND : 0;
            uint8_t *text = mem_must(len + 1 + behind);
            const uint8_t *end = text + len + 1 + behind;
            memset(text, 'a', len + 1 + behind);
            text[len] = stops_here ? stops[i] : others[i - sizeof(stops)];
            assert_ptr_equal(json_scan(text, end, &beyond), stops_here ? text + len : end);
            assert_int_equal(beyond, text[len] >= 0x80);
            if (len > 0 && stops_here) {
                text[len / 2] = 0xc3;
                assert_ptr_equal(json_scan(text, end, &beyond), text + len);
                assert_true(beyond);
            }
            mem_free(text);
        }
    }
}

static void utf8_is_what_rfc_3629_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc1\xbf", 0},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xc2", 0},
        {"\xc2\x41", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xef\xbf\xbf", 3},
        {"\xe1\x80", 0},
        {"\xe1\x80\x41", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xf1\x80\x80", 0},
        {"\xf1\x80\x80\xc0", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(utf8_length(bytes_text(rows[i].text)), rows[i].length);
        char json[64];
        struct kinesis_put_record_input in;
        snprintf(json, sizeof(json), "{\"PartitionKey\":\"0123456789%s0123456789\"}", rows[i].text);
        assert_int_equal(decode(&shape_kinesis_put_record_input, json, &in),
                         rows[i].length ? OK : MALFORMED);
        assert_int_equal(json_is_object(bytes_text(json)), rows[i].length != 0);
    }
}

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
    mem_free(body);
    body = NULL;
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(integers_are_cut_and_clamped_exactly),
        TEST(longs_keep_every_digit),
        TEST(times_are_rounded_to_milliseconds),
        TEST(escapes_are_undone_in_names_strings_and_data),
        TEST(a_string_without_escapes_is_a_view_of_the_body),
        TEST(the_last_of_a_member_given_twice_wins),
        TEST(a_key_given_again_with_null_has_no_value),
        TEST(a_list_grows_without_losing_what_its_elements_hold),
        TEST(almost_json_is_refused),
        TEST(nulls_are_absent),
        TEST(every_kind_refuses_every_other),
        TEST(the_first_wrong_type_is_told_and_a_later_syntax_error_hides_it),
        TEST(every_beginning_of_a_body_is_refused_and_read_no_further),
        TEST(depth_ends_at_the_bound),
        TEST(a_body_that_needs_too_much_is_too_large),
        TEST(the_end_of_a_string_is_found_at_every_distance),
        TEST(utf8_is_what_rfc_3629_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
