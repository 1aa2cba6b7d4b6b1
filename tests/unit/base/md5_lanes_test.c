/* md5_lanes_test.c: digests made side by side are those made one by one, whatever the lengths and the count. */
#include "base/md5_lanes_internal.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"

enum { MESSAGES = 70, LEN_MAX = 1200 };

/* Blocks of exactly their size, so that a sanitizer sees each byte read beyond them. */
static struct bytes message(struct random *r, size_t len)
{
    uint8_t *at = mem_must(len);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)random_next(r);
    return bytes_of(at, len);
}

/* In one way, or with MD5_WAYS in the one that is chosen. */
static void check_by(enum md5_way way, const struct bytes *data, size_t count)
{
    uint8_t digests[MESSAGES + 1][MD5_BYTES], expected[MD5_BYTES];
    uint8_t *outs[MESSAGES] = {0};
    memset(digests, 0x5a, sizeof(digests));
    for (size_t i = 0; i < count; i++)
        outs[i] = digests[i];
    if (way == MD5_WAYS)
        digest_md5_each(data, outs, count);
    else if (!md5_each_by(way, data, outs, count))
        return; /* this processor has not got it */
    for (size_t i = 0; i < count; i++) {
        digest_md5(data[i], expected);
        assert_memory_equal(digests[i], expected, MD5_BYTES);
    }
    memset(expected, 0x5a, sizeof(expected));
    assert_memory_equal(digests[count], expected, MD5_BYTES); /* nothing behind them */
}

static void check(const struct bytes *data, size_t count)
{
    for (enum md5_way way = 0; way <= MD5_WAYS; way++)
        check_by(way, data, count);
}

static void free_all(const struct bytes *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free((void *)data[i].at);
}

/* With one vector of eight, one of sixteen, and two of them. */
static void each_is_as_if_alone_at_every_length(void **state)
{
    (void)state;
    static const size_t counts[] = {5, 8, 9, 16, 17, 32, 33};
    struct random r;
    random_seed(&r, 1);
    for (size_t len = 0; len < 200; len++) { /* every place of the padding */
        struct bytes data[33];
        for (size_t i = 0; i < 33; i++)
            data[i] = message(&r, len + i * 13 % 70);
        for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
            check(data, counts[i]);
        free_all(data, 33);
    }
}

/* All lanes end at once, and all begin anew: short as partition keys, and at the borders of a block and of its padding. */
static void each_is_as_if_alone_at_equal_lengths(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 16, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129};
    struct random r;
    random_seed(&r, 3);
    for (size_t n = 0; n < sizeof(lens) / sizeof(*lens); n++) {
        struct bytes data[MESSAGES];
        for (size_t i = 0; i < MESSAGES; i++)
            data[i] = message(&r, lens[n]);
        for (size_t count = 1; count <= MESSAGES; count++)
            check(data, count);
        free_all(data, MESSAGES);
    }
}

/* One that is long goes on, in whichever lane, when others idle: in narrower vectors if it can. */
static void a_long_one_outlasts_the_others_in_any_lane(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 4);
    for (size_t at = 0; at < MESSAGES; at++) {
        struct bytes data[MESSAGES];
        for (size_t i = 0; i < MESSAGES; i++)
            data[i] = message(&r, i == at ? 4000 : 70 - i);
        check(data, MESSAGES);
        check(data, at + 1);
        free_all(data, MESSAGES);
    }
}

static void each_is_as_if_alone_at_every_count(void **state)
{
    (void)state;
    struct random r;
    struct bytes data[MESSAGES];
    random_seed(&r, 2);
    for (size_t i = 0; i < MESSAGES; i++)
        data[i] = message(&r, random_below(&r, LEN_MAX));
    for (size_t count = 0; count <= MESSAGES; count++)
        check(data, count);
    free_all(data, MESSAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_as_if_alone_at_every_length),
        cmocka_unit_test(each_is_as_if_alone_at_equal_lengths),
        cmocka_unit_test(each_is_as_if_alone_at_every_count),
        cmocka_unit_test(a_long_one_outlasts_the_others_in_any_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
