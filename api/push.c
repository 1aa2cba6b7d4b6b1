/* push.c: who is subscribed to what.
 *
 * The register is the only thing that subscriptions of different loops share: a key (stream, shard, consumer) to the subscription that
 * holds it. Whoever comes later than 5 seconds after the holder takes its place; the holder is told by a message to its loop, sent under
 * the register's lock, so that a holder that closes at the same moment either has left before or waits for the message.
 *
 * Left to others: what a subscription is given (push_subscription.c, push_feed.c). Thread: any loop's. */
#include "api/push_internal.h"

#include "api/reply.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"

uint64_t push_now_us(const struct push *p)
{
    return clock_mono_us(p->service->clock);
}

struct push *push_new(const struct service *s)
{
    struct push *p = MEM_NEW(struct push);
    p->service = s;
    p->event_bytes_max = PUSH_EVENT_BYTES_MAX;
    p->subscriptions = metric_gauge("sluice_subscriptions", "Subscriptions to shards now.", "");
    p->event_bytes_total = metric_counter("kinesis_subscribe_to_shard_event_bytes_total",
                                          "AWS/Kinesis SubscribeToShardEvent.Bytes.", "");
    p->event_records = metric_counter("kinesis_subscribe_to_shard_event_records_total",
                                      "AWS/Kinesis SubscribeToShardEvent.Records.", "");
    p->behind_ms =
        metric_gauge("kinesis_subscribe_to_shard_event_millis_behind_latest",
                     "AWS/Kinesis SubscribeToShardEvent.MillisBehindLatest, of the last one.", "");
    lock_init(&p->mu, LOCK_PUSH);
    signal_init(&p->read_back);
    table_init(&p->active);
    list_init(&p->pushers);
    return p;
}

void push_free(struct push *p)
{
    if (!p)
        return;
    lock_take(&p->mu);
    while (p->orphans > 0)
        signal_wait(&p->read_back, &p->mu);
    lock_drop(&p->mu);
    LIST_EACH(node, keep, &p->pushers)
    pusher_free(LIST_OWNER(node, struct pusher, node));
    must(p->active.count == 0 && p->event_bytes == 0);
    table_fini(&p->active);
    signal_fini(&p->read_back);
    lock_fini(&p->mu);
    mem_free(p);
}

static struct bytes key_of(const struct subscription *s)
{
    return bytes_of(&s->key, sizeof(s->key));
}

/* Thread: the loop of the one that is ousted. */
static void on_ousted(struct message *m)
{
    struct subscription *s = LIST_OWNER(m, struct subscription, message);
    struct push *p = s->pusher->push;
    lock_take(&p->mu);
    s->ousting_seen = true;
    lock_drop(&p->mu);
    if (s->exchange == NULL) {
        subscription_free(s); /* it closed meanwhile */
        return;
    }
    if (s->fate == OK)
        s->fate = IN_USE;
    subscription_ready(s);
}

static void oust(struct subscription *s)
{
    s->registered = false;
    s->ousted = true;
    s->message.handle = on_ousted;
    loop_send(s->pusher->loop, &s->message);
}

static enum status enter(struct push *p, struct subscription *s)
{
    enum status st = OK;
    lock_take(&p->mu);
    struct subscription *holder = table_find(&p->active, key_of(s));
    if (holder && s->begun_us < holder->begun_us + PUSH_TAKE_OVER_US)
        st = IN_USE;
    else if (!holder && p->active.count >= SUBSCRIPTIONS_MAX)
        st = LIMIT_EXCEEDED;
    if (st == OK) {
        if (holder) {
            table_remove(&p->active, key_of(holder));
            oust(holder);
        }
        table_set(&p->active, key_of(s), s);
        s->registered = true;
    }
    lock_drop(&p->mu);
    return st;
}

void push_forget(struct subscription *s)
{
    struct push *p = s->pusher->push;
    lock_take(&p->mu);
    if (s->registered)
        table_remove(&p->active, key_of(s));
    s->registered = false;
    bool message_to_come = s->ousted && !s->ousting_seen;
    lock_drop(&p->mu);
    if (!message_to_come)
        subscription_free(s);
}

static enum status refused(const struct subscription *s, enum status st,
                           const struct stream_settings *stream, struct fault *f)
{
    f->status = st;
    if (st == IN_USE)
        push_print_in_use(s, stream, f->text, sizeof(f->text));
    else
        fault_set(f, st, "This server holds %d subscriptions, the most it can.", SUBSCRIPTIONS_MAX);
    return st;
}

enum status push_subscribe(struct push *p, struct exchange *x, const struct push_request *r,
                           struct fault *f)
{
    struct stream_view *v = stream_look(r->stream);
    struct subscription *s = subscription_new(x, r);
    if (!s) {
        stream_view_unref(v);
        return fault_set(f, NO_MEMORY, "no memory for a subscription");
    }
    s->pusher = pusher_of(p, x->loop);
    s->begun_us = push_now_us(p);
    enum status st = enter(p, s);
    if (st != OK) {
        refused(s, st, &v->settings, f);
        subscription_free(s);
    } else {
        feed_add(feed_of(s->pusher, r->stream, r->shard), s);
        pusher_add(s->pusher, s);
        s->fate = watch_fate(s->feed->watch, s); /* it may have gone since it was looked up */
        reply_stream(x, &s->source);
    }
    stream_view_unref(v);
    return st;
}
