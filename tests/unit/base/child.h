/* child.h: runs a function in a child process, to see how it ends. */
#ifndef SLUICE_TESTS_UNIT_BASE_CHILD_H
#define SLUICE_TESTS_UNIT_BASE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns wait's status; what the child wrote to stderr is in `said`, NUL-terminated and cut at its
 * end. */
static inline int child_run(void (*run)(void *), void *arg, char *said, size_t size)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run(arg);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    char rest[512];
    for (;;) {
        bool full = length + 1 >= size;
        ssize_t got =
            read(ends[0], full ? rest : said + length, full ? sizeof(rest) : size - 1 - length);
        if (got <= 0)
            break;
        length += full ? 0 : (size_t)got;
    }
    said[length] = '\0';
    close(ends[0]);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid)
        abort();
    return status;
}

/* Whether run(arg) ends in must_failed(), and by the promise that holds these words. */
static inline bool child_breaks(void (*run)(void *), void *arg, const char *words)
{
    char said[8192];
    int status = child_run(run, arg, said, sizeof(said));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           strstr(said, "broken promise") != NULL && strstr(said, words) != NULL;
}

#endif
