/* producers.c: see producers.h. */
#include "shards/producers.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"
#include "shards/stamp.h"

#include <stdlib.h>

enum { LOG_KEY_BYTES = 12 };

/* Those of one log. */
struct producer_log {
    uint8_t key[LOG_KEY_BYTES];
    uint32_t count;
    struct list by_use; /* the longest unseen first */
};

void producers_init(struct producers *p, size_t bytes_max)
{
    *p = (struct producers){.bytes_max = bytes_max};
    table_init(&p->by_key);
    table_init(&p->logs);
    list_init(&p->by_use);
    list_init(&p->changed);
    list_init(&p->writing);
    list_init(&p->gone);
    list_init(&p->going);
    list_init(&p->replayed);
}

/* ---- one producer ---- */

static void key_of(struct log_place place, const uint8_t *id, uint8_t out[PRODUCER_KEY_BYTES])
{
    put_be64(out, place.stream);
    put_be32(out + 8, place.shard);
    memcpy(out + LOG_KEY_BYTES, id, PRODUCER_ID_BYTES);
}

static struct producer *find(const struct producers *p, struct log_place place, const uint8_t *id)
{
    uint8_t key[PRODUCER_KEY_BYTES];
    key_of(place, id, key);
    return table_find(&p->by_key, bytes_of(key, sizeof(key)));
}

static struct producer_log *log_of(struct producers *p, const uint8_t key[LOG_KEY_BYTES])
{
    struct producer_log *l = table_find(&p->logs, bytes_of(key, LOG_KEY_BYTES));
    if (l)
        return l;
    l = MEM_NEW(struct producer_log);
    memcpy(l->key, key, LOG_KEY_BYTES);
    list_init(&l->by_use);
    table_set(&p->logs, bytes_of(l->key, LOG_KEY_BYTES), l);
    return l;
}

static void recount(struct producers *p, struct producer *r)
{
    size_t bytes = sizeof(*r) + 2 * sizeof(struct table_slot) +
                   r->window.block_count * sizeof(struct window_block);
    p->bytes = p->bytes - r->counted + bytes;
    r->counted = bytes;
}

static struct producer *make(struct producers *p, const uint8_t key[PRODUCER_KEY_BYTES])
{
    struct producer *r = MEM_NEW(struct producer);
    memcpy(r->key, key, PRODUCER_KEY_BYTES);
    window_init(&r->window);
    list_init(&r->pending);
    list_init(&r->changed);
    list_init(&r->writing);
    list_init(&r->replayed);
    r->log = log_of(p, key);
    r->log->count++;
    list_append(&p->by_use, &r->by_use);
    list_append(&r->log->by_use, &r->by_use_in_log);
    table_set(&p->by_key, bytes_of(r->key, PRODUCER_KEY_BYTES), r);
    recount(p, r);
    return r;
}

struct producer *producers_find_or_make(struct producers *p, const uint8_t key[PRODUCER_KEY_BYTES])
{
    struct producer *r = table_find(&p->by_key, bytes_of(key, PRODUCER_KEY_BYTES));
    return r ? r : make(p, key);
}

static void touch(struct producers *p, struct producer *r, uint64_t now_ms)
{
    r->used_ms = now_ms > r->used_ms ? now_ms : r->used_ms;
    list_remove(&r->by_use);
    list_remove(&r->by_use_in_log);
    list_append(&p->by_use, &r->by_use);
    list_append(&r->log->by_use, &r->by_use_in_log);
}

static void change(struct producers *p, struct producer *r)
{
    list_remove(&r->changed);
    list_append(&p->changed, &r->changed);
    recount(p, r);
}

static void drop_late(struct producer *r)
{
    list_remove(&r->replayed);
    if (r->late)
        window_fini(r->late);
    mem_free(r->late);
    r->late = NULL;
}

