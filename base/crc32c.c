/* crc32c.c: CRC-32C (Castagnoli), with the processor's own instructions where there are some.
 *
 * Every stored batch is checked when written and when read. Which way is decided once, before main; all give the same numbers.
 *   portable  eight tables take 8 bytes a step ("slicing").
 *   SSE4.2    8 bytes an instruction, but each has to wait three cycles for the one before; so long data goes as three lanes at once,
 *             whose CRCs are put together by what a lane of zeros behind them would make of them.
 *   AVX-512   folds 256 bytes a step by carry-less multiplication (Gopal and others, "Fast CRC Computation for Generic Polynomials Using
 *             PCLMULQDQ", Intel 2009): four times as quick as SSE4.2, which takes the rest.
 *
 * Thread: any. */
#include "base/crc32c_internal.h"
#include "base/digest.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

/* ---- tables */

static uint32_t slice[8][256]; /* slice[n][b]: what byte b does to the CRC when n bytes follow it */

static void slices_prepare(void)
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
}

static uint32_t portable(uint32_t crc, struct bytes data)
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

#if defined(__x86_64__)

#include <immintrin.h>

/* ---- lanes */

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

/* The register is the CRC's complement. */
__attribute__((target("sse4.2"))) static uint32_t finish_sse42(uint64_t wide, const uint8_t *at,
                                                               size_t left)
{
    for (; left >= 8; left -= 8, at += 8)
        wide = _mm_crc32_u64(wide, load_8(at));
    uint32_t narrow = (uint32_t)wide;
    for (; left > 0; left--, at++)
        narrow = _mm_crc32_u8(narrow, *at);
    return ~narrow;
}

__attribute__((target("sse4.2"))) static uint32_t sse42(uint32_t crc, struct bytes data)
{
    const uint8_t *at = data.at;
    size_t left = data.len;
    uint64_t wide = (uint32_t)~crc;
    for (; left >= LANES * LANE_BYTES; left -= LANES * LANE_BYTES, at += LANES * LANE_BYTES) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < LANE_BYTES; i += 8) {
            wide = _mm_crc32_u64(wide, load_8(at + i));
            second = _mm_crc32_u64(second, load_8(at + LANE_BYTES + i));
            third = _mm_crc32_u64(third, load_8(at + 2 * LANE_BYTES + i));
        }
        wide = lane_behind(lane_behind(wide) ^ second) ^ third;
    }
    return finish_sse42(wide, at, left);
}

/* ---- folding */

enum { STEP_BYTES = 256, VECTOR_BYTES = 64 };
#define FOLD_TARGET __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2")))

/* What carries 16 bytes over some bits that follow them: a factor for their first 8, one for the others. */
struct fold_by {
    uint64_t first, second;
};
static struct fold_by step, vector, quarter;

/* x to the power of e, modulo the polynomial, with its bits reversed in 64. */
static uint64_t power_of_x(unsigned e)
{
    uint32_t power = UINT32_C(1) << 31;
    while (e-- > 0)
        power = power >> 1 ^ (power & 1 ? POLYNOMIAL : 0);
    return (uint64_t)power << 32;
}

/* A product of reversed factors comes out one bit too low: hence the power less by one. */
static struct fold_by fold_by(unsigned bits)
{
    return (struct fold_by){power_of_x(bits + 64 - 1), power_of_x(bits - 1)};
}

static void folds_prepare(void)
{
    step = fold_by(8 * STEP_BYTES);
    vector = fold_by(8 * VECTOR_BYTES);
    quarter = fold_by(8 * VECTOR_BYTES / 4);
}

FOLD_TARGET static inline __m512i load_vector(const uint8_t *at)
{
    return _mm512_loadu_si512(at);
}

FOLD_TARGET static inline __m512i four_times(const struct fold_by *by)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)by));
}

FOLD_TARGET static inline __m512i fold(__m512i sum, __m512i by, __m512i next)
{
    enum { XOR_OF_THREE = 0x96 };
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(sum, by, 0x00),
                                     _mm512_clmulepi64_epi128(sum, by, 0x11), next, XOR_OF_THREE);
}

