/* log.h: the log contract. A log is one shard's records: an append-only row of batches, addressed by offset from 0 without gaps.
 *
 * Everything here is asynchronous or answers from memory: nobody who calls it waits for the disk. Nothing above may assume one machine's
 * disk (ADR 0001, D8): an engine may keep a log anywhere.
 *
 * L1. An append completes with OK only after all of its batch is durable (synced).
 * L2. Appends to one log complete in the order in which they were queued, and take consecutive offsets in that order.
 * L3. Times within one log never decrease.
 * L4. A read sees only what is durable, all of it, in offset order, each once.
 * L5. After a control batch that seals (append with `seals`), every later append to that log completes with SEALED.
 * L6. After a failed write or sync the appends in flight fail, and appends are refused until the engine has reopened what failed and
 *     knows again where each log ends. It reopens by itself. Reads go on.
 * L7. Damage is refused: CORRUPT with the place named; other logs serve on. A torn last write is dropped (it was never acknowledged).
 * L8. What is past its log's horizon may vanish at any time after log_trim said so; reads then begin at the first offset kept.
 * L9. A stamped append (struct log_stamp) is stored only if none of its producer's numbers in it is stored in the log already, or on its way there before it. Else
 *     nothing of it is stored: it completes with REPEATED, and the stamp tells where each number is, or that it is new, or too old to be known. A batch
 *     of an epoch below the newest seen of its producer completes with FENCED. So it is across closing, crash and failure, and for the
 *     children of a sealed log from log_take_over on. The numbers known are a bounded window: the last PRODUCER_NUMBERS_MIN that a producer stored, of the
 *     PRODUCERS_MAX producers last seen. */
#ifndef SLUICE_SHARDS_LOG_H
#define SLUICE_SHARDS_LOG_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/status.h"

struct log_engine;
struct log;

struct log_place {
    uint64_t stream; /* a stream's own number, never used again */
    uint32_t shard;  /* index within the stream */
};

/* What is known of a number that a producer gave a record. */
struct log_number {
    enum {
        NUMBER_NEW,
        NUMBER_STORED,
        NUMBER_FORGOTTEN
    } state;                  /* forgotten: too old to be known, perhaps stored */
    uint32_t shard;           /* stored: the log, of this stream, */
    uint64_t offset, time_ms; /* its place there, and when (whole seconds) */
};

/* Who put a batch, and which numbers its records have: stored with them, each at most once (L9). Lives as long as its append. */
enum { PRODUCER_ID_BYTES = 16 };
struct log_stamp {
    uint8_t producer[PRODUCER_ID_BYTES];
    uint64_t epoch;
    const uint64_t *numbers; /* one a record, no two the same, below UINT64_MAX */
    uint32_t count;
    bool ascending; /* they are */
    uint64_t lowest, highest;
    uint16_t stored_len; /* it is the last so many bytes of the append's body: stamp.h */
    /* set before done: */
    struct log_number *answers; /* room for one a record; filled on REPEATED */
    uint64_t newest_epoch;      /* on FENCED */
    /* the engine's own: */
    struct log_append *append;
    struct list node, pending;
    void *engine_private;
};

/* One batch on its way. Lives in the caller until `done`. */
struct log_append {
    struct log *log;
    struct bytes body; /* packed by record.h; must stay until done */
    uint32_t body_crc; /* CRC-32C of body */
    uint32_t count;    /* records in it (1 for a control batch) */
    bool control, seals;
    uint32_t key_epoch;      /* 0: the body is plain; else it was sealed by batch_cipher.h */
    struct log_stamp *stamp; /* NULL: anybody's, stored as often as it is put */
    void (*done)(struct log_append *); /* Thread: the engine's committer, or the caller's own before
                                          log_append_all returns. Must not block. */
    /* set before done: */
    enum status status; /* OK, SEALED, THROTTLED (queue or disk full), NO_SPACE, IO_FAILED, CORRUPT,
                           CLOSING, NO_MEMORY; REPEATED, FENCED (L9) */
    uint64_t first_offset, time_ms;
    /* the engine's own: */
    struct list node;
    uint64_t engine_private[2];
};

/* A stored value held in memory: one or more batches, checked. Counted; immutable. */
struct log_span {
    _Atomic uint32_t refs;
    uint32_t count; /* offsets in it */
    uint64_t first_offset;
    uint64_t first_ms, last_ms;
    size_t len;
    uint8_t bytes[] __attribute__((aligned(8)));
};
/* For engines: one reference, `len` bytes to be filled; NULL when there is no memory. */
struct log_span *log_span_new(size_t len);
void log_span_ref(struct log_span *s);
void log_span_unref(struct log_span *s);

struct log_bounds {
    uint64_t begin;   /* first offset kept */
    uint64_t end;     /* one past the last durable offset */
    uint64_t last_ms; /* time of the last durable batch; 0 when there never was one */
    bool sealed;      /* the last batch seals */
};

