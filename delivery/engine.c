/* engine.c: threads, and the orders that delivery-control gives them.
 *
 * A delivery stream has a pump on each thread; a lane belongs to the thread that its number and shard are hashed to, for life. An order goes to all threads as a message each; the
 * thread that does the last part tells. Rows of a delivery stream are read once, when it is first set, by delivery-control: the threads never wait for the disk.
 *
 * Memory (F5): all that lanes hold is counted. A quarter of it is set apart: a lane that holds little may read on while others, whose destination is down, have used up the
 * rest (F6).
 *
 * Thread: delivery-control for the orders; on_part and below the threads' own. */
#include "delivery/engine_internal.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS_MAX = 4 };

/* ---- memory ---- */

void engine_charge(struct lane *l, uint64_t *held, uint64_t now)
{
    if (*held == now)
        return;
    atomic_fetch_add(&l->pump->t->engine->memory, now - *held);
    l->memory += now - *held;
    *held = now;
}

bool engine_may_read(const struct lane *l)
{
    struct delivery_engine *e = l->pump->t->engine;
    uint64_t most = e->settings.memory_max, used = atomic_load(&e->memory);
    uint32_t lanes = atomic_load(&e->lanes);
    if (used < most / 4 * 3)
        return true;
    return used < most && l->memory <= most / 4 / (lanes ? lanes : 1);
}

/* ---- rows of a former life ---- */

struct loading {
    struct delivery_engine *engine;
    struct engine_order *order;
    enum delivery_row kind;
};

void stored_row_free(struct stored_row *r)
{
    list_remove(&r->node);
    delivery_view_unref(r->view);
    mem_free(r);
}

static enum status load_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct loading *g = arg;
    uint32_t shard;
    struct bytes output;
    if (!row_key_parse(g->kind, key, &shard, &output))
        return fault_set(f, CORRUPT, "a row of a delivery cannot be read");
    struct stored_row *row = mem_try(sizeof(*row) + output.len + value.len);
    if (!row)
        return fault_set(f, NO_MEMORY, "no memory for a row of a delivery");
    *row = (struct stored_row){.kind = g->kind, .shard = shard};
    if (output.len)
        memcpy(row->bytes, output.at, output.len);
    memcpy(row->bytes + output.len, value.at, value.len);
    row->output = bytes_of(row->bytes, output.len);
    row->value = bytes_of(row->bytes + output.len, value.len);
    list_init(&row->node);
    uint64_t number = g->order->run->number;
    if (g->kind == ROW_RULES) {
        enum status st = delivery_view_read(number, row->value, &row->view, f);
        if (st != OK) {
            stored_row_free(row);
            return st;
        }
    }
    for (uint32_t i = 0; i < g->engine->count; i++)
        if (engine_owns(&g->engine->threads[i], number, shard))
            list_append(&g->order->parts[i].rows, &row->node);
    return OK;
}

static enum status load_rows(struct delivery_engine *e, struct engine_order *o, struct fault *f)
{
    struct loading g = {.engine = e, .order = o};
    struct buf prefix;
    buf_init(&prefix, 256);
    enum status st = OK;
    for (int kind = ROW_CURSOR; kind < ROW_KINDS && st == OK; kind++) {
        g.kind = (enum delivery_row)kind;
        buf_clear(&prefix);
        row_prefix(g.kind, o->run->number, &prefix);
        must(prefix.status == OK);
        st = delivery_store_each(e->settings.store, buf_view(&prefix), load_row, &g, f);
    }
    buf_fini(&prefix);
    return st;
}

/* ---- orders ---- */

bool engine_owns(const struct engine_thread *t, uint64_t number, uint32_t shard)
{
    uint64_t hash = (number * 0x9e3779b97f4a7c15ull) ^ (shard * 0xbf58476d1ce4e5b9ull);
    return (hash >> 32) % t->engine->count == t->index;
}

void run_unref(struct run *r)
{
    if (atomic_fetch_sub(&r->refs, 1) > 1)
        return;
    delivery_unref(r->delivery);
    mem_free(r);
}

void engine_order_fail(struct engine_order *o, enum status st, const char *why)
{
    int none = OK;
    if (st != OK && atomic_compare_exchange_strong(&o->status, &none, (int)st))
        (void)fault_set(&o->fault, st, "%s", why);
}

void engine_tell(struct engine_order *o)
{
    if (atomic_fetch_sub(&o->left, 1) > 1)
        return;
    if (o->ended)
        o->ended(o->arg);
    if (o->flushed)
        o->flushed(o->arg, (enum status)atomic_load(&o->status), &o->fault);
    run_unref(o->run);
    mem_free(o);
}

