/* check_test.c: bounds of the real model, in AWS's words. */
#include "wire/check.h"

#include "wire/json.h"
#include "wire/model/kinesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct arena arena;
static uint8_t body[1 << 16];
static uint64_t input[64];
static struct fault fault;

static enum status check_text(const struct shape *s, const char *text)
{
    arena_reset(&arena);
    assert_true(strlen(text) < sizeof(body) && s->size <= sizeof(input));
    memcpy(body, text, strlen(text));
    assert_int_equal(json_decode(s, body, strlen(text), &arena, input, &fault), OK);
    fault.text[0] = '\0';
    return check(s, input, &fault);
}

static void assert_refused(const struct shape *s, const char *text, const char *words)
{
    assert_int_equal(check_text(s, text), INVALID_VALUE);
    assert_int_equal(fault.status, INVALID_VALUE);
    assert_string_equal(fault.text, words);
}

/* {"StreamName":"xxx...", "Data":"","PartitionKey":"<unit times count>"} */
static const char *put_with_key(const char *unit, int count)
{
    static char text[8192];
    int len =
        snprintf(text, sizeof(text), "{\"StreamName\":\"s\",\"Data\":\"\",\"PartitionKey\":\"");
    for (int i = 0; i < count; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s", unit);
    snprintf(text + len, sizeof(text) - (size_t)len, "\"}");
    return text;
}

static void keys_are_counted_in_utf16_units_as_java_does(void **state)
{
    (void)state;
    const struct shape *s = &shape_kinesis_put_record_input;
    assert_int_equal(check_text(s, put_with_key("k", 256)), OK);
    assert_int_equal(check_text(s, put_with_key("k", 257)), INVALID_VALUE);
    assert_int_equal(check_text(s, put_with_key("\xc3\xa9", 256)), OK);
    assert_int_equal(check_text(s, put_with_key("\xc3\xa9", 257)), INVALID_VALUE);
    assert_int_equal(check_text(s, put_with_key("\xe2\x82\xac", 256)), OK);
    assert_int_equal(check_text(s, put_with_key("\xf0\x9f\x98\x80", 128)), OK);
    assert_int_equal(check_text(s, put_with_key("\xf0\x9f\x98\x80", 129)), INVALID_VALUE);
    assert_non_null(strstr(fault.text,
                           "' at 'partitionKey' failed to satisfy constraint: Member must "
                           "have length less than or equal to 256"));
}

static void each_rule_has_its_words(void **state)
{
    (void)state;
    assert_refused(
        &shape_kinesis_put_record_input, "{}",
        "2 validation errors detected: Value null at 'data' failed to satisfy constraint: "
        "Member must not be null; Value null at 'partitionKey' failed to satisfy "
        "constraint: Member must not be null");
    assert_refused(
        &shape_kinesis_describe_stream_input, "{\"StreamName\":\"\",\"Limit\":10001}",
        "3 validation errors detected: Value '' at 'streamName' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1; Value '' at "
        "'streamName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9_.-]+; Value '10001' at 'limit' failed to satisfy "
        "constraint: Member must have value less than or equal to 10000");
    assert_refused(
        &shape_kinesis_get_shard_iterator_input,
        "{\"ShardId\":\"s\",\"ShardIteratorType\":\"latest\",\"StartingSequenceNumber\":\"01\"}",
        "2 validation errors detected: Value 'latest' at 'shardIteratorType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [AT_SEQUENCE_NUMBER, "
        "AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP]; Value '01' at "
        "'startingSequenceNumber' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: 0|([1-9]\\d{0,128})");
    assert_refused(
        &shape_kinesis_create_stream_input, "{\"StreamName\":\"s\",\"StreamModeDetails\":{}}",
        "1 validation error detected: Value null at 'streamModeDetails.streamMode' failed "
        "to satisfy constraint: Member must not be null");
}

static void lists_and_maps_are_complained_of_as_a_whole(void **state)
{
    (void)state;
    assert_refused(&shape_kinesis_remove_tags_from_stream_input,
                   "{\"StreamName\":\"s\",\"TagKeys\":[\"a\",\"\"]}",
                   "1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy "
                   "constraint: Member must satisfy constraint: [Member must have length less than "
                   "or equal to 128, Member must have length greater than or equal to 1]");
    assert_refused(&shape_kinesis_remove_tags_from_stream_input,
                   "{\"StreamName\":\"s\",\"TagKeys\":[null]}",
                   "1 validation error detected: Value '[null]' at 'tagKeys' failed to satisfy "
                   "constraint: Member must satisfy constraint: [Member must have length less than "
                   "or equal to 128, Member must have length greater than or equal to 1]");
    assert_refused(&shape_kinesis_add_tags_to_stream_input,
                   "{\"StreamName\":\"s\",\"Tags\":{\"\":\"1\",\"b\":\"2\"}}",
                   "1 validation error detected: Value '{=1, b=2}' at 'tags' failed to satisfy "
                   "constraint: Map keys must satisfy constraint: [Member must have length less "
                   "than or equal to 128, Member must have length greater than or equal to 1]");
    assert_refused(
        &shape_kinesis_add_tags_to_stream_input, "{\"StreamName\":\"s\",\"Tags\":{}}",
        "1 validation error detected: Value '{}' at 'tags' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1");
    assert_refused(
        &shape_kinesis_enable_enhanced_monitoring_input,
        "{\"ShardLevelMetrics\":[\"ALL\",\"all\"]}",
        "1 validation error detected: Value '[ALL, all]' at 'shardLevelMetrics' failed to "
        "satisfy constraint: Member must satisfy constraint: [Member must satisfy enum "
        "value set: [IncomingBytes, IncomingRecords, OutgoingBytes, OutgoingRecords, "
        "WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded, "
        "IteratorAgeMilliseconds, ALL]]");
}

static void a_long_tag_value_is_a_map_value(void **state)
{
    (void)state;
    char text[512] = "{\"StreamName\":\"s\",\"Tags\":{\"k\":\"";
    size_t len = strlen(text);
    memset(text + len, 'v', 257);
    memcpy(text + len + 257, "\"}}", 4);
    assert_int_equal(check_text(&shape_kinesis_add_tags_to_stream_input, text), INVALID_VALUE);
    assert_non_null(strstr(fault.text,
                           "Map value must satisfy constraint: [Member must have length "
                           "less than or equal to 256, Member must have length greater "
                           "than or equal to 0]"));
}

static void record_data_is_not_told(void **state)
{
    (void)state;
    struct kinesis_put_records_request_entry entry = {.partition_key = BYTES_LITERAL("k"),
                                                      .data = {body, 10485761}};
    struct kinesis_put_records_input in = {.records = {1, true, &entry}};
    assert_int_equal(check(&shape_kinesis_put_records_input, &in, &fault), INVALID_VALUE);
    assert_string_equal(
        fault.text,
        "1 validation error detected: Value at 'records.1.member.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 10485760");
}

static void too_many_records_are_counted_and_not_told(void **state)
{
    (void)state;
    static struct kinesis_put_records_request_entry entries[501]; /* all of them empty */
    struct kinesis_put_records_input in = {.records = {501, true, entries}};
    assert_int_equal(check(&shape_kinesis_put_records_input, &in, &fault), INVALID_VALUE);
    assert_string_equal(
        fault.text, "1 validation error detected: Value at 'records' failed to satisfy constraint: "
                    "Member must have length less than or equal to 500");
}

static void at_most_ten_are_told_and_all_ten_have_room(void **state)
{
    (void)state;
    char text[256] = "{\"Records\":[{}";
    for (int i = 0; i < 30; i++)
        strncat(text, ",{}", sizeof(text) - strlen(text) - 1);
    strncat(text, "]}", sizeof(text) - strlen(text) - 1);
    assert_int_equal(check_text(&shape_kinesis_put_records_input, text), INVALID_VALUE);
    const char *start =
        "10 validation errors detected: Value null at 'records.1.member.data' failed";
    assert_memory_equal(fault.text, start, strlen(start));
    unsigned told = 1;
    for (const char *at = fault.text; (at = strstr(at, "; ")) != NULL; at += 2)
        told++;
    assert_int_equal(told, 10);
    const char *end =
        "'records.5.member.partitionKey' failed to satisfy constraint: Member must not be null";
    assert_string_equal(fault.text + strlen(fault.text) - strlen(end), end);
}

static void a_huge_value_is_cut_between_characters_and_its_rule_kept(void **state)
{
    (void)state;
    assert_int_equal(
        check_text(&shape_kinesis_put_record_input, put_with_key("\xe2\x82\xac", 2000)),
        INVALID_VALUE);
    const char *end =
        "\xe2\x82\xac' at 'partitionKey' failed to satisfy constraint: Member must have "
        "length less than or equal to 256";
    assert_string_equal(fault.text + strlen(fault.text) - strlen(end), end);
}

static void what_is_absent_and_not_required_is_fine(void **state)
{
    (void)state;
    assert_int_equal(check_text(&shape_kinesis_list_shards_input, "{}"), OK);
    assert_int_equal(check_text(&shape_kinesis_describe_limits_input, "{\"x\":1}"), OK);
    assert_int_equal(check_text(&shape_kinesis_list_shards_input, "{\"Timestamp\":-1}"), OK);
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
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_counted_in_utf16_units_as_java_does),
        cmocka_unit_test(each_rule_has_its_words),
        cmocka_unit_test(lists_and_maps_are_complained_of_as_a_whole),
        cmocka_unit_test(a_long_tag_value_is_a_map_value),
        cmocka_unit_test(record_data_is_not_told),
        cmocka_unit_test(too_many_records_are_counted_and_not_told),
        cmocka_unit_test(at_most_ten_are_told_and_all_ten_have_room),
        cmocka_unit_test(a_huge_value_is_cut_between_characters_and_its_rule_kept),
        cmocka_unit_test(what_is_absent_and_not_required_is_fine),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
