/* histogram_test.c: percentiles against sorted values; the bounds of the error; the ends of the range. */
#include "cli/histogram.h"

#include "unit/base/cmocka_all.h"

#include "base/random.h"

#include <stdlib.h>

static struct histogram h;

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    h = (struct histogram){0};
    assert_int_equal(histogram_at(&h, 50), 0);
    for (uint64_t i = 1; i <= 200; i++)
        histogram_add(&h, i);
    assert_int_equal(histogram_at(&h, 0), 1);
    assert_int_equal(histogram_at(&h, 50), 100);
    assert_int_equal(histogram_at(&h, 99.5), 199);
    assert_int_equal(histogram_at(&h, 100), 200);
}

static void percentiles_are_within_a_part_of_the_true_ones(void **state)
{
    enum { COUNT = 20000 };
    static uint64_t values[COUNT];
    static const double percents[] = {1, 25, 50, 90, 99, 99.9, 100};
    struct random chance;
    (void)state;
    h = (struct histogram){0};
    random_seed(&chance, 7);
    for (int i = 0; i < COUNT; i++) {
        values[i] = random_next(&chance) >> random_below(&chance, 64);
        histogram_add(&h, values[i]);
    }
    qsort(values, COUNT, sizeof(values[0]), by_value);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        uint64_t truth = values[(int)(COUNT * percents[i] / 100) - 1];
        uint64_t got = histogram_at(&h, percents[i]);
        assert_true(got >= truth);
        assert_true(got - truth <= truth / HISTOGRAM_PARTS);
    }
}

static void the_ends_of_the_range_have_their_buckets(void **state)
{
    (void)state;
    h = (struct histogram){0};
    histogram_add(&h, 0);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_at(&h, 50), 0);
    assert_true(histogram_at(&h, 100) == UINT64_MAX);
    assert_int_equal(h.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(percentiles_are_within_a_part_of_the_true_ones),
        cmocka_unit_test(the_ends_of_the_range_have_their_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