FOLD_TARGET static inline __m128i fold_quarter(__m128i sum, __m128i next)
{
    __m128i by = _mm_loadu_si128((const __m128i *)(const void *)&quarter);
    return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(sum, by, 0x00),
                                             _mm_clmulepi64_si128(sum, by, 0x11)));
}

/* At least a step; what it leaves is folded into 16 bytes whose CRC, from a register of 0, is that of all. */
FOLD_TARGET static __m128i fold_all(uint32_t crc, const uint8_t **at, size_t *left)
{
    const uint8_t *p = *at;
    size_t n = *left - STEP_BYTES;
    __m512i begin = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc));
    __m512i a = _mm512_xor_si512(load_vector(p), begin), b = load_vector(p + VECTOR_BYTES);
    __m512i c = load_vector(p + 2 * VECTOR_BYTES), d = load_vector(p + 3 * VECTOR_BYTES);
    __m512i by = four_times(&step);
    for (p += STEP_BYTES; n >= STEP_BYTES; n -= STEP_BYTES, p += STEP_BYTES) {
        a = fold(a, by, load_vector(p));
        b = fold(b, by, load_vector(p + VECTOR_BYTES));
        c = fold(c, by, load_vector(p + 2 * VECTOR_BYTES));
        d = fold(d, by, load_vector(p + 3 * VECTOR_BYTES));
    }
    by = four_times(&vector);
    a = fold(fold(fold(a, by, b), by, c), by, d);
    for (; n >= VECTOR_BYTES; n -= VECTOR_BYTES, p += VECTOR_BYTES)
        a = fold(a, by, load_vector(p));
    *at = p;
    *left = n;
    __m128i sum = fold_quarter(_mm512_castsi512_si128(a), _mm512_extracti32x4_epi32(a, 1));
    sum = fold_quarter(sum, _mm512_extracti32x4_epi32(a, 2));
    return fold_quarter(sum, _mm512_extracti32x4_epi32(a, 3));
}

FOLD_TARGET static uint32_t avx512(uint32_t crc, struct bytes data)
{
    if (data.len < STEP_BYTES)
        return finish_sse42((uint32_t)~crc, data.at, data.len);
    const uint8_t *at = data.at;
    size_t left = data.len;
    __m128i sum = fold_all(crc, &at, &left);
    uint64_t wide = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(sum));
    wide = _mm_crc32_u64(wide, (uint64_t)_mm_extract_epi64(sum, 1));
    return finish_sse42(wide, at, left);
}

/* ---- which way */

static bool has(enum crc32c_way way)
{
    if (way == CRC32C_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq") &&
               __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
    return way == CRC32C_PORTABLE || __builtin_cpu_supports("sse4.2");
}

static uint32_t extend(enum crc32c_way way, uint32_t crc, struct bytes data)
{
    return way == CRC32C_AVX512  ? avx512(crc, data)
           : way == CRC32C_SSE42 ? sse42(crc, data)
                                 : portable(crc, data);
}

static enum crc32c_way best;

__attribute__((constructor)) static void crc32c_prepare(void)
{
    __builtin_cpu_init(); /* this may run before the C library's own constructors */
    slices_prepare();
    lanes_prepare();
    folds_prepare();
    best = has(CRC32C_AVX512) ? CRC32C_AVX512 : has(CRC32C_SSE42) ? CRC32C_SSE42 : CRC32C_PORTABLE;
}

#else

enum { best = CRC32C_PORTABLE };

static bool has(enum crc32c_way way)
{
    return way == CRC32C_PORTABLE;
}

static uint32_t extend(enum crc32c_way way, uint32_t crc, struct bytes data)
{
    (void)way;
    return portable(crc, data);
}

__attribute__((constructor)) static void crc32c_prepare(void)
{
    slices_prepare();
}

#endif

bool crc32c_extend_by(enum crc32c_way way, uint32_t crc, struct bytes data, uint32_t *out)
{
    if (!has(way))
        return false;
    *out = extend(way, crc, data);
    return true;
}

uint32_t crc32c_extend(uint32_t crc, struct bytes data)
{
    return extend(best, crc, data);
}
