/* quotas_test.c: what a caller hears who asks for more than AWS gives. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

static int open_with_quotas(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    l->service.quotas = quotas_new(l->service.clock);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    *state = l;
    return 0;
}

static int close_all(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void an_operation_is_refused_over_its_rate_and_served_a_moment_later(void **state)
{
    struct loopback *l = *state;
    for (int i = 0; i < 5; i++)
        json_decref(answer_ok(l, "ListStreams", "{}"));
    answer_refused(l, "ListStreams", "{}", "LimitExceededException",
                   "Rate exceeded for account 000000000000.");
    json_decref(answer_ok(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}")); /* has its own */
    clock_manual_advance_ms(&l->clock, 200);
    json_decref(answer_ok(l, "ListStreams", "{}"));
    answer_refused(l, "ListStreams", "{}", "LimitExceededException",
                   "Rate exceeded for account 000000000000.");
}

static void each_stream_has_its_own_rate_where_aws_counts_by_stream(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"t\",\"ShardCount\":1}");
    for (int i = 0; i < 1000; i++)
        json_decref(answer_ok(l, "ListShards", "{\"StreamName\":\"s\"}"));
    answer_refused(l, "ListShards", "{\"StreamName\":\"s\"}", "LimitExceededException",
                   "Rate exceeded for stream s under account 000000000000.");
    json_decref(answer_ok(l, "ListShards", "{\"StreamName\":\"t\"}"));
}

#define PUT "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"YQ==\"}"

static void a_put_over_the_shards_rate_is_refused(void **state)
{
    struct loopback *l = *state;
    for (int i = 0; i < 1000; i++)
        json_decref(answer_ok(l, "PutRecord", PUT));
    answer_refused(l, "PutRecord", PUT, "ProvisionedThroughputExceededException",
                   "Rate exceeded for shard shardId-000000000000 in stream s under account "
                   "000000000000.");
    clock_manual_advance_ms(&l->clock, 1);
    json_decref(answer_ok(l, "PutRecord", PUT));
}

static void of_many_records_those_over_the_rate_are_refused_alone(void **state)
{
    struct loopback *l = *state;
    for (int i = 0; i < 998; i++)
        json_decref(answer_ok(l, "PutRecord", PUT));
    json_t *answer = answer_ok(l, "PutRecords",
                               "{\"StreamName\":\"s\",\"Records\":["
                               "{\"PartitionKey\":\"k\",\"Data\":\"YQ==\"},"
                               "{\"PartitionKey\":\"k\",\"Data\":\"Yg==\"},"
                               "{\"PartitionKey\":\"k\",\"Data\":\"Yw==\"}]}");
    json_t *records = json_object_get(answer, "Records"), *last = json_array_get(records, 2);
    assert_int_equal(json_integer_value(json_object_get(answer, "FailedRecordCount")), 1);
    assert_non_null(json_object_get(json_array_get(records, 1), "SequenceNumber"));
    assert_string_equal(json_string_value(json_object_get(last, "ErrorCode")),
                        "ProvisionedThroughputExceededException");
    assert_string_equal(json_string_value(json_object_get(last, "ErrorMessage")),
                        "Rate exceeded for shard shardId-000000000000 in stream s under account "
                        "000000000000.");
    assert_null(json_object_get(last, "SequenceNumber"));
    json_decref(answer);
}

static void reads_over_the_shards_rate_are_refused(void **state)
{
    struct loopback *l = *state;
    json_t *answer = answer_ok(l, "GetShardIterator",
                               "{\"StreamName\":\"s\",\"ShardId\":\"0\",\"ShardIteratorType\":"
                               "\"TRIM_HORIZON\"}");
    json_t *request = json_pack("{s:O}", "ShardIterator", json_object_get(answer, "ShardIterator"));
    char *get = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    for (int i = 0; i < 5; i++)
        json_decref(answer_ok(l, "GetRecords", get));
    answer_refused(l, "GetRecords", get, "ProvisionedThroughputExceededException",
                   "Rate exceeded for Shard - 000000000000/s/shardId-000000000000");
    clock_manual_advance_ms(&l->clock, 200);
    json_decref(answer_ok(l, "GetRecords", get));
    mem_free(get);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_operation_is_refused_over_its_rate_and_served_a_moment_later, open_with_quotas,
            close_all),
        cmocka_unit_test_setup_teardown(each_stream_has_its_own_rate_where_aws_counts_by_stream,
                                        open_with_quotas, close_all),
        cmocka_unit_test_setup_teardown(a_put_over_the_shards_rate_is_refused, open_with_quotas,
                                        close_all),
        cmocka_unit_test_setup_teardown(of_many_records_those_over_the_rate_are_refused_alone,
                                        open_with_quotas, close_all),
        cmocka_unit_test_setup_teardown(reads_over_the_shards_rate_are_refused, open_with_quotas,
                                        close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
