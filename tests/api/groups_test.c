/* groups_test.c: consumer groups over a loopback exchange: their life, what members do, restarts, resharding, who may. */
#include "api/inject.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OURS   "Sluice_20261101."
#define STREAM "\"StreamName\":\"s\""
#define GROUP  "{" STREAM ",\"GroupName\":\"g\""
enum { TIMEOUT_MS = 6000, JSON_BYTES = 4096 };

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    answer_empty(l, "CreateStream", "{" STREAM ",\"ShardCount\":2}");
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

/* ---- members ---- */

struct member {
    struct loopback *l;
    const char *name;
    json_int_t session;
};

static struct member join(struct loopback *l, const char *name)
{
    char json[JSON_BYTES];
    struct member m = {.l = l, .name = name};
    snprintf(json, sizeof(json), GROUP ",\"MemberName\":\"%s\"}", name);
    json_t *answer = answer_ok(l, OURS "JoinConsumerGroup", json);
    m.session = json_integer_value(json_object_get(answer, "SessionEpoch"));
    assert_true(m.session > 0);
    json_decref(answer);
    return m;
}

static void print_request(const struct member *m, const char *more, char json[JSON_BYTES])
{
    snprintf(json, JSON_BYTES,
             GROUP ",\"MemberName\":\"%s\",\"SessionEpoch\":%" JSON_INTEGER_FORMAT "%s}", m->name,
             m->session, more);
}

static json_t *ask(const struct member *m, const char *operation, const char *more)
{
    char json[JSON_BYTES];
    print_request(m, more, json);
    return answer_ok(m->l, operation, json);
}

/* The member's leases; json_decref. */
static json_t *beat(const struct member *m)
{
    json_t *answer = ask(m, OURS "HeartbeatConsumerGroup", "");
    json_t *leases = json_incref(json_object_get(answer, "Leases"));
    json_decref(answer);
    return leases;
}

static size_t count_of(const struct member *m)
{
    json_t *leases = beat(m);
    size_t count = json_array_size(leases);
    json_decref(leases);
    return count;
}

struct lease {
    json_int_t epoch; /* -1: not this member's */
    bool revoked;
    char at[160];
};

/* What a member has of a shard. */
static struct lease lease_of(const struct member *m, int shard)
{
    struct lease found = {.epoch = -1};
    char id[32];
    snprintf(id, sizeof(id), "shardId-%012d", shard);
    json_t *leases = beat(m), *one;
    size_t i;
    json_array_foreach(leases, i, one)
    {
        const json_t *at = json_object_get(one, "Checkpoint");
        if (strcmp(json_string_value(json_object_get(one, "ShardId")), id) != 0)
            continue;
        found.epoch = json_integer_value(json_object_get(one, "LeaseEpoch"));
        found.revoked = json_is_true(json_object_get(one, "Revoked"));
        snprintf(found.at, sizeof(found.at), "%s",
                 at ? json_string_value(json_object_get(at, "SequenceNumber")) : "");
    }
    json_decref(leases);
    return found;
}

/* "" when it was taken, else the error. */
static const char *commit(const struct member *m, int shard, json_int_t epoch, const char *at)
{
    static char error[64];
    char more[512];
    snprintf(more, sizeof(more),
             ",\"Commits\":[{\"ShardId\":\"shardId-%012d\",\"LeaseEpoch\":%" JSON_INTEGER_FORMAT
             ",\"SequenceNumber\":\"%s\"}]",
             shard, epoch, at);
    json_t *answer = ask(m, OURS "CommitConsumerGroup", more);
    const json_t *result = json_array_get(json_object_get(answer, "Results"), 0);
    const char *code = json_string_value(json_object_get(result, "ErrorCode"));
    assert_int_equal(json_integer_value(json_object_get(answer, "FailedCommitCount")),
                     code != NULL);
    snprintf(error, sizeof(error), "%s", code ? code : "");
    json_decref(answer);
    return error;
}

static void release(const struct member *m, int shard, json_int_t epoch)
{
    char more[256];
    snprintf(more, sizeof(more),
             ",\"Released\":[{\"ShardId\":\"shardId-%012d\",\"LeaseEpoch\":%" JSON_INTEGER_FORMAT
             "}]",
             shard, epoch);
    json_decref(ask(m, OURS "HeartbeatConsumerGroup", more));
}

