/* crc32c_internal.h: the two ways to a CRC-32C, side by side, so that a test can hold one against
 * the other. */
#ifndef SLUICE_BASE_CRC32C_INTERNAL_H
#define SLUICE_BASE_CRC32C_INTERNAL_H

#include "base/bytes.h"

uint32_t crc32c_portable(uint32_t crc, struct bytes data);
bool crc32c_has_fast(void);
/* Only where crc32c_has_fast. */
uint32_t crc32c_fast(uint32_t crc, struct bytes data);

#endif
