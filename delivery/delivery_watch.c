/* delivery_watch.c: a Kinesis source is split, merged, deleted and made again by others. Whoever runs the delivery stream is told each time, and
 * follows (engine.h).
 *
 * A watch waits for the stream's next view; while there is no such stream it looks again every SEEK_MS. It is told by a message, which may be
 * on its way when the watch is stopped: then it is freed when that comes.
 * Thread: delivery-control; wake: the catalog's. */
#include "delivery/delivery_control_internal.h"

#include "base/mem.h"

#include <stdatomic.h>

enum { SEEK_MS = 2000 };

struct watch {
    struct list node;
    struct delivery_control *control;
    struct delivery *delivery; /* referenced */
    struct stream *stream;     /* referenced: the one waited for; NULL: there is none */
    struct stream_waiter waiter;
    struct loop_timer timer;
    struct message message;
    _Atomic bool sent;
    bool stopped;
};

static void look(struct watch *w);

static void watch_free(struct watch *w)
{
    loop_timer_cancel(w->control->loop, &w->timer);
    stream_unref(w->stream);
    delivery_unref(w->delivery);
    list_remove(&w->node);
    mem_free(w);
}

static void changed(struct message *m)
{
    struct watch *w = LIST_OWNER(m, struct watch, message);
    atomic_store(&w->sent, false);
    if (w->stopped) {
        watch_free(w);
        return;
    }
    look(w);
    w->control->settings.runner.set(w->control->settings.runner.arg, w->delivery);
}

/* Thread: the catalog's, or ours. */
static void wake(struct stream_waiter *waiter)
{
    struct watch *w = LIST_OWNER(waiter, struct watch, waiter);
    atomic_store(&w->sent, true);
    loop_send(w->control->loop, &w->message);
}

static void seek(struct loop_timer *t)
{
    struct watch *w = LIST_OWNER(t, struct watch, timer);
    look(w);
    if (w->stream)
        w->control->settings.runner.set(w->control->settings.runner.arg, w->delivery);
}

/* Waits for the next change of the stream that is there now. */
static void look(struct watch *w)
{
    struct delivery_view *v = delivery_look(w->delivery);
    stream_unref(w->stream);
    w->stream = delivery_source_stream(w->control, v->config);
    delivery_view_unref(v);
    if (!w->stream) {
        loop_timer_set(w->control->loop, &w->timer, SEEK_MS);
        return;
    }
    struct stream_view *seen = stream_look(w->stream);
    stream_wait(w->stream, seen->version, &w->waiter);
    stream_view_unref(seen);
}

void delivery_watch_start(struct delivery_control *c, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    bool kinesis = v->source == DELIVERY_KINESIS;
    delivery_view_unref(v);
    if (!kinesis)
        return;
    struct watch *w = MEM_NEW(struct watch);
    *w = (struct watch){.control = c,
                        .delivery = delivery_ref(d),
                        .waiter = {.wake = wake},
                        .timer = {.fire = seek},
                        .message = {.handle = changed}};
    list_append(&c->watches, &w->node);
    look(w);
}

static void watch_stop(struct watch *w)
{
    w->stopped = true;
    if (w->stream)
        stream_cancel(w->stream, &w->waiter);
    if (!atomic_load(&w->sent))
        watch_free(w);
}

void delivery_watch_stop(struct delivery_control *c, const struct delivery *d)
{
    LIST_EACH(node, keep, &c->watches)
    {
        struct watch *w = LIST_OWNER(node, struct watch, node);
        if (w->delivery == d && !w->stopped)
            watch_stop(w);
    }
}

void delivery_watch_stop_all(struct delivery_control *c)
{
    LIST_EACH(node, keep, &c->watches)
    {
        struct watch *w = LIST_OWNER(node, struct watch, node);
        if (!w->stopped)
            watch_stop(w);
    }
}
