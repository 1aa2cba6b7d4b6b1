/* bench.c: sluice bench: the load generator that everyone can run, on the SDK alone.
 *
 *   put      PutRecord calls: how many, and how long from when each was due to its answer
 *   read     GetRecords from the oldest record on, shard after shard
 *   latency  puts at a rate, read by one subscription a shard: from when a put was due to the event that brings it
 *   fanout   the same with several registered consumers, each of which gets all
 *
 * I1. The consumers that it registers (sluice-bench-1, ...) are deregistered before it ends, Ctrl-C or not.
 *
 * Thread: main. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/load.h"

#include <sluice/kinesis.h>

#include <poll.h>
#include <string.h>

/* Subscriptions a bench has at most, and how long it waits for a consumer to become active, and for the last records. */
enum { SUBSCRIPTIONS_MAX = 1000, LOOK_MS = 100, LOOKS_MAX = 300, LAST_US = 5000000, TURN_MS = 100 };

/* ---- put ---- */

static int end_load(struct load *l, const char *what)
{
    double seconds = (double)(clock_mono_us(&clock_system) - l->begin_us) / 1e6;
    load_report(l->words, what, l->stored, l->record.len, l->failed, seconds, &l->latency);
    return l->failed ? (int)session_failed(l->words, &l->error) : CLI_DONE;
}

int bench_put_run(struct invocation *words)
{
    static struct load load;
    sluice_client *client;
    enum cli_exit done = session_open(words, &client);
    if (done != CLI_DONE)
        return (int)done;
    session_interruptible(client);
    done = load_init(&load, words, client);
    if (done == CLI_DONE) {
        load_begin(&load);
        while (load_step(&load)) {
        }
        done = (enum cli_exit)end_load(&load, "put");
    }
    session_forget();
    load_fini(&load);
    sluice_client_free(client);
    return (int)done;
}

/* ---- read ---- */

struct reading {
    struct invocation *words;
    sluice_client *client;
    uint64_t end_us, records, bytes;
    struct histogram latency;
};

static bool time_is_over(const struct reading *r)
{
    return session_interrupted() || clock_mono_us(&clock_system) >= r->end_us;
}

/* From its oldest record to its tip. */
static enum cli_exit read_shard(struct reading *r, struct sluice_bytes shard)
{
    const struct sluice_kinesis_get_shard_iterator_input where = {
        .stream_name = sluice_text(r->words->arguments[0]),
        .shard_id = shard,
        .shard_iterator_type = sluice_text("TRIM_HORIZON")};
    const struct sluice_kinesis_get_shard_iterator_output *from;
    struct sluice_error error = {0};
    sluice_reply *kept, *reply;
    if (sluice_kinesis_get_shard_iterator(r->client, &where, &kept, &from, &error) != SLUICE_OK)
        return session_failed(r->words, &error);
    struct sluice_kinesis_get_records_input in = {.shard_iterator = from->shard_iterator};
    bool at_tip = false;
    enum cli_exit done = CLI_DONE;
    while (!at_tip && in.shard_iterator.at && !time_is_over(r)) {
        const struct sluice_kinesis_get_records_output *out;
        uint64_t begin = clock_mono_us(&clock_system);
        if (sluice_kinesis_get_records(r->client, &in, &reply, &out, &error) != SLUICE_OK) {
            done = session_failed(r->words, &error);
            break;
        }
        histogram_add(&r->latency, clock_mono_us(&clock_system) - begin);
        r->records += out->records.count;
        for (uint32_t i = 0; i < out->records.count; i++)
            r->bytes += out->records.at[i].data.len;
        at_tip = out->millis_behind_latest.value == 0;
        in.shard_iterator = out->next_shard_iterator;
        sluice_reply_free(kept);
        kept = reply;
    }
    sluice_reply_free(kept);
    return done;
}

/* The shards that are open; *reply is the caller's. */
static enum cli_exit list_open(struct invocation *words, sluice_client *client,
                               sluice_reply **reply,
                               const struct sluice_kinesis_list_shards_output **out)
{
    struct sluice_error error = {0};
    const struct sluice_kinesis_shard_filter open = {.type = sluice_text("AT_LATEST")};
    const struct sluice_kinesis_list_shards_input in = {
        .stream_name = sluice_text(words->arguments[0]), .shard_filter = &open};
    if (sluice_kinesis_list_shards(client, &in, reply, out, &error) == SLUICE_OK)
        return CLI_DONE;
    return session_failed(words, &error);
}

