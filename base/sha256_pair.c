/* sha256_pair.c: two SHA-256 digests, side by side.
 *
 * The processor's SHA instructions take two rounds each, and each waits four cycles for the one before, though the unit could
 * begin one every three: one message leaves it idle a quarter of the time. Two messages have two chains, whose rounds are
 * written in turn, four of one, then four of the other, and the unit is never idle.
 * (Measured, two messages of 1 MiB on a Xeon of Emerald Rapids, medians: one after the other by OpenSSL 1.38 GB/s, side by
 * side 1.81. The best runs, when nobody else wanted the core: 1.46 and 1.98, and more the unit cannot do.)
 * When the shorter message ends, the longer one goes on alone, by the same code.
 *
 *   a message in pieces -> runs of whole blocks: within a piece; one block, put together, where a piece ends; the padding
 *   runs of a and of b  -> both, as far as the shorter run goes, until one of the messages is over; then the rest of the other
 *
 * I1. A message is read once, and nothing beyond it; both are read before either digest is written.
 *
 * Where there are no such instructions, one is made after the other (digest.c). Which way is decided once, before main.
 * Left to others: what a digest is of. Thread: any. */
#include "base/sha256_pair_internal.h"

static bool has_fast;

void sha256_pair_portable(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                          uint8_t out_b[SHA256_BYTES])
{
    uint8_t first[SHA256_BYTES]; /* out_a may lie within b */
    digest_sha256_rope(a, first);
    digest_sha256_rope(b, out_b);
    memcpy(out_a, first, sizeof(first));
}

bool sha256_pair_has_fast(void)
{
    return has_fast;
}

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

/* AVX for its three operands: fewer moves between the SHA instructions. It takes an eighth off the time when somebody else
 * wants the core's units too. The few small processors that have the one without the other go the portable way. */
#define SHA  __attribute__((target("sha,avx")))
#define EACH SHA __attribute__((always_inline)) static inline

enum { BLOCK = 64, SHA_BIT_OF_LEAF_7 = 1 << 29 };

/* By its bit: not every compiler's __builtin_cpu_supports knows "sha". */
__attribute__((constructor)) static void sha256_pair_prepare(void)
{
    unsigned a, b, c, d;
    __builtin_cpu_init(); /* this may run before the C library's own constructors */
    has_fast = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & SHA_BIT_OF_LEAF_7) &&
               __builtin_cpu_supports("avx");
}

/* The eight words of a digest, as the instructions want them. */
struct state {
    __m128i abef, cdgh;
};

/* One block under way: its state, and sixteen words of the message. */
struct chain {
    struct state s;
    __m128i w[4];
};

struct run {
    const uint8_t *at;
    size_t blocks; /* 0: the message is over */
};

/* Where a message has been read to. */
struct reader {
    struct rope rest;
    size_t from;  /* in the first piece of it */
    uint64_t len; /* of what was read */
    bool is_over;
    uint8_t block[2 * BLOCK]; /* the last run, when it lies in no piece */
};

static const uint32_t table[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

EACH struct state state_first(void)
{
    return (struct state){
        .abef = _mm_setr_epi32((int)0x9b05688c, 0x510e527f, (int)0xbb67ae85, 0x6a09e667),
        .cdgh = _mm_setr_epi32(0x5be0cd19, 0x1f83d9ab, (int)0xa54ff53a, 0x3c6ef372)};
}

EACH struct state state_sum(struct state s, struct state t)
{
    return (struct state){_mm_add_epi32(s.abef, t.abef), _mm_add_epi32(s.cdgh, t.cdgh)};
}

EACH void state_print(struct state s, uint8_t out[SHA256_BYTES])
{
    uint32_t feba[4], hgdc[4];
    memcpy(feba, &s.abef, sizeof(feba));
    memcpy(hgdc, &s.cdgh, sizeof(hgdc));
    const uint32_t words[] = {feba[3], feba[2], hgdc[3], hgdc[2],
                              feba[1], feba[0], hgdc[1], hgdc[0]};
    for (size_t i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(words[i]);
        memcpy(out + 4 * i, &word, sizeof(word));
    }
}

EACH __m128i four_words(const uint8_t *at)
{
    const __m128i big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), big_endian);
}

EACH struct chain chain_begin(struct state s, const uint8_t *at)
{
    return (struct chain){
        s, {four_words(at), four_words(at + 16), four_words(at + 32), four_words(at + 48)}};
}

/* Rounds 4i to 4i + 3. What they took is then replaced by what is due sixteen words later. */
EACH void chain_rounds(struct chain *c, int i)
{
    __m128i *due = &c->w[i % 4];
    const __m128i next = c->w[(i + 1) % 4], third = c->w[(i + 2) % 4], last = c->w[(i + 3) % 4];
    __m128i sums = _mm_add_epi32(*due, _mm_load_si128((const __m128i *)(const void *)table + i));
    c->s.cdgh = _mm_sha256rnds2_epu32(c->s.cdgh, c->s.abef, sums);
    c->s.abef = _mm_sha256rnds2_epu32(c->s.abef, c->s.cdgh, _mm_shuffle_epi32(sums, 0x0e));
    if (i < 12) {
        __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(*due, next), _mm_alignr_epi8(last, third, 4));
        *due = _mm_sha256msg2_epu32(sum, last);
    }
}

