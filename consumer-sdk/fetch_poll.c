/* fetch_poll.c: GetRecords, as often as it is worth.
 *
 *   IDLE      fetch_step, no iterator                LOCATES
 *   LOCATES   GetShardIterator answered              IDLE, with an iterator
 *   IDLE      fetch_step, due and wanted             READS
 *   READS     GetRecords answered                    IDLE, with the next iterator; OVER at the shard's end
 *   any       an error that does not pass            OVER
 *
 * While there is more, the next call goes out at once; at the tip, after poll_ms. AWS allows five calls a second and shard, to all who
 * read it: spacing_ms keeps the calls of one fetch apart. Where it is 0, a throttle sets it, since then somebody counts.
 *
 * F2. An iterator that is of no use any more is replaced from the place after the last record handed over.
 *
 * Thread: the worker's. */
#include "consumer-sdk/fetch_poll.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/fetch_error.h"
#include "consumer-sdk/progress.h"

#include <stdio.h>

enum { ITERATOR_BYTES = 2048, RETRY_FIRST_MS = 100, RETRY_MOST_MS = 2000, POLITE_MS = 200 };
/* At the tip of a shard that is written to, an answer holds little: this lets it become more. */
enum { GATHER_MS = 10 };

/* What an answer is asked to hold where calls cost nothing: it passes through the processor's caches, which ten times as much does not
 * (measured: 40 % more records/s). */
enum { ANSWER_BYTES = 1024 * 1024, LIMIT_LEAST = 100 };

enum poll_state { POLL_IDLE, POLL_LOCATES, POLL_READS, POLL_OVER };

struct fetch_poll {
    struct fetch fetch;
    const struct fetch_setting *setting; /* the worker's: not to be touched when closed */
    struct sluice_call_handle *call;
    enum poll_state state;
    bool closed, told;
    uint64_t due_us, called_us;
    unsigned spacing_ms;
    unsigned limit; /* records to ask for */
    struct backoff backoff;
    char shard_id[SLUICE_SHARD_ID_BYTES];
    char iterator[ITERATOR_BYTES]; /* "": none */
};

static struct fetch_poll *poll_of(struct fetch *f)
{
    return LIST_OWNER(f, struct fetch_poll, fetch);
}

static uint64_t now_us(const struct fetch_poll *p)
{
    return clock_mono_us(p->setting->clock);
}

/* No call before `ms` from now, nor before the spacing is over. */
static void wait_ms(struct fetch_poll *p, uint64_t ms)
{
    uint64_t due = now_us(p) + ms * 1000, spaced = p->called_us + p->spacing_ms * 1000ull;
    p->due_us = due > spaced ? due : spaced;
}

/* ---- errors ---- */

static void over(struct fetch_poll *p, enum fetch_trouble trouble, const struct sluice_error *error)
{
    p->state = POLL_OVER;
    p->fetch.sink->failed(&p->fetch, trouble, error);
}

/* Told once, until something works again. */
static void tell(struct fetch_poll *p, const struct sluice_error *error)
{
    char text[700];
    if (p->told)
        return;
    p->told = true;
    snprintf(text, sizeof(text), "reading is tried again: %s %s", error->type, error->message);
    p->fetch.sink->notice(&p->fetch, text);
}

static void not_found(struct fetch_poll *p, const struct sluice_error *error)
{
    /* "Shard x in stream y under account z does not exist", or "Stream y under account z not found." */
    bool shard = strncmp(error->message, "Shard ", 6) == 0;
    over(p, shard ? FETCH_GONE : FETCH_HOPELESS, error);
}

static void failed(struct fetch_poll *p, const struct sluice_error *error)
{
    switch (fetch_verdict_of(error)) {
    case FETCH_THROTTLED:
        if (p->spacing_ms < POLITE_MS)
            p->spacing_ms = POLITE_MS;
        break;
    case FETCH_EXPIRED:
        p->iterator[0] = 0;
        if (p->backoff.attempt == 0) { /* the first time: at once */
            p->backoff.attempt++;
            wait_ms(p, 0);
            return;
        }
        break;
    case FETCH_FUTURE:
        p->fetch.from = (struct fetch_from){.place = FETCH_LATEST};
        wait_ms(p, 0);
        return;
    case FETCH_NOT_FOUND:
        not_found(p, error);
        return;
    case FETCH_REFUSED:
        over(p, FETCH_HOPELESS, error);
        return;
    case FETCH_AGAIN:
    case FETCH_BUSY:
        break;
    }
    tell(p, error);
    wait_ms(p, backoff_next_ms(&p->backoff, p->setting->random));
}

/* ---- answers ---- */

/* Whether somebody still listens. */
static bool answered(struct fetch_poll *p, sluice_reply *reply)
{
    p->call = NULL;
    if (!p->closed) {
        p->state = POLL_IDLE;
        return true;
    }
    sluice_reply_free(reply);
    mem_free(p);
    return false;
}

static bool keep_iterator(struct fetch_poll *p, struct sluice_bytes text)
{
    if (text.len == 0 || text.len >= sizeof(p->iterator))
        return false;
    memcpy(p->iterator, text.at, text.len);
    p->iterator[text.len] = 0;
    return true;
}

static void located(void *context, const void *output, sluice_reply *reply,
                    const struct sluice_error *error)
{
    struct fetch_poll *p = context;
    const struct sluice_kinesis_get_shard_iterator_output *out = output;
    if (!answered(p, reply))
        return;
    if (!out) {
        failed(p, error);
    } else if (!keep_iterator(p, out->shard_iterator)) {
        struct sluice_error odd;
        error_set(&odd, SLUICE_PROTOCOL, "GetShardIterator gave no iterator");
        failed(p, &odd);
    }
    sluice_reply_free(reply);
}

