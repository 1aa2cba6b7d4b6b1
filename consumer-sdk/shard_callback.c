/* shard_callback.c: a shard's callbacks, and what a program may ask from within them.
 *
 * W1. A checkpoint reaches the store with the epoch of the lease under which its records were handed out.
 * K1 (progress.c) holds for those that a program asks for.
 *
 * A checkpoint is the store's, and the store is used by the worker's thread alone: so it goes there as an errand, and is waited for.
 *
 * Thread: the callback's, which owns `progress` and `batch` while it runs. */
#include "consumer-sdk/shard_callback.h"

#include "consumer-sdk/error.h"
#include "consumer-sdk/shard_reader.h"

static struct sluice_shard *shard_of(struct callback_task *task)
{
    return LIST_OWNER(task, struct sluice_shard, task);
}

void shard_callback_begin(struct callback_task *task)
{
    struct sluice_shard *s = shard_of(task);
    if (s->host->handler.shard_begin)
        s->host->handler.shard_begin(s->host->context, s);
}

void shard_callback_end(struct callback_task *task)
{
    struct sluice_shard *s = shard_of(task);
    if (s->host->handler.shard_end)
        s->host->handler.shard_end(s->host->context, s, s->told);
}

/* ---- records ---- */

static void place_of(const struct sluice_received *r, struct sluice_checkpoint_at *at)
{
    /* fetched_open looked at it: it fits */
    memcpy(at->sequence_number, r->sequence_number, strlen(r->sequence_number) + 1);
    at->sub_sequence_number = r->sub_sequence_number;
}

static enum sluice_status hand_slice(struct sluice_shard *s, size_t count)
{
    struct sluice_batch slice = {
        .records = count ? s->batch->records + s->batch_at : NULL,
        .count = count,
        .behind_ms = s->batch->behind_ms,
    };
    if (count > 0)
        place_of(&slice.records[count - 1], &s->progress.handed);
    enum sluice_status st = s->host->handler.records(s->host->context, s, &slice);
    if (st != SLUICE_OK)
        return error_set(&s->error, st, "the handler of shard %s ended with %s", s->lease.shard_id,
                         sluice_status_name(st));
    s->batch_at += count;
    s->progress.handled = s->progress.handed;
    return SLUICE_OK;
}

void shard_callback_records(struct callback_task *task)
{
    struct sluice_shard *s = shard_of(task);
    const struct fetched_rules rules = {&s->progress.handed, s->host->keep_aggregated,
                                        s->is_child ? &s->range : NULL};
    s->result = fetched_open(s->batch, &rules, &s->error);
    if (s->result == SLUICE_NO_MEMORY)
        return; /* the batch stays, and is tried again */
    s->behind_ms = s->batch->behind_ms;
    s->batch_at = 0;
    bool tip = s->batch->stored_count == 0;
    while (s->result == SLUICE_OK && !s->leaving && (tip || s->batch_at < s->batch->count)) {
        size_t rest = s->batch->count - s->batch_at;
        s->result = hand_slice(s, rest < s->host->records_max ? rest : s->host->records_max);
        tip = false;
    }
    fetched_free(s->batch);
    s->batch = NULL;
}

/* ---- what a program asks ---- */

const char *sluice_shard_id(const sluice_shard *shard)
{
    return shard->lease.shard_id;
}

uint64_t sluice_shard_epoch(const sluice_shard *shard)
{
    return shard->lease.epoch;
}

const char *sluice_shard_checkpoint(const sluice_shard *shard, uint64_t *sub_sequence_number)
{
    const struct sluice_checkpoint_at *at = &shard->lease.checkpoint;
    bool number = at->sequence_number[0] >= '0' && at->sequence_number[0] <= '9';
    if (sub_sequence_number)
        *sub_sequence_number = number ? at->sub_sequence_number : 0;
    return number ? at->sequence_number : "";
}

int64_t sluice_shard_behind_ms(const sluice_shard *shard)
{
    return shard->behind_ms;
}

struct commit_errand {
    struct callback_errand errand;
    struct sluice_shard *shard;
    const struct sluice_checkpoint_at *at;
    struct sluice_error *error;
    enum sluice_status status;
};

/* Thread: the worker's. */
static void commit(struct callback_errand *errand)
{
    struct commit_errand *c = LIST_OWNER(errand, struct commit_errand, errand);
    struct sluice_shard *s = c->shard;
    if (s->why == SLUICE_SHARD_LOST && s->state >= SHARD_LEAVES) {
        c->status =
            error_set(c->error, SLUICE_FENCED, "the lease of shard %s is gone", s->lease.shard_id);
        return;
    }
    c->status = s->host->ops->commit(s->host, &s->lease, c->at, c->error);
    if (c->status == SLUICE_FENCED)
        shard_reader_leave(s, SLUICE_SHARD_LOST);
    if (c->status == SLUICE_OK)
        s->saved_us = clock_mono_us(s->host->clock);
}

static enum sluice_status save(struct sluice_shard *s, const struct sluice_checkpoint_at *at,
                               struct sluice_error *error)
{
    struct sluice_error own;
    enum sluice_status st = progress_may_save(&s->progress, at, error);
    if (st != SLUICE_OK)
        return st == SLUICE_END ? SLUICE_OK : st;
    struct commit_errand c = {
        .errand.run = commit, .shard = s, .at = at, .error = error ? error : &own};
    callback_pool_errand(s->host->pool, &c.errand);
    if (c.status == SLUICE_OK)
        s->progress.saved = *at;
    return c.status;
}

enum sluice_status sluice_checkpoint(sluice_shard *shard, const struct sluice_received *record,
                                     struct sluice_error *error)
{
    struct sluice_checkpoint_at at;
    if (!record || !record->sequence_number ||
        !place_set(&at, bytes_text(record->sequence_number), record->sub_sequence_number))
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "a checkpoint wants a record that was handed out");
    return save(shard, &at, error);
}

enum sluice_status sluice_checkpoint_batch(sluice_shard *shard, struct sluice_error *error)
{
    struct sluice_checkpoint_at at = shard->progress.handed;
    return save(shard, &at, error);
}

enum sluice_status sluice_checkpoint_end(sluice_shard *shard, struct sluice_error *error)
{
    const struct sluice_checkpoint_at end = {.sequence_number = SLUICE_SHARD_END};
    return save(shard, &end, error);
}
