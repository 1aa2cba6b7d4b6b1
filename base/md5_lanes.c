/* md5_lanes.c: many MD5 digests, up to 32 side by side.
 *
 * MD5 is one long chain of additions, each waiting for the last: a processor that could do four things at a time does one (0.6 GB/s).
 * Many messages have many chains: a vector takes a step of eight of them (AVX2) or of sixteen (AVX-512) in about the time of one, and of two
 * vectors, whose steps take turns, in less than twice that. Messages differ in length: a lane whose message ends goes on with its padding,
 * then with the next message; what is left when there are no more idles on a block of its own. Idle lanes cost what others do,
 * so a round is made in the narrowest vectors that hold all lanes that work; the first free lane takes the next message, which keeps the last ones empty.
 *
 *   lanes up to the last that works    1 to 8            9 to 16           17 to 32
 *   AVX2                               one of eight      two of eight      -
 *   AVX-512                            one of eight      one of sixteen    two of sixteen
 *
 *   word i of every message -> one vector: half a block of each lane is loaded, and transposed, twice a block
 *
 * Measured on a Xeon with AVX-512, by GCC 12, medians, against one vector of eight for all (and rows in memory):
 *
 *   messages            AVX2                  AVX-512
 *   8 of 50 KiB         2.4, now 2.8 GB/s     4.0, now 4.4 GB/s
 *   16 of 50 KiB        2.3, now 3.8          3.7, now 7.9
 *   20 of 50 KiB        1.9, now 2.8          3.1, now 5.5
 *   32 of 50 KiB        2.3, now 3.6          3.5, now 8.2
 *   64 of 16 bytes      3.6, now 2.1 us       2.9, now 1.4 us
 *
 * I1. A lane reads its message, and its own padding, and nothing else.
 *
 * Two messages or fewer are quicker one after the other (digest.c), and so is everything where there is no AVX2.
 * Left to others: what a digest is of. Thread: any. */
#include "base/md5_lanes_internal.h"

enum { WORTH_IT = 3 };

#if defined(__x86_64__)

/* Compiled into each of the functions that are for one kind of processor. A call from there to code without AVX costs more than a digest. */
#define EACH __attribute__((always_inline))

enum { LANES = MD5_WIDTH_MAX, BLOCK = 64, NO_MESSAGE = -1 };

/* Asked for so far ahead: 32 messages are more than a processor follows by itself. From memory, 32 of 50 KiB took 0.184 us a KiB, and take 0.135 (measured on
 * Zen 4, AVX-512). Beyond a message's end that is for nothing, and no more. */
enum { AHEAD = 4 * BLOCK };

struct lane {
    const uint8_t *at;  /* the next block */
    size_t stride;      /* from a block to the next: BLOCK, and 0 in an idle lane */
    size_t blocks;      /* left here */
    size_t tail_blocks; /* then these */
    long message;       /* NO_MESSAGE: idle */
    uint8_t tail[2 * BLOCK];
};

/* A word of eight messages, and of sixteen: of the lanes in turn. */
typedef uint32_t eight __attribute__((vector_size(32)));
typedef uint32_t sixteen __attribute__((vector_size(64)));

struct state {
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES];
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

/* What a shuffle of two vectors takes: words in turn, pairs of them, fours, within each half of a sixteen as in an eight. */
#define LOW_eight          0, 8, 1, 9, 4, 12, 5, 13
#define HIGH_eight         2, 10, 3, 11, 6, 14, 7, 15
#define LOW_PAIRS_eight    0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_PAIRS_eight   2, 3, 10, 11, 6, 7, 14, 15
#define LOW_FOURS_eight    0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_FOURS_eight   4, 5, 6, 7, 12, 13, 14, 15
#define LOW_sixteen        0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define HIGH_sixteen       2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LOW_PAIRS_sixteen  0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_PAIRS_sixteen 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_FOURS_sixteen  0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define HIGH_FOURS_sixteen 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31

/* Half a block of one lane; of two, which are four apart, as the last shuffle wants them. */
EACH static inline void row_eight(const struct lane *lanes, int i, size_t offset, eight *out)
{
    memcpy(out, lanes[i].at + offset, sizeof(*out));
}

