/* md5_lanes.c: many MD5 digests, eight side by side.
 *
 * MD5 is one long chain of additions, each waiting for the last: a processor that could do four things at a time does one (0.6 GB/s).
 * Eight messages have eight chains, and AVX2 takes a step of all of them in about the time of one.
 * (Measured: 1.7 GB/s, with AVX-512's instructions on the same registers 3.0.) Messages differ in length: a lane whose
 * message ends goes on with its padding, then with the next message; what is left when there are no more idles on a block of its own.
 *
 *   word i of eight messages -> one vector: eight 32-byte loads, transposed, twice a block
 *
 * I1. A lane reads its message, and its own padding, and nothing else.
 *
 * Two messages or fewer are quicker one after the other (digest.c), and so is everything where there is no AVX2.
 * Left to others: what a digest is of. Thread: any. */
#include "base/digest.h"

#if defined(__x86_64__)

/* Compiled into each of the functions that are for one kind of processor. */
#define EACH __attribute__((always_inline))

enum { LANES = 8, BLOCK = 64, WORTH_IT = 3, NO_MESSAGE = -1 };

struct lane {
    const uint8_t *at;  /* the next block */
    size_t blocks;      /* left here */
    size_t tail_blocks; /* then these */
    long message;       /* NO_MESSAGE: idle */
    uint8_t tail[2 * BLOCK];
};

typedef uint32_t words __attribute__((vector_size(32)));
struct state {
    words a, b, c, d;
};

static const uint32_t table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* What a shuffle of two vectors takes: words in turn, pairs of them, halves. */
#define LOW         0, 8, 1, 9, 4, 12, 5, 13
#define HIGH        2, 10, 3, 11, 6, 14, 7, 15
#define LOW_PAIRS   0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_PAIRS  2, 3, 10, 11, 6, 7, 14, 15
#define LOW_HALVES  0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_HALVES 4, 5, 6, 7, 12, 13, 14, 15

/* Eight rows of eight words become eight columns. */
EACH static inline void transpose(const struct lane *lanes, size_t offset, words *out)
{
    words r[LANES], t[LANES], u[LANES];
    for (int i = 0; i < LANES; i++)
        memcpy(&r[i], lanes[i].at + offset, sizeof(r[i]));
    for (int i = 0; i < LANES; i += 2) {
        t[i] = __builtin_shufflevector(r[i], r[i + 1], LOW);
        t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], HIGH);
    }
    for (int i = 0; i < LANES; i += 4) {
        u[i] = __builtin_shufflevector(t[i], t[i + 2], LOW_PAIRS);
        u[i + 1] = __builtin_shufflevector(t[i], t[i + 2], HIGH_PAIRS);
        u[i + 2] = __builtin_shufflevector(t[i + 1], t[i + 3], LOW_PAIRS);
        u[i + 3] = __builtin_shufflevector(t[i + 1], t[i + 3], HIGH_PAIRS);
    }
    for (int i = 0; i < 4; i++) {
        out[i] = __builtin_shufflevector(u[i], u[i + 4], LOW_HALVES);
        out[i + 4] = __builtin_shufflevector(u[i], u[i + 4], HIGH_HALVES);
    }
}

#define STEP(f, a, b, c, d, word, i, left)                                                         \
    do {                                                                                           \
        words sum = ((a) + (m[word] + table[i])) + (f);                                            \
        (a) = (b) + (sum << (left) | sum >> (32 - (left)));                                        \
    } while (0)
#define F(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define G(b, c, d) ((c) ^ ((d) & ((b) ^ (c))))
#define H(b, c, d) ((b) ^ (c) ^ (d))
#define I(b, c, d) ((c) ^ ((b) | ~(d)))
#define FOUR(f, i, w0, w1, w2, w3, s0, s1, s2, s3)                                                 \
    do {                                                                                           \
        STEP(f(b, c, d), a, b, c, d, w0, i, s0);                                                   \
        STEP(f(a, b, c), d, a, b, c, w1, (i) + 1, s1);                                             \
        STEP(f(d, a, b), c, d, a, b, w2, (i) + 2, s2);                                             \
        STEP(f(c, d, a), b, c, d, a, w3, (i) + 3, s3);                                             \
    } while (0)

/* RFC 1321, 3.4: one block of each lane. */
EACH static inline void eight_blocks(struct state *s, const struct lane *lanes)
{
    words m[16], a = s->a, b = s->b, c = s->c, d = s->d;
    transpose(lanes, 0, m);
    transpose(lanes, BLOCK / 2, m + LANES);
    FOUR(F, 0, 0, 1, 2, 3, 7, 12, 17, 22);
    FOUR(F, 4, 4, 5, 6, 7, 7, 12, 17, 22);
    FOUR(F, 8, 8, 9, 10, 11, 7, 12, 17, 22);
    FOUR(F, 12, 12, 13, 14, 15, 7, 12, 17, 22);
    FOUR(G, 16, 1, 6, 11, 0, 5, 9, 14, 20);
    FOUR(G, 20, 5, 10, 15, 4, 5, 9, 14, 20);
    FOUR(G, 24, 9, 14, 3, 8, 5, 9, 14, 20);
    FOUR(G, 28, 13, 2, 7, 12, 5, 9, 14, 20);
    FOUR(H, 32, 5, 8, 11, 14, 4, 11, 16, 23);
    FOUR(H, 36, 1, 4, 7, 10, 4, 11, 16, 23);
    FOUR(H, 40, 13, 0, 3, 6, 4, 11, 16, 23);
    FOUR(H, 44, 9, 12, 15, 2, 4, 11, 16, 23);
    FOUR(I, 48, 0, 7, 14, 5, 6, 10, 15, 21);
    FOUR(I, 52, 12, 3, 10, 1, 6, 10, 15, 21);
    FOUR(I, 56, 8, 15, 6, 13, 6, 10, 15, 21);
    FOUR(I, 60, 4, 11, 2, 9, 6, 10, 15, 21);
    s->a += a;
    s->b += b;
    s->c += c;
    s->d += d;
}

