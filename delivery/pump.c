/* pump.c: one delivery stream on one thread: follows its view and its source, and has a lane for each of the source's shards that is this thread's.
 *
 *   look: the source by name --> follow: each new view of it: a lane for each shard that has none; shards that the reaper took lose theirs, and their rows
 *   the source is being deleted: lanes stand where they are, the last error says so; a stream made anew under the name begins anew
 *
 * Children do not wait for their parents: objects of different shards have no order among each other. A shard that was closed keeps its cursor's row, so that
 * it does not begin again after a restart.
 *
 * Thread: its delivery thread; on_change the catalog's. */
#include "delivery/pump_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "delivery/engine_internal.h"
#include "delivery/source.h"

#include <stdatomic.h>
#include <stdio.h>

enum { FRESHNESS_MS = 100 };

struct flush_target {
    uint32_t shard;
    uint64_t to;
};
struct flush_part {
    struct list node;
    struct pump *pump;
    struct engine_order *order;
    struct loop_timer deadline;
    uint32_t count;
    struct flush_target targets[];
};

void pump_note(struct pump *p, const char *format, ...)
{
    char text[DELIVERY_ERROR_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    delivery_note_error(p->run->delivery, text);
    TRACE_SELDOM(TRACE_WARN, "delivery", "%s: %s", p->rules->view->name, text);
}

/* ---- destinations ---- */

struct destination *pump_destination(struct pump *p, enum delivery_kind kind)
{
    struct destination **place = &p->to[kind];
    struct engine_thread *t = p->t;
    const struct destination_settings settings = {
        .engine = &t->engine->settings,
        .delivery = p->delivery,
        .loop = t->loop,
        .web = t->web,
        .clock = t->engine->settings.clock,
    };
    struct fault f = {0};
    const struct destination_ops *ops = t->engine->destination_of(kind);
    enum status st = OK;
    if (!*place && !ops)
        st = fault_set(&f, UNSUPPORTED, "this kind of destination is not served");
    else if (!*place)
        st = ops->open(&settings, place, &f);
    if (st != OK) {
        *place = NULL;
        pump_note(p, "%s", f.text);
        engine_look_soon(t); /* tries again */
    }
    return *place;
}

static void close_destinations(struct pump *p)
{
    for (int kind = 0; kind < DELIVERY_KINDS; kind++) {
        struct destination *d = p->to[kind];
        if (d)
            d->ops->close(d);
        p->to[kind] = NULL;
    }
}

/* ---- flushes and freshness ---- */

static struct lane *lane_of(const struct pump *p, uint32_t shard)
{
    LIST_EACH(node, keep, &p->lanes)
    {
        struct lane *l = LIST_OWNER(node, struct lane, node);
        if (l->shard->index == shard)
            return l;
    }
    return NULL;
}

static bool is_flushed(const struct flush_part *part)
{
    for (uint32_t i = 0; i < part->count; i++) {
        struct lane *l = lane_of(part->pump, part->targets[i].shard);
        if (l && lane_cursor(l) < part->targets[i].to)
            return false;
    }
    return part->pump->stream != NULL;
}

static void flush_end(struct flush_part *part, enum status st, const char *why)
{
    list_remove(&part->node);
    loop_timer_cancel(part->pump->t->loop, &part->deadline);
    engine_order_fail(part->order, st, why);
    engine_tell(part->order);
    mem_free(part);
}

static void look_at_flushes(struct pump *p)
{
    LIST_EACH(node, keep, &p->flushes)
    {
        struct flush_part *part = LIST_OWNER(node, struct flush_part, node);
        if (is_flushed(part))
            flush_end(part, OK, "");
    }
}

static void on_deadline(struct loop_timer *timer)
{
    struct flush_part *part = LIST_OWNER(timer, struct flush_part, deadline);
    char why[DELIVERY_ERROR_BYTES];
    delivery_last_error(part->pump->delivery, why);
    flush_end(part, TIMED_OUT, why[0] ? why : "not all of it was delivered in that time");
}

/* Towards its flush_to. */
static void hurry(struct lane *l)
{
    struct fault f = {0};
    if (lane_close_due(l, &f) != OK)
        lane_fail(l, &f);
    l->dirty = true;
    lane_save(l);
    lane_step(l);
}

void pump_flush(struct pump *p, struct engine_order *o, uint64_t within_ms)
{
    uint32_t count = 0;
    LIST_EACH(node, keep, &p->lanes)
    count++;
    struct flush_part *part = mem_must(sizeof(*part) + count * sizeof(struct flush_target));
    part->pump = p;
    part->order = o;
    part->deadline.fire = on_deadline;
    LIST_EACH(node, keep, &p->lanes)
    {
        struct lane *l = LIST_OWNER(node, struct lane, node);
        struct log_bounds bounds;
        log_bounds(l->shard->log, &bounds);
        part->targets[part->count++] = (struct flush_target){l->shard->index, bounds.end};
        l->flush_to = bounds.end;
    }
    list_append(&p->flushes, &part->node);
    loop_timer_set(p->t->loop, &part->deadline, within_ms);
    LIST_EACH(node, keep, &p->lanes)
    hurry(LIST_OWNER(node, struct lane, node));
    look_at_flushes(p); /* which may be the end of it */
}

static void publish_oldest(struct pump *p)
{
    uint64_t oldest = 0;
    LIST_EACH(node, keep, &p->lanes)
    {
        uint64_t ms = lane_oldest_ms(LIST_OWNER(node, struct lane, node));
        if (ms && (!oldest || ms < oldest))
            oldest = ms;
    }
    struct run *r = p->run;
    atomic_store(&r->oldest_ms[p->t->index], oldest);
    oldest = 0;
    uint64_t partitions = 0;
    for (uint32_t i = 0; i < r->threads; i++) {
        uint64_t ms = atomic_load(&r->oldest_ms[i]);
        if (ms && (!oldest || ms < oldest))
            oldest = ms;
    }
    LIST_EACH(node, keep, &p->lanes)
    partitions += LIST_OWNER(node, struct lane, node)->partitions;
    struct delivery_counters *c = delivery_counters(p->delivery);
    atomic_store(&c->oldest_ms, oldest);
    if (view_partitions(p->rules->view))
        atomic_store(&c->partitions, partitions);
}

/* A lane that stands still stays the last error, however well the others do. */
static void on_fresh(struct loop_timer *timer)
{
    struct pump *p = LIST_OWNER(timer, struct pump, fresh);
    publish_oldest(p);
    LIST_EACH(node, keep, &p->lanes)
    {
        struct lane *l = LIST_OWNER(node, struct lane, node);
        if (l->failed)
            delivery_note_error(p->delivery, l->why);
    }
}

void pump_moved(struct pump *p)
{
    look_at_flushes(p);
    if (!p->fresh.armed && !p->ending)
        loop_timer_set(p->t->loop, &p->fresh, FRESHNESS_MS);
}

/* ---- rows of shards that are no more ---- */

struct forgetting {
    struct delivery_change change;
};

static void on_forgotten(struct delivery_change *c)
{
    struct forgetting *f = LIST_OWNER(c, struct forgetting, change);
    if (c->status != OK)
        trace(TRACE_WARN, "delivery", "rows of a removed shard stay: %s", c->fault.text);
    delivery_change_fini(c);
    mem_free(f);
}

void pump_forget(struct pump *p, uint32_t shard)
{
    struct forgetting *f = MEM_NEW(struct forgetting);
    delivery_change_init(&f->change, on_forgotten);
    rows_remove(&f->change, p->run->number, &shard);
    delivery_store_submit(p->t->engine->settings.store, &f->change);
}

/* ---- the source ---- */

/* Thread: the catalog's, under the stream's lock. */
static void on_change(struct stream_waiter *w)
{
    struct pump *p = LIST_OWNER(w, struct pump, waiter);
    p->sent = true;
    loop_send(p->t->loop, &p->changed);
}

static struct stream *find_source(const struct pump *p)
{
    return source_find(p->t->engine->settings.streams, p->rules->view);
}

static bool is_there(const struct stream_view *v, uint32_t shard)
{
    return stream_view_shard(v, shard) != NULL;
}

static void start_lanes(struct pump *p)
{
    for (uint32_t i = 0; i < p->source->shard_count; i++) {
        struct shard *shard = p->source->shards[i];
        if (shard->state == SHARD_PENDING || !shard->log || lane_of(p, shard->index) ||
            !engine_owns(p->t, p->run->number, shard->index))
            continue;
        lane_step(lane_new(p, shard, &p->rows));
    }
    LIST_EACH(node, keep, &p->rows)
    {
        struct stored_row *row = LIST_OWNER(node, struct stored_row, node);
        if (is_there(p->source, row->shard))
            continue;
        pump_forget(p, row->shard);
        stored_row_free(row);
    }
}

static void arm(struct pump *p)
{
    p->waiting = true;
    p->sent = false;
    stream_wait(p->stream, p->source->version, &p->waiter);
}

static void look_later(struct pump *p, const char *why)
{
    pump_note(p, "its source %s", why);
    loop_timer_set(p->t->loop, &p->look, RETRY_MS);
}

/* Its shard is no more: nor are its rows, once what it has under way is written. */
static void drop_lane(struct pump *p, struct lane *l)
{
    uint32_t index = l->shard->index;
    if (l->ending)
        return;
    lane_end(l); /* which may be the last of it */
    pump_forget(p, index);
}

static void follow(struct pump *p)
{
    if (p->source->settings.status == STREAM_DELETING) {
        look_later(p, "is being deleted");
        return;
    }
    LIST_EACH(node, keep, &p->lanes)
    {
        struct lane *l = LIST_OWNER(node, struct lane, node);
        if (!is_there(p->source, l->shard->index))
            drop_lane(p, l);
    }
    start_lanes(p);
    pump_moved(p);
}

static void look(struct pump *p)
{
    struct stream *found = find_source(p);
    if (!found) {
        look_later(p, "does not exist");
        return;
    }
    p->stream = found;
    p->source = stream_look(found);
    arm(p);
    follow(p);
}

static void leave_source(struct pump *p)
{
    if (!p->stream)
        return;
    if (p->waiting) {
        stream_cancel(p->stream, &p->waiter);
        p->waiting = p->sent;
    }
    stream_view_unref(p->source);
    stream_unref(p->stream);
    p->stream = NULL;
    p->source = NULL;
}

static bool finish(struct pump *p);

/* The source was not there, or goes: there may be another of its name by now. */
static void on_look(struct loop_timer *timer)
{
    struct pump *p = LIST_OWNER(timer, struct pump, look);
    if (!p->stream) {
        look(p);
        return;
    }
    struct stream *found = find_source(p);
    bool another = found && found != p->stream;
    if (found)
        stream_unref(found);
    if (!another) {
        loop_timer_set(p->t->loop, &p->look, RETRY_MS);
        return;
    }
    p->guard++;
    LIST_EACH(node, keep, &p->lanes)
    drop_lane(p, LIST_OWNER(node, struct lane, node));
    p->guard--;
    if (!list_empty(&p->lanes)) {
        loop_timer_set(p->t->loop, &p->look, RETRY_MS);
        return;
    }
    leave_source(p);
    if (!p->waiting)
        look(p);
    else
        loop_timer_set(p->t->loop, &p->look, RETRY_MS);
}

static void on_changed(struct message *m)
{
    struct pump *p = LIST_OWNER(m, struct pump, changed);
    p->waiting = p->sent = false;
    if (finish(p) || !p->stream || p->ending)
        return;
    stream_view_unref(p->source);
    p->source = stream_look(p->stream);
    arm(p);
    follow(p);
}

/* ---- life ---- */

void pump_new(struct engine_thread *t, struct run *run, struct list *rows)
{
    struct pump *p = MEM_NEW(struct pump);
    p->t = t;
    p->run = run;
    atomic_fetch_add(&run->refs, 1);
    p->delivery = run->delivery;
    p->rules = pump_rules_new(delivery_look(run->delivery), t->engine->settings.conversions);
    p->waiter.wake = on_change;
    list_init(&p->waiter.node);
    p->changed.handle = on_changed;
    p->look.fire = on_look;
    p->fresh.fire = on_fresh;
    list_init(&p->lanes);
    list_init(&p->rows);
    list_init(&p->flushes);
    list_splice(&p->rows, rows);
    list_append(&t->pumps, &p->node);
    look(p);
}

void pump_set(struct pump *p)
{
    struct delivery_view *v = delivery_look(p->delivery);
    if (p->ending || v->version == p->rules->view->version) { /* tags are nothing to lanes */
        delivery_view_unref(v);
        return;
    }
    pump_rules_unref(p->rules);
    p->rules = pump_rules_new(v, p->t->engine->settings.conversions);
    LIST_EACH(node, keep, &p->lanes)
    lane_step(LIST_OWNER(node, struct lane, node));
}

/* Frees it when it ends and nothing of it is under way; whether it did. */
static bool finish(struct pump *p)
{
    if (!p->ending || p->guard > 0 || !list_empty(&p->lanes) || p->waiting)
        return false;
    struct engine_thread *t = p->t;
    leave_source(p);
    LIST_EACH(node, keep, &p->rows)
    stored_row_free(LIST_OWNER(node, struct stored_row, node));
    pump_rules_unref(p->rules);
    list_remove(&p->node);
    run_unref(p->run);
    if (p->ended)
        engine_tell(p->ended);
    mem_free(p);
    engine_thread_look(t);
    return true;
}

void pump_lane_ended(struct pump *p)
{
    (void)finish(p);
}

void pump_end(struct pump *p, struct engine_order *told)
{
    p->ending = true;
    p->ended = told;
    p->guard++;
    loop_timer_cancel(p->t->loop, &p->look);
    loop_timer_cancel(p->t->loop, &p->fresh);
    atomic_store(&p->run->oldest_ms[p->t->index], 0);
    LIST_EACH(node, keep, &p->flushes)
    flush_end(LIST_OWNER(node, struct flush_part, node), CLOSING, "the delivery stream ends");
    LIST_EACH(node, keep, &p->lanes)
    lane_end(LIST_OWNER(node, struct lane, node));
    close_destinations(p);
    if (p->waiting) {
        stream_cancel(p->stream, &p->waiter);
        p->waiting = p->sent;
    }
    p->guard--;
    (void)finish(p);
}
