/* sequence.c: 188 bits to 56 decimal digits and back.
 *
 * The number is kept as three 64-bit words and divided by 10^19 (the largest power of ten in a
 * word) twice, and printed by halves of halves, since GetRecords prints one for each record. */
#include "shards/sequence.h"

#include "base/u128.h"

#define TEN_TO_19  10000000000000000000ull
#define TEN_TO_16  10000000000000000ull
#define TEN_TO_8   100000000u
#define RECIPROCAL 15581492618384294730ull /* (2^128 - 1) / 10^19 - 2^64, rounded down */

struct words {
    uint64_t low, mid, high;
};

static struct words pack(const struct sequence *s)
{
    u128 tail = ((u128)(s->time_s & 0xfffffffffull) << 36) | ((u128)s->shard << 4) | 2;
    /* place starts at bit 80: 4 version, 32 shard, 36 time, 8 behind */
    return (struct words){
        .low = (uint64_t)tail,
        .mid = (uint64_t)(tail >> 64) | ((uint64_t)s->behind << 8) | (s->place << 16),
        .high = (s->place >> 48) | ((uint64_t)(s->shard & 15) << 16) |
                ((s->created_s & 0xfffffffffull) << 20) | (2ull << 56),
    };
}

static void unpack(struct words w, struct sequence *s)
{
    s->created_s = (w.high >> 20) & 0xfffffffffull;
    s->place = (w.mid >> 16) | (w.high << 48);
    u128 tail = ((u128)w.mid << 64) | w.low;
    s->time_s = (uint64_t)(tail >> 36) & 0xfffffffffull;
    s->shard = (uint32_t)(w.low >> 4);
    s->behind = (w.mid >> 8) & 1;
}

/* Divides the word below a remainder, in place; gives the next remainder. By a multiplication with the reciprocal: a division of 128 bits is a
 * call, and slow (Moeller and Granlund, "Improved division by invariant integers", 2011: algorithm 4; 10^19 has its highest bit set). */
static uint64_t divide_word(uint64_t above, uint64_t *word)
{
    u128 estimate = (u128)RECIPROCAL * above + ((u128)above << 64 | *word);
    uint64_t quotient = (uint64_t)(estimate >> 64) + 1;
    uint64_t rest = *word - quotient * TEN_TO_19;
    if (rest > (uint64_t)estimate) {
        quotient--;
        rest += TEN_TO_19;
    }
    if (rest >= TEN_TO_19) {
        quotient++;
        rest -= TEN_TO_19;
    }
    *word = quotient;
    return rest;
}

/* Divides in place; the remainder is the next 19 digits. */
static uint64_t divide(struct words *w)
{
    return divide_word(divide_word(divide_word(0, &w->high), &w->mid), &w->low);
}

static void print_2(uint32_t number, char *out)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(out, pairs + (size_t)2 * number, 2);
}

static void print_4(uint32_t number, char *out)
{
    print_2(number / 100, out);
    print_2(number % 100, out + 2);
}

static void print_8(uint32_t number, char *out)
{
    print_4(number / 10000, out);
    print_4(number % 10000, out + 4);
}

/* By halves, so that no digit waits for all those behind it. */
static void print_19(uint64_t chunk, char *out)
{
    uint64_t low = chunk % TEN_TO_16;
    uint32_t high = (uint32_t)(chunk / TEN_TO_16);
    out[0] = (char)('0' + high / 100);
    print_2(high % 100, out + 1);
    print_8((uint32_t)(low / TEN_TO_8), out + 3);
    print_8((uint32_t)(low % TEN_TO_8), out + 11);
}

size_t sequence_print(const struct sequence *s, char out[SEQUENCE_TEXT_BYTES])
{
    struct words w = pack(s);
    char digits[57];
    print_19(divide(&w), digits + 38);
    print_19(divide(&w), digits + 19);
    print_19(w.low, digits);
    size_t zeros = 0;
    while (zeros < 56 && digits[zeros] == '0')
        zeros++;
    size_t len = 57 - zeros;
    memcpy(out, digits + zeros, len);
    out[len] = '\0';
    return len;
}

/* false when over 192 bits or not digits */
static bool words_parse(struct bytes text, struct words *w)
{
    *w = (struct words){0};
    if (text.len == 0 || text.len > 58)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        u128 part = (u128)w->low * 10 + (unsigned)(text.at[i] - '0');
        w->low = (uint64_t)part;
        part = (u128)w->mid * 10 + (uint64_t)(part >> 64);
        w->mid = (uint64_t)part;
        part = (u128)w->high * 10 + (uint64_t)(part >> 64);
        w->high = (uint64_t)part;
        if (part >> 64)
            return false;
    }
    return true;
}

enum status sequence_parse(struct bytes text, struct sequence *out, bool *shard_known)
{
    *out = (struct sequence){0};
    *shard_known = false;
    struct words w;
    if (!words_parse(text, &w))
        return INVALID_ARGUMENT;
    if (w.high == 0 && w.mid < (1ull << 60)) {
        out->shard = (uint32_t)w.low;
        *shard_known = w.mid == 0 && w.low <= INT32_MAX;
        return INVALID_ARGUMENT;
    }
    unpack(w, out);
    if (w.high >> 56 != 2 || (w.low & 15) != 2)
        return INVALID_ARGUMENT;
    *shard_known = out->shard <= INT32_MAX;
    struct words again = pack(out);
    if (again.high != w.high || again.mid != w.mid || again.low != w.low ||
        out->place > SEQUENCE_PLACE_END)
        return INVALID_ARGUMENT;
    return *shard_known ? OK : INVALID_ARGUMENT;
}
