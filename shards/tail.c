/* tail.c: the newest spans of every log, in memory.
 *
 * Most readers are at the end: what was just committed is handed to them by reference, without the
 * disk and without a copy. All logs share one bound in bytes; over it the oldest span of all goes
 * first, whichever log it is of, so a busy log takes the room of an idle one.
 *
 * A log's spans stand in a ring of pointers, in offset order: a search is a binary search, a push
 * and a pop are a store.
 *
 * I1. A log's spans are its newest, without a gap, up to its end. So an offset at or past the first
 * of them is here.
 * I2. Nobody sees a span before the write that holds it is durable: publish is
 * called only then.
 * I3. A waiter is woken at most once, and never after tail_cancel has returned:
 * waking happens under the lock.
 *
 * Left to others: reading what is no longer here (log_reader.c). Thread: any; one lock. */
#include "shards/tail_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/span_internal.h"

enum { RING_ROOM_FIRST = 8 };

void tail_init(struct tail *t, size_t bytes_max)
{
    lock_init(&t->mu, LOCK_TAIL);
    t->bytes_max = bytes_max;
    t->bytes = 0;
    list_init(&t->by_age);
}

void tail_fini(struct tail *t)
{
    must(list_empty(&t->by_age) && t->bytes == 0);
    lock_fini(&t->mu);
}

void tail_log_init(struct tail_log *l, const struct log_bounds *bounds)
{
    *l = (struct tail_log){.bounds = *bounds};
    list_init(&l->waiters);
}

static size_t cost(const struct log_span *s)
{
    return sizeof(struct span_box) + s->len;
}

static struct log_span *ring_at(const struct tail_log *l, uint32_t i)
{
    return l->ring[(l->head + i) & (l->room - 1)];
}

/* Takes the log's oldest span out, on to `out`. */
static void pop_oldest(struct tail *t, struct tail_log *l, struct list *out)
{
    struct log_span *s = ring_at(l, 0);
    l->head = (l->head + 1) & (l->room - 1);
    l->count--;
    t->bytes -= cost(s);
    list_remove(&span_box(s)->node);
    list_append(out, &span_box(s)->node);
}

void tail_forget_locked(struct tail *t, struct tail_log *l, struct list *out)
{
    while (l->count)
        pop_oldest(t, l, out);
}

void tail_release(struct list *spans)
{
    LIST_EACH(node, keep, spans)
    {
        list_remove(node);
        log_span_unref(&LIST_OWNER(node, struct span_box, node)->span);
    }
}

void tail_log_fini(struct tail *t, struct tail_log *l)
{
    struct list out;
    list_init(&out);
    lock_take(&t->mu);
    must(list_empty(&l->waiters));
    tail_forget_locked(t, l, &out);
    lock_drop(&t->mu);
    tail_release(&out);
    mem_free(l->ring);
    l->ring = NULL;
    l->room = 0;
}

static bool ring_has_room(struct tail_log *l)
{
    if (l->count < l->room)
        return true;
    uint32_t room = l->room ? 2 * l->room : RING_ROOM_FIRST;
    struct log_span **ring = (struct log_span **)mem_try(room * sizeof(struct log_span *));
    if (!ring)
        return false;
    for (uint32_t i = 0; i < l->count; i++)
        ring[i] = ring_at(l, i);
    mem_free(l->ring);
    l->ring = ring;
    l->room = room;
    l->head = 0;
    return true;
}

/* A ring that grew for a burst of small spans shrinks when they are gone; it may stay when there is
 * no memory to shrink it. */
static void ring_shrink(struct tail_log *l)
{
    if (l->room <= 64 || l->count > l->room / 8)
        return;
    uint32_t room = l->room / 4;
    struct log_span **ring = (struct log_span **)mem_try(room * sizeof(struct log_span *));
    if (!ring)
        return;
    for (uint32_t i = 0; i < l->count; i++)
        ring[i] = ring_at(l, i);
    mem_free(l->ring);
    l->ring = ring;
    l->room = room;
    l->head = 0;
}

void tail_publish_locked(struct tail *t, struct tail_log *l, struct log_span *span, bool seals,
                         struct list *out)
{
    struct span_box *box = span_box(span);
    must(lock_is_mine(&t->mu));
    must(span->first_offset == l->bounds.end && !l->bounds.sealed);
    l->bounds.end = span->first_offset + span->count;
    l->bounds.last_ms = span->last_ms;
    l->bounds.sealed = seals;
    box->owner = l;
    if (!ring_has_room(l)) { /* I1: without this one the others are no tail */
        tail_forget_locked(t, l, out);
        list_append(out, &box->node);
        return;
    }
    l->ring[(l->head + l->count) & (l->room - 1)] = span;
    l->count++;
    t->bytes += cost(span);
    list_append(&t->by_age, &box->node);
    while (t->bytes > t->bytes_max) {
        struct tail_log *oldest = LIST_OWNER(list_first(&t->by_age), struct span_box, node)->owner;
        pop_oldest(t, oldest, out);
        ring_shrink(oldest);
    }
}

