/* scan.h: reads a stream from its oldest record to its newest. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_SCAN_H
#define SLUICE_BENCH_SUPPORT_SCAN_H

#include "bench/support/load.h"
#include "bench/support/server.h"

struct scan_plan {
    const char *stream;
    unsigned shards;      /* each on a connection of its own, one call after the other */
    uint64_t records_max; /* a shard ends once it gave this many; 0: at its newest record */
};
/* Iterators are fetched before the clock starts. Dies when an answer is wrong. */
void scan_run(const struct server *s, const struct scan_plan *plan, struct load_result *result);

#endif
