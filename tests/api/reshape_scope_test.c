/* reshape_scope_test.c: streams of one name in several accounts and regions are recounted, limited and measured apart. (That they scale
 * apart: scaler_test.c.) */
#include "api/monitoring.h"
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCOPES = 3, SHARD_LIMIT = 6 };

/* The account alone tells some apart, the region alone others. */
static const struct scope scopes[SCOPES] = {
    {"000000000000", "us-east-1"}, {"000000000000", "eu-west-1"}, {"111111111111", "us-east-1"}};

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->shard_limit = SHARD_LIMIT;
    l->on_demand_limit = 1;
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

static void be(struct loopback *l, int i)
{
    l->access_key = scopes[i].account;
    l->region = scopes[i].region;
}

static void create_in_all(struct loopback *l, const char *name, int shards)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"StreamName\":\"%s\",\"ShardCount\":%d}", name, shards);
    for (int i = 0; i < SCOPES; i++) {
        be(l, i);
        answer_empty(l, "CreateStream", json);
    }
}

static void opens_are(struct loopback *l, int first, int second, int third)
{
    const int counts[SCOPES] = {first, second, third};
    char words[64];
    for (int i = 0; i < SCOPES; i++) {
        be(l, i);
        snprintf(words, sizeof(words), "\"OpenShardCount\":%d,", counts[i]);
        assert_true(answer_shows(l, "DescribeStreamSummary", words));
    }
}

#define RECOUNT "{\"StreamName\":\"s\",\"TargetShardCount\":%d,\"ScalingType\":\"UNIFORM_SCALING\"}"

static void recount(struct loopback *l, int i, int now, int target)
{
    char json[160], arn[STREAM_ARN_BYTES], answer[512];
    be(l, i);
    snprintf(json, sizeof(json), RECOUNT, target);
    scope_stream_arn(&scopes[i], "s", arn);
    snprintf(answer, sizeof(answer),
             "{\"StreamName\":\"s\",\"CurrentShardCount\":%d,\"TargetShardCount\":%d,"
             "\"StreamARN\":\"%s\"}",
             now, target, arn);
    answer_with(l, "UpdateShardCount", json, 200, answer);
    answer_wait_active(l);
}

/* Refused in scope `i` for the shard limit, with its own numbers. */
static void over_shard_limit(struct loopback *l, int i, const char *operation, const char *json,
                             int now, int more)
{
    char words[640];
    snprintf(words, sizeof(words),
             "This request would exceed the shard limit for the account %s in %s. Current shard "
             "count for the account: %d. Limit: %d. Number of additional shards that would have "
             "resulted from this request: %d. Refer to the AWS Service Limits page "
             "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
             "limits and how to request higher limits.",
             scopes[i].account, scopes[i].region, now, SHARD_LIMIT, more);
    be(l, i);
    answer_refused(l, operation, json, "LimitExceededException", words);
}

static void recounts_and_their_limit_are_each_scopes_own(void **state)
{
    struct loopback *l = *state;
    char json[160];
    create_in_all(l, "s", 4);
    snprintf(json, sizeof(json), RECOUNT, 7);
    for (int i = 0; i < SCOPES; i++)
        over_shard_limit(l, i, "UpdateShardCount", json, 4, 3);
    recount(l, 1, 4, 6);
    opens_are(l, 4, 6, 4);
    recount(l, 2, 4, 3);
    loopback_reopen(l);
    opens_are(l, 4, 6, 3);
    recount(l, 0, 4, 6); /* what the others hold is nothing to it */
    opens_are(l, 6, 6, 3);
}

static void ten_recounts_a_day_are_each_streams_own(void **state)
{
    struct loopback *l = *state;
    char json[160], words[160];
    create_in_all(l, "s", 1);
    for (int i = 0; i < 5; i++) {
        recount(l, 2, 1, 2);
        recount(l, 2, 2, 1);
    }
    snprintf(json, sizeof(json), RECOUNT, 2);
    snprintf(words, sizeof(words),
             "Rate exceeded for stream s under account %s. UpdateShardCount can be called 10 times "
             "in a rolling 24 hours.",
             scopes[2].account);
    answer_refused(l, "UpdateShardCount", json, "LimitExceededException", words);
    recount(l, 0, 1, 2);
    recount(l, 1, 1, 2);
    opens_are(l, 2, 2, 1);
}

static void to_on_demand(struct loopback *l, int i, const char *name, char json[384])
{
    char arn[STREAM_ARN_BYTES];
    be(l, i);
    scope_stream_arn(&scopes[i], name, arn);
    snprintf(json, 384,
             "{\"StreamARN\":\"%s\",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}", arn);
}

