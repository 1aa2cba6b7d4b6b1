/* crc32c.c: CRC-32C (Castagnoli), with the processor's own instruction where there is one.
 *
 * Every stored batch is checked when written and when read. SSE4.2 takes 8 bytes an instruction;
 * elsewhere eight tables take 8 bytes a step ("slicing"). Which way is decided once, before main,
 * and both give the same numbers.
 *
 * Thread: any. */
#include "base/crc32c_internal.h"
#include "base/digest.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

static uint32_t slice[8][256]; /* slice[n][b]: what byte b does to the CRC when n bytes follow it */
static bool has_fast;

__attribute__((constructor)) static void crc32c_prepare(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        slice[0][b] = crc;
    }
    for (int n = 1; n < 8; n++) {
        for (int b = 0; b < 256; b++)
            slice[n][b] = slice[n - 1][b] >> 8 ^ slice[0][slice[n - 1][b] & 0xff];
    }
#if defined(__x86_64__)
    __builtin_cpu_init(); /* this may run before the C library's own constructors */
    has_fast = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t crc32c_portable(uint32_t crc, struct bytes data)
{
    const uint8_t *at = data.at;
    size_t left = data.len;
    crc = ~crc;
    for (; left >= 8; left -= 8, at += 8) {
        uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                              (uint32_t)at[3] << 24);
        crc = slice[7][low & 0xff] ^ slice[6][low >> 8 & 0xff] ^ slice[5][low >> 16 & 0xff] ^
              slice[4][low >> 24] ^ slice[3][at[4]] ^ slice[2][at[5]] ^ slice[1][at[6]] ^
              slice[0][at[7]];
    }
    for (; left > 0; left--, at++)
        crc = crc >> 8 ^ slice[0][(crc ^ *at) & 0xff];
    return ~crc;
}

bool crc32c_has_fast(void)
{
    return has_fast;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32c_fast(uint32_t crc, struct bytes data)
{
    const uint8_t *at = data.at;
    size_t left = data.len;
    uint64_t wide = (uint32_t)~crc;
    for (; left >= 8; left -= 8, at += 8) {
        unsigned long long word;
        memcpy(&word, at, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; left > 0; left--, at++)
        narrow = __builtin_ia32_crc32qi(narrow, *at);
    return ~narrow;
}
#else
uint32_t crc32c_fast(uint32_t crc, struct bytes data)
{
    return crc32c_portable(crc, data);
}
#endif

uint32_t crc32c_extend(uint32_t crc, struct bytes data)
{
    return has_fast ? crc32c_fast(crc, data) : crc32c_portable(crc, data);
}
