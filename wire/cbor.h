/* cbor.h: CBOR (RFC 8949) to a shape's struct and back, driven by its table, as json.h does it for
 * JSON. One pass, no tree; strings and blobs are views of the request. Thread: any. */
#ifndef SLUICE_WIRE_CBOR_H
#define SLUICE_WIRE_CBOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/shape.h"

enum { CBOR_DEPTH_MAX = 64 };

/* Decodes `body` (which it overwrites where a string comes in pieces; it must outlive `out`) into
 * *out, a struct of s->size bytes, zeroed here. Members, numbers and errors are as json_decode has
 * them, but blobs are byte strings, and timestamps whole or broken MILLISECONDS, with tag 1 or
 * without (AWS departs from RFC 8949 here). Other tags are passed over. undefined is null.
 * MALFORMED with an empty text: not CBOR, or not a map. */
enum status cbor_decode(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                        void *out, struct fault *f) MUST_USE;

/* Whether body is one CBOR map and nothing else; reads it without changing it. */
bool cbor_is_map(struct bytes body);

/* Appends the struct as CBOR, as AWS writes it: maps and lists of indefinite length, timestamps as
 * tag 1 with whole milliseconds. Absent members are left out. Text that is not UTF-8 has each bad
 * byte replaced by U+FFFD. Failures latch in out->status. */
void cbor_encode(const struct shape *s, const void *in, struct buf *out);

/* A blob that belongs before byte `at` of what was written. */
struct cbor_blob {
    size_t at;
    struct bytes data;
};
struct cbor_blobs {
    size_t bytes_min; /* smaller ones are copied; all are once there is no more room */
    struct cbor_blob *noted;
    size_t count, room; /* of `noted` */
};
/* Likewise, but large blobs are left where they are: their heads are written, and they are noted, in the order in which they belong. */
void cbor_encode_around(const struct shape *s, const void *in, struct buf *out,
                        struct cbor_blobs *blobs);
/* Pieces of an answer that has no shape. A map's members are pairs of appended items. */
void cbor_append_string(struct buf *out, struct bytes text);
void cbor_begin_map(struct buf *out);
void cbor_end_map(struct buf *out);

#endif