static void fenced(const struct member *m, const char *operation, const char *more)
{
    char json[JSON_BYTES];
    int status;
    print_request(m, more, json);
    char *text = call_text(m->l, operation, json, &status);
    assert_int_equal(status, 400);
    assert_non_null(strstr(text, "\"FencedException\""));
    mem_free(text);
}

/* The sequence number of a record put now, into the shard that it falls into; which is said. */
static int put(struct loopback *l, char number[160])
{
    int shard;
    json_t *answer =
        answer_ok(l, "PutRecord", "{" STREAM ",\"PartitionKey\":\"a\",\"Data\":\"YQ==\"}");
    snprintf(number, 160, "%s", json_string_value(json_object_get(answer, "SequenceNumber")));
    const char *id = json_string_value(json_object_get(answer, "ShardId"));
    assert_int_equal(sscanf(id, "shardId-%d", &shard), 1);
    json_decref(answer);
    return shard;
}

/* ---- groups ---- */

static void a_group_is_made_listed_described_and_deleted(void **state)
{
    struct loopback *l = *state;
    answer_is(l, OURS "ListConsumerGroups", "{" STREAM "}", "{\"ConsumerGroups\":[]}");
    answer_empty(l, OURS "CreateConsumerGroup", GROUP "}");
    answer_is(l, OURS "ListConsumerGroups", "{" STREAM "}",
              "{\"ConsumerGroups\":[{\"GroupCreationTimestamp\":1700000000,\"GroupName\":\"g\","
              "\"MemberCount\":0}]}");
    answer_refused(l, OURS "CreateConsumerGroup", GROUP "}", "ResourceInUseException",
                   "Consumer group g of stream s already exists for account 000000000000.");
    answer_is(
        l, OURS "DescribeConsumerGroup", GROUP "}",
        "{\"ConsumerGroupDescription\":{\"GroupCreationTimestamp\":1700000000,\"GroupName\":\"g\","
        "\"HasMoreLeases\":false,\"Leases\":[{\"LeaseEpoch\":0,\"Revoked\":false,\"ShardId\":"
        "\"shardId-000000000000\"},{\"LeaseEpoch\":0,\"Revoked\":false,\"ShardId\":"
        "\"shardId-000000000001\"}],\"Members\":[],\"StreamARN\":"
        "\"arn:aws:kinesis:us-east-1:000000000000:stream/s\"}}");
    loopback_reopen(l);
    answer_empty(l, OURS "DeleteConsumerGroup", GROUP "}");
    answer_refused(l, OURS "DescribeConsumerGroup", GROUP "}", "ResourceNotFoundException",
                   "Consumer group g of stream s under account 000000000000 not found.");
    loopback_reopen(l);
    answer_is(l, OURS "ListConsumerGroups", "{" STREAM "}", "{\"ConsumerGroups\":[]}");
}

static void what_is_not_there_is_not_found(void **state)
{
    struct loopback *l = *state;
    static const char *const about_one[] = {OURS "DeleteConsumerGroup",
                                            OURS "DescribeConsumerGroup"};
    for (size_t i = 0; i < sizeof(about_one) / sizeof(*about_one); i++) {
        answer_refused(l, about_one[i], GROUP "}", "ResourceNotFoundException",
                       "Consumer group g of stream s under account 000000000000 not found.");
        answer_refused(l, about_one[i], "{\"StreamName\":\"t\",\"GroupName\":\"g\"}",
                       "ResourceNotFoundException",
                       "Stream t under account 000000000000 not found.");
        answer_refused(l, about_one[i], "{\"GroupName\":\"g\"}", "InvalidArgumentException",
                       "Either StreamName or StreamARN should be provided.");
    }
    struct member nobody = {l, "a", 7};
    char json[JSON_BYTES];
    print_request(&nobody, "", json);
    answer_refused(l, OURS "HeartbeatConsumerGroup", json, "ResourceNotFoundException",
                   "Consumer group g of stream s under account 000000000000 not found.");
}

static void a_stream_named_by_arn_is_the_same(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, OURS "CreateConsumerGroup", GROUP "}");
    answer_refused(l, OURS "CreateConsumerGroup",
                   "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\","
                   "\"GroupName\":\"g\"}",
                   "ResourceInUseException",
                   "Consumer group g of stream s already exists for account 000000000000.");
}

