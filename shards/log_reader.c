/* log_reader.c: reads that memory cannot answer, on threads that may wait for the disk.
 *
 * A read is answered by the tail at once, or queued. A disk reader finds, piece by piece, which segment holds the next offset:
 * first among the rows of segments not sealed yet, then in the index (a seal puts its rows into the index before it takes
 * them from memory, so one of the two always knows). What retention takes away under a reader's feet is no error: the read
 * goes on from where the log begins now.
 *
 * I1. A read gives spans in offset order, without a gap, none past the end that was durable when it looked.
 * I2. At or past damage a read is CORRUPT; before it, all is served.
 *
 * Left to others: what is in memory (tail.c), what a segment holds (segment_read.c). */
#include "shards/engine_internal.h"

#include "base/must.h"
#include "base/trace.h"

#include <stdio.h>

/* Reads that may wait for a disk reader; more are THROTTLED. A read holds no memory of ours while it waits. */
enum { READS_WAITING_MAX = 4096 };

/* What may be read of a log right now. */
struct view {
    struct log_bounds bounds;
    struct log_damage damage;
    bool damaged;
};

static struct view view_of(struct engine *e, struct engine_log *l)
{
    lock_take(&e->tail.mu);
    struct view v = {l->tail.bounds, l->damage, l->damaged};
    lock_drop(&e->tail.mu);
    return v;
}

static enum status refuse_damaged(const struct view *v, struct fault *f)
{
    return fault_set(f, CORRUPT,
                     "stream %llu, shard %u is damaged from offset %llu on, in segment %020llu",
                     (unsigned long long)v->damage.place.stream, v->damage.place.shard,
                     (unsigned long long)v->damage.from, (unsigned long long)v->damage.segment);
}

static bool live_range_at(struct engine *e, struct engine_log *l, uint64_t offset,
                          struct range *out)
{
    bool found = false;
    lock_take(&e->tail.mu);
    LIST_EACH (node, keep, &l->rows) {
        const struct range *r = &LIST_OWNER(node, struct live_row, in_log)->range;
        if (r->first <= offset && offset <= r->last) {
            *out = *r;
            found = true;
            break;
        }
    }
    lock_drop(&e->tail.mu);
    return found;
}

/* The range that holds the offset. END: retention took it meanwhile. */
static enum status range_at(struct engine *e, struct engine_log *l, uint64_t offset,
                            struct range *out, struct fault *f)
{
    if (live_range_at(e, l, offset, out))
        return OK;
    enum status st = index_range_at(e->index, l->base.place, offset, out, f);
    if (st == OK && out->last >= offset)
        return OK;
    if (view_of(e, l).bounds.begin > offset)
        return END;
    if (st != OK && st != NOT_FOUND)
        return st;
    return fault_set(f, CORRUPT, "offset %llu of stream %llu, shard %u is missing%s%020llu",
                     (unsigned long long)offset, (unsigned long long)l->base.place.stream,
                     l->base.place.shard, st == OK ? " behind segment " : ", before segment ",
                     st == OK ? (unsigned long long)out->segment : 0ull);
}

/* One step: spans from r's next offset on, out of the tail or one segment. END: nothing more for this read. */
static enum status read_step(struct engine *e, struct engine_log *l, uint64_t *next,
                             struct log_read *r, struct fault *f)
{
    struct range range;
    struct view v = view_of(e, l);
    if (*next < v.bounds.begin) {
        if (r->span_count)
            return END; /* I1: no gap within one answer */
        *next = r->offset = v.bounds.begin;
    }
    if (v.damaged && *next >= v.damage.from)
        return refuse_damaged(&v, f);
    if (*next >= v.bounds.end) {
        if (!r->span_count)
            r->offset = v.bounds.end;
        return END;
    }
    lock_take(&e->tail.mu);
    uint64_t after = tail_collect_locked(&l->tail, *next, r);
    lock_drop(&e->tail.mu);
    if (after != *next) {
        *next = after;
        return OK;
    }
    enum status st = range_at(e, l, *next, &range, f);
    if (st != OK)
        return st == END ? OK : st; /* the begin moved: look again */
    if (range.last >= v.bounds.end)
        range.last = v.bounds.end - 1;
    st = segment_read_from(e, &range, *next, r, next, f);
    if (st != OK && view_of(e, l).bounds.begin > *next)
        return OK;
    return st;
}

