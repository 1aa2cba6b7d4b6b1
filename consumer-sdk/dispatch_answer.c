/* dispatch_answer.c: what came back: completions, and what is to be sent again.
 *
 * What a record's answer may be:
 *   stored                                   -> delivered (an aggregated one from an unexpected shard: dispatch_map.c looks at it)
 *   ProvisionedThroughputExceededException   -> again, at the rate that its shard has learnt
 *   InternalFailure and the like             -> again, after a back-off
 *   anything else                            -> fails
 *   none: the call failed                    -> again if its error may pass, else fails
 *
 * Thread: whoever turns the producer. */
#include "consumer-sdk/dispatch_internal.h"

#include "base/mem.h"

#include <stdio.h>

struct sluice_error dispatch_error(enum sluice_status status, const char *message)
{
    struct sluice_error e = {.status = status};
    snprintf(e.message, sizeof(e.message), "%s", message);
    return e;
}

/* ---- completions ---- */

void dispatch_deliver(struct dispatch *d, const struct parcel *p, uint32_t place,
                      const struct sluice_delivered *result, uint64_t now_us)
{
    const struct parcel_entry *e = p->entries ? &p->entries[place] : NULL;
    uint64_t put_us = e ? e->put_us : p->put_us;
    if (result->status == SLUICE_OK) {
        uint64_t latency_us = now_us > put_us ? now_us - put_us : 0;
        d->counts.stored++;
        d->counts.latency_us_sum += latency_us;
        if (latency_us > d->counts.latency_us_max)
            d->counts.latency_us_max = latency_us;
    } else {
        d->counts.failed++;
    }
    if (d->options.delivered)
        d->options.delivered(d->options.context, e ? e->context : p->context, result);
}

void dispatch_fail(struct dispatch *d, struct parcel *p, const struct sluice_error *error,
                   uint64_t now_us)
{
    struct sluice_error own = *error;
    own.attempts = p->attempts;
    struct sluice_delivered result = {.status = own.status,
                                      .error = &own,
                                      .shard_id = "",
                                      .sequence_number = "",
                                      .attempts = p->attempts};
    list_remove(&p->numbered_node);
    for (uint32_t i = 0; i < p->count; i++)
        dispatch_deliver(d, p, i, &result, now_us);
    parcel_free(p, d->intake);
}

void dispatch_fail_all(struct dispatch *d, struct list *parcels, const struct sluice_error *error,
                       uint64_t now_us)
{
    LIST_EACH(node, keep, parcels)
    {
        list_remove(node);
        dispatch_fail(d, parcel_of(node), error, now_us);
    }
}

static void empty_queue(struct dispatch *d, struct shard_queue *q, const struct sluice_error *error,
                        uint64_t now_us)
{
    struct list all;
    list_init(&all);
    shard_queue_empty(q, &all);
    list_remove(&q->active_node);
    dispatch_fail_all(d, &all, error, now_us);
}

void dispatch_fail_with_those_behind(struct dispatch *d, struct parcel *p, struct shard_queue *q,
                                     const struct sluice_error *error, uint64_t now_us)
{
    dispatch_fail(d, p, error, now_us);
    if (!d->options.ordered)
        return;
    struct sluice_error behind = dispatch_error(
        SLUICE_CANCELLED, "A record before it in its shard failed, and order is to be kept.");
    empty_queue(d, q, &behind, now_us);
}

/* ---- time is up, or all is over ---- */

static void expire_queue(struct dispatch *d, struct shard_queue *q,
                         const struct sluice_error *error, uint64_t now_us)
{
    for (struct parcel *p;
         (p = shard_queue_oldest(q)) != NULL && p->put_us + d->options.timeout_us <= now_us;) {
        if (list_empty(&q->ready))
            shard_queue_pack(q, d->intake); /* what was put with it goes with it */
        p = shard_queue_take(q);
        q->in_flight--;
        dispatch_fail_with_those_behind(d, p, q, error, now_us);
    }
    if (!shard_queue_oldest(q))
        list_remove(&q->active_node);
}

static void expire_strays(struct dispatch *d, const struct sluice_error *error, uint64_t now_us)
{
    LIST_EACH(node, keep, &d->strays)
    {
        struct stray *s = LIST_OWNER(node, struct stray, node);
        if (s->parcel->put_us + d->options.timeout_us > now_us)
            continue;
        list_remove(node);
        dispatch_fail(d, s->parcel, error, now_us);
        mem_free(s);
    }
}

void dispatch_expire(struct dispatch *d, uint64_t now_us)
{
    struct sluice_error e =
        dispatch_error(SLUICE_TIMED_OUT, "It was not stored in the time that it had.");
    if (d->again_us && d->again_us <= now_us) {
        d->again_us = 0;
        dispatch_try_map(d, now_us);
    }
    LIST_EACH(node, keep, &d->active)
    expire_queue(d, LIST_OWNER(node, struct shard_queue, active_node), &e, now_us);
    expire_strays(d, &e, now_us);
    const struct parcel *first = parcel_first(&d->unrouted);
    bool expired = first && first->put_us + d->options.timeout_us <= now_us;
    LIST_EACH(node, keep, &d->unrouted)
    {
        struct parcel *p = parcel_of(node);
        if (!expired || (!d->options.ordered && p->put_us + d->options.timeout_us > now_us))
            break;
        list_remove(node);
        dispatch_fail(d, p, &e, now_us);
    }
}

