/* store_revive.c: back to work after a write or a flush that failed.
 *
 * The segment's database is closed and read back exactly as after a crash: what was acknowledged is
 * in its log, and a batch that was not may be, too: then its offsets are taken. Meanwhile the tail
 * serves; readers of what is only in that segment wait while it is read, and are told to try again
 * while that keeps failing.
 *
 *   ACTIVE --commit failed--> volume refuses --detach--> unread --recover--> SEALED, volume serves
 *   SEALING --flush failed--> unread --recover--> SEALED
 *
 * V1. A log's end only ever moves forward: acknowledged is never lost, whatever else is unread.
 * V2. A volume serves again only after every segment it failed on was read back.
 *
 * Thread: the sealer's. */
#include "shards/store_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <inttypes.h>
#include <stdatomic.h>

enum { RETRY_US = 100000, RETRY_LATER_US = 1000000 };

static struct unread *unread_new(struct segment *g, struct volume *v, bool flush_failed)
{
    struct unread *u = MEM_NEW(struct unread);
    *u = (struct unread){.number = g->number,
                         .bytes = g->bytes,
                         .segment = g,
                         .volume = v,
                         .class_hours = g->volume->class_hours,
                         .flush_failed = flush_failed};
    return u;
}

static void add_locked(struct store *s, struct unread *u)
{
    list_append(&s->unread, &u->node);
    s->unread_generation++;
}

void store_flush_failed(struct store *s, struct segment *g)
{
    trace(TRACE_ERROR, "store", "segment %020" PRIu64 " could not be flushed, to be tried again",
          g->number);
    lock_take(&s->mu);
    list_remove(&g->node); /* the list's reference becomes the unread's */
    add_locked(s, unread_new(g, NULL, true));
    s->read_back_us = clock_mono_us(s->settings.clock) + RETRY_US;
    lock_drop(&s->mu);
}

/* The segments of volumes that failed. Under mu. */
static void detach_failed_locked(struct store *s)
{
    uint64_t now_us = clock_mono_us(s->settings.clock);
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        struct segment *g = v->active;
        if (!v->failed || v->busy || !list_empty(&v->queue) || now_us < v->retry_us)
            continue;
        if (!g) { /* it could not even be given a segment, or all is read back: V2 */
            bool pending = false;
            LIST_EACH(at, next, &s->unread)
            pending = pending || LIST_OWNER(at, struct unread, node)->volume == v;
            v->failed = pending;
            continue;
        }
        v->active = NULL;
        list_remove(&g->node);
        add_locked(s, unread_new(g, v, false));
        atomic_fetch_sub(&g->refs, 1); /* the volume's; the list's is the unread's */
    }
}

/* Readers that were in it when it was detached come out soon; new ones do not find it. */
static void close_segment(struct store *s, struct unread *u)
{
    struct segment *g = u->segment;
    if (!g)
        return;
    lock_take(&s->mu);
    while (atomic_load(&g->refs) > 1)
        signal_wait_ms(&s->sealing, &s->mu, 1);
    lock_drop(&s->mu);
    u->segment = NULL;
    segment_unref(g);
}

/* V1: the end of each log of the volume, by what was read back. */
static void extend_log(struct store *s, struct store_log *l, const struct log_bounds *known,
                       struct list *gone)
{
    lock_take(&s->tail.mu);
    if (known->end > l->tail.bounds.end) {
        tail_forget_locked(&s->tail, &l->tail, gone);
        l->tail.bounds.end = known->end;
        l->tail.bounds.last_ms = known->last_ms;
        l->tail.bounds.sealed = known->sealed;
        tail_wake_locked(&l->tail);
    }
    lock_drop(&s->tail.mu);
}

