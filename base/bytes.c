/* bytes.c: questions asked of borrowed bytes.
 *
 * Text here is ASCII where case or blanks matter, whatever the locale: it comes from protocols. An
 * absent view answers like an empty one.
 *
 * Thread: any. */
#include "base/bytes.h"

bool bytes_equal_constant_time(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    /* volatile: the compiler may not stop at the first difference */
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference = (uint8_t)(difference | (a.at[i] ^ b.at[i]));
    return difference == 0;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool bytes_starts_with(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && bytes_equal(bytes_of(b.at, prefix.len), prefix);
}

/* ---- case, eight bytes a step: a request's headers are looked up by name a dozen times */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* A to Z as a to z, in each byte. No sum carries into the next byte: the high bits are off. */
static uint64_t lower_8(uint64_t word)
{
    uint64_t low_bits = word & EACH(0x7f);
    uint64_t from_a = low_bits + EACH(0x80 - 'A'), beyond_z = low_bits + EACH(0x7f - 'Z');
    uint64_t upper = ~word & (from_a ^ beyond_z) & EACH(0x80);
    return word | upper >> 2; /* 0x80 becomes 0x20 */
}

static uint64_t load_8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* What the steps of eight leave: all of a short view, the last eight bytes of a longer one. */
static uint64_t load_last(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    if (len >= sizeof(word))
        return load_8(at + len - sizeof(word));
    if (len > 0)
        memcpy(&word, at, len);
    return word;
}

bool bytes_same_letters(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i + 8 < len; i += 8) {
        if (lower_8(load_8(a + i)) != lower_8(load_8(b + i)))
            return false;
    }
    return lower_8(load_last(a, len)) == lower_8(load_last(b, len));
}

void bytes_lower_into(uint8_t *out, struct bytes b)
{
    for (size_t i = 0; i + 8 < b.len; i += 8) {
        uint64_t word = lower_8(load_8(b.at + i));
        memcpy(out + i, &word, sizeof(word));
    }
    uint64_t last = lower_8(load_last(b.at, b.len));
    if (b.len >= sizeof(last))
        memcpy(out + b.len - sizeof(last), &last, sizeof(last));
    else if (b.len > 0)
        memcpy(out, &last, b.len);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.len > 0 && is_blank(b.at[b.len - 1]))
        b.len--;
    while (b.len > 0 && is_blank(b.at[0])) {
        b.at++;
        b.len--;
    }
    return b;
}

bool bytes_to_u64(struct bytes b, uint64_t *out)
{
    uint64_t value = 0;
    if (b.len == 0)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] < '0' || b.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10u, &value))
            return false;
        if (__builtin_add_overflow(value, (uint64_t)(b.at[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}
