/* policy_test.c: resource policies over a loopback exchange: kept, shown, and held. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define ARN      "arn:aws:kinesis:us-east-1:111111111111:stream/s"
#define RESOURCE "\"ResourceARN\":\"" ARN "\""
#define STREAM   "\"StreamARN\":\"" ARN "\""
#define TWO      "222222222222"

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    l->access_key = "111111111111";
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

/* As the owner. Single quotes in `statements` stand for double ones, escaped as a text in JSON. */
static void put(struct loopback *l, const char *statements)
{
    char json[2048];
    size_t len =
        (size_t)snprintf(json, sizeof(json), "{" RESOURCE ",\"Policy\":\"{\\\"Statement\\\":[");
    for (; *statements; statements++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "%s%c",
                                *statements == '\'' ? "\\" : "",
                                *statements == '\'' ? '"' : *statements);
    snprintf(json + len, sizeof(json) - len, "]}\"}");
    const char *before = l->access_key;
    l->access_key = "111111111111";
    answer_empty(l, "PutResourcePolicy", json);
    l->access_key = before;
}

#define STATEMENT(effect, principal, action)                                                       \
    "{'Effect':'" effect "','Principal':" principal ",'Action':" action ",'Resource':'*'}"
#define SHARED STATEMENT("Allow", "{'AWS':'" TWO "'}", "'kinesis:*'")

/* An answer that is denied, as `account`'s key of the same name. */
static void denied(struct loopback *l, const char *operation, const char *json, bool explicitly)
{
    char answer[1024], why[128];
    snprintf(why, sizeof(why), "because no resource-based policy allows the kinesis:%s action",
             operation);
    snprintf(answer, sizeof(answer),
             "{\"__type\":\"AccessDeniedException\",\"message\":\"User: "
             "arn:aws:iam::%s:user/%s is not authorized to perform: kinesis:%s on resource: " ARN
             " %s\"}",
             l->access_key, l->access_key, operation,
             explicitly ? "with an explicit deny in a resource-based policy" : why);
    answer_fails(l, operation, json, answer);
}

static void a_policy_is_shown_kept_replaced_and_removed(void **state)
{
    struct loopback *l = *state;
    answer_is(l, "GetResourcePolicy", "{" RESOURCE "}", "{\"Policy\":\"{}\"}");
    put(l, SHARED);
    put(l, STATEMENT("Deny", "'*'", "'*'"));
    for (int again = 0; again < 2; again++) {
        answer_is(l, "GetResourcePolicy", "{" RESOURCE "}",
                  "{\"Policy\":\"{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Deny\\\","
                  "\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"*\\\","
                  "\\\"Resource\\\":\\\"*\\\"}]}\"}");
        denied(l, "DescribeStream", "{" STREAM "}", true);
        loopback_reopen(l);
    }
    answer_empty(l, "DeleteResourcePolicy", "{" RESOURCE "}");
    json_decref(answer_ok(l, "DescribeStream", "{" STREAM "}"));
    answer_is(l, "GetResourcePolicy", "{" RESOURCE "}", "{\"Policy\":\"{}\"}");
    answer_fails(l, "DeleteResourcePolicy", "{" RESOURCE "}",
                 "{\"__type\":\"ResourceNotFoundException\",\"message\":\"No resource policy found "
                 "for resource ARN " ARN "\"}");
}

static void what_cannot_be_held_is_refused(void **state)
{
    struct loopback *l = *state;
    answer_fails(
        l, "PutResourcePolicy", "{" RESOURCE ",\"Policy\":\"{}\"}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"Invalid policy: there must "
        "be a member Statement.\"}");
    answer_fails(l, "PutResourcePolicy",
                 "{\"ResourceARN\":\"arn:aws:kinesis:us-east-1:111111111111:stream/"
                 "t\",\"Policy\":\"{}\"}",
                 "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream t under account "
                 "111111111111 not found.\"}");
    answer_is(l, "GetResourcePolicy", "{" RESOURCE "}", "{\"Policy\":\"{}\"}");
}

static void another_account_may_what_is_allowed_and_can_be_shared(void **state)
{
    struct loopback *l = *state;
    put(l, SHARED);
    l->access_key = TWO;
    json_t *put_record =
        answer_ok(l, "PutRecord", "{" STREAM ",\"PartitionKey\":\"k\",\"Data\":\"aGVsbG8=\"}");
    json_decref(put_record);
    json_decref(answer_ok(l, "ListShards", "{" STREAM "}"));
    json_t *got = answer_ok(l, "GetShardIterator",
                            "{" STREAM ",\"ShardId\":\"shardId-0\","
                            "\"ShardIteratorType\":\"TRIM_HORIZON\"}");
    char json[640];
    snprintf(json, sizeof(json), "{\"ShardIterator\":\"%s\"}",
             json_string_value(json_object_get(got, "ShardIterator")));
    json_decref(got);
    got = answer_ok(l, "GetRecords", json);
    assert_int_equal(json_array_size(json_object_get(got, "Records")), 1);
    json_decref(got);
    denied(l, "DeleteStream", "{" STREAM "}", false);
    denied(l, "TagResource", "{" RESOURCE ",\"Tags\":{\"a\":\"\"}}", false);
    denied(l, "GetResourcePolicy", "{" RESOURCE "}", false);
    put(l, STATEMENT("Allow", "{'AWS':'" TWO "'}", "'kinesis:PutRecord'"));
    denied(l, "GetRecords", json, false); /* the iterator lets nobody in who may not read */
    denied(l, "PutRecords", "{" STREAM ",\"Records\":[{\"PartitionKey\":\"k\",\"Data\":\"\"}]}",
           false);
    l->access_key = "333333333333";
    denied(l, "PutRecord", "{" STREAM ",\"PartitionKey\":\"k\",\"Data\":\"\"}", false);
}

