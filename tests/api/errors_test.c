/* errors_test.c: each error that an operation can answer, raised for real over a loopback exchange, word for word.
 *
 * Most errors are the stream's: it is not there, not named, another account's, or busy. Every operation that names a stream stands
 * in one table, and a test of each of these errors goes over all of it. What is one operation's own stands in a table of rows.
 * docs/COVERAGE.md says which test raises which error of the model; tests/house/coverage.py holds it to that.
 *
 * Requests are written with single quotes for double ones. */
#include "base/limits.h"
#include "base/mem.h"
#include "support/answers.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define OWNER           "000000000000"
#define STRANGER        "222222222222"
#define ARN_OF(account) "arn:aws:kinesis:us-east-1:" account ":stream/"

/* ---- the operations on a stream ---- */

/* The states in which a stream is in use for an operation. */
enum busy { NEVER, CREATING = 1, UPDATING = 2, BOTH = CREATING | UPDATING };
enum named { BY_STREAM, BY_STREAM_ARN_ONLY, BY_RESOURCE };

static const struct operation {
    const char *name;
    enum named named;
    enum busy refuses;
    const char *rest; /* of its input, behind the stream's ARN */
} operations[] = {
    {"AddTagsToStream", BY_STREAM, CREATING, ",'Tags':{'a':''}"},
    {"DecreaseStreamRetentionPeriod", BY_STREAM, BOTH, ",'RetentionPeriodHours':24"},
    {"DeleteResourcePolicy", BY_RESOURCE, CREATING, ""},
    {"DeleteStream", BY_STREAM, UPDATING, ""},
    {"DescribeStream", BY_STREAM, NEVER, ""},
    {"DescribeStreamSummary", BY_STREAM, NEVER, ""},
    {"DisableEnhancedMonitoring", BY_STREAM, BOTH, ",'ShardLevelMetrics':['ALL']"},
    {"EnableEnhancedMonitoring", BY_STREAM, BOTH, ",'ShardLevelMetrics':['ALL']"},
    {"GetResourcePolicy", BY_RESOURCE, CREATING, ""},
    {"GetShardIterator", BY_STREAM, NEVER, ",'ShardId':'0','ShardIteratorType':'LATEST'"},
    {"IncreaseStreamRetentionPeriod", BY_STREAM, BOTH, ",'RetentionPeriodHours':24"},
    {"ListShards", BY_STREAM, CREATING, ""},
    {"ListStreamConsumers", BY_STREAM_ARN_ONLY, CREATING, ""},
    {"ListTagsForResource", BY_RESOURCE, CREATING, ""},
    {"ListTagsForStream", BY_STREAM, NEVER, ""},
    {"MergeShards", BY_STREAM, BOTH, ",'ShardToMerge':'0','AdjacentShardToMerge':'1'"},
    {"PutRecord", BY_STREAM, NEVER, ",'PartitionKey':'k','Data':''"},
    {"PutRecords", BY_STREAM, NEVER, ",'Records':[{'PartitionKey':'k','Data':''}]"},
    {"PutResourcePolicy", BY_RESOURCE, CREATING, ",'Policy':'{}'"},
    {"RegisterStreamConsumer", BY_STREAM_ARN_ONLY, CREATING, ",'ConsumerName':'c'"},
    {"RemoveTagsFromStream", BY_STREAM, CREATING, ",'TagKeys':['a']"},
    {"SplitShard", BY_STREAM, BOTH, ",'ShardToSplit':'0','NewStartingHashKey':'1000'"},
    {"TagResource", BY_RESOURCE, CREATING, ",'Tags':{'a':''}"},
    {"UntagResource", BY_RESOURCE, CREATING, ",'TagKeys':['a']"},
    {"UpdateMaxRecordSize", BY_STREAM, BOTH, ",'MaxRecordSizeInKiB':2048"},
    {"UpdateShardCount", BY_STREAM, BOTH, ",'TargetShardCount':3,'ScalingType':'UNIFORM_SCALING'"},
    {"UpdateStreamMode", BY_STREAM_ARN_ONLY, BOTH,
     ",'StreamModeDetails':{'StreamMode':'ON_DEMAND'}"},
    {"UpdateStreamWarmThroughput", BY_STREAM, BOTH, ",'WarmThroughputMiBps':5"},
};
enum { OPERATIONS = sizeof(operations) / sizeof(*operations) };

