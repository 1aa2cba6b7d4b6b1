/* record.h: the stored form of records, drawn in bytes. Numbers are little-endian, lengths u32.
 *
 * A batch is what one append leaves in a shard's log. A stored value (one LevelDB value) is one or more batches, end to end.
 *
 *   batch:   0        1        2          4         8          12         16            24           32          36          40
 *            +--------+--------+----------+---------+----------+----------+-------------+------------+-----------+-----------+--------- - -
 *            | format | flags  | stamp    | count   | body len | body CRC | base offset | base time  | key epoch | head CRC  | body ...
 *            +--------+--------+----------+---------+----------+----------+-------------+------------+-----------+-----------+--------- - -
 *   format 1. flags: bit 0, control batch; bit 1, the log ends behind it; bit 2, the body is encrypted, by the stream's data key of that epoch
 *   (u32, from 1; 0 without bit 2; never of a control batch), see batch_cipher.h; bit 3, the last bytes of the body, as many as `stamp` (u16; 0 without
 *   bit 3; never of a control batch) says, are its stamp, in the clear: see stamp.h. The CRCs are of what is stored: of the ciphertext. The head CRC covers bytes 0..35; the body CRC the body. Both are CRC-32C.
 *
 *   body, of a data batch: count records, each:
 *            +--------+-------------+---------------+----------+--------------------------------+-----------+------+
 *            | flags  | time delta  | key len (u16) | data len | explicit hash key (16, big-end | partition | data |
 *            | u8     | u32, ms     |               | u32      | ian; only when flags bit 0)    | key       |      |
 *            +--------+-------------+---------------+----------+--------------------------------+-----------+------+
 *   body, of a control batch: its kind and words, see control.h. It takes one offset (count is 1).
 *
 * The writer of records packs bodies (record_pack) without knowing offset or time; the log's committer writes the header. So nothing is
 * copied to number it, and the body's CRC is computed where the body is made. */
#ifndef SLUICE_SHARDS_RECORD_H
#define SLUICE_SHARDS_RECORD_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/u128.h"

enum {
    BATCH_HEADER_BYTES = 40,
    BATCH_FORMAT = 1,
    BATCH_CONTROL = 1,
    BATCH_SEALS = 2,
    BATCH_ENCRYPTED = 4,
    BATCH_STAMPED = 8,
    RECORD_HEADER_BYTES = 11,
    RECORD_EXPLICIT_HASH = 1
};

struct batch_header {
    uint8_t flags;
    uint32_t count; /* offsets taken: base_offset .. base_offset + count - 1 */
    uint32_t body_len, body_crc;
    uint64_t base_offset;
    uint64_t base_time_ms;
    uint32_t key_epoch; /* of an encrypted one; else 0 */
    uint16_t stamp_len; /* of a stamped one; else 0 */
};

struct record {
    struct bytes key, data; /* views */
    uint64_t time_ms;
    uint64_t offset;
    bool has_explicit_hash;
    u128 explicit_hash;
};

void batch_header_write(const struct batch_header *h, uint8_t out[BATCH_HEADER_BYTES]);
/* CORRUPT when the head CRC, the format or the length (against bytes.len) does not fit. Does not
 * look at the body. */
enum status batch_header_read(struct bytes bytes, struct batch_header *out,
                              struct fault *f) MUST_USE;
/* CORRUPT when the body does not fit its CRC. `bytes` starts at the header. */
enum status batch_check(struct bytes bytes, const struct batch_header *h, struct fault *f) MUST_USE;

/* Bytes that a record takes in a body. */
size_t record_packed_len(size_t key_len, size_t data_len, bool has_explicit_hash);
/* Writes one record (time delta 0) at `out`, returns the byte after it. */
uint8_t *record_pack(uint8_t *out, struct bytes key, struct bytes data, const u128 *explicit_hash);

/* Walks the records of one batch. Init after batch_check; next gives END after the last, CORRUPT if
 * the body does not hold `count` records exactly, and at once when it is encrypted: then walk what
 * batch_cipher.h makes of it, by record_walk_body_init. */
struct record_walk {
    struct bytes rest;
    uint32_t left;
    uint64_t offset, base_time_ms;
};
void record_walk_init(struct record_walk *w, struct bytes batch, const struct batch_header *h);
/* The same of a body as it was packed, wherever it stands. */
void record_walk_body_init(struct record_walk *w, struct bytes body, const struct batch_header *h);
/* The body behind the header, without its stamp; after batch_header_read. */
struct bytes batch_body(struct bytes batch, const struct batch_header *h);
/* Its stamp; empty when it has none. */
struct bytes batch_stamp(struct bytes batch, const struct batch_header *h);
enum status record_walk_next(struct record_walk *w, struct record *out, struct fault *f) MUST_USE;

#endif
