/* producer_window.h: the last numbers of one producer that a log stored, and where.
 *
 * A row of small blocks, oldest first, in the order in which the numbers were stored. What is new is added to the last block; when the window holds more than it
 * must, the first block goes, whole: so a block is a row in the index that is written a few times while it fills, and never again.
 *
 *   block:  runs, each:  | first number - expected: zig-zag | (count - 1) << 3 | what follows (bits 0 to 2) | offset - expected: zig-zag, bit 0
 *                        | seconds - those before: zig-zag, bit 1 | shard: bit 2 |                              all varints; all is 0 before the first run
 *
 * Two bytes a number of a shard among many, 4 or so for 500 in a row. W1. The last PRODUCER_NUMBERS_MIN numbers stored are found. W2. A number that is not found and is
 * not below `floor` was not stored in this epoch. Not for threads. */
#ifndef SLUICE_SHARDS_PRODUCER_WINDOW_H
#define SLUICE_SHARDS_PRODUCER_WINDOW_H

#include "base/limits.h"
#include "base/list.h"
#include "shards/log.h"

enum { WINDOW_BLOCK_BYTES = 256, WINDOW_BLOCK_NUMBERS_MAX = PUT_RECORDS_MAX + 12 };

/* Numbers that follow each other, stored at offsets that do, at one time. */
struct number_run {
    uint64_t first, offset, time_s;
    uint32_t count, shard;
};

struct window_block {
    struct list node;
    uint64_t place; /* of its row: one more than that of the block before */
    uint64_t lowest, highest;
    uint32_t numbers, len;
    struct number_run expected; /* the coder's, behind the last run */
    uint8_t bytes[WINDOW_BLOCK_BYTES];
};

struct producer_window {
    bool begun; /* an epoch was seen */
    uint64_t epoch, floor, highest /* ever stored */, numbers, next_place;
    uint32_t block_count;
    struct list blocks;
};

void window_init(struct producer_window *w);
void window_fini(struct producer_window *w);
/* A new epoch: knows nothing. */
void window_begin(struct producer_window *w, uint64_t epoch);
/* Adds what was stored behind all that is there. The run has at most PUT_RECORDS_MAX numbers. */
void window_add(struct producer_window *w, const struct number_run *run);
/* Whether any of the stamp's numbers is stored, or too old to be known; with `answer`, writes for each number what is known. */
bool window_find(const struct producer_window *w, struct log_stamp *stamp, bool answer);
/* Marks in the stamp's answers those of its numbers that are in the run; whether there are any. */
bool window_match(struct log_stamp *stamp, const struct number_run *run, bool answer);
/* Takes over what another window knows: of a lower epoch, nothing; of the same, the last numbers of both. */
void window_take(struct producer_window *w, const struct producer_window *from);
/* Takes in what was found late: it may be known, and may have been stored before some that is. Both windows' runs in `shard` are in the order of their offsets. */
void window_insert(struct producer_window *w, const struct producer_window *late, uint32_t shard);
/* Forgets what is said to stand in `shard` at `end` or behind. */
void window_cut(struct producer_window *w, uint32_t shard, uint64_t end);

static inline struct window_block *window_first(const struct producer_window *w)
{
    struct list *node = list_first(&w->blocks);
    return node ? LIST_OWNER(node, struct window_block, node) : NULL;
}
static inline struct window_block *window_last(const struct producer_window *w)
{
    return list_empty(&w->blocks) ? NULL : LIST_OWNER(w->blocks.prev, struct window_block, node);
}
/* A block out of the index, behind all that are there. CORRUPT unless its runs fill it exactly. */
enum status window_load(struct producer_window *w, uint64_t place, struct bytes runs,
                        struct fault *f) MUST_USE;

#endif