EACH static inline void row_sixteen(const struct lane *lanes, int i, size_t offset, sixteen *out)
{
    int first = i < 4 ? i : i + 4;
    eight x, y;
    row_eight(lanes, first, offset, &x);
    row_eight(lanes, first + 4, offset, &y);
    *out = __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Rows that are found by a variable stand in memory and not in registers. */
#define UNROLLED                  _Pragma("GCC unroll 8")
#define SHUFFLE(how, words, x, y) __builtin_shufflevector(x, y, how##_##words)

/* Eight rows of half a block each become eight columns: a word of every lane. */
#define TRANSPOSE(words)                                                                           \
    EACH static inline void transpose_##words(const struct lane *lanes, size_t offset, words *out) \
    {                                                                                              \
        words r[8], t[8], u[8];                                                                    \
        UNROLLED for (int i = 0; i < 8; i++) row_##words(lanes, i, offset, &r[i]);                 \
        UNROLLED for (int i = 0; i < 8; i += 2)                                                    \
        {                                                                                          \
            t[i] = SHUFFLE(LOW, words, r[i], r[i + 1]);                                            \
            t[i + 1] = SHUFFLE(HIGH, words, r[i], r[i + 1]);                                       \
        }                                                                                          \
        UNROLLED for (int i = 0; i < 8; i += 4)                                                    \
        {                                                                                          \
            u[i] = SHUFFLE(LOW_PAIRS, words, t[i], t[i + 2]);                                      \
            u[i + 1] = SHUFFLE(HIGH_PAIRS, words, t[i], t[i + 2]);                                 \
            u[i + 2] = SHUFFLE(LOW_PAIRS, words, t[i + 1], t[i + 3]);                              \
            u[i + 3] = SHUFFLE(HIGH_PAIRS, words, t[i + 1], t[i + 3]);                             \
        }                                                                                          \
        UNROLLED for (int i = 0; i < 4; i++)                                                       \
        {                                                                                          \
            out[i] = SHUFFLE(LOW_FOURS, words, u[i], u[i + 4]);                                    \
            out[i + 4] = SHUFFLE(HIGH_FOURS, words, u[i], u[i + 4]);                               \
        }                                                                                          \
    }
TRANSPOSE(eight)
TRANSPOSE(sixteen)

#define STEP_OF(g, f, a, b, c, d, word, i, left)                                                   \
    do {                                                                                           \
        __typeof__(a[g]) sum = (a[g] + (m[g][word] + table[i])) + f(b[g], c[g], d[g]);             \
        a[g] = b[g] + (sum << (left) | sum >> (32 - (left)));                                      \
    } while (0)
/* Of two vectors in turn: neither waits for the other, and the processor has two chains to work at. */
#define STEP(f, a, b, c, d, word, i, left)                                                         \
    do {                                                                                           \
        STEP_OF(0, f, a, b, c, d, word, i, left);                                                  \
        if (vectors == 2)                                                                          \
            STEP_OF(1, f, a, b, c, d, word, i, left);                                              \
    } while (0)
#define F(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define G(b, c, d) ((c) ^ ((d) & ((b) ^ (c))))
#define H(b, c, d) ((b) ^ (c) ^ (d))
#define I(b, c, d) ((c) ^ ((b) | ~(d)))
#define FOUR(f, i, w0, w1, w2, w3, s0, s1, s2, s3)                                                 \
    do {                                                                                           \
        STEP(f, a, b, c, d, w0, i, s0);                                                            \
        STEP(f, d, a, b, c, w1, (i) + 1, s1);                                                      \
        STEP(f, c, d, a, b, w2, (i) + 2, s2);                                                      \
        STEP(f, b, c, d, a, w3, (i) + 3, s3);                                                      \
    } while (0)

/* RFC 1321, 3.4: one block. */
#define ROUNDS()                                                                                   \
    do {                                                                                           \
        FOUR(F, 0, 0, 1, 2, 3, 7, 12, 17, 22);                                                     \
        FOUR(F, 4, 4, 5, 6, 7, 7, 12, 17, 22);                                                     \
        FOUR(F, 8, 8, 9, 10, 11, 7, 12, 17, 22);                                                   \
        FOUR(F, 12, 12, 13, 14, 15, 7, 12, 17, 22);                                                \
        FOUR(G, 16, 1, 6, 11, 0, 5, 9, 14, 20);                                                    \
        FOUR(G, 20, 5, 10, 15, 4, 5, 9, 14, 20);                                                   \
        FOUR(G, 24, 9, 14, 3, 8, 5, 9, 14, 20);                                                    \
        FOUR(G, 28, 13, 2, 7, 12, 5, 9, 14, 20);                                                   \
        FOUR(H, 32, 5, 8, 11, 14, 4, 11, 16, 23);                                                  \
        FOUR(H, 36, 1, 4, 7, 10, 4, 11, 16, 23);                                                   \
        FOUR(H, 40, 13, 0, 3, 6, 4, 11, 16, 23);                                                   \
        FOUR(H, 44, 9, 12, 15, 2, 4, 11, 16, 23);                                                  \
        FOUR(I, 48, 0, 7, 14, 5, 6, 10, 15, 21);                                                   \
        FOUR(I, 52, 12, 3, 10, 1, 6, 10, 15, 21);                                                  \
        FOUR(I, 56, 8, 15, 6, 13, 6, 10, 15, 21);                                                  \
        FOUR(I, 60, 4, 11, 2, 9, 6, 10, 15, 21);                                                   \
    } while (0)
#define LOAD(x, at) memcpy(&(x), at, sizeof(x))
#define ADD(at, x)                                                                                 \
    do {                                                                                           \
        __typeof__(x) total;                                                                       \
        LOAD(total, at);                                                                           \
        total += (x);                                                                              \
        memcpy(at, &total, sizeof(total));                                                         \
    } while (0)

/* Some blocks of each of the first lanes: of as many as one vector has, or two. */
#define BLOCKS(words)                                                                              \
    EACH static inline void blocks_##words(struct state *s, struct lane *lanes, int vectors,       \
                                           size_t blocks)                                          \
    {                                                                                              \
        enum { WIDTH = sizeof(words) / sizeof(uint32_t) };                                         \
        words m[2][16], a[2], b[2], c[2], d[2];                                                    \
        for (; blocks > 0; blocks--) {                                                             \
            for (int g = 0; g < vectors; g++) {                                                    \
                transpose_##words(lanes + g * WIDTH, 0, m[g]);                                     \
                transpose_##words(lanes + g * WIDTH, BLOCK / 2, m[g] + 8);                         \
                LOAD(a[g], s->a + g * WIDTH);                                                      \
                LOAD(b[g], s->b + g * WIDTH);                                                      \
                LOAD(c[g], s->c + g * WIDTH);                                                      \
                LOAD(d[g], s->d + g * WIDTH);                                                      \
            }                                                                                      \
            ROUNDS();                                                                              \
            for (int g = 0; g < vectors; g++) {                                                    \
                ADD(s->a + g * WIDTH, a[g]);                                                       \
                ADD(s->b + g * WIDTH, b[g]);                                                       \
                ADD(s->c + g * WIDTH, c[g]);                                                       \
                ADD(s->d + g * WIDTH, d[g]);                                                       \
            }                                                                                      \
            for (int i = 0; i < vectors * WIDTH; i++) {                                            \
                lanes[i].at += lanes[i].stride;                                                    \
                __builtin_prefetch(lanes[i].at + AHEAD);                                           \
            }                                                                                      \
        }                                                                                          \
    }
