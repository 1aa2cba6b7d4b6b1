/* lane.c: one shard of one delivery stream: from its log to its outputs, in order.
 *
 *   lane_new: rows of a former life --> under which settings (lane_rules.c), and where it goes on: its cursor; without one, DirectPut: 0; Kinesis: the first record of the start's time (LOG_FIND_TIME)
 *   lane_step: reads while there is room in memory and in the chain; at the end it waits for more (log_waiter)
 *   lane_end: nothing new begins; lane_settle frees it when what was under way came back
 *
 * A read that memory answers is taken at once; one that the disk answers comes back as a message. The lane outlives whatever it has under way: a read, a
 * change, a waker's message, parcels, batches: so no answer ever meets a lane that is gone.
 *
 * Thread: its delivery thread; on_read also a disk reader's, on_more a committer's. */
#include "delivery/pump_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <stdatomic.h>
#include <stdio.h>

enum { READS_A_TURN = 8 };

/* ---- what is under way ---- */

static void on_read(struct log_read *read)
{
    struct lane *l = LIST_OWNER(read, struct lane, read);
    struct loop *loop = l->pump->t->loop;
    if (loop_is_mine(loop))
        l->read_here = true;
    else
        loop_send(loop, &l->read_back);
}

/* Thread: the committer's, under the log engine's lock. */
static void on_more(struct log_waiter *waiter)
{
    struct lane *l = LIST_OWNER(waiter, struct lane, waiter);
    l->sent = true;
    loop_send(l->pump->t->loop, &l->woken);
}

static void on_woken(struct message *m)
{
    struct lane *l = LIST_OWNER(m, struct lane, woken);
    l->waiting = l->sent = false;
    if (!lane_settle(l))
        lane_step(l);
}

static void on_turn(struct message *m)
{
    struct lane *l = LIST_OWNER(m, struct lane, turn);
    l->turning = false;
    if (!lane_settle(l))
        lane_step(l);
}

static void on_again(struct loop_timer *timer)
{
    lane_step(LIST_OWNER(timer, struct lane, again));
}

void lane_fail(struct lane *l, const struct fault *f)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(l->shard->index, id);
    l->failed = true;
    snprintf(l->why, sizeof(l->why), "%s stands still: %.200s", id, f->text);
    pump_note(l->pump, "%s", l->why);
    pump_moved(l->pump);
}

/* ---- reading ---- */

static void read_begin(struct lane *l, bool find)
{
    l->read.log = l->shard->log;
    l->read.kind = find ? LOG_FIND_TIME : LOG_READ_FROM;
    l->read.from = l->next;
    l->read.time_ms = l->rules->view->start_ms;
    l->read.bytes_max = READ_AHEAD_BYTES;
    l->read.count_max = READ_AHEAD_RECORDS;
    l->read.done = on_read;
    l->read.span_count = 0;
    l->read_here = false;
    l->reading = true;
    if (!find) /* what many lanes read at once is not seen before it comes */
        engine_charge(l, &l->read_memory, READ_AHEAD_BYTES);
    log_read(&l->read);
}

static void read_ended(struct lane *l)
{
    l->reading = false;
    engine_charge(l, &l->read_memory, 0);
}

static void wait_for_more(struct lane *l, uint64_t end)
{
    struct log *log = l->shard->log;
    if (l->waiting)
        return;
    l->waiting = true;
    l->sent = false;
    log->engine->ops->wait(log, end, &l->waiter);
}

static void stop_waiting(struct lane *l)
{
    struct log *log = l->shard->log;
    if (!l->waiting)
        return;
    log->engine->ops->cancel(log, &l->waiter);
    l->waiting = l->sent;
}

void lane_read_again(struct lane *l, uint64_t from)
{
    stop_waiting(l);
    l->next = from;
    loop_timer_set(l->pump->t->loop, &l->again, RETRY_MS);
}