static struct pump *pump_of(struct engine_thread *t, const struct run *run)
{
    LIST_EACH(node, keep, &t->pumps)
    {
        struct pump *p = LIST_OWNER(node, struct pump, node);
        if (p->run == run)
            return p;
    }
    return NULL;
}

static void on_part(struct message *m)
{
    struct order_part *part = LIST_OWNER(m, struct order_part, message);
    struct engine_order *o = part->order;
    struct engine_thread *t = part->t;
    struct pump *p = pump_of(t, o->run);
    if (o->kind == ORDER_SET && !t->stopping) {
        if (p)
            pump_set(p);
        else
            pump_new(t, o->run, &part->rows);
    } else if (o->kind == ORDER_REMOVE && p && !p->ending) {
        pump_end(p, o);
        return;
    } else if (o->kind == ORDER_FLUSH && p && !p->ending) {
        pump_flush(p, o, o->within_ms);
        return;
    } else if (o->kind == ORDER_FLUSH) {
        engine_order_fail(o, CLOSING, "the delivery stream ends");
    }
    engine_tell(o);
}

static struct engine_order *order_new(struct delivery_engine *e, enum order_kind kind,
                                      struct run *run, void *arg)
{
    struct engine_order *o = mem_must(sizeof(*o) + e->count * sizeof(struct order_part));
    o->kind = kind;
    o->run = run;
    o->arg = arg;
    o->left = e->count;
    atomic_fetch_add(&run->refs, 1);
    for (uint32_t i = 0; i < e->count; i++) {
        o->parts[i] =
            (struct order_part){.message.handle = on_part, .t = &e->threads[i], .order = o};
        list_init(&o->parts[i].rows);
    }
    return o;
}

/* One that was not sent. */
static void order_free(struct delivery_engine *e, struct engine_order *o)
{
    for (uint32_t i = 0; i < e->count; i++) {
        LIST_EACH(node, keep, &o->parts[i].rows)
        stored_row_free(LIST_OWNER(node, struct stored_row, node));
    }
    run_unref(o->run);
    mem_free(o);
}

/* The order may be gone before this returns. */
static void order_send(struct delivery_engine *e, struct engine_order *o)
{
    for (uint32_t i = 0; i < e->count; i++)
        loop_send(e->threads[i].loop, &o->parts[i].message);
}

static struct run *run_of(struct delivery_engine *e, uint64_t number)
{
    LIST_EACH(node, keep, &e->runs)
    {
        struct run *r = LIST_OWNER(node, struct run, node);
        if (r->number == number)
            return r;
    }
    return NULL;
}

static uint64_t number_of(struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    uint64_t number = v->number;
    delivery_view_unref(v);
    return number;
}

static struct run *run_new(struct delivery_engine *e, struct delivery *d, uint64_t number)
{
    struct run *r = mem_must(sizeof(*r) + e->count * sizeof(r->oldest_ms[0]));
    r->refs = 1;
    r->delivery = delivery_ref(d);
    r->number = number;
    r->threads = e->count;
    list_init(&r->node);
    return r;
}

static enum status begin(struct delivery_engine *e, struct delivery *d, uint64_t number)
{
    struct fault f = {0};
    struct run *r = run_new(e, d, number);
    struct engine_order *o = order_new(e, ORDER_SET, r, NULL);
    enum status st = load_rows(e, o, &f);
    if (st == OK) {
        list_append(&e->runs, &r->node);
        order_send(e, o);
        return OK;
    }
    TRACE_SELDOM(TRACE_ERROR, "delivery", "delivery stream %llu does not run: %s",
                 (unsigned long long)number, f.text);
    delivery_note_error(d, f.text);
    order_free(e, o);
    run_unref(r);
    return st;
}

enum status delivery_engine_set(struct delivery_engine *e, struct delivery *d)
{
    uint64_t number = number_of(d);
    struct run *r = run_of(e, number);
    if (!r)
        return begin(e, d, number);
    order_send(e, order_new(e, ORDER_SET, r, NULL));
    return OK;
}

void delivery_engine_remove(struct delivery_engine *e, struct delivery *d, void (*done)(void *),
                            void *arg)
{
    struct run *r = run_of(e, number_of(d));
    if (!r) {
        done(arg);
        return;
    }
    struct engine_order *o = order_new(e, ORDER_REMOVE, r, arg);
    o->ended = done;
    list_remove(&r->node);
    run_unref(r);
    order_send(e, o);
}

