/* callback_pool.c: a queue, a few threads, and a list on the way back.
 *
 * Tasks and errands live in their owners, so that nothing here can run out of memory once the pool stands. The order of a shard's
 * callbacks is no matter of the pool: a shard has at most one task out at a time (shard_reader.c).
 *
 * K2. A task is run once, by one thread; what it wrote is seen by whoever takes it from callback_pool_take_done.
 *
 * Thread: see the header. */
#include "consumer-sdk/callback_pool.h"

#include "base/lock.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"

#include <pthread.h>
#include <signal.h>

struct callback_pool {
    /* fixed at birth */
    void (*wake)(void *);
    void *wake_arg;
    pthread_t home; /* the worker's thread */
    unsigned threads;

    struct lock mu;
    struct signal work;    /* a task waits, or it is over */
    struct signal errands; /* one was served */
    /* under mu */
    struct list waiting, done, asked;
    bool over;
    pthread_t handles[];
};

static struct callback_task *next_task(struct callback_pool *p)
{
    lock_take(&p->mu);
    while (list_empty(&p->waiting) && !p->over)
        signal_wait(&p->work, &p->mu);
    struct list *node = list_first(&p->waiting);
    if (node)
        list_remove(node);
    lock_drop(&p->mu);
    return node ? LIST_OWNER(node, struct callback_task, node) : NULL;
}

static void finish(struct callback_pool *p, struct callback_task *task)
{
    lock_take(&p->mu);
    list_append(&p->done, &task->node);
    lock_drop(&p->mu);
}

static void *thread_main(void *arg)
{
    struct callback_pool *p = arg;
    for (struct callback_task *task = next_task(p); task; task = next_task(p)) {
        task->run(task);
        finish(p, task);
        p->wake(p->wake_arg);
    }
    return NULL;
}

/* Signals are the program's: none of its handlers runs on a thread of ours. */
static bool thread_make(struct callback_pool *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = pthread_create(&p->handles[p->threads], NULL, thread_main, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->threads += made;
    return made;
}

enum sluice_status callback_pool_new(unsigned threads, void (*wake)(void *), void *wake_arg,
                                     struct callback_pool **out, struct sluice_error *error)
{
    *out = NULL;
    struct callback_pool *p = mem_try(sizeof(*p) + threads * sizeof(pthread_t));
    if (!p)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for the threads of the callbacks");
    *p = (struct callback_pool){.wake = wake, .wake_arg = wake_arg, .home = pthread_self()};
    lock_init(&p->mu, LOCK_CALLBACKS);
    signal_init(&p->work);
    signal_init(&p->errands);
    list_init(&p->waiting);
    list_init(&p->done);
    list_init(&p->asked);
    while (p->threads < threads) {
        if (!thread_make(p)) {
            callback_pool_free(p);
            return error_set(error, SLUICE_NO_MEMORY, "the system has no thread left");
        }
    }
    *out = p;
    return SLUICE_OK;
}

void callback_pool_free(struct callback_pool *p)
{
    if (!p)
        return;
    lock_take(&p->mu);
    p->over = true;
    signal_all(&p->work);
    lock_drop(&p->mu);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->handles[i], NULL);
    signal_fini(&p->work);
    signal_fini(&p->errands);
    lock_fini(&p->mu);
    mem_free(p);
}

void callback_pool_submit(struct callback_pool *p, struct callback_task *task)
{
    lock_take(&p->mu);
    list_append(&p->waiting, &task->node);
    signal_one(&p->work);
    lock_drop(&p->mu);
}

bool callback_pool_run_one(struct callback_pool *p)
{
    lock_take(&p->mu);
    struct list *node = p->threads == 0 ? list_first(&p->waiting) : NULL;
    if (node)
        list_remove(node);
    lock_drop(&p->mu);
    if (!node)
        return false;
    struct callback_task *task = LIST_OWNER(node, struct callback_task, node);
    task->run(task);
    finish(p, task);
    return true;
}

void callback_pool_take_done(struct callback_pool *p, struct list *out)
{
    lock_take(&p->mu);
    list_splice(out, &p->done);
    lock_drop(&p->mu);
}

void callback_pool_errand(struct callback_pool *p, struct callback_errand *errand)
{
    if (pthread_equal(pthread_self(), p->home)) {
        errand->run(errand);
        return;
    }
    errand->done = false;
    lock_take(&p->mu);
    list_append(&p->asked, &errand->node);
    lock_drop(&p->mu);
    p->wake(p->wake_arg);
    lock_take(&p->mu);
    while (!errand->done)
        signal_wait(&p->errands, &p->mu);
    lock_drop(&p->mu);
}

void callback_pool_serve(struct callback_pool *p)
{
    for (;;) {
        lock_take(&p->mu);
        struct list *node = list_first(&p->asked);
        if (node)
            list_remove(node);
        lock_drop(&p->mu);
        if (!node)
            return;
        struct callback_errand *errand = LIST_OWNER(node, struct callback_errand, node);
        errand->run(errand);
        lock_take(&p->mu);
        errand->done = true; /* from here on it may be gone */
        signal_all(&p->errands);
        lock_drop(&p->mu);
    }
}
