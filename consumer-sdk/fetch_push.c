/* fetch_push.c: SubscribeToShard, renewed for as long as the shard goes on.
 *
 *   IDLE        fetch_step, due and wanted             SUBSCRIBED
 *   SUBSCRIBED  the subscription ended, 5 minutes      IDLE, due at once
 *   SUBSCRIBED  it broke, or there was no answer       IDLE, due after a back-off; OVER (NO_PUSH) when TRIES_MAX that were answered brought no event
 *   SUBSCRIBED  it was refused                         OVER (NO_PUSH)
 *   SUBSCRIBED  an event with ChildShards              OVER, the shard's end
 *
 * The service sends without being asked; what stops it is the transport, when the subscription is paused: F3 by that.
 *
 * A consumer has one subscription to a shard; after one broke, the service may take it for alive a while, and refuses the next
 * (ResourceInUseException): that is waited for, and does not count as a refusal.
 *
 * A service that is away for a while says nothing about push, so tries without an answer do not count. Where polling will not do (push_only) none
 * does: what passes is waited for.
 *
 * F2. The continuation sequence number of the last event is where the next subscription begins.
 *
 * Thread: the worker's. */
#include "consumer-sdk/fetch_push.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/fetch_error.h"
#include "consumer-sdk/progress.h"

#include <stdio.h>

enum { RETRY_FIRST_MS = 100, RETRY_MOST_MS = 2000, TRIES_MAX = 5 };

enum push_state { PUSH_IDLE, PUSH_SUBSCRIBED, PUSH_OVER };

struct fetch_push {
    struct fetch fetch;
    const struct fetch_setting *setting; /* the worker's: not to be touched when closed */
    struct sluice_subscription *subscription;
    enum push_state state;
    bool closed, paused, told;
    bool shard_ended, no_memory; /* in this subscription */
    unsigned tries;              /* since the last event */
    uint64_t due_us;
    struct backoff backoff;
    char shard_id[SLUICE_SHARD_ID_BYTES];
};

static struct fetch_push *push_of(struct fetch *f)
{
    return LIST_OWNER(f, struct fetch_push, fetch);
}

/* ---- events ---- */

static void on_event(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event)
{
    struct fetch_push *p = context;
    if (p->closed || p->no_memory || p->shard_ended)
        return;
    struct fetched *b =
        fetched_copy(event->records.at, event->records.count, event->millis_behind_latest.value);
    if (!b) { /* F2: from the same place again */
        p->no_memory = true;
        sluice_subscription_cancel(p->subscription);
        return;
    }
    p->tries = 0;
    p->told = false;
    backoff_reset(&p->backoff);
    bool goes_on = fetch_after(&p->fetch.from, event->continuation_sequence_number);
    if (!goes_on && event->records.count > 0)
        (void)fetch_after(&p->fetch.from,
                          event->records.at[event->records.count - 1].sequence_number);
    /* Children stand in the last event only. AWS leaves the continuation out there; others do not, and go on sending. */
    p->shard_ended = event->child_shards.count > 0 || (event->child_shards.present && !goes_on);
    if (p->shard_ended)
        sluice_subscription_cancel(p->subscription);
    p->fetch.sink->batch(&p->fetch, b);
}

static void over(struct fetch_push *p, enum fetch_trouble trouble, const struct sluice_error *error)
{
    p->state = PUSH_OVER;
    p->fetch.sink->failed(&p->fetch, trouble, error);
}

static void broke(struct fetch_push *p, const struct sluice_error *error)
{
    char text[700];
    enum fetch_verdict verdict = fetch_verdict_of(error);
    if (verdict == FETCH_FUTURE)
        p->fetch.from = (struct fetch_from){.place = FETCH_LATEST};
    else if (verdict == FETCH_REFUSED || verdict == FETCH_NOT_FOUND)
        p->tries = TRIES_MAX; /* the consumer may be gone; polling will tell whether the shard is */
    else if (verdict != FETCH_BUSY && !p->setting->push_only && !fetch_unanswered(error))
        p->tries++;
    if (p->tries >= TRIES_MAX) {
        over(p, FETCH_NO_PUSH, error);
        return;
    }
    if (!p->told) {
        p->told = true;
        snprintf(text, sizeof(text), "the subscription is tried again: %s %s", error->type,
                 error->message);
        p->fetch.sink->notice(&p->fetch, text);
    }
    p->due_us =
        clock_mono_us(p->setting->clock) + backoff_next_ms(&p->backoff, p->setting->random) * 1000;
}

static void on_end(void *context, const struct sluice_error *error)
{
    struct fetch_push *p = context;
    p->subscription = NULL;
    if (p->closed) {
        mem_free(p);
        return;
    }
    p->state = PUSH_IDLE;
    if (p->shard_ended) {
        p->state = PUSH_OVER;
        p->fetch.sink->ended(&p->fetch);
    } else if (p->no_memory) {
        struct sluice_error none;
        error_set(&none, SLUICE_NO_MEMORY, "no memory for an event");
        broke(p, &none);
    } else if (error->status == SLUICE_END) {
        p->due_us = 0;
    } else {
        broke(p, error);
    }
}

/* ---- subscribing ---- */

static void subscribe(struct fetch_push *p)
{
    static const struct sluice_subscription_events events = {on_event, on_end};
    struct sluice_kinesis_starting_position at;
    fetch_position(&p->fetch.from, &at);
    const struct sluice_kinesis_subscribe_to_shard_input in = {
        .consumer_arn = sluice_text(p->setting->consumer_arn),
        .shard_id = sluice_text(p->shard_id),
        .starting_position = &at,
    };
    struct sluice_error error;
    p->state = PUSH_SUBSCRIBED;
    p->paused = p->no_memory = p->shard_ended = false;
    if (sluice_subscribe(p->setting->client, &in, sizeof(in), &events, p, &p->subscription,
                         &error) != SLUICE_OK) {
        p->subscription = NULL;
        p->state = PUSH_IDLE;
        broke(p, &error);
    }
}

static uint64_t step(struct fetch *f, uint64_t now_us)
{
    struct fetch_push *p = push_of(f);
    if (p->state == PUSH_IDLE && f->wanted) {
        if (now_us < p->due_us)
            return p->due_us;
        subscribe(p);
        return p->state == PUSH_IDLE ? p->due_us : UINT64_MAX;
    }
    if (p->state == PUSH_SUBSCRIBED && p->paused == f->wanted) {
        p->paused = !f->wanted;
        sluice_subscription_pause(p->subscription, p->paused);
    }
    return UINT64_MAX;
}

static void close_push(struct fetch *f)
{
    struct fetch_push *p = push_of(f);
    p->closed = true;
    if (p->subscription)
        sluice_subscription_cancel(p->subscription); /* its end frees it */
    else
        mem_free(p);
}

struct fetch *fetch_push_open(const struct fetch_setting *setting, const char *shard_id,
                              const struct fetch_from *from)
{
    static const struct fetch_ops ops = {step, close_push};
    struct fetch_push *p = mem_try(sizeof(*p));
    if (!p)
        return NULL;
    *p = (struct fetch_push){
        .fetch = {.ops = &ops, .from = *from, .push = true},
        .setting = setting,
        .backoff = {.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS},
    };
    snprintf(p->shard_id, sizeof(p->shard_id), "%s", shard_id);
    return &p->fetch;
}
