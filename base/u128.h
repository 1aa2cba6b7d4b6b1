/* u128.h: the 128-bit hash keys of Kinesis, as decimal text and back. */
#ifndef SLUICE_BASE_U128_H
#define SLUICE_BASE_U128_H

#include "base/bytes.h"

__extension__ typedef unsigned __int128 u128;
#define U128_MAX (~(u128)0)
enum { U128_DECIMAL_BYTES_MAX = 40 }; /* 39 digits and a NUL */

/* Decimal, no sign, no leading zero. Returns the length; `out` is NUL-terminated. */
size_t u128_print(u128 value, char out[U128_DECIMAL_BYTES_MAX]);
/* Digits only; false when empty, not digits, or over 2^128-1. */
bool u128_parse(struct bytes text, u128 *out);
u128 u128_from_be(const uint8_t bytes[16]);

#endif
