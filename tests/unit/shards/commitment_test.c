/* commitment_test.c: how a billing commitment comes and goes with the clock. */
#include "shards/commitment.h"

#include "unit/base/cmocka_all.h"

#define DAY COMMITMENT_LEAST_MS

static void there_is_none_at_first_and_none_to_disable(void **state)
{
    (void)state;
    struct commitment c = {0};
    assert_int_equal(commitment_status(&c, 1000), COMMITMENT_DISABLED);
    c = commitment_disable(c, 1000);
    assert_int_equal(c.started_ms, 0);
    assert_int_equal(c.ends_ms, 0);
}

static void disabled_in_its_first_day_it_lasts_until_that_is_over(void **state)
{
    (void)state;
    struct commitment c = commitment_disable(commitment_enable((struct commitment){0}, 1000), 2000);
    assert_int_equal(c.started_ms, 1000);
    assert_int_equal(c.ends_ms, 1000 + DAY);
    assert_int_equal(commitment_status(&c, 2000), COMMITMENT_ENABLED_UNTIL_END);
    assert_int_equal(commitment_status(&c, 1000 + DAY - 1), COMMITMENT_ENABLED_UNTIL_END);
    assert_int_equal(commitment_status(&c, 1000 + DAY), COMMITMENT_DISABLED);
    struct commitment again = commitment_disable(c, 3000);
    assert_int_equal(again.ends_ms, c.ends_ms);
}

static void enabled_again_before_that_it_goes_on_from_its_start(void **state)
{
    (void)state;
    struct commitment c = commitment_enable((struct commitment){0}, 1000);
    c = commitment_enable(commitment_disable(c, 2000), 3000);
    assert_int_equal(commitment_status(&c, 1000 + 2 * DAY), COMMITMENT_ENABLED);
    assert_int_equal(c.started_ms, 1000);
    c = commitment_enable(c, 4000);
    assert_int_equal(c.started_ms, 1000);
}

static void disabled_later_it_ends_at_once_and_enabled_then_it_is_a_new_one(void **state)
{
    (void)state;
    uint64_t later = 1000 + DAY + 5;
    struct commitment c =
        commitment_disable(commitment_enable((struct commitment){0}, 1000), later);
    assert_int_equal(c.ends_ms, later);
    assert_int_equal(commitment_status(&c, later), COMMITMENT_DISABLED);
    assert_int_equal(commitment_disable(c, later + 9).ends_ms, later);
    c = commitment_enable(c, later + 10);
    assert_int_equal(c.started_ms, later + 10);
    assert_int_equal(c.ends_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_none_at_first_and_none_to_disable),
        cmocka_unit_test(disabled_in_its_first_day_it_lasts_until_that_is_over),
        cmocka_unit_test(enabled_again_before_that_it_goes_on_from_its_start),
        cmocka_unit_test(disabled_later_it_ends_at_once_and_enabled_then_it_is_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
