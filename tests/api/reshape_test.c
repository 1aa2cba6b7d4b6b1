/* reshape_test.c: UpdateShardCount, UpdateStreamMode, UpdateStreamWarmThroughput and UpdateMaxRecordSize over a loopback exchange: answers, errors, effects, restarts. */
#include "base/mem.h"
#include "support/answers.h"
#include "support/log_memory.h"
#include "support/loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ARN "arn:aws:kinesis:us-east-1:000000000000:stream/s"
enum { DAY_MS = 24 * 3600 * 1000 };

static void wait_active(struct loopback *l)
{
    for (bool active = false; !active;) {
        char *now = call_text(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}", NULL);
        active = strstr(now, "\"ACTIVE\"") != NULL;
        mem_free(now);
        clock_manual_advance_ms(&l->clock, active ? 0 : 1); /* timers of the catalog go by it */
    }
}

static void create(struct loopback *l, int shards)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",\"ShardCount\":%d}", shards);
    answer_empty(l, "CreateStream", json);
}

static void recount(struct loopback *l, int now, int target)
{
    char json[160], answer[256];
    snprintf(json, sizeof(json),
             "{\"StreamName\":\"s\",\"TargetShardCount\":%d,\"ScalingType\":\"UNIFORM_SCALING\"}",
             target);
    snprintf(answer, sizeof(answer),
             "{\"StreamName\":\"s\",\"CurrentShardCount\":%d,\"TargetShardCount\":%d,"
             "\"StreamARN\":\"" ARN "\"}",
             now, target);
    answer_with(l, "UpdateShardCount", json, 200, answer);
}

static void recount_refused(struct loopback *l, int target, const char *type, const char *words)
{
    char json[160];
    snprintf(json, sizeof(json),
             "{\"StreamName\":\"s\",\"TargetShardCount\":%d,\"ScalingType\":\"UNIFORM_SCALING\"}",
             target);
    answer_refused(l, "UpdateShardCount", json, type, words);
}

/* All shards ever made, and the open ones in the order of their keys, as JSON arrays. */
static json_t *shards_of(struct loopback *l, size_t *made, json_t **open)
{
    char *text = call_text(l, "ListShards", "{\"StreamName\":\"s\"}", NULL);
    json_t *answer = json_loads(text, 0, NULL);
    mem_free(text);
    json_t *all = json_object_get(answer, "Shards");
    *made = json_array_size(all);
    *open = json_array();
    for (size_t i = 0; i < *made; i++) {
        json_t *s = json_array_get(all, i);
        if (!json_object_get(json_object_get(s, "SequenceNumberRange"), "EndingSequenceNumber"))
            json_array_append(*open, s);
    }
    return answer;
}

static u128 start_of(const json_t *shard)
{
    u128 start;
    const char *text = json_string_value(
        json_object_get(json_object_get(shard, "HashKeyRange"), "StartingHashKey"));
    assert_true(u128_parse(bytes_text(text), &start));
    return start;
}

