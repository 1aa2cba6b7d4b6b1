/* stream.c: publishes views. The lock is held for a pointer and a count; nobody does work under it.
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

static void wake_all(struct list *woken)
{
    while (!list_empty(woken)) {
        struct stream_waiter *w = LIST_OWNER(woken->next, struct stream_waiter, node);
        list_remove(&w->node);
        w->wake(w); /* may free w */
    }
}

void stream_publish(struct stream *s, struct stream_view *next)
{
    struct list woken;
    list_init(&woken);
    lock_take(&s->mu);
    struct stream_view *old = s->view;
    must(next->version > old->version);
    s->view = next;
    list_splice(&woken, &s->waiters);
    lock_drop(&s->mu);
    stream_view_unref(old);
    wake_all(&woken);
}

void stream_wake(struct stream *s)
{
    struct list woken;
    list_init(&woken);
    lock_take(&s->mu);
    list_splice(&woken, &s->waiters);
    lock_drop(&s->mu);
    wake_all(&woken);
}

void stream_wait(struct stream *s, uint64_t version, struct stream_waiter *w)
{
    lock_take(&s->mu);
    bool newer = s->view->version > version;
    if (!newer)
        list_append(&s->waiters, &w->node);
    lock_drop(&s->mu);
    if (newer)
        w->wake(w);
}