void tail_wake_locked(struct tail_log *l)
{
    LIST_EACH(node, keep, &l->waiters)
    {
        struct log_waiter *w = LIST_OWNER(node, struct log_waiter, node);
        list_remove(node);
        w->wake(w); /* I3 */
    }
}

bool log_read_full(const struct log_read *r)
{
    size_t bytes = 0;
    if (r->span_count == 0)
        return false;
    const struct log_span *last = r->spans[r->span_count - 1];
    uint64_t count = last->first_offset + last->count - r->offset;
    for (uint32_t i = 0; i < r->span_count; i++)
        bytes += r->spans[i]->len;
    return r->span_count == LOG_SPANS_MAX || bytes >= r->bytes_max || count >= r->count_max;
}

/* The place in the ring of the span that holds `offset`, which must be here. */
static uint32_t ring_find(const struct tail_log *l, uint64_t offset)
{
    uint32_t low = 0, high = l->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (ring_at(l, middle)->first_offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

uint64_t tail_collect_locked(const struct tail_log *l, uint64_t from, struct log_read *r)
{
    if (l->count == 0 || from < ring_at(l, 0)->first_offset || from >= l->bounds.end)
        return from;
    size_t bytes = 0;
    for (uint32_t i = 0; i < r->span_count; i++)
        bytes += r->spans[i]->len;
    for (uint32_t i = ring_find(l, from); i < l->count; i++) {
        if (r->span_count == LOG_SPANS_MAX ||
            (r->span_count && (bytes >= r->bytes_max || from - r->offset >= r->count_max)))
            break;
        struct log_span *s = ring_at(l, i);
        log_span_ref(s);
        r->spans[r->span_count++] = s;
        bytes += s->len;
        from = s->first_offset + s->count;
    }
    return from;
}

static bool read_from_locked(const struct tail_log *l, struct log_read *r)
{
    uint64_t from = r->from > l->bounds.begin ? r->from : l->bounds.begin;
    if (from >= l->bounds.end) {
        r->offset = l->bounds.end;
        r->status = END;
        return true;
    }
    r->offset = from;
    r->status = OK;
    return tail_collect_locked(l, from, r) != from;
}

/* Gives the span that holds the first batch at or after time_ms, referenced; NULL: not to be known
 * from here, unless END. */
static struct log_span *time_span_locked(const struct tail_log *l, uint64_t time_ms)
{
    uint32_t low = 0, high = l->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ring_at(l, middle)->last_ms >= time_ms)
            high = middle;
        else
            low = middle + 1;
    }
    log_span_ref(ring_at(l, low));
    return ring_at(l, low);
}

static bool find_time(struct tail *t, struct tail_log *l, struct log_read *r)
{
    struct log_span *span = NULL;
    bool known = true;
    lock_take(&t->mu);
    r->offset = l->bounds.end;
    r->status = END;
    if (l->bounds.begin < l->bounds.end && l->bounds.last_ms >= r->time_ms) {
        /* a span that begins at the time asked for may follow another of the same time */
        known = l->count && (ring_at(l, 0)->first_ms < r->time_ms ||
                             ring_at(l, 0)->first_offset <= l->bounds.begin);
        if (known)
            span = time_span_locked(l, r->time_ms);
    }
    uint64_t begin = l->bounds.begin;
    lock_drop(&t->mu);
    if (span) {
        must(span_find_time(span, r->time_ms, &r->offset) == OK);
        r->status = OK;
        if (r->offset < begin)
            r->offset = begin;
        log_span_unref(span);
    }
    return known;
}

bool tail_read(struct tail *t, struct tail_log *l, struct log_read *r)
{
    r->span_count = 0;
    if (r->kind == LOG_FIND_TIME)
        return find_time(t, l, r);
    lock_take(&t->mu);
    bool known = read_from_locked(l, r);
    lock_drop(&t->mu);
    return known;
}

void tail_wait(struct tail *t, struct tail_log *l, uint64_t end, struct log_waiter *w)
{
    lock_take(&t->mu);
    list_init(&w->node);
    if (l->bounds.end > end)
        w->wake(w);
    else
        list_append(&l->waiters, &w->node);
    lock_drop(&t->mu);
}

void tail_cancel(struct tail *t, struct log_waiter *w)
{
    lock_take(&t->mu); /* I3: a wake under way holds it */
    list_remove(&w->node);
    lock_drop(&t->mu);
}

void tail_bounds(struct tail *t, const struct tail_log *l, struct log_bounds *out)
{
    lock_take(&t->mu);
    *out = l->bounds;
    lock_drop(&t->mu);
}

size_t tail_bytes(struct tail *t)
{
    lock_take(&t->mu);
    size_t bytes = t->bytes;
    lock_drop(&t->mu);
    return bytes;
}
