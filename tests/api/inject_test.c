/* inject_test.c: injected faults over a loopback exchange, and the two operations that set and show them. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"
#include "wire/model/kinesis.h"

#include <stdio.h>

#define PUT_RULES "Sluice_20261101.PutFaultRules"
#define GET_RULES "Sluice_20261101.GetFaultRules"
#define PUT       "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"YQ==\"}"
#define THROTTLED                                                                                  \
    "{\"__type\":\"ProvisionedThroughputExceededException\",\"message\":\"Rate exceeded for "      \
    "shard shardId-000000000000 in stream s under account 000000000000.\"}"

static int open_with(void **state, bool inject)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->inject = inject;
    loopback_open(l);
    *state = l;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":2}");
    return 0;
}

static int setup(void **state)
{
    return open_with(state, true);
}

static int setup_without(void **state)
{
    return open_with(state, false);
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void rules(struct loopback *l, const char *list)
{
    char json[1024];
    snprintf(json, sizeof(json), "{\"Rules\":%s}", list);
    answer_empty(l, PUT_RULES, json);
}

static void rules_are_set_shown_and_taken_back(void **state)
{
    struct loopback *l = *state;
    answer_is(l, GET_RULES, "{}", "{\"Counts\":[],\"Rules\":[]}");
    rules(l, "[{\"Operation\":\"PutRecord\",\"StreamName\":\"s\",\"Times\":2,\"Error\":{\"Name\":"
             "\"KMSThrottlingException\",\"Message\":\"slow\"}}]");
    for (int i = 0; i < 2; i++)
        answer_fails(l, "PutRecord", PUT,
                     "{\"__type\":\"KMSThrottlingException\",\"message\":\"slow\"}");
    json_decref(answer_ok(l, "PutRecord", PUT));
    json_decref(answer_ok(l, "ListStreams", "{}"));
    answer_is(l, GET_RULES, "{}",
              "{\"Counts\":[{\"Injected\":2,\"Matched\":3}],\"Rules\":[{\"Error\":{\"Message\":"
              "\"slow\",\"Name\":\"KMSThrottlingException\"},\"Operation\":\"PutRecord\","
              "\"StreamName\":\"s\",\"Times\":2}]}");
    rules(l, "[]");
    json_decref(answer_ok(l, "PutRecord", PUT));
}

static void a_bad_rule_changes_nothing(void **state)
{
    struct loopback *l = *state;
    rules(l, "[{\"Operation\":\"PutRecord\",\"Error\":{\"Name\":\"InternalFailure\"}}]");
    answer_fails(l, PUT_RULES, "{\"Rules\":[{\"Throttle\":true,\"Drop\":\"AFTER\"}]}",
                 "{\"__type\":\"InvalidArgumentException\",\"message\":\"Rules[0]: a rule does "
                 "one thing: Error, Latency, Throttle or Drop\"}");
    answer_fails(l, PUT_RULES, "{}",
                 "{\"__type\":\"ValidationException\",\"message\":\"1 validation error detected: "
                 "Value null at 'rules' failed to satisfy constraint: Member must not be null\"}");
    int status;
    char *text = call_text(l, "PutRecord", PUT, &status);
    assert_int_equal(status, 500);
    assert_string_equal(text, "{\"__type\":\"InternalFailure\"}");
    mem_free(text);
}

/* Whoever shut himself out can take it back. */
static void no_rule_applies_to_what_sets_rules(void **state)
{
    struct loopback *l = *state;
    rules(l, "[{\"Error\":{\"Name\":\"InternalFailure\"}}]");
    json_decref(answer_ok(l, GET_RULES, "{}"));
    rules(l, "[]");
}

static void records_are_throttled_one_by_one(void **state)
{
    struct loopback *l = *state;
    rules(l, "[{\"ShardId\":\"shardId-000000000000\",\"Throttle\":true}]");
    answer_fails(l, "PutRecord",
                 "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"YQ==\","
                 "\"ExplicitHashKey\":\"0\"}",
                 THROTTLED);
    json_t *answer =
        answer_ok(l, "PutRecords",
                  "{\"StreamName\":\"s\",\"Records\":[{\"PartitionKey\":\"k\",\"Data\":\"YQ==\","
                  "\"ExplicitHashKey\":\"0\"},{\"PartitionKey\":\"k\",\"Data\":\"YQ==\","
                  "\"ExplicitHashKey\":\"340282366920938463463374607431768211455\"}]}");
    json_t *entries = json_object_get(answer, "Records");
    assert_int_equal(json_integer_value(json_object_get(answer, "FailedRecordCount")), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 0), "ErrorCode")),
                        "ProvisionedThroughputExceededException");
    assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 1), "ShardId")),
                        "shardId-000000000001");
    json_decref(answer);
    rules(l, "[{\"StreamName\":\"s\",\"Throttle\":true}]");
    answer_fails(l, "DescribeStream",
                 "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\"}",
                 "{\"__type\":\"LimitExceededException\",\"message\":\"Rate exceeded for stream s "
                 "under account 000000000000.\"}");
    json_decref(answer_ok(l, "ListStreams", "{}"));
}

