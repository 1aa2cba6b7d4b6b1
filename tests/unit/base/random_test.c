/* random_test.c: chance. */
#include "base/bytes.h"
#include "base/random.h"
#include "base/thread.h"
#include "unit/base/cmocka_all.h"

#include <stdlib.h>

static void the_same_seed_gives_the_same_row(void **state)
{
    (void)state;
    struct random a, b, c;
    random_seed(&a, 42);
    random_seed(&b, 42);
    random_seed(&c, 43);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t next = random_next(&a);
        assert_true(next == random_next(&b));
        same += next == random_next(&c);
    }
    assert_int_equal(same, 0);
}

/* Worked out apart from this code, from the published definitions of splitmix64 and xoshiro256**.
 */
static void the_row_of_seed_0_is_the_published_one(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 0);
    assert_true(r.state[0] == 0xe220a8397b1dcdafu);
    assert_true(r.state[1] == 0x6e789e6aa1b965f4u);
    r = (struct random){.state = {1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (int i = 0; i < 4; i++)
        assert_true(random_next(&r) == expected[i]);
}

static void every_number_below_comes_about_equally_often(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 5);
    unsigned met[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = random_below(&r, 7);
        assert_true(x < 7);
        met[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(met[i], 9500, 10500);
    assert_int_equal(random_below(&r, 1), 0);
}

static void large_bounds_are_not_biased(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 6);
    /* With 3 * 2^62, taking the remainder alone would make the lowest third twice as likely. */
    uint64_t below = UINT64_C(3) << 62;
    unsigned low = 0;
    for (int i = 0; i < 30000; i++)
        low += random_below(&r, below) < below / 3;
    assert_in_range(low, 9500, 10500);
}

static void assert_differs_each_time(void (*draw)(void *, size_t))
{
    enum { PIECES = 500, SIZE = 16 };
    static uint8_t pieces[PIECES][SIZE];
    for (int i = 0; i < PIECES; i++) {
        draw(pieces[i], SIZE);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(pieces[i], pieces[j], SIZE);
    }
}

static void bytes_differ_each_time(void **state)
{
    (void)state;
    assert_differs_each_time(random_bytes);
    assert_differs_each_time(random_noise);
}

static void assert_fills_any_length(void (*draw)(void *, size_t))
{
    static uint8_t data[5000];
    static const size_t lengths[] = {0, 1, 255, 256, 257, 1023, 1024, 1025, 4999};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = lengths[i];
        bool last_changed = len == 0;
        for (int tries = 0; tries < 64 && !last_changed; tries++) {
            memset(data, 0, sizeof(data));
            draw(data, len);
            last_changed = data[len - 1] != 0;
            assert_int_equal(data[len], 0);
        }
        assert_true(last_changed);
    }
}

static void any_length_is_filled(void **state)
{
    (void)state;
    assert_fills_any_length(random_bytes);
    assert_fills_any_length(random_noise);
}

struct drawn {
    char id[UUID_BYTES];
    uint8_t noise[16];
};

static void take_drawn(void *arg)
{
    struct drawn *d = arg;
    uuid_make(d->id);
    random_noise(d->noise, sizeof(d->noise));
}

static void threads_draw_differently(void **state)
{
    (void)state;
    struct thread threads[4] = {0};
    struct drawn drawn[4];
    for (int i = 0; i < 4; i++)
        thread_start(&threads[i], THREAD_READER, "ids", take_drawn, &drawn[i]);
    for (int i = 0; i < 4; i++) {
        thread_join(&threads[i]);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(drawn[i].id, drawn[j].id);
            assert_memory_not_equal(drawn[i].noise, drawn[j].noise, sizeof(drawn[i].noise));
        }
    }
}

static void a_uuid_has_the_form_of_version_4(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[UUID_BYTES];
        uuid_make(id);
        assert_int_equal(strlen(id), 36);
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_row),
        cmocka_unit_test(the_row_of_seed_0_is_the_published_one),
        cmocka_unit_test(every_number_below_comes_about_equally_often),
        cmocka_unit_test(large_bounds_are_not_biased),
        cmocka_unit_test(bytes_differ_each_time),
        cmocka_unit_test(any_length_is_filled),
        cmocka_unit_test(threads_draw_differently),
        cmocka_unit_test(a_uuid_has_the_form_of_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
