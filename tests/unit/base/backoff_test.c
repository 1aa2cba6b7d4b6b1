/* backoff_test.c: retry timing. */
#include "base/backoff.h"
#include "unit/base/cmocka_all.h"

#include <stdbool.h>

static void waits_stay_under_a_limit_that_doubles(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 7);
    for (int round = 0; round < 1000; round++) {
        struct backoff b = {.first_ms = 100, .most_ms = 5000};
        for (uint64_t attempt = 0, limit = 100;
             attempt<200; attempt++, limit = limit * 2> 5000 ? 5000 : limit * 2)
            assert_in_range(backoff_next_ms(&b, &chance), 1, limit);
        assert_int_equal(b.attempt, 200);
    }
}

static void waits_use_the_whole_range(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 8);
    bool low = false, high = false;
    for (int round = 0; round < 1000; round++) {
        struct backoff b = {.first_ms = 10, .most_ms = 5000, .attempt = 3};
        uint64_t ms = backoff_next_ms(&b, &chance);
        low |= ms == 1;
        high |= ms == 80;
    }
    assert_true(low);
    assert_true(high);
}

static void a_success_starts_over(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 9);
    struct backoff b = {.first_ms = 10, .most_ms = 100000, .attempt = 10};
    backoff_reset(&b);
    for (int i = 0; i < 100; i++) {
        assert_in_range(backoff_next_ms(&b, &chance), 1, 10);
        backoff_reset(&b);
    }
}

static void extreme_settings_still_wait(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 10);
    struct backoff none = {0};
    struct backoff vast = {.first_ms = UINT64_MAX, .most_ms = UINT64_MAX - 1, .attempt = 63};
    struct backoff worn = {.first_ms = 1, .most_ms = 50, .attempt = 4294967295u};
    assert_int_equal(backoff_next_ms(&none, &chance), 1);
    assert_true(backoff_next_ms(&vast, &chance) >= 1);
    assert_in_range(backoff_next_ms(&worn, &chance), 1, 50);
    assert_int_equal(worn.attempt, 4294967295u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_stay_under_a_limit_that_doubles),
        cmocka_unit_test(waits_use_the_whole_range),
        cmocka_unit_test(a_success_starts_over),
        cmocka_unit_test(extreme_settings_still_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