/* A reader names no stream: his iterator does. */
static void a_sealed_iterator_tells_its_stream_and_shard(void **state)
{
    struct loopback *l = *state;
    json_t *iterator = answer_ok(l, "GetShardIterator",
                                 "{\"StreamName\":\"s\",\"ShardId\":\"1\","
                                 "\"ShardIteratorType\":\"LATEST\"}");
    char read[512];
    snprintf(read, sizeof(read), "{\"ShardIterator\":\"%s\"}",
             json_string_value(json_object_get(iterator, "ShardIterator")));
    json_decref(iterator);
    rules(l, "[{\"StreamName\":\"s\",\"ShardId\":\"1\",\"Error\":{\"Name\":"
             "\"ExpiredIteratorException\",\"Message\":\"old\"}},"
             "{\"StreamName\":\"s\",\"ShardId\":\"0\",\"Drop\":\"BEFORE\"}]");
    answer_fails(l, "GetRecords", read,
                 "{\"__type\":\"ExpiredIteratorException\",\"message\":\"old\"}");
    rules(l, "[{\"StreamName\":\"s\",\"ShardId\":\"1\",\"Throttle\":true}]");
    answer_fails(l, "GetRecords", read,
                 "{\"__type\":\"ProvisionedThroughputExceededException\",\"message\":\"Rate "
                 "exceeded for Shard - 000000000000/s/shardId-000000000001\"}");
}

static void latency_holds_up_one_request_and_not_the_loop(void **state)
{
    struct loopback *l = *state;
    struct call slow, quick;
    rules(l, "[{\"Operation\":\"PutRecord\",\"Latency\":{\"MinMs\":30,\"MaxMs\":40}}]");
    uint64_t begun_us = clock_mono_us(&clock_system);
    call_start(&slow, l, "PutRecord", PUT);
    assert_false(slow.finished);
    call_start(&quick, l, "ListStreams", "{}");
    call_wait(&quick);
    assert_false(slow.finished);
    call_wait(&slow);
    assert_int_equal(slow.status, 200);
    assert_true(clock_mono_us(&clock_system) - begun_us >= 30000);
    call_end(&slow);
    call_end(&quick);
}

static uint64_t stored(struct loopback *l)
{
    return metric_value(l->service.data.incoming_records);
}

static void a_lost_answer_is_of_an_operation_that_ran(void **state)
{
    struct loopback *l = *state;
    struct call c;
    uint64_t before = stored(l);
    rules(l, "[{\"Times\":1,\"Drop\":\"BEFORE\"},{\"Times\":1,\"Drop\":\"AFTER\"}]");
    for (int i = 0; i < 3; i++) {
        call_start(&c, l, "PutRecord", PUT);
        call_wait(&c);
        assert_int_equal(c.exchange.lost, i < 2);
        assert_int_equal(stored(l) - before, i);
        call_end(&c);
    }
}

static void without_inject_there_are_no_such_operations(void **state)
{
    struct loopback *l = *state;
    answer_fails(l, PUT_RULES, "{\"Rules\":[]}", "{\"__type\":\"UnknownOperationException\"}");
    answer_fails(l, GET_RULES, "{}", "{\"__type\":\"UnknownOperationException\"}");
}

static void our_operations_are_not_aws_s(void **state)
{
    struct loopback *l = *state;
    answer_fails(l, "Kinesis_20131202.GetFaultRules", "{}",
                 "{\"__type\":\"UnknownOperationException\"}");
    answer_fails(l, "Sluice_20261101.ListStreams", "{}",
                 "{\"__type\":\"UnknownOperationException\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rules_are_set_shown_and_taken_back),
        TEST(a_bad_rule_changes_nothing),
        TEST(no_rule_applies_to_what_sets_rules),
        TEST(records_are_throttled_one_by_one),
        TEST(a_sealed_iterator_tells_its_stream_and_shard),
        TEST(latency_holds_up_one_request_and_not_the_loop),
        TEST(a_lost_answer_is_of_an_operation_that_ran),
        cmocka_unit_test_setup_teardown(without_inject_there_are_no_such_operations, setup_without,
                                        teardown),
        TEST(our_operations_are_not_aws_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