int bench_read_run(struct invocation *words)
{
    static struct reading r;
    struct sluice_client_options options;
    struct sluice_error error = {0};
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *shards;
    r = (struct reading){.words = words};
    enum cli_exit done = session_options(words, &options);
    if (done != CLI_DONE)
        return (int)done;
    options.codec = SLUICE_CBOR;
    if (sluice_client_new(&options, &r.client, &error) != SLUICE_OK)
        return (int)session_failed(words, &error);
    session_interruptible(r.client);
    done = list_open(words, r.client, &reply, &shards);
    if (done == CLI_DONE) {
        uint64_t begin = clock_mono_us(&clock_system);
        r.end_us = begin + invocation_number(words, "seconds", 10) * 1000000;
        for (uint32_t i = 0; i < shards->shards.count && done == CLI_DONE && !time_is_over(&r); i++)
            done = read_shard(&r, shards->shards.at[i].shard_id);
        double seconds = (double)(clock_mono_us(&clock_system) - begin) / 1e6;
        load_report(words, "read", r.records, r.records ? r.bytes / r.records : 0, 0, seconds,
                    &r.latency);
        sluice_reply_free(reply);
    }
    session_forget();
    sluice_client_free(r.client);
    return (int)done;
}

/* ---- latency and fanout ---- */

struct push {
    struct invocation *words;
    sluice_client *client;
    json_t *arn;           /* {"StreamARN": ...} */
    json_t *consumers;     /* a list of {"ConsumerARN": ...} */
    unsigned open, silent; /* subscriptions; those without an event so far */
    uint64_t records, wanted;
    struct sluice_error error; /* why one ended */
    struct histogram latency;
    struct listener {
        struct push *push;
        bool heard;
    } listeners[SUBSCRIPTIONS_MAX];
};

static void got_event(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event)
{
    struct listener *listener = context;
    struct push *p = listener->push;
    uint64_t now = clock_mono_us(&clock_system), due;
    p->silent -= !listener->heard;
    listener->heard = true;
    for (uint32_t i = 0; i < event->records.count; i++) {
        struct sluice_bytes data = event->records.at[i].data;
        if (data.len < LOAD_STAMP_BYTES ||
            !bytes_to_u64(bytes_of(data.at, LOAD_STAMP_BYTES), &due) || due > now)
            continue; /* somebody else's */
        p->records++;
        histogram_add(&p->latency, now - due);
    }
}

static void subscription_ended(void *context, const struct sluice_error *error)
{
    struct listener *listener = context;
    listener->push->open--;
    if (error->status != SLUICE_END && error->status != SLUICE_CANCELLED)
        listener->push->error = *error;
}

static enum cli_exit register_consumer(struct push *p, unsigned number)
{
    char name[40];
    json_t *answer = NULL, *consumer;
    snprintf(name, sizeof(name), "sluice-bench-%u", number);
    json_t *request = json_copy(p->arn);
    json_object_set_new(request, "ConsumerName", json_string(name));
    enum cli_exit done =
        ask_once(p->words, p->client, &sluice_kinesis_register_stream_consumer_operation, request,
                 &answer, NULL);
    json_decref(request);
    if (done != CLI_DONE)
        return done;
    consumer = json_pack("{s:O}", "ConsumerARN", json_at(answer, "Consumer.ConsumerARN"));
    json_array_append_new(p->consumers, consumer);
    json_decref(answer);
    for (int look = 0; look < LOOKS_MAX && !session_interrupted(); look++) {
        done = ask_once(p->words, p->client, &sluice_kinesis_describe_stream_consumer_operation,
                        consumer, &answer, NULL);
        const char *status =
            json_string_value(json_at(answer, "ConsumerDescription.ConsumerStatus"));
        bool active = status && strcmp(status, "ACTIVE") == 0;
        json_decref(answer);
        if (done != CLI_DONE || active)
            return done;
        poll(NULL, 0, LOOK_MS);
    }
    return session_say(p->words, CLI_FAILED, "the consumer %s does not become active", name);
}

