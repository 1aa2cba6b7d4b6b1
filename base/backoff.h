/* backoff.h: retry timing; pure. Exponential with full jitter. */
#ifndef SLUICE_BASE_BACKOFF_H
#define SLUICE_BASE_BACKOFF_H

#include "base/random.h"

struct backoff {
    uint64_t first_ms, most_ms; /* fixed at birth */
    unsigned attempt;           /* failures so far */
};

/* How long to wait before the next try; counts one more failure. Between 1 and min(most, first *
 * 2^attempt). */
uint64_t backoff_next_ms(struct backoff *b, struct random *r);
static inline void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}

#endif
