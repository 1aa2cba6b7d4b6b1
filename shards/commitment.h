/* commitment.h: the minimum throughput billing commitment of an account in a region, and how it comes and goes: pure.
 *
 *   (none, or ended) --enable--> ENABLED --disable--> ENABLED_UNTIL its first 24 hours are over --then--> ended
 *                                   ^                    |
 *                                   +------enable--------+
 *
 * Disabled after its first 24 hours it ends at once. Nothing has to happen when an end comes: it is a matter of the clock. Thread: any. */
#ifndef SLUICE_SHARDS_COMMITMENT_H
#define SLUICE_SHARDS_COMMITMENT_H

#include <stdint.h>

#define COMMITMENT_LEAST_MS (24 * 3600 * 1000ull)

struct commitment {
    uint64_t started_ms; /* 0: there never was one */
    uint64_t ends_ms;    /* when it ends, or ended; 0: it goes on */
};

enum commitment_status { COMMITMENT_DISABLED, COMMITMENT_ENABLED, COMMITMENT_ENABLED_UNTIL_END };

enum commitment_status commitment_status(const struct commitment *c, uint64_t now_ms);
struct commitment commitment_enable(struct commitment c, uint64_t now_ms);
struct commitment commitment_disable(struct commitment c, uint64_t now_ms);

#endif
