/* read.c: get and tail: a stream's records, by GetRecords, all calls of a client in one loop.
 *
 *   shard: NEW -> LOCATING (GetShardIterator) -> READING (GetRecords) -> RESTING -> READING ... -> OVER
 *
 * get reads one shard after the other, in ListShards' order (parents before children), each to its tip. tail reads all at once, and
 * takes on the children of shards that end.
 *
 * I1. get ends a shard when an answer says that it is at the tip, or that the shard is over.
 * I2. A call that failed for a while (throttles, a server that restarts) is made again by tail, from the same iterator; get fails.
 * I3. Aggregated records are shown as those that were put, each of which counts for --max; with --keep-aggregated, as they are stored.
 *
 * Thread: main. */
#include "cli/commands.h"
#include "cli/position.h"
#include "cli/session.h"
#include "cli/shown.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

#include <sluice/consumer.h>
#include <sluice/kinesis.h>

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* AWS allows five reads a second and shard. */
enum { REST_MS = 200, AFTER_FAILURE_MS = 1000, SHARDS_MAX = 20000, ID_BYTES = 129, TURN_MS = 200 };

enum state { NEW, LOCATING, READING, RESTING, OVER };

struct reader;

struct shard {
    struct reader *reader;
    char id[ID_BYTES];
    bool from_its_beginning; /* a child that came up while tailing */
    enum state state;
    uint64_t due_us;              /* RESTING */
    sluice_reply *reply;          /* the iterator lies in it */
    struct sluice_bytes iterator; /* absent: to be located */
};

struct reader {
    struct invocation *words;
    sluice_client *client;
    struct position from;
    struct shard **shards;
    size_t count, current; /* current: the one that get is at */
    bool tails, json, keeps_aggregated, ended;
    uint64_t left; /* records until --max */
    enum cli_exit done;
};

/* ---- shards ---- */

static bool add_shard(struct reader *r, struct sluice_bytes id, bool from_its_beginning)
{
    for (size_t i = 0; i < r->count; i++) {
        if (bytes_equal(bytes_text(r->shards[i]->id), bytes_of(id.at, id.len)))
            return true;
    }
    if (r->count == SHARDS_MAX || id.len >= ID_BYTES)
        return false;
    struct shard *s = MEM_NEW(struct shard);
    *s = (struct shard){.reader = r, .from_its_beginning = from_its_beginning};
    memcpy(s->id, id.at, id.len);
    r->shards[r->count++] = s;
    return true;
}

static struct sluice_bytes stream_name(const struct reader *r, bool arn)
{
    const char *stream = r->words->arguments[0];
    bool is_arn = strncmp(stream, "arn:", 4) == 0;
    return sluice_text(arn == is_arn ? stream : NULL);
}

/* All that there are; tail needs none that have ended before its beginning. */
static enum cli_exit list_shards(struct reader *r)
{
    const struct sluice_kinesis_shard_filter open = {
        .type = sluice_text(SLUICE_KINESIS_SHARD_FILTER_TYPE_AT_LATEST)};
    struct sluice_kinesis_list_shards_input in = {.stream_name = stream_name(r, false),
                                                  .stream_arn = stream_name(r, true)};
    if (strcmp(r->from.type, "LATEST") == 0)
        in.shard_filter = &open;
    sluice_reply *before = NULL;
    for (bool more = true; more;) {
        struct sluice_error error = {0};
        sluice_reply *reply;
        const struct sluice_kinesis_list_shards_output *out;
        enum sluice_status st = sluice_kinesis_list_shards(r->client, &in, &reply, &out, &error);
        sluice_reply_free(before);
        if (st != SLUICE_OK)
            return session_failed(r->words, &error);
        for (uint32_t i = 0; i < out->shards.count; i++) {
            if (!add_shard(r, out->shards.at[i].shard_id, false))
                return session_say(r->words, CLI_FAILED, "too many shards");
        }
        more = out->next_token.at != NULL;
        in = (struct sluice_kinesis_list_shards_input){.next_token = out->next_token};
        before = reply;
    }
    sluice_reply_free(before);
    return CLI_DONE;
}

/* ---- a shard's life ---- */

static void rest(struct shard *s, unsigned ms)
{
    s->state = RESTING;
    s->due_us = clock_mono_us(&clock_system) + ms * 1000ull;
}

