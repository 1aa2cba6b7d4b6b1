/* checkpoint.h: how far a shard has been handled. Pure.
 *
 * A sequence number, and within it a number of the records that an aggregated one holds; or one of four words:
 *
 *   ""              none yet: the reader begins where it likes
 *   AT_TIMESTAMP    begins at `sub`, milliseconds since 1970
 *   TRIM_HORIZON    begins at the oldest record there is
 *   <digits>        all up to it is handled
 *   SHARD_END       all of the shard is handled
 *
 * Thread: any. */
#ifndef SLUICE_GROUPS_CHECKPOINT_H
#define SLUICE_GROUPS_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_HORIZON   "TRIM_HORIZON"
#define CHECKPOINT_TIMESTAMP "AT_TIMESTAMP"
#define CHECKPOINT_END       "SHARD_END"

enum { CHECKPOINT_BYTES = 130 }; /* 129 digits, as AWS bounds sequence numbers, and a NUL */

struct checkpoint {
    char sequence[CHECKPOINT_BYTES];
    uint64_t sub;
};

/* Whether it is one of the above: a number has no leading zeros. */
bool checkpoint_is_valid(const struct checkpoint *c);
bool checkpoint_is_end(const struct checkpoint *c);
/* Below, equal to, above 0 as `a` stands before, at, behind `b`: none, then beginnings (the oldest record before any time), then
 * numbers, then the end. Both valid. */
int checkpoint_compare(const struct checkpoint *a, const struct checkpoint *b);

#endif
