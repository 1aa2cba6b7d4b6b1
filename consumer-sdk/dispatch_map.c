/* dispatch_map.c: shards that come and go under what waits for them.
 *
 * A map is asked for at birth, when it is old, and at once when a record comes back from another shard than it was sent for: the shard
 * has closed, and the service gave the record to its child. A new map comes into force when nothing is on its way to a shard that it
 * does not have: until then those shards' queues are held, the others go on. Then what waits is routed anew, in the order of the puts.
 *
 *   asked -> dispatch_set_map -> next_map, closed queues held -> [nothing on its way to them] -> map
 *
 * Thread: whoever turns the producer. */
#include "consumer-sdk/dispatch_internal.h"

#include "base/mem.h"

#include <stdio.h>

bool dispatch_wants_map(struct dispatch *d, uint64_t now_us)
{
    if (d->map_asked || d->cancelled || now_us < d->map_after_us ||
        (!d->map_wanted && now_us < d->map_us + d->options.map_age_us))
        return false;
    d->map_asked = true;
    d->map_asks++;
    d->map_wanted = false;
    return true;
}

void dispatch_map_is_old(struct dispatch *d)
{
    d->map_wanted = true;
}

static void ask_later(struct dispatch *d, uint64_t now_us)
{
    d->map_asked = false;
    d->map_us = now_us;
    d->map_after_us = now_us + backoff_next_ms(&d->map_backoff, &d->random) * 1000;
}

void dispatch_map_failed(struct dispatch *d, const struct sluice_error *error, uint64_t now_us)
{
    ask_later(d, now_us);
    d->map_wanted = true;
    if (d->map)
        return; /* the one that is there serves until then */
    if (!error->retryable && error->status != SLUICE_NO_MEMORY)
        dispatch_fail_all(d, &d->unrouted, error, now_us);
}

/* ---- a new map comes into force ---- */

static struct shard_queue *queue_of(const struct dispatch *d, const struct shard_range *r)
{
    int64_t place = d->map ? shard_map_named(d->map, bytes_text(r->id)) : SHARD_NONE;
    if (place == SHARD_NONE)
        return NULL;
    const struct shard_range *old = &d->map->shards[place];
    return old->first == r->first && old->last == r->last ? d->queues[place] : NULL;
}

/* Queues of the next map: those that are there, and new ones. NULL: no memory; nothing has changed. */
static struct shard_queue **next_queues(const struct dispatch *d)
{
    const struct shard_map *m = d->next_map;
    struct shard_queue **queues = mem_try(m->count * sizeof(struct shard_queue *));
    if (!queues)
        return NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        queues[i] = queue_of(d, &m->shards[i]);
        if (queues[i])
            continue;
        queues[i] = shard_queue_new(&m->shards[i]);
        if (queues[i])
            continue;
        while (i-- > 0) /* the new ones go again */
            if (!queue_of(d, &m->shards[i]))
                shard_queue_free(queues[i]);
        mem_free(queues);
        return NULL;
    }
    return queues;
}

/* Holds the queues of shards that are no more. False: something is on its way to them. */
static bool hold_closed(struct dispatch *d)
{
    bool free = true;
    for (uint32_t i = 0; d->map && i < d->map->count; i++) {
        struct shard_queue *q = d->queues[i];
        int64_t place = shard_map_named(d->next_map, bytes_text(q->range->id));
        const struct shard_range *r = place == SHARD_NONE ? NULL : &d->next_map->shards[place];
        q->held = !r || r->first != q->range->first || r->last != q->range->last;
        free &= !q->held || (!q->in_flight && !dispatch_must_stay_whole(shard_queue_oldest(q)));
    }
    return free;
}

/* Takes what waits in closed queues, in the order of the puts, and frees them. What they learnt of their shards goes with them. */
static void empty_closed(struct dispatch *d, struct list *out)
{
    for (uint32_t i = 0; d->map && i < d->map->count; i++) {
        struct shard_queue *q = d->queues[i];
        if (!q->held)
            continue;
        struct list waiting;
        list_init(&waiting);
        shard_queue_empty(q, &waiting);
        while (!list_empty(&q->numbered))
            list_remove(q->numbered.next);
        parcel_merge(out, &waiting);
        shard_queue_free(q);
    }
}

/* A packed parcel must not cross the new ranges (P4): it becomes its records again, in their places. (Without order to be kept, one that
 * must stay whole may have waited behind others.) */
static void unpack_crossing(struct dispatch *d, struct list *parcels, uint64_t now_us)
{
    LIST_EACH(node, keep, parcels)
    {
        struct parcel *p = parcel_of(node);
        if (!p->entries || dispatch_must_stay_whole(p) ||
            parcel_within(p, &d->map->shards[shard_map_find(d->map, p->hash)]))
            continue;
        struct list parts;
        list_init(&parts);
        list_remove(node);
        list_remove(&p->numbered_node);
        if (!parcel_unpack(p, NULL, &parts, d->intake, NULL, NULL)) {
            struct sluice_error e = dispatch_error(
                SLUICE_NO_MEMORY, "Its shard closed, and there was no memory to pack it anew.");
            dispatch_fail(d, p, &e, now_us);
        }
        parcel_merge_from(keep, parcels, &parts);
    }
}

