/* put_batch.c: see put_batch.h. */
#include "api/put_batch.h"

#include "base/digest.h"
#include "base/must.h"
#include "shards/batch_cipher.h"
#include "shards/stamp.h"

enum status put_batch_begin(struct put_batch *b, struct arena *arena, uint32_t epoch,
                            struct fault *f)
{
    b->body = arena_take(arena, b->bytes + (epoch ? BATCH_CIPHER_EXTRA : 0) +
                                    (b->stamp ? b->stamp->stored_len : 0) + 1);
    if (!b->body)
        return fault_set(f, NO_MEMORY, "no memory for the put");
    b->at = b->body + (epoch ? BATCH_CIPHER_HEAD : 0);
    return OK;
}

void put_batch_finish(struct put_batch *b, uint32_t epoch, const uint8_t *key,
                      void (*done)(struct log_append *))
{
    struct log *log = b->shard->log;
    must(b->at == b->body + (epoch ? BATCH_CIPHER_HEAD : 0) + b->bytes);
    if (epoch)
        batch_seal(key, log->place, epoch, b->count, b->body, b->bytes);
    struct bytes body = bytes_of(b->body, b->bytes + (epoch ? BATCH_CIPHER_EXTRA : 0));
    if (b->stamp) {
        stamp_pack(b->body + body.len, b->stamp);
        body.len += b->stamp->stored_len;
    }
    b->append = (struct log_append){
        .log = log,
        .body = body,
        .body_crc = crc32c_extend(0, body),
        .count = b->count,
        .key_epoch = epoch,
        .stamp = b->stamp,
        .done = done,
    };
}
