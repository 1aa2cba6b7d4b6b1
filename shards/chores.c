/* chores.c: the engine's own housekeeping: fresh segments made ahead, seals by age, the free space watched, what failed
 * recovered, idle databases closed.
 *
 * I1. A committer never makes a segment: it takes one that is ready, or its volume waits parked.
 * I2. A parked volume is never forgotten: it is made ready when a segment comes or a seal ends, and when neither can be, its
 *     appends are refused.
 *
 * Thread: housekeeping ("log-chores"), one. */
#include "shards/engine_internal.h"

#include "base/backoff.h"
#include "base/file.h"
#include "base/must.h"
#include "base/trace.h"

enum {
    TURN_MS = 100,
    SPACE_EVERY_US = 200 * 1000,
    IDLE_US = 10 * 1000 * 1000,
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 5000,
};

/* The chores' own. */
struct chores {
    struct engine *engine;
    struct random chance;
    struct backoff spare, recover; /* after failures */
    uint64_t spare_at_us, recover_at_us, space_at_us, sync_at_us;
};

static uint64_t now_us(const struct chores *c)
{
    return clock_mono_us(c->engine->clock);
}

/* I2: under mu; what cannot go on is told so. */
static void refuse_parked(struct engine *e, enum status st, struct list *refused)
{
    LIST_EACH (node, keep, &e->parked) {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        list_remove(node);
        v->waiting = false;
        v->sync_due = false;
        volume_refuse(v, st, refused);
    }
    signal_all(&e->work);
}

static enum status outward(enum status st)
{
    return st == NO_SPACE ? NO_SPACE : IO_FAILED;
}

static void failed(struct chores *c, struct backoff *b, uint64_t *at_us, const struct fault *f)
{
    struct engine *e = c->engine;
    struct list refused;
    list_init(&refused);
    *at_us = now_us(c) + 1000 * backoff_next_ms(b, &c->chance);
    TRACE_SELDOM(TRACE_ERROR, "log", "%s; to be tried again", f->text);
    lock_take(&e->mu);
    refuse_parked(e, outward(f->status), &refused);
    lock_drop(&e->mu);
    complete_all(&refused);
}

/* One more spare, if there are too few. Under mu, dropped meanwhile; false: nothing to do now. */
static bool make_spare(struct chores *c)
{
    struct engine *e = c->engine;
    struct segment *s;
    struct fault fault;
    if (e->spare_count >= SPARES || now_us(c) < c->spare_at_us)
        return false;
    uint64_t number = e->next_segment++;
    lock_drop(&e->mu);
    enum status st = segment_make(e, number, &s, &fault);
    if (st != OK) {
        failed(c, &c->spare, &c->spare_at_us, &fault);
        lock_take(&e->mu);
        return false;
    }
    backoff_reset(&c->spare);
    lock_take(&e->mu);
    list_append(&e->spares, &s->node);
    e->spare_count++;
    volumes_unpark(e);
    return true;
}

/* The volume whose writes failed on the segment serves again. */
static void recovered(struct engine *e, struct volume *v)
{
    if (v && v->failed != OK) {
        v->failed = OK;
        trace(TRACE_WARN, "log", "appends of retention class %u are taken again", v->class);
    }
    volumes_unpark(e);
}

static bool recover_one(struct chores *c)
{
    struct engine *e = c->engine;
    struct fault fault;
    struct list *first = list_first(&e->failed);
    if (!first || now_us(c) < c->recover_at_us)
        return false;
    struct segment *s = LIST_OWNER(first, struct segment, node);
    struct volume *v = s->volume;
    if (c->recover.attempt == 0 && c->recover_at_us == 0) { /* the first try waits, too */
        c->recover_at_us = now_us(c) + 1000 * backoff_next_ms(&c->recover, &c->chance);
        return false;
    }
    lock_drop(&e->mu);
    enum status st = e->space != OK ? fault_set(&fault, NO_SPACE, "the disk is full")
                                    : recover_live(s, &fault);
    if (st != OK) {
        failed(c, &c->recover, &c->recover_at_us, &fault);
        lock_take(&e->mu);
        return false;
    }
    c->recover_at_us = 0;
    backoff_reset(&c->recover);
    lock_take(&e->mu);
    recovered(e, v);
    return true;
}

