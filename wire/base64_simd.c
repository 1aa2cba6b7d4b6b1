/* base64_simd.c: base64 in 16 and 32 byte steps.
 *
 * Encoding. 12 bytes become four 32-bit lanes, each holding one group of three as b1 b0 b2 b1, so
 * that every six-bit field lies whole within a 16-bit half. A multiplication moves each half's
 * field to its place: a high multiplication shifts right, a low one left, by a different amount in
 * each half. The six bits become a letter by adding an offset that depends on their range (A-Z,
 * a-z, 0-9, +, /), looked up by a byte shuffle.
 *
 * Decoding. Each half of a character's byte looks up eight flags: the low half's flags say under
 * which high halves it is no base64 character, the high half's flag says which it is. If they meet
 * anywhere, the block is left to the portable path. Six bits are the character plus an offset by
 * its high half ('/' shares one with '+' and takes the slot before it). Two multiply-adds join four
 * of them to 24 bits; a shuffle puts those three bytes in order.
 *
 * I1. A block is loaded before it is stored, and the store ends no later than the load did, so that
 * decoding may run in place. Leaves to others: the ends, and errors (base64.c). The functions are
 * compiled for their processors by attribute, and called only there. Thread: any. */
#include "wire/base64_internal.h"

#if BASE64_HAS_SIMD

#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2  __attribute__((target("avx2")))

/* Where the shuffles read from: three bytes of data into four, and the other way round. */
#define SPREAD 1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10
#define GATHER 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1
/* By range: a-z, ten digits, '+', '/', A-Z. */
#define TO_LETTER 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0
/* By the high half of the character, with '/' at 1. */
#define TO_BITS 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0
/* High halves 2 to 7 have a flag each, the rest share 64, which every low half bars. */
#define BARRED_BY_LOW                                                                              \
    1 | 4 | 16 | 64, 64 | 1, 64 | 1, 64 | 1, 64 | 1, 64 | 1, 64 | 1, 64 | 1, 64 | 1, 64 | 1,       \
        64 | 1 | 2, 64 | 2 | 8 | 32, 64 | 1 | 2 | 8 | 32, 64 | 1 | 2 | 8 | 32,                     \
        64 | 1 | 2 | 8 | 32, 64 | 2 | 8 | 32
#define FLAG_OF_HIGH 64, 64, 1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64, 64, 64

SSSE3 static inline __m128i letters_128(__m128i group)
{
    __m128i right = _mm_mulhi_epu16(_mm_and_si128(group, _mm_set1_epi32(0x0fc0fc00)),
                                    _mm_set1_epi32(0x04000040));
    __m128i left = _mm_mullo_epi16(_mm_and_si128(group, _mm_set1_epi32(0x003f03f0)),
                                   _mm_set1_epi32(0x01000010));
    __m128i bits = _mm_or_si128(right, left);
    __m128i range = _mm_subs_epu8(bits, _mm_set1_epi8(51));
    __m128i upper = _mm_and_si128(_mm_cmplt_epi8(bits, _mm_set1_epi8(26)), _mm_set1_epi8(13));
    __m128i offsets = _mm_shuffle_epi8(_mm_setr_epi8(TO_LETTER), _mm_or_si128(range, upper));
    return _mm_add_epi8(bits, offsets);
}

SSSE3 size_t base64_encode_ssse3(struct bytes data, uint8_t *out)
{
    const __m128i spread = _mm_setr_epi8(SPREAD);
    size_t i = 0;
    for (; i + 16 <= data.len; i += 12, out += 16) {
        __m128i group = _mm_loadu_si128((const __m128i *)(const void *)(data.at + i));
        _mm_storeu_si128((__m128i *)(void *)out, letters_128(_mm_shuffle_epi8(group, spread)));
    }
    return i;
}

AVX2 static inline __m256i both_lanes(__m128i half)
{
    return _mm256_broadcastsi128_si256(half);
}