/* The log begins behind what was read: retention was faster. */
static enum status note_loss(struct lane *l, uint64_t begin, struct fault *f)
{
    enum status st = OK;
    pump_note(l->pump, "%llu records were past retention before they could be delivered",
              (unsigned long long)(begin - l->next));
    LIST_EACH(node, keep, &l->output_list)
    st = st == OK ? output_lost_below(LIST_OWNER(node, struct output, node), begin, f) : st;
    return st;
}

/* What lies between is lost. Before that counts, what was read is to come out of the chain; then this is read again. */
static bool is_early(const struct lane *l)
{
    return l->read.offset > l->next && l->batch_count > 0;
}

static enum status take_records(struct lane *l, struct fault *f)
{
    if (l->read.offset > l->next && note_loss(l, l->read.offset, f) != OK) {
        log_read_release(&l->read);
        lane_fail(l, f);
        return OK;
    }
    struct lane_batch *b = lane_batch_new(l, f);
    if (!b)
        return f->status;
    struct delivery_counters *c = delivery_counters(l->pump->delivery);
    if (!l->rules->plain)
        lane_batch_process(b);
    l->next = b->next;
    c->read_records += b->process.count;
    for (uint32_t i = 0; i < b->process.count; i++)
        c->read_bytes += b->process.records[i].data.len;
    if (!l->rules->plain)
        return OK;
    b->done = true;
    b->process.status = OK;
    lane_hand_over(l);
    return OK;
}

/* Nothing there, or nothing any more: what the cursor wants may be gone, with all behind it. */
static bool take_end(struct lane *l)
{
    uint64_t end = l->read.offset;
    struct fault f = {0};
    enum status st = end > l->next ? note_loss(l, end, &f) : OK;
    if (end > l->next && st == OK) {
        l->next = l->handed = end;
        LIST_EACH(node, keep, &l->output_list)
        st = st == OK ? output_refilled(LIST_OWNER(node, struct output, node), end, &f) : st;
        st = st == OK ? lane_close_due(l, &f) : st;
        l->dirty = true;
        lane_save(l);
    }
    if (st != OK)
        lane_fail(l, &f);
    else
        wait_for_more(l, l->read.offset);
    return false;
}

static bool may_come_again(enum status st)
{
    return st == THROTTLED || st == NO_MEMORY || st == IO_FAILED || st == CLOSING ||
           st == KEY_NOT_FOUND || st == KEY_DISABLED || st == KEY_DENIED || st == KEY_INVALID;
}

/* What it gave is not wanted now; `again`: it may be read at once. */
static bool is_void(struct lane *l, bool *again)
{
    const struct log_read *read = &l->read;
    bool came = read->status == OK || read->status == END;
    *again = read->kind == LOG_READ_FROM && read->from != l->next; /* lane_read_again */
    if (!*again && !(came && is_early(l)))
        return false;
    if (came)
        log_read_release(&l->read);
    return true;
}

/* False: not now. */
static bool take_read(struct lane *l)
{
    struct log_read *read = &l->read;
    struct fault f = read->fault;
    enum status st = read->status;
    bool again;
    read_ended(l);
    if (is_void(l, &again))
        return again;
    if (st == OK && read->kind == LOG_READ_FROM) {
        st = take_records(l, &f);
    } else if (read->kind == LOG_FIND_TIME && (st == OK || st == END)) {
        l->next = l->handed = read->offset;
        l->placed = true;
        st = OK;
    } else if (st == END) {
        return take_end(l);
    }
    if (st == OK)
        return !l->failed;
    f.status = st;
    if (may_come_again(st)) {
        pump_note(l->pump, "its source cannot be read: %s", f.text[0] ? f.text : status_name(st));
        loop_timer_set(l->pump->t->loop, &l->again, RETRY_MS);
    } else {
        lane_fail(l, &f);
    }
    return false;
}

static void on_read_back(struct message *m)
{
    struct lane *l = LIST_OWNER(m, struct lane, read_back);
    if (l->ending) {
        read_ended(l);
        if (l->read.status == OK)
            log_read_release(&l->read);
        lane_settle(l);
        return;
    }
    if (take_read(l))
        lane_step(l);
    pump_moved(l->pump);
}