static uint64_t seal_age_us(const struct engine *e, const struct volume *v)
{
    uint64_t ms = e->set.seal_age_ms ? e->set.seal_age_ms : retention_class_seal_age_ms(v->class);
    return 1000 * ms;
}

static void seal_by_age(struct chores *c)
{
    struct engine *e = c->engine;
    uint64_t now = now_us(c);
    for (uint32_t i = 0; i < RETENTION_CLASSES; i++) {
        struct volume *v = e->volumes[i];
        if (v && !v->busy && v->active && now - v->active->opened_us >= seal_age_us(e, v))
            volume_seal(v);
    }
}

static void sync_relaxed(struct chores *c)
{
    struct engine *e = c->engine;
    if (!e->set.relaxed || now_us(c) < c->sync_at_us)
        return;
    c->sync_at_us = now_us(c) + 1000 * e->set.relaxed_ms;
    for (uint32_t i = 0; i < RETENTION_CLASSES; i++) {
        struct volume *v = e->volumes[i];
        if (v && v->unsynced) {
            v->sync_due = true;
            volume_ready(v);
        }
    }
}

static void set_space(struct engine *e, enum status st)
{
    lock_take(&e->mu);
    if (e->space != st) {
        trace(TRACE_WARN, "log",
              st == OK ? "there is room again: appends are taken" :
                         "the disk is nearly full: appends are refused");
        e->space = st;
    }
    lock_drop(&e->mu);
}

void space_check(struct engine *e)
{
    uint64_t free_bytes, size_bytes;
    struct fault fault;
    if (disk_space(e->segments_folder, &free_bytes, &size_bytes, &fault) != OK) {
        TRACE_SELDOM(TRACE_WARN, "log", "%s", fault.text);
        return;
    }
    uint64_t reserve = e->set.disk_reserve_bytes;
    if (reserve > size_bytes / 50)
        reserve = size_bytes / 50;
    lock_take(&e->mu);
    uint64_t to_seal = e->unsealed_bytes;
    lock_drop(&e->mu);
    set_space(e, free_bytes < reserve + to_seal ? NO_SPACE : OK);
}

static void without_lock(struct chores *c)
{
    struct engine *e = c->engine;
    if (now_us(c) >= c->space_at_us) {
        c->space_at_us = now_us(c) + SPACE_EVERY_US;
        space_check(e);
    }
    segment_close_idle(e, IDLE_US);
}

static void chores_run(void *arg)
{
    struct engine *e = (struct engine *)arg;
    struct chores c = {.engine = e};
    uint64_t turn_ms = e->set.relaxed && e->set.relaxed_ms < TURN_MS ? e->set.relaxed_ms : TURN_MS;
    thread_must_be(THREAD_HOUSEKEEPING);
    c.spare = c.recover = (struct backoff){.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS};
    random_seed(&c.chance, clock_mono_us(e->clock));
    lock_take(&e->mu);
    while (!e->stop_chores) {
        while (make_spare(&c) || recover_one(&c))
            continue;
        seal_by_age(&c);
        sync_relaxed(&c);
        lock_drop(&e->mu);
        without_lock(&c);
        lock_take(&e->mu);
        bool urgent = !list_empty(&e->parked) && e->spare_count == 0 && now_us(&c) >= c.spare_at_us;
        if (!e->stop_chores && !urgent)
            signal_wait_ms(&e->chore, &e->mu, turn_ms);
    }
    lock_drop(&e->mu);
}

void chores_start(struct engine *e)
{
    thread_start(&e->chores, THREAD_HOUSEKEEPING, "log-chores", chores_run, e);
}

void chores_stop(struct engine *e)
{
    lock_take(&e->mu);
    e->stop_chores = true;
    signal_all(&e->chore);
    lock_drop(&e->mu);
    thread_join(&e->chores);
}
