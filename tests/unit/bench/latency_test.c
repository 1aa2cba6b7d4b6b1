/* latency_test.c: log-linear buckets. */
#include "bench/support/latency.h"
#include "unit/base/cmocka_all.h"

#include <stdlib.h>

static struct latency l;

static void a_value_is_told_to_within_a_hundred_and_twenty_eighth(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < UINT32_MAX; us += us / 50 + 1) {
        latency_clear(&l);
        latency_add(&l, us);
        latency_add(&l, UINT32_MAX); /* so that no value is the greatest */
        uint64_t told = latency_at(&l, 0.5);
        uint64_t off = told > us ? told - us : us - told;
        assert_true(off * 128 <= us);
    }
}

static void percentiles_split_what_was_added(void **state)
{
    (void)state;
    latency_clear(&l);
    for (uint64_t us = 1; us <= 100; us++)
        latency_add(&l, us);
    assert_int_equal(latency_at(&l, 0), 1);
    assert_int_equal(latency_at(&l, 0.5), 50);
    assert_int_equal(latency_at(&l, 0.99), 99);
    assert_int_equal(latency_at(&l, 1), 100);
}

static void one_slow_in_a_hundred_shows_behind_the_99th_only(void **state)
{
    (void)state;
    latency_clear(&l);
    for (int i = 0; i < 990; i++)
        latency_add(&l, 100);
    for (int i = 0; i < 10; i++)
        latency_add(&l, 1000000);
    assert_int_equal(latency_at(&l, 0.99), 100);
    assert_in_range(latency_at(&l, 0.991), 992000, 1000000);
    assert_int_equal(l.most_us, 1000000);
}

static void nothing_and_too_much_are_told_too(void **state)
{
    (void)state;
    latency_clear(&l);
    assert_int_equal(latency_at(&l, 0.99), 0);
    latency_add(&l, UINT64_MAX);
    assert_true(latency_at(&l, 0.5) > UINT32_MAX - UINT32_MAX / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_told_to_within_a_hundred_and_twenty_eighth),
        cmocka_unit_test(percentiles_split_what_was_added),
        cmocka_unit_test(one_slow_in_a_hundred_shows_behind_the_99th_only),
        cmocka_unit_test(nothing_and_too_much_are_told_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