static void a_deny_outweighs_and_holds_for_its_own_account_too(void **state)
{
    struct loopback *l = *state;
    put(l, SHARED "," STATEMENT("Deny", "'*'", "'kinesis:PutRecord'"));
    static const char record[] = "{" STREAM ",\"PartitionKey\":\"k\",\"Data\":\"\"}";
    denied(l, "PutRecord", record, true);
    l->access_key = TWO;
    denied(l, "PutRecord", record, true);
    json_decref(answer_ok(l, "DescribeStreamSummary", "{" STREAM "}"));
    put(l, STATEMENT("Deny", "'*'", "'kinesis:DeleteStream'"));
    l->access_key = "111111111111";
    denied(l, "DeleteStream", "{\"StreamName\":\"s\"}", true);
}

/* Reshaping is the owner's: a policy can keep him from it, but lets nobody else in. */
static void reshaping_is_never_shared_and_can_be_denied(void **state)
{
    static const char *const calls[][2] = {
        {"UpdateShardCount",
         "{" STREAM ",\"TargetShardCount\":2,\"ScalingType\":\"UNIFORM_SCALING\"}"},
        {"UpdateStreamMode", "{" STREAM ",\"StreamModeDetails\":{\"StreamMode\":\"ON_DEMAND\"}}"},
        {"UpdateStreamWarmThroughput", "{" STREAM ",\"WarmThroughputMiBps\":5}"},
        {"UpdateMaxRecordSize", "{" STREAM ",\"MaxRecordSizeInKiB\":2048}"},
        {"EnableEnhancedMonitoring", "{" STREAM ",\"ShardLevelMetrics\":[\"ALL\"]}"},
        {"DisableEnhancedMonitoring", "{" STREAM ",\"ShardLevelMetrics\":[\"ALL\"]}"},
    };
    struct loopback *l = *state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        put(l, SHARED);
        l->access_key = TWO;
        denied(l, calls[i][0], calls[i][1], false);
        put(l, STATEMENT("Deny", "'*'", "'kinesis:*'"));
        denied(l, calls[i][0], calls[i][1], true);
        l->access_key = "111111111111";
        denied(l, calls[i][0], calls[i][1], true);
    }
    answer_empty(l, "DeleteResourcePolicy", "{" RESOURCE "}");
    assert_true(answer_shows(l, "DescribeStream", "\"ShardLevelMetrics\":[]"));
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"OpenShardCount\":1,"));
    assert_true(answer_shows(l, "DescribeStreamSummary", "\"PROVISIONED\""));
    assert_false(answer_shows(l, "DescribeStreamSummary", "\"MaxRecordSizeInKiB\""));
}

static void an_owner_is_not_locked_out_but_a_key_that_is_named_is(void **state)
{
    struct loopback *l = *state;
    put(l, STATEMENT("Deny", "'*'", "'*'"));
    denied(l, "ListTagsForResource", "{" RESOURCE "}", true);
    put(l, STATEMENT("Deny", "{'AWS':['*','arn:aws:iam::111111111111:user/111111111111']}", "'*'"));
    denied(l, "GetResourcePolicy", "{" RESOURCE "}", true);
    denied(l, "PutResourcePolicy", "{" RESOURCE ",\"Policy\":\"{}\"}", true);
    denied(l, "DeleteResourcePolicy", "{" RESOURCE "}", true);
}

static void a_policy_goes_with_its_stream(void **state)
{
    struct loopback *l = *state;
    put(l, SHARED);
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\"}");
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    answer_is(l, "GetResourcePolicy", "{" RESOURCE "}", "{\"Policy\":\"{}\"}");
    put(l, SHARED);
    answer_empty(l, "AddTagsToStream", "{\"StreamName\":\"s\",\"Tags\":{\"a\":\"\"}}");
    l->access_key = TWO; /* other changes leave it where it is */
    json_decref(answer_ok(l, "DescribeStream", "{" STREAM "}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_policy_is_shown_kept_replaced_and_removed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_held_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(another_account_may_what_is_allowed_and_can_be_shared,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_deny_outweighs_and_holds_for_its_own_account_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reshaping_is_never_shared_and_can_be_denied, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_owner_is_not_locked_out_but_a_key_that_is_named_is,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_policy_goes_with_its_stream, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
