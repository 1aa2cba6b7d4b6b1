/* log_memory.c: logs as arrays of spans under one lock. Completes appends on the caller's thread,
 * or on that of release_held. */
#include "support/log_memory.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/producers.h"
#include "shards/record.h"

enum { LOGS_MAX = 256, SPANS_MAX = 4096 };

struct memory_log {
    struct log log;
    struct log_span *spans[SPANS_MAX];
    size_t count;
    uint64_t end, last_ms;
    bool sealed;
    struct list waiters;
};

struct memory_engine {
    struct log_engine engine;
    const struct clock *clock;
    struct lock mu;
    struct memory_log *logs[LOGS_MAX];
    size_t log_count;
    struct list held;
    bool hold;
    enum status refuse, refuse_reads;
    uint64_t reads_left;
    struct producers producers; /* under mu */
};

static struct memory_engine *engine_of(struct log_engine *e)
{
    return LIST_OWNER(e, struct memory_engine, engine);
}

static struct memory_log *log_of(struct log *l)
{
    return LIST_OWNER(l, struct memory_log, log);
}

static enum status memory_open(struct log_engine *engine, struct log_place place, uint32_t hours,
                               struct log **out, struct fault *f)
{
    (void)hours;
    (void)f;
    struct memory_engine *e = engine_of(engine);
    lock_take(&e->mu);
    struct memory_log *found = NULL;
    for (size_t i = 0; i < e->log_count && !found; i++)
        if (e->logs[i]->log.place.stream == place.stream &&
            e->logs[i]->log.place.shard == place.shard)
            found = e->logs[i];
    if (!found) {
        must(e->log_count < LOGS_MAX);
        found = MEM_NEW(struct memory_log);
        found->log = (struct log){engine, place};
        list_init(&found->waiters);
        e->logs[e->log_count++] = found;
    }
    lock_drop(&e->mu);
    *out = &found->log;
    return OK;
}

static void memory_set_retention(struct log *l, uint32_t hours)
{
    (void)l;
    (void)hours;
}

static void append_one(struct memory_engine *e, struct log_append *a)
{
    struct memory_log *l = log_of(a->log);
    lock_take(&e->mu);
    a->status = e->refuse != OK ? e->refuse : l->sealed ? SEALED : OK;
    if (a->status == OK && a->stamp)
        a->status = producers_admit(&e->producers, a, clock_wall_ms(e->clock));
    if (a->status == REPEATED)
        producers_answer(&e->producers, a);
    if (a->status == OK) {
        uint64_t now = clock_wall_ms(e->clock);
        l->last_ms = now > l->last_ms ? now : l->last_ms;
        a->first_offset = l->end;
        a->time_ms = l->last_ms;
        struct log_span *s = log_span_new(BATCH_HEADER_BYTES + a->body.len);
        must(s);
        s->count = a->count;
        s->first_offset = l->end;
        s->first_ms = s->last_ms = l->last_ms;
        struct batch_header h = {.flags = (uint8_t)((a->control ? BATCH_CONTROL : 0) |
                                                    (a->key_epoch ? BATCH_ENCRYPTED : 0) |
                                                    (a->stamp ? BATCH_STAMPED : 0)),
                                 .stamp_len = a->stamp ? a->stamp->stored_len : 0,
                                 .count = a->count,
                                 .body_len = (uint32_t)a->body.len,
                                 .body_crc = a->body_crc,
                                 .base_offset = l->end,
                                 .base_time_ms = l->last_ms,
                                 .key_epoch = a->key_epoch};
        batch_header_write(&h, s->bytes);
        memcpy(s->bytes + BATCH_HEADER_BYTES, a->body.at, a->body.len);
        must(l->count < SPANS_MAX);
        l->spans[l->count++] = s;
        l->end += a->count;
        l->sealed = a->seals;
        if (a->stamp)
            producers_stored(&e->producers, a);
        LIST_EACH(node, keep, &l->waiters)
        {
            struct log_waiter *w = LIST_OWNER(node, struct log_waiter, node);
            list_remove(node);
            w->wake(w);
        }
    }
    lock_drop(&e->mu);
    a->done(a);
}

