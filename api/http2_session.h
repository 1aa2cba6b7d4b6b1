/* http2_session.h: one HTTP/2 connection without its socket: bytes in, requests to the handler, bytes out. So the same code serves sockets,
 * plain or TLS, and a fuzzer.
 *
 * A request (an HTTP/2 stream):
 *
 *   HEAD --headers whole--> BODY --END_STREAM--> HANDED --finish--> ANSWERED --sent--> released
 *     \                      \--refused-------------------------------^
 *      \---reset at any moment--> released; from HANDED only when the exchange has finished (X1)
 *
 * Thread: the loop's own. */
#ifndef SLUICE_API_HTTP2_SESSION_H
#define SLUICE_API_HTTP2_SESSION_H

#include "api/http2_flood.h"
#include "api/network_internal.h"
#include "api/socket.h"
#include "api/spares.h"

#include <nghttp2/nghttp2.h>

/* What nghttp2 gives at a time, at most: a frame of 16 KiB with its head; and what a pull needs: that, behind a frame of ours. */
enum {
    HTTP2_FRAME_HEAD_BYTES = 9,
    HTTP2_FRAME_BYTES_MAX = HTTP2_FRAME_HEAD_BYTES + 1 + 16 * 1024,
    HTTP2_OUTPUT_BYTES = 5 * HTTP2_FRAME_BYTES_MAX
};

/* What the sessions of one loop share. */
struct http2_core {
    /* fixed at birth */
    const struct network_settings *settings;
    struct network_counts *counts;
    struct loop *loop;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    nghttp2_mem memory;
    struct metric *floods;

    /* the loop's own */
    uint64_t now_us; /* of this event; set by whoever calls in */
    struct buffers buffers;
    struct spares requests;
    /* requests, each list in order of since_us: those that come in, whose reply goes out, whose reply goes on and has something to send or nothing */
    struct list receiving, sending, streaming, resting;
    bool draining;   /* replies that go on end where they have nothing to say */
    uint64_t date_s; /* of `date` */
    char date[CLOCK_TEXT_BYTES];
};

struct http2_session {
    /* fixed at birth */
    struct http2_core *core;
    /* There may be something to pull, or the last request is gone. Called at any time, also from within calls from here. */
    void (*wake)(struct http2_session *);
    bool tls;
    char peer[PEER_BYTES];
    size_t peer_len;

    nghttp2_session *ng; /* NULL after http2_session_end */
    struct list requests;
    size_t request_count; /* also those whose client has gone, as long as their exchange runs */
    struct flood flood;
    uint64_t head_bytes_free, reply_bytes_free; /* what it may hold before it is charged */
    size_t reply_hint;
    bool greeted; /* the client's preface and SETTINGS have come */
    bool leaving; /* GOAWAY was submitted: no new requests */
    bool flooded; /* it was too much */
    bool deaf;    /* what comes is ignored: the connection ends with what is to be sent */
    bool broken;  /* no memory: it ends at once */
    struct http2_output *output; /* within http2_session_pull */
};

enum http2_stage { HTTP2_HEAD, HTTP2_BODY, HTTP2_HANDED, HTTP2_ANSWERED };

/* Bytes held of a budget; those within the connection's own allowance are not charged. */
struct http2_toll {
    uint64_t bytes;
    bool charged;
};

struct http2_request {
    struct exchange exchange;
    struct http2_session *session;
    int32_t id; /* 0: the client has gone, or has reset it */
    enum http2_stage stage;
    bool in_handler; /* handle() has not returned yet */
    bool expects;    /* 100-continue */
    bool authority;  /* was sent, and stands as Host */
    enum status head_status;
    size_t head_bytes; /* as RFC 9113, section 6.5.2, counts them */
    int64_t length;    /* announced, or BODY_LENGTH_UNKNOWN */
    uint64_t discarded;
    size_t sent; /* of the reply */
    struct http2_toll head_toll, reply_toll;
    struct body body;
    uint64_t since_us; /* in its list of core's, or since bytes were last taken */
    struct list timed; /* of core's receiving, sending, streaming or resting, or none */
    struct list node;  /* of session's requests, or core's spares */
    struct sigv4_header headers[EXCHANGE_HEADERS_MAX];
};

/* `settings` and `counts` must outlive it. */
enum status http2_core_open(struct http2_core *core, const struct network_settings *settings,
                            struct network_counts *counts, struct loop *loop,
                            struct fault *f) MUST_USE;
void http2_core_close(struct http2_core *core);

/* peer and tls are set by the caller. NO_MEMORY. */
enum status http2_session_init(struct http2_session *s, struct http2_core *core,
                               void (*wake)(struct http2_session *)) MUST_USE;
/* The client is gone. What its handlers still hold is dropped when they finish; until request_count is 0 the session must stay. Calling
 * it again does nothing. */
void http2_session_end(struct http2_session *s);
void http2_session_receive(struct http2_session *s, struct bytes bytes);
/* Appends what is to be sent, whole frames, as many as fit. Nothing appended: nothing to send now. */
struct http2_output {
    uint8_t *at;
    size_t len, room; /* at least HTTP2_OUTPUT_BYTES in all, empty at first */
};
void http2_session_pull(struct http2_session *s, struct http2_output *out);
/* Everything was said (or cannot be): when what was pulled is sent, the connection is over. */
bool http2_session_is_over(struct http2_session *s);
/* GOAWAY: what has begun is answered, then it is over. */
void http2_session_leave(struct http2_session *s);
/* There is no memory for it: over at once. */
void http2_session_break(struct http2_session *s);
/* GOAWAY with an error: over as soon as that is sent. Not from within a handler. */
void http2_session_terminate(struct http2_session *s, uint32_t error_code);

/* http2_request.c, for http2_session.c. A request in the wrong stage ignores what does not concern it. */
struct http2_request *http2_request_begin(struct http2_session *s,
                                          int32_t id); /* NULL: no memory */
/* False: the request is malformed. */
bool http2_request_header(struct http2_request *r, struct bytes name, struct bytes value) MUST_USE;
void http2_request_head_end(struct http2_request *r, bool bodiless);
void http2_request_data(struct http2_request *r, struct bytes piece);
void http2_request_complete(struct http2_request *r);
/* Its stream is closed, or its connection. `served`: as it should be, with its reply sent. */
void http2_request_closed(struct http2_request *r, bool served);
/* nghttp2's on_send_data: a piece of the reply, straight into the session's output. */
int http2_request_send(struct http2_request *r, const uint8_t *frame_head, size_t len);
/* RST_STREAM. */
void http2_request_reset(struct http2_request *r, uint32_t error_code);
/* Replies that go on end: at once, or when they have nothing to say. */
void http2_request_drain(struct http2_core *core);
void http2_request_trim(struct http2_core *core);
void http2_request_free_spares(struct http2_core *core);

#endif
