/* mailbox.c: messages to one thread, without a lock.
 *
 * Senders push onto a stack with one compare-and-swap; the receiver takes the whole stack at once
 * and turns it round, which gives the order of sending back. As nothing is ever popped singly, the
 * stack has no ABA problem. Only the sender that finds the box empty writes the eventfd, so a burst
 * wakes the receiver once.
 *
 * I1. A message that was sent is handled by a drain that begins after the eventfd became readable
 * for it.
 * I2. Messages of one sender are handled in the order of sending.
 * I3. Nothing of a message is touched after its handle was called, nor by its sender after it was
 * pushed.
 * I4. mailbox_fini waits for senders who have pushed and not woken yet: their receiver may have found
 * the message by itself, and be at its end.
 *
 * Left to others: waiting on wake_fd (loop.c), and knowing that nobody will begin to send any more. Thread: mailbox_send any; the rest the receiver's. */
#include "base/mailbox.h"

#include "base/must.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HELD_MAX = 64 };

enum status mailbox_try_init(struct mailbox *m, struct fault *f)
{
    atomic_init(&m->head, NULL);
    atomic_init(&m->senders, 0);
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return m->wake_fd < 0 ? fault_set(f, IO_FAILED, "cannot make a mailbox: %m") : OK;
}

void mailbox_init(struct mailbox *m)
{
    if (mailbox_try_init(m, NULL) != OK)
        die("the system has no file descriptor left for a mailbox");
}

void mailbox_fini(struct mailbox *m)
{
    while (atomic_load_explicit(&m->senders, memory_order_acquire) !=
           0) /* I4: a few instructions */
        sched_yield();
    must(atomic_load(&m->head) == NULL);
    must(close(m->wake_fd) == 0);
    m->wake_fd = -1;
}

/* Boxes of which this thread holds the wake back. */
static _Thread_local struct {
    struct mailbox *boxes[HELD_MAX];
    unsigned count;
    bool holding;
} held;

static void leave(struct mailbox *m)
{
    atomic_fetch_sub_explicit(&m->senders, 1, memory_order_release); /* I4 */
}

static void wake(struct mailbox *m)
{
    uint64_t one = 1;
    ssize_t written = write(m->wake_fd, &one, sizeof(one));
    must(written == (ssize_t)sizeof(one) || errno == EAGAIN); /* EAGAIN: it is readable anyway */
    leave(m);
}

void mailbox_wake(struct mailbox *m)
{
    int error = errno; /* a signal handler must leave it as it was */
    uint64_t one = 1;
    ssize_t written = write(m->wake_fd, &one, sizeof(one));
    (void)written; /* it fails only when the eventfd is full, and then it is readable anyway */
    errno = error;
}

void mailbox_hold(void)
{
    must(!held.holding);
    held.holding = true;
}

void mailbox_release(void)
{
    must(held.holding);
    held.holding = false;
    while (held.count > 0)
        wake(held.boxes[--held.count]);
}

void mailbox_send(struct mailbox *m, struct message *message)
{
    atomic_fetch_add_explicit(&m->senders, 1,
                              memory_order_relaxed); /* seen with the message: the release below */
    struct message *head = atomic_load_explicit(&m->head, memory_order_relaxed);
    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&m->head, &head, message, memory_order_release,
                                                    memory_order_relaxed));
    if (head != NULL) /* whoever found it empty wakes the receiver */
        leave(m);
    else if (held.holding && held.count < HELD_MAX)
        held.boxes[held.count++] = m;
    else
        wake(m);
}

unsigned mailbox_drain(struct mailbox *m)
{
    /* Cleared before the box is emptied: a message pushed in between is taken now and wakes us once
     * for nothing; the other way round it would be left lying (I1). */
    uint64_t sent;
    ssize_t got = read(m->wake_fd, &sent, sizeof(sent));
    must(got == (ssize_t)sizeof(sent) || errno == EAGAIN);
    struct message *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest != NULL) { /* I2 */
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    unsigned count = 0;
    for (struct message *next; oldest != NULL; oldest = next, count++) {
        next = oldest->next; /* I3 */
        oldest->handle(oldest);
    }
    return count;
}
