/* base64.c: base64 text to bytes and back, and AWS's words for what is not base64.
 *
 * Idea: record data is nearly all of a request and of an answer, and all of it passes through here. The kernels of
 * base64_simd.c take as many whole quads as they can and stop before the first one that is not plain; the portable loop
 * takes the rest, and is the only one that has an opinion on what is wrong. So the paths cannot differ in their
 * answers, only in how far the fast part came.
 *
 * I1. Decoding accepts exactly what encoding prints: a length that is a multiple of 4, no spaces, at most two '=' and
 *     only at the end, unused bits zero.
 * I2. In place, no byte of text is overwritten before it was read; a failure can still quote the text (see quote()).
 *
 * Order of the complaints, from AWS's examples: length, then the first foreign character, then the unused bits.
 * Thread: any. */
#include "wire/base64.h"

#include "wire/base64_internal.h"

#include <stdatomic.h>

enum { QUOTE_BYTES_MAX = 1200, BAD = 0xff };

static const uint8_t digits[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* By character: its six bits, or BAD. */
static const uint8_t values[256] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 62,  255, 255, 255, 63,  52,  53,  54,  55,  56,  57,  58,  59,  60,
    61,  255, 255, 255, 255, 255, 255, 255, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,
    11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  255, 255, 255, 255,
    255, 255, 26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,
    43,  44,  45,  46,  47,  48,  49,  50,  51,  255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255,
};

enum { PATH_UNKNOWN = -1 };
static _Atomic int chosen_path = PATH_UNKNOWN;

static bool path_is_here(enum base64_path path)
{
#if BASE64_HAS_SIMD
    if (path == BASE64_AVX2)
        return __builtin_cpu_supports("avx2");
    if (path == BASE64_SSSE3)
        return __builtin_cpu_supports("ssse3");
#endif
    return path == BASE64_PORTABLE;
}

enum base64_path base64_path(void)
{
    int path = atomic_load_explicit(&chosen_path, memory_order_relaxed);
    if (path == PATH_UNKNOWN) {
        path = BASE64_AVX2;
        while (!path_is_here((enum base64_path)path))
            path--;
        /* Two threads that choose at once choose the same. */
        atomic_store_explicit(&chosen_path, path, memory_order_relaxed);
    }
    return (enum base64_path)path;
}

bool base64_force(enum base64_path path)
{
    if (!path_is_here(path))
        return false;
    atomic_store_explicit(&chosen_path, (int)path, memory_order_relaxed);
    return true;
}

/* How many bytes of data (a multiple of 3) the fast path encoded. */
static size_t encode_fast(struct bytes data, uint8_t *out)
{
#if BASE64_HAS_SIMD
    if (base64_path() == BASE64_AVX2)
        return base64_encode_avx2(data, out);
    if (base64_path() == BASE64_SSSE3)
        return base64_encode_ssse3(data, out);
#endif
    (void)data;
    (void)out;
    return 0;
}

void base64_encode(struct bytes data, uint8_t *out)
{
    size_t i = encode_fast(data, out);
    uint8_t *to = out + i / 3 * 4;
    for (; i + 3 <= data.len; i += 3, to += 4) {
        uint32_t bits = (uint32_t)data.at[i] << 16 | (uint32_t)data.at[i + 1] << 8 | data.at[i + 2];
        to[0] = digits[bits >> 18];
        to[1] = digits[bits >> 12 & 63];
        to[2] = digits[bits >> 6 & 63];
        to[3] = digits[bits & 63];
    }
    if (i == data.len)
        return;
    bool two = data.len - i == 2;
    uint32_t bits = (uint32_t)data.at[i] << 16 | (two ? (uint32_t)data.at[i + 1] << 8 : 0);
    to[0] = digits[bits >> 18];
    to[1] = digits[bits >> 12 & 63];
    to[2] = two ? digits[bits >> 6 & 63] : '=';
    to[3] = '=';
}

void base64_append(struct buf *out, struct bytes data)
{
    size_t len = base64_encoded_len(data.len);
    uint8_t *at = buf_reserve(out, len + 1);
    if (!at)
        return;
    base64_encode(data, at);
    buf_add(out, len);
}

