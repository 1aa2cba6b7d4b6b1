/* exchange.h: one request and its reply, ignorant of the HTTP version; owns the arena.
 *
 * A transport (http1, later http2, or a test's loopback) fills the request, then calls its handler on the thread of the loop that owns
 * the exchange. The handler answers at once or later; either way it ends with exchange_finish on that same thread. Other threads
 * hand an exchange back to its loop with exchange_send.
 *
 *   receiving --handler()--> running --exchange_finish()--> finished --transport--> sent, exchange_fini()
 *
 * X1. Every exchange given to a handler is finished exactly once, even when its client has gone.
 * X2. All of its memory is the arena's, the body's and the reply's: freed together at its end.
 * Thread: the loop of its own; only exchange_send may be called by any. */
#ifndef SLUICE_API_EXCHANGE_H
#define SLUICE_API_EXCHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/loop.h"
#include "base/random.h"
#include "wire/sigv4.h"

enum { EXCHANGE_REPLY_HEADERS_MAX = 12, EXCHANGE_HEADERS_MAX = 64, EXCHANGE_ID2_BYTES = 97 };

struct reply_header {
    const char *name;  /* a literal */
    const char *value; /* NUL-terminated; a literal, or the exchange's own */
};

struct operation_metrics;

struct exchange {
    /* the request: set by the transport before the handler runs; views that live as long as the
     * exchange */
    struct bytes method, path, query;
    const struct sigv4_header *headers;
    size_t header_count;
    uint8_t *body; /* may be overwritten by the handler: decoding happens in place */
    size_t body_len;
    bool tls;
    struct bytes peer; /* "127.0.0.1:50312", for traces */
    struct loop *loop;
    uint64_t begun_us; /* monotonic, when the request was complete */

    /* the reply: set by the handler */
    int http_status;
    struct reply_header reply_headers[EXCHANGE_REPLY_HEADERS_MAX];
    size_t reply_header_count;
    struct buf reply; /* the body */
    bool close_after; /* close the connection after this reply */

    /* the handler's own */
    struct arena arena;
    struct message message; /* for exchange_send */
    void *operation;        /* state of an operation that answers later */
    char request_id[UUID_BYTES], id2[EXCHANGE_ID2_BYTES];
    const struct operation_metrics *metrics; /* the operation's, once it is known */

    /* the transport's own */
    void (*finished)(struct exchange *);
    void *transport;
    bool is_finished; /* since exchange_init or exchange_reset: X1 is held by it */
};

/* Who answers. One function: the pipeline, or a test's. */
struct exchange_handler {
    void (*handle)(struct exchange_handler *, struct exchange *);
};

void exchange_init(struct exchange *x, struct loop *loop, void (*finished)(struct exchange *),
                   void *transport);
void exchange_fini(struct exchange *x);
/* Ready for the next request of the same connection or pool: keeps the first blocks of memory (up
 * to 64 KiB of reply). */
void exchange_reset(struct exchange *x);
/* The header's value (names compared without case), or an absent view. */
struct bytes exchange_header(const struct exchange *x, const char *name);
void exchange_reply_header(struct exchange *x, const char *name, const char *value);
/* X1. The reply is complete: the transport sends it. */
void exchange_finish(struct exchange *x);
/* Thread: any. Runs handle(&x->message) on the exchange's own loop. One message under way at a
 * time. */
void exchange_send(struct exchange *x, void (*handle)(struct message *));

#endif