static void forget(struct producers *p, struct producer *r)
{
    must(list_empty(&r->pending));
    if (r->rows_begin < r->rows_end) {
        struct producer_gone *gone = MEM_NEW(struct producer_gone);
        memcpy(gone->key, r->key, PRODUCER_KEY_BYTES);
        gone->rows_begin = r->rows_begin;
        gone->rows_end = r->rows_end;
        list_append(&p->gone, &gone->node);
    }
    table_remove(&p->by_key, bytes_of(r->key, PRODUCER_KEY_BYTES));
    list_remove(&r->by_use);
    list_remove(&r->by_use_in_log);
    list_remove(&r->changed);
    list_remove(&r->writing);
    drop_late(r);
    if (--r->log->count == 0) {
        table_remove(&p->logs, bytes_of(r->log->key, LOG_KEY_BYTES));
        mem_free(r->log);
    }
    p->bytes -= r->counted;
    window_fini(&r->window);
    mem_free(r);
}

/* P4. `kept` stays, whoever it is. */
static void hold_bounds(struct producers *p, struct producer *kept)
{
    LIST_EACH(node, keep, &kept->log->by_use)
    {
        struct producer *r = LIST_OWNER(node, struct producer, by_use_in_log);
        if (kept->log->count <= PRODUCERS_MAX)
            break;
        if (r != kept && list_empty(&r->pending))
            forget(p, r);
    }
    LIST_EACH(node, keep, &p->by_use)
    {
        struct producer *r = LIST_OWNER(node, struct producer, by_use);
        if (p->bytes <= p->bytes_max)
            break;
        if (r != kept && list_empty(&r->pending))
            forget(p, r);
    }
}

static void free_gone(struct list *l)
{
    LIST_EACH(node, keep, l)
    {
        list_remove(node);
        mem_free(LIST_OWNER(node, struct producer_gone, node));
    }
}

void producers_fini(struct producers *p)
{
    LIST_EACH(node, keep, &p->by_use)
    forget(p, LIST_OWNER(node, struct producer, by_use));
    free_gone(&p->gone);
    free_gone(&p->going);
    table_fini(&p->by_key);
    table_fini(&p->logs);
}

/* ---- appends ---- */

static bool holds(const struct log_stamp *s, uint64_t number)
{
    if (number < s->lowest || number > s->highest)
        return false;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->numbers[i] == number)
            return true;
    return false;
}

/* Whether something on its way has one of the stamp's numbers. */
static bool is_pending(const struct producer *r, const struct log_stamp *s)
{
    if (list_empty(&r->pending) || s->epoch != r->pending_epoch || s->lowest > r->pending_highest ||
        s->highest < r->pending_lowest)
        return false;
    LIST_EACH(node, keep, &r->pending)
    {
        const struct log_stamp *other = LIST_OWNER(node, struct log_stamp, pending);
        if (other->epoch != s->epoch || other->lowest > s->highest || other->highest < s->lowest)
            continue;
        for (uint32_t i = 0; i < s->count; i++)
            if (holds(other, s->numbers[i]))
                return true;
    }
    return false;
}

static void append_pending(struct producer *r, struct log_stamp *s)
{
    if (list_empty(&r->pending) || s->epoch > r->pending_epoch) {
        r->pending_epoch = s->epoch;
        r->pending_lowest = s->lowest;
        r->pending_highest = s->highest;
    }
    r->pending_lowest = s->lowest < r->pending_lowest ? s->lowest : r->pending_lowest;
    r->pending_highest = s->highest > r->pending_highest ? s->highest : r->pending_highest;
    list_append(&r->pending, &s->pending);
    s->engine_private = r;
}

/* Whether any epoch was seen, and the newest: what is on its way counts. */
static bool newest_epoch(const struct producer *r, uint64_t *epoch)
{
    *epoch = list_empty(&r->pending) ? r->window.epoch : r->pending_epoch;
    return r->window.begun || !list_empty(&r->pending);
}

enum status producers_admit(struct producers *p, struct log_append *a, uint64_t now_ms)
{
    struct log_stamp *s = a->stamp;
    uint8_t key[PRODUCER_KEY_BYTES];
    must(s->count == a->count && !a->control);
    key_of(a->log->place, s->producer, key);
    struct producer *r = producers_find_or_make(p, key);
    s->append = a;
    touch(p, r, now_ms);
    if (newest_epoch(r, &s->newest_epoch) && s->epoch < s->newest_epoch)
        return FENCED;
    bool known = r->window.begun && s->epoch == r->window.epoch;
    if ((known && window_find(&r->window, s, false)) || is_pending(r, s))
        return REPEATED;
    append_pending(r, s); /* P1 */
    return OK;
}