/* There is something to read, and room for it. */
static bool may_read(struct lane *l)
{
    if (l->closing || l->reading || l->waiting || l->again.armed ||
        l->batch_count >= LANE_BATCHES_MAX || (lane_drains(l) && !lane_owes(l)))
        return false;
    if (!l->placed)
        return true;
    struct log_bounds bounds;
    log_bounds(l->shard->log, &bounds);
    if (l->next >= bounds.end) {
        if (!bounds.sealed)
            wait_for_more(l, bounds.end);
        return false;
    }
    return lane_has_room(l);
}

void lane_step(struct lane *l)
{
    if (l->ending || l->failed)
        return;
    lane_adopt(l);
    for (int reads = 0; may_read(l); reads++) {
        if (reads == READS_A_TURN) { /* others have their turn */
            if (!l->turning)
                loop_send(l->pump->t->loop, &l->turn);
            l->turning = true;
            break;
        }
        read_begin(l, !l->placed);
        if (!l->read_here || !take_read(l))
            break;
    }
    pump_moved(l->pump);
}

/* ---- life ---- */

uint64_t lane_oldest_ms(const struct lane *l)
{
    uint64_t oldest = 0;
    LIST_EACH(node, keep, &l->output_list)
    {
        const struct output *o = LIST_OWNER(node, struct output, node);
        uint64_t ms = o->is_filling ? o->filling.first_ms : 0;
        LIST_EACH(plan_node, plan_keep, &o->plans)
        {
            const struct plan *p = LIST_OWNER(plan_node, struct plan, node);
            if (p->state < PLAN_SENT && (!ms || p->facts.first_ms < ms))
                ms = p->facts.first_ms;
        }
        if (ms && (!oldest || ms < oldest))
            oldest = ms;
    }
    LIST_EACH(node, keep, &l->batches)
    {
        const struct lane_batch *b = LIST_OWNER(node, struct lane_batch, node);
        if (b->process.count && (!oldest || b->process.records[0].time_ms < oldest))
            oldest = b->process.records[0].time_ms;
    }
    return oldest;
}

static enum status restore_row(struct lane *l, const struct stored_row *row, struct fault *f)
{
    struct place_row place = {0};
    struct plan_facts facts;
    if (row->kind == ROW_RULES)
        return OK; /* before all others: they are made of them */
    enum status st = row->kind == ROW_PLAN ? plan_read(row->value, &facts, f)
                                           : place_read(row->value, &place, f);
    if (st != OK)
        return st;
    if (row->kind == ROW_PLAN) {
        struct output *o = output_of(l, facts.channel, facts.partition, f);
        if (!o) {
            arena_fini(&facts.arena);
            return NO_MEMORY;
        }
        output_restore_plan(o, &facts);
    } else if (row->kind == ROW_MARK) {
        struct plan_facts as_named = {0};
        st = output_parse(row->output, &as_named.channel, &as_named.partition, &l->scratch);
        if (st != OK)
            return fault_set(f, CORRUPT, "a stored mark of a delivery cannot be read");
        struct output *o = output_of(l, as_named.channel, as_named.partition, f);
        if (!o)
            return NO_MEMORY;
        o->mark = o->stored_mark = place.next;
        o->mark_stored = true;
    } else {
        l->next = l->handed = l->cursor = place.next.offset;
        l->placed = true;
    }
    return OK;
}

/* Rows of another stream of that name say nothing of this one. */
static bool are_anothers(const struct lane *l, const struct list *rows)
{
    LIST_EACH(node, keep, rows)
    {
        const struct stored_row *row = LIST_OWNER(node, struct stored_row, node);
        struct place_row place;
        if (row->shard == l->shard->index && (row->kind == ROW_CURSOR || row->kind == ROW_MARK) &&
            place_read(row->value, &place, NULL) == OK && place.stream != l->stream)
            return true;
    }
    return false;
}

