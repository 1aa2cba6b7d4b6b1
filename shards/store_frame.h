/* store_frame.h: frames: how a segment's write-ahead log lies in a file that was used before.
 *
 * The file is a row of blocks of 4 KiB, each of a frame written once in a use of the file; zeros, or what an earlier use left, lie behind:
 *
 *   block 0, 1       heads: the same twice, no payload; synced before the file takes a log's name
 *   block 2 ...      frame 0, frame 1, ...: each the blocks that one sync (relaxed: one flush) wrote
 *
 *   block:   magic u32 | block u32 | generation u64 | offset u64 | frame u32 | synced u32 | used u16 | flags u8 | 0 u8
 *            | CRC-32C of the payload u32 | CRC-32C of the 40 bytes before u32 | payload (used bytes) | anything, to 4096
 *
 *   magic       tells a frame from LevelDB's own log, whose seventh byte is 1 to 4
 *   block       its own number in the file
 *   generation  of this use of the file, by chance: what an earlier use left behind has another
 *   offset      of the payload in the log; frame: counts from 0
 *   synced      so many frames were durable when this was written
 *   flags       bit 0: begins its frame, bit 1: ends it, bit 2: a head
 *
 * All numbers are little-endian. Only the block that ends a frame is not full. */
#ifndef SLUICE_SHARDS_STORE_FRAME_H
#define SLUICE_SHARDS_STORE_FRAME_H

#include "base/bytes.h"

enum {
    FRAME_BLOCK_BYTES = 4096,
    FRAME_HEAD_BYTES = 44,
    FRAME_ROOM = FRAME_BLOCK_BYTES - FRAME_HEAD_BYTES,
    FRAME_HEADS = 2,
};

struct frame_block {
    uint64_t generation, offset;
    uint32_t block, frame, synced;
    uint16_t used;
    bool begins, ends, head;
};

/* Writes the 44 bytes in front of a payload that is in its place. */
void frame_block_seal(uint8_t block[FRAME_BLOCK_BYTES], const struct frame_block *b);
/* Whether the 44 bytes pass their check. */
bool frame_block_parse(const uint8_t block[FRAME_BLOCK_BYTES], struct frame_block *out);
/* Whether the payload does, too. */
bool frame_block_whole(const uint8_t block[FRAME_BLOCK_BYTES], const struct frame_block *b);
static inline struct bytes frame_block_payload(const uint8_t *block, const struct frame_block *b)
{
    return bytes_of(block + FRAME_HEAD_BYTES, b->used);
}

/* A file seen block by block, from block 0: what of it is this use's, and whether that is all there
 * was.
 *
 * F1. Nothing that does not carry the generation of the file's head is taken for this use's.
 * F2. Whole frames count from frame 0 on, as far as none is missing or flawed.
 * F3. Damaged means: a block of this use says that a frame was durable which is not among the whole
 * ones. What else is not whole was torn, and never acknowledged: but for the last frame, of which no later block can
 * say that it was durable. Damage to it looks like a write cut short. */
struct frame_scan {
    bool framed;         /* a head was found */
    bool strange;        /* two heads that differ, or no head and blocks of frames */
    uint64_t generation; /* of the head */
    uint32_t frames;     /* whole */
    uint32_t blocks;     /* up to the end of the last whole frame, heads included */
    uint64_t bytes;      /* of payload in them */
    uint32_t durable;    /* frames that a block says were */
    bool more;           /* something of this use stands behind the whole frames */
    /* the frame being read */
    uint32_t at;     /* the next block */
    uint64_t offset; /* expected */
    bool inside, flawed;
};
void frame_scan_block(struct frame_scan *s, const uint8_t block[FRAME_BLOCK_BYTES]);
/* This use's, by its 44 bytes; its payload may be flawed. Of the block numbered `at`. */
bool frame_is_ours(const struct frame_scan *s, uint32_t at, const uint8_t block[FRAME_BLOCK_BYTES],
                   struct frame_block *out);
static inline bool frame_scan_damaged(const struct frame_scan *s)
{
    return s->strange || s->durable > s->frames;
}

#endif
