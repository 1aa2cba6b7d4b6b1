/* in_turn.c: see the header. */
#include "support/in_turn.h"

#include "base/must.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELD = 0, NOTHING_LEFT = 2 };

/* LeakSanitizer's, where it is linked: a process that ends by _exit asks for itself. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* TORTURE_STRIDE is how `./dev test` asks for less than all. */
static long stride(const struct in_turn *t)
{
    const char *given = getenv("TORTURE_STRIDE");
    long n = given ? strtol(given, NULL, 10) : 1;
    return n <= 1 ? 1 : t->hurried > 0 ? n * t->hurried : n;
}

static pid_t begin(const struct in_turn *t, long which)
{
    fflush(NULL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid > 0)
        return pid;
    bool failed = t->run(t->manner, which);
    must(__lsan_do_recoverable_leak_check == NULL || __lsan_do_recoverable_leak_check() == 0);
    _exit(failed ? HELD : NOTHING_LEFT);
}

static int outcome(pid_t pid)
{
    int status;
    must(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

long in_turn(const struct in_turn *t)
{
    const long step = stride(t), first = 1 + t->manner % step;
    pid_t runs[IN_TURN_AT_ONCE_MAX];
    long begun = 0, ended = 0, bad = 0, through = 0;
    must(t->at_once > 0 && t->at_once <= IN_TURN_AT_ONCE_MAX);
    while (ended < begun || through == 0) {
        while (through == 0 && begun - ended < t->at_once && begun < t->at_most) {
            runs[begun % t->at_once] = begin(t, first + begun * step);
            begun++;
        }
        if (ended == begun)
            fail_msg("after %ld runs in manner %d there is still something to fail", begun,
                     t->manner);
        long which = first + ended * step;
        int code = outcome(runs[ended++ % t->at_once]);
        if (code == NOTHING_LEFT && through == 0)
            through = which;
        if (code != NOTHING_LEFT && code != HELD) {
            fprintf(stderr, "number %ld failing, in manner %d: %d\n", which, t->manner, code);
            bad++;
        }
    }
    printf("manner %d: %ld runs, of %ld to fail\n", t->manner, begun, through - 1);
    assert_int_equal(bad, 0);
    return through - 1;
}
