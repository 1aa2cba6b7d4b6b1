/* json_encode_test.c: how values are written. */
#include "wire/json.h"
#include "wire/model/kinesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct buf out;

static const char *encoded(const struct shape *s, const void *in)
{
    buf_clear(&out);
    json_encode(s, in, &out);
    assert_int_equal(out.status, OK);
    buf_append_byte(&out, 0);
    return (const char *)out.at;
}

static void assert_time(int64_t ms, const char *want)
{
    struct kinesis_list_shards_input in = {.stream_creation_timestamp = {ms, true}};
    char text[100] = "{\"StreamCreationTimestamp\":";
    strncat(text, want, 50);
    strncat(text, "}", 2);
    assert_string_equal(encoded(&shape_kinesis_list_shards_input, &in), text);
}

static void times_are_seconds_without_idle_zeros(void **state)
{
    (void)state;
    assert_time(1547993531819, "1547993531.819");
    assert_time(1547993531810, "1547993531.81");
    assert_time(1547993531800, "1547993531.8");
    assert_time(1547993531009, "1547993531.009");
    assert_time(1547993531000, "1547993531");
    assert_time(0, "0");
    assert_time(5, "0.005");
    assert_time(-1500, "-1.5");
    assert_time(INT64_MIN, "-9223372036854775.808");
}

static void integers_are_written_to_the_last_digit(void **state)
{
    (void)state;
    struct kinesis_get_records_output in = {.millis_behind_latest = {INT64_MIN, true}};
    assert_string_equal(encoded(&shape_kinesis_get_records_output, &in),
                        "{\"MillisBehindLatest\":-9223372036854775808}");
    in.millis_behind_latest.value = INT64_MAX;
    assert_string_equal(encoded(&shape_kinesis_get_records_output, &in),
                        "{\"MillisBehindLatest\":9223372036854775807}");
    in.millis_behind_latest.value = -7;
    assert_string_equal(encoded(&shape_kinesis_get_records_output, &in),
                        "{\"MillisBehindLatest\":-7}");
}

static void structures_lists_and_maps_nest(void **state)
{
    (void)state;
    struct kinesis_stream_mode_details mode = {.stream_mode = BYTES_LITERAL("ON_DEMAND")};
    struct shape_pair tags[] = {{BYTES_LITERAL("a\"b"), BYTES_LITERAL("")},
                                {BYTES_LITERAL("c"), BYTES_NONE}};
    struct kinesis_create_stream_input in = {
        .stream_name = BYTES_LITERAL(""), .stream_mode_details = &mode, .tags = {2, true, tags}};
    assert_string_equal(encoded(&shape_kinesis_create_stream_input, &in),
                        "{\"StreamName\":\"\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"},"
                        "\"Tags\":{\"a\\\"b\":\"\",\"c\":null}}");
    struct bytes names[] = {BYTES_LITERAL("x"), BYTES_LITERAL("y")};
    struct kinesis_list_streams_output list = {.stream_names = {2, true, names},
                                               .has_more_streams = {0, true},
                                               .stream_summaries = {.present = true}};
    assert_string_equal(
        encoded(&shape_kinesis_list_streams_output, &list),
        "{\"StreamNames\":[\"x\",\"y\"],\"HasMoreStreams\":false,\"StreamSummaries\":[]}");
    struct kinesis_list_streams_output none = {0};
    assert_string_equal(encoded(&shape_kinesis_list_streams_output, &none), "{}");
    struct kinesis_describe_limits_input empty = {0};
    assert_string_equal(encoded(&shape_kinesis_describe_limits_input, &empty), "{}");
}

static void assert_string_written(struct bytes text, const char *want)
{
    buf_clear(&out);
    json_append_string(&out, text);
    assert_int_equal(out.len, strlen(want));
    assert_memory_equal(out.at, want, out.len);
}

static void strings_are_escaped_and_mended(void **state)
{
    (void)state;
    assert_string_written(BYTES_LITERAL(""), "\"\"");
    assert_string_written(BYTES_NONE, "\"\"");
    assert_string_written(BYTES_LITERAL("\"\\/\b\f\n\r\t\0\x1f\x7f"),
                          "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"");
    assert_string_written(BYTES_LITERAL("0123456789abcdef\"0123456789abcdef"),
                          "\"0123456789abcdef\\\"0123456789abcdef\"");
    assert_string_written(BYTES_LITERAL("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_string_written(BYTES_LITERAL("\xc3\xa9\xff\xe2\x82|\xed\xa0\x80"),
                          "\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
                          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void what_does_not_fit_latches(void **state)
{
    (void)state;
    static uint8_t data[300];
    struct kinesis_put_record_input in = {.data = {data, sizeof(data)}};
    for (size_t ceiling = 1; ceiling < 410; ceiling += 7) {
        struct buf small;
        buf_init(&small, ceiling);
        json_encode(&shape_kinesis_put_record_input, &in, &small);
        assert_int_equal(small.status, TOO_LARGE);
        assert_true(small.len <= ceiling);
        buf_fini(&small);
    }
}

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1 << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_seconds_without_idle_zeros),
        cmocka_unit_test(integers_are_written_to_the_last_digit),
        cmocka_unit_test(structures_lists_and_maps_nest),
        cmocka_unit_test(strings_are_escaped_and_mended),
        cmocka_unit_test(what_does_not_fit_latches),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
