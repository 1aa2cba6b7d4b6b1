/* scale_policy.h: when an on-demand stream splits a shard or merges two; pure.
 *
 * A share is a write rate in shards: 1.0 is 1 MiB/s or 1,000 records/s, whichever is more. */
#ifndef SLUICE_SHARDS_SCALE_POLICY_H
#define SLUICE_SHARDS_SCALE_POLICY_H

#include "base/u128.h"
#include "shards/rate_window.h"

/* ---- the peak a stream remembers ---- */

enum { PEAK_SLOTS = 30 }; /* AWS remembers 30 days; so each slot is a day */
struct scale_peak {
    double slots[PEAK_SLOTS]; /* the highest share in each; a ring */
    uint64_t begin_ms;        /* of the newest slot; 0: nothing noted yet */
    uint32_t newest;
};
/* Forgets what is older than memory_ms, by slots of memory_ms / PEAK_SLOTS. Time that goes back is taken for the newest. */
void scale_peak_note(struct scale_peak *p, uint64_t now_ms, uint64_t memory_ms, double share);
double scale_peak_of(const struct scale_peak *p);

/* ---- the decision ---- */

double scale_share(const struct rate *r);

/* An open shard as it is seen now. */
struct scale_shard {
    double share;
    bool measured; /* for a whole window: a shard just made is neither split nor merged */
    bool quiet;    /* for so long that it may be merged */
    u128 width;    /* of its hash range */
};
struct scale_stream {
    const struct scale_shard *shards; /* in the order of their keys */
    uint32_t count;
    double share;      /* of the stream as a whole, now */
    double peak_share; /* and at the highest in its memory */
    uint32_t warm;     /* shards that WarmThroughput asks for; 0: none */
    uint32_t most;     /* shards that limits allow it */
};

enum scale_kind { SCALE_NOTHING, SCALE_SPLIT, SCALE_MERGE };
struct scale_step {
    enum scale_kind kind;
    uint32_t place; /* SPLIT: which; MERGE: the left one */
};
struct scale_step scale_decide(const struct scale_stream *s);

#endif
