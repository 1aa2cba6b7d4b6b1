/* random.c: chance from the system, and chance that repeats.
 *
 * getrandom is a system call, and ids are wanted by the thousand: so each thread draws a kilobyte
 * at a time and hands it out in pieces, wiping each, so that an id already given is not found in
 * memory later.
 *
 * I1. No byte of the system's is handed out twice.
 *
 * Thread: random_bytes and uuid_make any; a struct random its owner's. */
#include "base/random.h"

#include "base/must.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

enum { STOCK_BYTES = 1024 };

static void from_system(uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            die("the system gives no random bytes");
        to += got;
        len -= (size_t)got;
    }
}

void random_bytes(void *out, size_t len)
{
    static _Thread_local uint8_t stock[STOCK_BYTES];
    static _Thread_local size_t left; /* the last `left` bytes are fresh */
    if (len > STOCK_BYTES / 4) {
        from_system(out, len);
        return;
    }
    if (left < len) {
        from_system(stock, sizeof(stock));
        left = sizeof(stock);
    }
    uint8_t *from = stock + sizeof(stock) - left;
    memcpy(out, from, len);
    explicit_bzero(from, len);
    left -= len; /* I1 */
}

/* splitmix64: spreads a seed of 64 bits, even 0 or 1, over the state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void random_seed(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->state[i] = spread(&seed);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

uint64_t random_next(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

void random_noise(void *out, size_t len)
{
    static _Thread_local struct random own;
    static _Thread_local bool seeded;
    if (!seeded)
        random_bytes(&own, sizeof(own));
    seeded = true;
    uint8_t *at = out;
    while (len > 0) {
        uint64_t word = random_next(&own);
        size_t piece = len < sizeof(word) ? len : sizeof(word);
        memcpy(at, &word, piece);
        at += piece;
        len -= piece;
    }
}

uint64_t random_below(struct random *r, uint64_t below)
{
    must(below > 0);
    /* 2^64 is seldom a multiple of `below`: the first 2^64 mod below numbers would make some
     * results likelier. */
    uint64_t surplus = (0 - below) % below;
    uint64_t x;
    do {
        x = random_next(r);
    } while (x < surplus);
    return x % below;
}

void uuid_make(char out[UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}
