/* volume.c: where appends queue up: one queue for each retention class.
 *
 * Logs whose batches will go at about the same time write to the same segment, so that it can go as a whole, and so that one
 * sync serves all of them. A volume with appends is ready until a committer takes it; it is parked while it waits for a fresh
 * segment or for memory that a seal gives back.
 *
 * A log whose retention changes moves to another volume, but only when none of its appends is queued or in flight in the old
 * one: until then new ones wait at its side. So the order of its offsets holds.
 *
 * I1. A log's appends reach a committer in the order in which they were queued (L2).
 * I2. A refused append was never queued: refusals are complete before log_append_all returns.
 * I3. At most queue_bytes_max wait or are in flight, or one append alone.
 *
 * Left to others: writing them (group_commit.c). Thread: any, under mu. */
#include "shards/engine_internal.h"

#include "base/mem.h"
#include "base/must.h"

struct volume *volume_of_class(struct engine *e, uint32_t class)
{
    must(lock_is_mine(&e->mu) && class < RETENTION_CLASSES);
    if (!e->volumes[class]) {
        struct volume *v = MEM_NEW(struct volume);
        v->engine = e;
        v->class = class;
        list_init(&v->queue);
        list_init(&v->node);
        e->volumes[class] = v;
    }
    return e->volumes[class];
}

void volume_ready(struct volume *v)
{
    if (v->busy || v->waiting || (list_empty(&v->queue) && !v->sync_due))
        return;
    v->waiting = true;
    list_append(&v->engine->ready, &v->node);
    signal_one(&v->engine->work);
}

void volume_park(struct volume *v)
{
    must(!v->busy && !v->waiting);
    v->waiting = true;
    list_append(&v->engine->parked, &v->node);
    signal_all(&v->engine->chore);
}

void volumes_unpark(struct engine *e)
{
    if (list_empty(&e->parked))
        return;
    list_splice(&e->ready, &e->parked);
    signal_all(&e->work);
}

void volume_seal(struct volume *v)
{
    struct segment *s = v->active;
    must(!v->busy);
    if (!s || s->bytes == 0)
        return;
    v->active = NULL;
    v->unsynced = false;
    segment_to_sealer(s);
}

static void enqueue(struct volume *v, struct log_append *a)
{
    list_append(&v->queue, &a->node);
    v->queued_bytes += a->body.len;
    engine_log_of(a->log)->queued++;
}

/* The log has nothing in its old volume: what waited at its side goes to the new one. */
static void log_move(struct engine *e, struct engine_log *l)
{
    l->volume = volume_of_class(e, l->class_wanted);
    LIST_EACH (node, keep, &l->side) {
        list_remove(node);
        enqueue(l->volume, LIST_OWNER(node, struct log_append, node));
    }
    volume_ready(l->volume);
}

void log_unqueue(struct engine_log *l, uint64_t count)
{
    struct engine *e = engine_of(l->base.engine);
    must(l->queued >= count);
    l->queued -= count;
    if (l->queued == 0 && l->volume->class != l->class_wanted)
        log_move(e, l);
}

void engine_set_retention(struct log *base, uint32_t hours)
{
    struct engine_log *l = engine_log_of(base);
    struct engine *e = engine_of(base->engine);
    lock_take(&e->mu);
    l->class_wanted = retention_class(hours);
    if (l->queued == 0 && l->volume->class != l->class_wanted)
        log_move(e, l);
    lock_drop(&e->mu);
}

/* OK, or why this append is refused. */
static enum status admit(const struct engine *e, const struct log_append *a)
{
    const struct engine_log *l = engine_log_of(a->log);
    if (e->closing)
        return CLOSING;
    if (l->damaged)
        return CORRUPT;
    if (e->space != OK)
        return e->space;
    if (l->volume->failed != OK)
        return l->volume->failed;
    if (e->queued_bytes && e->queued_bytes + a->body.len > e->set.queue_bytes_max)
        return THROTTLED; /* I3 */
    return OK;
}

void complete_all(struct list *appends)
{
    LIST_EACH (node, keep, appends) {
        struct log_append *a = LIST_OWNER(node, struct log_append, node);
        list_remove(node);
        a->done(a);
    }
}

void engine_append(struct log_engine *base, struct log_append *const *appends, size_t count)
{
    struct engine *e = engine_of(base);
    struct list refused;
    list_init(&refused);
    lock_take(&e->mu);
    for (size_t i = 0; i < count; i++) {
        struct log_append *a = appends[i];
        struct engine_log *l = engine_log_of(a->log);
        must(a->body.len <= APPEND_BYTES_MAX && a->count > 0);
        a->status = admit(e, a);
        if (a->status != OK) {
            list_append(&refused, &a->node);
            continue;
        }
        e->queued_bytes += a->body.len;
        if (l->volume->class != l->class_wanted && l->queued) {
            list_append(&l->side, &a->node); /* I1 */
            continue;
        }
        enqueue(l->volume, a);
        volume_ready(l->volume);
    }
    lock_drop(&e->mu);
    complete_all(&refused); /* I2 */
}

void volume_refuse(struct volume *v, enum status st, struct list *refused)
{
    struct engine *e = v->engine;
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &v->queue);
    v->queued_bytes = 0;
    LIST_EACH (node, keep, &waiting) {
        struct log_append *a = LIST_OWNER(node, struct log_append, node);
        struct engine_log *l = engine_log_of(a->log);
        list_remove(node);
        list_append(refused, node);
        a->status = st;
        e->queued_bytes -= a->body.len;
        log_unqueue(l, 1);
        log_put(e, l);
    }
}