static void on_demand_streams_are_counted_by_scope(void **state)
{
    struct loopback *l = *state;
    char json[384], words[512];
    create_in_all(l, "s", 1);
    create_in_all(l, "t", 1);
    for (int i = 0; i < SCOPES; i++) { /* one each: three in all */
        to_on_demand(l, i, "s", json);
        answer_empty(l, "UpdateStreamMode", json);
    }
    for (int i = 0; i < SCOPES; i++) {
        to_on_demand(l, i, "t", json);
        snprintf(words, sizeof(words),
                 "This request would exceed the on-demand stream limit for the account %s in %s. "
                 "Current on-demand stream count for the account: 1. Limit: 1.",
                 scopes[i].account, scopes[i].region);
        answer_refused(l, "UpdateStreamMode", json, "LimitExceededException", words);
        assert_true(answer_shows(l, "DescribeLimits", "\"OnDemandStreamCount\":1,"));
    }
}

static void warm_throughput_is_limited_by_scope(void **state)
{
    struct loopback *l = *state;
    char json[384], arn[STREAM_ARN_BYTES], answer[512];
    create_in_all(l, "s", 1);
    create_in_all(l, "t", 1);
    for (int i = 0; i < SCOPES; i++) {
        to_on_demand(l, i, "s", json);
        answer_empty(l, "UpdateStreamMode", json);
        over_shard_limit(l, i, "UpdateStreamWarmThroughput",
                         "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":6}", 2, 5);
        scope_stream_arn(&scopes[i], "s", arn);
        snprintf(answer, sizeof(answer),
                 "{\"StreamARN\":\"%s\",\"StreamName\":\"s\",\"WarmThroughput\":{\"TargetMiBps\":5,"
                 "\"CurrentMiBps\":1}}",
                 arn);
        answer_with(l, "UpdateStreamWarmThroughput",
                    "{\"StreamName\":\"s\",\"WarmThroughputMiBps\":5}", 200, answer);
    }
}

static void the_largest_record_is_each_streams_own(void **state)
{
    struct loopback *l = *state;
    create_in_all(l, "s", 1);
    be(l, 1);
    answer_empty(l, "UpdateMaxRecordSize",
                 "{\"StreamARN\":\"arn:aws:kinesis:eu-west-1:000000000000:stream/s\","
                 "\"MaxRecordSizeInKiB\":2048}");
    for (int i = 0; i < SCOPES; i++) {
        be(l, i);
        json_t *got = answer_ok(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}");
        const json_t *summary = json_object_get(got, "StreamDescriptionSummary"),
                     *size = json_object_get(summary, "MaxRecordSizeInKiB");
        assert_int_equal(json_integer_value(size), i == 1 ? 2048 : 0); /* 0: never given */
        json_decref(got);
    }
}

/* ---- the page of metrics ---- */

static char *page_of(struct loopback *l)
{
    struct buf page;
    buf_init(&page, 1 << 20);
    monitoring_print(l->service.streams, &page);
    buf_append_byte(&page, 0);
    assert_int_equal(page.status, OK);
    char *text = mem_strdup((const char *)page.at);
    buf_fini(&page);
    return text;
}

/* How many lines of the page begin so; *value: what the last of them says. */
static int lines_with(const char *page, const char *beginning, unsigned long *value)
{
    char wanted[400];
    int count = 0;
    snprintf(wanted, sizeof(wanted), "\n%s", beginning);
    for (const char *at = page; (at = strstr(at, wanted)); count++) {
        at += strlen(wanted);
        *value = strtoul(at, NULL, 10);
    }
    return count;
}

static void metrics_tell_streams_of_one_name_apart(void **state)
{
    static const char put[] = "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"aGVsbG8=\"}";
    struct loopback *l = *state;
    create_in_all(l, "s", 1);
    for (int i = 0; i < SCOPES; i++) {
        be(l, i);
        for (int puts = 0; puts <= i; puts++)
            json_decref(answer_ok(l, "PutRecord", put));
        if (i > 0) /* the first has none of its shards shown */
            json_decref(
                answer_ok(l, "EnableEnhancedMonitoring",
                          "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"IncomingRecords\"]}"));
    }
    char *page = page_of(l), line[384];
    for (int i = 0; i < SCOPES; i++) {
        unsigned long value = 0;
        snprintf(
            line, sizeof(line),
            "kinesis_stream_incoming_records_total{account=\"%s\",region=\"%s\",stream=\"s\"} ",
            scopes[i].account, scopes[i].region);
        assert_int_equal(lines_with(page, line, &value), 1);
        assert_int_equal(value, i + 1);
        snprintf(line, sizeof(line),
                 "kinesis_shard_incoming_records_total{account=\"%s\",region=\"%s\",stream=\"s\","
                 "shard=\"shardId-000000000000\"} ",
                 scopes[i].account, scopes[i].region);
        assert_int_equal(lines_with(page, line, &value), i > 0);
        assert_int_equal(value, i + 1);
    }
    mem_free(page);
    be(l, 0);
    assert_true(answer_shows(l, "DescribeStream", "[{\"ShardLevelMetrics\":[]}]"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(recounts_and_their_limit_are_each_scopes_own),
        TEST(ten_recounts_a_day_are_each_streams_own),
        TEST(on_demand_streams_are_counted_by_scope),
        TEST(warm_throughput_is_limited_by_scope),
        TEST(the_largest_record_is_each_streams_own),
        TEST(metrics_tell_streams_of_one_name_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