static void read_from(struct engine *e, struct engine_log *l, struct log_read *r)
{
    uint64_t next = r->from;
    enum status st = OK;
    r->offset = r->from;
    while (st == OK && !log_read_full(r))
        st = read_step(e, l, &next, r, &r->fault);
    r->status = r->span_count ? OK : st;
}

/* Narrows [low, high) by the times of whole ranges; answers inside one when the time lies there. */
static enum status find_step(struct engine *e, struct engine_log *l, uint64_t time_ms,
                             uint64_t *low, uint64_t *high, struct fault *f)
{
    struct range range;
    uint64_t middle = *low + (*high - *low) / 2;
    enum status st = range_at(e, l, middle, &range, f);
    if (st == END) { /* the begin moved past the middle */
        *low = middle + 1;
        return OK;
    }
    if (st != OK)
        return st;
    if (range.last_ms < time_ms) {
        *low = range.last + 1;
    } else if (range.first_ms >= time_ms) {
        *high = range.first > *low ? range.first : *low;
    } else {
        st = segment_find_time(e, &range, time_ms, low, f);
        *high = *low;
    }
    return st;
}

static void find_time(struct engine *e, struct engine_log *l, struct log_read *r)
{
    struct view v = view_of(e, l);
    uint64_t low = v.bounds.begin, high = v.bounds.end;
    bool cut = v.damaged && v.damage.from < high;
    enum status st = OK;
    if (cut)
        high = v.damage.from > low ? v.damage.from : low;
    uint64_t end = high;
    while (st == OK && low < high)
        st = find_step(e, l, r->time_ms, &low, &high, &r->fault);
    if (st == OK && low >= end)
        st = cut ? refuse_damaged(&v, &r->fault) : END;
    uint64_t begin = view_of(e, l).bounds.begin;
    r->offset = low > begin ? low : begin;
    r->status = st;
}

static void read_now(struct log_read *r)
{
    struct engine_log *l = engine_log_of(r->log);
    struct engine *e = engine_of(r->log->engine);
    r->fault = (struct fault){.status = OK};
    if (r->kind == LOG_FIND_TIME)
        find_time(e, l, r);
    else
        read_from(e, l, r);
    r->done(r);
}

static void reader_run(void *arg)
{
    struct readers *q = &((struct engine *)arg)->readers;
    thread_must_be(THREAD_READER);
    lock_take(&q->mu);
    for (;;) {
        struct list *first = list_first(&q->queue);
        if (first) {
            list_remove(first);
            q->waiting--;
            lock_drop(&q->mu);
            read_now(LIST_OWNER(first, struct log_read, node));
            lock_take(&q->mu);
        } else if (q->stop) {
            break;
        } else {
            signal_wait(&q->work, &q->mu);
        }
    }
    lock_drop(&q->mu);
}

void engine_read(struct log_read *r)
{
    struct engine_log *l = engine_log_of(r->log);
    struct engine *e = engine_of(r->log->engine);
    struct readers *q = &e->readers;
    if (tail_read(&e->tail, &l->tail, r)) {
        r->done(r);
        return;
    }
    lock_take(&q->mu);
    bool taken = q->waiting < READS_WAITING_MAX && !q->stop;
    if (taken) {
        list_append(&q->queue, &r->node);
        q->waiting++;
        signal_one(&q->work);
    }
    lock_drop(&q->mu);
    if (!taken) {
        r->status = fault_set(&r->fault, THROTTLED, "too many reads wait for the disk");
        r->done(r);
    }
}

void readers_start(struct engine *e)
{
    for (uint32_t i = 0; i < e->set.readers; i++) {
        char name[16];
        snprintf(name, sizeof name, "log-read-%u", i % 100);
        thread_start(&e->readers.threads[i], THREAD_READER, name, reader_run, e);
    }
}

void readers_stop(struct engine *e)
{
    lock_take(&e->readers.mu);
    e->readers.stop = true;
    signal_all(&e->readers.work);
    lock_drop(&e->readers.mu);
    for (uint32_t i = 0; i < e->set.readers; i++)
        thread_join(&e->readers.threads[i]);
}