static void groups_of_a_stream_are_bounded(void **state)
{
    struct loopback *l = *state;
    char json[JSON_BYTES];
    for (int i = 0; i < GROUPS_MAX; i++) {
        snprintf(json, sizeof(json), "{" STREAM ",\"GroupName\":\"g%d\"}", i);
        answer_empty(l, OURS "CreateConsumerGroup", json);
    }
    answer_refused(l, OURS "CreateConsumerGroup", GROUP "}", "LimitExceededException",
                   "Stream s under account 000000000000 has 100 consumer groups: it can have no "
                   "more.");
    answer_refused(l, OURS "JoinConsumerGroup", GROUP ",\"MemberName\":\"a\"}",
                   "LimitExceededException",
                   "Stream s under account 000000000000 has 100 consumer groups: it can have no "
                   "more.");
}

static void leases_are_described_page_by_page(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a");
    assert_int_equal(count_of(&a), 2);
    clock_manual_advance_ms(&l->clock, 5);
    json_t *first = answer_ok(l, OURS "DescribeConsumerGroup", GROUP ",\"Limit\":1}");
    const json_t *d = json_object_get(first, "ConsumerGroupDescription");
    const json_t *m = json_array_get(json_object_get(d, "Members"), 0);
    assert_true(json_is_true(json_object_get(d, "HasMoreLeases")));
    assert_int_equal(json_array_size(json_object_get(d, "Leases")), 1);
    assert_string_equal(json_string_value(json_object_get(m, "MemberName")), "a");
    assert_int_equal(json_integer_value(json_object_get(m, "LeaseCount")), 2);
    assert_int_equal(json_integer_value(json_object_get(m, "SilentMs")), 5);
    assert_int_equal(json_integer_value(json_object_get(m, "SessionTimeoutMs")), TIMEOUT_MS);
    json_decref(first);
    json_t *second =
        answer_ok(l, OURS "DescribeConsumerGroup",
                  GROUP ",\"Limit\":1,\"ExclusiveStartShardId\":\"shardId-000000000000\"}");
    d = json_object_get(second, "ConsumerGroupDescription");
    const json_t *lease = json_array_get(json_object_get(d, "Leases"), 0);
    assert_false(json_is_true(json_object_get(d, "HasMoreLeases")));
    assert_string_equal(json_string_value(json_object_get(lease, "ShardId")),
                        "shardId-000000000001");
    assert_string_equal(json_string_value(json_object_get(lease, "MemberName")), "a");
    json_decref(second);
}

/* ---- members ---- */

static void a_share_is_handed_over_and_the_former_owner_fenced(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a");
    struct lease had[2] = {lease_of(&a, 0), lease_of(&a, 1)};
    struct member b = join(l, "b");
    int moves = lease_of(&a, 0).revoked ? 0 : 1;
    assert_true(lease_of(&a, moves).revoked);
    assert_int_equal(count_of(&b), 0);
    release(&a, moves, had[moves].epoch);
    struct lease got = lease_of(&b, moves);
    assert_true(got.epoch > had[moves].epoch);
    assert_string_equal(commit(&a, moves, had[moves].epoch, "SHARD_END"), "FencedException");
    assert_string_equal(commit(&b, moves, got.epoch, "TRIM_HORIZON"), "");
    assert_string_equal(lease_of(&b, moves).at, "TRIM_HORIZON");
}

static void who_is_silent_is_gone_and_its_leases_move_at_once(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a"), b = join(l, "b");
    clock_manual_advance_ms(&l->clock, TIMEOUT_MS - 1);
    count_of(&b);
    clock_manual_advance_ms(&l->clock, 1);
    assert_int_equal(count_of(&b), 2);
    fenced(&a, OURS "HeartbeatConsumerGroup", "");
    fenced(&a, OURS "LeaveConsumerGroup", "");
    fenced(&a, OURS "CommitConsumerGroup",
           ",\"Commits\":[{\"ShardId\":\"shardId-000000000000\",\"LeaseEpoch\":1,"
           "\"SequenceNumber\":\"SHARD_END\"}]");
    answer_refused(l, OURS "DeleteConsumerGroup", GROUP "}", "ResourceInUseException",
                   "Consumer group g of stream s has 1 members: it can be deleted when they have "
                   "left or expired.");
    json_decref(ask(&b, OURS "LeaveConsumerGroup", ""));
    answer_empty(l, OURS "DeleteConsumerGroup", GROUP "}");
}

