/* http1_internal.h: connections and requests of http1, shared by its parts. Thread: the loop's own.
 */
#ifndef SLUICE_API_HTTP1_INTERNAL_H
#define SLUICE_API_HTTP1_INTERNAL_H

#include "api/http1.h"
#include "api/socket.h"
#include "api/spares.h"

#include <microhttpd.h>
#include <netinet/in.h>

/* What a connection is at. Each phase but RUNNING and RESTING has a time limit.
 *
 *   handed over -> RECEIVING --request complete--> RUNNING --exchange_finish--> SENDING --sent--> IDLE
 *                      ^                              |                            ^                |
 *                      |                     exchange_stream                       | its end        |
 *                      |                              v     <--exchange_ready--    |                |
 *                      |                          STREAMING ---nothing now---> RESTING             |
 *                      +---------------------------- next request line ----------------------------+ */
enum phase {
    PHASE_IDLE,
    PHASE_RECEIVING,
    PHASE_RUNNING,
    PHASE_SENDING,
    PHASE_STREAMING, /* a reply that goes on, and has something to send */
    PHASE_RESTING,   /* likewise, and has nothing: suspended */
    PHASES
};

/* One libmicrohttpd. Whenever one of its suspended connections is resumed it walks all of them, so only so many may come to
 * rest in one: http1_daemon.c opens the next. */
struct http1_daemon {
    struct http1 *http1;
    struct MHD_Daemon *mhd;
    struct list node;        /* of its transport's */
    struct loop_watch watch; /* of its epoll descriptor */
    struct list waking;      /* in http1.dirty: it wants MHD_run in this turn */
    size_t connections;
    size_t streams; /* of these: replies that go on */
};

struct http1 {
    /* fixed at birth */
    const struct network_settings *settings;
    struct network_counts *counts;
    struct loop *loop;
    uint64_t sweep_ms;

    /* the loop's own */
    struct list daemons[TRANSPORTS]; /* by enum protocol_transport; none where not offered */
    struct list dirty;               /* daemons that want MHD_run */
    uint64_t now_us;                 /* of this turn */
    struct list phases[PHASES];      /* connections, longest there first */
    size_t connections;
    struct connection *arriving; /* inside MHD_add_connection */
    struct buffers buffers;
    struct spares spare_requests;
    struct loop_timer sweep;
    uint64_t swept_us;
    bool draining, cutting;
    void (*drained)(void *);
    void *drained_arg;
};

struct request;
struct connection {
    /* fixed at birth */
    struct http1 *http1;
    struct http1_daemon *daemon;
    int fd;
    bool tls;
    struct http1_relay *relay; /* or NULL */
    char peer[PEER_BYTES];
    size_t peer_len;

    struct MHD_Connection *mhd;
    struct list node; /* of its phase; of none once it was cut */
    enum phase phase;
    uint64_t since_us;
    uint64_t acknowledged; /* bytes the client's side has, when last looked at; in SENDING */
    size_t reply_hint;     /* room of the last reply, if it was large: the next is likely to be */
    struct tls_pair *pair; /* which its handshake used, or NULL */
};

enum stage {
    STAGE_HEAD,     /* the request line is there */
    STAGE_BODY,     /* the headers too */
    STAGE_HANDED,   /* the handler has it */
    STAGE_ANSWERED, /* the reply is libmicrohttpd's to send */
};

struct request {
    struct exchange exchange;
    struct connection *connection;
    struct body body;
    enum stage stage;
    bool in_handler; /* handle() has not returned yet */
    bool suspended;
    uint64_t reply_charged; /* of the budget of replies */
    struct list node;       /* of spare_requests */
    struct sigv4_header headers[EXCHANGE_HEADERS_MAX];
};

/* http1_daemon.c */
/* Opens the first of a transport. */
enum status daemons_open(struct http1 *h, enum protocol_transport transport,
                         struct fault *f) MUST_USE;
void daemons_close(struct http1 *h, enum protocol_transport transport);
/* Whose the next connection of that transport will be. */
struct http1_daemon *daemon_for_next(struct http1 *h, enum protocol_transport transport);
/* It has something to do in this turn, or else in the next. */
void daemon_wake(struct http1_daemon *d);
/* Gives all that want it their run; true when some want another at once. */
bool daemons_run(struct http1 *h);

/* http1.c */
void connection_enter(struct connection *c, enum phase phase);
/* For MHD_OPTION_NOTIFY_CONNECTION; `arg` is the struct http1. */
void connection_notified(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code);
/* Ends it soon: libmicrohttpd sees the closed socket and cleans up. */
void connection_cut(struct connection *c);

/* http1_request.c: libmicrohttpd's callbacks for one request after the other; `arg` is the struct
 * http1. */
void *request_begin(void *arg, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_access(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_len, void **context);
void request_end(void *arg, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode code);
/* Frees requests that lay unused since the last time. */
void request_trim(struct http1 *h);
/* The exchange's headers, and whether the connection stays. */
void request_add_headers(const struct request *r, struct MHD_Response *response);
void request_free_spares(struct http1 *h);

/* http1_stream.c: replies that go on. */
/* The exchange was given a source: queues the reply. */
enum MHD_Result stream_queue(struct request *r);
/* For exchange.ready. */
void stream_ready(struct exchange *x);
/* The reply was sent, or the connection broke. */
void stream_end(struct request *r);
/* Streams that rest end now; those that do not, when they come to rest. */
void stream_drain(struct http1 *h);

/* http1_timeouts.c: closes what takes too long. */
void timeouts_init(struct http1 *h);
/* A connection is there: the sweep must run. */
void timeouts_start(struct http1 *h);

/* http1_tls.c: a daemon that speaks TLS, with the certificates of settings->tls. */
struct MHD_Daemon *http1_tls_start(unsigned int flags, struct http1 *h,
                                   const struct MHD_OptionItem *options);

#endif
