/* loop_turn_test.c: a loop that its caller turns. */
#include "base/loop.h"
#include "unit/base/cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

static struct clock_manual manual;
static struct loop *loop;
static unsigned fired, ready;

static int set_up(void **state)
{
    struct fault f;
    (void)state;
    fired = ready = 0;
    clock_manual_init(&manual, 0);
    return loop_new(&loop, &manual.clock, &f) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void fire(struct loop_timer *t)
{
    (void)t;
    fired++;
    assert_true(loop_is_mine(loop));
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
    char byte;
    ready++;
    assert_true(events & EPOLLIN);
    assert_int_equal(read(w->fd, &byte, 1), 1);
}

static void a_turn_fires_what_is_due_and_returns(void **state)
{
    (void)state;
    struct loop_timer a = {.fire = fire}, b = {.fire = fire};
    assert_int_equal(loop_timeout_ms(loop), -1);
    loop_timer_set(loop, &a, 10);
    loop_timer_set(loop, &b, 30);
    assert_int_equal(loop_timeout_ms(loop), 10);
    loop_turn(loop, 0);
    assert_int_equal(fired, 0);
    clock_manual_advance_ms(&manual, 10);
    assert_int_equal(loop_timeout_ms(loop), 0);
    loop_turn(loop, -1); /* does not wait: one is due */
    assert_int_equal(fired, 1);
    assert_int_equal(loop_timeout_ms(loop), 20);
    assert_false(loop_is_mine(loop)); /* anybody may turn it next */
    loop_timer_cancel(loop, &b);
    assert_int_equal(loop_timeout_ms(loop), -1);
}

static void its_descriptor_says_when_there_is_something(void **state)
{
    (void)state;
    int ends[2];
    struct fault f;
    struct pollfd p = {.fd = loop_fd(loop), .events = POLLIN};
    assert_int_equal(pipe(ends), 0);
    struct loop_watch w = {.fd = ends[0], .ready = on_ready};
    assert_int_equal(loop_watch(loop, &w, EPOLLIN, &f), OK);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(poll(&p, 1, 1000), 1);
    loop_turn(loop, 0);
    assert_int_equal(ready, 1);
    assert_int_equal(poll(&p, 1, 0), 0);
    loop_unwatch(loop, &w);
    close(ends[0]);
    close(ends[1]);
}

static void a_wake_ends_a_turn_once(void **state)
{
    (void)state;
    struct pollfd p = {.fd = loop_fd(loop), .events = POLLIN};
    loop_wake(loop);
    loop_wake(loop);
    loop_turn(loop, -1); /* or it would wait for ever */
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void on_alarm(int number)
{
    (void)number;
    loop_wake(loop);
}

static void a_signal_handler_wakes_it(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_alarm}, before;
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    loop_turn(loop, -1); /* the signal ends it, or the wake does */
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static void *turn_from_elsewhere(void *arg)
{
    (void)arg;
    loop_turn(loop, 0);
    return NULL;
}

static void another_thread_may_turn_it_next(void **state)
{
    (void)state;
    pthread_t thread;
    struct loop_timer a = {.fire = fire};
    loop_turn(loop, 0);
    loop_timer_set(loop, &a, 0);
    assert_int_equal(pthread_create(&thread, NULL, turn_from_elsewhere, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(fired, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_fires_what_is_due_and_returns),
        TEST(its_descriptor_says_when_there_is_something),
        TEST(a_wake_ends_a_turn_once),
        TEST(a_signal_handler_wakes_it),
        TEST(another_thread_may_turn_it_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