void producers_answer(struct producers *p, struct log_append *a)
{
    struct log_stamp *s = a->stamp;
    struct producer *r = find(p, a->log->place, s->producer);
    struct producer_window nothing;
    window_init(&nothing);
    bool known = r && r->window.begun && s->epoch == r->window.epoch;
    window_find(known ? &r->window : &nothing, s, true);
    if (!r)
        return;
    LIST_EACH(node, keep, &r->pending)
    {
        const struct log_stamp *other = LIST_OWNER(node, struct log_stamp, pending);
        for (uint32_t i = 0; other->epoch == s->epoch && i < other->count; i++) {
            struct number_run run = {.first = other->numbers[i],
                                     .offset = other->append->first_offset + i,
                                     .time_s = other->append->time_ms / 1000,
                                     .count = 1,
                                     .shard = a->log->place.shard};
            window_match(s, &run, true);
        }
    }
}

static void add_runs(struct producer *r, const struct log_append *a)
{
    const struct log_stamp *s = a->stamp;
    for (uint32_t at = 0, count; at < s->count; at += count) {
        count = stamp_run(s, at);
        window_add(&r->window, &(struct number_run){.first = s->numbers[at],
                                                    .count = count,
                                                    .offset = a->first_offset + at,
                                                    .time_s = a->time_ms / 1000,
                                                    .shard = a->log->place.shard});
    }
}

void producers_stored(struct producers *p, struct log_append *a)
{
    struct log_stamp *s = a->stamp;
    struct producer *r = s->engine_private;
    list_remove(&s->pending);
    if (!r->window.begun || s->epoch > r->window.epoch)
        window_begin(&r->window, s->epoch);
    add_runs(r, a);
    r->through = a->first_offset + s->count;
    change(p, r);
    hold_bounds(p, r);
}

void producers_cancel(struct producers *p, struct log_append *a)
{
    struct producer *r = a->stamp->engine_private;
    list_remove(&a->stamp->pending);
    if (list_empty(&r->pending) && !r->window.begun)
        forget(p, r); /* P2 */
}

/* ---- what was read back ---- */

static enum status check_stamp(struct bytes stamp, uint32_t count, struct fault *f)
{
    struct stamp_walk w;
    uint64_t first;
    uint32_t run;
    enum status st = stamp_walk_init(&w, stamp, count, f);
    while (st == OK)
        st = stamp_walk_next(&w, &first, &run, f);
    return st == END ? OK : st;
}

/* Where a batch at this offset is to be noted. */
static struct producer_window *window_at(struct producers *p, struct producer *r, uint64_t offset)
{
    if (offset >= r->through)
        return &r->window;
    if (!r->late) {
        r->late = MEM_NEW(struct producer_window);
        window_init(r->late);
        list_append(&p->replayed, &r->replayed);
    }
    return r->late;
}

void producers_replayed(struct producers *p)
{
    LIST_EACH(node, keep, &p->replayed)
    {
        struct producer *r = LIST_OWNER(node, struct producer, replayed);
        window_insert(&r->window, r->late, get_be32(r->key + 8)); /* P3 */
        drop_late(r);
        recount(p, r);
    }
}

enum status producers_replay(struct producers *p, struct log_place place,
                             const struct batch_header *h, struct bytes stamp, struct fault *f)
{
    struct stamp_walk w;
    uint8_t key[PRODUCER_KEY_BYTES];
    struct number_run run = {
        .offset = h->base_offset, .time_s = h->base_time_ms / 1000, .shard = place.shard};
    enum status st = check_stamp(stamp, h->count, f);
    if (st != OK)
        return st;
    st = stamp_walk_init(&w, stamp, h->count, f);
    must(st == OK);
    key_of(place, w.producer.at, key);
    struct producer *r = producers_find_or_make(p, key);
    struct producer_window *window = window_at(p, r, h->base_offset);
    if (window->begun && w.epoch < window->epoch)
        return OK;
    if (!window->begun || w.epoch > window->epoch)
        window_begin(window, w.epoch);
    while (stamp_walk_next(&w, &run.first, &run.count, f) == OK) {
        uint32_t whole = run.count;
        for (; run.count; run.count = whole) { /* a log's writer may take longer runs than we */
            run.count = whole < PUT_RECORDS_MAX ? whole : PUT_RECORDS_MAX;
            window_add(window, &run);
            run.first += run.count;
            run.offset += run.count;
            whole -= run.count;
        }
    }
    if (r->through < h->base_offset + h->count)
        r->through = h->base_offset + h->count;
    touch(p, r, h->base_time_ms);
    change(p, r);
    hold_bounds(p, r);
    return OK;
}

