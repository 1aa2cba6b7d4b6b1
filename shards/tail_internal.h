/* tail_internal.h: the newest spans of every log in memory, what each log's readers may see, and
 * who waits for more.
 *
 * Its lock also guards what readers need to know of a log (bounds), so that one commit takes it
 * once for all its logs. Functions named tail_*_locked want the lock held. */
#ifndef SLUICE_SHARDS_TAIL_INTERNAL_H
#define SLUICE_SHARDS_TAIL_INTERNAL_H

#include "base/lock.h"
#include "shards/log.h"

struct tail {
    struct lock mu;
    size_t bytes_max;   /* fixed at birth */
    size_t bytes;       /* under mu */
    struct list by_age; /* under mu: span_box.node, oldest first */
};

/* One log's part; lives in its log. All under the tail's mu. */
struct tail_log {
    struct log_bounds bounds;
    struct log_span **ring; /* the newest, without a gap up to bounds.end; room is a power of two */
    uint32_t room, head, count;
    struct list waiters;
};

void tail_init(struct tail *t, size_t bytes_max);
/* Every log must have been finished. */
void tail_fini(struct tail *t);
void tail_log_init(struct tail_log *l, const struct log_bounds *bounds);
/* Drops its spans. Nobody may wait. */
void tail_log_fini(struct tail *t, struct tail_log *l);

/* Makes a durable span visible: moves the end, takes over the caller's reference. What must go to
 * stay within the bound is appended to `out` (span_box.node), to be released by tail_release after
 * the lock was dropped. */
void tail_publish_locked(struct tail *t, struct tail_log *l, struct log_span *span, bool seals,
                         struct list *out);
/* Wakes everybody who waits. Once a commit and log. */
void tail_wake_locked(struct tail_log *l);
/* The log's end moved by other ways than publish (it was recovered): its spans go. */
void tail_forget_locked(struct tail *t, struct tail_log *l, struct list *out);
void tail_release(struct list *spans);

/* Answers from memory if it can: FROM with spans or END, FIND_TIME likewise. false: only the disk
 * knows. Thread: any */
bool tail_read(struct tail *t, struct tail_log *l, struct log_read *r) MUST_USE;
/* Adds spans from r->offset-like `from` on to r, as far as r's bounds allow; returns the next
 * offset (from: nothing was there). */
uint64_t tail_collect_locked(const struct tail_log *l, uint64_t from, struct log_read *r);
/* Whether r has had enough. */
bool log_read_full(const struct log_read *r);

void tail_wait(struct tail *t, struct tail_log *l, uint64_t end, struct log_waiter *w);
void tail_cancel(struct tail *t, struct log_waiter *w);
void tail_bounds(struct tail *t, const struct tail_log *l, struct log_bounds *out);
size_t tail_bytes(struct tail *t);

#endif