/* ---- asking ---- */

/* In place: single quotes become double ones. */
static char *quoted(char *text)
{
    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    return text;
}

static void refused(struct loopback *l, const char *operation, const char *input, const char *type,
                    const char *words)
{
    char *json = quoted(mem_strdup(input));
    answer_refused(l, operation, json, type, words);
    mem_free(json);
}

static void made(struct loopback *l, const char *input)
{
    char *json = quoted(mem_strdup(input));
    answer_empty(l, "CreateStream", json);
    mem_free(json);
}

/* `o` asked of that ARN. */
static void refused_of(struct loopback *l, const struct operation *o, const char *arn,
                       const char *type, const char *words)
{
    char input[512];
    snprintf(input, sizeof(input), "{'%s':'%s'%s}",
             o->named == BY_RESOURCE ? "ResourceARN" : "StreamARN", arn, o->rest);
    refused(l, o->name, input, type, words);
}

/* A member of an answer, as {"<as>":"..."}: mem_free it. */
static char *carried(struct loopback *l, const char *operation, const char *input,
                     const char *member, const char *as)
{
    char *json = quoted(mem_strdup(input)), text[768];
    json_t *answer = answer_ok(l, operation, json);
    const char *value = json_string_value(json_object_get(answer, member));
    assert_non_null(value);
    snprintf(text, sizeof(text), "{\"%s\":\"%s\"}", as, value);
    json_decref(answer);
    mem_free(json);
    return mem_strdup(text);
}

static char *iterator_of(struct loopback *l)
{
    return carried(l, "GetShardIterator",
                   "{'StreamName':'s','ShardId':'0','ShardIteratorType':'TRIM_HORIZON'}",
                   "ShardIterator", "ShardIterator");
}

/* ---- what is there: "s", provisioned, of two shards ---- */

static void open_with(void **state, uint64_t state_delay_ms, uint64_t shard_limit)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->state_delay_ms = state_delay_ms;
    l->shard_limit = shard_limit;
    loopback_open(l);
    made(l, "{'StreamName':'s','ShardCount':2}");
    *state = l;
}

static int setup(void **state)
{
    open_with(state, 0, 0);
    return 0;
}

/* Also "d", on-demand, and "f", which makes it all the shards that there may be. */
static int setup_full(void **state)
{
    open_with(state, 0, 10);
    made(*state, "{'StreamName':'d'}");
    made(*state, "{'StreamName':'f','ShardCount':4}");
    return 0;
}

/* In CREATING; its clock stands, so it stays so. */
static int setup_slow(void **state)
{
    open_with(state, 50, 0);
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

/* ---- a stream that is not there, not named, not the caller's, or busy ---- */

static void a_stream_that_is_not_there_is_not_found(void **state)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        bool shard = strcmp(operations[i].name, "GetShardIterator") == 0; /* it speaks of shards */
        refused_of(*state, &operations[i], ARN_OF(OWNER) "none", "ResourceNotFoundException",
                   shard ? "Shard shardId-000000000000 in stream none under account " OWNER
                           " does not exist"
                         : "Stream none under account " OWNER " not found.");
    }
}

static void a_stream_must_be_named(void **state)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct operation *o = &operations[i];
        char input[256];
        snprintf(input, sizeof(input), "{%s}", o->rest[0] ? o->rest + 1 : "");
        if (o->named == BY_STREAM)
            refused(*state, o->name, input, "InvalidArgumentException",
                    strcmp(o->name, "ListShards") == 0
                        ? "Either NextToken or StreamName should be provided."
                        : "Either StreamName or StreamARN should be provided.");
        else if (o->named == BY_RESOURCE)
            refused_of(*state, o, ARN_OF(OWNER) "s/else", "InvalidArgumentException",
                       "ResourceARN " ARN_OF(OWNER) "s/else is not a valid ARN.");
        else
            refused_of(
                *state, o, "arn:aws:kinesis:a:b:" OWNER ":stream/s", "InvalidArgumentException",
                "StreamARN arn:aws:kinesis:a:b:" OWNER ":stream/s is not a valid stream ARN.");
    }
}

