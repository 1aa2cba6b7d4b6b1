/* stamp.h: a stamp as it is stored: who put a batch, and which numbers its records have. It stands in the clear at the end of the batch's body, within its
 * CRC: what is stored and what is known of its producer are one write.
 *
 *   stamp:  | producer id (16) | epoch u64, little-endian | runs ... |       a run: numbers that follow each other, of records that do
 *   run:    | first number, less what was expected: zig-zag varint | count - 1: varint |      expected: one past the run before; 0 at first
 *
 * 500 records of one shard, numbered in a row, take some 28 bytes; sparse numbers two bytes each. */
#ifndef SLUICE_SHARDS_STAMP_H
#define SLUICE_SHARDS_STAMP_H

#include "shards/log.h"

enum { VARINT_BYTES_MAX = 10, STAMP_HEAD_BYTES = PRODUCER_ID_BYTES + 8 };

/* For what knows of numbers: any u64, small ones short. */
uint8_t *varint_put(uint8_t *at, uint64_t n);
/* false: it is not one, or longer than `from`; else *from begins behind it. */
bool varint_take(struct bytes *from, uint64_t *n);
static inline uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}
static inline uint64_t zagzig(uint64_t n)
{
    return n >> 1 ^ (0 - (n & 1));
}

/* How many numbers from `at` on follow each other. */
uint32_t stamp_run(const struct log_stamp *s, uint32_t at);
/* Fills in what follows from numbers and count: order, bounds, length. */
void stamp_measure(struct log_stamp *s);
/* Writes stored_len bytes; returns the byte after them. */
uint8_t *stamp_pack(uint8_t *out, const struct log_stamp *s);

/* Walks the runs of a stored stamp. */
struct stamp_walk {
    struct bytes producer, rest;
    uint64_t epoch, expected;
    uint32_t left; /* records without a number yet */
};
/* CORRUPT when it is shorter than its head. */
enum status stamp_walk_init(struct stamp_walk *w, struct bytes stamp, uint32_t count,
                            struct fault *f) MUST_USE;
/* END behind the last run; CORRUPT unless the runs are as many numbers as the batch has records, each below UINT64_MAX. */
enum status stamp_walk_next(struct stamp_walk *w, uint64_t *first, uint32_t *count,
                            struct fault *f) MUST_USE;

#endif
