/* control.h: control batches: what a log says of its own shard. One so far: the seal.
 *
 *   body:  | kind u8 = 1 (seal) | zero u8[3] | count of children u32 | index of each child, u32 ... |      little-endian
 *
 * A seal is the last batch of a log for ever. So "after the end of the shard" is decided by log order, not by clocks. */
#ifndef SLUICE_SHARDS_CONTROL_H
#define SLUICE_SHARDS_CONTROL_H

#include "base/bytes.h"

enum {
    CONTROL_SEAL = 1,
    CONTROL_CHILDREN_MAX = 2,
    CONTROL_SEAL_BYTES_MAX = 8 + 4 * CONTROL_CHILDREN_MAX
};

/* Returns the body's length. */
static inline size_t control_seal_pack(const uint32_t *children, uint32_t count,
                                       uint8_t out[CONTROL_SEAL_BYTES_MAX])
{
    memset(out, 0, CONTROL_SEAL_BYTES_MAX);
    out[0] = CONTROL_SEAL;
    out[4] = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        for (int byte = 0; byte < 4; byte++)
            out[8 + 4 * i + (uint32_t)byte] = (uint8_t)(children[i] >> (8 * byte));
    return 8 + 4 * (size_t)count;
}

static inline bool control_is_seal(struct bytes body)
{
    return body.len >= 8 && body.at[0] == CONTROL_SEAL;
}

#endif