enum { LOG_SPANS_MAX = 512 };

/* A read on its way. Lives in the caller until `done`. */
struct log_read {
    struct log *log;
    enum { LOG_READ_FROM, LOG_FIND_TIME } kind;
    uint64_t from;    /* FROM: offset; below the begin it reads from the begin */
    uint64_t time_ms; /* FIND_TIME: wants the first offset whose time is >= this */
    size_t bytes_max; /* FROM: stop after the span that reaches this (at least one span is given) */
    uint32_t count_max;              /* FROM: likewise in offsets */
    void (*done)(struct log_read *); /* Thread: a disk reader, or the caller's own before log_read
                                        returns when memory could answer. */
    /* set before done: */
    enum status status; /* OK, END (from is at or past the end; FIND_TIME: no such batch yet),
                           CORRUPT, IO_FAILED, THROTTLED, CLOSING, NO_MEMORY */
    uint64_t offset; /* FIND_TIME: the offset found; FROM: where the first span begins to count (max
                        of from and begin). On END: the end */
    struct log_span
        *spans[LOG_SPANS_MAX]; /* referenced; the caller unrefs each (log_read_release) */
    uint32_t span_count;
    struct fault fault;
    /* the engine's own: */
    struct list node;
};
void log_read_release(struct log_read *r);

/* Someone who waits for more. Lives in its owner. */
struct log_waiter {
    void (*wake)(
        struct log_waiter *); /* Thread: the committer. Must not block: send a message. One shot. */
    struct list node;         /* the engine's own */
};

/* Which batches must be kept. Asked by log_trim. Thread: housekeeping. */
struct log_keeper {
    /* Batches of this stream with a time below the answer may go; UINT64_MAX: all of it may go (the
     * stream is deleted). */
    uint64_t (*begin_ms)(const struct log_keeper *, uint64_t stream);
};

struct log_usage {
    uint64_t disk_bytes, live_bytes, segments, memory_bytes, tail_bytes, queued_bytes, producers,
        producer_bytes;
};

struct log_ops {
    /* The log at this place: finds its end; makes it if it is new. Blocks on the disk: not for the
     * network's threads. Opening twice gives the same log. retention_hours: how long its batches
     * will be kept, so that the engine can store what goes at one time together. */
    enum status (*open)(struct log_engine *, struct log_place, uint32_t retention_hours,
                        struct log **out, struct fault *f);
    void (*set_retention)(struct log *, uint32_t retention_hours);
    /* Queues all of them at once, in order; each completes on its own. Thread: any. */
    void (*append)(struct log_engine *, struct log_append *const *appends, size_t count);
    void (*read)(struct log_read *);                      /* Thread: any */
    void (*bounds)(struct log *, struct log_bounds *out); /* Thread: any; from memory */
    /* Wakes when the end moves past `end`: at once (before it returns) if it already has. Cancel
     * waits until a wake under way is over. */
    void (*wait)(struct log *, uint64_t end, struct log_waiter *);
    void (*cancel)(struct log *, struct log_waiter *);
    /* Gives back what the keeper no longer needs; a bounded turn of about budget_ms. END when there
     * is nothing more to do now. Thread: housekeeping. */
    enum status (*trim)(struct log_engine *, const struct log_keeper *, uint64_t now_ms,
                        uint64_t budget_ms, struct fault *f);
    void (*usage)(struct log_engine *, struct log_usage *out); /* Thread: any */
    /* L9: what is known of the sealed parents' producers is the children's from now on, durably. Again, after it was done, does nothing. Blocks on the disk.
     * Nothing may have been appended to the children. Thread: the catalog's. */
    enum status (*take_over)(struct log_engine *, struct log *const *parents, size_t parent_count,
                             struct log *const *children, size_t child_count, struct fault *f);
    /* Drops one use of a log given by open; its memory goes with the last. */
    void (*release)(struct log *);
    /* Finishes what is queued, seals, closes. No call may be under way. */
    void (*close)(struct log_engine *);
};

struct log_engine {
    const struct log_ops *ops;
};
/* First member of every engine's log. */
struct log {
    struct log_engine *engine;
    struct log_place place;
};

static inline void log_append_all(struct log_engine *e, struct log_append *const *appends,
                                  size_t count)
{
    e->ops->append(e, appends, count);
}
static inline void log_read(struct log_read *r)
{
    r->log->engine->ops->read(r);
}
static inline enum status log_take_over(struct log *const *parents, size_t parent_count,
                                        struct log *const *children, size_t child_count,
                                        struct fault *f)
{
    struct log_engine *e = parents[0]->engine;
    return e->ops->take_over(e, parents, parent_count, children, child_count, f);
}
static inline void log_bounds(struct log *l, struct log_bounds *out)
{
    l->engine->ops->bounds(l, out);
}

#endif
