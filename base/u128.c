/* u128.c: 128-bit numbers as decimal text, which no printf knows.
 *
 * Printing peels off 19 digits at a time, since dividing 64 bits is far cheaper than dividing 128.
 *
 * Thread: any. */
#include "base/u128.h"

enum { CHUNK_DIGITS = 19 };
#define CHUNK 10000000000000000000u /* 10^19, the largest power of ten in 64 bits */

size_t u128_print(u128 value, char out[U128_DECIMAL_BYTES_MAX])
{
    char digits[U128_DECIMAL_BYTES_MAX];
    size_t at = sizeof(digits);
    digits[--at] = '\0';
    while (value > UINT64_MAX) {
        uint64_t chunk = (uint64_t)(value % CHUNK);
        value /= CHUNK;
        for (int i = 0; i < CHUNK_DIGITS; i++) {
            digits[--at] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    }
    uint64_t rest = (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    size_t length = sizeof(digits) - 1 - at;
    memcpy(out, digits + at, length + 1);
    return length;
}

bool u128_parse(struct bytes text, u128 *out)
{
    u128 value = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (value > (U128_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

u128 u128_from_be(const uint8_t bytes[16])
{
    u128 value = 0;
    for (int i = 0; i < 16; i++)
        value = value << 8 | bytes[i];
    return value;
}