static void denied(struct loopback *l, const char *operation, const char *consumer, char words[512])
{
    snprintf(words, 512,
             "User: arn:aws:iam::%s:user/%s is not authorized to perform: kinesis:%s on resource: "
             "" ARN_OF(OWNER) "s%s because no resource-based policy allows the kinesis:%s action",
             l->access_key, l->access_key, operation, consumer, operation);
}

static void a_stream_of_another_account_is_denied(void **state)
{
    struct loopback *l = *state;
    char words[512], *iterator = iterator_of(l);
    l->access_key = STRANGER;
    for (size_t i = 0; i < OPERATIONS; i++) {
        denied(l, operations[i].name, "", words);
        refused_of(l, &operations[i], ARN_OF(OWNER) "s", "AccessDeniedException", words);
    }
    denied(l, "GetRecords", "", words);
    refused(l, "GetRecords", iterator, "AccessDeniedException", words);
    denied(l, "SubscribeToShard", "/consumer/c:1700000000", words);
    refused(l, "SubscribeToShard",
            "{'ConsumerARN':'" ARN_OF(OWNER) "s/consumer/c:1700000000','ShardId':'0',"
                                             "'StartingPosition':{'Type':'LATEST'}}",
            "AccessDeniedException", words);
    mem_free(iterator);
}

static void wait_active(struct loopback *l)
{
    for (bool active = false; !active;) {
        char *now = call_text(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}", NULL);
        active = strstr(now, "\"ACTIVE\"") != NULL;
        mem_free(now);
        clock_manual_advance_ms(&l->clock, active ? 0 : 1);
    }
}

static void refused_in(struct loopback *l, enum busy state, const char *name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct operation *o = &operations[i];
        char words[128];
        snprintf(words, sizeof(words),
                 "Stream s under account %s not ACTIVE%s, instead in state %s", OWNER,
                 o->refuses == CREATING ? " or UPDATING" : "", name);
        if (o->refuses & state)
            refused_of(l, o, ARN_OF(OWNER) "s", "ResourceInUseException", words);
    }
}

static void a_busy_stream_is_in_use(void **state)
{
    struct loopback *l = *state;
    refused_in(l, CREATING, "CREATING");
    wait_active(l);
    answer_empty(l, "UpdateMaxRecordSize",
                 "{\"StreamARN\":\"" ARN_OF(OWNER) "s\",\"MaxRecordSizeInKiB\":2048}");
    refused_in(l, UPDATING, "UPDATING");
}

/* ---- what is one operation's own ---- */

#define SHARD_LIMIT(more)                                                                          \
    "This request would exceed the shard limit for the account " OWNER                             \
    " in us-east-1. Current shard count for the account: 10. Limit: 10. Number of additional "     \
    "shards that would have resulted from this request: " more                                     \
    ". Refer to the AWS Service Limits page "                                                      \
    "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "   \
    "and how to request higher limits."
#define ON_DEMAND "Request is invalid. Stream d under account " OWNER " is in On-Demand mode."

