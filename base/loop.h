/* loop.h: epoll, timers and a mailbox: one thread's event loop. Everything but loop_send and
 * loop_stop is for the loop's own thread (or before it runs). */
#ifndef SLUICE_BASE_LOOP_H
#define SLUICE_BASE_LOOP_H

#include "base/clock.h"
#include "base/list.h"
#include "base/mailbox.h"
#include "base/status.h"

#include <stdint.h>

struct loop;

/* A file descriptor under watch. Lives in its owner; `ready` may close and free it after
 * loop_unwatch. */
struct loop_watch {
    int fd;
    void (*ready)(struct loop_watch *, uint32_t epoll_events);
    bool watched; /* the loop's own */
};

/* A timer. Lives in its owner. Resolution: 1 ms. */
struct loop_timer {
    void (*fire)(struct loop_timer *);
    uint64_t due_us;  /* the loop's own */
    struct list node; /* the loop's own */
    bool armed;       /* the loop's own */
};

/* IO_FAILED, NO_MEMORY. */
enum status loop_new(struct loop **out, const struct clock *clock, struct fault *f) MUST_USE;
/* Nothing may be awaited any more. */
void loop_free(struct loop *l);
/* Runs until loop_stop. Each turn: fd events, then the mailbox, then due timers, then `after_turn`
 * if set. */
void loop_run(struct loop *l);
/* Thread: any, also signal handlers. */
void loop_stop(struct loop *l);

/* For who has a loop of his own, and drives this one from it: one turn, which waits up to wait_ms (-1:
 * until something happens). Thread: one at a time; it is the loop's own meanwhile. */
void loop_turn(struct loop *l, int wait_ms);
/* Readable when loop_turn(l, 0) has something to do, timers left aside. */
int loop_fd(const struct loop *l);
/* In how many ms the soonest timer is due; -1: there is none. */
int loop_timeout_ms(const struct loop *l);
/* Ends a turn that waits. Thread: any, also signal handlers. */
void loop_wake(struct loop *l);

/* Thread: any. */
void loop_send(struct loop *l, struct message *message);
bool loop_is_mine(const struct loop *l);
/* Another thread was given something that it will answer soon, by a message; and, the other one: that answer is here. A loop that
 * awaits LOOP_CROWD answers or more looks for some hundreds of microseconds before it goes to sleep. */
enum { LOOP_CROWD = 8 };
void loop_await(struct loop *l);
void loop_await_end(struct loop *l);
/* Called at the end of each turn; returns in how many ms it wants another turn even if nothing
 * happens (0: at once; UINT64_MAX: never). */
void loop_set_after_turn(struct loop *l, uint64_t (*after_turn)(void *), void *arg);

enum status loop_watch(struct loop *l, struct loop_watch *w, uint32_t epoll_events,
                       struct fault *f) MUST_USE;
enum status loop_rewatch(struct loop *l, struct loop_watch *w, uint32_t epoll_events,
                         struct fault *f) MUST_USE;
/* Safe from inside any `ready`: events of this turn already fetched for w are dropped. */
void loop_unwatch(struct loop *l, struct loop_watch *w);

/* Arms, or moves, the timer. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t in_ms);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);
const struct clock *loop_clock(const struct loop *l);

#endif
