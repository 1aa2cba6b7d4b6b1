/* shard_reader.c: one shard's way through the states of the header, on the worker's thread.
 *
 * What comes from outside (a batch, an end, a failure) is only noted; whatever follows from it happens in shard_reader_step. So a call that
 * waits in the middle of a callback, and turns the client meanwhile, never begins another callback.
 *
 * W2. Batches are handed out in the order in which the fetch gave them, one at a time.
 * W4. The fetch is told to pause when batches_max wait.
 * W5. A fetch that does not get further for stuck_ms, and is not at the tip, is closed, and another opened where it was.
 *
 * Left to others: what runs in the callbacks (shard_callback.c), who has which lease (worker_leases.c).
 * Thread: the worker's. */
#include "consumer-sdk/shard_reader.h"

#include "base/mem.h"
#include "consumer-sdk/shard_callback.h"
#include "groups/checkpoint.h"

#include <stdio.h>

enum { OPEN_FIRST_MS = 100, HAND_FIRST_MS = 50, SAVE_FIRST_MS = 100, WAIT_MOST_MS = 5000 };
/* Tries of the last checkpoint: some 20 s, or 1 s of a worker that stops; then another goes on from the one before. */
enum { SAVES_MAX = 12, STOPPING_SAVES_MAX = 4 };

static void note(struct sluice_shard *s, const char *text)
{
    s->host->ops->notice(s->host, s->lease.shard_id, text);
}

/* ---- what the fetch says ---- */

static void on_batch(struct fetch *f, struct fetched *b)
{
    struct sluice_shard *s = f->owner;
    if (b->stored_count > 0 || b->behind_ms == 0 || b->behind_ms < s->fetched_behind_ms)
        s->moved_us = clock_mono_us(s->host->clock);
    s->fetched_behind_ms = b->behind_ms;
    backoff_reset(&s->open_backoff);
    /* News of nothing is for a handler that has nothing else to do. */
    if (b->stored_count == 0 && (s->busy || s->ahead_count > 0)) {
        fetched_free(b);
        return;
    }
    list_append(&s->ahead, &b->node);
    s->ahead_count++;
}

static void on_ended(struct fetch *f)
{
    struct sluice_shard *s = f->owner;
    s->fetch_over = true;
    if (s->state == SHARD_BEGINS || s->state == SHARD_READS)
        s->drained = true;
}

static void on_failed(struct fetch *f, enum fetch_trouble trouble, const struct sluice_error *error)
{
    struct sluice_shard *s = f->owner;
    s->fetch_over = true;
    switch (trouble) {
    case FETCH_NO_PUSH:
        s->push_off = true;
        if (s->host->push_only) {
            s->host->ops->hopeless(s->host, error);
            return;
        }
        note(s, "push cannot be had: its records are polled");
        return;
    case FETCH_GONE:
        s->drained = true;
        note(s, "the shard is not there any more: what it had is past its retention");
        return;
    case FETCH_HOPELESS:
        s->host->ops->hopeless(s->host, error);
        return;
    }
}

static void on_notice(struct fetch *f, const char *text)
{
    struct sluice_shard *s = f->owner;
    note(s, text);
}

static const struct fetch_sink sink = {on_batch, on_ended, on_failed, on_notice};

/* ---- birth and death ---- */

static void first_place(struct sluice_shard *s)
{
    const struct sluice_checkpoint_at *at = &s->lease.checkpoint;
    if (at->sequence_number[0] == 0) {
        s->from = s->host->first;
        return;
    }
    if (strcmp(at->sequence_number, CHECKPOINT_HORIZON) == 0) {
        s->from = (struct fetch_from){.place = FETCH_HORIZON};
        return;
    }
    if (strcmp(at->sequence_number, CHECKPOINT_TIMESTAMP) == 0) {
        s->from =
            (struct fetch_from){.place = FETCH_TIME, .time_ms = (int64_t)at->sub_sequence_number};
        return;
    }
    /* AT, not AFTER: the rest of an aggregated record is still to be handled; fetched_open leaves out what was. */
    s->from = (struct fetch_from){.place = FETCH_AT};
    memcpy(s->from.sequence, at->sequence_number, sizeof(s->from.sequence));
}

static void submit(struct sluice_shard *s, void (*run)(struct callback_task *))
{
    s->busy = true;
    s->busy_us = clock_mono_us(s->host->clock);
    s->task.run = run;
    callback_pool_submit(s->host->pool, &s->task);
}

struct sluice_shard *shard_reader_new(struct shard_host *host, const struct sluice_lease *lease)
{
    struct sluice_shard *s = mem_try(sizeof(*s));
    if (!s)
        return NULL;
    uint64_t now = clock_mono_us(host->clock);
    *s = (struct sluice_shard){
        .host = host,
        .lease = *lease,
        .open_backoff = {.first_ms = OPEN_FIRST_MS, .most_ms = WAIT_MOST_MS},
        .hand_backoff = {.first_ms = HAND_FIRST_MS, .most_ms = WAIT_MOST_MS},
        .save_backoff = {.first_ms = SAVE_FIRST_MS, .most_ms = WAIT_MOST_MS},
        .moved_us = now,
        .saved_us = now,
    };
    list_init(&s->node);
    list_init(&s->ahead);
    progress_init(&s->progress, &lease->checkpoint);
    first_place(s);
    submit(s, shard_callback_begin);
    return s;
}

