/* ring.h: requests made and signed before the clock starts, handed out round and round. The data in
 * them is random. Signatures hold for 15 minutes. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_RING_H
#define SLUICE_BENCH_SUPPORT_RING_H

#include "base/arena.h"
#include "bench/support/caller.h"
#include "bench/support/load.h"
#include "bench/support/report.h"

struct ring {
    struct load_source source;
    uint64_t left; /* how many it still hands out; at first without end */
    /* its own */
    struct request *requests;
    unsigned count, at;
    struct arena arena;
};

/* Puts into the streams <prefix>-0, <prefix>-1, ... in turns. */
struct put_plan {
    const char *prefix;
    unsigned streams;
    unsigned records; /* of one PutRecords; 0: PutRecord */
    unsigned record_bytes;
    unsigned bodies; /* PutRecords: how many different lists of records; they are large, so requests
                        share them */
    unsigned requests;
};
void ring_put(struct ring *ring, const struct caller *c, const struct put_plan *plan);
/* The same, and sends so many of them; each must be answered right. */
void ring_put_all(const struct caller *c, const struct put_plan *plan, uint64_t requests,
                  struct load_result *result);

/* GetRecords of exactly `limit` records from each of these iterators. */
void ring_get(struct ring *ring, const struct caller *c, char (*iterators)[ITERATOR_BYTES_MAX],
              unsigned count, unsigned limit);
void ring_fini(struct ring *ring);

/* How many records a GetRecords answer of ours holds, without reading them: each is one JSON object
 * within one, and nothing in them has a brace (base64, hexadecimal keys). */
uint64_t get_records_count(struct bytes body);

#endif