static void restore_rules(struct lane *l, const struct list *rows)
{
    LIST_EACH(node, keep, rows)
    {
        const struct stored_row *row = LIST_OWNER(node, struct stored_row, node);
        if (row->shard == l->shard->index && row->kind == ROW_RULES)
            lane_rules_restore(l, row->view);
    }
}

/* The rules; then cursor and marks, then plans, as the store has them: in order of their keys. */
static enum status restore(struct lane *l, struct list *rows, struct fault *f)
{
    bool forget = are_anothers(l, rows);
    enum status st = OK;
    if (forget)
        pump_forget(l->pump, l->shard->index);
    else
        restore_rules(l, rows);
    LIST_EACH(node, keep, rows)
    {
        struct stored_row *row = LIST_OWNER(node, struct stored_row, node);
        if (row->shard != l->shard->index)
            continue;
        if (!forget && st == OK)
            st = restore_row(l, row, f);
        stored_row_free(row);
    }
    return st;
}

static void lane_init(struct lane *l, struct pump *p)
{
    l->pump = p;
    l->source = stream_view_ref(p->source);
    l->stream = p->source->settings.number;
    l->rules = pump_rules_ref(p->rules);
    l->read_back.handle = on_read_back;
    l->waiter.wake = on_more;
    list_init(&l->waiter.node);
    l->woken.handle = on_woken;
    l->turn.handle = on_turn;
    l->again.fire = on_again;
    arena_init(&l->scratch, SIZE_MAX / 2);
    list_init(&l->batches);
    list_init(&l->output_list);
    list_init(&l->sender);
    list_init(&l->ready);
    table_init(&l->outputs);
    lane_save_init(l);
    list_append(&p->lanes, &l->node);
    atomic_fetch_add(&p->t->engine->lanes, 1);
}

struct lane *lane_new(struct pump *p, struct shard *shard, struct list *rows)
{
    struct fault f = {0};
    struct lane *l = MEM_NEW(struct lane);
    l->shard = shard_ref(shard);
    lane_init(l, p);
    enum status st = restore(l, rows, &f);
    if (st == OK)
        st = lane_rules_begin(l, &f);
    if (!l->placed && p->rules->view->source == DELIVERY_DIRECT_PUT)
        l->placed = true; /* at 0 */
    arena_fini(&l->scratch);
    if (st != OK) {
        l->placed = false; /* so nothing is stored */
        lane_fail(l, &f);
    }
    return l;
}

void lane_end(struct lane *l)
{
    struct loop *loop = l->pump->t->loop;
    l->ending = true;
    loop_timer_cancel(loop, &l->again);
    loop_timer_cancel(loop, &l->idle_save);
    LIST_EACH(node, keep, &l->output_list)
    loop_timer_cancel(loop, &LIST_OWNER(node, struct output, node)->age);
    stop_waiting(l);
    l->closing = true;
    process_free(l->chain); /* batches come back with CLOSING */
    l->closing = false;
    l->chain = NULL;
    lane_settle(l);
}

/* Frees it when it ends and nothing is under way; whether it ends. */
bool lane_settle(struct lane *l)
{
    if (!l->ending)
        return false;
    bool processing = false;
    LIST_EACH(node, keep, &l->batches)
    processing = processing || !LIST_OWNER(node, struct lane_batch, node)->done;
    if (l->closing || l->reading || l->waiting || l->turning || l->saving || l->sending > 0 ||
        processing)
        return true;
    struct pump *p = l->pump;
    LIST_EACH(node, keep, &l->batches)
    lane_batch_free(LIST_OWNER(node, struct lane_batch, node));
    LIST_EACH(node, keep, &l->output_list)
    output_free(LIST_OWNER(node, struct output, node));
    table_fini(&l->outputs);
    pump_rules_unref(l->rules);
    stream_view_unref(l->source);
    shard_unref(l->shard);
    list_remove(&l->node);
    list_remove(&l->sender);
    atomic_fetch_sub(&p->t->engine->lanes, 1);
    mem_free(l);
    pump_lane_ended(p);
    return true;
}
