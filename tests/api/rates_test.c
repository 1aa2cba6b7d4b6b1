/* rates_test.c: with --quotas aws, every operation that has a rate (api/quotas.def) gets exactly that, is refused in AWS's words over it, and is
 * served again when one more call has come together. And what never came to the service, by an injected fault, is not counted.
 *
 * AWS's words are those that users of the real service quote: "Rate exceeded for stream S under account A." of whatever names a stream, even
 * where the calls are counted by account, and "Rate exceeded for account A." of the rest. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define OWNER      "000000000000"
#define ARN        "arn:aws:kinesis:us-east-1:" OWNER ":stream/s"
#define OF_STREAM  "Rate exceeded for stream s under account " OWNER "."
#define OF_ACCOUNT "Rate exceeded for account " OWNER "."
#define STREAM     "{'StreamARN':'" ARN "'"
#define RESOURCE   "{'ResourceARN':'" ARN "'"
#define CONSUMER   "{'ConsumerARN':'" ARN "/consumer/c:1700000000'}"
#define FIREHOSE   "Firehose_20150804."
#define DELIVERY   "{'DeliveryStreamName':'d'"

/* What each is asked; whether it could be done is all the same. Single quotes stand for double ones. */
static const struct {
    const char *operation, *input, *words;
} asked[] = {
    {"AddTagsToStream", STREAM ",'Tags':{'a':''}}", OF_STREAM},
    {"CreateStream", "{'StreamName':'s','ShardCount':1}", OF_STREAM},
    {"DecreaseStreamRetentionPeriod", STREAM ",'RetentionPeriodHours':24}", OF_STREAM},
    {"DeleteResourcePolicy", RESOURCE "}", OF_STREAM},
    {"DeleteStream", "{'StreamName':'s'}", OF_STREAM},
    {"DeregisterStreamConsumer", CONSUMER, OF_STREAM},
    {"DescribeAccountSettings", "{}", OF_ACCOUNT},
    {"DescribeLimits", "{}", OF_ACCOUNT},
    {"DescribeStream", STREAM "}", OF_STREAM},
    {"DescribeStreamConsumer", CONSUMER, OF_STREAM},
    {"DescribeStreamSummary", STREAM "}", OF_STREAM},
    {"DisableEnhancedMonitoring", STREAM ",'ShardLevelMetrics':['ALL']}", OF_STREAM},
    {"EnableEnhancedMonitoring", STREAM ",'ShardLevelMetrics':['ALL']}", OF_STREAM},
    {"GetResourcePolicy", RESOURCE "}", OF_STREAM},
    {"IncreaseStreamRetentionPeriod", STREAM ",'RetentionPeriodHours':24}", OF_STREAM},
    {"ListShards", STREAM "}", OF_STREAM},
    {"ListStreamConsumers", STREAM "}", OF_STREAM},
    {"ListStreams", "{}", OF_ACCOUNT},
    {"ListTagsForResource", RESOURCE "}", OF_STREAM},
    {"ListTagsForStream", STREAM "}", OF_STREAM},
    {"MergeShards", STREAM ",'ShardToMerge':'0','AdjacentShardToMerge':'1'}", OF_STREAM},
    {"PutResourcePolicy", RESOURCE ",'Policy':'{}'}", OF_STREAM},
    {"RegisterStreamConsumer", STREAM ",'ConsumerName':'c'}", OF_STREAM},
    {"RemoveTagsFromStream", STREAM ",'TagKeys':['a']}", OF_STREAM},
    {"SplitShard", STREAM ",'ShardToSplit':'0','NewStartingHashKey':'1000'}", OF_STREAM},
    {"TagResource", RESOURCE ",'Tags':{'a':''}}", OF_STREAM},
    {"UntagResource", RESOURCE ",'TagKeys':['a']}", OF_STREAM},
    {"UpdateAccountSettings", "{'MinimumThroughputBillingCommitment':{'Status':'DISABLED'}}",
     OF_ACCOUNT},
    {"UpdateMaxRecordSize", STREAM ",'MaxRecordSizeInKiB':2048}", OF_STREAM},
    {"UpdateShardCount", STREAM ",'TargetShardCount':1,'ScalingType':'UNIFORM_SCALING'}",
     OF_STREAM},
    {"UpdateStreamMode", STREAM ",'StreamModeDetails':{'StreamMode':'PROVISIONED'}}", OF_STREAM},
    {"UpdateStreamWarmThroughput", STREAM ",'WarmThroughputMiBps':5}", OF_STREAM},
    {FIREHOSE "CreateDeliveryStream", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "DeleteDeliveryStream", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "DescribeDeliveryStream", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "ListDeliveryStreams", "{}", OF_ACCOUNT},
    {FIREHOSE "ListTagsForDeliveryStream", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "StartDeliveryStreamEncryption", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "StopDeliveryStreamEncryption", DELIVERY "}", OF_ACCOUNT},
    {FIREHOSE "TagDeliveryStream", DELIVERY ",'Tags':[{'Key':'a'}]}", OF_ACCOUNT},
    {FIREHOSE "UntagDeliveryStream", DELIVERY ",'TagKeys':['a']}", OF_ACCOUNT},
    {FIREHOSE "UpdateDestination",
     DELIVERY ",'CurrentDeliveryStreamVersionId':'1','DestinationId':'d'}", OF_ACCOUNT},
};

