/* crc32c.c: CRC-32C (Castagnoli), with the processor's own instruction where there is one.
 *
 * Every stored batch is checked when written and when read. SSE4.2 takes 8 bytes an instruction, but
 * each has to wait three cycles for the one before; so long data goes as three lanes at once, whose
 * CRCs are put together by what a lane of zeros behind them would make of them. Elsewhere eight
 * tables take 8 bytes a step ("slicing"). Which way is decided once, before main, and both give the
 * same numbers.
 *
 * Thread: any. */
#include "base/crc32c_internal.h"
#include "base/digest.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

static uint32_t slice[8][256]; /* slice[n][b]: what byte b does to the CRC when n bytes follow it */
static bool has_fast;

enum { LANE_BYTES = 256, LANES = 3 };
static uint32_t beyond
    [4]
    [256]; /* beyond[n][b]: what a CRC whose byte n is b, and 0 else, becomes by a lane of zeros */

/* A CRC is linear: what one byte becomes is the sum of what its bits become. */
static void lanes_prepare(void)
{
    for (int n = 0; n < 4; n++) {
        for (uint32_t b = 1; b < 256; b++) {
            uint32_t rest = b & (b - 1), crc = b << 8 * n;
            for (int i = 0; i < LANE_BYTES && rest == 0; i++)
                crc = crc >> 8 ^ slice[0][crc & 0xff];
            beyond[n][b] = rest == 0 ? crc : beyond[n][rest] ^ beyond[n][b ^ rest];
        }
    }
}

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
    lanes_prepare();
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
static inline uint64_t load_8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint32_t lane_behind(uint64_t crc)
{
    return beyond[0][crc & 0xff] ^ beyond[1][crc >> 8 & 0xff] ^ beyond[2][crc >> 16 & 0xff] ^
           beyond[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) uint32_t crc32c_fast(uint32_t crc, struct bytes data)
{
    const uint8_t *at = data.at;
    size_t left = data.len;
    uint64_t wide = (uint32_t)~crc;
    for (; left >= LANES * LANE_BYTES; left -= LANES * LANE_BYTES, at += LANES * LANE_BYTES) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < LANE_BYTES; i += 8) {
            wide = __builtin_ia32_crc32di(wide, load_8(at + i));
            second = __builtin_ia32_crc32di(second, load_8(at + LANE_BYTES + i));
            third = __builtin_ia32_crc32di(third, load_8(at + 2 * LANE_BYTES + i));
        }
        wide = lane_behind(lane_behind(wide) ^ second) ^ third;
    }
    for (; left >= 8; left -= 8, at += 8)
        wide = __builtin_ia32_crc32di(wide, load_8(at));
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