static void assert_even(struct loopback *l, size_t count, size_t made)
{
    size_t all;
    json_t *open, *answer = shards_of(l, &all, &open);
    assert_int_equal(json_array_size(open), count);
    assert_int_equal(all, made);
    u128 share = U128_MAX / count;
    for (size_t i = 0; i < count; i++) { /* whichever comes where */
        size_t place = (size_t)((start_of(json_array_get(open, i)) + share / 100) / share);
        u128 start = start_of(json_array_get(open, i)), wanted = share * place;
        assert_true((start > wanted ? start - wanted : wanted - start) <= share / 1000);
    }
    json_decref(open);
    json_decref(answer);
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

/* ---- UpdateShardCount ---- */

static void a_recount_ends_even_with_as_many_shards_as_it_takes(void **state)
{
    struct loopback *l = *state;
    create(l, 4);
    recount(l, 4, 5);
    wait_active(l);
    assert_even(l, 5, 15);
    recount(l, 5, 5); /* nothing to do */
    wait_active(l);
    assert_even(l, 5, 15);
    recount(l, 5, 10);
    wait_active(l);
    assert_even(l, 10, 25);
    recount(l, 10, 5);
    wait_active(l);
    assert_even(l, 5, 30);
}

static void a_child_of_a_row_of_steps_has_numbers_above_its_parents(void **state)
{
    struct loopback *l = *state;
    create(l, 20);
    recount(l, 20, 13);
    wait_active(l);
    size_t made;
    json_t *open, *answer = shards_of(l, &made, &open);
    json_t *all = json_object_get(answer, "Shards");
    for (size_t i = 0; i < made; i++) {
        static const char *const parents[] = {"ParentShardId", "AdjacentParentShardId"};
        json_t *child = json_array_get(all, i);
        for (int p = 0; p < 2; p++) {
            const char *id = json_string_value(json_object_get(child, parents[p]));
            if (!id)
                continue;
            json_t *parent =
                json_array_get(all, (size_t)strtoul(id + strlen("shardId-"), NULL, 10));
            const char *end = json_string_value(json_object_get(
                json_object_get(parent, "SequenceNumberRange"), "EndingSequenceNumber"));
            const char *start = json_string_value(json_object_get(
                json_object_get(child, "SequenceNumberRange"), "StartingSequenceNumber"));
            assert_int_equal(strlen(end), strlen(start));
            assert_true(strcmp(start, end) > 0);
        }
    }
    json_decref(open);
    json_decref(answer);
}

static void a_recount_keeps_to_awss_limits(void **state)
{
    struct loopback *l = *state;
    answer_refused(
        l, "UpdateShardCount",
        "{\"StreamName\":\"s\",\"TargetShardCount\":2,\"ScalingType\":\"UNIFORM_SCALING\"}",
        "ResourceNotFoundException", "Stream s under account 000000000000 not found.");
    create(l, 5);
    recount_refused(l, 11, "LimitExceededException",
                    "UpdateShardCount cannot scale up over double your current open shard count. "
                    "Current open shard count: 5 Target shard count: 11");
    recount_refused(l, 2, "LimitExceededException",
                    "UpdateShardCount cannot scale down below half your current open shard count. "
                    "Current open shard count: 5 Target shard count: 2");
    recount(l, 5, 3);
    wait_active(l);
    answer_refused(
        l, "UpdateShardCount",
        "{\"StreamName\":\"s\",\"TargetShardCount\":0,\"ScalingType\":\"UNIFORM_SCALING\"}",
        "ValidationException",
        "1 validation error detected: Value '0' at 'targetShardCount' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1");
}

static int setup_few_shards(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->shard_limit = 10;
    loopback_open(l);
    *state = l;
    return 0;
}

static void a_recount_keeps_to_the_shard_limit(void **state)
{
    struct loopback *l = *state;
    create(l, 6);
    recount_refused(
        l, 11, "LimitExceededException",
        "This request would exceed the shard limit for the account 000000000000 in us-east-1. "
        "Current shard count for the account: 6. Limit: 10. Number of additional shards that would "
        "have resulted from this request: 5. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "
        "and how to request higher limits.");
    recount(l, 6, 10);
    wait_active(l);
}

static void ten_recounts_a_day(void **state)
{
    struct loopback *l = *state;
    create(l, 1);
    for (int i = 0; i < 10; i++) {
        i % 2 ? recount(l, 2, 1) : recount(l, 1, 2);
        wait_active(l);
        clock_manual_advance_ms(&l->clock, 3600 * 1000);
        if (i == 4)
            loopback_reopen(l); /* not forgotten by a restart */
    }
    recount(l, 1, 1); /* nothing to do: not counted */
    recount_refused(
        l, 2, "LimitExceededException",
        "Rate exceeded for stream s under account 000000000000. UpdateShardCount can be "
        "called 10 times in a rolling 24 hours.");
    clock_manual_advance_ms(&l->clock, 14 * 3600 * 1000 + 1); /* the first is a day old */
    recount(l, 1, 2);
    wait_active(l);
    recount_refused(
        l, 1, "LimitExceededException",
        "Rate exceeded for stream s under account 000000000000. UpdateShardCount can be "
        "called 10 times in a rolling 24 hours.");
}

static void on_demand_streams_are_not_recounted_by_hand(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\"}");
    recount_refused(
        l, 5, "ValidationException",
        "Request is invalid. Stream s under account 000000000000 is in On-Demand mode.");
}

/* Stops a recount at a step of its own: the log refuses, and the step is tried again for ever. */
static void stop_at_next_step(struct loopback *l, int now, int target)
{
    log_memory_refuse(l->service.logs, IO_FAILED);
    recount(l, now, target);
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"UPDATING\""));
}