static void failed(struct shard *s, const struct sluice_error *error)
{
    struct reader *r = s->reader;
    if (error->status == SLUICE_CANCELLED) {
        s->state = OVER;
        return;
    }
    enum cli_exit means = session_failed(r->words, error);
    if (r->tails && error->retryable) { /* I2 */
        rest(s, AFTER_FAILURE_MS);
        return;
    }
    r->done = means;
    r->ended = true;
    s->state = OVER;
}

static void keep(struct shard *s, sluice_reply *reply, struct sluice_bytes iterator)
{
    sluice_reply_free(s->reply);
    s->reply = reply;
    s->iterator = iterator;
}

static void located(void *context, const void *output, sluice_reply *reply,
                    const struct sluice_error *error)
{
    struct shard *s = context;
    const struct sluice_kinesis_get_shard_iterator_output *out = output;
    if (error->status != SLUICE_OK) {
        failed(s, error);
        return;
    }
    keep(s, reply, out->shard_iterator);
    rest(s, 0);
}

static void print(struct reader *r, const struct shard *s, const struct sluice_received *record)
{
    bool fine = r->json ? shown_json(stdout, s->id, record) : shown_raw(stdout, record);
    if (!fine || (r->left != 0 && --r->left == 0))
        r->ended = true;
}

static void print_as_stored(struct reader *r, const struct shard *s,
                            const struct sluice_kinesis_record *stored)
{
    char sequence[SLUICE_SEQUENCE_BYTES];
    snprintf(sequence, sizeof(sequence), "%.*s", (int)stored->sequence_number.len,
             (const char *)stored->sequence_number.at);
    const struct sluice_received record = {.data = stored->data,
                                           .partition_key = stored->partition_key,
                                           .sequence_number = sequence,
                                           .arrived_ms =
                                               stored->approximate_arrival_timestamp.value};
    print(r, s, &record);
}

/* I3 */
static void print_as_put(struct reader *r, const struct shard *s,
                         const struct sluice_kinesis_record_list *stored)
{
    struct sluice_error error;
    sluice_unpacked *unpacked;
    size_t count;
    if (sluice_unpack(stored->at, stored->count, &unpacked, &error) != SLUICE_OK) {
        r->done = session_failed(r->words, &error);
        r->ended = true;
        return;
    }
    const struct sluice_received *records = sluice_unpacked_records(unpacked, &count);
    for (size_t i = 0; i < count && !r->ended; i++)
        print(r, s, &records[i]);
    sluice_unpacked_free(unpacked);
}

static void print_all(struct reader *r, const struct shard *s,
                      const struct sluice_kinesis_record_list *stored)
{
    if (!r->keeps_aggregated)
        print_as_put(r, s, stored);
    for (uint32_t i = 0; r->keeps_aggregated && i < stored->count && !r->ended; i++)
        print_as_stored(r, s, &stored->at[i]);
    if (r->tails && stored->count > 0 && fflush(stdout) != 0)
        r->ended = true;
}

static void got_records(void *context, const void *output, sluice_reply *reply,
                        const struct sluice_error *error)
{
    struct shard *s = context;
    struct reader *r = s->reader;
    const struct sluice_kinesis_get_records_output *out = output;
    if (error->status != SLUICE_OK) {
        failed(s, error);
        return;
    }
    print_all(r, s, &out->records);
    for (uint32_t i = 0; r->tails && i < out->child_shards.count; i++)
        (void)!add_shard(r, out->child_shards.at[i].shard_id, true);
    bool at_tip = out->millis_behind_latest.present && out->millis_behind_latest.value == 0;
    keep(s, reply, out->next_shard_iterator);
    if (s->iterator.at == NULL || (!r->tails && at_tip)) /* I1 */
        s->state = OVER;
    else
        rest(s, at_tip ? REST_MS : 0);
}

static enum sluice_status locate(struct shard *s, struct sluice_error *error)
{
    struct reader *r = s->reader;
    struct sluice_kinesis_get_shard_iterator_input in = {
        .stream_name = stream_name(r, false),
        .stream_arn = stream_name(r, true),
        .shard_id = sluice_text(s->id),
        .shard_iterator_type = sluice_text(s->from_its_beginning ? "TRIM_HORIZON" : r->from.type)};
    if (!s->from_its_beginning && r->from.sequence)
        in.starting_sequence_number = sluice_text(r->from.sequence);
    else if (!s->from_its_beginning && strcmp(r->from.type, "AT_TIMESTAMP") == 0)
        in.timestamp = sluice_int(r->from.at_ms);
    s->state = LOCATING;
    return sluice_kinesis_get_shard_iterator_start(r->client, &in, NULL, located, s, NULL, error);
}