void shard_reader_is_child(struct sluice_shard *s, const struct fetched_range *range)
{
    s->is_child = true;
    s->range = *range;
}

static void drop_fetch(struct sluice_shard *s)
{
    if (s->fetch)
        s->from = s->fetch->from;
    fetch_close(s->fetch);
    s->fetch = NULL;
    s->fetch_over = false;
}

static void drop_ahead(struct sluice_shard *s)
{
    LIST_EACH(node, keep, &s->ahead)
    {
        list_remove(node);
        fetched_free(LIST_OWNER(node, struct fetched, node));
    }
    s->ahead_count = 0;
    if (!s->busy) {
        fetched_free(s->batch);
        s->batch = NULL;
    }
}

void shard_reader_free(struct sluice_shard *s)
{
    if (!s)
        return;
    s->busy = false;
    drop_fetch(s);
    drop_ahead(s);
    mem_free(s);
}

/* ---- saving checkpoints ---- */

static bool saves_by_itself(const struct sluice_shard *s)
{
    return s->host->checkpoint_every_ms > 0;
}

/* The last checkpoint that is due at the end: false when none is. */
static bool last_checkpoint(const struct sluice_shard *s, struct sluice_checkpoint_at *at)
{
    if (s->why == SLUICE_SHARD_LOST)
        return false;
    *at = s->progress.handled;
    bool handler_ends = s->host->handler.shard_end != NULL;
    if (s->why == SLUICE_SHARD_ENDED && (saves_by_itself(s) || !handler_ends))
        *at = (struct sluice_checkpoint_at){.sequence_number = SLUICE_SHARD_END};
    else if (!saves_by_itself(s))
        return false;
    return place_compare(at, &s->progress.saved) > 0;
}

static enum sluice_status save(struct sluice_shard *s, const struct sluice_checkpoint_at *at,
                               struct sluice_error *error)
{
    enum sluice_status st = s->host->ops->commit(s->host, &s->lease, at, error);
    if (st == SLUICE_OK)
        s->progress.saved = *at;
    else if (st == SLUICE_FENCED)
        shard_reader_leave(s, SLUICE_SHARD_LOST);
    return st;
}

static uint64_t later(const struct sluice_shard *s, uint64_t ms)
{
    return clock_mono_us(s->host->clock) + ms * 1000;
}

/* SHARD_SAVES: once a try, until it is saved, lost, or tried too often. */
static void save_last(struct sluice_shard *s)
{
    struct sluice_checkpoint_at at;
    struct sluice_error error;
    if (!last_checkpoint(s, &at) || save(s, &at, &error) == SLUICE_OK) {
        s->state = SHARD_OVER;
        return;
    }
    unsigned most = s->why == SLUICE_WORKER_STOPS ? STOPPING_SAVES_MAX : SAVES_MAX;
    if (s->why == SLUICE_SHARD_LOST || s->save_backoff.attempt >= most) {
        s->state = SHARD_OVER;
        note(s, "the last checkpoint could not be saved: some records will come again");
        return;
    }
    s->save_us = later(s, backoff_next_ms(&s->save_backoff, &s->host->random));
}

/* What happened while a step was under way lies after its now_us. */
static bool is_past(uint64_t since_us, uint64_t for_us, uint64_t now_us)
{
    return now_us > since_us && now_us - since_us >= for_us;
}

/* Between two callbacks. */
static void save_sometimes(struct sluice_shard *s, uint64_t now_us)
{
    uint64_t every_us = s->host->checkpoint_every_ms * 1000ull;
    if (!saves_by_itself(s) || !is_past(s->saved_us, every_us, now_us) || now_us < s->save_us ||
        place_compare(&s->progress.handled, &s->progress.saved) <= 0)
        return;
    struct sluice_error error;
    struct sluice_checkpoint_at at = s->progress.handled;
    if (save(s, &at, &error) == SLUICE_OK) {
        s->saved_us = now_us;
        backoff_reset(&s->save_backoff);
    } else {
        s->save_us = later(s, backoff_next_ms(&s->save_backoff, &s->host->random));
        note(s, error.message);
    }
}

/* ---- steps ---- */

void shard_reader_leave(struct sluice_shard *s, enum sluice_end why)
{
    if (why == SLUICE_SHARD_LOST)
        s->why = why;
    if (s->state >= SHARD_LEAVES)
        return;
    s->why = why;
    s->state = SHARD_LEAVES;
    s->leaving = true;
}

