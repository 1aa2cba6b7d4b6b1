/* lane_save.c: what a lane has on disk. One change is under way at a time; whatever happens meanwhile goes into the next.
 *
 *   PLAN_NEW --put--> PLAN_SAVING --synced--> PLAN_READY: may be sent (F3)
 *   PLAN_SENT --removed, in order of its output; the mark moves--> PLAN_REMOVING --synced--> gone
 *   the cursor: the lowest offset that an output still holds something of (F2)
 *
 * An output's plans are removed in their order, so its mark never passes one that is under way. A mark is stored only while it is ahead of the cursor.
 *
 * Thread: the lane's; on_done the store's. */
#include "delivery/pump_internal.h"

#include "base/trace.h"

static void on_done(struct delivery_change *c)
{
    struct lane *l = LIST_OWNER(c, struct lane, change);
    loop_send(l->pump->t->loop, &l->saved);
}

static void free_idle_outputs(struct lane *l)
{
    LIST_EACH(node, keep, &l->output_list)
    {
        struct output *o = LIST_OWNER(node, struct output, node);
        if (output_is_idle(o) && o->mark.offset <= l->cursor)
            output_free(o);
    }
}

static void settle_plan(struct plan *p, bool synced)
{
    if (p->state == PLAN_REMOVING && synced)
        plan_free(p);
    else if (p->state == PLAN_REMOVING)
        p->state = PLAN_SENT;
    else if (p->state == PLAN_SAVING && synced)
        plan_send_ready(p);
    else if (p->state == PLAN_SAVING)
        p->state = PLAN_NEW;
}

static void settle_output(struct output *o, bool synced)
{
    if (!synced) { /* what is stored of it is not known any more */
        o->mark_stored = true;
        o->stored_mark = (struct position){0};
    }
    LIST_EACH(node, keep, &o->plans)
    settle_plan(LIST_OWNER(node, struct plan, node), synced);
}

/* Whatever it was, all of it is stored now, or none. */
static void settle_change(struct lane *l, bool synced)
{
    if (!synced && !l->ending) {
        pump_note(l->pump, "the progress of a delivery cannot be stored: %s", l->change.fault.text);
        l->rules_stored = false;
        l->dirty = l->save_failed = true;
        loop_timer_set(l->pump->t->loop, &l->idle_save, RETRY_MS);
    }
    delivery_change_fini(&l->change);
    if (synced)
        l->cursor = l->saving_cursor;
    LIST_EACH(node, keep, &l->output_list)
    settle_output(LIST_OWNER(node, struct output, node), synced);
}

static void on_saved(struct message *m)
{
    struct lane *l = LIST_OWNER(m, struct lane, saved);
    bool synced = l->change.status == OK;
    l->saving = false;
    settle_change(l, synced);
    if (lane_settle(l))
        return;
    if (synced) {
        free_idle_outputs(l);
        lane_save(l);
    }
    lane_step(l);
    pump_moved(l->pump);
}

static void put_row(struct lane *l, enum delivery_row kind, const char *output,
                    struct position first, struct bytes value)
{
    struct buf key;
    buf_init(&key, SIZE_MAX / 2);
    row_key(kind, l->rules->view->number, l->shard->index, output, first, &key);
    if (key.status != OK)
        l->short_of_memory = true;
    else if (bytes_present(value))
        delivery_change_put(&l->change, buf_view(&key), value);
    else
        delivery_change_remove(&l->change, buf_view(&key));
    buf_fini(&key);
}

static void put_place(struct lane *l, enum delivery_row kind, const char *output,
                      struct position next)
{
    const struct place_row row = {.next = next, .stream = l->stream};
    struct buf value;
    buf_init(&value, 256);
    place_write(&row, &value);
    if (value.status == OK)
        put_row(l, kind, output, (struct position){0}, buf_view(&value));
    else
        l->short_of_memory = true;
    buf_fini(&value);
}

static void put_plan(struct lane *l, struct plan *p)
{
    struct buf value;
    buf_init(&value, SIZE_MAX / 2);
    if (plan_write(&p->facts, &value) == OK)
        put_row(l, ROW_PLAN, p->output->name, p->facts.first, buf_view(&value));
    else
        l->short_of_memory = true;
    p->state = PLAN_SAVING;
    buf_fini(&value);
}