BLOCKS(eight)
BLOCKS(sixteen)

static const uint8_t idle_block[BLOCK];

/* What follows the message's whole blocks: its rest, a one, zeros, and its length in bits (RFC 1321, 3.1 and 3.2). */
EACH static inline void pad(struct lane *l, struct bytes data)
{
    size_t rest = data.len % BLOCK;
    uint64_t bits = (uint64_t)data.len * 8;
    l->tail_blocks = rest + 9 <= BLOCK ? 1 : 2;
    memset(l->tail, 0, BLOCK);
    if (l->tail_blocks == 2)
        memset(l->tail + BLOCK, 0, BLOCK);
    if (rest)
        memcpy(l->tail, data.at + data.len - rest, rest);
    l->tail[rest] = 0x80;
    memcpy(l->tail + l->tail_blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
}

EACH static inline void lane_idle(struct lane *l)
{
    l->at = idle_block;
    l->stride = l->blocks = l->tail_blocks = 0;
    l->message = NO_MESSAGE;
}

/* False: its message is through. */
EACH static inline bool lane_pads(struct lane *l)
{
    if (!l->tail_blocks)
        return false;
    l->at = l->tail;
    l->blocks = l->tail_blocks;
    l->tail_blocks = 0;
    return true;
}

EACH static inline void lane_begin(struct state *s, struct lane *l, size_t lane, struct bytes data,
                                   long message)
{
    pad(l, data);
    l->message = message;
    l->at = data.at;
    l->stride = BLOCK;
    l->blocks = data.len / BLOCK;
    if (!l->blocks)
        lane_pads(l);
    s->a[lane] = 0x67452301;
    s->b[lane] = 0xefcdab89;
    s->c[lane] = 0x98badcfe;
    s->d[lane] = 0x10325476;
}

EACH static inline void lane_end(const struct state *s, size_t lane, uint8_t *out)
{
    uint32_t digest[4] = {s->a[lane], s->b[lane], s->c[lane], s->d[lane]};
    memcpy(out, digest, sizeof(digest));
}

/* The lanes up to the last that works. */
EACH static inline size_t working(const struct lane *lanes, size_t used)
{
    while (used > 0 && lanes[used - 1].message == NO_MESSAGE)
        used--;
    return used;
}

/* How many blocks every lane that works has before something happens. */
EACH static inline size_t shortest(const struct lane *lanes, size_t used)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < used; i++)
        if (lanes[i].message != NO_MESSAGE && lanes[i].blocks < least)
            least = lanes[i].blocks;
    return least;
}

