/* lock.h: a mutex that knows its name, rank and holder. Ranks stand in locks.def, in taking order:
 * a thread that holds a lock may take only locks of a higher rank (one of each). Checked in debug
 * builds; holder checks stay on. */
#ifndef SLUICE_BASE_LOCK_H
#define SLUICE_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum lock_rank {
#define LOCK(name, what) LOCK_##name,
#include "base/locks.def"
#undef LOCK
    LOCK_RANKS
};

struct lock {
    pthread_mutex_t mutex;
    _Atomic uintptr_t holder;
    enum lock_rank rank;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
bool lock_is_mine(const struct lock *l);

/* A condition to wait for under one lock. Spurious wakes happen: wait in a loop. Times are
 * monotonic. */
struct signal {
    pthread_cond_t cond;
};
void signal_init(struct signal *s);
void signal_fini(struct signal *s);
void signal_wait(struct signal *s, struct lock *l);
/* false when `ms` passed first */
bool signal_wait_ms(struct signal *s, struct lock *l, uint64_t ms);
void signal_one(struct signal *s);
void signal_all(struct signal *s);

#endif
