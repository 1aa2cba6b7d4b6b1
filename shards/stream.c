/* stream.c: publishes views. The lock is held for a pointer and a count; wakes only send messages.
 */
#include "shards/stream.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"

#include <stdatomic.h>

struct stream {
    _Atomic uint32_t refs;
    struct lock mu;
    /* under mu */
    struct stream_view *view;
    struct list waiters;
};

struct stream *stream_new(struct stream_view *first)
{
    struct stream *s = MEM_NEW(struct stream);
    atomic_store(&s->refs, 1);
    lock_init(&s->mu, LOCK_STREAM);
    s->view = first;
    list_init(&s->waiters);
    return s;
}

struct stream *stream_ref(struct stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void stream_unref(struct stream *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    must(list_empty(&s->waiters));
    stream_view_unref(s->view);
    lock_fini(&s->mu);
    mem_free(s);
}

struct stream_view *stream_look(struct stream *s)
{
    lock_take(&s->mu);
    struct stream_view *v = stream_view_ref(s->view);
    lock_drop(&s->mu);
    return v;
}

/* Under the lock, so that a cancelled waiter is never woken. */
static void wake_all(struct stream *s)
{
    while (!list_empty(&s->waiters)) {
        struct stream_waiter *w = LIST_OWNER(s->waiters.next, struct stream_waiter, node);
        list_remove(&w->node);
        w->wake(w); /* may free w */
    }
}

void stream_publish(struct stream *s, struct stream_view *next)
{
    lock_take(&s->mu);
    struct stream_view *old = s->view;
    must(next->version > old->version);
    s->view = next;
    wake_all(s);
    lock_drop(&s->mu);
    stream_view_unref(old);
}

void stream_wake(struct stream *s)
{
    lock_take(&s->mu);
    wake_all(s);
    lock_drop(&s->mu);
}

void stream_wait(struct stream *s, uint64_t version, struct stream_waiter *w)
{
    lock_take(&s->mu);
    list_init(&w->node);
    if (s->view->version > version)
        w->wake(w);
    else
        list_append(&s->waiters, &w->node);
    lock_drop(&s->mu);
}

void stream_cancel(struct stream *s, struct stream_waiter *w)
{
    lock_take(&s->mu);
    list_remove(&w->node);
    lock_drop(&s->mu);
}
