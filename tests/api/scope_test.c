/* scope_test.c: accounts and regions are name spaces: what one sees of its own, and what it is told of another's. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define DENIED(operation)                                                                          \
    "{\"__type\":\"AccessDeniedException\",\"message\":\"User: "                                   \
    "arn:aws:iam::222222222222:user/222222222222 is not authorized to perform: kinesis:" operation \
    " on resource: arn:aws:kinesis:us-east-1:111111111111:stream/s because no resource-based "     \
    "policy allows the kinesis:" operation " action\"}"
#define NOT_THERE(account)                                                                         \
    "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream s under account " account      \
    " not found.\"}"
#define ARN "arn:aws:kinesis:us-east-1:111111111111:stream/s"

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->shard_limit = 3;
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

static void be(struct loopback *l, const char *account, const char *region)
{
    l->access_key = account;
    l->region = region;
}

static void create(struct loopback *l, const char *name, int shards)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"StreamName\":\"%s\",\"ShardCount\":%d}", name, shards);
    answer_empty(l, "CreateStream", json);
}

static void names_are(struct loopback *l, const char *names)
{
    json_t *got = answer_ok(l, "ListStreams", "{}");
    char *text = json_dumps(json_object_get(got, "StreamNames"), JSON_COMPACT);
    assert_string_equal(text, names);
    mem_free(text);
    json_decref(got);
}

static void arn_is(struct loopback *l, const char *arn)
{
    json_t *got = answer_ok(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}");
    const json_t *summary = json_object_get(got, "StreamDescriptionSummary");
    assert_string_equal(json_string_value(json_object_get(summary, "StreamARN")), arn);
    json_decref(got);
}

static void streams_of_one_name_live_apart(void **state)
{
    struct loopback *l = *state;
    be(l, "111111111111", NULL);
    create(l, "s", 1);
    create(l, "t", 1);
    be(l, "111111111111", "eu-west-1");
    create(l, "s", 1);
    be(l, "222222222222", NULL);
    create(l, "s", 1);
    create(l, "r", 1);
    names_are(l, "[\"r\",\"s\"]");
    arn_is(l, "arn:aws:kinesis:us-east-1:222222222222:stream/s");
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\"}");
    names_are(l, "[\"r\"]");
    answer_fails(l, "DescribeStream", "{\"StreamName\":\"s\"}", NOT_THERE("222222222222"));
    be(l, "111111111111", NULL);
    names_are(l, "[\"s\",\"t\"]");
    be(l, "111111111111", "eu-west-1");
    names_are(l, "[\"s\"]");
    arn_is(l, "arn:aws:kinesis:eu-west-1:111111111111:stream/s");
    be(l, NULL, NULL);
    names_are(l, "[]");
}

static void they_do_so_after_a_restart(void **state)
{
    struct loopback *l = *state;
    be(l, "111111111111", "eu-west-1");
    create(l, "s", 1);
    be(l, NULL, NULL);
    create(l, "s", 1);
    loopback_reopen(l);
    arn_is(l, "arn:aws:kinesis:us-east-1:000000000000:stream/s");
    be(l, "111111111111", "eu-west-1");
    arn_is(l, "arn:aws:kinesis:eu-west-1:111111111111:stream/s");
    names_are(l, "[\"s\"]");
}

static void pages_stay_within_their_scope(void **state)
{
    struct loopback *l = *state;
    be(l, "111111111111", NULL);
    create(l, "a", 1);
    create(l, "b", 1);
    be(l, "111111111112", NULL);
    create(l, "c", 1);
    be(l, "111111111111", NULL);
    json_t *first = answer_ok(l, "ListStreams", "{\"Limit\":1}");
    assert_true(json_is_true(json_object_get(first, "HasMoreStreams")));
    char json[640];
    snprintf(json, sizeof(json), "{\"NextToken\":\"%s\"}",
             json_string_value(json_object_get(first, "NextToken")));
    json_t *second = answer_ok(l, "ListStreams", json);
    assert_true(json_is_false(json_object_get(second, "HasMoreStreams")));
    assert_int_equal(json_array_size(json_object_get(second, "StreamNames")), 1);
    json_decref(first);
    json_decref(second);
}

static void limits_are_each_scopes_own(void **state)
{
    struct loopback *l = *state;
    be(l, "111111111111", NULL);
    create(l, "s", 3);
    be(l, "222222222222", "eu-west-1");
    create(l, "s", 2);
    int status;
    char *text = call_text(l, "CreateStream", "{\"StreamName\":\"t\",\"ShardCount\":2}", &status);
    assert_int_equal(status, 400);
    assert_non_null(strstr(text,
                           "exceed the shard limit for the account 222222222222 in eu-west-1. "
                           "Current shard count for the account: 2. Limit: 3."));
    mem_free(text);
    answer_is(l, "DescribeLimits", "{}",
              "{\"OnDemandStreamCount\":0,\"OnDemandStreamCountLimit\":50,\"OpenShardCount\":2,"
              "\"ShardLimit\":3}");
}

static void another_accounts_stream_is_denied_whether_it_is_there_or_not(void **state)
{
    struct loopback *l = *state;
    for (int there = 0; there < 2; there++) {
        be(l, "222222222222", NULL);
        answer_fails(l, "DescribeStreamSummary", "{\"StreamARN\":\"" ARN "\"}",
                     DENIED("DescribeStreamSummary"));
        answer_fails(l, "ListShards", "{\"StreamARN\":\"" ARN "\"}", DENIED("ListShards"));
        answer_fails(l, "DeleteStream", "{\"StreamARN\":\"" ARN "\"}", DENIED("DeleteStream"));
        answer_fails(l, "PutRecord",
                     "{\"StreamARN\":\"" ARN "\",\"PartitionKey\":\"k\",\"Data\":\"\"}",
                     DENIED("PutRecord"));
        answer_fails(l, "GetShardIterator",
                     "{\"StreamARN\":\"" ARN
                     "\",\"ShardId\":\"shardId-0\",\"ShardIteratorType\":\"LATEST\"}",
                     DENIED("GetShardIterator"));
        be(l, "111111111111", NULL);
        if (!there)
            create(l, "s", 1);
    }
}

static void an_arn_of_another_region_is_not_found(void **state)
{
    struct loopback *l = *state;
    be(l, "111111111111", NULL);
    create(l, "s", 1);
    be(l, "111111111111", "eu-west-1");
    answer_fails(l, "DescribeStream", "{\"StreamARN\":\"" ARN "\"}", NOT_THERE("111111111111"));
    answer_fails(l, "DeleteStream", "{\"StreamARN\":\"" ARN "\"}", NOT_THERE("111111111111"));
}

static char *iterator_of(struct loopback *l)
{
    json_t *got = answer_ok(l, "GetShardIterator",
                            "{\"StreamName\":\"s\",\"ShardId\":\"shardId-0\","
                            "\"ShardIteratorType\":\"TRIM_HORIZON\"}");
    char *it = mem_strdup(json_string_value(json_object_get(got, "ShardIterator")));
    json_decref(got);
    return it;
}

static void an_iterator_stays_with_its_stream(void **state)
{
    struct loopback *l = *state;
    char json[640];
    be(l, "111111111111", NULL);
    create(l, "s", 1);
    char *it = iterator_of(l);
    snprintf(json, sizeof(json), "{\"ShardIterator\":\"%s\"}", it);
    json_decref(answer_ok(l, "GetRecords", json));
    be(l, "222222222222", NULL);
    create(l, "s", 1);
    answer_fails(l, "GetRecords", json, DENIED("GetRecords"));
    be(l, "111111111111", "eu-west-1");
    answer_fails(l, "GetRecords", json, NOT_THERE("111111111111"));
    mem_free(it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(streams_of_one_name_live_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(they_do_so_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_stay_within_their_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_each_scopes_own, setup, teardown),
        cmocka_unit_test_setup_teardown(
            another_accounts_stream_is_denied_whether_it_is_there_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(an_arn_of_another_region_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(an_iterator_stays_with_its_stream, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
