/* latency.h: a histogram of durations, log-linear, good to 0.8 %. Not for threads. */
#ifndef SLUICE_BENCH_SUPPORT_LATENCY_H
#define SLUICE_BENCH_SUPPORT_LATENCY_H

#include <stdint.h>

enum { LATENCY_BUCKETS = 31 * 128 };

struct latency {
    uint64_t count, sum_us, max_us;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_clear(struct latency *l);
void latency_add(struct latency *l, uint64_t us);
void latency_merge(struct latency *into, const struct latency *from);
/* The duration that `share` (0 to 1) of all stay at or under; 0 when there are none. */
uint64_t latency_at(const struct latency *l, double share);
double latency_mean(const struct latency *l);

#endif
