/* stream_encryption.h: how one stream is encrypted: whether, under which key, and the data keys that its records were and are sealed with.
 *
 *   record bodies --sealed by--> a data key, one an epoch --wrapped by--> a master key (master_keys.h)
 *
 * Each start under another master key, or under a new version of one, makes a data key: the next epoch. A batch names its epoch (record.h), so
 * records old and new are read alike, in order, whatever was turned on and off between. Data keys are kept wrapped, in the stream's row of the
 * catalog; a wrapped one is bound to its account, region, stream, epoch and master key.
 *
 * E1. An epoch is never used again.
 * E2. A data key is kept until no record under it can be read any more: the longest retention after it was last written with.
 * E3. At most ENCRYPTION_CHANGES_MAX starts, and as many stops, take effect within 24 hours.
 * Immutable; counted. Thread: any. */
#ifndef SLUICE_SHARDS_STREAM_ENCRYPTION_H
#define SLUICE_SHARDS_STREAM_ENCRYPTION_H

#include "base/limits.h"
#include "shards/master_keys.h"

struct data_key {
    uint32_t epoch;                /* from 1 */
    struct master_key_name master; /* what it is wrapped by */
    uint64_t made_by;              /* the version it was made under: wrapping anew leaves it */
    uint64_t retired_ms; /* when its last record was written, at the latest; 0: it is in use */
    uint8_t wrapped[WRAPPED_KEY_BYTES];
};

/* The times of the last changes of one kind, oldest first. */
struct encryption_changes {
    uint32_t count;
    uint64_t at_ms[ENCRYPTION_CHANGES_MAX];
};

struct stream_encryption {
    _Atomic uint32_t refs;
    bool on;
    char *key_id; /* as it was asked for */
    uint32_t next_epoch;
    struct encryption_changes starts, stops;
    uint32_t key_count; /* the last is the one in use, while it is on */
    struct data_key *keys;
};

struct stream_encryption *stream_encryption_ref(struct stream_encryption *e); /* NULL stays NULL */
void stream_encryption_unref(struct stream_encryption *e);
/* A copy to be changed before anybody sees it, without data keys retired before `expired_ms`, with room for one more. `e` may be
 * NULL. */
struct stream_encryption *stream_encryption_copy(const struct stream_encryption *e,
                                                 uint64_t expired_ms);

/* Whose it is. */
struct encryption_owner {
    const char *name; /* the stream's */
    struct scope scope;
    uint64_t stream; /* its number */
};

/* What it becomes; *out is `e` itself, with a further reference, when nothing changes. `e` may be NULL: never encrypted.
 * LIMIT_EXCEEDED (E3), and what master_keys_find says. */
enum status stream_encryption_start(struct stream_encryption *e, struct master_keys *keys,
                                    const struct encryption_owner *owner, struct bytes key_id,
                                    uint64_t now_ms, struct stream_encryption **out,
                                    struct fault *f) MUST_USE;
/* Likewise. INVALID_ARGUMENT: it is another key that it is encrypted under. Does not need the key
 * to be there. */
enum status stream_encryption_stop(struct stream_encryption *e, struct master_keys *keys,
                                   const struct encryption_owner *owner, struct bytes key_id,
                                   uint64_t now_ms, struct stream_encryption **out,
                                   struct fault *f) MUST_USE;
/* Every data key wrapped by the version of its master key that wraps now, as far as the master keys are there. */
struct stream_encryption *stream_encryption_rewrap(struct stream_encryption *e,
                                                   struct master_keys *keys,
                                                   const struct encryption_owner *owner);

/* The epoch that records are to be sealed with now; 0: they are not. */
static inline uint32_t stream_encryption_epoch(const struct stream_encryption *e)
{
    return e && e->on ? e->keys[e->key_count - 1].epoch : 0;
}
/* The data key of an epoch, unwrapped: wipe it. CORRUPT: the stream has no such epoch; else as master_keys_unwrap. */
enum status stream_encryption_key(const struct stream_encryption *e, struct master_keys *keys,
                                  const struct encryption_owner *owner, uint32_t epoch,
                                  uint8_t key[AEAD_KEY_BYTES], struct fault *f) MUST_USE;

#endif
