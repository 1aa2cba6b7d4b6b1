/* loop.c: one thread that waits for descriptors, messages and the time, in turns.
 *
 * A turn: wait (epoll), the ready descriptors, the mailbox, the timers that are due, then
 * after_turn, for whoever batches the turn's work. Timers hang in a list sorted by time, searched
 * from its end: nearly all are set for later than those before them.
 *
 * I1. After loop_unwatch(w), w->ready is not called, even if its event was fetched in the same
 * turn.
 * I2. A timer fires at most once a turn, so one that sets itself again for now cannot starve
 * the rest.
 * I3. Messages that a thread sent before it called loop_stop are handled before loop_run
 * returns.
 *
 * Going to sleep and being woken costs a core some tens of microseconds, more in a virtual machine, where a core that sleeps is the host's.
 * Where many messages are awaited the next of them comes sooner than that: so such a loop looks BUSY_US long before it sleeps, and lets
 * whoever waits for its core go first each time (ADR 0011).
 *
 * Left to others: keeping the loop alive until the last sender has returned; emptying it of watches
 * before loop_free. Thread: loop_send and loop_stop any, loop_stop in signal handlers too; the rest
 * the loop's own, or any before it runs. */
#include "base/loop.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 128, BUSY_US = 300 };

struct loop {
    int epoll_fd;              /* fixed at birth */
    const struct clock *clock; /* fixed at birth */
    struct mailbox mailbox;
    _Atomic uintptr_t runner; /* the thread inside loop_run, or 0 */
    _Atomic bool stopping;

    /* the loop's own */
    struct list timers; /* soonest first */
    uint64_t (*after_turn)(void *);
    void *after_turn_arg;
    struct epoll_event events[EVENTS_A_TURN];
    int fetched, at; /* of events: how many, and which is being handled */
    size_t awaited;  /* answers of other threads */
};

/* The address of a thread's own copy names it. */
static _Thread_local char self;

bool loop_is_mine(const struct loop *l)
{
    return atomic_load_explicit(&l->runner, memory_order_relaxed) == (uintptr_t)&self;
}

static void must_be_mine(const struct loop *l)
{
    must(loop_is_mine(l) || atomic_load_explicit(&l->runner, memory_order_relaxed) == 0);
}

enum status loop_new(struct loop **out, const struct clock *clock, struct fault *f)
{
    *out = NULL;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        return fault_set(f, IO_FAILED, "cannot make an event loop: %m");
    struct loop *l = MEM_TRY_NEW(struct loop);
    enum status st = l == NULL ? fault_set(f, NO_MEMORY, "no memory for an event loop")
                               : mailbox_try_init(&l->mailbox, f);
    if (st != OK) {
        must(close(epoll_fd) == 0);
        mem_free(l);
        return st;
    }
    l->epoll_fd = epoll_fd;
    l->clock = clock;
    list_init(&l->timers);
    /* No watch stands for the mailbox: its event has data.ptr NULL. */
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->mailbox.wake_fd, &event) != 0) {
        st = fault_set(f, IO_FAILED, "cannot watch a mailbox: %m");
        loop_free(l);
        return st;
    }
    *out = l;
    return OK;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    must(l->runner == 0 && l->awaited == 0);
    mailbox_fini(&l->mailbox);
    must(close(l->epoll_fd) == 0);
    mem_free(l);
}

const struct clock *loop_clock(const struct loop *l)
{
    return l->clock;
}

void loop_set_after_turn(struct loop *l, uint64_t (*after_turn)(void *), void *arg)
{
    must_be_mine(l);
    l->after_turn = after_turn;
    l->after_turn_arg = arg;
}

void loop_send(struct loop *l, struct message *message)
{
    mailbox_send(&l->mailbox, message);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stopping, true);
    mailbox_wake(&l->mailbox);
}

void loop_wake(struct loop *l)
{
    mailbox_wake(&l->mailbox);
}

void loop_await(struct loop *l)
{
    must_be_mine(l);
    l->awaited++;
}

void loop_await_end(struct loop *l)
{
    must_be_mine(l);
    must(l->awaited > 0);
    l->awaited--;
}

static enum status control(struct loop *l, struct loop_watch *w, int operation,
                           uint32_t epoll_events, struct fault *f)
{
    struct epoll_event event = {.events = epoll_events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, operation, w->fd, &event) != 0)
        return fault_set(f, IO_FAILED, "cannot watch descriptor %d: %m", w->fd);
    return OK;
}

enum status loop_watch(struct loop *l, struct loop_watch *w, uint32_t epoll_events, struct fault *f)
{
    must_be_mine(l);
    enum status st = control(l, w, EPOLL_CTL_ADD, epoll_events, f);
    w->watched = st == OK;
    return st;
}

enum status loop_rewatch(struct loop *l, struct loop_watch *w, uint32_t epoll_events,
                         struct fault *f)
{
    must_be_mine(l);
    must(w->watched);
    return control(l, w, EPOLL_CTL_MOD, epoll_events, f);
}

