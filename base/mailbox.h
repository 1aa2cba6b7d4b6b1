/* mailbox.h: hands a message to a thread and wakes it. Many senders, one receiver; lock-free; a
 * message is a member of what it is about, so sending never allocates and never fails. Messages of
 * one sender arrive in order. */
#ifndef SLUICE_BASE_MAILBOX_H
#define SLUICE_BASE_MAILBOX_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct message {
    struct message *next;             /* the mailbox's own while on its way */
    void (*handle)(struct message *); /* called on the receiving thread; may free the message */
};

struct mailbox {
    _Atomic(struct message *) head;
    _Atomic uint32_t senders; /* inside mailbox_send, or holding its wake back */
    int wake_fd;              /* an eventfd: readable when something was sent; fixed at birth */
};

/* Dies when the process has no file descriptor left. */
void mailbox_init(struct mailbox *m);
/* The same, and answers IO_FAILED instead. */
enum status mailbox_try_init(struct mailbox *m, struct fault *f) MUST_USE;
/* Must be empty. */
void mailbox_fini(struct mailbox *m);
/* Thread: any. Writes the eventfd only when the box was empty. */
void mailbox_send(struct mailbox *m, struct message *message);
/* Makes the eventfd readable, though nothing was sent. Thread: any; also signal handlers. */
void mailbox_wake(struct mailbox *m);
/* Between the two, what this thread sends wakes its receivers only at the end, each once: they find all of it, instead of going to sleep
 * again after the first. For short stretches that do not block. Not nested. Thread: any. */
void mailbox_hold(void);
void mailbox_release(void);
/* Thread: the receiver. Clears the eventfd and handles all that has arrived, oldest first; returns
 * how many. */
unsigned mailbox_drain(struct mailbox *m);

#endif
