/* load.h: puts at a rate, for `sluice bench`.
 *
 * L1. With a rate a put has a time at which it is due, and its latency counts from then, also when it had to wait for an earlier one: what a
 *     slow service keeps from being sent is not left out (Gil Tene's "coordinated omission"). Without a rate the next goes when one ends.
 *
 * Thread: main. */
#ifndef SLUICE_CLI_LOAD_H
#define SLUICE_CLI_LOAD_H

#include "base/buf.h"
#include "cli/histogram.h"
#include "cli/session.h"

struct load {
    struct invocation *words;
    sluice_client *client;
    uint64_t rate, connections, seconds; /* rate 0: as fast as it goes */
    struct buf record;                   /* begins with LOAD_STAMP_BYTES digits: when it was due */
    uint64_t begin_us, end_us, started, under_way, stored, failed;
    struct sluice_error error; /* the first */
    struct histogram latency;  /* microseconds */
};
enum { LOAD_STAMP_BYTES = 20 };

/* Takes --rate, --connections, --record-bytes and --seconds. CLI_DONE, or it said why. */
enum cli_exit load_init(struct load *l, struct invocation *words, sluice_client *client);
void load_fini(struct load *l);
void load_begin(struct load *l);
/* Starts what is due, and waits until something happens. false: the time is over and all have ended. */
bool load_step(struct load *l);

/* One line of a report: records, a second, and the percentiles of `h`; as JSON when that is asked for. `bytes` of a record. */
void load_report(const struct invocation *words, const char *what, uint64_t records, uint64_t bytes,
                 uint64_t failed, double seconds, const struct histogram *h);

#endif