static void a_busy_stream_is_left_alone(void **state)
{
    struct loopback *l = *state;
    create(l, 4);
    stop_at_next_step(l, 4, 6);
    static const char busy[] = "Stream s under account 000000000000 not ACTIVE, instead in state "
                               "UPDATING";
    recount_refused(l, 5, "ResourceInUseException", busy);
    static const char *const others[][2] = {
        {"SplitShard",
         "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"1000\"}"},
        {"UpdateStreamMode",
         "{\"StreamARN\":\"" ARN "\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}"},
        {"UpdateStreamWarmThroughput", "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":5}"},
        {"UpdateMaxRecordSize", "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":2048}"},
        {"EnableEnhancedMonitoring", "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"ALL\"]}"},
        {"DisableEnhancedMonitoring", "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"ALL\"]}"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        answer_refused(l, others[i][0], others[i][1], "ResourceInUseException", busy);
    log_memory_refuse(l->service.logs, OK);
    wait_active(l);
    assert_even(l, 6, 14);
}

static void a_recount_cut_off_anywhere_comes_to_its_end_at_the_next_start(void **state)
{
    struct loopback *l = *state;
    create(l, 6);
    for (int cut = 0; cut < 9; cut++) { /* 6 to 9 and back are nine steps each */
        log_memory_hold(l->service.logs, true);
        cut % 2 ? recount(l, 9, 6) : recount(l, 6, 9);
        for (int step = 0; step < cut; step++) {
            while (log_memory_held(l->service.logs) == 0)
                ; /* the catalog's thread queues the next seal */
            log_memory_release_held(l->service.logs);
        }
        log_memory_refuse(l->service.logs, IO_FAILED);
        log_memory_hold(l->service.logs, false);
        log_memory_release_held(l->service.logs);
        loopback_reopen(l);
        log_memory_refuse(l->service.logs, OK);
        wait_active(l);
        assert_true(answer_shows(l, "DescribeStreamSummary",
                                 cut % 2 ? "\"OpenShardCount\":6" : "\"OpenShardCount\":9"));
        clock_manual_advance_ms(&l->clock, DAY_MS / 8);
    }
}

/* ---- mode, warm throughput, record size ---- */

static void a_stream_changes_its_mode_twice_a_day(void **state)
{
    struct loopback *l = *state;
    create(l, 2);
    static const char to_on_demand[] =
        "{\"StreamARN\":\"" ARN "\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}";
    static const char to_provisioned[] =
        "{\"StreamARN\":\"" ARN "\",\"StreamModeDetails\":{\"StreamMode\":\"PROVISIONED\"}}";
    answer_empty(l, "UpdateStreamMode", to_on_demand);
    answer_empty(l, "UpdateStreamMode", to_on_demand); /* no change: not counted */
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"StreamMode\":\"ON_DEMAND\""));
    assert_true(answer_shows(l, "DescribeStream", "\"StreamMode\":\"ON_DEMAND\""));
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"OpenShardCount\":2"));
    assert_true(answer_shows(l, "DescribeLimits", "\"OnDemandStreamCount\":1"));
    recount_refused(
        l, 4, "ValidationException",
        "Request is invalid. Stream s under account 000000000000 is in On-Demand mode.");
    answer_empty(l, "UpdateStreamMode", to_provisioned);
    loopback_reopen(l);
    assert_true(answer_shows(l, "DescribeStream", "\"StreamMode\":\"PROVISIONED\""));
    answer_refused(
        l, "UpdateStreamMode", to_on_demand, "LimitExceededException",
        "Rate exceeded for stream s under account 000000000000. The capacity mode of a stream "
        "can be switched 2 times within 24 hours.");
    clock_manual_advance_ms(&l->clock, DAY_MS + 1);
    answer_empty(l, "UpdateStreamMode", to_on_demand);
}

static void a_mode_that_cannot_be_is_refused(void **state)
{
    struct loopback *l = *state;
    create(l, 2);
    answer_refused(
        l, "UpdateStreamMode", "{\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}",
        "ValidationException",
        "1 validation error detected: Value null at 'streamARN' failed to satisfy constraint: "
        "Member must not be null");
    answer_refused(
        l, "UpdateStreamMode",
        "{\"StreamARN\":\"" ARN
        "\",\"StreamModeDetails\":{\"StreamMode\":\"PROVISIONED\"},\"WarmThroughputMiBps\":5}",
        "ValidationException",
        "WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode.");
    answer_refused(
        l, "UpdateStreamMode",
        "{\"StreamARN\":\"" ARN
        "\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"},\"WarmThroughputMiBps\":10241}",
        "ValidationException",
        "WarmThroughputMiBps can be at most 10240. Specified value was 10241");
    l->service.on_demand_limit = 0; /* of DescribeLimits; the catalog has its own */
}

