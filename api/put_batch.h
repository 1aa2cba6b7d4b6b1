/* put_batch.h: records packed into one batch of one shard's log, in the exchange's arena, and sealed when their stream is encrypted. What
 * PutRecord and PutRecords of streams share with those of delivery streams.
 *
 *   put_batch_count, each record [-> a stamp: put_stamp.h] -> put_batch_begin -> put_batch_add, each record again -> put_batch_finish -> log_append_all
 *
 * For an encrypted stream they are packed a little further on in a larger place, and sealed there (batch_cipher.h) before the CRC is taken:
 * the log never sees them plain. Thread: the exchange's loop. */
#ifndef SLUICE_API_PUT_BATCH_H
#define SLUICE_API_PUT_BATCH_H

#include "base/arena.h"
#include "shards/log.h"
#include "shards/record.h"
#include "shards/stream_view.h"

struct put_batch {
    struct log_append append;
    struct shard *shard;
    size_t bytes, data_bytes; /* packed; of keys and data, as AWS counts them */
    uint32_t count;
    uint8_t *body, *at;
    struct log_stamp *stamp; /* NULL: none */
};

/* One more record will be added. */
static inline void put_batch_count(struct put_batch *b, struct bytes key, struct bytes data,
                                   bool explicit_hash)
{
    b->count++;
    b->bytes += record_packed_len(key.len, data.len, explicit_hash);
    b->data_bytes += key.len + data.len;
}
/* Room for what was counted. NO_MEMORY. */
enum status put_batch_begin(struct put_batch *b, struct arena *arena, uint32_t epoch,
                            struct fault *f) MUST_USE;
static inline void put_batch_add(struct put_batch *b, struct bytes key, struct bytes data,
                                 const u128 *hash)
{
    b->at = record_pack(b->at, key, data, hash);
}
/* The body, its CRC and what the log is told. `epoch` is the number of `key`, the data key; 0: plain. */
void put_batch_finish(struct put_batch *b, uint32_t epoch, const uint8_t *key,
                      void (*done)(struct log_append *));

#endif
