/* loop_test.c: the event loop. */
/* link: -Wl,--wrap=sched_yield */
#include "base/loop.h"
#include "base/thread.h"
#include "support/thread_cpu.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/time.h>

enum { PIPES = 3 };

static struct clock_manual manual;
static struct loop *loop;
static char said[64]; /* what happened, a letter each; the loop thread's own */

static void say(char letter)
{
    size_t length = strlen(said);
    assert_true(length + 1 < sizeof(said));
    said[length] = letter;
}

static int set_up_with(const struct clock *clock)
{
    memset(said, 0, sizeof(said));
    struct fault f;
    return loop_new(&loop, clock, &f) == OK ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(&clock_system);
}

static int set_up_manual(void **state)
{
    (void)state;
    clock_manual_init(&manual, 0);
    return set_up_with(&manual.clock);
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

struct piped {
    struct loop_watch watch;
    int write_fd;
    char letter;
    struct piped *unwatches;
};

static struct piped pipes[PIPES];

static void piped_ready(struct loop_watch *watch, uint32_t events)
{
    struct piped *p = (struct piped *)watch;
    assert_true(events & EPOLLIN);
    char byte;
    assert_int_equal(read(watch->fd, &byte, 1), 1);
    say(p->letter);
    if (p->unwatches != NULL) {
        loop_unwatch(loop, &p->unwatches->watch);
        loop_unwatch(loop, &p->unwatches->watch); /* twice is fine */
    }
}

static void pipes_open(void)
{
    for (int i = 0; i < PIPES; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pipes[i] = (struct piped){.watch = {.fd = ends[0], .ready = piped_ready},
                                  .write_fd = ends[1],
                                  .letter = (char)('a' + i)};
        assert_int_equal(loop_watch(loop, &pipes[i].watch, EPOLLIN, NULL), OK);
    }
}

static void pipes_close(void)
{
    for (int i = 0; i < PIPES; i++) {
        loop_unwatch(loop, &pipes[i].watch);
        close(pipes[i].watch.fd);
        close(pipes[i].write_fd);
    }
}

static void poke(int which)
{
    assert_int_equal(write(pipes[which].write_fd, "x", 1), 1);
}

static uint64_t stop_after_turn(void *arg)
{
    (void)arg;
    loop_stop(loop);
    return UINT64_MAX;
}

/* Runs exactly one turn, which does not wait. */
static void run_one_turn(void)
{
    loop_set_after_turn(loop, stop_after_turn, NULL);
    loop_run(loop);
    loop_set_after_turn(loop, NULL, NULL);
}

static void ready_descriptors_are_called(void **state)
{
    (void)state;
    pipes_open();
    run_one_turn();
    assert_string_equal(said, "");
    poke(1);
    run_one_turn();
    run_one_turn();
    assert_string_equal(said, "b");
    pipes_close();
}

static void an_unwatched_descriptor_is_silent_even_if_its_event_was_fetched(void **state)
{
    (void)state;
    pipes_open();
    for (int i = 0; i < PIPES; i++) {
        pipes[i].unwatches = &pipes[(i + 1) % PIPES];
        poke(i);
    }
    /* Whichever comes first takes out its neighbour, and the third then takes out the first (or is
     * silent itself). */
    run_one_turn();
    assert_int_equal(strlen(said), 2);
    pipes_close();
}

static void rewatching_changes_what_is_waited_for(void **state)
{
    (void)state;
    pipes_open();
    poke(0);
    assert_int_equal(loop_rewatch(loop, &pipes[0].watch, 0, NULL), OK);
    run_one_turn();
    assert_string_equal(said, "");
    assert_int_equal(loop_rewatch(loop, &pipes[0].watch, EPOLLIN, NULL), OK);
    run_one_turn();
    assert_string_equal(said, "a");
    pipes_close();
}

static void a_descriptor_that_cannot_be_watched_is_a_fault(void **state)
{
    (void)state;
    struct fault f;
    struct loop_watch w = {.fd = -1};
    assert_int_equal(loop_watch(loop, &w, EPOLLIN, &f), IO_FAILED);
    assert_non_null(strstr(f.text, "cannot watch descriptor -1"));
    assert_false(w.watched);
    loop_unwatch(loop, &w);
}

struct alarm {
    struct loop_timer timer;
    char letter;
    struct alarm *cancels;
    bool repeats;
};

static void alarm_fire(struct loop_timer *timer)
{
    struct alarm *a = (struct alarm *)timer;
    assert_false(timer->armed);
    say(a->letter);
    if (a->cancels != NULL)
        loop_timer_cancel(loop, &a->cancels->timer);
    if (a->repeats)
        loop_timer_set(loop, timer, 0);
}

#define ALARM(letter_)                                                                             \
    {                                                                                              \
        .timer = {.fire = alarm_fire}, .letter = letter_                                           \
    }

static void timers_fire_in_order_of_time_when_due(void **state)
{
    (void)state;
    struct alarm a = ALARM('a'), b = ALARM('b'), c = ALARM('c'), never = ALARM('n');
    loop_timer_set(loop, &c.timer, 30);
    loop_timer_set(loop, &a.timer, 10);
    loop_timer_set(loop, &b.timer, 20);
    loop_timer_set(loop, &never.timer, UINT64_MAX);
    run_one_turn();
    assert_string_equal(said, "");
    clock_manual_advance_ms(&manual, 10);
    run_one_turn();
    assert_string_equal(said, "a");
    clock_manual_advance_ms(&manual, 1000);
    run_one_turn();
    assert_string_equal(said, "abc");
    assert_true(never.timer.armed);
    loop_timer_cancel(loop, &never.timer);
}

static void timers_of_the_same_time_fire_in_order_of_setting(void **state)
{
    (void)state;
    struct alarm a = ALARM('a'), b = ALARM('b'), c = ALARM('c');
    loop_timer_set(loop, &a.timer, 5);
    loop_timer_set(loop, &b.timer, 5);
    loop_timer_set(loop, &c.timer, 5);
    clock_manual_advance_ms(&manual, 5);
    run_one_turn();
    assert_string_equal(said, "abc");
}

static void a_moved_timer_fires_once_at_its_new_time(void **state)
{
    (void)state;
    struct alarm a = ALARM('a'), b = ALARM('b');
    loop_timer_set(loop, &a.timer, 10);
    loop_timer_set(loop, &b.timer, 20);
    loop_timer_set(loop, &a.timer, 30);
    clock_manual_advance_ms(&manual, 29);
    run_one_turn();
    assert_string_equal(said, "b");
    clock_manual_advance_ms(&manual, 1);
    run_one_turn();
    run_one_turn();
    assert_string_equal(said, "ba");
}

static void a_cancelled_timer_does_not_fire_even_if_due_in_the_same_turn(void **state)
{
    (void)state;
    struct alarm a = ALARM('a'), b = ALARM('b'), c = ALARM('c');
    a.cancels = &b;
    loop_timer_set(loop, &a.timer, 1);
    loop_timer_set(loop, &b.timer, 2);
    loop_timer_set(loop, &c.timer, 3);
    clock_manual_advance_ms(&manual, 3);
    run_one_turn();
    assert_string_equal(said, "ac");
    loop_timer_cancel(loop, &b.timer);
}

static void a_timer_that_repeats_at_once_fires_once_a_turn(void **state)
{
    (void)state;
    struct alarm a = ALARM('a'), b = ALARM('b');
    a.repeats = true;
    loop_timer_set(loop, &a.timer, 0);
    loop_timer_set(loop, &b.timer, 0);
    run_one_turn();
    run_one_turn();
    assert_string_equal(said, "aba");
    loop_timer_cancel(loop, &a.timer);
}

static void stop_by_timer(struct loop_timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

static void the_loop_sleeps_until_the_timer(void **state)
{
    (void)state;
    struct loop_timer t = {.fire = stop_by_timer};
    uint64_t before_us = clock_mono_us(&clock_system);
    loop_timer_set(loop, &t, 30);
    loop_run(loop);
    assert_true(clock_mono_us(&clock_system) - before_us >= 30000);
}

struct note {
    struct message message;
    char letter;
};

static void note_read(struct message *message)
{
    say(((struct note *)message)->letter);
}

#define NOTE(letter_)                                                                              \
    {                                                                                              \
        .message = {.handle = note_read}, .letter = letter_                                        \
    }

static void a_turn_has_a_fixed_order(void **state)
{
    (void)state;
    struct alarm t = ALARM('t');
    struct note m = NOTE('m');
    pipes_open();
    loop_timer_set(loop, &t.timer, 0);
    loop_send(loop, &m.message);
    poke(0);
    run_one_turn();
    assert_string_equal(said, "amt");
    pipes_close();
}

static void stopping_first_means_no_turn(void **state)
{
    (void)state;
    struct note m = NOTE('m');
    loop_send(loop, &m.message);
    loop_stop(loop);
    loop_run(loop);
    assert_string_equal(said, "m"); /* sent before the stop: handled all the same */
    run_one_turn();                 /* and the loop can run again */
}

static struct note late = NOTE('l');

static uint64_t send_then_stop(void *arg)
{
    (void)arg;
    loop_send(loop, &late.message);
    loop_stop(loop);
    return UINT64_MAX;
}

static void what_was_sent_before_the_stop_is_handled(void **state)
{
    (void)state;
    loop_set_after_turn(loop, send_then_stop, NULL);
    loop_run(loop);
    assert_string_equal(said, "l");
}

static unsigned turns;

static uint64_t ask_for_turns(void *arg)
{
    if (++turns == 5)
        loop_stop(loop);
    return *(uint64_t *)arg;
}

static void after_turn_may_ask_for_more_turns(void **state)
{
    (void)state;
    uint64_t wanted_ms = 0;
    turns = 0;
    loop_set_after_turn(loop, ask_for_turns, &wanted_ms);
    loop_run(loop);
    assert_int_equal(turns, 5);
    wanted_ms = 5;
    turns = 0;
    uint64_t before_us = clock_mono_us(&clock_system);
    loop_run(loop);
    assert_int_equal(turns, 5);
    assert_true(clock_mono_us(&clock_system) - before_us >= 4 * 5000);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

struct errand {
    struct message message;
    _Atomic bool done, was_mine;
};

static void errand_run(struct message *message)
{
    struct errand *e = (struct errand *)message;
    e->was_mine = loop_is_mine(loop);
    e->done = true;
}

static void other_threads_send_and_stop(void **state)
{
    (void)state;
    struct thread t = {0};
    struct errand errands[100];
    thread_start(&t, THREAD_LOOP, "loop", run_loop, loop);
    for (int i = 0; i < 100; i++) {
        errands[i].message.handle = errand_run;
        errands[i].done = errands[i].was_mine = false;
        loop_send(loop, &errands[i].message);
    }
    assert_false(loop_is_mine(loop));
    loop_stop(loop);
    thread_join(&t);
    for (int i = 0; i < 100; i++) {
        assert_true(errands[i].done);
        assert_true(errands[i].was_mine);
    }
}

static void await_crowd(void)
{
    for (int i = 0; i < LOOP_CROWD; i++)
        loop_await(loop);
}

static void await_crowd_end(void)
{
    for (int i = 0; i < LOOP_CROWD; i++)
        loop_await_end(loop);
}

/* It looks busily for a moment, then the kernel wakes it. */
static void a_crowd_that_does_not_come_takes_no_processor(void **state)
{
    (void)state;
    struct loop_timer t = {.fire = stop_by_timer};
    uint64_t before_us = clock_mono_us(&clock_system), before_cpu_us = thread_cpu_us();
    await_crowd();
    loop_timer_set(loop, &t, 200);
    loop_run(loop);
    await_crowd_end();
    assert_true(clock_mono_us(&clock_system) - before_us >= 200000);
    assert_true(thread_cpu_us() - before_cpu_us < 100000);
}

/* The loop lets others go first between two looks, and only there. */
static unsigned yields;
static struct note *sent_at_yield; /* or NULL */
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
    yields++;
    if (sent_at_yield)
        loop_send(loop, &sent_at_yield->message);
    sent_at_yield = NULL;
    return 0;
}

static void a_loop_that_awaits_a_crowd_looks_before_it_waits(void **state)
{
    (void)state;
    struct note n = NOTE('a');
    await_crowd();
    yields = 0;
    sent_at_yield = &n;
    for (int i = 0; i < 1000 && !said[0];
         i++) /* one is enough, unless the machine stood still in it */
        loop_turn(loop, 1);
    await_crowd_end();
    assert_string_equal(said, "a");
    assert_true(yields > 0);
}

static void a_loop_that_awaits_fewer_waits_at_once(void **state)
{
    (void)state;
    yields = 0;
    for (int i = 0; i < LOOP_CROWD - 1; i++)
        loop_await(loop);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, 1);
    for (int i = 0; i < LOOP_CROWD - 1; i++)
        loop_await_end(loop);
    assert_int_equal(yields, 0);
}

static void end_what_nobody_awaits(void *arg)
{
    (void)arg;
    loop_await_end(loop);
}

static void free_what_awaits(void *arg)
{
    (void)arg;
    loop_await(loop);
    loop_free(loop);
}

static void what_is_awaited_is_counted(void **state)
{
    (void)state;
    assert_true(child_breaks(end_what_nobody_awaits, NULL, "l->awaited > 0"));
    assert_true(child_breaks(free_what_awaits, NULL, "l->awaited == 0"));
}

static void stop_by_signal(int number)
{
    (void)number;
    loop_stop(loop);
}

static void a_signal_handler_may_stop_the_loop(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = stop_by_signal}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    loop_run(loop);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

static void touch_from_outside(void *arg)
{
    struct loop_timer t = {.fire = stop_by_timer};
    struct thread runner = {0};
    struct errand e = {.message = {.handle = errand_run}};
    (void)arg;
    thread_start(&runner, THREAD_LOOP, "loop", run_loop, loop);
    loop_send(loop, &e.message);
    while (!e.done)
        usleep(1000); /* between two looks at the condition */
    loop_timer_set(loop, &t, 0);
}

static void touching_a_running_loop_from_outside_breaks_a_promise(void **state)
{
    (void)state;
    assert_true(child_breaks(touch_from_outside, NULL, "loop_is_mine(l)"));
}

int main(void)
{
#define WITH_SYSTEM_CLOCK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_MANUAL_CLOCK(test) cmocka_unit_test_setup_teardown(test, set_up_manual, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SYSTEM_CLOCK(ready_descriptors_are_called),
        WITH_SYSTEM_CLOCK(an_unwatched_descriptor_is_silent_even_if_its_event_was_fetched),
        WITH_SYSTEM_CLOCK(rewatching_changes_what_is_waited_for),
        WITH_SYSTEM_CLOCK(a_descriptor_that_cannot_be_watched_is_a_fault),
        WITH_MANUAL_CLOCK(timers_fire_in_order_of_time_when_due),
        WITH_MANUAL_CLOCK(timers_of_the_same_time_fire_in_order_of_setting),
        WITH_MANUAL_CLOCK(a_moved_timer_fires_once_at_its_new_time),
        WITH_MANUAL_CLOCK(a_cancelled_timer_does_not_fire_even_if_due_in_the_same_turn),
        WITH_MANUAL_CLOCK(a_timer_that_repeats_at_once_fires_once_a_turn),
        WITH_SYSTEM_CLOCK(the_loop_sleeps_until_the_timer),
        WITH_SYSTEM_CLOCK(a_turn_has_a_fixed_order),
        WITH_SYSTEM_CLOCK(stopping_first_means_no_turn),
        WITH_SYSTEM_CLOCK(what_was_sent_before_the_stop_is_handled),
        WITH_SYSTEM_CLOCK(after_turn_may_ask_for_more_turns),
        WITH_SYSTEM_CLOCK(other_threads_send_and_stop),
        WITH_SYSTEM_CLOCK(a_crowd_that_does_not_come_takes_no_processor),
        WITH_SYSTEM_CLOCK(a_loop_that_awaits_a_crowd_looks_before_it_waits),
        WITH_SYSTEM_CLOCK(a_loop_that_awaits_fewer_waits_at_once),
        WITH_SYSTEM_CLOCK(what_is_awaited_is_counted),
        WITH_SYSTEM_CLOCK(a_signal_handler_may_stop_the_loop),
        WITH_SYSTEM_CLOCK(touching_a_running_loop_from_outside_breaks_a_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
