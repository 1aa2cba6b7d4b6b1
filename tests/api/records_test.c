/* records_test.c: the operations over a loopback exchange: put, read, reshard, list, retention,
 * restart. */
#include "base/mem.h"
#include "support/answers.h"
#include "support/log_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static char *iterator(struct loopback *l, const char *rest)
{
    char json[512];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",%s}", rest);
    json_t *answer = answer_ok(l, "GetShardIterator", json);
    char *it = mem_strdup(text_of(answer, "ShardIterator"));
    json_decref(answer);
    return it;
}

/* Reads once and moves the iterator on (NULL at the end of a shard). */
static json_t *read_on(struct loopback *l, char **it, int limit)
{
    char json[640];
    snprintf(json, sizeof(json), "{\"ShardIterator\":\"%s\",\"Limit\":%d}", *it, limit);
    json_t *answer = answer_ok(l, "GetRecords", json);
    mem_free(*it);
    const char *next = text_of(answer, "NextShardIterator");
    *it = next ? mem_strdup(next) : NULL;
    return answer;
}

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void a_record_put_is_read_back(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    json_t *put = answer_ok(l, "PutRecord",
                            "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"aGVsbG8=\"}");
    assert_string_equal(text_of(put, "ShardId"), "shardId-000000000000");
    char *it =
        iterator(l, "\"ShardId\":\"shardId-000000000000\",\"ShardIteratorType\":\"TRIM_HORIZON\"");
    json_t *got = read_on(l, &it, 10);
    json_t *records = json_object_get(got, "Records");
    assert_int_equal(json_array_size(records), 1);
    const json_t *r = json_array_get(records, 0);
    assert_string_equal(text_of(r, "Data"), "aGVsbG8=");
    assert_string_equal(text_of(r, "PartitionKey"), "k");
    assert_string_equal(text_of(r, "SequenceNumber"), text_of(put, "SequenceNumber"));
    assert_int_equal(json_integer_value(json_object_get(got, "MillisBehindLatest")), 0);
    assert_non_null(it);
    mem_free(it);
    json_decref(put);
    json_decref(got);
}

static void records_go_to_the_shard_of_their_keys_md5(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":3}");
    json_t *put = answer_ok(
        l, "PutRecords",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"a\"},{\"Data\":\"\","
        "\"PartitionKey\":\"b\"},{\"Data\":\"\",\"PartitionKey\":\"e\"},{\"Data\":\"\","
        "\"PartitionKey\":"
        "\"f\"}]}");
    static const char *const shards[] = {"shardId-000000000000", "shardId-000000000001",
                                         "shardId-000000000002", "shardId-000000000001"};
    assert_int_equal(json_integer_value(json_object_get(put, "FailedRecordCount")), 0);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(text_of(json_array_get(json_object_get(put, "Records"), i), "ShardId"),
                            shards[i]);
    json_decref(put);
}

static void missing_streams_and_bad_values_are_worded_as_aws_does(void **state)
{
    struct loopback *l = *state;
    answer_fails(
        l, "PutRecord", "{\"StreamName\":\"none\",\"PartitionKey\":\"k\",\"Data\":\"\"}",
        "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream none under account "
        "000000000000 not found.\"}");
    answer_fails(l, "PutRecord", "{\"StreamName\":", "{\"__type\":\"SerializationException\"}");
    answer_fails(l, "NoSuchThing", "{}", "{\"__type\":\"UnknownOperationException\"}");
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    answer_fails(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}",
                 "{\"__type\":\"ResourceInUseException\",\"message\":\"Stream s under account "
                 "000000000000 already exists.\"}");
    answer_fails(
        l, "GetRecords", "{\"ShardIterator\":\"nonsense\"}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"Invalid ShardIterator.\"}");
    answer_fails(
        l, "PutRecord",
        "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"\",\"ExplicitHashKey\":"
        "\"340282366920938463463374607431768211456\"}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"Invalid ExplicitHashKey. "
        "ExplicitHashKey must be in "
        "the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456\"}");
}

static void a_put_is_not_answered_before_its_append_is_done(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":2}");
    log_memory_hold(l->service.logs, true);
    struct call c;
    call_start(&c, l, "PutRecord", "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"\"}");
    assert_false(c.finished);
    assert_int_equal(log_memory_held(l->service.logs), 1);
    log_memory_hold(l->service.logs, false);
    log_memory_release_held(l->service.logs);
    call_wait(&c);
    assert_int_equal(c.status, 200);
    call_end(&c);
}

static void a_refused_append_is_a_throttle_per_record(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    log_memory_refuse(l->service.logs, THROTTLED);
    answer_fails(
        l, "PutRecord", "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"\"}",
        "{\"__type\":\"ProvisionedThroughputExceededException\",\"message\":\"Rate exceeded for "
        "shard "
        "shardId-000000000000 in stream s under account 000000000000.\"}");
    json_t *put =
        answer_ok(l, "PutRecords",
                  "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"a\"}]}");
    assert_int_equal(json_integer_value(json_object_get(put, "FailedRecordCount")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(put, "Records"), 0), "ErrorCode"),
                        "ProvisionedThroughputExceededException");
    json_decref(put);
}

