/* sha256_pair_test.c: two digests made side by side are those made one by one, whatever the lengths, in both ways. */
#include "base/mem.h"
#include "base/random.h"
#include "base/sha256_pair_internal.h"
#include "unit/base/cmocka_all.h"

enum { LEN_SMALL = 200, LEN_LARGE = 1 << 20, GUARD = 0x5a, PIECES = 7 };

typedef void pair_fn(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                     uint8_t out_b[SHA256_BYTES]);

/* Blocks of exactly their size, so that a sanitizer sees each byte read beyond them. */
static struct bytes message(struct random *r, size_t len)
{
    uint8_t *at = mem_must(len);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)random_next(r);
    return bytes_of(at, len);
}

static void check_one(pair_fn *pair, struct rope a, struct rope b, const uint8_t *expected_a,
                      const uint8_t *expected_b)
{
    uint8_t outs[2][SHA256_BYTES + 1];
    memset(outs, GUARD, sizeof(outs));
    pair(a, b, outs[0], outs[1]);
    assert_memory_equal(outs[0], expected_a, SHA256_BYTES);
    assert_memory_equal(outs[1], expected_b, SHA256_BYTES);
    assert_int_equal(outs[0][SHA256_BYTES], GUARD); /* nothing behind them */
    assert_int_equal(outs[1][SHA256_BYTES], GUARD);
}

/* Anywhere; some of them are empty. */
static struct rope cut(struct bytes data, struct bytes pieces[PIECES])
{
    static struct random r = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = i + 1 == PIECES || !data.len ? data.len : random_next(&r) % (data.len + 1);
        if (data.len > 200 && random_next(&r) % 2)
            n = random_next(&r) % 130; /* blocks that lie in several */
        pieces[i] = bytes_of(data.at, n = i + 1 == PIECES ? data.len : n);
        data = bytes_of(data.at + n, data.len - n);
    }
    return (struct rope){pieces, PIECES};
}

/* In both ways, in both positions, and in pieces. */
static void check(struct bytes a, struct bytes b)
{
    pair_fn *const ways[] = {digest_sha256_pair, sha256_pair_portable, sha256_pair_fast};
    size_t count = sha256_pair_has_fast() ? 3 : 2;
    uint8_t of_a[SHA256_BYTES], of_b[SHA256_BYTES];
    digest_sha256(a, of_a);
    digest_sha256(b, of_b);
    for (size_t i = 0; i < count; i++) {
        check_one(ways[i], rope_of(&a), rope_of(&b), of_a, of_b);
        check_one(ways[i], rope_of(&b), rope_of(&a), of_b, of_a);
        for (int n = 0; n < 2; n++) {
            struct bytes pieces[2][PIECES];
            struct rope cut_a = cut(a, pieces[0]), cut_b = cut(b, pieces[1]);
            check_one(ways[i], cut_a, cut_b, of_a, of_b);
        }
    }
}

static void check_lengths(struct random *r, size_t len_a, size_t len_b)
{
    struct bytes a = message(r, len_a), b = message(r, len_b);
    check(a, b);
    mem_free((void *)a.at);
    mem_free((void *)b.at);
}

static void both_are_as_if_alone_at_every_length(void **state)
{
    (void)state;
    struct random r;
    struct bytes data[LEN_SMALL + 1];
    random_seed(&r, 1);
    for (size_t len = 0; len <= LEN_SMALL; len++) /* every place of both paddings */
        data[len] = message(&r, len);
    for (size_t a = 0; a <= LEN_SMALL; a++)
        for (size_t b = a; b <= LEN_SMALL; b++)
            check(data[a], data[b]);
    for (size_t len = 0; len <= LEN_SMALL; len++)
        mem_free((void *)data[len].at);
}

static void nothing_at_all_is_a_message_too(void **state)
{
    (void)state;
    check(BYTES_NONE, BYTES_NONE);
    check(BYTES_NONE, BYTES_LITERAL("abc"));
    check(BYTES_LITERAL(""), BYTES_NONE);
}

static void large_ones_are_as_if_alone_however_unequal(void **state)
{
    (void)state;
    static const size_t lens[][2] = {{LEN_LARGE, LEN_LARGE},     {LEN_LARGE, LEN_LARGE - 1},
                                     {LEN_LARGE, LEN_LARGE / 3}, {LEN_LARGE + 63, 0},
                                     {LEN_LARGE + 9, 65},        {LEN_LARGE - 64, LEN_LARGE + 64}};
    struct random r;
    random_seed(&r, 2);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        check_lengths(&r, lens[i][0], lens[i][1]);
}

static void messages_may_begin_anywhere(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 3);
    struct bytes data = message(&r, 1000);
    for (size_t from = 0; from < 64; from++)
        check(bytes_of(data.at + from, data.len - from),
              bytes_of(data.at + 3 * from, data.len - 3 * from));
    mem_free((void *)data.at);
}

/* Of the header: both are read before either is written. */
static void outputs_may_replace_the_messages(void **state)
{
    (void)state;
    pair_fn *const ways[] = {sha256_pair_portable, sha256_pair_fast};
    for (size_t i = 0; i < (sha256_pair_has_fast() ? 2u : 1u); i++) {
        uint8_t data[2][SHA256_BYTES] = {"one", "two"}, expected[2][SHA256_BYTES];
        struct bytes one = bytes_of(data[0], SHA256_BYTES), two = bytes_of(data[1], SHA256_BYTES);
        digest_sha256(one, expected[0]);
        digest_sha256(two, expected[1]);
        ways[i](rope_of(&one), rope_of(&two), data[1], data[0]);
        assert_memory_equal(data[1], expected[0], SHA256_BYTES);
        assert_memory_equal(data[0], expected[1], SHA256_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_as_if_alone_at_every_length),
        cmocka_unit_test(nothing_at_all_is_a_message_too),
        cmocka_unit_test(large_ones_are_as_if_alone_however_unequal),
        cmocka_unit_test(messages_may_begin_anywhere),
        cmocka_unit_test(outputs_may_replace_the_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
