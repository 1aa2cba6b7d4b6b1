/* child_test.c: processes that read, speak, end, and will not go. */
/* link: -Wl,--wrap=kill -Wl,-u,__wrap_kill */
#include "delivery/child.h"

#include "base/buf.h"
#include "unit/base/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);

static bool kill_is_lost; /* as when it is not permitted */
int __wrap_kill(pid_t pid, int number)
{
    return kill_is_lost ? -1 : __real_kill(pid, number);
}

static struct loop *loop;
static struct child child;
static struct buf heard;
static char complaint[64];
static unsigned ends;

static void on_said(struct child *c, struct bytes bytes)
{
    (void)c;
    buf_append(&heard, bytes);
    if (bytes.at[bytes.len - 1] == '\n')
        loop_stop(loop);
}

static void on_complained(struct child *c, struct bytes line, bool is_cut)
{
    (void)c;
    (void)is_cut;
    snprintf(complaint, sizeof(complaint), "%.*s", BYTES_ARGS(line));
}

static void on_ended(struct child *c, const char *why)
{
    (void)c;
    (void)why;
    ends++;
    loop_stop(loop);
}

static const struct child_ops ops = {
    .said = on_said, .complained = on_complained, .ended = on_ended};

static int set_up(void **state)
{
    (void)state;
    struct fault f;
    assert_int_equal(loop_new(&loop, &clock_system, &f), OK);
    child_init(&child, loop, &ops, "test");
    buf_init(&heard, 1 << 20);
    kill_is_lost = false;
    ends = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    child_fini(&child);
    loop_free(loop);
    buf_fini(&heard);
    return 0;
}

static enum status begin(const char *script)
{
    struct fault f;
    char text[256];
    snprintf(text, sizeof(text), "%s", script);
    char shell[] = "sh", flag[] = "-c", path[] = "PATH=/usr/bin:/bin";
    return child_begin(&child, (char *[]){shell, flag, text, NULL}, (char *[]){path, NULL}, &f);
}

static void on_late(struct loop_timer *t)
{
    (void)t;
    loop_stop(loop);
}

/* Runs the loop for a moment, so that it may look at what leaves. */
static void let_pass(uint64_t ms)
{
    struct loop_timer late = {.fire = on_late};
    loop_timer_set(loop, &late, ms);
    loop_run(loop);
}

static void wait_until_gone(void)
{
    while (child.leaving)
        let_pass(20);
}

/* Its status; on a machine that is busy it may take longer to go than it is waited for. */
static bool has_signal(int how, int number)
{
    return how == -1 || (WIFSIGNALED(how) && WTERMSIG(how) == number);
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct fault f;
    assert_int_equal(begin("echo oh >&2; exec cat"), OK);
    assert_int_equal(child_write(&child, BYTES_LITERAL("one\n"), &f), OK);
    loop_run(loop);
    assert_false(child_is_writing(&child));
    assert_true(bytes_equal(buf_view(&heard), BYTES_LITERAL("one\n")));
    assert_true(has_signal(child_stop(&child), SIGKILL));
    assert_string_equal(complaint, "oh");
    assert_false(child_runs(&child));
}

static void how_it_ended_is_told(void **state)
{
    (void)state;
    assert_int_equal(begin("exit 7"), OK);
    loop_run(loop);
    assert_int_equal(ends, 1);
    int how = child_stop(&child);
    assert_true(how == -1 || (WIFEXITED(how) && WEXITSTATUS(how) == 7));
    wait_until_gone();
    assert_int_equal(begin("kill -ABRT $$"), OK);
    loop_run(loop);
    how = child_stop(&child);
    assert_true(has_signal(how, SIGABRT));
}

static void one_that_cannot_be_killed_holds_nothing_up(void **state)
{
    (void)state;
    assert_int_equal(begin("exec sleep 1000"), OK);
    pid_t pid = child.pid;
    kill_is_lost = true;
    uint64_t before_us = clock_mono_us(&clock_system);
    assert_int_equal(child_stop(&child), -1);
    assert_in_range(clock_mono_us(&clock_system) - before_us, 0, 2000000);
    assert_false(child_runs(&child));
    assert_int_equal(begin("exit 0"), IO_FAILED); /* one at a time */
    kill_is_lost = false;
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_until_gone();
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* it was reaped */
    assert_int_equal(begin("exit 0"), OK);
}

static void one_that_cannot_be_killed_may_be_left_behind(void **state)
{
    (void)state;
    assert_int_equal(begin("exec sleep 1000"), OK);
    pid_t pid = child.pid;
    kill_is_lost = true;
    child_fini(&child);
    kill_is_lost = false;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    child_init(&child, loop, &ops, "test");
}

static void one_that_left_its_group_is_killed_too(void **state)
{
    (void)state;
    /* a group leader may join another group of its session: this test's */
    assert_int_equal(begin("exec python3 -c 'import os,time\nos.setpgid(0,os.getpgid(os.getppid()))"
                           "\nprint(1,flush=True)\ntime.sleep(1000)'"),
                     OK);
    loop_run(loop);
    assert_int_equal(heard.len, 2);
    int how = child_stop(&child);
    assert_true(has_signal(how, SIGKILL));
    wait_until_gone();
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_comes_back),
        TEST(how_it_ended_is_told),
        TEST(one_that_cannot_be_killed_holds_nothing_up),
        TEST(one_that_cannot_be_killed_may_be_left_behind),
        TEST(one_that_left_its_group_is_killed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
