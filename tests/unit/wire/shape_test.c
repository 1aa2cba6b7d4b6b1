/* shape_test.c: what the generator made of the model: names, order, patterns. */
#include "wire/model/kinesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void operations_are_sorted_and_complete(void **state)
{
    (void)state;
    assert_int_equal(KINESIS_OPERATIONS, 39);
    for (int i = 1; i < KINESIS_OPERATIONS; i++)
        assert_true(strcmp(kinesis_operations[i - 1].name, kinesis_operations[i].name) < 0);
    const struct operation_model *put = &kinesis_operations[KINESIS_OP_PUT_RECORD];
    assert_string_equal(put->name, "PutRecord");
    assert_ptr_equal(put->input, &shape_kinesis_put_record_input);
    assert_ptr_equal(put->output, &shape_kinesis_put_record_output);
    assert_null(kinesis_operations[KINESIS_OP_CREATE_STREAM].output);
    bool throttled = false;
    for (const char *const *e = put->errors; *e; e++)
        throttled |= strcmp(*e, "ProvisionedThroughputExceededException") == 0;
    assert_true(throttled);
}

static void fields_are_found_in_any_order(void **state)
{
    (void)state;
    const struct shape *s = &shape_kinesis_put_record_input;
    uint32_t hint = 0;
    const struct shape_field *f = shape_field_find(s, BYTES_LITERAL("PartitionKey"), &hint);
    assert_int_equal(f->offset, offsetof(struct kinesis_put_record_input, partition_key));
    assert_true(f->required);
    assert_string_equal(f->path, "partitionKey");
    f = shape_field_find(s, BYTES_LITERAL("StreamName"), &hint);
    assert_int_equal(f->offset, offsetof(struct kinesis_put_record_input, stream_name));
    f = shape_field_find(s, BYTES_LITERAL("StreamARN"), &hint);
    assert_string_equal(f->path, "streamARN");
    assert_non_null(shape_field_find(s, BYTES_LITERAL("StreamId"), &hint));
    assert_non_null(
        shape_field_find(s, BYTES_LITERAL("Data"), &hint)); /* after the last comes the first */
    assert_null(shape_field_find(s, BYTES_LITERAL("Dat"), &hint));
    assert_null(shape_field_find(s, BYTES_LITERAL(""), &hint));
    assert_null(shape_field_find(&shape_kinesis_describe_limits_input, BYTES_LITERAL("X"), &hint));
}

static void enums_count_as_the_c_enums_do(void **state)
{
    (void)state;
    const struct shape *s = &shape_kinesis_shard_iterator_type;
    assert_int_equal(shape_enum_index(s, BYTES_LITERAL("LATEST")),
                     KINESIS_SHARD_ITERATOR_TYPE_LATEST);
    assert_int_equal(shape_enum_index(s, BYTES_LITERAL("AT_TIMESTAMP")),
                     KINESIS_SHARD_ITERATOR_TYPE_AT_TIMESTAMP);
    assert_int_equal(shape_enum_index(s, BYTES_LITERAL("latest")), -1);
    assert_int_equal(shape_enum_index(s, BYTES_LITERAL("")), -1);
    assert_int_equal(shape_enum_index(&shape_kinesis_policy, BYTES_LITERAL("x")), -1);
}

static void patterns_match_whole_texts(void **state)
{
    (void)state;
    static const struct {
        const struct shape *shape;
        const char *text;
        bool matches;
    } rows[] = {
        {&shape_kinesis_stream_name, "a.b_c-9Z", true},
        {&shape_kinesis_stream_name, "", false},
        {&shape_kinesis_stream_name, "a b", false},
        {&shape_kinesis_stream_name, "a\n", false},
        {&shape_kinesis_hash_key, "0", true},
        {&shape_kinesis_hash_key, "00", false},
        {&shape_kinesis_hash_key, "01", false},
        {&shape_kinesis_hash_key, "340282366920938463463374607431768211455", true},
        {&shape_kinesis_hash_key, "3402823669209384634633746074317682114550", false},
        {&shape_kinesis_hash_key, "-1", false},
        {&shape_kinesis_stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/s", true},
        {&shape_kinesis_stream_arn, "arn:aws-cn:kinesis:x:000000000000:stream/\xc3\xa9", true},
        {&shape_kinesis_stream_arn, "arn:aws:kinesis:us-east-1:00000000000:stream/s", false},
        {&shape_kinesis_stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/", false},
        {&shape_kinesis_stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/a b", false},
        {&shape_kinesis_stream_arn, "xarn:aws:kinesis:us-east-1:000000000000:stream/s", false},
        {&shape_kinesis_stream_arn, "arn:aws:kinesis:\n:000000000000:stream/s", false},
        {&shape_kinesis_consumer_arn,
         "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1700000000", true},
        {&shape_kinesis_consumer_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c",
         false},
        {&shape_kinesis_stream_id, "abcdefghij0123456789-abc", true},
        {&shape_kinesis_stream_id, "abcdefghij0123456789-ab", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(shape_pattern_matches(rows[i].shape->pattern, bytes_text(rows[i].text)),
                         rows[i].matches);
}

static void bounds_come_from_the_model(void **state)
{
    (void)state;
    assert_int_equal(shape_kinesis_put_records_request_entry_list.max, 500);
    assert_true(shape_kinesis_put_records_request_entry_list.has_max);
    assert_int_equal(shape_kinesis_partition_key.max, 256);
    assert_int_equal(shape_kinesis_data.max, 10485760);
    assert_false(shape_kinesis_retention_period_hours.has_max);
    assert_ptr_equal(shape_kinesis_tag_map.element, &shape_kinesis_tag_key);
    assert_ptr_equal(shape_kinesis_tag_map.map_value, &shape_kinesis_tag_value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_sorted_and_complete),
        cmocka_unit_test(fields_are_found_in_any_order),
        cmocka_unit_test(enums_count_as_the_c_enums_do),
        cmocka_unit_test(patterns_match_whole_texts),
        cmocka_unit_test(bounds_come_from_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
