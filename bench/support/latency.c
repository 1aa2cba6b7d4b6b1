/* latency.c: a histogram of durations with the same relative error everywhere.
 *
 * Below 256 us each microsecond has a bucket. Above, each power of two is cut into 128 equal buckets, so
 * that a bucket is never wider than 1/128 of what it holds (the method of HdrHistogram). Adding is a
 * shift and an increment, cheap enough for the loop that makes the load.
 *
 * Left to others: from when a duration counts (load.c).
 * Thread: its owner's. */
#include "bench/support/latency.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { HALF = 128, HALF_BITS = 7 };

void latency_clear(struct latency *l)
{
    memset(l, 0, sizeof(*l));
}

static size_t bucket_of(uint64_t us)
{
    if (us < 2 * HALF)
        return us;
    unsigned shift = 63 - (unsigned)__builtin_clzll(us) - HALF_BITS;
    size_t bucket = (size_t)(shift + 1) * HALF + (size_t)(us >> shift) - HALF;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The largest duration that a bucket holds. */
static uint64_t bucket_top(size_t bucket)
{
    if (bucket < 2 * HALF)
        return bucket;
    unsigned shift = (unsigned)(bucket / HALF) - 1;
    return ((uint64_t)(bucket % HALF + HALF + 1) << shift) - 1;
}

void latency_add(struct latency *l, uint64_t us)
{
    l->buckets[bucket_of(us)]++;
    l->count++;
    l->sum_us += us;
    if (us > l->max_us)
        l->max_us = us;
}

void latency_merge(struct latency *into, const struct latency *from)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum_us += from->sum_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

uint64_t latency_at(const struct latency *l, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)l->count), seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->buckets[i];
        if (seen >= wanted && seen > 0)
            return bucket_top(i) < l->max_us ? bucket_top(i) : l->max_us;
    }
    return l->max_us;
}

double latency_mean(const struct latency *l)
{
    return l->count ? (double)l->sum_us / (double)l->count : 0;
}
