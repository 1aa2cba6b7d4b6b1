/* histogram.h: durations counted in logarithmic buckets, by HdrHistogram's method (Gil Tene): powers of two, each cut into 128 equal
 * parts, so that every value is known to within 1/128 of itself whatever its size, in fixed memory. Thread: the owner's. */
#ifndef SLUICE_CLI_HISTOGRAM_H
#define SLUICE_CLI_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_PARTS = 128, HISTOGRAM_BUCKETS = (64 - 7 + 1) * HISTOGRAM_PARTS };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count, max;
};

void histogram_add(struct histogram *h, uint64_t value);
/* A value that at least `percent` of all are not above: the upper end of its bucket, but never above the largest. 0 of none. */
uint64_t histogram_at(const struct histogram *h, double percent);

#endif