static void step(struct shard *s, uint64_t now_us)
{
    struct sluice_error error = {0};
    enum sluice_status st = SLUICE_OK;
    if (s->state == NEW || (s->state == RESTING && s->iterator.at == NULL && s->due_us <= now_us))
        st = locate(s, &error);
    else if (s->state == RESTING && s->due_us <= now_us) {
        struct sluice_kinesis_get_records_input in = {.shard_iterator = s->iterator};
        if (s->reader->left != 0 && s->reader->left < 10000)
            in.limit = sluice_int((int64_t)s->reader->left);
        s->state = READING;
        st = sluice_kinesis_get_records_start(s->reader->client, &in, NULL, got_records, s, NULL,
                                              &error);
    }
    if (st != SLUICE_OK)
        failed(s, &error);
}

/* ---- the loop ---- */

/* Whether anybody is left; *wait_ms: until the next is due. */
static bool step_all(struct reader *r, int *wait_ms)
{
    uint64_t now = clock_mono_us(&clock_system);
    bool left = false;
    *wait_ms = TURN_MS;
    while (!r->tails && r->current < r->count && r->shards[r->current]->state == OVER)
        r->current++;
    size_t begin = r->tails ? 0 : r->current, end = r->tails ? r->count : r->current + 1;
    for (size_t i = begin; i < end && i < r->count; i++) {
        struct shard *s = r->shards[i];
        if (s->state == OVER)
            continue;
        left = true;
        step(s, now);
        if (s->state == RESTING && s->due_us < now + (uint64_t)*wait_ms * 1000)
            *wait_ms = s->due_us > now ? (int)((s->due_us - now + 999) / 1000) : 0;
    }
    return left;
}

/* Whoever read our output is gone. */
static bool reader_is_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

static void run(struct reader *r)
{
    int wait_ms;
    while (!r->ended && !session_interrupted() && step_all(r, &wait_ms) && !reader_is_gone()) {
        if (sluice_client_turn(r->client, wait_ms) != SLUICE_OK) {
            r->done = session_say(r->words, CLI_FAILED, "the client's loop failed");
            return;
        }
    }
}

static enum cli_exit set_up(struct reader *r)
{
    const char *from = invocation_text(r->words, "from"),
               *shard = invocation_text(r->words, "shard");
    from = from ? from : r->tails ? "latest" : "trim_horizon";
    if (!position_parse(from, &r->from))
        return session_say(
            r->words, CLI_MISUSED,
            "--from takes trim_horizon, latest, a time or a sequence number, not %.80s", from);
    if (r->from.sequence && shard == NULL)
        return session_say(r->words, CLI_MISUSED, "--from with a sequence number needs --shard");
    if (shard && strlen(shard) >= ID_BYTES)
        return session_say(r->words, CLI_MISUSED, "--shard is longer than any shard's id");
    struct sluice_client_options options;
    struct sluice_error error = {0};
    enum cli_exit done = session_options(r->words, &options);
    if (done != CLI_DONE)
        return done;
    if (sluice_client_new(&options, &r->client, &error) != SLUICE_OK)
        return session_failed(r->words, &error);
    session_interruptible(r->client);
    r->shards = mem_must(SHARDS_MAX * sizeof(struct shard *));
    if (shard == NULL)
        return list_shards(r);
    (void)!add_shard(r, sluice_text(shard), false);
    return CLI_DONE;
}

int read_run(struct invocation *words)
{
    struct reader r = {.words = words,
                       .tails = strcmp(words->command->name, "tail") == 0,
                       .json = invocation_has(words, "json"),
                       .keeps_aggregated = invocation_has(words, "keep-aggregated"),
                       .left = invocation_number(words, "max", 0)};
    r.done = set_up(&r);
    if (r.done == CLI_DONE)
        run(&r);
    r.ended = true;
    session_forget();
    sluice_client_free(r.client);
    for (size_t i = 0; i < r.count; i++) {
        sluice_reply_free(r.shards[i]->reply);
        mem_free(r.shards[i]);
    }
    mem_free(r.shards);
    return (int)r.done;
}