static void free_reply(void *reply)
{
    sluice_reply_free(reply);
}

/* The records go to the sink, with the reply that they live in. false: no memory; then nothing happened. */
static bool hand_over(struct fetch_poll *p, const struct sluice_kinesis_get_records_output *out,
                      sluice_reply *reply)
{
    uint32_t count = out->records.count;
    struct fetched *b =
        fetched_new(out->records.at, count, out->millis_behind_latest.value, reply, free_reply);
    if (!b)
        return false;
    if (count > 0) /* what is no number, fetched_open will complain of */
        (void)fetch_after(&p->fetch.from, out->records.at[count - 1].sequence_number);
    p->fetch.sink->batch(&p->fetch, b);
    return true;
}

/* By the size of the records of this answer. */
static void set_limit(struct fetch_poll *p, const struct sluice_kinesis_record_list *records)
{
    uint64_t bytes = 0;
    p->limit = p->setting->records_max;
    for (uint32_t i = 0; i < records->count; i++)
        bytes += records->at[i].data.len;
    if (p->spacing_ms > 0 || bytes == 0)
        return;
    uint64_t fit = (uint64_t)ANSWER_BYTES * records->count / bytes;
    if (fit < LIMIT_LEAST)
        fit = LIMIT_LEAST;
    if (fit < p->limit)
        p->limit = (unsigned)fit;
}

static void pace(struct fetch_poll *p, uint32_t count, int64_t behind_ms)
{
    if (behind_ms > 0)
        wait_ms(p, 0);
    else if (count > 0)
        wait_ms(p, p->setting->poll_ms < GATHER_MS ? p->setting->poll_ms : GATHER_MS);
    else
        wait_ms(p, p->setting->poll_ms);
}

static void read_done(void *context, const void *output, sluice_reply *reply,
                      const struct sluice_error *error)
{
    struct fetch_poll *p = context;
    const struct sluice_kinesis_get_records_output *out = output;
    if (!answered(p, reply))
        return;
    if (!out) {
        failed(p, error);
        return;
    }
    uint32_t count = out->records.count;
    int64_t behind_ms = out->millis_behind_latest.value;
    set_limit(p, &out->records);
    bool more = keep_iterator(p, out->next_shard_iterator);
    if (!more)
        p->iterator[0] = 0;
    if (!hand_over(p, out, reply)) {
        sluice_reply_free(reply);
        struct sluice_error none;
        error_set(&none, SLUICE_NO_MEMORY, "no memory for a batch");
        p->iterator[0] = 0; /* read again from the last place */
        failed(p, &none);
        return;
    }
    backoff_reset(&p->backoff);
    p->told = false;
    if (more) {
        pace(p, count, behind_ms);
        return;
    }
    p->state = POLL_OVER;
    p->fetch.sink->ended(&p->fetch);
}

/* ---- calls ---- */

static void call(struct fetch_poll *p, enum poll_state state,
                 const struct sluice_operation *operation, const void *input, size_t input_size,
                 sluice_completion *done)
{
    struct sluice_error error;
    p->called_us = now_us(p);
    p->state = state;
    enum sluice_status st = sluice_start(p->setting->client, operation, input, input_size, NULL,
                                         done, p, &p->call, &error);
    if (st == SLUICE_OK)
        return;
    p->call = NULL;
    p->state = POLL_IDLE;
    failed(p, &error);
}

static void locate(struct fetch_poll *p)
{
    struct sluice_kinesis_starting_position at;
    fetch_position(&p->fetch.from, &at);
    const struct sluice_kinesis_get_shard_iterator_input in = {
        .stream_arn = sluice_text(p->setting->stream_arn),
        .shard_id = sluice_text(p->shard_id),
        .shard_iterator_type = at.type,
        .starting_sequence_number = at.sequence_number,
        .timestamp = at.timestamp,
    };
    call(p, POLL_LOCATES, &sluice_kinesis_get_shard_iterator_operation, &in, sizeof(in), located);
}

static void read_records(struct fetch_poll *p)
{
    const struct sluice_kinesis_get_records_input in = {
        .shard_iterator = sluice_text(p->iterator),
        .limit = sluice_int(p->limit),
        .stream_arn = sluice_text(p->setting->stream_arn),
    };
    call(p, POLL_READS, &sluice_kinesis_get_records_operation, &in, sizeof(in), read_done);
}

static uint64_t step(struct fetch *f, uint64_t now)
{
    struct fetch_poll *p = poll_of(f);
    if (p->state != POLL_IDLE)
        return UINT64_MAX;
    if (now < p->due_us)
        return p->due_us;
    if (p->iterator[0] == 0)
        locate(p);
    else if (f->wanted)
        read_records(p);
    return p->state == POLL_IDLE && f->wanted ? p->due_us : UINT64_MAX;
}

static void close_poll(struct fetch *f)
{
    struct fetch_poll *p = poll_of(f);
    p->closed = true;
    if (p->call)
        sluice_call_cancel(p->call); /* its completion frees it */
    else
        mem_free(p);
}

struct fetch *fetch_poll_open(const struct fetch_setting *setting, const char *shard_id,
                              const struct fetch_from *from)
{
    static const struct fetch_ops ops = {step, close_poll};
    struct fetch_poll *p = mem_try(sizeof(*p));
    if (!p)
        return NULL;
    *p = (struct fetch_poll){
        .fetch = {.ops = &ops, .from = *from},
        .setting = setting,
        .spacing_ms = setting->spacing_ms,
        .limit = setting->records_max,
        .backoff = {.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS},
    };
    snprintf(p->shard_id, sizeof(p->shard_id), "%s", shard_id);
    return &p->fetch;
}
