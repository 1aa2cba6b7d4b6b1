/* thread.h: named threads, and "must I be here". */
#ifndef SLUICE_BASE_THREAD_H
#define SLUICE_BASE_THREAD_H

#include "base/must.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What a thread is; docs/THREADS.md says what each alone owns. A thread that thread_start did not
 * start is MAIN. */
enum thread_role {
    THREAD_MAIN,
    THREAD_LISTENER,
    THREAD_LOOP,
    THREAD_COMMITTER,
    THREAD_READER,
    THREAD_CATALOG,
    THREAD_HOUSEKEEPING,
    THREAD_DELIVERY,
    THREAD_DELIVERY_CONTROL,
    THREAD_DELIVERY_STORE,
    THREAD_GROUPS,
    THREAD_ROLES
};

struct thread {
    pthread_t handle;
    bool started;
};

/* Name (at most 15 bytes) is shown by ps and by traces. All signals are blocked in the new thread.
 * Dies when the system has none. */
void thread_start(struct thread *t, enum thread_role role, const char *name, void (*run)(void *),
                  void *arg);
/* Waits for its end; does nothing if it was never started. */
void thread_join(struct thread *t);
/* For the calling thread, which works for moments that others wait for: it asks the scheduler for turns so long, so that it need not wait for
 * the end of the long turns of those who compute (Linux 6.12 and later: sched(7), EEVDF's custom slices). Its share of the core stays what
 * it was. Where the system has no such thing, or refuses, nothing changes. */
void thread_ask_short_turns(uint64_t turn_us);
enum thread_role thread_role(void);
const char *thread_name(void);
/* For tests that call a loop's functions from their own thread. */
void thread_assume(enum thread_role role);
#define thread_must_be(role_) must(thread_role() == (role_))

#endif