/* Without b: of a alone. */
EACH void rounds(struct chain *a, struct chain *b, int i)
{
    chain_rounds(a, i);
    if (b)
        chain_rounds(b, i);
}

/* No loop: each i must be a constant, for the words to stay in registers. */
EACH void block_rounds(struct chain *a, struct chain *b)
{
    rounds(a, b, 0), rounds(a, b, 1), rounds(a, b, 2), rounds(a, b, 3);
    rounds(a, b, 4), rounds(a, b, 5), rounds(a, b, 6), rounds(a, b, 7);
    rounds(a, b, 8), rounds(a, b, 9), rounds(a, b, 10), rounds(a, b, 11);
    rounds(a, b, 12), rounds(a, b, 13), rounds(a, b, 14), rounds(a, b, 15);
}

SHA static void run_one(struct state *state, struct run run)
{
    struct state s = *state;
    for (; run.blocks; run.blocks--, run.at += BLOCK) {
        struct chain c = chain_begin(s, run.at);
        block_rounds(&c, NULL);
        s = state_sum(s, c.s);
    }
    *state = s;
}

/* As far as the shorter one goes; what is left of the longer stays in it. */
SHA static void run_both(struct state *state_a, struct run *run_a, struct state *state_b,
                         struct run *run_b)
{
    struct state s_a = *state_a, s_b = *state_b;
    struct run r_a = *run_a, r_b = *run_b;
    for (; r_a.blocks && r_b.blocks; r_a.blocks--, r_b.blocks--) {
        struct chain a = chain_begin(s_a, r_a.at), b = chain_begin(s_b, r_b.at);
        block_rounds(&a, &b);
        s_a = state_sum(s_a, a.s);
        s_b = state_sum(s_b, b.s);
        r_a.at += BLOCK;
        r_b.at += BLOCK;
    }
    *state_a = s_a;
    *state_b = s_b;
    *run_a = r_a;
    *run_b = r_b;
}

/* What follows a message's last bytes: a one, zeros, and its length in bits (FIPS 180-4, 5.1.1). */
static struct run reader_end(struct reader *r, size_t last)
{
    uint64_t bits = __builtin_bswap64((r->len + last) * 8);
    size_t blocks = last + 1 + sizeof(bits) <= BLOCK ? 1 : 2;
    memset(r->block + last, 0, blocks * BLOCK - last);
    r->block[last] = 0x80;
    memcpy(r->block + blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
    r->is_over = true;
    return (struct run){r->block, blocks};
}

/* The run before must have been taken. */
static struct run reader_next(struct reader *r)
{
    size_t filled = 0;
    while (r->rest.count) {
        struct bytes piece = *r->rest.pieces;
        size_t left = piece.len - r->from;
        if (!filled && left >= BLOCK) {
            struct run run = {piece.at + r->from, left / BLOCK};
            r->from += run.blocks * BLOCK;
            r->len += run.blocks * BLOCK;
            return run;
        }
        size_t n = left < BLOCK - filled ? left : BLOCK - filled;
        if (n)
            memcpy(r->block + filled, piece.at + r->from, n);
        filled += n;
        r->from += n;
        if (filled == BLOCK) {
            r->len += BLOCK;
            return (struct run){r->block, 1};
        }
        r->rest.pieces++;
        r->rest.count--;
        r->from = 0;
    }
    return r->is_over ? (struct run){0} : reader_end(r, filled);
}

SHA void sha256_pair_fast(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                          uint8_t out_b[SHA256_BYTES])
{
    struct state state_a = state_first(), state_b = state_first();
    struct reader reader_a = {.rest = a}, reader_b = {.rest = b};
    struct run run_a = reader_next(&reader_a), run_b = reader_next(&reader_b);
    while (run_a.blocks && run_b.blocks) {
        run_both(&state_a, &run_a, &state_b, &run_b);
        run_a = run_a.blocks ? run_a : reader_next(&reader_a);
        run_b = run_b.blocks ? run_b : reader_next(&reader_b);
    }
    for (; run_a.blocks; run_a = reader_next(&reader_a))
        run_one(&state_a, run_a);
    for (; run_b.blocks; run_b = reader_next(&reader_b))
        run_one(&state_b, run_b);
    state_print(state_a, out_a);
    state_print(state_b, out_b);
}

#else

void sha256_pair_fast(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                      uint8_t out_b[SHA256_BYTES])
{
    sha256_pair_portable(a, b, out_a, out_b);
}

#endif

void digest_sha256_pair(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                        uint8_t out_b[SHA256_BYTES])
{
    if (has_fast)
        sha256_pair_fast(a, b, out_a, out_b);
    else
        sha256_pair_portable(a, b, out_a, out_b);
}
