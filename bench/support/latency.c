/* latency.c: log-linear buckets.
 *
 *   us       0 .. 127          128 .. 255       256 .. 511      ...
 *   buckets  128 of 1 us       64 of 2 us       64 of 4 us      ...
 *
 * A bucket is told by its middle: at most 1/128 off. */
#include "bench/support/latency.h"

#include <string.h>

enum { BUCKETS = LATENCY_EXACT + LATENCY_DOUBLINGS * LATENCY_STEPS };

static unsigned bucket_of(uint64_t us)
{
    if (us < LATENCY_EXACT)
        return (unsigned)us;
    if (us > UINT32_MAX)
        us = UINT32_MAX;
    unsigned doubling = 63 - (unsigned)__builtin_clzll(us) - 7; /* 0 for 128 .. 255 */
    unsigned step = (unsigned)(us >> (doubling + 1)) - LATENCY_STEPS;
    return LATENCY_EXACT + doubling * LATENCY_STEPS + step;
}

static uint64_t middle_of(unsigned bucket)
{
    if (bucket < LATENCY_EXACT)
        return bucket;
    unsigned doubling = (bucket - LATENCY_EXACT) / LATENCY_STEPS;
    uint64_t step = (bucket - LATENCY_EXACT) % LATENCY_STEPS;
    return ((LATENCY_STEPS + step) << (doubling + 1)) + (1ull << doubling);
}

void latency_clear(struct latency *l)
{
    memset(l, 0, sizeof(*l));
}

void latency_add(struct latency *l, uint64_t us)
{
    l->count++;
    l->buckets[bucket_of(us)]++;
    if (us > l->most_us)
        l->most_us = us;
}

uint64_t latency_at(const struct latency *l, double part)
{
    double wanted = part * (double)l->count;
    uint64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += l->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return middle_of(i) < l->most_us ? middle_of(i) : l->most_us;
    }
    return l->most_us;
}
