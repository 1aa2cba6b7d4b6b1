/* must.c: how the program ends when it must.
 *
 * A broken promise of ours may mean that memory is already wrong, so nothing is tidied up and
 * nothing is allocated: the words and a backtrace go straight to stderr, and the abort leaves a
 * core for a debugger. Running out of the world's means is not a bug, so die() leaves no core.
 *
 * Thread: any. */
#include "base/must.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FRAMES_MAX = 64 };

void must_failed(const char *file, int line, const char *function, const char *condition)
{
    dprintf(STDERR_FILENO, "sluice: %s:%d: %s: broken promise: %s\n", file, line, function,
            condition);
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    abort();
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[1024];
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    dprintf(STDERR_FILENO, "sluice: cannot go on: %s\n", text);
    _exit(EXIT_FAILURE);
}