void dispatch_cancel(struct dispatch *d, uint64_t now_us)
{
    struct sluice_error e =
        dispatch_error(SLUICE_CANCELLED, "The producer closed before it was stored.");
    d->cancelled = true;
    dispatch_fail_all(d, &d->unrouted, &e, now_us);
    LIST_EACH(node, keep, &d->active)
    empty_queue(d, LIST_OWNER(node, struct shard_queue, active_node), &e, now_us);
    LIST_EACH(node, keep, &d->strays)
    {
        struct stray *s = LIST_OWNER(node, struct stray, node);
        list_remove(node);
        dispatch_fail(d, s->parcel, &e, now_us);
        mem_free(s);
    }
}

/* ---- answers ---- */

static void text_of(struct bytes from, char *to, size_t room)
{
    size_t len = from.len < room ? from.len : room - 1;
    if (len)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

static void stored(struct dispatch *d, struct shard_queue *q, struct parcel *p,
                   const struct put_result *r, uint64_t now_us)
{
    struct stray names;
    text_of(r->shard_id, names.shard_id, sizeof(names.shard_id));
    text_of(r->sequence_number, names.sequence_number, sizeof(names.sequence_number));
    list_remove(&p->numbered_node);
    backoff_reset(&q->backoff);
    d->counts.kinesis_records++;
    bool elsewhere = strcmp(names.shard_id, q->range->id) != 0;
    /* One that had to stay whole may have been packed for a shard that has split since (P5). */
    if (elsewhere || (p->entries && p->unknown && !parcel_within(p, q->range))) {
        dispatch_map_is_old(d);
        if (p->entries) {
            dispatch_stray(d, q, p, r, now_us);
            return;
        }
    }
    struct sluice_delivered result = {.status = SLUICE_OK,
                                      .shard_id = names.shard_id,
                                      .sequence_number = names.sequence_number,
                                      .attempts = p->attempts};
    for (uint32_t i = 0; i < p->count; i++) {
        result.sub_sequence_number = i;
        dispatch_deliver(d, p, i, &result, now_us);
    }
    parcel_free(p, d->intake);
}

static bool throttles(const char *type)
{
    return strstr(type, "ThroughputExceeded") || strstr(type, "Throttling") ||
           strcmp(type, "LimitExceededException") == 0;
}

/* AWS's names for what may pass. */
static bool passes(const char *type)
{
    return strcmp(type, "InternalFailure") == 0 || strstr(type, "Internal") ||
           strstr(type, "Unavailable") || strcmp(type, "KMSThrottlingException") == 0;
}

static struct sluice_error error_of(const struct put_result *r)
{
    struct sluice_error e = {.status = SLUICE_SERVICE, .http_status = 200};
    text_of(r->error_code, e.type, sizeof(e.type));
    text_of(r->error_message, e.message, sizeof(e.message));
    e.retryable = throttles(e.type) || passes(e.type);
    return e;
}

static void back_off(struct dispatch *d, struct shard_queue *q, const struct put_call *call,
                     uint64_t now_us)
{
    if (q->not_before_us <= call->sent_us) /* once for all that failed together */
        q->not_before_us = now_us + backoff_next_ms(&q->backoff, &d->random) * 1000;
}

/* It was not stored, or nobody knows. */
static void failed(struct dispatch *d, struct put_call *call, struct shard_queue *q,
                   struct parcel *p, const struct sluice_error *error, uint64_t now_us)
{
    if (throttles(error->type)) {
        d->counts.throttled += p->count;
        shard_pace_throttled(&q->pace, call->sent_us, now_us);
    } else if (error->retryable) {
        back_off(d, q, call, now_us);
    }
    if (error->retryable && !d->cancelled) {
        list_append(&call->back, &p->node);
        return;
    }
    struct sluice_error e = *error;
    if (error->retryable)
        e.status = SLUICE_CANCELLED;
    dispatch_fail_with_those_behind(d, p, q, &e, now_us);
}

/* Its place in the call is empty then. */
static struct parcel *take_answered(struct put_call *call, uint32_t place)
{
    struct parcel *p = call->parcels[place];
    call->parcels[place] = NULL;
    p->queue->in_flight--;
    return p;
}

void dispatch_record(struct dispatch *d, struct put_call *call, uint32_t place,
                     const struct put_result *result, uint64_t now_us)
{
    struct parcel *p = take_answered(call, place);
    struct shard_queue *q = p->queue;
    if (place + PARCELS_AHEAD < call->count)
        parcel_prefetch(call->parcels[place + PARCELS_AHEAD]);
    if (result->error_code.len) {
        struct sluice_error e = error_of(result);
        failed(d, call, q, p, &e, now_us);
        return;
    }
    shard_pace_taken(&q->pace, shard_pace_cost(parcel_size(p)), now_us);
    stored(d, q, p, result, now_us);
}

/* What goes again returns to its queue: runs of one queue at once, since a call takes them so. */
static void return_all(struct dispatch *d, struct put_call *call)
{
    while (!list_empty(&call->back)) {
        struct list run;
        list_init(&run);
        struct shard_queue *q = parcel_first(&call->back)->queue;
        LIST_EACH(node, keep, &call->back)
        {
            if (parcel_of(node)->queue != q)
                break;
            list_remove(node);
            list_append(&run, node);
        }
        shard_queue_return(q, &run);
        dispatch_activate(d, q);
    }
}

void dispatch_ended(struct dispatch *d, struct put_call *call, const struct sluice_error *error,
                    uint64_t now_us)
{
    bool lost = error && !error->http_status; /* it may have been done all the same */
    d->counts.calls_failed += error != NULL;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!call->parcels[i])
            continue;
        struct parcel *p = take_answered(call, i);
        p->unknown |= lost || error->http_status >= 500;
        failed(d, call, p->queue, p, error, now_us);
    }
    return_all(d, call);
    list_remove(&call->node);
    d->calls_under_way--;
    mem_free(call);
    dispatch_try_map(d, now_us);
}