static enum cli_exit subscribe_all(struct push *p, const struct sluice_kinesis_shard_list *shards)
{
    static const struct sluice_subscription_events events = {got_event, subscription_ended};
    const struct sluice_kinesis_starting_position latest = {.type = sluice_text("LATEST")};
    for (size_t c = 0; c < json_array_size(p->consumers); c++) {
        const char *arn =
            json_string_value(json_at(json_array_get(p->consumers, c), "ConsumerARN"));
        for (uint32_t i = 0; i < shards->count; i++) {
            struct sluice_error error = {0};
            sluice_subscription *subscription;
            const struct sluice_kinesis_subscribe_to_shard_input in = {
                .consumer_arn = sluice_text(arn),
                .shard_id = shards->at[i].shard_id,
                .starting_position = &latest};
            if (p->open == SUBSCRIPTIONS_MAX)
                return session_say(p->words, CLI_FAILED, "more than %d subscriptions",
                                   SUBSCRIPTIONS_MAX);
            struct listener *listener = &p->listeners[p->open];
            *listener = (struct listener){.push = p};
            if (sluice_subscribe(p->client, &in, sizeof(in), &events, listener, &subscription,
                                 &error) != SLUICE_OK)
                return session_failed(p->words, &error);
            p->open++;
            p->silent++;
        }
    }
    return CLI_DONE;
}

/* Turns the client until `enough` says so, a subscription ends, or the time does. false: a subscription ended. */
static bool turn_until(struct push *p, bool (*enough)(const struct push *), uint64_t end_us)
{
    unsigned all = p->open;
    while (!enough(p) && p->open == all && !session_interrupted() &&
           clock_mono_us(&clock_system) < end_us)
        (void)!sluice_client_turn(p->client, TURN_MS);
    return p->open == all;
}

static bool all_heard(const struct push *p)
{
    return p->silent == 0;
}

static bool all_came(const struct push *p)
{
    return p->records >= p->wanted;
}

/* Puts begin when each subscription has had its first event; afterwards the last records have a moment to come. */
static enum cli_exit drive(struct push *p, struct load *load)
{
    unsigned all = p->open;
    if (!turn_until(p, all_heard, UINT64_MAX))
        return session_failed(p->words, &p->error);
    load_begin(load);
    while (load_step(load) && p->open == all) {
    }
    p->wanted = load->stored * json_array_size(p->consumers);
    if (p->open < all || !turn_until(p, all_came, clock_mono_us(&clock_system) + LAST_US))
        return session_failed(p->words, &p->error);
    double seconds = (double)(clock_mono_us(&clock_system) - load->begin_us) / 1e6;
    uint64_t missing = p->wanted > p->records ? p->wanted - p->records : 0;
    enum cli_exit done = (enum cli_exit)end_load(load, "put");
    load_report(p->words, p->words->command->name, p->records, load->record.len, missing, seconds,
                &p->latency);
    return done == CLI_DONE && missing > 0 && !session_interrupted() ? CLI_PARTLY : done;
}

/* I1 */
static void deregister_all(struct push *p)
{
    for (size_t c = 0; c < json_array_size(p->consumers); c++) {
        json_t *answer = NULL;
        ask_once(p->words, p->client, &sluice_kinesis_deregister_stream_consumer_operation,
                 json_array_get(p->consumers, c), &answer, NULL);
        json_decref(answer);
    }
}

static enum cli_exit set_up(struct push *p)
{
    uint64_t consumers = invocation_number(p->words, "consumers", 1);
    enum cli_exit done = ask_set_arn(p->words, p->client, p->arn, p->words->arguments[0]);
    for (unsigned i = 1; i <= consumers && done == CLI_DONE; i++)
        done = register_consumer(p, i);
    if (done != CLI_DONE)
        return done;
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *shards;
    done = list_open(p->words, p->client, &reply, &shards);
    if (done != CLI_DONE)
        return done;
    done = subscribe_all(p, &shards->shards);
    sluice_reply_free(reply);
    return done;
}

int bench_push_run(struct invocation *words)
{
    static struct push p;
    static struct load load;
    p = (struct push){.words = words, .arn = json_object(), .consumers = json_array()};
    enum cli_exit done = session_open(words, &p.client);
    if (done == CLI_DONE) {
        session_interruptible(p.client);
        done = load_init(&load, words, p.client);
        if (load.rate == 0)
            load.rate = 100;
        if (done == CLI_DONE)
            done = set_up(&p);
        if (done == CLI_DONE)
            done = drive(&p, &load);
        deregister_all(&p);
        session_forget();
        sluice_client_free(p.client);
        load_fini(&load);
    }
    json_decref(p.arn);
    json_decref(p.consumers);
    return (int)done;
}
