/* reshape_overlap_test.c: reshards that are under way at the same time keep to one limit: what they will open counts from their beginning. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { SHARD_LIMIT = 10, DELAY_MS = 1000 };

#define LIMIT_TEXT(now, more)                                                                      \
    "This request would exceed the shard limit for the account 000000000000 in us-east-1. "        \
    "Current shard count for the account: " now ". Limit: 10. Number of additional shards that "   \
    "would have resulted from this request: " more ". Refer to the AWS Service Limits page "       \
    "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "   \
    "and how to request higher limits."

static void wait_active(struct loopback *l, const char *stream)
{
    char json[64];
    snprintf(json, sizeof(json), "{\"StreamName\":\"%s\"}", stream);
    for (bool active = false; !active;) {
        char *now = call_text(l, "DescribeStreamSummary", json, NULL);
        active = strstr(now, "\"ACTIVE\"") != NULL;
        mem_free(now);
        clock_manual_advance_ms(&l->clock, active ? 0 : DELAY_MS);
    }
}

/* "s" and "t" of four shards each, which dwell in every state until the clock moves on. */
static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->shard_limit = SHARD_LIMIT;
    l->state_delay_ms = DELAY_MS;
    loopback_open(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":4}");
    answer_empty(l, "CreateStream", "{\"StreamName\":\"t\",\"ShardCount\":4}");
    wait_active(l, "s");
    wait_active(l, "t");
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

#define RECOUNT(stream, target)                                                                    \
    "{\"StreamName\":\"" stream "\",\"TargetShardCount\":" target                                  \
    ",\"ScalingType\":\"UNIFORM_SCALING\"}"
#define SPLIT(stream, shard, at)                                                                   \
    "{\"StreamName\":\"" stream "\",\"ShardToSplit\":\"" shard "\",\"NewStartingHashKey\":\"" at   \
    "\"}"

/* While a recount is under way its stream may have one shard more for a moment, a split before a merge: how many there are is not fixed. */
static void assert_no_room(struct loopback *l, const char *operation, const char *json)
{
    char *text = call_text(l, operation, json, NULL);
    assert_non_null(strstr(text, "LimitExceededException"));
    assert_non_null(strstr(text, "Limit: 10. "));
    mem_free(text);
}

static void what_a_recount_will_open_counts_from_its_beginning(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, "UpdateShardCount", RECOUNT("s", "6")));
    for (int again = 0; again < 2; again++) {
        assert_no_room(l, "UpdateShardCount", RECOUNT("t", "6"));
        assert_no_room(l, "SplitShard", SPLIT("t", "0", "1000"));
        assert_no_room(l, "CreateStream", "{\"StreamName\":\"u\",\"ShardCount\":1}");
        loopback_reopen(l);
    }
    wait_active(l, "s");
    answer_refused(l, "SplitShard", SPLIT("t", "0", "1000"), "LimitExceededException",
                   LIMIT_TEXT("10", "1"));
    json_decref(answer_ok(l, "UpdateShardCount", RECOUNT("s", "4")));
    wait_active(l, "s"); /* what is closed makes room again */
    json_decref(answer_ok(l, "UpdateShardCount", RECOUNT("t", "6")));
}

static void so_do_the_children_of_a_split_but_not_of_a_merge(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"u\",\"ShardCount\":1}");
    wait_active(l, "u");
    answer_empty(l, "MergeShards",
                 "{\"StreamName\":\"t\",\"ShardToMerge\":\"0\",\"AdjacentShardToMerge\":\"1\"}");
    answer_empty(l, "SplitShard", SPLIT("s", "0", "1000"));
    answer_refused(l, "SplitShard", SPLIT("u", "0", "1000"), "LimitExceededException",
                   LIMIT_TEXT("10", "1"));
    wait_active(l, "t"); /* one less */
    answer_empty(l, "SplitShard", SPLIT("u", "0", "1000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_recount_will_open_counts_from_its_beginning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(so_do_the_children_of_a_split_but_not_of_a_merge, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