static void a_checkpoint_is_a_number_of_its_shard(void **state)
{
    struct loopback *l = *state;
    char number[160];
    int shard = put(l, number);
    struct member a = join(l, "a");
    struct lease mine = lease_of(&a, shard), other = lease_of(&a, 1 - shard);
    assert_string_equal(commit(&a, shard, mine.epoch, number), "");
    assert_string_equal(commit(&a, 1 - shard, other.epoch, number), "InvalidArgumentException");
    assert_string_equal(commit(&a, shard, mine.epoch, "12345"), "InvalidArgumentException");
    assert_string_equal(commit(&a, shard, mine.epoch, "TRIM_HORIZON"), "InvalidArgumentException");
    assert_string_equal(commit(&a, 7, 1, "SHARD_END"), "ResourceNotFoundException");
    assert_string_equal(lease_of(&a, shard).at, number);
    assert_string_equal(lease_of(&a, 1 - shard).at, "");
}

/* ---- what lasts ---- */

static void a_restart_keeps_sessions_leases_epochs_and_checkpoints(void **state)
{
    struct loopback *l = *state;
    char number[160];
    int shard = put(l, number);
    struct member a = join(l, "a");
    struct lease before = lease_of(&a, shard);
    assert_string_equal(commit(&a, shard, before.epoch, number), "");
    clock_manual_advance_ms(&l->clock, TIMEOUT_MS - 1);
    loopback_reopen(l);
    clock_manual_advance_ms(&l->clock, TIMEOUT_MS - 1);
    struct lease after = lease_of(&a, shard);
    assert_int_equal(after.epoch, before.epoch);
    assert_string_equal(after.at, number);
    assert_int_equal(count_of(&a), 2);
    loopback_reopen(l);
    clock_manual_advance_ms(&l->clock, TIMEOUT_MS);
    fenced(&a, OURS "HeartbeatConsumerGroup", "");
    struct member again = join(l, "a");
    assert_true(again.session > a.session);
    after = lease_of(&again, shard);
    assert_true(after.epoch > before.epoch);
    assert_string_equal(after.at, number);
}

static void a_deleted_stream_takes_its_groups_along(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a");
    answer_empty(l, "DeleteStream", "{" STREAM "}");
    char json[JSON_BYTES];
    print_request(&a, "", json);
    answer_refused(l, OURS "HeartbeatConsumerGroup", json, "ResourceNotFoundException",
                   "Stream s under account 000000000000 not found.");
    answer_empty(l, "CreateStream", "{" STREAM ",\"ShardCount\":2}");
    answer_is(l, OURS "ListConsumerGroups", "{" STREAM "}", "{\"ConsumerGroups\":[]}");
    loopback_reopen(l);
    answer_is(l, OURS "ListConsumerGroups", "{" STREAM "}", "{\"ConsumerGroups\":[]}");
    struct member same = join(l, "a");
    assert_int_equal(count_of(&same), 2);
}

/* ---- resharding ---- */

static void merge_the_two(struct loopback *l)
{
    answer_empty(l, "MergeShards",
                 "{" STREAM ",\"ShardToMerge\":\"shardId-000000000000\","
                 "\"AdjacentShardToMerge\":\"shardId-000000000001\"}");
    answer_wait_active(l);
}

static void children_come_after_their_parents(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a");
    assert_int_equal(count_of(&a), 2);
    merge_the_two(l);
    assert_int_equal(count_of(&a), 2);
    assert_string_equal(commit(&a, 0, lease_of(&a, 0).epoch, "SHARD_END"), "");
    assert_int_equal(count_of(&a), 1);
    assert_string_equal(commit(&a, 1, lease_of(&a, 1).epoch, "SHARD_END"), "");
    assert_string_equal(lease_of(&a, 2).at, "TRIM_HORIZON");
    answer_empty(l, "SplitShard",
                 "{" STREAM ",\"ShardToSplit\":\"shardId-000000000002\","
                 "\"NewStartingHashKey\":\"170141183460469231731687303715884105728\"}");
    answer_wait_active(l);
    assert_int_equal(count_of(&a), 1);
    loopback_reopen(l);
    assert_string_equal(commit(&a, 2, lease_of(&a, 2).epoch, "SHARD_END"), "");
    assert_int_equal(count_of(&a), 2);
    assert_string_equal(lease_of(&a, 3).at, "TRIM_HORIZON");
    assert_string_equal(lease_of(&a, 4).at, "TRIM_HORIZON");
}

