/* json_scan.c: the two loops that touch every byte of a string: where it ends, and whether it is
 * UTF-8.
 *
 * Idea: a record's data is one long string of plain ASCII. Sixteen bytes a step find its end, and
 * tell on the way whether any byte is not ASCII; only then is the text looked at again. SSE2 is
 * part of x86-64; elsewhere eight bytes a step do the same with ordinary arithmetic. No byte beyond
 * `end` is read. Thread: any. */
#include "wire/json_internal.h"

#if defined(__SSE2__)
#include <emmintrin.h>

enum { STEP = 16 };

/* Bit i: byte i is a quote, a backslash or a control byte. */
static inline unsigned stops_in(__m128i bytes)
{
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)));
}

static inline __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The stop in the first blocks, or where the blocks that have none end. */
static const uint8_t *scan_blocks(const uint8_t *at, const uint8_t *end, bool *beyond_ascii)
{
    unsigned high = 0;
    for (; end - at >= 4 * STEP; at += 4 * STEP) {
        __m128i a = load(at), b = load(at + STEP), c = load(at + 2 * STEP), d = load(at + 3 * STEP);
        /* The least of four bytes tells of a control byte; quotes and backslashes must be asked
         * for. */
        __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(least, _mm_set1_epi8(0x1f)), least);
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
        __m128i quotes =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(b, quote)),
                         _mm_or_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(d, quote)));
        __m128i slashes =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(a, backslash), _mm_cmpeq_epi8(b, backslash)),
                         _mm_or_si128(_mm_cmpeq_epi8(c, backslash), _mm_cmpeq_epi8(d, backslash)));
        if (_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quotes, slashes))) != 0)
            break;
        high |= (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
    }
    for (; end - at >= STEP; at += STEP) {
        __m128i bytes = load(at);
        unsigned stops = stops_in(bytes);
        high |= (unsigned)_mm_movemask_epi8(bytes);
        if (stops != 0) {
            at += __builtin_ctz(stops);
            break;
        }
    }
    *beyond_ascii |= high != 0;
    return at;
}

#else

enum { STEP = 8 };
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH(1)) & ~word & EACH(0x80);
}

static const uint8_t *scan_blocks(const uint8_t *at, const uint8_t *end, bool *beyond_ascii)
{
    for (; end - at >= STEP; at += STEP) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        /* May also stop for a byte above a true stop; the caller's byte loop decides. */
        uint64_t control = (word - EACH(0x20)) & ~word & EACH(0x80);
        if ((control | zero_bytes(word ^ EACH('"')) | zero_bytes(word ^ EACH('\\'))) != 0)
            break;
        *beyond_ascii |= (word & EACH(0x80)) != 0;
    }
    return at;
}

#endif

const uint8_t *json_scan(const uint8_t *at, const uint8_t *end, bool *beyond_ascii)
{
    at = scan_blocks(at, end, beyond_ascii);
    for (; at < end && *at != '"' && *at != '\\' && *at >= 0x20; at++)
        *beyond_ascii |= *at >= 0x80;
    return at;
}
