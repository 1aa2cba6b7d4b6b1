/* clock_test.c: clocks, and times as text. */
#include "base/clock.h"
#include "unit/base/cmocka_all.h"

static void assert_iso(uint64_t wall_ms, const char *expected)
{
    char out[CLOCK_TEXT_BYTES];
    clock_print_iso(wall_ms, out);
    assert_string_equal(out, expected);
}

static void times_print_as_iso(void **state)
{
    (void)state;
    assert_iso(0, "1970-01-01T00:00:00.000Z");
    assert_iso(951782400007, "2000-02-29T00:00:00.007Z");
    assert_iso(1795478326123, "2026-11-23T23:58:46.123Z");
    assert_iso(253402300799999, "9999-12-31T23:59:59.999Z");
    assert_iso(UINT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void times_print_as_aws_words_them(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_BYTES];
    clock_print_aws(1421889722000, out);
    assert_string_equal(out, "Thu Jan 22 01:22:02 UTC 2015");
    clock_print_aws(0, out);
    assert_string_equal(out, "Thu Jan 01 00:00:00 UTC 1970");
    clock_print_aws(UINT64_MAX, out);
    assert_string_equal(out, "Fri Dec 31 23:59:59 UTC 9999");
}

static void the_systems_monotonic_time_never_goes_back(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_mono_us(&clock_system);
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_ms(&clock_system) > 1700000000000);
}

static void a_manual_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct clock_manual m;
    clock_manual_init(&m, 5000);
    uint64_t mono_us = clock_mono_us(&m.clock);
    assert_true(mono_us > 0);
    assert_int_equal(clock_wall_ms(&m.clock), 5000);
    assert_int_equal(clock_wall_ms(&m.clock), 5000);
    clock_manual_advance_ms(&m, 7);
    assert_int_equal(clock_wall_ms(&m.clock), 5007);
    assert_int_equal(clock_mono_us(&m.clock), mono_us + 7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_print_as_iso),
        cmocka_unit_test(times_print_as_aws_words_them),
        cmocka_unit_test(the_systems_monotonic_time_never_goes_back),
        cmocka_unit_test(a_manual_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
