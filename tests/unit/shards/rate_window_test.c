/* rate_window_test.c: rates by numbers. */
#include "shards/rate_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WINDOW_MS = 11000 };

/* A counter that grows by so much a second, from `from_s` to `to_s`; on from where it stood. */
static void run(struct rate_window *w, struct rate_sample *now, int seconds, uint64_t bytes_s,
                uint64_t records_s)
{
    for (int i = 0; i < seconds * 10; i++) {
        now->time_ms += 100;
        now->bytes += bytes_s / 10;
        now->records += records_s / 10;
        rate_window_sample(w, now, WINDOW_MS);
    }
}

static bool near(double a, double b)
{
    return a > b * 0.99 - 0.01 && a < b * 1.01 + 0.01;
}

static void a_steady_rate_is_measured(void **state)
{
    (void)state;
    struct rate_window w = {0};
    struct rate_sample now = {.time_ms = 1000};
    struct rate rate;
    assert_false(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(rate.bytes == 0 && rate.records == 0);
    run(&w, &now, 30, 5000, 40);
    assert_true(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(near(rate.bytes, 5000) && near(rate.records, 40));
}

static void less_than_a_window_is_no_rate_yet(void **state)
{
    (void)state;
    struct rate_window w = {0};
    struct rate_sample now = {.time_ms = 1000};
    struct rate rate;
    run(&w, &now, 8, 5000, 40);
    assert_false(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(near(rate.bytes, 5000)); /* what there is */
    run(&w, &now, 5, 5000, 40);
    assert_true(rate_window_rate(&w, WINDOW_MS, &rate));
}

static void a_burst_has_left_the_window_when_it_has_passed(void **state)
{
    (void)state;
    struct rate_window w = {0};
    struct rate_sample now = {.time_ms = 1000};
    struct rate rate;
    run(&w, &now, 20, 0, 0);
    run(&w, &now, 1, 110000, 0);
    run(&w, &now, 1, 0, 0);
    assert_true(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(near(rate.bytes, 10000)); /* spread over the window */
    run(&w, &now, 12, 0, 0);
    assert_true(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(rate.bytes == 0);
}

static void samples_too_close_or_of_the_past_are_left_out(void **state)
{
    (void)state;
    struct rate_window w = {0};
    struct rate_sample now = {.time_ms = 1000};
    struct rate rate;
    run(&w, &now, 20, 1000, 0);
    uint32_t count = w.count, next = w.next;
    struct rate_sample past = {.time_ms = 500};
    rate_window_sample(&w, &past, WINDOW_MS);
    rate_window_sample(&w, &now, WINDOW_MS);
    rate_window_sample(&w, &now, WINDOW_MS);
    assert_true(w.count == count && (w.next == next || w.next == (next + 1) % RATE_SAMPLES));
    assert_true(rate_window_rate(&w, WINDOW_MS, &rate));
    assert_true(near(rate.bytes, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_rate_is_measured),
        cmocka_unit_test(less_than_a_window_is_no_rate_yet),
        cmocka_unit_test(a_burst_has_left_the_window_when_it_has_passed),
        cmocka_unit_test(samples_too_close_or_of_the_past_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
