/* object_key.h: the name of an S3 object:
 *
 *   <prefix><delivery stream>-<version>-<yyyy>-<MM>-<dd>-<HH>-<mm>-<ss>-<uuid><extension>
 *
 * A pure function of what it is given: the UUID and random strings are derived from the identity (F3). Thread: any. */
#ifndef SLUICE_DELIVERY_OBJECT_KEY_H
#define SLUICE_DELIVERY_OBJECT_KEY_H

#include "base/digest.h"
#include "base/random.h"
#include "delivery/prefix.h"

enum { OBJECT_KEY_BYTES_MAX = 1024 }; /* S3's */

/* What an object is, apart from its name. */
struct object_identity {
    uint64_t delivery; /* number */
    uint64_t stream;   /* number, of the source */
    uint32_t shard;
    const char *output; /* output_name */
    uint64_t first_offset, last_offset;
    uint32_t first_sub, last_sub;
};
void object_identity_digest(const struct object_identity *i, uint8_t out[SHA256_BYTES]);
/* A UUID (RFC 9562, version 8: made by a hash) from a digest. */
void object_uuid(const uint8_t digest[SHA256_BYTES], char out[UUID_BYTES]);

struct object_key {
    struct bytes prefix, error_prefix; /* as configured; absent: AWS's default */
    bool is_error;
    struct bytes error_type, partition;
    uint64_t time_ms; /* arrival of the oldest record */
    const struct time_zone *zone;
    struct bytes delivery_name;
    uint64_t version;
    uint8_t digest[SHA256_BYTES];
    struct bytes extension;
};
/* Appends the name. INVALID_ARGUMENT, NOT_FOUND, TOO_LARGE: the prefix cannot be expanded. */
enum status object_key_print(const struct object_key *k, struct buf *out, struct fault *f) MUST_USE;

#endif
