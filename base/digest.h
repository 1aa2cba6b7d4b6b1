/* digest.h: MD5, SHA-256, HMAC-SHA-256 and CRC-32C, and hex. Thread: any. */
#ifndef SLUICE_BASE_DIGEST_H
#define SLUICE_BASE_DIGEST_H

#include "base/rope.h"

enum { MD5_BYTES = 16, SHA256_BYTES = 32, SHA256_HEX_BYTES = 64 };

void digest_md5(struct bytes data, uint8_t out[MD5_BYTES]);
/* MD5 of each, to the MD5_BYTES at outs[i]. Side by side where the processor can (16 with AVX2, 32 with AVX-512): eight or more are three to twelve times as quick as one after the other. */
void digest_md5_each(const struct bytes *data, uint8_t *const *outs, size_t count);
/* How many it makes side by side on this processor: 32, 16, or 1. One more costs nothing until there are as many. */
enum { MD5_WIDTH_MAX = 32 };
size_t digest_md5_width(void);
void digest_sha256(struct bytes data, uint8_t out[SHA256_BYTES]);
void digest_sha256_rope(struct rope data, uint8_t out[SHA256_BYTES]);
/* SHA-256 of both, side by side where the processor can (SHA-NI), as far as the shorter goes. The outputs may lie within the messages. */
void digest_sha256_pair(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                        uint8_t out_b[SHA256_BYTES]);
void digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_BYTES]);
/* CRC-32C (Castagnoli, RFC 3720), with SSE4.2 or AVX-512 where the processor has it. crc32c_extend(0, data) is
 * the CRC of data. */
uint32_t crc32c_extend(uint32_t crc, struct bytes data);
/* Lower-case hex; `out` takes 2 * data.len bytes and a NUL. */
void hex_print(struct bytes data, char *out);
/* Both cases; false unless text is exactly 2 * len hex digits; then `out` holds anything. */
bool hex_parse(struct bytes text, uint8_t *out, size_t len);

#endif
