/* latency.h: how long things took, in log-linear buckets: good to 0.8 %, whatever the range, in a
 * fixed 15 KiB. Thread: its owner's. */
#ifndef SLUICE_BENCH_SUPPORT_LATENCY_H
#define SLUICE_BENCH_SUPPORT_LATENCY_H

#include <stdint.h>

/* Below 128 us a bucket each; above, 64 buckets for each doubling, up to 2^32 us (71 minutes). */
enum { LATENCY_EXACT = 128, LATENCY_STEPS = 64, LATENCY_DOUBLINGS = 25 };

struct latency {
    uint64_t count, most_us;
    uint64_t buckets[LATENCY_EXACT + LATENCY_DOUBLINGS * LATENCY_STEPS];
};

void latency_clear(struct latency *l);
void latency_add(struct latency *l, uint64_t us);
/* Microseconds that this part of all stayed within: 0.99 gives the 99th percentile. 0 when there is
 * nothing. */
uint64_t latency_at(const struct latency *l, double part);

#endif