static void forget_done(struct catalog_command *c)
{
    mem_free(c);
}

/* Shards that are closed are past retention. */
static void reap(struct loopback *l)
{
    struct catalog_command *c = MEM_NEW(struct catalog_command);
    *c = (struct catalog_command){.verb = CATALOG_REAP_SHARDS,
                                  .scope = {"000000000000", "us-east-1"},
                                  .stream = BYTES_LITERAL("s"),
                                  .reap = {.closed_before_ms = UINT64_MAX},
                                  .done = forget_done};
    catalog_submit(l->service.catalog, c);
    answer_empty(l, "AddTagsToStream", "{" STREAM ",\"Tags\":{\"a\":\"b\"}}"); /* is done then */
}

static void a_shard_that_was_trimmed_away_holds_nobody_up(void **state)
{
    struct loopback *l = *state;
    struct member a = join(l, "a");
    assert_int_equal(count_of(&a), 2);
    merge_the_two(l);
    assert_int_equal(lease_of(&a, 2).epoch, -1);
    reap(l);
    assert_int_equal(count_of(&a), 1);
    assert_string_equal(lease_of(&a, 2).at, "TRIM_HORIZON");
    loopback_reopen(l);
    assert_int_equal(count_of(&a), 1);
}

/* ---- reset ---- */