/* How many characters (a multiple of 4) the fast path decoded. */
static size_t decode_fast(struct bytes text, uint8_t *out)
{
#if BASE64_HAS_SIMD
    if (base64_path() == BASE64_AVX2)
        return base64_decode_avx2(text, out);
    if (base64_path() == BASE64_SSSE3)
        return base64_decode_ssse3(text, out);
#endif
    (void)text;
    (void)out;
    return 0;
}

/* The first bytes of the text, for a complaint. In place, `done` characters of it are decoded
 * already: encoding them again gives back exactly what stood there (I1). Cut between characters of
 * UTF-8. */
static int quote(struct bytes text, const uint8_t *out, size_t done, char to[QUOTE_BYTES_MAX])
{
    size_t len = text.len < QUOTE_BYTES_MAX ? text.len : QUOTE_BYTES_MAX;
    size_t again = done < QUOTE_BYTES_MAX ? done : QUOTE_BYTES_MAX;
    base64_encode(bytes_of(out, again / 4 * 3), (uint8_t *)to);
    if (len > again)
        memcpy(to + again, text.at + again, len - again);
    while (len < text.len && len > again && (text.at[len] & 0xc0) == 0x80)
        len--;
    return (int)len;
}

static enum status refuse_length(struct bytes text, struct fault *f)
{
    char shown[QUOTE_BYTES_MAX];
    int len = quote(text, text.at, 0, shown);
    return fault_set(
        f, MALFORMED,
        "'%.*s' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 "
        "bytes but found: %zu",
        len, shown, text.len);
}

/* The character at or after `from`, before `to`, that has no place there. */
static enum status refuse_character(struct bytes text, const uint8_t *out, size_t from, size_t to,
                                    struct fault *f)
{
    size_t at = from;
    while (at < to && values[text.at[at]] != BAD)
        at++;
    size_t len = 1;
    while (at + len < text.len && text.at[at] >= 0x80 && (text.at[at + len] & 0xc0) == 0x80)
        len++;
    char shown[QUOTE_BYTES_MAX];
    int shown_len = quote(text, out, from, shown);
    return fault_set(f, MALFORMED,
                     "'%.*s' can not be converted to a Blob: Invalid Base64 character: '%.*s'",
                     shown_len, shown, (int)len, (const char *)text.at + at);
}

static enum status refuse_unused_bits(struct bytes text, const uint8_t *out, size_t done,
                                      struct fault *f)
{
    char shown[QUOTE_BYTES_MAX];
    int len = quote(text, out, done, shown);
    return fault_set(
        f, MALFORMED,
        "'%.*s' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        len, shown);
}

static unsigned count_pads(struct bytes text)
{
    if (text.len == 0 || text.at[text.len - 1] != '=')
        return 0;
    return text.at[text.len - 2] == '=' ? 2 : 1;
}

enum status base64_decode(struct bytes text, uint8_t *out, size_t *out_len, struct fault *f)
{
    *out_len = 0;
    if (text.len % 4 != 0)
        return refuse_length(text, f);
    unsigned pads = count_pads(text);
    size_t whole = pads > 0 ? text.len - 4 : text.len; /* characters in quads without '=' */
    size_t i = decode_fast(bytes_of(text.at, whole), out);
    uint8_t *to = out + i / 4 * 3;
    for (; i < whole; i += 4, to += 3) {
        uint8_t a = values[text.at[i]], b = values[text.at[i + 1]];
        uint8_t c = values[text.at[i + 2]], d = values[text.at[i + 3]];
        if ((a | b | c | d) & 0x80)
            return refuse_character(text, out, i, whole, f);
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (pads > 0) {
        uint8_t a = values[text.at[i]], b = values[text.at[i + 1]];
        uint8_t c = pads == 2 ? 0 : values[text.at[i + 2]];
        if ((a | b | c) & 0x80)
            return refuse_character(text, out, i, text.len - pads, f);
        if ((pads == 2 ? b & 0x0f : c & 0x03) != 0)
            return refuse_unused_bits(text, out, i, f);
        *to++ = (uint8_t)(a << 2 | b >> 4);
        if (pads == 1)
            *to++ = (uint8_t)(b << 4 | c >> 2);
    }
    *out_len = (size_t)(to - out);
    return OK;
}
