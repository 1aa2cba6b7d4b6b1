/* base64_internal.h: the fast kernels, for base64.c alone. Each takes whole groups from the front,
 * stops where it cannot go on at full width or meets a character that is not base64, and returns
 * how much of its input it took. Decoders may run in place, write up to 8 bytes past what they
 * decoded, never past text.len / 4 * 3. Thread: any. */
#ifndef SLUICE_WIRE_BASE64_INTERNAL_H
#define SLUICE_WIRE_BASE64_INTERNAL_H

#include "base/bytes.h"

#if defined(__x86_64__)
#define BASE64_HAS_SIMD 1
#else
#define BASE64_HAS_SIMD 0
#endif

#if BASE64_HAS_SIMD
size_t base64_encode_ssse3(struct bytes data, uint8_t *out);
size_t base64_decode_ssse3(struct bytes text, uint8_t *out);
size_t base64_encode_avx2(struct bytes data, uint8_t *out);
size_t base64_decode_avx2(struct bytes text, uint8_t *out);
#endif

#endif