/* New plans, and those at the head that were sent. */
static bool save_plans(struct lane *l, struct output *o)
{
    bool any = false, at_head = true;
    LIST_EACH(node, keep, &o->plans)
    {
        struct plan *p = LIST_OWNER(node, struct plan, node);
        if (p->state == PLAN_NEW) {
            put_plan(l, p);
            any = true;
        }
        at_head = at_head && p->state == PLAN_SENT;
        if (!at_head)
            continue;
        put_row(l, ROW_PLAN, o->name, p->facts.first, BYTES_NONE);
        p->state = PLAN_REMOVING;
        if (!p->given_up)
            o->mark = position_after(p->facts.last);
        any = true;
    }
    return any;
}

static bool save_mark(struct lane *l, struct output *o, uint64_t cursor)
{
    bool ahead = o->mark.offset >= cursor && (o->mark.offset > 0 || o->mark.sub > 0);
    if (ahead && (!o->mark_stored || position_before(o->stored_mark, o->mark))) {
        put_place(l, ROW_MARK, o->name, o->mark);
        o->mark_stored = true;
        o->stored_mark = o->mark;
        return true;
    }
    if (!ahead && o->mark_stored) {
        put_row(l, ROW_MARK, o->name, (struct position){0}, BYTES_NONE);
        o->mark_stored = false;
        return true;
    }
    return false;
}

static struct position held_from(const struct output *o)
{
    LIST_EACH(node, keep, &o->plans)
    {
        const struct plan *p = LIST_OWNER(node, struct plan, node);
        if (p->state != PLAN_REMOVING)
            return p->facts.first;
    }
    return o->is_filling ? o->filling.first : (struct position){UINT64_MAX, 0};
}

uint64_t lane_cursor(const struct lane *l)
{
    uint64_t cursor = l->handed;
    LIST_EACH(node, keep, &l->output_list)
    {
        uint64_t from = held_from(LIST_OWNER(node, struct output, node)).offset;
        cursor = from < cursor ? from : cursor;
    }
    return cursor;
}

/* R2 of lane_rules.c */
static void put_rules(struct lane *l)
{
    struct bytes text;
    if (!l->rules_stored && pump_rules_text(l->rules, &text))
        put_row(l, ROW_RULES, NULL, (struct position){0}, text);
    else
        l->short_of_memory = l->short_of_memory || !l->rules_stored;
    l->rules_stored = true;
}

void lane_save(struct lane *l)
{
    if (l->saving || l->ending || !l->placed || l->save_failed)
        return;
    delivery_change_init(&l->change, on_done);
    l->short_of_memory = false;
    bool any = false;
    LIST_EACH(node, keep, &l->output_list)
    any = save_plans(l, LIST_OWNER(node, struct output, node)) || any;
    uint64_t cursor = lane_cursor(l);
    if (!any &&
        !l->dirty) { /* nothing but a cursor that moved over what needed no delivery: later */
        delivery_change_fini(&l->change);
        return;
    }
    LIST_EACH(node, keep, &l->output_list)
    any = save_mark(l, LIST_OWNER(node, struct output, node), cursor) || any;
    if (cursor != l->cursor) {
        put_place(l, ROW_CURSOR, NULL, (struct position){cursor, 0});
        any = true;
    }
    l->dirty = false;
    l->saving_cursor = cursor;
    if (!any) {
        delivery_change_fini(&l->change);
        return;
    }
    put_rules(l);
    if (l->short_of_memory) { /* not a part of it */
        fault_set(&l->change.fault, NO_MEMORY, "no memory");
        settle_change(l, false);
        return;
    }
    l->saving = true;
    delivery_store_submit(l->pump->t->engine->settings.store, &l->change);
}

static void on_idle_save(struct loop_timer *timer)
{
    struct lane *l = LIST_OWNER(timer, struct lane, idle_save);
    l->dirty = true;
    l->save_failed = false;
    lane_save(l);
}

void lane_save_later(struct lane *l)
{
    if (!l->saving && !l->idle_save.armed && l->placed && lane_cursor(l) != l->cursor)
        loop_timer_set(l->pump->t->loop, &l->idle_save, CURSOR_IDLE_MS);
}

void lane_save_init(struct lane *l)
{
    l->saved.handle = on_saved;
    l->idle_save.fire = on_idle_save;
}
