/* callback_pool.h: the threads that run a worker's callbacks, and the way back to the worker's own thread.
 *
 * A task is run by one of the threads, and then comes back by callback_pool_take_done. With no threads, callback_pool_run_one runs
 * them, on the thread that calls it. What a task wants done on the worker's own thread (a call of its client, its lease store) it asks for by
 * an errand, and waits.
 *
 * Thread: the worker's, but for callback_pool_errand. */
#ifndef SLUICE_CONSUMER_SDK_CALLBACK_POOL_H
#define SLUICE_CONSUMER_SDK_CALLBACK_POOL_H

#include "base/list.h"

#include <sluice/types.h>

struct callback_pool;

/* Lives in its owner, who leaves it alone from submit until it came back. */
struct callback_task {
    struct list node;
    void (*run)(struct callback_task *);
};
/* Lives on the stack of the thread that waits for it. */
struct callback_errand {
    struct list node;
    void (*run)(struct callback_errand *);
    bool done; /* the pool's own */
};

/* `wake` is called from the threads when the worker's thread has something to take or to serve.
 * SLUICE_NO_MEMORY: also when the system has no threads. */
enum sluice_status callback_pool_new(unsigned threads, void (*wake)(void *), void *wake_arg,
                                     struct callback_pool **out,
                                     struct sluice_error *error) SLUICE_MUST_USE;
/* No task may be under way. NULL is fine. */
void callback_pool_free(struct callback_pool *p);

void callback_pool_submit(struct callback_pool *p, struct callback_task *task);
/* With no threads: runs the oldest task; false when there is none. With threads: false. */
bool callback_pool_run_one(struct callback_pool *p);
/* Moves those that were run to the end of `out`. */
void callback_pool_take_done(struct callback_pool *p, struct list *out);

/* Runs errand->run on the worker's thread, and returns when it was. At once when this is the worker's thread. Thread: any task's. */
void callback_pool_errand(struct callback_pool *p, struct callback_errand *errand);
/* Runs the errands that wait. */
void callback_pool_serve(struct callback_pool *p);

#endif
