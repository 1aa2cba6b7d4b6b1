/* must_test.c: how the program ends. */
#include "base/must.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

static void break_promise(void *arg)
{
    int answer = *(int *)arg;
    must(answer == 42);
}

static void ask_too_much(void *arg)
{
    die("no %s left", (const char *)arg);
}

static void a_kept_promise_does_nothing(void **state)
{
    (void)state;
    int answer = 42;
    char said[256];
    assert_int_equal(child_run(break_promise, &answer, said, sizeof(said)), 0);
    assert_string_equal(said, "");
}

static void a_broken_promise_aborts_and_says_where(void **state)
{
    (void)state;
    int answer = 41;
    char said[8192];
    int status = child_run(break_promise, &answer, said, sizeof(said));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "must_test.c:"));
    assert_non_null(strstr(said, "break_promise"));
    assert_non_null(strstr(said, "answer == 42"));
}

static void dying_says_why_and_exits_without_a_signal(void **state)
{
    (void)state;
    char words[] = "room", said[256];
    int status = child_run(ask_too_much, words, said, sizeof(said));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
    assert_string_equal(said, "sluice: cannot go on: no room left\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_promise_does_nothing),
        cmocka_unit_test(a_broken_promise_aborts_and_says_where),
        cmocka_unit_test(dying_says_why_and_exits_without_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
