/* histogram.c: see the header. Values below 256 have a bucket each. */
#include "cli/histogram.h"

enum { PART_BITS = 7 };

static unsigned index_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_PARTS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - PART_BITS;
    return shift * HISTOGRAM_PARTS + (unsigned)(value >> shift);
}

static uint64_t upper_end(unsigned index)
{
    if (index < 2 * HISTOGRAM_PARTS)
        return index;
    unsigned shift = index / HISTOGRAM_PARTS - 1;
    uint64_t part = index % HISTOGRAM_PARTS + HISTOGRAM_PARTS;
    return (part << shift) + ((1ull << shift) - 1);
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->counts[index_of(value)]++;
    h->count++;
    h->max = value > h->max ? value : h->max;
}

uint64_t histogram_at(const struct histogram *h, double percent)
{
    double exact = (double)h->count * percent / 100;
    uint64_t wanted = (uint64_t)exact, seen = 0;
    wanted += (double)wanted < exact;
    wanted = wanted ? wanted : 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted)
            return upper_end(i) < h->max ? upper_end(i) : h->max;
    }
    return h->max;
}