static const uint8_t idle_block[BLOCK];

/* What follows the message's whole blocks: its rest, a one, zeros, and its length in bits (RFC 1321, 3.1 and 3.2). */
static void pad(struct lane *l, struct bytes data)
{
    size_t rest = data.len % BLOCK;
    uint64_t bits = (uint64_t)data.len * 8;
    memset(l->tail, 0, sizeof(l->tail));
    if (rest)
        memcpy(l->tail, data.at + data.len - rest, rest);
    l->tail[rest] = 0x80;
    l->tail_blocks = rest + 9 <= BLOCK ? 1 : 2;
    memcpy(l->tail + l->tail_blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
}

EACH static inline void lane_begin(struct state *s, struct lane *lanes, unsigned lane,
                                   struct bytes data, long message)
{
    struct lane *l = &lanes[lane];
    pad(l, data);
    l->message = message;
    l->at = data.at;
    l->blocks = data.len / BLOCK;
    if (!l->blocks) {
        l->at = l->tail;
        l->blocks = l->tail_blocks;
        l->tail_blocks = 0;
    }
    s->a[lane] = 0x67452301;
    s->b[lane] = 0xefcdab89;
    s->c[lane] = 0x98badcfe;
    s->d[lane] = 0x10325476;
}

EACH static inline void lane_end(const struct state *s, unsigned lane, uint8_t *out)
{
    uint32_t digest[4] = {s->a[lane], s->b[lane], s->c[lane], s->d[lane]};
    memcpy(out, digest, sizeof(digest));
}

/* How many blocks every lane that works has before something happens; 0: none works. */
static size_t shortest(const struct lane *lanes)
{
    size_t least = 0;
    for (int i = 0; i < LANES; i++)
        if (lanes[i].message != NO_MESSAGE && (!least || lanes[i].blocks < least))
            least = lanes[i].blocks;
    return least;
}

EACH static inline void run(struct state *s, struct lane *lanes, size_t blocks)
{
    for (size_t n = 0; n < blocks; n++) {
        eight_blocks(s, lanes);
        for (int i = 0; i < LANES; i++)
            lanes[i].at += lanes[i].message == NO_MESSAGE ? 0 : BLOCK;
    }
    for (int i = 0; i < LANES; i++)
        lanes[i].blocks -= lanes[i].message == NO_MESSAGE ? 0 : blocks;
}

EACH static inline void lanes_work(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    struct lane lanes[LANES];
    struct state s = {0};
    size_t next = 0;
    for (unsigned i = 0; i < LANES; i++) {
        lanes[i].message = NO_MESSAGE;
        lanes[i].at = idle_block;
        if (next < count) {
            lane_begin(&s, lanes, i, data[next], (long)next);
            next++;
        }
    }
    for (size_t blocks; (blocks = shortest(lanes)) > 0;) {
        run(&s, lanes, blocks);
        for (unsigned i = 0; i < LANES; i++) {
            struct lane *l = &lanes[i];
            if (l->message == NO_MESSAGE || l->blocks)
                continue;
            if (l->tail_blocks) {
                l->at = l->tail;
                l->blocks = l->tail_blocks;
                l->tail_blocks = 0;
                continue;
            }
            lane_end(&s, i, outs[l->message]);
            l->message = NO_MESSAGE;
            l->at = idle_block;
            if (next < count) {
                lane_begin(&s, lanes, i, data[next], (long)next);
                next++;
            }
        }
    }
}

__attribute__((target("avx2"))) static void lanes_avx2(const struct bytes *data,
                                                       uint8_t *const *outs, size_t count)
{
    lanes_work(data, outs, count);
}

/* It rotates, and has every function of three bits, as one instruction each: twice as quick. */
__attribute__((target("avx2,avx512f,avx512vl"))) static void
lanes_avx512(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    lanes_work(data, outs, count);
}

static bool md5_lanes(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    if (count < WORTH_IT || !__builtin_cpu_supports("avx2"))
        return false;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        lanes_avx512(data, outs, count);
    else
        lanes_avx2(data, outs, count);
    return true;
}

#else

static bool md5_lanes(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    (void)data, (void)outs, (void)count;
    return false;
}

#endif

void digest_md5_each(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    if (md5_lanes(data, outs, count))
        return;
    for (size_t i = 0; i < count; i++)
        digest_md5(data[i], outs[i]);
}
