/* push_subscription.c: one subscription, as its transport reads it.
 *
 *   greeted? --no--> initial-response
 *      |
 *   gone, ousted or failed? --yes--> exception, and the end
 *   time is up? --yes--> the end
 *      |
 *   feed_next: an event --> read, piece by piece --> feed_next ...
 *              nothing  --> 0: idle (records, time and changes of the stream make it ready), at the disk, or hungry
 *
 * It is pull all the way: an event is found or made only when the one before has been taken whole.
 *
 * Thread: the loop's own. */
#include "api/push_internal.h"

#include "base/mem.h"
#include "base/must.h"

static struct subscription *of_source(struct exchange_source *source)
{
    return LIST_OWNER(source, struct subscription, source);
}

void subscription_give(struct subscription *s, struct event *e)
{
    struct push *p = s->pusher->push;
    must(s->current == NULL);
    s->current = e;
    s->sent = 0;
    s->progress_us = push_now_us(p);
    list_append(&s->pusher->holders, &s->holding);
    pusher_put_off_beat(s);
    metric_add(p->event_bytes_total, e->is.record_bytes);
    metric_add(p->event_records, e->is.records);
    if (p->service->quotas)
        consumer_quota_done(&s->quota, quotas_now_ns(p->service->quotas), e->is.record_bytes);
    metric_set(p->behind_ms, (int64_t)e->is.behind_ms);
    shard_rate_out(s->feed->shard->rate, e->is.record_bytes, e->is.records, e->is.behind_ms);
    shard_rate_out(s->feed->watch->view->settings.rate, e->is.record_bytes, e->is.records,
                   e->is.behind_ms);
}

static void let_go(struct subscription *s)
{
    event_unref(s->pusher->push, s->current);
    s->current = NULL;
    list_remove(&s->holding);
}

void subscription_cut(struct subscription *s)
{
    let_go(s);
    s->broken = true;
}

void subscription_ready(struct subscription *s)
{
    list_remove(&s->waiting);
    exchange_ready(s->exchange);
}

void subscription_starve(struct subscription *s)
{
    list_append(&s->pusher->hungry, &s->waiting);
}

static size_t copy_out(struct subscription *s, uint8_t *at, size_t room)
{
    struct event *e = s->current;
    size_t len = e->len - s->sent < room ? e->len - s->sent : room;
    memcpy(at, e->bytes + s->sent, len);
    s->sent += len;
    if (s->sent == e->len) {
        let_go(s);
        return len;
    }
    s->progress_us = push_now_us(s->pusher->push);
    list_remove(&s->holding);
    list_append(&s->pusher->holders, &s->holding);
    return len;
}

/* `e` may be NULL: no memory. */
static bool give_if_made(struct subscription *s, struct event *e)
{
    if (e)
        subscription_give(s, e);
    else
        subscription_starve(s);
    return e != NULL;
}

static bool within_quota(const struct subscription *s)
{
    const struct quotas *q = s->pusher->push->service->quotas;
    return !q || consumer_quota_open(&s->quota, quotas_now_ns(q));
}

/* What comes next; false: nothing now. */
static bool advance(struct subscription *s)
{
    list_remove(&s->waiting);
    if (!s->greeted) {
        s->greeted = give_if_made(s, event_greeting(s->pusher, s->codec));
        return s->greeted;
    }
    if (s->fate != OK) {
        s->last = give_if_made(s, event_exception(s));
        return s->last;
    }
    if (s->over) {
        s->last = true;
        return true;
    }
    if (s->fetch == NULL && !within_quota(s)) {
        subscription_starve(s);
        return false;
    }
    return s->fetch == NULL && feed_next(s);
}

static ptrdiff_t on_read(struct exchange_source *source, uint8_t *at, size_t room)
{
    struct subscription *s = of_source(source);
    do {
        if (s->broken)
            return SOURCE_BROKEN;
        if (s->current)
            return (ptrdiff_t)copy_out(s, at, room);
        if (s->last)
            return SOURCE_END;
    } while (advance(s));
    return 0;
}

static void on_closed(struct exchange_source *source)
{
    struct subscription *s = of_source(source);
    s->exchange = NULL;
    fetch_abandon(s);
    list_remove(&s->waiting);
    if (s->current)
        let_go(s);
    feed_remove(s);
    pusher_remove(s->pusher, s);
    push_forget(s); /* may free it */
}

static void make_key(struct subscription_key *key, uint64_t stream, const struct push_request *r)
{
    key->stream = stream;
    key->shard = r->shard->index;
    key->created_s = r->consumer->created_s;
    key->consumer_len = (uint32_t)strlen(r->consumer->name);
    memcpy(key->consumer, r->consumer->name, key->consumer_len);
}

struct subscription *subscription_new(struct exchange *x, const struct push_request *r)
{
    struct subscription *s = mem_try(sizeof(*s));
    if (!s)
        return NULL;
    memset(s, 0, sizeof(*s));
    s->source = (struct exchange_source){.read = on_read, .closed = on_closed};
    s->exchange = x;
    s->codec = codec_of(x);
    s->next = r->offset;
    list_init(&s->of_feed);
    list_init(&s->waiting);
    list_init(&s->beat);
    list_init(&s->life);
    list_init(&s->holding);
    make_key(&s->key, r->shard->log->place.stream, r);
    return s;
}

void subscription_free(struct subscription *s)
{
    mem_free(s);
}
