/* backoff.c: exponential backoff with full jitter.
 *
 * The whole wait is drawn by chance, not only its edge: many who failed at the same moment then
 * come back spread out, which is what lets the far side recover.
 *
 * Thread: its owner's. */
#include "base/backoff.h"

#include <limits.h>

uint64_t backoff_next_ms(struct backoff *b, struct random *r)
{
    uint64_t most = b->most_ms == 0 ? 1 : b->most_ms;
    uint64_t limit = b->first_ms == 0 ? 1 : b->first_ms;
    if (b->attempt >= 64 || limit > most >> b->attempt)
        limit = most;
    else
        limit <<= b->attempt;
    if (b->attempt < UINT_MAX)
        b->attempt++;
    return 1 + random_below(r, limit);
}
