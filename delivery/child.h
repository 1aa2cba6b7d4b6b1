/* child.h: a process of ours on a loop: three pipes, and an end that never holds the loop up.
 *
 *   (none) -> child_begin -> RUNNING -> child_stop -> (none)
 *                                          \-> LEAVING, when it does not go at once -> (none)
 *
 * C1. The pipes never block the loop. child_stop waits CHILD_GOODBYE_MS at most: SIGKILL ends most processes within a moment, but not one of
 *     another user's (sudo) or one that hangs in the kernel. Such a one is looked for now and then; until it has gone no other is begun.
 * C2. It gets none of our descriptors but its three, and every signal as a new program has them. It has a group of its own, which is killed
 *     whole; the process itself is killed even when it left that group.
 *
 * Thread: the loop's. */
#ifndef SLUICE_DELIVERY_CHILD_H
#define SLUICE_DELIVERY_CHILD_H

#include "base/bytes.h"
#include "base/loop.h"

#include <sys/types.h>

enum { CHILD_GOODBYE_MS = 200, CHILD_LINE_BYTES = 400 };

struct child;
struct child_ops {
    /* Of stdout; the bytes last for the call. */
    void (*said)(struct child *, struct bytes bytes);
    /* A line of stderr without what does not print, cut when it is long. NULL: nobody asks. */
    void (*complained)(struct child *, struct bytes line, bool is_cut);
    /* All that child_write gave is in its pipe. NULL: nobody asks. */
    void (*wrote)(struct child *);
    /* It closed stdout, or stdin: it is of no use any more, and child_stop is to follow. */
    void (*ended)(struct child *, const char *why);
};

struct child {
    struct loop *loop;           /* fixed at birth */
    const struct child_ops *ops; /* fixed at birth */
    const char *name;            /* fixed at birth; for traces */
    pid_t pid;                   /* 0: none */
    bool leaving;
    struct loop_watch in, out, err;
    struct loop_timer look; /* for one that leaves */
    struct bytes rest;      /* not written yet */
    char line[CHILD_LINE_BYTES];
    size_t line_len;
    bool line_cut;
};

/* `name` must outlive it. */
void child_init(struct child *c, struct loop *loop, const struct child_ops *ops, const char *name);
void child_fini(struct child *c);
static inline bool child_runs(const struct child *c)
{
    return c->pid != 0 && !c->leaving;
}
/* A path, or a name to be found in PATH; no shell. IO_FAILED: it cannot be started, or the one before has not gone. Not while it runs. */
enum status child_begin(struct child *c, char *const words[], char *const environment[],
                        struct fault *f) MUST_USE;
/* The bytes must last until `wrote`, or child_stop; what was given before must be written. IO_FAILED. */
enum status child_write(struct child *c, struct bytes bytes, struct fault *f) MUST_USE;
static inline bool child_is_writing(const struct child *c)
{
    return c->rest.len > 0;
}
/* Kills it. Returns its status as waitpid has it: of its own end when it had ended; -1: there is none, or it has not gone. */
int child_stop(struct child *c);

#endif
