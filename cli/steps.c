/* steps.c: commands of a few requests: what AWS has in two operations, or asks back for. */
#include "cli/ask.h"
#include "cli/commands.h"

#include "base/bytes.h"
#include "base/u128.h"

#include <sluice/firehose.h>
#include <sluice/kinesis.h>
#include <sluice/service.h>

#include <string.h>

struct steps {
    struct invocation *words;
    sluice_client *client;
    json_t *request, *answer;
    enum cli_exit done;
};

static bool begin(struct steps *s, struct invocation *words)
{
    *s = (struct steps){.words = words, .request = json_object()};
    s->done = session_open(words, &s->client);
    return s->done == CLI_DONE;
}

static int end(struct steps *s)
{
    json_decref(s->request);
    json_decref(s->answer);
    sluice_client_free(s->client);
    return (int)s->done;
}

/* The latest answer is in s->answer; false: said why. */
static bool ask(struct steps *s, const struct sluice_operation *operation)
{
    json_decref(s->answer);
    s->done = ask_once(s->words, s->client, operation, s->request, &s->answer, NULL);
    return s->done == CLI_DONE;
}

/* Of a change to the stream that is the first argument. */
static void changed(struct steps *s)
{
    if (s->done == CLI_DONE && invocation_has(s->words, "wait"))
        s->done = ask_wait(s->words, s->client, "ACTIVE");
    if (s->done != CLI_DONE)
        return;
    if (invocation_has(s->words, "json"))
        json_print(s->answer, stdout);
    else
        printf("%s is %s\n", s->words->arguments[0],
               invocation_has(s->words, "wait") ? "ready" : "being updated");
}

/* ---- stream retention ---- */

int retention_run(struct invocation *words)
{
    struct steps s;
    uint64_t hours = 0;
    if (!begin(&s, words))
        return end(&s);
    (void)!bytes_to_u64(bytes_text(words->arguments[1]), &hours);
    ask_set_stream(s.request, words->arguments[0]);
    if (!ask(&s, &sluice_kinesis_describe_stream_summary_operation))
        return end(&s);
    json_int_t now =
        json_integer_value(json_at(s.answer, "StreamDescriptionSummary.RetentionPeriodHours"));
    json_object_set_new(s.request, "RetentionPeriodHours", json_integer((json_int_t)hours));
    ask(&s, (json_int_t)hours < now ? &sluice_kinesis_decrease_stream_retention_period_operation
                                    : &sluice_kinesis_increase_stream_retention_period_operation);
    changed(&s);
    return end(&s);
}

/* ---- shard split ---- */

/* The first hash of the upper half of the shard's range. */
static bool middle_of(const json_t *shard, char out[U128_DECIMAL_BYTES_MAX])
{
    const char *first = json_string_value(json_at(shard, "HashKeyRange.StartingHashKey"));
    const char *last = json_string_value(json_at(shard, "HashKeyRange.EndingHashKey"));
    u128 low, high;
    if (!u128_parse(bytes_text(first), &low) || !u128_parse(bytes_text(last), &high) || high <= low)
        return false;
    u128_print(low + (high - low) / 2 + 1, out);
    return true;
}

