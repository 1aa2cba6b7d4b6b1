/* arena.h: memory freed all at once, when its exchange or batch ends. Blocks double from 4 KiB; a
 * request for more than a block gets one of its own. Not for threads: one owner at a time. */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "base/bytes.h"
#include "base/status.h"

struct arena_block;
struct arena {
    struct arena_block *block; /* newest first */
    uint8_t *at, *end;
    size_t used, ceiling; /* bytes taken from the heap, and the most that may be */
};

void arena_init(struct arena *a, size_t ceiling);
/* Frees everything. */
void arena_fini(struct arena *a);
/* Frees all but the first block, for the next use. */
void arena_reset(struct arena *a);
/* Frees all but the largest block, for a next use of about as much. */
void arena_recycle(struct arena *a);
/* 16-byte aligned, not zeroed; NULL when over the ceiling or out of memory. */
void *arena_take(struct arena *a, size_t size) __attribute__((warn_unused_result, alloc_size(2)));
/* Zeroed. */
void *arena_zero(struct arena *a, size_t size) __attribute__((warn_unused_result, alloc_size(2)));
/* Copies; NULL view when there was no memory. The copy is followed by a NUL that the view does not
 * count. */
struct bytes arena_copy(struct arena *a, struct bytes bytes);
/* printf into the arena; NULL view when there was no memory. NUL-terminated. */
struct bytes arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
