/* stream.h: one stream: the view in force, and who waits for the next one. stream_table.h finds it
 * by name or number. */
#ifndef SLUICE_SHARDS_STREAM_H
#define SLUICE_SHARDS_STREAM_H

#include "base/list.h"
#include "base/lock.h"
#include "shards/stream_view.h"

struct stream;

/* Someone who waits for a newer view: a put that met the seal of a shard. Lives in its owner. */
struct stream_waiter {
    void (*wake)(struct stream_waiter *); /* Thread: the catalog's, or the caller's when there is a
                                             newer one already. One shot; under the stream's lock,
                                             so it sends a message and no more */
    struct list node;
};

/* Takes over the view. One reference. */
struct stream *stream_new(struct stream_view *first);
struct stream *stream_ref(struct stream *s);
void stream_unref(struct stream *s);
/* The view in force, referenced. Thread: any. */
struct stream_view *stream_look(struct stream *s);
/* Puts another view in force (taken over) and wakes all who wait. Thread: the catalog's. */
void stream_publish(struct stream *s, struct stream_view *next);
/* Wakes all who wait though nothing changed: a reshard failed for now, let them answer. Thread: the
 * catalog's. */
void stream_wake(struct stream *s);
/* Wakes when a view newer than `version` is in force, or when stream_wake is called. Thread: any.
 */
void stream_wait(struct stream *s, uint64_t version, struct stream_waiter *w);
/* w is not woken after this returns. It may have been waited for, or not. Thread: any. */
void stream_cancel(struct stream *s, struct stream_waiter *w);

#endif
