/* md5_lanes_test.c: digests made side by side are those made one by one, whatever the lengths and the count. */
#include "base/digest.h"
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

static void check(const struct bytes *data, size_t count)
{
    uint8_t digests[MESSAGES + 1][MD5_BYTES], expected[MD5_BYTES];
    uint8_t *outs[MESSAGES] = {0};
    memset(digests, 0x5a, sizeof(digests));
    for (size_t i = 0; i < count; i++)
        outs[i] = digests[i];
    digest_md5_each(data, outs, count);
    for (size_t i = 0; i < count; i++) {
        digest_md5(data[i], expected);
        assert_memory_equal(digests[i], expected, MD5_BYTES);
    }
    memset(expected, 0x5a, sizeof(expected));
    assert_memory_equal(digests[count], expected, MD5_BYTES); /* nothing behind them */
}

static void each_is_as_if_alone_at_every_length(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 1);
    for (size_t len = 0; len < 200; len++) { /* every place of the padding */
        struct bytes data[9];
        for (size_t i = 0; i < 9; i++)
            data[i] = message(&r, len + i * 13 % 70);
        check(data, 9);
        for (size_t i = 0; i < 9; i++)
            mem_free((void *)data[i].at);
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
    for (size_t i = 0; i < MESSAGES; i++)
        mem_free((void *)data[i].at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_as_if_alone_at_every_length),
        cmocka_unit_test(each_is_as_if_alone_at_every_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
