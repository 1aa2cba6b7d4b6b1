/* direct.h: what LevelDB takes without a server: the limit of PutRecords. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_DIRECT_H
#define SLUICE_BENCH_SUPPORT_DIRECT_H

#include <stddef.h>
#include <stdint.h>

/* One call: one WriteBatch of `keys` values of random data, synced. */
struct direct_plan {
    unsigned keys;
    size_t value_bytes;
    uint64_t segment_bytes; /* then writing goes on in the next database */
    unsigned sealing_max;   /* so many may wait to be flushed; with more, the writer waits */
};
/* Calls a second. `folder` is made, and gone afterwards. */
double direct_write_rate(const char *folder, const struct direct_plan *plan, double seconds);

#endif
