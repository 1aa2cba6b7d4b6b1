/* batch_cipher.h: the bodies of batches, sealed before the log engine sees them and opened behind it.
 *
 *   stored body:  | nonce (24) | ciphertext of the packed records, as long as they | tag (16) |      XAES-256-GCM, see base/aead.c
 *   bound to it:  | "sluice batch 1" | stream u64 | shard u32 | epoch u32 | count u32 |              little-endian, not stored
 *
 * So a body opens only in its own stream and shard, under its own epoch, and as that many records: one that is put elsewhere, or whose
 * header was changed and its CRC made to fit, is refused. Offset and time are not bound: the log's committer gives them after the body is sealed. Batches of one
 * shard could therefore be put in another order by who can write to the disk; they cannot be read or made up.
 *
 * The whole body is sealed, partition keys and hash keys with it. What stays in the clear is what the engine needs: lengths, counts, offsets and times. The engine
 * itself (write-ahead log, tables, the tail in memory) holds ciphertext alone: encryption costs the network's threads, which are many, and nothing on
 * the committer, and no plaintext is kept beyond the request that brought it or the answer that gives it. */
#ifndef SLUICE_SHARDS_BATCH_CIPHER_H
#define SLUICE_SHARDS_BATCH_CIPHER_H

#include "base/arena.h"
#include "shards/log.h"
#include "shards/record.h"
#include "shards/stream_table.h"

enum { BATCH_CIPHER_HEAD = AEAD_NONCE_BYTES, BATCH_CIPHER_EXTRA = AEAD_EXTRA_BYTES };

/* Seals the packed records that stand at body + BATCH_CIPHER_HEAD, where they are. `body` has room for
 * BATCH_CIPHER_EXTRA more than they take. */
void batch_seal(const uint8_t key[AEAD_KEY_BYTES], struct log_place place, uint32_t epoch,
                uint32_t count, uint8_t *body, size_t packed_len);

/* Opens the batches of one stream for one reader, and keeps the last data key it needed, so that a page of small batches unwraps it once. In its
 * owner's memory; the view must outlive it. Thread: its owner's. */
struct batch_opener {
    const struct stream_settings *settings;
    struct stream_table *streams;
    struct master_keys *keys;
    struct stream_view *newer; /* referenced; NULL: the reader's own has done so far */
    uint32_t epoch;            /* of `key`; 0: none yet */
    uint8_t key[AEAD_KEY_BYTES];
};
/* A read may meet a data key made since its view was taken: then the view in force now is looked up in `streams` (NULL: it is not). */
void batch_opener_init(struct batch_opener *o, const struct stream_view *view,
                       struct stream_table *streams, struct master_keys *keys);
void batch_opener_fini(struct batch_opener *o); /* wipes */
/* The records of a batch as they were packed, for record_walk_body_init: the body itself, or decrypted into the arena. Any batch, plain or not. KEY_*: the master
 * key is away; CORRUPT: it was not sealed here; NO_MEMORY. */
enum status batch_open(struct batch_opener *o, uint32_t shard, struct bytes batch,
                       const struct batch_header *h, struct arena *arena, struct bytes *body,
                       struct fault *f) MUST_USE;

#endif
