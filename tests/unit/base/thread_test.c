/* thread_test.c: named threads that know what they are. */
#include "base/thread.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct seen {
    enum thread_role role;
    char name[16], system_name[16];
    bool blocks_all;
};

static void look(void *arg)
{
    struct seen *seen = arg;
    seen->role = thread_role();
    strncpy(seen->name, thread_name(), sizeof(seen->name) - 1);
    pthread_getname_np(pthread_self(), seen->system_name, sizeof(seen->system_name));
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->blocks_all = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1 &&
                       sigismember(&mask, SIGHUP) == 1 && sigismember(&mask, SIGPIPE) == 1;
}

static void a_thread_knows_its_role_and_name(void **state)
{
    (void)state;
    struct thread t = {0};
    struct seen seen = {0};
    thread_start(&t, THREAD_COMMITTER, "committer-15byt", look, &seen);
    assert_true(t.started);
    thread_join(&t);
    assert_false(t.started);
    assert_int_equal(seen.role, THREAD_COMMITTER);
    assert_string_equal(seen.name, "committer-15byt");
    assert_string_equal(seen.system_name, "committer-15byt");
}

static void signals_are_for_the_main_thread_alone(void **state)
{
    (void)state;
    struct thread t = {0};
    struct seen seen = {0};
    thread_start(&t, THREAD_LOOP, "loop", look, &seen);
    thread_join(&t);
    assert_true(seen.blocks_all);
    look(&seen);
    assert_false(seen.blocks_all);
}

/* sched_getattr(2)'s, as far as Linux 3.14 has it. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Of size 0 when the system does not say. */
static struct scheduling scheduling(void)
{
    struct scheduling s = {.size = sizeof(s)};
    if (syscall(SYS_sched_getattr, 0, &s, sizeof(s), 0) != 0)
        s.size = 0;
    return s;
}

/* EEVDF's slices can be asked for since Linux 6.12. */
static bool has_slices(void)
{
    struct utsname system;
    unsigned major, minor;
    assert_int_equal(uname(&system), 0);
    assert_int_equal(sscanf(system.release, "%u.%u", &major, &minor), 2);
    return major > 6 || (major == 6 && minor >= 12);
}

struct asked {
    struct scheduling before, after;
};

static void ask(void *arg)
{
    struct asked *a = arg;
    (void)!nice(3); /* what it was given stays its own */
    a->before = scheduling();
    thread_ask_short_turns(300);
    a->after = scheduling();
}

static void short_turns_are_asked_for_and_nothing_else_changes(void **state)
{
    (void)state;
    struct thread t = {0};
    struct asked a;
    thread_start(&t, THREAD_COMMITTER, "committer", ask, &a);
    thread_join(&t);
    assert_int_not_equal(a.after.size, 0);
    assert_int_equal(a.after.policy, a.before.policy);
    assert_int_not_equal(a.before.nice, 0);
    assert_int_equal(a.after.nice, a.before.nice);
    assert_int_equal(a.after.runtime_ns, has_slices() ? 300000 : a.before.runtime_ns);
    assert_int_not_equal(a.before.runtime_ns, 300000);
}

static void a_thread_that_was_not_started_is_main(void **state)
{
    (void)state;
    assert_int_equal(thread_role(), THREAD_MAIN);
    assert_string_equal(thread_name(), "main");
    struct thread none = {0};
    thread_join(&none);
}

static void be_in_a_loop(void *arg)
{
    if (arg != NULL)
        thread_assume(THREAD_LOOP);
    thread_must_be(THREAD_LOOP);
}

static void being_elsewhere_breaks_a_promise(void **state)
{
    (void)state;
    char said[8192], yes;
    assert_true(child_breaks(be_in_a_loop, NULL, "THREAD_LOOP"));
    assert_int_equal(child_run(be_in_a_loop, &yes, said, sizeof(said)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_knows_its_role_and_name),
        cmocka_unit_test(signals_are_for_the_main_thread_alone),
        cmocka_unit_test(short_turns_are_asked_for_and_nothing_else_changes),
        cmocka_unit_test(a_thread_that_was_not_started_is_main),
        cmocka_unit_test(being_elsewhere_breaks_a_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