static const struct row {
    const char *operation, *input, *type, *words;
} rows[] = {
    {"CreateStream", "{'StreamName':'s','ShardCount':1}", "ResourceInUseException",
     "Stream s under account " OWNER " already exists."},
    {"CreateStream", "{'StreamName':'n','ShardCount':1}", "LimitExceededException",
     SHARD_LIMIT("1")},
    {"CreateStream", "{'StreamName':'n','ShardCount':1,'Tags':{'#':''}}",
     "InvalidArgumentException",
     "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white "
     "space, _ . / = + - % @."},
    {"CreateStream", "{'StreamName':'n','StreamModeDetails':{'StreamMode':'PROVISIONED'}}",
     "ValidationException", "ShardCount is required for a stream in PROVISIONED mode."},
    {"SplitShard", "{'StreamName':'s','ShardToSplit':'0','NewStartingHashKey':'1000'}",
     "LimitExceededException", SHARD_LIMIT("1")},
    {"SplitShard", "{'StreamName':'d','ShardToSplit':'0','NewStartingHashKey':'1000'}",
     "ValidationException", ON_DEMAND},
    {"MergeShards", "{'StreamName':'d','ShardToMerge':'0','AdjacentShardToMerge':'1'}",
     "ValidationException", ON_DEMAND},
    {"UpdateShardCount", "{'StreamName':'s','TargetShardCount':4,'ScalingType':'UNIFORM_SCALING'}",
     "LimitExceededException", SHARD_LIMIT("2")},
    {"UpdateShardCount", "{'StreamName':'d','TargetShardCount':5,'ScalingType':'UNIFORM_SCALING'}",
     "ValidationException", ON_DEMAND},
    {"UpdateStreamMode",
     "{'StreamARN':'" ARN_OF(OWNER) "s','StreamModeDetails':{'StreamMode':'PROVISIONED'},"
                                    "'WarmThroughputMiBps':5}",
     "ValidationException",
     "WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode."},
    {"UpdateStreamWarmThroughput", "{'StreamName':'d','WarmThroughputMiBps':10}",
     "LimitExceededException", SHARD_LIMIT("6")},
    {"UpdateStreamWarmThroughput", "{'StreamName':'s','WarmThroughputMiBps':5}",
     "ValidationException",
     "WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode."},
    {"UpdateMaxRecordSize", "{'StreamARN':'" ARN_OF(OWNER) "s','MaxRecordSizeInKiB':1023}",
     "ValidationException",
     "1 validation error detected: Value '1023' at 'maxRecordSizeInKiB' failed to satisfy "
     "constraint: Member must have value greater than or equal to 1024"},
    {"UpdateAccountSettings", "{}", "ValidationException",
     "1 validation error detected: Value null at 'minimumThroughputBillingCommitment' failed to "
     "satisfy constraint: Member must not be null"},
    {"GetRecords", "{'ShardIterator':'AAAAAAAAAAE='}", "InvalidArgumentException",
     "Invalid ShardIterator."},
    {"ListStreams", "{'NextToken':'AAAAAAAAAAE='}", "InvalidArgumentException",
     "NextToken is invalid."},
};

static void what_breaks_a_rule_of_its_own_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        refused(*state, rows[i].operation, rows[i].input, rows[i].type, rows[i].words);
}

static void a_policy_has_a_largest_size(void **state)
{
    char *json = mem_must(POLICY_BYTES_MAX + 256);
    int len = snprintf(json, 256, "{'ResourceARN':'%s','Policy':'", ARN_OF(OWNER) "s");
    memset(json + len, ' ', POLICY_BYTES_MAX + 1);
    memcpy(json + len + POLICY_BYTES_MAX + 1, "'}", 3);
    refused(*state, "PutResourcePolicy", json, "LimitExceededException",
            "A policy can have at most 20480 bytes; this one has 20481.");
    mem_free(json);
}

static void settings_are_kept_of_so_many_accounts(void **state)
{
    struct loopback *l = *state;
    static const char wish[] = "{\"MinimumThroughputBillingCommitment\":{\"Status\":\"ENABLED\"}}";
    char account[16];
    l->access_key = account;
    for (int i = 0; i < ACCOUNTS_MAX; i++) {
        snprintf(account, sizeof(account), "1%011d", i);
        json_decref(answer_ok(l, "UpdateAccountSettings", wish));
    }
    snprintf(account, sizeof(account), STRANGER);
    answer_refused(l, "UpdateAccountSettings", wish, "LimitExceededException",
                   "This server keeps settings of 10000 accounts, the most it can.");
}

/* ---- what has grown old, and what is gone ---- */

