/* lock_test.c: locks that know their holder and their order. */
#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

static struct lock low, high;
static struct signal changed;
static int stage; /* under low */
static long counter;

static int set_up(void **state)
{
    (void)state;
    lock_init(&low, LOCK_TEST);
    lock_init(&high, LOCK_TRACE);
    signal_init(&changed);
    stage = 0;
    counter = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    signal_fini(&changed);
    lock_fini(&low);
    lock_fini(&high);
    return 0;
}

static void a_lock_is_mine_between_take_and_drop(void **state)
{
    (void)state;
    assert_false(lock_is_mine(&low));
    lock_take(&low);
    assert_true(lock_is_mine(&low));
    assert_false(lock_is_mine(&high));
    lock_drop(&low);
    assert_false(lock_is_mine(&low));
}

static void ask_whose(void *arg)
{
    *(bool *)arg = lock_is_mine(&low);
}

static void a_lock_of_another_is_not_mine(void **state)
{
    (void)state;
    bool theirs = true;
    struct thread t = {0};
    lock_take(&low);
    thread_start(&t, THREAD_READER, "other", ask_whose, &theirs);
    thread_join(&t);
    lock_drop(&low);
    assert_false(theirs);
}

static void count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        lock_take(&low);
        lock_take(&high);
        counter++;
        lock_drop(&high);
        lock_drop(&low);
    }
}

static void one_thread_at_a_time(void **state)
{
    (void)state;
    struct thread threads[4] = {0};
    for (int i = 0; i < 4; i++)
        thread_start(&threads[i], THREAD_READER, "counter", count_up, NULL);
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
    assert_int_equal(counter, 80000);
}

static void take_downwards(void *arg)
{
    (void)arg;
    lock_take(&high);
    lock_take(&low);
}

static void take_twice(void *arg)
{
    (void)arg;
    lock_take(&low);
    lock_take(&low);
}

static void take_two_of_a_rank(void *arg)
{
    (void)arg;
    struct lock twin;
    lock_init(&twin, LOCK_TEST);
    lock_take(&low);
    lock_take(&twin);
}

static void drop_untaken(void *arg)
{
    (void)arg;
    lock_drop(&low);
}

static void wait_below_another(void *arg)
{
    (void)arg;
    lock_take(&low);
    lock_take(&high);
    signal_wait_ms(&changed, &low, 1);
}

static void wait_without_the_lock(void *arg)
{
    (void)arg;
    signal_wait_ms(&changed, &low, 1);
}

static void wrong_use_breaks_a_promise(void **state)
{
    (void)state;
    assert_true(child_breaks(take_downwards, NULL, "held >> rank == 0"));
    assert_true(child_breaks(take_twice, NULL, "!lock_is_mine(l)"));
    assert_true(child_breaks(take_two_of_a_rank, NULL, "held >> rank == 0"));
    assert_true(child_breaks(drop_untaken, NULL, "lock_is_mine(l)"));
    assert_true(child_breaks(wait_below_another, NULL, "held >> rank == 0"));
    assert_true(child_breaks(wait_without_the_lock, NULL, "lock_is_mine(l)"));
}

static void locks_may_be_dropped_in_any_order(void **state)
{
    (void)state;
    lock_take(&low);
    lock_take(&high);
    lock_drop(&low);
    lock_drop(&high);
    lock_take(&low);
    lock_drop(&low);
}

static void answer(void *arg)
{
    (void)arg;
    lock_take(&low);
    while (stage != 1)
        signal_wait(&changed, &low);
    must(lock_is_mine(&low));
    stage = 2;
    signal_all(&changed);
    lock_drop(&low);
}

static void a_signal_wakes_who_waits(void **state)
{
    (void)state;
    struct thread t = {0};
    thread_start(&t, THREAD_READER, "answer", answer, NULL);
    lock_take(&low);
    stage = 1;
    signal_one(&changed);
    while (stage != 2)
        assert_true(signal_wait_ms(&changed, &low, 60000));
    assert_true(lock_is_mine(&low));
    lock_drop(&low);
    thread_join(&t);
}

static void a_wait_ends_when_its_time_is_over(void **state)
{
    (void)state;
    lock_take(&low);
    uint64_t before_us = clock_mono_us(&clock_system);
    while (signal_wait_ms(&changed, &low, 20)) {
    }
    assert_true(clock_mono_us(&clock_system) - before_us >= 20000);
    assert_true(lock_is_mine(&low));
    lock_drop(&low);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lock_is_mine_between_take_and_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_of_another_is_not_mine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_thread_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_use_breaks_a_promise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locks_may_be_dropped_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_wakes_who_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wait_ends_when_its_time_is_over, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