static void a_group_without_members_is_reset(void **state)
{
    struct loopback *l = *state;
    char number[160], json[JSON_BYTES];
    int shard = put(l, number);
    struct member a = join(l, "a");
    assert_string_equal(commit(&a, 1 - shard, lease_of(&a, 1 - shard).epoch, "SHARD_END"), "");
    answer_refused(l, OURS "ResetConsumerGroup", GROUP ",\"Position\":\"LATEST\"}",
                   "ResourceInUseException",
                   "The consumer group has 1 members: it can be reset when they have left or "
                   "expired.");
    json_decref(ask(&a, OURS "LeaveConsumerGroup", ""));
    answer_empty(l, OURS "ResetConsumerGroup", GROUP ",\"Position\":\"TRIM_HORIZON\"}");
    snprintf(json, sizeof(json), GROUP ",\"ShardId\":\"shardId-%012d\",\"SequenceNumber\":\"%s\"}",
             shard, number);
    answer_empty(l, OURS "ResetConsumerGroup", json);
    loopback_reopen(l);
    a = join(l, "a");
    assert_string_equal(lease_of(&a, shard).at, number);
    assert_string_equal(lease_of(&a, 1 - shard).at, "TRIM_HORIZON");
    json_decref(ask(&a, OURS "LeaveConsumerGroup", ""));
    answer_empty(l, OURS "ResetConsumerGroup",
                 GROUP ",\"Position\":\"AT_TIMESTAMP\",\"Timestamp\":1600000000.5}");
    json_t *leases = answer_ok(l, OURS "DescribeConsumerGroup", GROUP "}");
    char *text = json_dumps(leases, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(strstr(text, "{\"SequenceNumber\":\"AT_TIMESTAMP\",\"SubSequenceNumber\":"
                                 "1600000000500}"));
    mem_free(text);
    json_decref(leases);
    answer_empty(l, OURS "ResetConsumerGroup", GROUP ",\"Position\":\"LATEST\"}");
    leases = answer_ok(l, OURS "DescribeConsumerGroup", GROUP "}");
    text = json_dumps(leases, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(strstr(text, "{\"SequenceNumber\":\"AT_TIMESTAMP\",\"SubSequenceNumber\":17"));
    mem_free(text);
    json_decref(leases);
}

static void half_a_position_or_two_are_refused(void **state)
{
    struct loopback *l = *state;
    static const char *const wrong[] = {
        "",
        ",\"Position\":\"AT_TIMESTAMP\"",
        ",\"Position\":\"LATEST\",\"Timestamp\":1",
        ",\"ShardId\":\"shardId-000000000000\"",
        ",\"SequenceNumber\":\"1\"",
        ",\"Position\":\"LATEST\",\"ShardId\":\"shardId-000000000000\",\"SequenceNumber\":\"1\"",
        ",\"Position\":\"LATEST\",\"SubSequenceNumber\":1",
    };
    answer_empty(l, OURS "CreateConsumerGroup", GROUP "}");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char json[JSON_BYTES];
        snprintf(json, sizeof(json), GROUP "%s}", wrong[i]);
        answer_refused(l, OURS "ResetConsumerGroup", json, "InvalidArgumentException",
                       "Must either specify (1) Position, with a Timestamp if it is AT_TIMESTAMP, "
                       "or (2) ShardId and SequenceNumber.");
    }
    answer_refused(l, OURS "ResetConsumerGroup",
                   GROUP ",\"Position\":\"AT_TIMESTAMP\",\"Timestamp\":9900000000}",
                   "InvalidArgumentException", "The Timestamp must be in the past.");
    answer_refused(l, OURS "ResetConsumerGroup",
                   GROUP ",\"ShardId\":\"shardId-000000000009\",\"SequenceNumber\":\"1\"}",
                   "ResourceNotFoundException",
                   "The consumer group knows no shard shardId-000000000009.");
}

/* ---- who may ---- */

static void another_account_needs_the_streams_policy(void **state)
{
    struct loopback *l = *state;
    static const char join_by_arn[] =
        "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"GroupName\":\"g\","
        "\"MemberName\":\"a\"}";
    l->access_key = "222222222222";
    answer_refused(l, OURS "JoinConsumerGroup", join_by_arn, "AccessDeniedException",
                   "User: arn:aws:iam::222222222222:user/222222222222 is not authorized to "
                   "perform: kinesis:JoinConsumerGroup on resource: "
                   "arn:aws:kinesis:us-east-1:000000000000:stream/s because no resource-based "
                   "policy allows the kinesis:JoinConsumerGroup action");
    l->access_key = NULL;
    answer_empty(l, "PutResourcePolicy",
                 "{\"ResourceARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\","
                 "\"Policy\":\"{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":"
                 "{\\\"AWS\\\":\\\"222222222222\\\"},\\\"Action\\\":"
                 "\\\"kinesis:*ConsumerGroup\\\",\\\"Resource\\\":\\\"*\\\"}]}\"}");
    l->access_key = "222222222222";
    json_decref(answer_ok(l, OURS "JoinConsumerGroup", join_by_arn));
    char *text = call_text(l, OURS "DeleteConsumerGroup",
                           "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\","
                           "\"GroupName\":\"g\"}",
                           NULL);
    assert_non_null(strstr(text, "AccessDeniedException"));
    mem_free(text);
}

/* ---- faults ---- */

static void faults_are_injected_as_into_any_operation(void **state)
{
    struct loopback *l = *state;
    l->service.inject = inject_new();
    answer_empty(l, OURS "PutFaultRules",
                 "{\"Rules\":[{\"Operation\":\"JoinConsumerGroup\",\"Times\":1,\"Error\":"
                 "{\"Name\":\"FencedException\",\"Message\":\"no\"}},"
                 "{\"Operation\":\"CreateConsumerGroup\",\"Times\":1,\"Throttle\":true}]}");
    answer_refused(l, OURS "JoinConsumerGroup", GROUP ",\"MemberName\":\"a\"}", "FencedException",
                   "no");
    answer_refused(l, OURS "CreateConsumerGroup", GROUP "}", "LimitExceededException",
                   "Rate exceeded for stream s under account 000000000000.");
    answer_empty(l, OURS "CreateConsumerGroup", GROUP "}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_group_is_made_listed_described_and_deleted),
        TEST(what_is_not_there_is_not_found),
        TEST(a_stream_named_by_arn_is_the_same),
        TEST(groups_of_a_stream_are_bounded),
        TEST(leases_are_described_page_by_page),
        TEST(a_share_is_handed_over_and_the_former_owner_fenced),
        TEST(who_is_silent_is_gone_and_its_leases_move_at_once),
        TEST(a_checkpoint_is_a_number_of_its_shard),
        TEST(a_restart_keeps_sessions_leases_epochs_and_checkpoints),
        TEST(a_deleted_stream_takes_its_groups_along),
        TEST(children_come_after_their_parents),
        TEST(a_shard_that_was_trimmed_away_holds_nobody_up),
        TEST(a_group_without_members_is_reset),
        TEST(half_a_position_or_two_are_refused),
        TEST(another_account_needs_the_streams_policy),
        TEST(faults_are_injected_as_into_any_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