static void memory_append(struct log_engine *engine, struct log_append *const *appends,
                          size_t count)
{
    struct memory_engine *e = engine_of(engine);
    for (size_t i = 0; i < count; i++) {
        struct log_append *a = appends[i];
        lock_take(&e->mu);
        bool hold = e->hold;
        if (hold)
            list_append(&e->held, &a->node);
        lock_drop(&e->mu);
        if (!hold)
            append_one(e, a);
    }
}

/* Under mu. */
static enum status refusal_of_a_read(struct memory_engine *e)
{
    if (e->reads_left == 0)
        return THROTTLED;
    e->reads_left -= e->reads_left != LOG_MEMORY_ALL;
    return e->refuse_reads;
}

static void memory_read(struct log_read *r)
{
    struct memory_log *l = log_of(r->log);
    struct memory_engine *e = engine_of(r->log->engine);
    lock_take(&e->mu);
    r->status = refusal_of_a_read(e);
    if (r->status != OK) {
        lock_drop(&e->mu);
        r->done(r);
        return;
    }
    r->status = END;
    r->offset = r->kind == LOG_READ_FROM && r->from > l->end ? r->from : l->end;
    size_t bytes = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct log_span *s = l->spans[i];
        bool wanted = r->kind == LOG_FIND_TIME ? s->last_ms >= r->time_ms
                                               : s->first_offset + s->count > r->from;
        if (!wanted)
            continue;
        if (r->status == END)
            r->offset =
                r->kind == LOG_FIND_TIME || s->first_offset > r->from ? s->first_offset : r->from;
        r->status = OK;
        if (r->kind == LOG_FIND_TIME || bytes >= r->bytes_max || count >= r->count_max ||
            r->span_count == LOG_SPANS_MAX)
            break;
        log_span_ref(s);
        r->spans[r->span_count++] = s;
        bytes += s->len;
        count += s->count;
    }
    lock_drop(&e->mu);
    r->done(r);
}

static void memory_bounds(struct log *log, struct log_bounds *out)
{
    struct memory_log *l = log_of(log);
    struct memory_engine *e = engine_of(log->engine);
    lock_take(&e->mu);
    *out = (struct log_bounds){.begin = l->count ? l->spans[0]->first_offset : l->end,
                               .end = l->end,
                               .last_ms = l->last_ms,
                               .sealed = l->sealed};
    lock_drop(&e->mu);
}

static void memory_wait(struct log *log, uint64_t end, struct log_waiter *w)
{
    struct memory_engine *e = engine_of(log->engine);
    struct memory_log *l = log_of(log);
    lock_take(&e->mu);
    list_init(&w->node);
    if (l->end > end)
        w->wake(w);
    else
        list_append(&l->waiters, &w->node);
    lock_drop(&e->mu);
}

static void memory_cancel(struct log *log, struct log_waiter *w)
{
    struct memory_engine *e = engine_of(log->engine);
    lock_take(&e->mu);
    list_remove(&w->node);
    lock_drop(&e->mu);
}

static enum status memory_trim(struct log_engine *e, const struct log_keeper *k, uint64_t now_ms,
                               uint64_t budget_ms, struct fault *f)
{
    (void)e, (void)k, (void)now_ms, (void)budget_ms, (void)f;
    return END;
}

static void memory_usage(struct log_engine *e, struct log_usage *out)
{
    (void)e;
    *out = (struct log_usage){0};
}

