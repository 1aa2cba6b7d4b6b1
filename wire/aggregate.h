/* aggregate.h: several records in one, as the Kinesis Producer Library packs them: both ways, for whoever packs and whoever takes apart.
 *
 *   F3 89 9A C2 | protobuf message | MD5 of the message (16)
 *
 *   message: 1 partition_key_table (string, repeated)   2 explicit_hash_key_table (string, repeated)   3 records (message, repeated)
 *   record:  1 partition_key_index (varint)             2 explicit_hash_key_index (varint, optional)   3 data (bytes)   4 tags (not ours)
 *
 * By hand: one message of three fields, whose bytes are written once, and read in place. What is written is byte for byte what protobuf
 * writes: fields in the order of their numbers, each key once, in the order of its first use.
 *
 * Pure. Thread: any. */
#ifndef SLUICE_WIRE_AGGREGATE_H
#define SLUICE_WIRE_AGGREGATE_H

#include "base/arena.h"
#include "base/u128.h"

/* The partition key of the whole, as the KPL and our producer write it: who sends that holds each to the shard that its records belong to, and sends again
 * what a reshard put elsewhere. */
#define AGGREGATE_PARTITION_KEY "a"
enum { AGGREGATE_MAGIC_BYTES = 4, AGGREGATE_FRAME_BYTES = 4 + 16 /* magic and MD5 */ };

struct aggregate_record {
    struct bytes partition_key;
    struct bytes explicit_hash_key; /* absent: none */
    struct bytes data;
};

/* ---- taking apart ---- */

/* Begins like one: a look at four bytes. Only aggregate_open knows. */
bool aggregate_is(struct bytes data);
/* Views the message within. MALFORMED: not an aggregated record, but somebody's own data. */
enum status aggregate_open(struct bytes data, struct bytes *message) MUST_USE;

struct aggregate_entry {
    struct bytes data; /* present */
    uint64_t key, hash_key;
    bool has_key, has_hash_key;
};
/* The next record of the message, which is shortened. OK, END, MALFORMED. */
enum status aggregate_next(struct bytes *message, struct aggregate_entry *out) MUST_USE;

/* All of it, with keys: views of `data`; the array is the arena's. MALFORMED (also: a record without a key), TOO_LARGE over
 * records_max, NO_MEMORY. */
enum status aggregate_read(struct bytes data, uint32_t records_max, struct arena *a,
                           struct aggregate_record **records, uint32_t *count) MUST_USE;

/* Where it belongs: its explicit hash key, or the MD5 of its partition key. */
u128 aggregate_hash(const struct aggregate_record *r);

/* ---- putting together ---- */

/* A table of keys, each once. */
struct aggregate_keys {
    struct bytes *at;
    uint32_t *slots; /* 1 + place in `at`; 0: free. A power of two of them */
    uint32_t count, room, slot_room;
    size_t bytes; /* as written */
};
struct aggregate_packed {
    struct bytes data;
    uint32_t key, hash_key; /* the latter: UINT32_MAX: none */
};
struct aggregate_writer {
    struct aggregate_packed *records;
    uint32_t count, room;
    struct aggregate_keys keys, hash_keys;
    size_t record_bytes; /* as written */
};
/* All zero is an empty writer as well. */
void aggregate_writer_init(struct aggregate_writer *w);
void aggregate_writer_fini(struct aggregate_writer *w);
/* Empties it, and keeps its memory. */
void aggregate_writer_clear(struct aggregate_writer *w);
/* Borrows what the record views until the writer is cleared. TOO_LARGE: the whole would be over bytes_max; NO_MEMORY. Then nothing was
 * added. */
enum status aggregate_add(struct aggregate_writer *w, const struct aggregate_record *r,
                          size_t bytes_max) MUST_USE;
/* The whole, magic and MD5 included. */
size_t aggregate_bytes(const struct aggregate_writer *w);
/* Writes that many bytes, but for the MD5, which aggregate_seal puts there: many wholes at once, several times as quick as one by one. */
void aggregate_write(const struct aggregate_writer *w, uint8_t *out);
void aggregate_seal(uint8_t *const *wholes, const size_t *lens, size_t count);

#endif