/* Numbers of parcels that had no answer go with them to the new queues. */
static void renumber(struct dispatch *d, struct parcel *p)
{
    list_remove(&p->numbered_node);
    if (!p->number)
        return;
    if (!p->unknown) {
        p->number = 0; /* it is not stored: a new one is as good, and lies in every window */
        return;
    }
    struct list *all = &d->queues[shard_map_find(d->map, p->hash)]->numbered, *at = all->prev;
    while (at != all && LIST_OWNER(at, struct parcel, numbered_node)->number > p->number)
        at = at->prev;
    list_insert_before(at->next, &p->numbered_node);
}

/* In their order, so that each is the newest of its queue. */
static void reroute(struct dispatch *d, struct list *parcels, uint64_t now_us)
{
    unpack_crossing(d, parcels, now_us);
    LIST_EACH(node, keep, parcels)
    {
        struct parcel *p = parcel_of(node);
        list_remove(node);
        renumber(d, p);
        if (p->entries || p->attempts)
            dispatch_return(d, p);
        else
            dispatch_route(d, p);
    }
}

/* ---- strays ---- */

void dispatch_stray(struct dispatch *d, struct shard_queue *q, struct parcel *p,
                    const struct put_result *result, uint64_t now_us)
{
    q->held = true; /* records behind it may belong where some of its own do (P3) */
    struct stray *s = mem_try(sizeof(*s));
    if (!s) {
        struct sluice_error e = dispatch_error(
            SLUICE_NO_MEMORY, "It is stored, but readers may drop it: its shard had closed.");
        dispatch_fail(d, p, &e, now_us);
        return;
    }
    *s = (struct stray){.parcel = p, .ask = d->map_asks + 1};
    snprintf(s->shard_id, sizeof(s->shard_id), "%.*s", BYTES_ARGS(result->shard_id));
    snprintf(s->sequence_number, sizeof(s->sequence_number), "%.*s",
             BYTES_ARGS(result->sequence_number));
    p->number = 0; /* its answer is there */
    list_append(&d->strays, &s->node);
}

struct landing {
    struct dispatch *d;
    struct sluice_delivered result;
    uint64_t now_us;
};

static void landed(void *arg, struct parcel *p, uint32_t place)
{
    struct landing *l = arg;
    l->result.sub_sequence_number = place;
    dispatch_deliver(l->d, p, place, &l->result, l->now_us);
}

/* When all records belong to the shard where they lie, they are delivered; else readers leave the whole out (the KCL and our worker do), and
 * all are sent again. So they are when the map does not know the shard: it has closed again, and nobody can say any more what belonged to
 * it. */
static void settle(struct dispatch *d, struct stray *s, const struct shard_range *r,
                   struct list *waiting, uint64_t now_us)
{
    struct landing l = {.d = d,
                        .result = {.status = SLUICE_OK,
                                   .shard_id = s->shard_id,
                                   .sequence_number = s->sequence_number,
                                   .attempts = s->parcel->attempts},
                        .now_us = now_us};
    const struct shard_range nothing = {.first = U128_MAX, .last = 0};
    struct list again;
    list_init(&again);
    if (!r || !parcel_within(s->parcel, r))
        r = &nothing;
    if (!parcel_unpack(s->parcel, r, &again, d->intake, landed, &l)) {
        struct sluice_error e = dispatch_error(
            SLUICE_NO_MEMORY, "It is stored, but readers may drop it: its shard had closed.");
        dispatch_fail(d, s->parcel, &e, now_us);
        return;
    }
    parcel_merge(waiting, &again);
}

static void settle_strays(struct dispatch *d, struct list *waiting, uint64_t now_us)
{
    LIST_EACH(node, keep, &d->strays)
    {
        struct stray *s = LIST_OWNER(node, struct stray, node);
        int64_t place = shard_map_named(d->map, bytes_text(s->shard_id));
        list_remove(node);
        settle(d, s, place == SHARD_NONE ? NULL : &d->map->shards[place], waiting, now_us);
        mem_free(s);
    }
}

/* ---- */

void dispatch_try_map(struct dispatch *d, uint64_t now_us)
{
    if (!d->next_map || !hold_closed(d))
        return;
    struct shard_queue **queues = next_queues(d);
    if (!queues) {
        d->again_us = now_us + DISPATCH_AGAIN_US;
        return;
    }
    struct list waiting;
    list_init(&waiting);
    empty_closed(d, &waiting);
    for (uint32_t i = 0; i < d->next_map->count; i++)
        queues[i]->range = &d->next_map->shards[i];
    mem_free(d->queues);
    shard_map_free(d->map);
    d->map = d->next_map;
    d->queues = queues;
    d->next_map = NULL;
    parcel_merge(&waiting, &d->unrouted);
    settle_strays(d, &waiting, now_us); /* what of them goes again, goes in its turn */
    reroute(d, &waiting, now_us);
}

void dispatch_set_map(struct dispatch *d, struct shard_map *map, uint64_t now_us)
{
    d->map_asked = false;
    d->map_us = now_us;
    backoff_reset(&d->map_backoff);
    /* What tells that a map is old may come in a row: not each asks for one. */
    d->map_after_us = now_us + d->map_backoff.first_ms * 1000;
    const struct list *newest = d->strays.prev;
    if (newest != &d->strays && LIST_OWNER(newest, struct stray, node)->ask > d->map_asks) {
        shard_map_free(map); /* it may be older than what came back meanwhile */
        d->map_wanted = true;
        return;
    }
    shard_map_free(d->next_map);
    d->next_map = map;
    dispatch_try_map(d, now_us);
}
