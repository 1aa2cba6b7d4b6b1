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

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_equal_ignore_case(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
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
