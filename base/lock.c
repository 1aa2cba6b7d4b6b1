/* lock.c: mutexes that know who holds them and in which order they may be taken.
 *
 * A deadlock needs two threads and bad luck; taking locks out of order needs only one thread, and
 * this sees it the first time. Each thread keeps a bit for every rank it holds: taking is allowed
 * while no bit at or above the new rank is set.
 *
 * I1. `holder` names the thread between its take and its drop, and is 0 otherwise.
 * I2. A thread takes locks in rising rank only (checked unless NDEBUG); waiting for a signal counts
 * as taking again.
 *
 * Thread: any. */
#include "base/lock.h"

#include "base/must.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

_Static_assert(LOCK_RANKS <= 32, "the ranks held are bits of 32");

/* The address of a thread's own copy is its name: never 0, and no system call. */
static _Thread_local uint32_t held;

static uintptr_t me(void)
{
    return (uintptr_t)&held;
}

/* I2 */
static void rank_push(enum lock_rank rank)
{
#ifndef NDEBUG
    must(held >> rank == 0);
    held |= 1u << rank;
#else
    (void)rank;
#endif
}

static void rank_pop(enum lock_rank rank)
{
#ifndef NDEBUG
    held &= ~(1u << rank);
#else
    (void)rank;
#endif
}

void lock_init(struct lock *l, enum lock_rank rank)
{
    must(rank < LOCK_RANKS);
    must(pthread_mutex_init(&l->mutex, NULL) == 0);
    l->holder = 0;
    l->rank = rank;
}

void lock_fini(struct lock *l)
{
    must(l->holder == 0);
    must(pthread_mutex_destroy(&l->mutex) == 0);
}

/* Relaxed is enough for the holder: only a thread's own name is ever compared with, and that it
 * wrote itself. */
static void set_holder(struct lock *l, uintptr_t holder)
{
    atomic_store_explicit(&l->holder, holder, memory_order_relaxed);
}

bool lock_is_mine(const struct lock *l)
{
    return atomic_load_explicit(&l->holder, memory_order_relaxed) == me();
}

void lock_take(struct lock *l)
{
    must(!lock_is_mine(l));
    rank_push(l->rank);
    must(pthread_mutex_lock(&l->mutex) == 0);
    set_holder(l, me());
}

void lock_drop(struct lock *l)
{
    must(lock_is_mine(l));
    set_holder(l, 0);
    rank_pop(l->rank);
    must(pthread_mutex_unlock(&l->mutex) == 0);
}

void signal_init(struct signal *s)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&s->cond, &attributes) == 0);
    must(pthread_condattr_destroy(&attributes) == 0);
}

void signal_fini(struct signal *s)
{
    must(pthread_cond_destroy(&s->cond) == 0);
}

static void before_wait(struct lock *l)
{
    must(lock_is_mine(l));
    rank_pop(l->rank);
    rank_push(l->rank); /* it will be taken again: nothing of a higher rank may be held, I2 */
    set_holder(l, 0);
}

void signal_wait(struct signal *s, struct lock *l)
{
    before_wait(l);
    must(pthread_cond_wait(&s->cond, &l->mutex) == 0);
    set_holder(l, me());
}

static struct timespec monotonic_in_ms(uint64_t ms)
{
    struct timespec t;
    must(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    if (ms > INT32_MAX)
        ms = INT32_MAX; /* 24 days: longer waits wake once in between */
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

bool signal_wait_ms(struct signal *s, struct lock *l, uint64_t ms)
{
    struct timespec until = monotonic_in_ms(ms);
    before_wait(l);
    int error = pthread_cond_timedwait(&s->cond, &l->mutex, &until);
    set_holder(l, me());
    must(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

void signal_one(struct signal *s)
{
    must(pthread_cond_signal(&s->cond) == 0);
}

void signal_all(struct signal *s)
{
    must(pthread_cond_broadcast(&s->cond) == 0);
}
