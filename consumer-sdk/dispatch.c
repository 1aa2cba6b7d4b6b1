/* dispatch.c: what waits, until when, and what goes into a call.
 *
 * A call is made when something in it has lingered, is being tried again, or is flushed; or when what may go fills it. It takes from the
 * queues in turn, the one served least lately first, all that is ready in each until it is full: so a busy shard does not starve others,
 * and a thousand shards with a record each make two calls, not a thousand.
 *
 * The lists that are walked hold only shards in which something waits.
 *
 * Thread: whoever turns the producer. */
#include "consumer-sdk/dispatch_internal.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"

enum { MAP_BACKOFF_MS = 100, MAP_BACKOFF_MAX_MS = 5000 };

void dispatch_init(struct dispatch *d, const struct dispatch_options *options, struct intake *in)
{
    *d = (struct dispatch){
        .options = *options,
        .intake = in,
        .number = 1,
        .map_wanted = true,
        .map_backoff = {.first_ms = MAP_BACKOFF_MS, .most_ms = MAP_BACKOFF_MAX_MS},
    };
    random_seed(&d->random, options->seed);
    list_init(&d->active);
    list_init(&d->unrouted);
    list_init(&d->calls);
    list_init(&d->strays);
    list_init(&d->closed);
}

static void free_list(struct dispatch *d, struct list *l)
{
    LIST_EACH(node, keep, l)
    {
        list_remove(node);
        parcel_free(parcel_of(node), d->intake);
    }
}

void dispatch_fini(struct dispatch *d)
{
    free_list(d, &d->unrouted);
    for (uint32_t i = 0; d->map && i < d->map->count; i++) {
        shard_queue_empty(d->queues[i], &d->unrouted);
        free_list(d, &d->unrouted);
        shard_queue_free(d->queues[i]);
    }
    mem_free(d->queues);
    shard_map_free(d->map);
    shard_map_free(d->next_map);
    dispatch_forget_closed(d);
}

/* ---- in ---- */

void dispatch_activate(struct dispatch *d, struct shard_queue *q)
{
    if (list_empty(&q->active_node) && shard_queue_oldest(q))
        list_append(&d->active, &q->active_node);
}

void dispatch_route(struct dispatch *d, struct parcel *p)
{
    if (!d->map) {
        list_append(&d->unrouted, &p->node);
        return;
    }
    struct shard_queue *q = d->queues[shard_map_find(d->map, p->hash)];
    shard_queue_put(q, p, d->options.aggregate_bytes_max, d->intake);
    dispatch_activate(d, q);
}

void dispatch_put(struct dispatch *d, struct list *parcels, uint64_t now_us)
{
    LIST_EACH(node, keep, parcels)
    {
        list_remove(node);
        struct parcel *p = parcel_of(node);
        if (d->cancelled) {
            struct sluice_error e = dispatch_error(SLUICE_CANCELLED, "The producer is closing.");
            dispatch_fail(d, p, &e, now_us);
        } else {
            dispatch_route(d, p);
        }
    }
}

void dispatch_return(struct dispatch *d, struct parcel *p)
{
    struct list one;
    list_init(&one);
    list_append(&one, &p->node);
    if (!d->map) {
        parcel_merge(&d->unrouted, &one);
        return;
    }
    struct shard_queue *q = d->queues[shard_map_find(d->map, p->hash)];
    const struct parcel *open = parcel_first(&q->open);
    if (open && open->order < p->order) /* what is ready goes before what is open */
        shard_queue_pack(q, d->intake);
    shard_queue_return(q, &one);
    dispatch_activate(d, q);
}

/* ---- what may go ---- */

/* A number that is not the window's any more would be refused. */
static bool within_window(const struct dispatch *d, const struct shard_queue *q,
                          const struct parcel *p)
{
    if (!d->options.idempotent || p->number || list_empty(&q->numbered))
        return true;
    const struct parcel *oldest = LIST_OWNER(q->numbered.next, struct parcel, numbered_node);
    return d->number - oldest->number < DISPATCH_WINDOW;
}

/* When the first of them may go, as far as its shard is concerned; NEVER: an answer must come first. */
static uint64_t may_go_us(const struct dispatch *d, struct shard_queue *q, uint64_t now_us)
{
    const struct parcel *first = shard_queue_oldest(q);
    if ((q->held && !dispatch_must_stay_whole(first)) || (d->options.ordered && q->in_flight))
        return DISPATCH_NEVER;
    if (!first || !within_window(d, q, first))
        return DISPATCH_NEVER;
    uint64_t paced_us = shard_pace_ready_us(&q->pace, now_us);
    return paced_us > q->not_before_us ? paced_us : q->not_before_us;
}