static enum status memory_take_over(struct log_engine *engine, struct log *const *parents,
                                    size_t parent_count, struct log *const *children,
                                    size_t child_count, struct fault *f)
{
    struct memory_engine *e = engine_of(engine);
    struct log_place from[2], to[2];
    (void)f;
    for (size_t i = 0; i < parent_count; i++)
        from[i] = parents[i]->place;
    for (size_t i = 0; i < child_count; i++)
        to[i] = children[i]->place;
    lock_take(&e->mu);
    producers_move(&e->producers, from, parent_count, to, child_count);
    lock_drop(&e->mu);
    return OK;
}

static void memory_release(struct log *l)
{
    (void)l;
}

static void memory_close(struct log_engine *engine)
{
    struct memory_engine *e = engine_of(engine);
    must(list_empty(&e->held));
    for (size_t i = 0; i < e->log_count; i++) {
        for (size_t j = 0; j < e->logs[i]->count; j++)
            log_span_unref(e->logs[i]->spans[j]);
        must(list_empty(&e->logs[i]->waiters));
        mem_free(e->logs[i]);
    }
    producers_fini(&e->producers);
    lock_fini(&e->mu);
    mem_free(e);
}

struct log_engine *log_memory_new(const struct clock *clock)
{
    static const struct log_ops ops = {
        .open = memory_open,
        .set_retention = memory_set_retention,
        .append = memory_append,
        .read = memory_read,
        .bounds = memory_bounds,
        .wait = memory_wait,
        .cancel = memory_cancel,
        .trim = memory_trim,
        .usage = memory_usage,
        .take_over = memory_take_over,
        .release = memory_release,
        .close = memory_close,
    };
    struct memory_engine *e = MEM_NEW(struct memory_engine);
    e->engine.ops = &ops;
    e->clock = clock;
    e->reads_left = LOG_MEMORY_ALL;
    lock_init(&e->mu, LOCK_ENGINE);
    list_init(&e->held);
    producers_init(&e->producers, PRODUCER_BYTES_MAX);
    return &e->engine;
}

void log_memory_forget(struct log *log, uint64_t before)
{
    struct memory_log *l = log_of(log);
    struct memory_engine *e = engine_of(log->engine);
    lock_take(&e->mu);
    size_t gone = 0;
    while (gone < l->count && l->spans[gone]->first_offset + l->spans[gone]->count <= before)
        log_span_unref(l->spans[gone++]);
    l->count -= gone;
    memmove(l->spans, l->spans + gone, l->count * sizeof(struct log_span *));
    lock_drop(&e->mu);
}

void log_memory_hold(struct log_engine *engine, bool hold)
{
    struct memory_engine *e = engine_of(engine);
    lock_take(&e->mu);
    e->hold = hold;
    lock_drop(&e->mu);
}

void log_memory_release_held(struct log_engine *engine)
{
    struct memory_engine *e = engine_of(engine);
    struct list ready;
    list_init(&ready);
    lock_take(&e->mu);
    list_splice(&ready, &e->held);
    lock_drop(&e->mu);
    while (!list_empty(&ready)) {
        struct log_append *a = LIST_OWNER(ready.next, struct log_append, node);
        list_remove(&a->node);
        append_one(e, a);
    }
}

size_t log_memory_held(struct log_engine *engine)
{
    struct memory_engine *e = engine_of(engine);
    size_t count = 0;
    lock_take(&e->mu);
    LIST_EACH(node, keep, &e->held)
    count++;
    lock_drop(&e->mu);
    return count;
}

void log_memory_refuse(struct log_engine *engine, enum status status)
{
    struct memory_engine *e = engine_of(engine);
    lock_take(&e->mu);
    e->refuse = status;
    lock_drop(&e->mu);
}

void log_memory_answer_reads(struct log_engine *engine, uint64_t count)
{
    struct memory_engine *e = engine_of(engine);
    lock_take(&e->mu);
    e->reads_left = count;
    lock_drop(&e->mu);
}

void log_memory_refuse_reads(struct log_engine *engine, enum status status)
{
    struct memory_engine *e = engine_of(engine);
    lock_take(&e->mu);
    e->refuse_reads = status;
    lock_drop(&e->mu);
}