static const struct {
    const char *operation;
    unsigned per_s;
} rates[] = {
#define QUOTA(name, per_s, of) {#name, per_s},
#include "api/quotas.def"
#undef QUOTA
};
enum { RATES = sizeof(rates) / sizeof(*rates), ASKED = sizeof(asked) / sizeof(*asked) };

static int open_with_quotas(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->inject = true;
    loopback_open(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    l->service.quotas = quotas_new(l->service.clock);
    *state = l;
    return 0;
}

static int close_all(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static const char *without_service(const char *operation)
{
    const char *dot = strchr(operation, '.');
    return dot ? dot + 1 : operation;
}

static size_t asked_of(const char *operation)
{
    size_t i = 0;
    while (i < ASKED && strcmp(without_service(asked[i].operation), operation) != 0)
        i++;
    if (i == ASKED)
        fail_msg("%s has a rate, and is not asked here", operation);
    return i;
}

static char *input_of(size_t i)
{
    char *json = mem_strdup(asked[i].input);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    return json;
}

static void is_within_its_rate(struct loopback *l, const char *operation, const char *json)
{
    char *text = call_text(l, operation, json, NULL);
    if (strstr(text, "Rate exceeded"))
        fail_msg("%s is refused too early: %s", operation, text);
    mem_free(text);
}

static void every_operation_that_has_a_rate_is_held_to_it(void **state)
{
    struct loopback *l = *state;
    for (size_t i = 0; i < RATES; i++) {
        size_t at = asked_of(rates[i].operation);
        const char *operation = asked[at].operation, *words = asked[at].words;
        char *json = input_of(at);
        unsigned between_ms = 1000 / rates[i].per_s;
        for (unsigned calls = 0; calls < rates[i].per_s; calls++)
            is_within_its_rate(l, operation, json);
        answer_refused(l, operation, json, "LimitExceededException", words);
        clock_manual_advance_ms(&l->clock, between_ms - 1);
        answer_refused(l, operation, json, "LimitExceededException", words);
        clock_manual_advance_ms(&l->clock, 1);
        is_within_its_rate(l, operation, json);
        answer_refused(l, operation, json, "LimitExceededException", words);
        mem_free(json);
    }
}

static void rules(struct loopback *l, const char *list)
{
    char json[256];
    snprintf(json, sizeof(json), "{\"Rules\":%s}", list);
    answer_empty(l, "Sluice_20261101.PutFaultRules", json);
}

static void lose_one(struct loopback *l, const char *operation, const char *json)
{
    struct call c;
    call_start(&c, l, operation, json);
    call_wait(&c);
    assert_true(c.exchange.lost);
    call_end(&c);
}

static void what_an_injected_fault_keeps_from_the_service_is_not_counted(void **state)
{
    struct loopback *l = *state;
    rules(
        l,
        "[{\"Operation\":\"ListStreams\",\"Times\":5,\"Throttle\":true},"
        "{\"Operation\":\"ListStreams\",\"Times\":5,\"Error\":{\"Name\":\"ThrottlingException\"}},"
        "{\"Operation\":\"ListStreams\",\"Times\":5,\"Drop\":\"BEFORE\"}]");
    for (int i = 0; i < 5; i++)
        answer_refused(l, "ListStreams", "{}", "LimitExceededException", OF_ACCOUNT);
    for (int i = 0; i < 5; i++)
        answer_fails(l, "ListStreams", "{}", "{\"__type\":\"ThrottlingException\"}");
    for (int i = 0; i < 5; i++)
        lose_one(l, "ListStreams", "{}");
    for (int i = 0; i < 5; i++)
        is_within_its_rate(l, "ListStreams", "{}");
    answer_refused(l, "ListStreams", "{}", "LimitExceededException", OF_ACCOUNT);
}

/* It was done; only its answer was lost. */
static void what_is_lost_on_the_way_back_is_counted(void **state)
{
    struct loopback *l = *state;
    rules(l, "[{\"Operation\":\"ListStreams\",\"Times\":5,\"Drop\":\"AFTER\"}]");
    for (int i = 0; i < 5; i++)
        lose_one(l, "ListStreams", "{}");
    answer_refused(l, "ListStreams", "{}", "LimitExceededException", OF_ACCOUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_operation_that_has_a_rate_is_held_to_it,
                                        open_with_quotas, close_all),
        cmocka_unit_test_setup_teardown(
            what_an_injected_fault_keeps_from_the_service_is_not_counted, open_with_quotas,
            close_all),
        cmocka_unit_test_setup_teardown(what_is_lost_on_the_way_back_is_counted, open_with_quotas,
                                        close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