void delivery_engine_flush(struct delivery_engine *e, struct delivery *d, uint64_t within_ms,
                           void (*done)(void *, enum status, const struct fault *), void *arg)
{
    struct run *r = run_of(e, number_of(d));
    if (!r) {
        struct fault f = {0};
        done(arg, fault_set(&f, NOT_FOUND, "the delivery stream does not run"), &f);
        return;
    }
    struct engine_order *o = order_new(e, ORDER_FLUSH, r, arg);
    o->flushed = done;
    o->within_ms = within_ms;
    order_send(e, o);
}

/* ---- threads ---- */

void engine_thread_look(struct engine_thread *t)
{
    if (t->stopping && list_empty(&t->pumps))
        loop_stop(t->loop);
}

static void on_stop(struct message *m)
{
    struct engine_thread *t = LIST_OWNER(m, struct engine_thread, stop);
    t->stopping = true;
    loop_timer_cancel(t->loop, &t->pause);
    LIST_EACH(node, keep, &t->pumps)
    {
        struct pump *p = LIST_OWNER(node, struct pump, node);
        if (!p->ending)
            pump_end(p, NULL);
    }
    engine_thread_look(t);
}

static void on_pause(struct loop_timer *timer)
{
    struct engine_thread *t = LIST_OWNER(timer, struct engine_thread, pause);
    thread_send(t);
    LIST_EACH(node, keep, &t->pumps)
    {
        struct pump *p = LIST_OWNER(node, struct pump, node);
        LIST_EACH(lane, next, &p->lanes)
        {
            struct lane *l = LIST_OWNER(lane, struct lane, node);
            if (l->hungry)
                lane_step(l);
        }
    }
}

void engine_look_soon(struct engine_thread *t)
{
    if (!t->pause.armed && !t->stopping)
        loop_timer_set(t->loop, &t->pause, PAUSE_MS);
}

static void run_thread(void *arg)
{
    struct engine_thread *t = arg;
    loop_run(t->loop);
    web_free(t->web);
    t->web = NULL;
}

static enum status thread_open(struct delivery_engine *e, uint32_t index, struct fault *f)
{
    struct engine_thread *t = &e->threads[index];
    t->engine = e;
    t->index = index;
    t->stop.handle = on_stop;
    t->pause.fire = on_pause;
    list_init(&t->pumps);
    list_init(&t->senders);
    enum status st = loop_new(&t->loop, e->settings.clock, f);
    if (st != OK)
        return st;
    const struct web_settings web = {.loop = t->loop, .ca_file = e->settings.ca_file};
    return web_new(&web, &t->web, f);
}

static void thread_close(struct engine_thread *t)
{
    if (t->thread.started) {
        loop_send(t->loop, &t->stop);
        thread_join(&t->thread);
    }
    if (t->web)
        web_free(t->web);
    loop_free(t->loop);
}

static uint32_t threads_of(const struct delivery_engine_settings *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = s->threads ? s->threads : cores > 1 ? (uint32_t)cores : 1;
    return count > THREADS_MAX ? THREADS_MAX : count;
}

enum status delivery_engine_open(const struct delivery_engine_settings *s,
                                 struct delivery_engine **out, struct fault *f)
{
    *out = NULL;
    struct delivery_engine *e = MEM_NEW(struct delivery_engine);
    e->settings = *s;
    e->destination_of = s->destination_of ? s->destination_of : destination_of;
    e->count = threads_of(s);
    e->threads = mem_must(e->count * sizeof(*e->threads));
    list_init(&e->runs);
    enum status st = OK;
    for (uint32_t i = 0; i < e->count && st == OK; i++)
        st = thread_open(e, i, f);
    if (st != OK) {
        delivery_engine_close(e);
        return st;
    }
    for (uint32_t i = 0; i < e->count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "delivery-%u", i);
        thread_start(&e->threads[i].thread, THREAD_DELIVERY, name, run_thread, &e->threads[i]);
    }
    *out = e;
    return OK;
}

void delivery_engine_close(struct delivery_engine *e)
{
    if (!e)
        return;
    for (uint32_t i = 0; i < e->count; i++)
        thread_close(&e->threads[i]);
    LIST_EACH(node, keep, &e->runs)
    {
        struct run *r = LIST_OWNER(node, struct run, node);
        list_remove(&r->node);
        run_unref(r);
    }
    mem_free(e->threads);
    mem_free(e);
}