/* Reading it back may have shown that the log is hurt. */
static enum status look_for_damage(struct store *s, struct store_log *l, struct fault *f)
{
    struct store_damage damage;
    enum status st = l->damaged ? END : index_damage(s, l->log.place, &damage, f);
    if (st != OK)
        return st == END ? OK : st;
    lock_take(&s->mu);
    lock_take(&s->tail.mu);
    l->damage = damage;
    l->damaged = true;
    lock_drop(&s->tail.mu);
    lock_drop(&s->mu);
    return OK;
}

/* Logs are never freed while the store is open, and nobody adds to this volume's: it is failed. */
static enum status extend_logs(struct store *s, struct volume *v, struct fault *f)
{
    struct list gone;
    struct store_log **logs;
    size_t at = 0, count = 0;
    void *value;
    enum status st = OK;
    list_init(&gone);
    lock_take(&s->mu);
    logs = mem_must((s->logs.count + 1) * sizeof(*logs));
    while (table_next(&s->logs, &at, &value))
        if (((struct store_log *)value)->volume == v)
            logs[count++] = value;
    lock_drop(&s->mu);
    for (size_t i = 0; i < count && st == OK; i++) {
        struct log_bounds known;
        st = index_bounds(s, logs[i]->log.place, &known, f);
        if (st == OK)
            extend_log(s, logs[i], &known, &gone);
        if (st == OK)
            st = look_for_damage(s, logs[i], f);
    }
    mem_free(logs);
    tail_release(&gone);
    return st;
}

static enum status read_back(struct store *s, struct unread *u, struct fault *f)
{
    close_segment(s, u);
    enum status st = store_recover_segment(s, u->number, u->class_hours, f);
    if (st == OK && u->volume)
        st = extend_logs(s, u->volume, f);
    return st;
}

static struct unread *next_locked(struct store *s)
{
    struct list *first = list_first(&s->unread);
    if (!first || s->low_space || clock_mono_us(s->settings.clock) < s->read_back_us)
        return NULL;
    return LIST_OWNER(first, struct unread, node);
}

static void finish_locked(struct store *s, struct unread *u, enum status st)
{
    s->reading_back = false;
    s->unread_generation++;
    if (st == OK) {
        list_remove(&u->node);
        if (u->flush_failed)
            s->sealing_bytes -= u->bytes;
        if (u->volume)
            u->volume->failed = false; /* V2: a volume has but one at a time */
    } else {
        s->read_back_us = clock_mono_us(s->settings.clock) + RETRY_LATER_US;
    }
    signal_all(&s->sealing);
}

void store_revive(struct store *s)
{
    struct unread *u;
    lock_take(&s->mu);
    detach_failed_locked(s);
    while ((u = next_locked(s))) {
        struct fault f = {0};
        s->reading_back = true;
        lock_drop(&s->mu);
        enum status st = read_back(s, u, &f);
        if (st == OK)
            trace(TRACE_WARN, "store", "segment %020" PRIu64 " was read back after a failure",
                  u->number);
        else
            TRACE_SELDOM(TRACE_WARN, "store", "not back yet: %s", f.text);
        lock_take(&s->mu);
        finish_locked(s, u, st);
        if (st == OK)
            mem_free(u);
    }
    lock_drop(&s->mu);
}

void store_unread_free(struct store *s)
{
    LIST_EACH(node, keep, &s->unread)
    {
        struct unread *u = LIST_OWNER(node, struct unread, node);
        list_remove(node);
        segment_unref(u->segment);
        mem_free(u);
    }
}

uint64_t store_unread_generation(struct store *s)
{
    lock_take(&s->mu);
    uint64_t generation = s->unread_generation;
    lock_drop(&s->mu);
    return generation;
}

bool store_look_again(struct store *s, uint64_t looked, enum status *status, struct fault *f)
{
    lock_take(&s->mu);
    while (s->reading_back)
        signal_wait_ms(&s->sealing, &s->mu, 10);
    bool changed = s->unread_generation != looked;
    bool unread = !list_empty(&s->unread);
    lock_drop(&s->mu);
    if (!changed && unread)
        *status = fault_set(f, IO_FAILED, "a segment could not be read back yet; try again");
    return changed;
}
