/* parcel.h: what becomes one record of the stream: a record as it was put, or several in the KPL's envelope.
 *
 *   put -> chunk: parcels of one record, side by side      packed: one block of its own
 *          [chunk | parcel, key, data | parcel, ...]       [parcel | an entry each record | the envelope]
 *
 * A put copies into the open chunk, so that it costs one copy and no allocation of its own. A chunk goes when the last parcel in it has
 * its completion, or was packed.
 *
 * Thread: the putting thread until it is taken from the intake, then whoever turns the producer. */
#ifndef SLUICE_SDK_PARCEL_H
#define SLUICE_SDK_PARCEL_H

#include "base/list.h"
#include "base/u128.h"

struct intake;

/* Memory of several parcels. */
struct chunk {
    struct chunk *next; /* the intake's */
    struct list parcels;
    uint32_t refs; /* parcels in it that are still needed */
    size_t size, used;
};

struct parcel_entry {
    void *context;
    uint64_t put_us, order;
};

struct parcel {
    struct list node, numbered_node;
    u128 hash; /* where it goes: of a packed one, its first record's */
    struct bytes partition_key, explicit_hash_key, data;
    uint64_t order;  /* of puts: of a packed one, its first record's */
    uint64_t put_us; /* likewise */
    uint64_t number; /* 0: has none (yet) */
    void *context;
    struct parcel_entry *entries; /* of a packed one, else NULL */
    struct chunk *chunk;          /* of one record; NULL: packed */
    size_t bytes;                 /* its memory, when it is packed */
    struct shard_queue *queue;    /* while it is on its way */
    const struct parcel *ahead;   /* some places behind it in its queue: only to be prefetched */
    uint32_t count, attempts;
    bool sealed; /* a packed one has its digest */
    bool
        unknown; /* it may be stored: an answer was lost, once; refusals since then prove nothing */
};

/* What waits has left the caches, and a list is found one by one: so a parcel is asked for so many places before its turn. With records that go
 * one by one, a seventh of the producer's processor time was waiting for them. */
enum { PARCELS_AHEAD = 8 };
static inline void parcel_prefetch(const struct parcel *p)
{
    for (size_t at = 0; at < sizeof(*p); at += 64)
        __builtin_prefetch((const void *)((uintptr_t)p + at)); /* it may be no more */
}

/* What it counts for in a call: key and data, as the service counts. */
static inline size_t parcel_size(const struct parcel *p)
{
    return p->partition_key.len + p->data.len;
}
static inline struct parcel *parcel_of(struct list *node)
{
    return LIST_OWNER(node, struct parcel, node);
}
static inline struct parcel *parcel_first(const struct list *l)
{
    struct list *first = list_first(l);
    return first ? parcel_of(first) : NULL;
}

/* Not from a list. Its memory counts as returned to the intake, if nothing else is in its chunk. */
void parcel_free(struct parcel *p, struct intake *in);
/* Moves all of `from` into `to`: both in the order of their puts, before and after. */
void parcel_merge(struct list *to, struct list *from);
/* Likewise, and nothing of it belongs before `at`, a node of `to`, or `to` itself: it walks from there. */
void parcel_merge_from(struct list *at, struct list *to, struct list *from);
/* Hashes what has no hash yet: explicit keys are read, the others digested side by side. */
void parcel_hash_all(struct list *parcels);

#endif
