/* reshard_plan.h: which splits and merges bring a stream to an even division of the hash range; pure. */
#ifndef SLUICE_SHARDS_RESHARD_PLAN_H
#define SLUICE_SHARDS_RESHARD_PLAN_H

#include "base/u128.h"

#include <stdint.h>

/* Where the shard at `place` of `count` even ones begins, as AWS draws it: place * floor(2^128 / count). 0 for place == count. */
u128 plan_even_start(uint32_t count, uint32_t place);

enum plan_kind { PLAN_DONE, PLAN_SPLIT, PLAN_MERGE };
struct plan_step {
    enum plan_kind kind;
    uint32_t
        place; /* SPLIT: of the shard split; MERGE: of the left one, whose neighbour is at place + 1 */
    u128 at; /* SPLIT: where the right child begins */
};

/* The next step from open shards that begin at starts[0] = 0 < starts[1] < ... (and end where the next begins, the last at the top)
 * to `target` even ones; DONE when they are (E1). Nothing is kept between two steps, so a row found half way is brought to its end. */
void plan_even_step(const u128 *starts, uint32_t count, uint32_t target, struct plan_step *out);

#endif
