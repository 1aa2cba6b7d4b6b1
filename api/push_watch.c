/* push_watch.c: follows a stream for the subscriptions of one loop: deleted consumers and streams, shards that closed.
 *
 * Each change of the stream makes a new view (stream.h) and sends one message to each loop that has subscriptions to it.
 *
 * Thread: the loop's own; on_change the catalog's. */
#include "api/push_internal.h"

#include "base/mem.h"

static void watch_arm(struct watch *w)
{
    w->refs++;
    w->waiting = true;
    w->sent = false;
    stream_wait(w->stream, w->view->version, &w->waiter);
}

/* Thread: the catalog's, under the stream's lock. */
static void on_change(struct stream_waiter *waiter)
{
    struct watch *w = LIST_OWNER(waiter, struct watch, waiter);
    w->sent = true;
    loop_send(w->pusher->loop, &w->message);
}

enum status watch_fate(const struct watch *w, const struct subscription *s)
{
    const struct stream_settings *stream = &w->view->settings;
    const struct subscription_key *key = &s->key;
    const struct consumer *c =
        consumer_set_find(stream->consumers, bytes_of(key->consumer, key->consumer_len));
    bool there = stream->status != STREAM_DELETING && c && c->created_s == key->created_s &&
                 c->status != CONSUMER_DELETING;
    return there ? OK : NOT_FOUND;
}

/* Whose consumer or stream is gone is told; whose shard closed, may have its end to read. They are gathered first: who is made ready may
 * close, and feeds go with their last subscription. */
static void look_at_feed(const struct watch *w, struct feed *d, struct list *ready)
{
    const struct shard *shard = stream_view_shard(w->view, d->shard->index);
    if (!shard || shard->state == SHARD_CLOSED)
        list_splice(ready, &d->idle);
    LIST_EACH(node, keep, &d->subscriptions)
    {
        struct subscription *s = LIST_OWNER(node, struct subscription, of_feed);
        if (s->fate != OK || watch_fate(w, s) == OK)
            continue;
        s->fate = NOT_FOUND;
        list_remove(&s->waiting);
        list_append(ready, &s->waiting);
    }
}

static void look(struct watch *w)
{
    struct list ready, *first;
    list_init(&ready);
    LIST_EACH(node, keep, &w->feeds)
    look_at_feed(w, LIST_OWNER(node, struct feed, of_watch), &ready);
    while ((first = list_first(&ready)) != NULL)
        subscription_ready(LIST_OWNER(first, struct subscription, waiting));
}

static void on_message(struct message *m)
{
    struct watch *w = LIST_OWNER(m, struct watch, message);
    w->waiting = false;
    if (!list_empty(&w->feeds)) {
        stream_view_unref(w->view);
        w->view = stream_look(w->stream);
        watch_arm(w);
        look(w);
    }
    watch_unref(w);
}

struct watch *watch_of(struct pusher *u, struct stream *stream)
{
    struct watch *w = table_find(&u->watches, bytes_of(&stream, sizeof(struct stream *)));
    if (w)
        return w;
    w = MEM_NEW(struct watch);
    w->pusher = u;
    w->stream = stream_ref(stream);
    w->view = stream_look(stream);
    w->waiter.wake = on_change;
    w->message.handle = on_message;
    list_init(&w->feeds);
    list_init(&w->waiter.node);
    table_set(&u->watches, bytes_of(&w->stream, sizeof(struct stream *)), w);
    watch_arm(w);
    return w;
}

void watch_retire(struct watch *w)
{
    table_remove(&w->pusher->watches, bytes_of(&w->stream, sizeof(struct stream *)));
    if (!w->waiting)
        return;
    stream_cancel(w->stream, &w->waiter);
    if (!w->sent) { /* else the message has its reference, and gives it back */
        w->waiting = false;
        watch_unref(w);
    }
}

void watch_unref(struct watch *w)
{
    if (--w->refs > 0)
        return;
    stream_view_unref(w->view);
    stream_unref(w->stream);
    mem_free(w);
}
