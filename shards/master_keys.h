/* master_keys.h: the keys that wrap the data keys of encrypted streams, from a file of the operator's.
 *
 *   # key id (a UUID)                     alias              state     256 bits, in hex: openssl rand -hex 32
 *   5d7e...                               alias/aws/kinesis  enabled   9f...
 *   0c11...                               -                  disabled  c4...
 *
 * A line is one version of a key. A key's last line is the version that wraps, and gives its alias and state; earlier lines with its id are older
 * versions, which still unwrap. So a key is rotated by adding a line; what was wrapped is wrapped anew (catalog.h), and then the old
 * line may go. The file must be its owner's alone (0600).
 *
 * M1. What is in force is the file as it was last read whole; a file that cannot be read leaves it. A file that is not there is no keys.
 * M2. No key leaves this module, is traced, or stays in memory once it is out of force.
 * Thread: any; reading the file blocks on the disk. */
#ifndef SLUICE_SHARDS_MASTER_KEYS_H
#define SLUICE_SHARDS_MASTER_KEYS_H

#include "base/aead.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/status.h"
#include "shards/scope.h"

struct master_keys;

enum { WRAPPED_KEY_BYTES = AEAD_KEY_BYTES + AEAD_EXTRA_BYTES };

/* One version of a key. The version is a function of its 256 bits that does not tell them. */
struct master_key_name {
    char id[UUID_BYTES];
    uint64_t version;
};

/* `make`: a file that is not there is made, with a fresh alias/aws/kinesis; else there are no keys.
 * ACCESS_DENIED, INVALID_VALUE: it is not as drawn above. */
enum status master_keys_open(const char *path, bool make, struct master_keys **out,
                             struct fault *f) MUST_USE;
/* Reads the file again. On failure what was in force stays (M1). */
enum status master_keys_reload(struct master_keys *k, struct fault *f) MUST_USE;
void master_keys_close(struct master_keys *k); /* NULL is fine */
/* How many lines are in force. */
size_t master_keys_count(struct master_keys *k);

/* The functions below take NULL for no keys at all. */

/* The key that AWS's KeyId means: a key id, alias/NAME, or an ARN of either in this scope; enabled, in the version that wraps.
 * KEY_NOT_FOUND, KEY_DISABLED, KEY_DENIED (an ARN of another account), in KMS's words. */
enum status master_keys_find(struct master_keys *k, const struct scope *scope, struct bytes key_id,
                             struct master_key_name *out, struct fault *f) MUST_USE;
/* The version of that key that wraps now. KEY_NOT_FOUND, KEY_DISABLED. */
enum status master_keys_current(struct master_keys *k, const struct scope *scope, const char *id,
                                uint64_t *version, struct fault *f) MUST_USE;
/* Wraps a data key, to be unwrapped only with the same `bound`. KEY_NOT_FOUND, KEY_DISABLED; KEY_INVALID: the key is there, that
 * version is not. */
enum status master_keys_wrap(struct master_keys *k, const struct scope *scope,
                             const struct master_key_name *under, struct bytes bound,
                             const uint8_t key[AEAD_KEY_BYTES], uint8_t out[WRAPPED_KEY_BYTES],
                             struct fault *f) MUST_USE;
/* Likewise; KEY_INVALID too when it was not wrapped so. The caller wipes `key`. */
enum status master_keys_unwrap(struct master_keys *k, const struct scope *scope,
                               const struct master_key_name *under, struct bytes bound,
                               const uint8_t wrapped[WRAPPED_KEY_BYTES],
                               uint8_t key[AEAD_KEY_BYTES], struct fault *f) MUST_USE;

#endif
