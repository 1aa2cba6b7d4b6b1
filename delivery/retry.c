/* retry.c: see the header. Thread: its owner's. */
#include "delivery/retry.h"

void retry_spare(struct retry *r, uint64_t us)
{
    if (r->failures > 0)
        r->spared_us += us;
}

bool retry_next(struct retry *r, uint64_t now_us, uint64_t duration_s, struct random *chance,
                uint64_t *wait_ms)
{
    if (r->failures == 0)
        r->began_us = now_us;
    uint64_t most_us = duration_s * 1000000;
    if (now_us - r->began_us >= most_us + r->spared_us)
        return false;
    uint64_t base = RETRY_MOST_MS;
    if (r->failures < 16 && (uint64_t)RETRY_FIRST_MS << r->failures < RETRY_MOST_MS)
        base = (uint64_t)RETRY_FIRST_MS << r->failures;
    r->failures++;
    uint64_t jitter = base * RETRY_JITTER_PERCENT / 100;
    *wait_ms = base - jitter + random_below(chance, 2 * jitter + 1);
    return true;
}
