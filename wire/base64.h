/* base64.h: RFC 4648 section 4, strict and canonical, with AVX2 or SSSE3 where the processor has it
 * (chosen once, at run time) and a portable path. Thread: any. */
#ifndef SLUICE_WIRE_BASE64_H
#define SLUICE_WIRE_BASE64_H

#include "base/buf.h"
#include "base/status.h"

static inline size_t base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}
/* Writes base64_encoded_len(data.len) bytes, no NUL. */
void base64_encode(struct bytes data, uint8_t *out);
void base64_append(struct buf *out, struct bytes data);
/* `out` may be text.at itself, and needs text.len / 4 * 3 bytes of room. On failure MALFORMED with
 * AWS's own words in f
 * ("'...' can not be converted to a Blob: ..."; AWS-FACTS section 2). */
enum status base64_decode(struct bytes text, uint8_t *out, size_t *out_len,
                          struct fault *f) MUST_USE;

/* For tests and benches: which path runs; and to force one (false when the processor lacks it). */
enum base64_path { BASE64_PORTABLE, BASE64_SSSE3, BASE64_AVX2 };
enum base64_path base64_path(void);
bool base64_force(enum base64_path path);

#endif