static void a_put_that_meets_a_seal_goes_to_the_children(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    log_memory_hold(l->service.logs, true);
    struct call split, put;
    call_start(&split, l, "SplitShard",
               "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"1000\"}");
    while (log_memory_held(l->service.logs) == 0)
        ; /* the catalog's thread queues the seal */
    call_start(&put, l, "PutRecord", "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"\"}");
    assert_int_equal(log_memory_held(l->service.logs), 2);
    log_memory_hold(l->service.logs, false);
    log_memory_release_held(l->service.logs);
    call_wait(&split);
    call_wait(&put);
    assert_int_equal(split.status, 200);
    assert_int_equal(put.status, 200);
    assert_non_null(strstr(put.text, "\"ShardId\":\"shardId-000000000002\""));
    call_end(&split);
    call_end(&put);

    char *it =
        iterator(l, "\"ShardId\":\"shardId-000000000000\",\"ShardIteratorType\":\"TRIM_HORIZON\"");
    json_t *got = read_on(l, &it, 10);
    assert_null(it);
    assert_int_equal(json_array_size(json_object_get(got, "Records")), 0);
    assert_int_equal(json_array_size(json_object_get(got, "ChildShards")), 2);
    json_decref(got);
}

static void limits_page_through_without_gap_or_repeat(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    for (int i = 0; i < 7; i++)
        json_decref(
            answer_ok(l, "PutRecords",
                      "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"a\"},{"
                      "\"Data\":\"\","
                      "\"PartitionKey\":\"b\"},{\"Data\":\"\",\"PartitionKey\":\"c\"}]}"));
    char *it = iterator(l, "\"ShardId\":\"0\",\"ShardIteratorType\":\"TRIM_HORIZON\"");
    static const char keys[] = "abc";
    for (int seen = 0; seen < 21;) {
        json_t *got = read_on(l, &it, 2);
        json_t *records = json_object_get(got, "Records");
        assert_in_range(json_array_size(records), 1, 2);
        for (size_t i = 0; i < json_array_size(records); i++, seen++)
            assert_int_equal(text_of(json_array_get(records, i), "PartitionKey")[0],
                             keys[seen % 3]);
        json_decref(got);
    }
    json_t *got = read_on(l, &it, 2);
    assert_int_equal(json_array_size(json_object_get(got, "Records")), 0);
    json_decref(got);
    mem_free(it);
}

static void what_is_past_retention_is_not_served(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    json_decref(
        answer_ok(l, "PutRecord", "{\"StreamName\":\"s\",\"PartitionKey\":\"old\",\"Data\":\"\"}"));
    clock_manual_advance_ms(&l->clock, 25ull * 3600 * 1000);
    json_decref(
        answer_ok(l, "PutRecord", "{\"StreamName\":\"s\",\"PartitionKey\":\"new\",\"Data\":\"\"}"));
    char *it = iterator(l, "\"ShardId\":\"0\",\"ShardIteratorType\":\"TRIM_HORIZON\"");
    json_t *got = read_on(l, &it, 10);
    json_t *records = json_object_get(got, "Records");
    assert_int_equal(json_array_size(records), 1);
    assert_string_equal(text_of(json_array_get(records, 0), "PartitionKey"), "new");
    json_decref(got);
    mem_free(it);
}

static void an_iterator_expires_after_five_minutes(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    char *it = iterator(l, "\"ShardId\":\"0\",\"ShardIteratorType\":\"LATEST\"");
    clock_manual_advance_ms(&l->clock, 300001);
    char json[640];
    snprintf(json, sizeof(json), "{\"ShardIterator\":\"%s\"}", it);
    int status;
    char *text = call_text(l, "GetRecords", json, &status);
    assert_int_equal(status, 400);
    assert_non_null(strstr(text, "\"ExpiredIteratorException\""));
    assert_non_null(strstr(text, "tolerated delay of 300000 milliseconds."));
    mem_free(text);
    mem_free(it);
}

static void streams_and_a_reshard_survive_a_restart(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":2}");
    answer_empty(l, "MergeShards",
                 "{\"StreamName\":\"s\",\"ShardToMerge\":\"0\",\"AdjacentShardToMerge\":\"1\"}");
    char *before = call_text(l, "ListShards", "{\"StreamName\":\"s\"}", NULL);
    loopback_reopen(l);
    char *after = call_text(l, "ListShards", "{\"StreamName\":\"s\"}", NULL);
    assert_string_equal(before, after);
    assert_non_null(strstr(after, "\"AdjacentParentShardId\":\"shardId-000000000001\""));
    mem_free(before);
    mem_free(after);
}

static void a_torn_last_write_does_not_stop_the_catalog(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":2}");
    char *before = call_text(l, "ListShards", "{\"StreamName\":\"s\"}", NULL);
    loopback_reopen_torn(l);
    char *after = call_text(l, "ListShards", "{\"StreamName\":\"s\"}", NULL);
    assert_string_equal(before, after);
    mem_free(before);
    mem_free(after);
}

static void a_reshard_cut_off_is_completed_at_the_next_start(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    log_memory_refuse(l->service.logs, IO_FAILED);
    answer_empty(l, "SplitShard",
                 "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"1000\"}");
    char *during = call_text(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}", NULL);
    assert_non_null(strstr(during, "\"UPDATING\""));
    mem_free(during);
    log_memory_refuse(l->service.logs, OK);
    loopback_reopen(l);
    for (bool active = false; !active;) {
        char *now = call_text(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}", NULL);
        active = strstr(now, "\"ACTIVE\"") && strstr(now, "\"OpenShardCount\":2");
        mem_free(now);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_record_put_is_read_back),
        TEST(records_go_to_the_shard_of_their_keys_md5),
        TEST(missing_streams_and_bad_values_are_worded_as_aws_does),
        TEST(a_put_is_not_answered_before_its_append_is_done),
        TEST(a_refused_append_is_a_throttle_per_record),
        TEST(a_put_that_meets_a_seal_goes_to_the_children),
        TEST(limits_page_through_without_gap_or_repeat),
        TEST(what_is_past_retention_is_not_served),
        TEST(an_iterator_expires_after_five_minutes),
        TEST(streams_and_a_reshard_survive_a_restart),
        TEST(a_torn_last_write_does_not_stop_the_catalog),
        TEST(a_reshard_cut_off_is_completed_at_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