/* In the narrowest vectors that hold them: idle lanes cost as much as others. */
EACH static inline void run(struct state *s, struct lane *lanes, size_t used, size_t most,
                            size_t blocks)
{
    if (used <= 8)
        blocks_eight(s, lanes, 1, blocks);
    else if (most == 16)
        blocks_eight(s, lanes, 2, blocks);
    else if (used <= 16)
        blocks_sixteen(s, lanes, 1, blocks);
    else
        blocks_sixteen(s, lanes, 2, blocks);
    for (size_t i = 0; i < used; i++)
        lanes[i].blocks -= lanes[i].message == NO_MESSAGE ? 0 : blocks;
}

EACH static inline void lanes_work(const struct bytes *data, uint8_t *const *outs, size_t count,
                                   size_t most)
{
    struct lane lanes[LANES];
    struct state s = {0};
    size_t next = 0, used = count < most ? count : most;
    for (size_t i = 0; i < most; i++)
        lane_idle(&lanes[i]);
    for (; next < used; next++)
        lane_begin(&s, &lanes[next], next, data[next], (long)next);
    for (; used > 0; used = working(lanes, used)) {
        run(&s, lanes, used, most, shortest(lanes, used));
        for (size_t i = 0; i < used; i++) {
            struct lane *l = &lanes[i];
            if (l->message == NO_MESSAGE || l->blocks || lane_pads(l))
                continue;
            lane_end(&s, i, outs[l->message]);
            lane_idle(l);
            if (next < count) {
                lane_begin(&s, l, i, data[next], (long)next);
                next++;
            }
        }
    }
}

__attribute__((target("avx2"))) static void lanes_avx2(const struct bytes *data,
                                                       uint8_t *const *outs, size_t count)
{
    lanes_work(data, outs, count, 16);
}

/* It rotates, and has every function of three bits, as one instruction each; and vectors are twice as wide. */
__attribute__((target("avx2,avx512f,avx512vl"))) static void
lanes_avx512(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    lanes_work(data, outs, count, LANES);
}

static bool has(enum md5_way way)
{
    if (way == MD5_AVX2)
        return __builtin_cpu_supports("avx2");
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

bool md5_each_by(enum md5_way way, const struct bytes *data, uint8_t *const *outs, size_t count)
{
    if (!has(way))
        return false;
    (way == MD5_AVX512 ? lanes_avx512 : lanes_avx2)(data, outs, count);
    return true;
}

size_t digest_md5_width(void)
{
    return has(MD5_AVX512) ? LANES : has(MD5_AVX2) ? 16 : 1;
}

#else

size_t digest_md5_width(void)
{
    return 1;
}

bool md5_each_by(enum md5_way way, const struct bytes *data, uint8_t *const *outs, size_t count)
{
    (void)way, (void)data, (void)outs, (void)count;
    return false;
}

#endif

void digest_md5_each(const struct bytes *data, uint8_t *const *outs, size_t count)
{
    if (count >= WORTH_IT &&
        (md5_each_by(MD5_AVX512, data, outs, count) || md5_each_by(MD5_AVX2, data, outs, count)))
        return;
    for (size_t i = 0; i < count; i++)
        digest_md5(data[i], outs[i]);
}
