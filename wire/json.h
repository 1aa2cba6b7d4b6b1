/* json.h: JSON (RFC 8259) to a shape's struct and back, driven by its table. One pass, no tree;
 * strings without escapes are views of the request, blobs are decoded from base64 in place (over
 * their own text). Thread: any. */
#ifndef SLUICE_WIRE_JSON_H
#define SLUICE_WIRE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/shape.h"

enum { JSON_DEPTH_MAX = 64 };

/* Decodes `body` (which it overwrites where blobs and escapes are decoded; it must outlive `out`)
 * into *out, a struct of s->size bytes, zeroed here. Unknown members and nulls are ignored; the
 * last of a member given twice wins; integers are truncated and clamped to 32 bit (64 for LONG);
 * timestamps are seconds as a number (1.547993531819E9) and become milliseconds.
 * MALFORMED with an empty text: not JSON, or not an object (AWS answers
 * {"__type":"SerializationException"} alone). MALFORMED with a text: a member of the wrong type, in
 * AWS's words (AWS-FACTS section 2). NO_MEMORY or TOO_LARGE: the arena had no more. */
enum status json_decode(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                        void *out, struct fault *f) MUST_USE;

/* Whether body is one JSON object and nothing else; reads it without changing it. */
bool json_is_object(struct bytes body);

/* Appends the struct as JSON. Absent members are left out. Timestamps print as seconds with up to
 * three decimals; blobs as base64. Text that is not UTF-8 has each bad byte replaced by U+FFFD.
 * Failures latch in out->status. */
void json_encode(const struct shape *s, const void *in, struct buf *out);
/* Appends a quoted JSON string. */
void json_append_string(struct buf *out, struct bytes text);

#endif
