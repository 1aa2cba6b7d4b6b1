/* iterator.h: sealed read positions that expire, and page tokens, which are the same thing. AES-256-GCM under a key of the catalog's, so that
 * they survive a restart and nobody can make one.
 *
 *   8 bytes 00..01 | nonce (12) | ciphertext of 180 bytes | tag (16)     216 bytes; as base64 288 characters (AWS: at most 512)
 *   plaintext: kind u32 | shard u32 | made at, ms u64 | stream u64 | offset u64 | extra u64[2] | name length u8 | name ... zeros
 */
#ifndef SLUICE_SHARDS_ITERATOR_H
#define SLUICE_SHARDS_ITERATOR_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"

enum { ITERATOR_BYTES = 216, ITERATOR_KEY_BYTES = 32 };

enum iterator_kind {
    ITERATOR_SHARD = 1,
    ITERATOR_LIST_SHARDS = 2,
    ITERATOR_LIST_STREAMS = 3,
    ITERATOR_LIST_CONSUMERS = 4
};

struct iterator {
    enum iterator_kind kind;
    uint32_t shard;
    uint64_t made_ms;
    uint64_t stream;                      /* the stream's number */
    uint64_t offset;                      /* the next offset wanted */
    uint64_t extra[2];                    /* page tokens: what their list was filtered by */
    char name[STREAM_NAME_BYTES_MAX + 1]; /* the stream's; of a page of consumers, the last one's */
};

void iterator_seal(const struct iterator *it, const uint8_t key[ITERATOR_KEY_BYTES],
                   uint8_t out[ITERATOR_BYTES]);
/* INVALID_ARGUMENT unless it was sealed under this key and is of this kind. Does not look at the
 * age. */
enum status iterator_open(struct bytes sealed, enum iterator_kind kind,
                          const uint8_t key[ITERATOR_KEY_BYTES], struct iterator *out) MUST_USE;

#endif
