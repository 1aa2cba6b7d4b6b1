/* exchange.h: one request and its reply, ignorant of the HTTP version; owns the arena.
 *
 * A transport (http1, later http2, or a test's loopback) fills the request, then calls its handler on the thread of the loop that owns
 * the exchange. The handler answers at once or later; either way it ends with exchange_finish on that same thread. Other threads
 * hand an exchange back to its loop with exchange_send.
 *
 *   receiving --handler()--> running --exchange_finish()--> finished --transport--> sent, exchange_fini()
 *                               |
 *                               +-----exchange_stream()--> streaming --source ends, or client goes--> closed()
 *
 * A reply that goes on (SubscribeToShard) comes from a source that the transport reads at the reader's pace: what a slow reader does
 * not take is never asked for, so it is held nowhere.
 *
 * X1. Every exchange given to a handler is finished or streamed exactly once, even when its client has gone.
 * X2. All of its memory is the arena's, the body's and the reply's: freed together at its end.
 * X3. Every source given to exchange_stream is closed exactly once; after that the exchange is not the handler's to touch.
 * Thread: the loop of its own; only exchange_send may be called by any. */
#ifndef SLUICE_API_EXCHANGE_H
#define SLUICE_API_EXCHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/loop.h"
#include "base/random.h"
#include "shards/scope.h"
#include "wire/sigv4.h"

enum { EXCHANGE_REPLY_HEADERS_MAX = 12, EXCHANGE_HEADERS_MAX = 64, EXCHANGE_ID2_BYTES = 97 };

struct reply_header {
    const char *name;  /* a literal */
    const char *value; /* NUL-terminated; a literal, or the exchange's own */
};

struct operation_metrics;

/* How request and reply are written. */
enum exchange_codec { CODEC_JSON, CODEC_CBOR };

/* Whose operation it asks for: the same outcome has another name in each. */
enum exchange_service { SERVICE_KINESIS, SERVICE_FIREHOSE, SERVICE_SLUICE };

/* Where the body of a reply that goes on comes from. Embedded in its owner. Thread: the exchange's loop. */
struct exchange_source {
    /* Writes at most `room` bytes (at least 1) to `at` and says how many; 0: nothing now, exchange_ready will be called when there
     * is; SOURCE_END: the reply is complete; SOURCE_BROKEN: it cannot be completed, and the client must see that it was cut. */
    ptrdiff_t (*read)(struct exchange_source *, uint8_t *at, size_t room);
    /* X3. It was sent, or its client has gone. May free the source. */
    void (*closed)(struct exchange_source *);
};
enum { SOURCE_END = -1, SOURCE_BROKEN = -2 };

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
    bool
        lost; /* close the connection instead of sending the reply: an injected fault. Not for a reply that goes on */

    struct exchange_source *source; /* of a reply that goes on; set by exchange_stream */

    /* who asks for what: set by the pipeline before the operation runs */
    struct scope scope;      /* the caller's account, and the region of the signature */
    struct bytes access_key; /* the caller's key id */
    struct bytes action;     /* "PutRecord" */

    /* the handler's own */
    enum exchange_codec codec;
    enum exchange_service service; /* set by the pipeline */
    struct arena arena;
    struct message message; /* for exchange_send */
    void *operation;        /* state of an operation that answers later */
    char request_id[UUID_BYTES], id2[EXCHANGE_ID2_BYTES];
    const struct operation_metrics *metrics; /* the operation's, once it is known */

    /* the transport's own */
    void (*finished)(struct exchange *); /* finished, or streaming: then `source` is set */
    void (*ready)(struct exchange *);    /* the source has more */
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
/* X1, X3. The head of the reply is complete; its body comes from `source`, until that ends. `reply` must be empty. */
void exchange_stream(struct exchange *x, struct exchange_source *source);
/* The source has something to read again, or its end. Only between exchange_stream and closed(); never from within read(). */
void exchange_ready(struct exchange *x);
/* Thread: any. Runs handle(&x->message) on the exchange's own loop. One message under way at a
 * time. */
void exchange_send(struct exchange *x, void (*handle)(struct message *));

#endif