static void tokens_and_iterators_expire(void **state)
{
    struct loopback *l = *state;
    made(l, "{'StreamName':'t','ShardCount':1}");
    char *streams = carried(l, "ListStreams", "{'Limit':1}", "NextToken", "NextToken");
    char *shards =
        carried(l, "ListShards", "{'StreamName':'s','MaxResults':1}", "NextToken", "NextToken");
    char *iterator = iterator_of(l);
    clock_manual_advance_ms(&l->clock, TOKEN_LIFE_MS + 1);
    static const char expired[] = "NextToken has expired. Tokens are valid for 300 seconds.";
    refused(l, "ListStreams", streams, "ExpiredNextTokenException", expired);
    refused(l, "ListShards", shards, "ExpiredNextTokenException", expired);
    refused(l, "GetRecords", iterator, "ExpiredIteratorException",
            "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while "
            "right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the "
            "tolerated delay of 300000 milliseconds.");
    mem_free(streams);
    mem_free(shards);
    mem_free(iterator);
}

static void an_iterator_ends_with_its_stream(void **state)
{
    char *iterator = iterator_of(*state);
    answer_empty(*state, "DeleteStream", "{\"StreamName\":\"s\"}");
    refused(*state, "GetRecords", iterator, "ResourceNotFoundException",
            "Stream s under account " OWNER " not found.");
    mem_free(iterator);
}

/* ---- a log that refuses ---- */

#define BY_TIME                                                                                    \
    "{'StreamName':'s','ShardId':'0','ShardIteratorType':'AT_TIMESTAMP','Timestamp':1600000000}"

static void a_read_that_is_too_much_is_throttled(void **state)
{
    struct loopback *l = *state;
    static const char words[] = "Rate exceeded for Shard - " OWNER "/s/shardId-000000000000";
    char *iterator = iterator_of(l);
    log_memory_refuse_reads(l->service.logs, THROTTLED);
    refused(l, "GetRecords", iterator, "ProvisionedThroughputExceededException", words);
    refused(l, "GetShardIterator", BY_TIME, "ProvisionedThroughputExceededException", words);
    mem_free(iterator);
    json_decref(answer_ok(l, "RegisterStreamConsumer",
                          "{\"StreamARN\":\"" ARN_OF(OWNER) "s\",\"ConsumerName\":\"c\"}"));
    refused(l, "SubscribeToShard",
            "{'ConsumerARN':'" ARN_OF(
                OWNER) "s/consumer/c:1700000000','ShardId':'0',"
                       "'StartingPosition':{'Type':'AT_TIMESTAMP','Timestamp':1600000000}}",
            "LimitExceededException",
            "Rate exceeded for shard shardId-000000000000 in stream s under account " OWNER ".");
}

/* Its name on the wire is InternalFailure, without words: our insides are not the caller's. */
static void a_log_that_fails_is_an_internal_failure(void **state)
{
    struct loopback *l = *state;
    static const char put[] = "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"\"}";
    static const char failure[] = "{\"__type\":\"InternalFailure\"}";
    char *iterator = iterator_of(l), *by_time = quoted(mem_strdup(BY_TIME));
    log_memory_refuse(l->service.logs, IO_FAILED);
    log_memory_refuse_reads(l->service.logs, IO_FAILED);
    answer_with(l, "GetRecords", iterator, 500, failure);
    answer_with(l, "GetShardIterator", by_time, 500, failure);
    answer_with(l, "PutRecord", put, 500, failure);
    answer_is(l, "PutRecords",
              "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"a\"}]}",
              "{\"FailedRecordCount\":1,\"Records\":[{\"ErrorCode\":\"InternalFailure\","
              "\"ErrorMessage\":\"Internal Service Failure\"}]}");
    mem_free(iterator);
    mem_free(by_time);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_that_is_not_there_is_not_found, setup),
        TEST(a_stream_must_be_named, setup),
        TEST(a_stream_of_another_account_is_denied, setup),
        TEST(a_busy_stream_is_in_use, setup_slow),
        TEST(what_breaks_a_rule_of_its_own_is_refused, setup_full),
        TEST(a_policy_has_a_largest_size, setup),
        TEST(settings_are_kept_of_so_many_accounts, setup),
        TEST(tokens_and_iterators_expire, setup),
        TEST(an_iterator_ends_with_its_stream, setup),
        TEST(a_read_that_is_too_much_is_throttled, setup),
        TEST(a_log_that_fails_is_an_internal_failure, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
