/* monitoring_test.c: EnableEnhancedMonitoring, DisableEnhancedMonitoring, and the page of metrics. */
#include "api/monitoring.h"
#include "base/mem.h"
#include "support/answers.h"
#include "support/log_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define SCOPE "account=\"000000000000\",region=\"us-east-1\","

#define ARN "arn:aws:kinesis:us-east-1:000000000000:stream/s"

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

static void create(struct loopback *l, int shards)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",\"ShardCount\":%d}", shards);
    answer_empty(l, "CreateStream", json);
}

static char *page_of(struct loopback *l, size_t ceiling)
{
    struct buf page;
    buf_init(&page, ceiling);
    monitoring_print(l->service.streams, &page);
    assert_int_equal(page.status, OK);
    char *text = mem_must(page.len + 1);
    memcpy(text, page.at, page.len);
    text[page.len] = '\0';
    buf_fini(&page);
    return text;
}

static void monitoring_is_enabled_and_disabled_by_name(void **state)
{
    struct loopback *l = *state;
    create(l, 1);
    static const char head[] = "{\"StreamName\":\"s\",\"CurrentShardLevelMetrics\":";
    static const char tail[] = ",\"StreamARN\":\"" ARN "\"}";
    char answer[700];
    snprintf(answer, sizeof(answer),
             "%s[],\"DesiredShardLevelMetrics\":[\"IncomingBytes\",\"IteratorAgeMilliseconds\"]%s",
             head, tail);
    answer_with(l, "EnableEnhancedMonitoring",
                "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"IteratorAgeMilliseconds\","
                "\"IncomingBytes\"]}",
                200, answer);
    loopback_reopen(l);
    static const char all[] =
        "[\"IncomingBytes\",\"IncomingRecords\",\"OutgoingBytes\",\"OutgoingRecords\","
        "\"WriteProvisionedThroughputExceeded\",\"ReadProvisionedThroughputExceeded\","
        "\"IteratorAgeMilliseconds\"]";
    snprintf(answer, sizeof(answer),
             "%s[\"IncomingBytes\",\"IteratorAgeMilliseconds\"],\"DesiredShardLevelMetrics\":%s%s",
             head, all, tail);
    answer_with(l, "EnableEnhancedMonitoring",
                "{\"StreamARN\":\"" ARN "\",\"ShardLevelMetrics\":[\"ALL\"]}", 200, answer);
    snprintf(answer, sizeof(answer), "\"EnhancedMonitoring\":[{\"ShardLevelMetrics\":%s}]", all);
    assert_true(answer_shows(l, "DescribeStream", answer));
    assert_true(answer_shows(l, "DescribeStreamSummary", answer));
    snprintf(answer, sizeof(answer), "%s%s,\"DesiredShardLevelMetrics\":[]%s", head, all, tail);
    answer_with(l, "DisableEnhancedMonitoring",
                "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"ALL\"]}", 200, answer);
    assert_true(
        answer_shows(l, "DescribeStream", "\"EnhancedMonitoring\":[{\"ShardLevelMetrics\":[]}]"));
}

static void metrics_that_do_not_exist_are_refused(void **state)
{
    struct loopback *l = *state;
    create(l, 1);
    int status;
    char *text = call_text(l, "EnableEnhancedMonitoring",
                           "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"Mood\"]}", &status);
    assert_int_equal(status, 400);
    assert_non_null(strstr(text, "ValidationException"));
    mem_free(text);
    text = call_text(l, "DisableEnhancedMonitoring",
                     "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[]}", &status);
    assert_int_equal(status, 400);
    mem_free(text);
    answer_refused(
        l, "EnableEnhancedMonitoring", "{\"StreamName\":\"none\",\"ShardLevelMetrics\":[\"ALL\"]}",
        "ResourceNotFoundException", "Stream none under account 000000000000 not found.");
}

static void what_goes_through_a_shard_is_counted_across_reshards(void **state)
{
    struct loopback *l = *state;
    create(l, 1);
    mem_free(call_text(l, "EnableEnhancedMonitoring",
                       "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"IncomingBytes\","
                       "\"WriteProvisionedThroughputExceeded\"]}",
                       NULL));
    static const char put[] = "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"aGVsbG8=\"}";
    mem_free(call_text(l, "PutRecord", put, NULL));
    answer_empty(l, "SplitShard",
                 "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":"
                 "\"170141183460469231731687303715884105728\"}");
    mem_free(call_text(l, "PutRecord", put, NULL));
    mem_free(call_text(l, "PutRecord", put, NULL));
    log_memory_refuse(l->service.logs, THROTTLED);
    mem_free(call_text(l, "PutRecord", put, NULL));
    log_memory_refuse(l->service.logs, OK);
    char *page = page_of(l, 1 << 20);
    assert_non_null(
        strstr(page, "\nkinesis_stream_incoming_bytes_total{" SCOPE "stream=\"s\"} 18\n"));
    assert_non_null(
        strstr(page, "\nkinesis_stream_incoming_records_total{" SCOPE "stream=\"s\"} 3\n"));
    assert_non_null(strstr(page, "\nkinesis_shard_incoming_bytes_total{" SCOPE "stream=\"s\","
                                 "shard=\"shardId-000000000002\"} 12\n"));
    assert_non_null(strstr(page,
                           "\nkinesis_shard_write_provisioned_throughput_exceeded_total{" SCOPE
                           "stream=\"s\",shard=\"shardId-000000000002\"} 1\n"));
    assert_null(strstr(page, "kinesis_shard_incoming_records_total{")); /* not asked for */
    mem_free(page);
}

static void a_full_page_says_so_in_whole_lines(void **state)
{
    struct loopback *l = *state;
    create(l, 200);
    mem_free(call_text(l, "EnableEnhancedMonitoring",
                       "{\"StreamName\":\"s\",\"ShardLevelMetrics\":[\"ALL\"]}", NULL));
    char *page = page_of(l, 20000);
    assert_non_null(strstr(page, "\n# The page is full: streams and shards were left out.\n"));
    mem_free(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(monitoring_is_enabled_and_disabled_by_name),
        TEST(metrics_that_do_not_exist_are_refused),
        TEST(what_goes_through_a_shard_is_counted_across_reshards),
        TEST(a_full_page_says_so_in_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