void loop_unwatch(struct loop *l, struct loop_watch *w)
{
    must_be_mine(l);
    if (!w->watched)
        return;
    w->watched = false;
    /* EBADF and ENOENT: the descriptor was closed first, which took it out of the set. */
    must(epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL) == 0 || errno == EBADF ||
         errno == ENOENT);
    for (int i = l->at + 1; i < l->fetched; i++) { /* I1 */
        if (l->events[i].data.ptr == w)
            l->events[i].events = 0;
    }
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    must_be_mine(l);
    if (!t->armed)
        return;
    t->armed = false;
    list_remove(&t->node);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t in_ms)
{
    loop_timer_cancel(l, t);
    uint64_t now_us = clock_mono_us(l->clock);
    t->due_us = in_ms > (UINT64_MAX - now_us) / 1000 ? UINT64_MAX : now_us + in_ms * 1000;
    struct list *before = l->timers.prev;
    while (before != &l->timers && LIST_OWNER(before, struct loop_timer, node)->due_us > t->due_us)
        before = before->prev;
    list_insert_before(before->next, &t->node);
    t->armed = true;
}

static void fire_due(struct loop *l)
{
    if (list_empty(&l->timers))
        return;
    uint64_t now_us = clock_mono_us(l->clock);
    struct list due; /* moved aside first: I2 */
    list_init(&due);
    LIST_EACH(node, keep, &l->timers)
    {
        if (LIST_OWNER(node, struct loop_timer, node)->due_us > now_us)
            break;
        list_remove(node);
        list_append(&due, node);
    }
    for (struct list *node; (node = list_first(&due)) != NULL;) {
        struct loop_timer *t = LIST_OWNER(node, struct loop_timer, node);
        list_remove(node);
        t->armed = false;
        t->fire(t);
    }
}

/* How long epoll may wait: until the soonest timer, but no longer than wanted_ms; -1 is for ever.
 */
static int wait_ms(const struct loop *l, uint64_t wanted_ms)
{
    struct list *first = list_first(&l->timers);
    if (first != NULL) {
        uint64_t due_us = LIST_OWNER(first, struct loop_timer, node)->due_us;
        uint64_t now_us = clock_mono_us(l->clock);
        /* rounded up, so as not to wake a moment too early and spin */
        uint64_t timer_ms = due_us <= now_us ? 0 : (due_us - now_us - 1) / 1000 + 1;
        wanted_ms = timer_ms < wanted_ms ? timer_ms : wanted_ms;
    }
    if (wanted_ms == UINT64_MAX)
        return -1;
    return wanted_ms > INT_MAX ? INT_MAX : (int)wanted_ms;
}

/* Returns whether the mailbox has something. */
static bool handle_ready(struct loop *l)
{
    bool mail = false;
    for (l->at = 0; l->at < l->fetched; l->at++) {
        struct epoll_event *event = &l->events[l->at];
        struct loop_watch *w = event->data.ptr;
        if (w == NULL)
            mail = true;
        else if (event->events != 0) /* 0: unwatched in this turn, I1 */
            w->ready(w, event->events);
    }
    l->at = l->fetched = 0;
    return mail;
}

/* How many events there are now, or come within ms. */
static int look(struct loop *l, int ms)
{
    int count = epoll_wait(l->epoll_fd, l->events, EVENTS_A_TURN, ms);
    must(count >= 0 || errno == EINTR);
    return count < 0 ? 0 : count;
}

/* By the machine's own clock: a test's may stand still. */
static int look_busily(struct loop *l)
{
    uint64_t until_us = clock_mono_us(&clock_system) + BUSY_US;
    for (;;) {
        int count = look(l, 0);
        if (count > 0 || clock_mono_us(&clock_system) >= until_us)
            return count;
        sched_yield();
    }
}

static void turn(struct loop *l, uint64_t wanted_ms)
{
    int ms = wait_ms(l, wanted_ms);
    l->fetched = ms != 0 && l->awaited >= LOOP_CROWD ? look_busily(l) : 0;
    if (l->fetched == 0)
        l->fetched = look(l, ms);
    if (handle_ready(l))
        mailbox_drain(&l->mailbox);
    fire_due(l);
}

void loop_turn(struct loop *l, int wait_ms)
{
    must(l->runner == 0);
    l->runner = (uintptr_t)&self;
    turn(l, wait_ms < 0 ? UINT64_MAX : (uint64_t)wait_ms);
    l->runner = 0;
}

int loop_fd(const struct loop *l)
{
    return l->epoll_fd;
}

int loop_timeout_ms(const struct loop *l)
{
    return wait_ms(l, UINT64_MAX);
}

void loop_run(struct loop *l)
{
    must(l->runner == 0);
    l->runner = (uintptr_t)&self;
    uint64_t wanted_ms = 0; /* the first turn is at once: after_turn has not been asked yet */
    while (!atomic_load(&l->stopping)) {
        turn(l, wanted_ms);
        wanted_ms = l->after_turn == NULL ? UINT64_MAX : l->after_turn(l->after_turn_arg);
    }
    while (mailbox_drain(&l->mailbox) > 0) { /* I3 */
    }
    l->stopping = false;
    l->runner = 0;
}