static json_t *find_shard(const json_t *list, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_at(json_array_get(list, i), "ShardId"));
        if (name && strcmp(name, id) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* The shard's description; NULL: it said why, or there is none, and the service will say so. */
static json_t *look_for_shard(struct steps *s, const char *id)
{
    for (;;) {
        if (!ask(s, &sluice_kinesis_list_shards_operation))
            return NULL;
        json_t *shard = find_shard(json_at(s->answer, "Shards"), id);
        json_t *next = json_at(s->answer, "NextToken");
        if (shard || !next)
            return shard;
        json_object_clear(s->request);
        json_object_set(s->request, "NextToken", next);
    }
}

int split_run(struct invocation *words)
{
    struct steps s;
    char middle[U128_DECIMAL_BYTES_MAX] = "0";
    const char *at = invocation_text(words, "at");
    if (!begin(&s, words))
        return end(&s);
    ask_set_stream(s.request, words->arguments[0]);
    if (at == NULL) {
        json_t *shard = look_for_shard(&s, words->arguments[1]);
        if (s.done == CLI_DONE && shard && !middle_of(shard, middle))
            s.done = session_say(words, CLI_FAILED, "%s has one hash only: it cannot be split",
                                 words->arguments[1]);
        if (s.done != CLI_DONE)
            return end(&s);
    }
    json_object_clear(s.request);
    ask_set_stream(s.request, words->arguments[0]);
    json_object_set_new(s.request, "ShardToSplit", json_string(words->arguments[1]));
    json_object_set_new(s.request, "NewStartingHashKey", json_string(at ? at : middle));
    ask(&s, &sluice_kinesis_split_shard_operation);
    changed(&s);
    return end(&s);
}

/* ---- delivery update ---- */

/* What UpdateDestination wants to be told and only DescribeDeliveryStream knows. */
static bool complete_update(struct steps *s)
{
    json_t *update = s->request;
    s->request = json_pack("{s:s}", "DeliveryStreamName", s->words->arguments[0]);
    bool fine = ask(s, &sluice_firehose_describe_delivery_stream_operation);
    json_decref(s->request);
    s->request = update;
    if (!fine)
        return false;
    json_t *is = json_at(s->answer, "DeliveryStreamDescription");
    json_t *to = json_array_get(json_at(is, "Destinations"), 0);
    json_t *missing = json_object();
    json_object_set(missing, "CurrentDeliveryStreamVersionId", json_at(is, "VersionId"));
    json_object_set(missing, "DestinationId", json_at(to, "DestinationId"));
    json_object_update_missing(update, missing);
    json_decref(missing);
    return true;
}

int update_run(struct invocation *words)
{
    struct steps s;
    if (!begin(&s, words))
        return end(&s);
    json_decref(s.request);
    s.request = ask_body(words);
    if (s.request == NULL) {
        s.done = CLI_MISUSED;
        return end(&s);
    }
    json_object_set_new(s.request, "DeliveryStreamName", json_string(words->arguments[0]));
    if (complete_update(&s) && ask(&s, &sluice_firehose_update_destination_operation)) {
        if (invocation_has(words, "json"))
            json_print(s.answer, stdout);
        else
            printf("%s is updated\n", words->arguments[0]);
    }
    return end(&s);
}

/* ---- group describe ---- */

/* How far behind the stream's tip a lease's checkpoint is, in milliseconds; JSON null where it cannot be known. */
static json_t *lag_of(struct steps *s, const json_t *lease)
{
    const char *at = json_string_value(json_at(lease, "Checkpoint.SequenceNumber"));
    json_t *answer = NULL;
    struct sluice_error error;
    if (at == NULL || strcmp(at, "AT_TIMESTAMP") == 0)
        return json_null();
    if (strcmp(at, "SHARD_END") == 0)
        return json_integer(0);
    bool is_number = at[0] >= '0' && at[0] <= '9';
    json_t *where = json_object();
    ask_set_stream(where, s->words->arguments[0]);
    json_object_set(where, "ShardId", json_at(lease, "ShardId"));
    json_object_set_new(where, "ShardIteratorType",
                        json_string(is_number ? "AFTER_SEQUENCE_NUMBER" : at));
    if (is_number)
        json_object_set_new(where, "StartingSequenceNumber", json_string(at));
    ask_once(s->words, s->client, &sluice_kinesis_get_shard_iterator_operation, where, &answer,
             &error);
    json_decref(where);
    if (answer == NULL)
        return json_null();
    json_t *read =
        json_pack("{s:O,s:i}", "ShardIterator", json_at(answer, "ShardIterator"), "Limit", 1);
    json_decref(answer);
    ask_once(s->words, s->client, &sluice_kinesis_get_records_operation, read, &answer, &error);
    json_decref(read);
    /* MillisBehindLatest is that of the record just read; without one it is at the tip. */
    json_t *lag = answer ? json_incref(json_at(answer, "MillisBehindLatest")) : NULL;
    json_decref(answer);
    return lag ? lag : json_null();
}

/* All pages, as one description. */
static json_t *describe_group(struct steps *s)
{
    json_t *whole = NULL, *leases = json_array();
    for (bool more = true; more;) {
        if (!ask(s, &sluice_service_describe_consumer_group_operation))
            break;
        json_decref(whole);
        whole = json_incref(json_at(s->answer, "ConsumerGroupDescription"));
        json_array_extend(leases, json_at(whole, "Leases"));
        json_t *last = json_array_get(leases, json_array_size(leases) - 1);
        more = json_is_true(json_at(whole, "HasMoreLeases")) && last != NULL;
        if (more)
            json_object_set(s->request, "ExclusiveStartShardId", json_at(last, "ShardId"));
    }
    if (whole)
        json_object_set(whole, "Leases", leases);
    json_decref(leases);
    if (s->done == CLI_DONE)
        return whole;
    json_decref(whole);
    return NULL;
}

static void show_group(json_t *group)
{
    static const struct column members[] = {
        {"MEMBER", "MemberName"},  {"LEASES", "LeaseCount"},           {"AT MOST", "LeasesMax"},
        {"SILENT MS", "SilentMs"}, {"TIMEOUT MS", "SessionTimeoutMs"}, {0}};
    static const struct column leases[] = {{"SHARD", "ShardId"},
                                           {"MEMBER", "MemberName"},
                                           {"EPOCH", "LeaseEpoch"},
                                           {"BEHIND MS", "BehindMs"},
                                           {"CHECKPOINT", "Checkpoint.SequenceNumber"},
                                           {0}};
    table_print(members, json_at(group, "Members"), stdout);
    fputc('\n', stdout);
    table_print(leases, json_at(group, "Leases"), stdout);
}

int group_run(struct invocation *words)
{
    struct steps s;
    if (!begin(&s, words))
        return end(&s);
    ask_set_stream(s.request, words->arguments[0]);
    json_object_set_new(s.request, "GroupName", json_string(words->arguments[1]));
    json_t *group = describe_group(&s);
    if (group == NULL)
        return end(&s);
    json_t *leases = json_at(group, "Leases");
    for (size_t i = 0; i < json_array_size(leases); i++)
        json_object_set_new(json_array_get(leases, i), "BehindMs",
                            lag_of(&s, json_array_get(leases, i)));
    if (invocation_has(words, "json"))
        json_print(group, stdout);
    else
        show_group(group);
    json_decref(group);
    return end(&s);
}
