/* reply.h: what a program gets of an answer: its output, and the memory in which that lives.
 *
 * Large replies come and go by the hundred a second, and fresh memory costs a page fault each 4 KiB: so what a freed one had is kept for the
 * next of the same client.
 *
 * R1. A reply may outlive its client and be freed on any thread: what is kept is counted and has a lock. Of a client that is gone
 *     nothing is kept.
 * R2. At most REPLIES_KEPT_MAX are kept, of together at most REPLIES_KEPT_BYTES_MAX. Small ones are not.
 *
 * Thread: any; a reply: one at a time. */
#ifndef SLUICE_CONSUMER_SDK_REPLY_H
#define SLUICE_CONSUMER_SDK_REPLY_H

#include "base/arena.h"
#include "base/list.h"

#include <sluice/client.h>

enum {
    REQUEST_ID_BYTES = 64,
    REPLY_KEPT_BYTES_MIN = 64 * 1024, /* a smaller one costs less to make than to keep */
    REPLIES_KEPT_MAX = 16,
    REPLIES_KEPT_BYTES_MAX = 24 * 1024 * 1024
};

struct reply_spares;

struct sluice_reply {
    struct arena arena; /* the output, but for what lies in the body */
    uint8_t *body;      /* of mem_try */
    size_t room;        /* of the body */
    const void *output; /* NULL: the operation has none */
    char request_id[REQUEST_ID_BYTES];
    struct reply_spares *spares; /* where it goes when it is freed, or NULL */
    struct list node;            /* while it is kept */
};

/* A client's. NULL: no memory. */
struct reply_spares *reply_spares_new(void) SLUICE_MUST_USE;
/* The client is gone. NULL is fine. */
void reply_spares_close(struct reply_spares *spares);

/* For an answer of that many bytes: one that was kept, with the body it had; or a new one without a body. `spares` may be NULL.
 * NULL: no memory. */
struct sluice_reply *reply_new(struct reply_spares *spares, size_t bytes) SLUICE_MUST_USE;

#endif