/* When the first of them has waited long enough for company. */
static uint64_t lingers_until_us(const struct dispatch *d, const struct parcel *first)
{
    if (first->attempts || first->order <= d->flush_order)
        return 0;
    return first->put_us + d->options.linger_us;
}

static bool is_due(const struct dispatch *d, const struct parcel *first, uint64_t now_us)
{
    return first && lingers_until_us(d, first) <= now_us;
}

/* ---- a call ---- */

static bool fills(const struct dispatch *d, uint64_t count, uint64_t bytes)
{
    return count >= d->options.batch_records_max || bytes >= d->options.batch_bytes_max;
}

/* Whether it is time for a call; *full: all that is ready may go, due or not. */
static bool call_is_due(struct dispatch *d, uint64_t now_us, bool *full)
{
    uint64_t count = 0, bytes = 0;
    bool due = false;
    LIST_EACH(node, keep, &d->active)
    {
        struct shard_queue *q = LIST_OWNER(node, struct shard_queue, active_node);
        if (may_go_us(d, q, now_us) > now_us)
            continue;
        due |= is_due(d, shard_queue_oldest(q), now_us);
        count += d->options.ordered && q->ready_count ? 1 : q->ready_count;
        bytes += d->options.ordered && q->ready_count ? parcel_size(parcel_first(&q->ready))
                                                      : q->ready_bytes;
    }
    *full = fills(d, count, bytes);
    return due || *full;
}

static void number(struct dispatch *d, struct shard_queue *q, struct parcel *p)
{
    if (!d->options.idempotent || p->number)
        return;
    p->number = d->number++;
    list_append(&q->numbered, &p->numbered_node);
}

/* Numbers that follow each other take no more of the header. */
static bool follows(const struct put_call *c, const struct parcel *p)
{
    return c->count && p->number == c->parcels[c->count - 1]->number + 1;
}

/* Takes from one queue; false: the call has no room for more. */
static bool fill_from(struct dispatch *d, struct put_call *c, struct shard_queue *q, uint32_t *runs,
                      uint64_t now_us)
{
    while (!list_empty(&q->ready) && may_go_us(d, q, now_us) <= now_us) {
        size_t bytes = parcel_size(parcel_first(&q->ready));
        if (c->count == d->options.batch_records_max || *runs == DISPATCH_RUNS_MAX ||
            (c->count && c->bytes + bytes > d->options.batch_bytes_max))
            return false;
        struct parcel *p = shard_queue_take(q);
        number(d, q, p);
        shard_pace_spend(&q->pace, shard_pace_cost(bytes), now_us);
        d->counts.retried += p->attempts ? p->count : 0;
        p->attempts++;
        *runs += d->options.idempotent && !follows(c, p);
        c->bytes += bytes;
        c->order = p->order < c->order ? p->order : c->order;
        uint64_t until_us = p->put_us + d->options.timeout_us;
        c->until_us = until_us > c->until_us ? until_us : c->until_us;
        c->parcels[c->count++] = p;
    }
    return true;
}

/* What is open is packed only when it can go: until then it may grow. */
static bool fill_from_queue(struct dispatch *d, struct put_call *c, struct shard_queue *q,
                            uint32_t *runs, uint64_t now_us)
{
    bool room = fill_from(d, c, q, runs, now_us);
    if (!room || !list_empty(&q->ready) || !is_due(d, parcel_first(&q->open), now_us) ||
        may_go_us(d, q, now_us) > now_us)
        return room;
    shard_queue_pack(q, d->intake);
    return fill_from(d, c, q, runs, now_us);
}

static void fill(struct dispatch *d, struct put_call *c, bool full, uint64_t now_us)
{
    struct list served;
    uint32_t runs = 0;
    bool room = true;
    list_init(&served);
    LIST_EACH(node, keep, &d->active)
    {
        struct shard_queue *q = LIST_OWNER(node, struct shard_queue, active_node);
        if (!room)
            break;
        if (may_go_us(d, q, now_us) > now_us ||
            (!full && !is_due(d, shard_queue_oldest(q), now_us)))
            continue;
        room = fill_from_queue(d, c, q, &runs, now_us);
        list_remove(node);
        if (shard_queue_oldest(q))
            list_append(&served, node);
    }
    list_splice(&d->active, &served);
}