static void warm_throughput_is_shown_as_far_as_it_is_there(void **state)
{
    struct loopback *l = *state;
    create(l, 2);
    answer_refused(l, "UpdateStreamWarmThroughput",
                   "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":5}", "ValidationException",
                   "WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode.");
    answer_empty(
        l, "UpdateStreamMode",
        "{\"StreamARN\":\"" ARN
        "\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"},\"WarmThroughputMiBps\":3}");
    assert_true(answer_shows(l, "DescribeStreamSummary",
                             "\"WarmThroughput\":{\"TargetMiBps\":3,\"CurrentMiBps\":2}"));
    answer_with(
        l, "UpdateStreamWarmThroughput", "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":7}", 200,
        "{\"StreamARN\":\"" ARN "\",\"StreamName\":\"s\",\"WarmThroughput\":{\"TargetMiBps\":7,"
        "\"CurrentMiBps\":2}}");
    loopback_reopen(l);
    assert_true(answer_shows(l, "DescribeStreamSummary",
                             "\"WarmThroughput\":{\"TargetMiBps\":7,\"CurrentMiBps\":2}"));
    answer_refused(l, "UpdateStreamWarmThroughput",
                   "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":99999999999}",
                   "ValidationException",
                   "WarmThroughputMiBps can be at most 10240. Specified value was 536870911");
}

static int put_of(struct loopback *l, size_t data_bytes)
{
    size_t text_bytes = (data_bytes + 2) / 3 * 4;
    char *json = mem_must(text_bytes + 128);
    int len = snprintf(json, 128, "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"");
    memset(json + len, 'A', text_bytes);
    memcpy(json + len + text_bytes, "\"}", 3);
    int status;
    mem_free(call_text(l, "PutRecord", json, &status));
    mem_free(json);
    return status;
}

static void the_largest_record_holds_at_once(void **state)
{
    struct loopback *l = *state;
    create(l, 1);
    size_t over = 3 * (1024 * 1024 / 3) + 3;
    assert_int_equal(put_of(l, over), 400);
    answer_empty(l, "UpdateMaxRecordSize",
                 "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":2048}");
    assert_int_equal(put_of(l, over), 200);
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"MaxRecordSizeInKiB\":2048"));
    answer_empty(l, "UpdateMaxRecordSize",
                 "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":1024}");
    assert_int_equal(put_of(l, over), 400);
    loopback_reopen(l);
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"MaxRecordSizeInKiB\":1024"));
    answer_refused(
        l, "UpdateMaxRecordSize", "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":1023}",
        "ValidationException",
        "1 validation error detected: Value '1023' at 'maxRecordSizeInKiB' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1024");
    answer_refused(
        l, "UpdateMaxRecordSize", "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":10241}",
        "ValidationException",
        "1 validation error detected: Value '10241' at 'maxRecordSizeInKiB' failed to satisfy "
        "constraint: Member must have value less than or equal to 10240");
    answer_refused(l, "UpdateMaxRecordSize", "{\"MaxRecordSizeInKiB\":2048}",
                   "InvalidArgumentException",
                   "Either StreamName or StreamARN should be provided.");
}

static int setup_slow(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->state_delay_ms = 50;
    loopback_open(l);
    *state = l;
    return 0;
}

static void with_a_state_delay_a_change_shows_updating(void **state)
{
    struct loopback *l = *state;
    create(l, 2);
    wait_active(l);
    answer_empty(l, "UpdateMaxRecordSize",
                 "{\"StreamARN\":\"" ARN "\",\"MaxRecordSizeInKiB\":2048}");
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"UPDATING\""));
    loopback_reopen(l); /* found UPDATING with nothing under way */
    wait_active(l);
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"MaxRecordSizeInKiB\":2048"));
    recount(l, 2, 4);
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"UPDATING\""));
    wait_active(l);
    assert_even(l, 4, 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_recount_ends_even_with_as_many_shards_as_it_takes),
        TEST(a_child_of_a_row_of_steps_has_numbers_above_its_parents),
        TEST(a_recount_keeps_to_awss_limits),
        cmocka_unit_test_setup_teardown(a_recount_keeps_to_the_shard_limit, setup_few_shards,
                                        teardown),
        TEST(ten_recounts_a_day),
        TEST(on_demand_streams_are_not_recounted_by_hand),
        TEST(a_busy_stream_is_left_alone),
        TEST(a_recount_cut_off_anywhere_comes_to_its_end_at_the_next_start),
        TEST(a_stream_changes_its_mode_twice_a_day),
        TEST(a_mode_that_cannot_be_is_refused),
        TEST(warm_throughput_is_shown_as_far_as_it_is_there),
        TEST(the_largest_record_holds_at_once),
        cmocka_unit_test_setup_teardown(with_a_state_delay_a_change_shows_updating, setup_slow,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
