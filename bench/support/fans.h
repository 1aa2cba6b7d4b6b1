/* fans.h: consumers of a stream, subscribed to all of its shards (SubscribeToShard over HTTP/1.1), and one thread that reads what is
 * pushed to them. Each record's partition key is the time at which it was sent (monotonic us), so each tells how long it took.
 * What goes wrong ends the benchmark. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_FANS_H
#define SLUICE_BENCH_SUPPORT_FANS_H

#include "bench/support/caller.h"
#include "bench/support/latency.h"

struct fans;

/* Registers the consumers and subscribes them, from LATEST on; returns when all have begun. */
struct fans *fans_open(const struct caller *c, const char *stream, unsigned shards,
                       unsigned consumers);
/* Records sent from now on count. */
void fans_count(struct fans *f);
/* Waits until all consumers together got `records` since they were opened, and ends them. Put to event, of what counts. */
void fans_close(struct fans *f, uint64_t records, struct latency *out);

#endif