AVX2 static inline __m256i letters_256(__m256i group)
{
    __m256i right = _mm256_mulhi_epu16(_mm256_and_si256(group, _mm256_set1_epi32(0x0fc0fc00)),
                                       _mm256_set1_epi32(0x04000040));
    __m256i left = _mm256_mullo_epi16(_mm256_and_si256(group, _mm256_set1_epi32(0x003f03f0)),
                                      _mm256_set1_epi32(0x01000010));
    __m256i bits = _mm256_or_si256(right, left);
    __m256i range = _mm256_subs_epu8(bits, _mm256_set1_epi8(51));
    __m256i upper =
        _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(26), bits), _mm256_set1_epi8(13));
    __m256i table = both_lanes(_mm_setr_epi8(TO_LETTER));
    return _mm256_add_epi8(bits, _mm256_shuffle_epi8(table, _mm256_or_si256(range, upper)));
}

AVX2 size_t base64_encode_avx2(struct bytes data, uint8_t *out)
{
    const __m256i spread = both_lanes(_mm_setr_epi8(SPREAD));
    size_t i = 0;
    for (; i + 28 <= data.len; i += 24, out += 32) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(data.at + i));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(data.at + i + 12));
        __m256i group = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        _mm256_storeu_si256((__m256i *)(void *)out,
                            letters_256(_mm256_shuffle_epi8(group, spread)));
    }
    return i;
}

/* False when one of the characters is none of base64. */
SSSE3 static inline bool bytes_128(__m128i text, __m128i *out)
{
    const __m128i nibble = _mm_set1_epi8(0x0f);
    __m128i high = _mm_and_si128(_mm_srli_epi32(text, 4), nibble);
    __m128i barred = _mm_shuffle_epi8(_mm_setr_epi8(BARRED_BY_LOW), _mm_and_si128(text, nibble));
    __m128i flag = _mm_shuffle_epi8(_mm_setr_epi8(FLAG_OF_HIGH), high);
    __m128i met = _mm_cmpeq_epi8(_mm_and_si128(barred, flag), _mm_setzero_si128());
    if (_mm_movemask_epi8(met) != 0xffff)
        return false;
    __m128i slot = _mm_add_epi8(high, _mm_cmpeq_epi8(text, _mm_set1_epi8('/')));
    __m128i bits = _mm_add_epi8(text, _mm_shuffle_epi8(_mm_setr_epi8(TO_BITS), slot));
    __m128i pairs = _mm_maddubs_epi16(bits, _mm_set1_epi16(0x0140));
    __m128i quads = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
    *out = _mm_shuffle_epi8(quads, _mm_setr_epi8(GATHER));
    return true;
}

SSSE3 size_t base64_decode_ssse3(struct bytes text, uint8_t *out)
{
    size_t i = 0;
    __m128i decoded;
    /* 16 bytes are stored where 12 are due: the text must reach far enough. */
    for (; i + 24 <= text.len; i += 16, out += 12) {
        if (!bytes_128(_mm_loadu_si128((const __m128i *)(const void *)(text.at + i)), &decoded))
            break;
        _mm_storeu_si128((__m128i *)(void *)out, decoded);
    }
    return i;
}

AVX2 static inline bool bytes_256(__m256i text, __m256i *out)
{
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), nibble);
    __m256i barred = _mm256_shuffle_epi8(both_lanes(_mm_setr_epi8(BARRED_BY_LOW)),
                                         _mm256_and_si256(text, nibble));
    __m256i flag = _mm256_shuffle_epi8(both_lanes(_mm_setr_epi8(FLAG_OF_HIGH)), high);
    if (!_mm256_testz_si256(barred, flag))
        return false;
    __m256i slot = _mm256_add_epi8(high, _mm256_cmpeq_epi8(text, _mm256_set1_epi8('/')));
    __m256i bits =
        _mm256_add_epi8(text, _mm256_shuffle_epi8(both_lanes(_mm_setr_epi8(TO_BITS)), slot));
    __m256i pairs = _mm256_maddubs_epi16(bits, _mm256_set1_epi16(0x0140));
    __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    __m256i lanes = _mm256_shuffle_epi8(quads, both_lanes(_mm_setr_epi8(GATHER)));
    *out = _mm256_permutevar8x32_epi32(lanes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
    return true;
}

AVX2 size_t base64_decode_avx2(struct bytes text, uint8_t *out)
{
    size_t i = 0;
    __m256i decoded;
    /* 32 bytes are stored where 24 are due. */
    for (; i + 44 <= text.len; i += 32, out += 24) {
        if (!bytes_256(_mm256_loadu_si256((const __m256i *)(const void *)(text.at + i)), &decoded))
            break;
        _mm256_storeu_si256((__m256i *)(void *)out, decoded);
    }
    return i;
}

#endif