static uint64_t fetching(struct sluice_shard *s, uint64_t now_us)
{
    if (s->fetch_over)
        drop_fetch(s);
    if (s->drained)
        return UINT64_MAX;
    if (!s->fetch) {
        if (now_us < s->open_us)
            return s->open_us;
        s->fetch = s->host->ops->fetch_open(s->host, s->lease.shard_id, &s->from,
                                            s->host->push && !s->push_off);
        if (!s->fetch)
            return s->open_us = later(s, backoff_next_ms(&s->open_backoff, &s->host->random));
        s->fetch->sink = &sink;
        s->fetch->owner = s;
    }
    s->fetch->wanted = s->ahead_count < s->host->batches_max;
    if (!s->fetch->wanted)
        s->moved_us = now_us; /* it is the handler that is waited for */
    uint64_t next = fetch_step(s->fetch, now_us);
    return s->fetch_over ? now_us : next;
}

static void end(struct sluice_shard *s, enum sluice_end why)
{
    s->why = s->told = why;
    s->state = SHARD_ENDS;
    submit(s, shard_callback_end);
}

/* W5 */
static uint64_t watch(struct sluice_shard *s, uint64_t now_us)
{
    uint64_t stuck_us = s->host->stuck_ms * 1000ull;
    char text[160];
    if (s->busy && is_past(s->busy_us, stuck_us, now_us)) {
        snprintf(text, sizeof(text), "its handler has not returned for %u ms", s->host->stuck_ms);
        note(s, text);
        s->busy_us = now_us;
    }
    if (s->fetch && is_past(s->moved_us, stuck_us, now_us)) {
        snprintf(text, sizeof(text), "reading got no further for %u ms, and begins anew",
                 s->host->stuck_ms);
        note(s, text);
        drop_fetch(s);
        s->moved_us = now_us;
        return now_us;
    }
    return s->moved_us + stuck_us;
}

/* The next callback, when none is under way: true when there is one to wait for. */
static bool hand_out(struct sluice_shard *s)
{
    if (s->batch) { /* opening it failed before */
        submit(s, shard_callback_records);
        return true;
    }
    struct list *first = list_first(&s->ahead);
    if (!first)
        return false;
    list_remove(first);
    s->ahead_count--;
    s->batch = LIST_OWNER(first, struct fetched, node);
    submit(s, shard_callback_records);
    return true;
}

static uint64_t reading(struct sluice_shard *s, uint64_t now_us, bool paused)
{
    if (s->drained && s->state == SHARD_READS)
        s->state = SHARD_DRAINS;
    if (!s->busy) {
        save_sometimes(s, now_us);
        if (s->state >= SHARD_LEAVES) /* it was fenced */
            return now_us;
    }
    uint64_t next = UINT64_MAX;
    if (!s->busy && !paused && s->state != SHARD_BEGINS) {
        if (now_us < s->hand_us) {
            next = s->hand_us;
        } else if (!hand_out(s) && s->state == SHARD_DRAINS) {
            s->progress.whole = true;
            end(s, SLUICE_SHARD_ENDED);
            return next;
        }
    }
    uint64_t fetch_us = fetching(s, now_us), watch_us = watch(s, now_us);
    if (fetch_us < next)
        next = fetch_us;
    return watch_us < next ? watch_us : next;
}

uint64_t shard_reader_step(struct sluice_shard *s, uint64_t now_us, bool paused)
{
    switch (s->state) {
    case SHARD_BEGINS:
    case SHARD_READS:
    case SHARD_DRAINS:
        return reading(s, now_us, paused);
    case SHARD_LEAVES:
        drop_fetch(s);
        drop_ahead(s);
        if (s->busy)
            return UINT64_MAX;
        end(s, s->why);
        return UINT64_MAX;
    case SHARD_SAVES:
        if (now_us >= s->save_us)
            save_last(s);
        return s->state == SHARD_OVER ? now_us : s->save_us;
    case SHARD_ENDS:
    case SHARD_OVER:
        break;
    }
    return UINT64_MAX;
}

static void batch_done(struct sluice_shard *s)
{
    if (s->result == SLUICE_OK) {
        backoff_reset(&s->hand_backoff);
    } else if (s->result == SLUICE_NO_MEMORY && s->batch) {
        s->hand_us = later(s, backoff_next_ms(&s->hand_backoff, &s->host->random));
        note(s, "no memory for a batch: it is tried again");
    } else {
        s->host->ops->hopeless(s->host, &s->error);
    }
}

void shard_reader_task_done(struct sluice_shard *s, uint64_t now_us)
{
    s->busy = false;
    s->moved_us = now_us;
    if (s->state == SHARD_BEGINS) {
        s->state = SHARD_READS;
    } else if (s->state == SHARD_ENDS) {
        s->state = SHARD_SAVES;
        s->save_us = 0;
        backoff_reset(&s->save_backoff);
    } else if (s->task.run == shard_callback_records) {
        batch_done(s);
    }
}
