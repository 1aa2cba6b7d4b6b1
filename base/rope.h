/* rope.h: one text of bytes that lies in pieces. A borrowed view, like struct bytes. Pieces may be empty. Thread: any. */
#ifndef SLUICE_BASE_ROPE_H
#define SLUICE_BASE_ROPE_H

#include "base/bytes.h"

struct rope {
    const struct bytes *pieces;
    size_t count;
};

/* Of one piece, which must stay where it is. */
static inline struct rope rope_of(const struct bytes *one)
{
    return (struct rope){one, 1};
}
size_t rope_len(struct rope r);
/* Copies what lies from byte `from` on, up to `room` bytes; returns how many: less at the end. */
size_t rope_copy(struct rope r, size_t from, uint8_t *to, size_t room);

#endif
