/* position.h: a result's place: the sub-th result of the record at `offset`. Pure. */
#ifndef SLUICE_DELIVERY_POSITION_H
#define SLUICE_DELIVERY_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct position {
    uint64_t offset;
    uint32_t sub;
};

static inline bool position_before(struct position a, struct position b)
{
    return a.offset != b.offset ? a.offset < b.offset : a.sub < b.sub;
}
/* The first place after it. */
static inline struct position position_after(struct position p)
{
    return (struct position){p.offset, p.sub + 1};
}

#endif