struct put_call *dispatch_next(struct dispatch *d, uint64_t now_us)
{
    bool full;
    if (d->calls_under_way == d->options.calls_max || !call_is_due(d, now_us, &full))
        return NULL;
    struct put_call *c = mem_try(sizeof(*c) + d->options.batch_records_max * sizeof(c->parcels[0]));
    if (!c) {
        d->again_us = now_us + DISPATCH_AGAIN_US;
        return NULL;
    }
    *c = (struct put_call){.sent_us = now_us, .order = DISPATCH_NEVER};
    list_init(&c->back);
    fill(d, c, full, now_us);
    if (!c->count) {
        mem_free(c);
        return NULL;
    }
    list_append(&d->calls, &c->node);
    d->calls_under_way++;
    d->counts.calls++;
    return c;
}

struct to_seal {
    uint8_t *wholes[PUT_RECORDS_MAX + MD5_WIDTH_MAX];
    size_t lens[PUT_RECORDS_MAX + MD5_WIDTH_MAX], count;
};

static void note_unsealed(struct to_seal *s, struct parcel *p)
{
    if (!p->entries || p->sealed)
        return;
    p->sealed = true;
    s->wholes[s->count] = (uint8_t *)(uintptr_t)p->data.at;
    s->lens[s->count++] = p->data.len;
}

/* A digest more is free as long as the lanes are not full. */
static void note_next(struct to_seal *s, const struct list *waiting, size_t width)
{
    LIST_EACH(node, keep, waiting)
    {
        if (s->count % width == 0)
            return;
        note_unsealed(s, parcel_of(node));
    }
}

/* With some of what goes next. */
void dispatch_seal(struct dispatch *d, struct put_call *call)
{
    size_t width = digest_md5_width();
    struct to_seal s;
    s.count = 0;
    for (uint32_t i = 0; i < call->count; i++)
        note_unsealed(&s, call->parcels[i]);
    LIST_EACH(node, keep, &d->active)
    note_next(&s, &LIST_OWNER(node, struct shard_queue, active_node)->ready, width);
    aggregate_seal(s.wholes, s.lens, s.count);
}

void dispatch_numbers(const struct put_call *call, struct buf *out)
{
    for (uint32_t i = 0, run; i < call->count; i += run) {
        for (run = 1; i + run < call->count &&
                      call->parcels[i + run]->number == call->parcels[i]->number + run;)
            run++;
        if (i)
            buf_append_byte(out, ',');
        buf_append_u64(out, call->parcels[i]->number);
        if (run == call->count)
            return; /* all follow each other: the first says it */
        buf_append_byte(out, '+');
        buf_append_u64(out, run);
    }
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t queue_due_us(struct dispatch *d, struct shard_queue *q, uint64_t now_us)
{
    const struct parcel *first = shard_queue_oldest(q);
    uint64_t expires_us = first->put_us + d->options.timeout_us;
    if (d->calls_under_way == d->options.calls_max)
        return expires_us;
    uint64_t may_us = may_go_us(d, q, now_us), lingers_us = lingers_until_us(d, first);
    return earlier(expires_us, may_us > lingers_us ? may_us : lingers_us);
}

uint64_t dispatch_due_us(struct dispatch *d, uint64_t now_us)
{
    uint64_t due_us = d->again_us ? d->again_us : DISPATCH_NEVER;
    LIST_EACH(node, keep, &d->active)
    due_us =
        earlier(due_us, queue_due_us(d, LIST_OWNER(node, struct shard_queue, active_node), now_us));
    const struct parcel *first = parcel_first(&d->unrouted);
    if (first)
        due_us = earlier(due_us, first->put_us + d->options.timeout_us);
    if (!d->map_asked && !d->cancelled) {
        uint64_t map_us = d->map_wanted ? 0 : d->map_us + d->options.map_age_us;
        due_us = earlier(due_us, map_us > d->map_after_us ? map_us : d->map_after_us);
    }
    return due_us;
}

uint64_t dispatch_oldest(const struct dispatch *d)
{
    uint64_t oldest = DISPATCH_NEVER;
    const struct parcel *first = parcel_first(&d->unrouted);
    if (first)
        oldest = first->order;
    LIST_EACH(node, keep, &d->active)
    oldest = earlier(oldest,
                     shard_queue_oldest(LIST_OWNER(node, struct shard_queue, active_node))->order);
    LIST_EACH(node, keep, &d->calls)
    oldest = earlier(oldest, LIST_OWNER(node, struct put_call, node)->order);
    LIST_EACH(node, keep, &d->strays)
    oldest = earlier(oldest, LIST_OWNER(node, struct stray, node)->parcel->order);
    return oldest;
}
