/* crc32c_internal.h: the ways to a CRC-32C, so that a test can hold each against the portable one. */
#ifndef SLUICE_BASE_CRC32C_INTERNAL_H
#define SLUICE_BASE_CRC32C_INTERNAL_H

#include "base/bytes.h"

enum crc32c_way { CRC32C_PORTABLE, CRC32C_SSE42, CRC32C_AVX512, CRC32C_WAYS };

/* crc32c_extend in this way; false: this processor has not got it, and nothing was done. */
bool crc32c_extend_by(enum crc32c_way way, uint32_t crc, struct bytes data, uint32_t *out);

#endif
