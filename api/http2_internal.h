/* http2_internal.h: the connections of http2, shared by its parts. Thread: the loop's own. */
#ifndef SLUICE_API_HTTP2_INTERNAL_H
#define SLUICE_API_HTTP2_INTERNAL_H

#include "api/http2.h"
#include "api/http2_session.h"

#include <openssl/ssl.h>

/* What a connection is at.
 *
 *   OPENING --its SETTINGS came--> IDLE <--no request | requests--> BUSY
 *      \                             \                               \
 *       \-----------------------------\---all said------------------> LEAVING --its end, or LINGER_MS--> GONE
 *
 * Any goes to GONE when its socket fails, its client closes it or its time is over; and from there, when no exchange of its is running any
 * more, out of memory. */
enum http2_phase {
    HTTP2_OPENING,
    HTTP2_IDLE,
    HTTP2_BUSY, /* its requests have time limits of their own */
    HTTP2_LEAVING,
    HTTP2_GONE,
    HTTP2_PHASES
};

struct http2 {
    struct http2_core core; /* first */

    /* the loop's own */
    struct list phases[HTTP2_PHASES]; /* connections, longest there first */
    struct list blocked;              /* those whose socket takes nothing now, longest first */
    struct list dirty;                /* those to be looked at when the turn ends */
    size_t connections;
    uint8_t *input, *output; /* one turn's, whosever it is */
    struct loop_timer sweep;
    uint64_t sweep_ms; /* fixed at birth */
    bool draining, cutting;
    void (*drained)(void *);
    void *drained_arg;
};

struct http2_connection {
    struct http2_session session; /* first */
    struct http2 *http2;          /* fixed at birth */
    struct loop_watch watch;      /* of its socket */
    SSL *ssl;                     /* NULL: plain */
    bool shakes_hands;            /* TLS is not established */
    bool unread;                  /* more is there than was taken in this turn */
    uint32_t events;              /* watched for */

    enum http2_phase phase;
    uint64_t since_us;
    struct list node;  /* of its phase */
    struct list dirty; /* of http2's dirty, or none */

    /* what the socket did not take */
    struct buffer left;
    size_t left_at, left_len;
    struct list blocked; /* of http2's blocked, or none */
    uint64_t blocked_us;
    uint64_t acknowledged; /* bytes the client's side has, when last looked at; while blocked */
    size_t discarded;      /* in LEAVING */
};

/* http2.c */
void http2_connection_enter(struct http2_connection *c, enum http2_phase phase);
/* Closes its socket. It stays in memory at least until the turn ends. */
void http2_connection_lose(struct http2_connection *c);

/* http2_timeouts.c: closes what takes too long. */
void http2_timeouts_init(struct http2 *h);
/* A connection is there: the sweep must run. */
void http2_timeouts_start(struct http2 *h);

/* http2_tls.c: OpenSSL over the connection's socket. Bytes, or: */
enum { HTTP2_IO_END = 0, HTTP2_IO_LATER = -1 };
/* NULL when it cannot be served. */
SSL *http2_tls_begin(struct tls *tls, int fd);
/* 1 when it is through. */
int http2_tls_shake(SSL *ssl);
ssize_t http2_tls_read(SSL *ssl, uint8_t *to, size_t room);
ssize_t http2_tls_write(SSL *ssl, struct bytes bytes);
/* Says goodbye, if that can be done at once. */
void http2_tls_goodbye(SSL *ssl);

#endif