/* ---- logs ---- */

static struct producer_log *known_log(const struct producers *p, struct log_place place)
{
    uint8_t key[LOG_KEY_BYTES];
    put_be64(key, place.stream);
    put_be32(key + 8, place.shard);
    return table_find(&p->logs, bytes_of(key, sizeof(key)));
}

static void move_one(struct producers *p, struct producer *from, const struct log_place *children,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t key[PRODUCER_KEY_BYTES];
        key_of(children[i], from->key + LOG_KEY_BYTES, key);
        struct producer *to = producers_find_or_make(p, key);
        window_take(&to->window, &from->window);
        touch(p, to, from->used_ms);
        change(p, to);
    }
    forget(p, from);
}

void producers_move(struct producers *p, const struct log_place *parents, size_t parent_count,
                    const struct log_place *children, size_t child_count)
{
    for (size_t i = 0; i < parent_count; i++) {
        struct producer_log *l = known_log(p, parents[i]);
        for (uint32_t left = l ? l->count : 0; left > 0; left--)
            move_one(p, LIST_OWNER(l->by_use.next, struct producer, by_use_in_log), children,
                     child_count);
    }
    for (size_t i = 0; i < child_count; i++) {
        struct producer_log *l = known_log(p, children[i]);
        if (l)
            hold_bounds(p, LIST_OWNER(l->by_use.prev, struct producer, by_use_in_log));
    }
}

void producers_cut(struct producers *p, struct log_place place, uint64_t end)
{
    struct producer_log *l = known_log(p, place);
    if (!l)
        return;
    LIST_EACH(node, keep, &l->by_use)
    {
        struct producer *r = LIST_OWNER(node, struct producer, by_use_in_log);
        if (r->through <= end)
            continue;
        window_cut(&r->window, place.shard, end);
        r->through = end;
        change(p, r);
    }
}

void producers_forget_log(struct producers *p, struct log_place place)
{
    struct producer_log *l = known_log(p, place);
    for (uint32_t left = l ? l->count : 0; left > 0; left--) {
        struct producer *r = LIST_OWNER(l->by_use.next, struct producer, by_use_in_log);
        if (list_empty(&r->pending))
            forget(p, r);
        else
            touch(p, r, 0);
    }
}

size_t producers_logs(const struct producers *p, struct log_place *out, size_t room)
{
    size_t at = 0, count = 0;
    void *value;
    while (count < room && table_next(&p->logs, &at, &value)) {
        const struct producer_log *l = value;
        out[count++] = (struct log_place){get_be64(l->key), get_be32(l->key + 8)};
    }
    return count;
}

static int by_time(const void *a, const void *b)
{
    const struct producer *x = *(struct producer *const *)a, *y = *(struct producer *const *)b;
    return (x->used_ms > y->used_ms) - (x->used_ms < y->used_ms);
}

void producers_loaded(struct producers *p)
{
    size_t at = 0, count = 0;
    void *value;
    struct producer **all = mem_must((p->by_key.count + 1) * sizeof(*all));
    while (table_next(&p->by_key, &at, &value))
        all[count++] = value;
    if (count)
        qsort(all, count, sizeof(struct producer *), by_time);
    for (size_t i = 0; i < count; i++) {
        touch(p, all[i], 0);
        recount(p, all[i]);
    }
    mem_free(all);
    if (count)
        hold_bounds(p, LIST_OWNER(p->by_use.prev, struct producer, by_use));
}
