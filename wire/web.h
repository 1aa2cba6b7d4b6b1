/* web.h: HTTP calls to the outside, on a loop: libcurl's multi interface driven by loop_watch and one timer.
 *
 * One of it for each delivery thread, and for each client of the SDK. Connections are kept and shared by all who call.
 *
 * W1. `done` comes once for each web_start, on the loop, never before web_start returns; not after web_cancel.
 *     Nor is `arrived`, nor either of them inside of libcurl: so both may start, pause and cancel calls. `sized` may not.
 * W2. Nothing blocks: names are resolved on libcurl's own threads, and giving up a call does not wait for them.
 * W3. Only http and https, TLS 1.2 or later, certificates and names always verified. No redirects, no cookies, no .netrc.
 * W4. No header value, query or body is ever in a fault.
 * W5. At most connections_max calls have a connection, at most half of them to one far side (so that one that hangs does not stop
 *     all others; unless there is one_side only); the rest wait in order of arrival, far sides in turn. Waiting counts in
 *     timeout_ms, unless the call says otherwise. Streamed calls are not counted: whoever makes them bounds them.
 * W6. No memory is an outcome (NO_MEMORY), never the end.
 *
 * HTTP/1.1, where a call has its connection for itself, so that a stalled one holds up nobody; or, where it is asked for, HTTP/2,
 * where WEB_STREAMS_MAX calls share one of a few, but streamed ones have theirs for themselves: a paused one would hold up the others.
 * Proxies: from the environment, as curl takes them (https_proxy, http_proxy, ALL_PROXY, NO_PROXY).
 * A kept connection that turns out to be dead before a byte of the answer came is replaced, and the call sent again, by libcurl.
 *
 * Thread: the loop's own. */
#ifndef SLUICE_WIRE_WEB_H
#define SLUICE_WIRE_WEB_H

#include "base/buf.h"
#include "base/loop.h"
#include "base/rope.h"

struct web;
struct web_settings {
    struct loop *loop;
    const char *ca_file;      /* more CAs to trust than the system's, or "" */
    uint32_t connections_max; /* 0: 256 */
    uint32_t connect_ms; /* names, TCP and TLS together: who needs longer counts as away; 0: 15 s */
    bool one_side;       /* all calls go to one far side, which may have all connections */
    bool
        http2; /* by ALPN over TLS, else HTTP/1.1; over plain HTTP with prior knowledge (libcurl 8) */
};
enum status web_new(const struct web_settings *s, struct web **out, struct fault *f) MUST_USE;
/* Calls under way end with CLOSING first. Not from within `done`. */
void web_free(struct web *w);

enum {
    WEB_HEADERS_MAX = 24,
    WEB_ANSWER_HEAD_BYTES = 640,
    WEB_STREAMS_MAX = 100, /* of a connection of HTTP/2 */
    WEB_SHARED_CONNECTIONS_MAX =
        4, /* libcurl opens one for each call of a burst that finds the others full */
    WEB_WORDS_BYTES = 256 /* CURL_ERROR_SIZE */
};
struct web_header {
    struct bytes name, value; /* an absent value leaves the header out */
};

/* Why no answer came, finer than a status. */
enum web_failure {
    WEB_FAILED_OTHER,
    WEB_FAILED_CONNECT,    /* no such host, refused, or no connection in time */
    WEB_FAILED_RESET,      /* the connection ended before the whole answer was there */
    WEB_FAILED_TLS,        /* no handshake */
    WEB_FAILED_CERTIFICATE /* not one we trust, or another name's */
};

struct web_call;
struct curl_slist;

/* What web keeps of a call under way: nobody else's. It lives in the call, so that to start one takes no memory. */
struct web_transfer {
    struct web *web;
    struct web_call *call;
    struct web_host *host;   /* NULL: refused before it had one */
    struct list node;        /* in web.transfers */
    struct list wait_node;   /* in host->waiting, or in none */
    struct list fresh_node;  /* in web.fresh, or in none: something has arrived */
    struct loop_timer timer; /* its timeout; or, of a refused one, the next turn */
    enum status refused; /* not OK: what it ends with when the timer fires; call->fault is set */
    bool running;        /* libcurl has it */
    bool paused;
    void *easy;                  /* libcurl's handle */
    struct web_channel *channel; /* in which libcurl has it; NULL: it has not */
    struct curl_slist *headers;
    size_t sent; /* of call->pieces */
    bool too_large;
    uint64_t thrown_away; /* bytes of an error's body that nobody wants */
    size_t head_len;      /* of call->answer_head */
    char words[WEB_WORDS_BYTES];
};

/* One call on its way. Lives in its owner until `done`; what it points to must, too. */
struct web_call {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *url;
    struct web_header headers[WEB_HEADERS_MAX]; /* a value is never traced */
    uint32_t header_count;
    struct bytes body;       /* sent with an exact Content-Length, never copied whole */
    struct rope pieces;      /* a body in pieces, instead of that one */
    size_t answer_bytes_max; /* more is TOO_LARGE */
    uint64_t timeout_ms;     /* of the whole, by the loop's clock; TIMED_OUT; 0: none */
    bool keep_error_body;    /* of an answer with a code of 300 or more */
    bool timeout_runs;       /* timeout_ms does not begin before the call has its connection */
    void (*done)(struct web_call *);
    /* A streamed answer (code under 300): called when bytes were added to `answer`, from which the owner takes what he has read;
     * answer_bytes_max bounds what lies there. Its timeout ends with its first byte. NULL: not streamed. */
    void (*arrived)(struct web_call *);
    /* Called at the first byte of an answer that says how long it is, and is not streamed: may give `answer`, which is empty, memory of
     * mem_try's to begin with, of at most answer_bytes_max. Inside of libcurl: no calls are started or cancelled. NULL: not asked for. */
    void (*sized)(struct web_call *, size_t bytes);
    /* set before done: */
    /* OK: an answer came, whatever its code. TIMED_OUT, TOO_LARGE, IO_FAILED (`why` says more), INVALID_ARGUMENT (a URL or header that
     * cannot be sent), CLOSING, NO_MEMORY */
    enum status status;
    enum web_failure why; /* IO_FAILED */
    struct fault fault;   /* one sentence, no secrets */
    int code;
    struct buf answer; /* empty at web_start; the owner ends it (buf_fini) */
    struct bytes
        answer_type; /* Content-Type, as sent; these are views of answer_head, absent when they were not there */
    struct bytes answer_etag;           /* ETag */
    struct bytes answer_encoding;       /* Content-Encoding */
    struct bytes answer_function_error; /* X-Amz-Function-Error */
    struct bytes answer_request_id;     /* x-amzn-RequestId */
    struct bytes answer_error_type;     /* x-amzn-ErrorType */
    struct bytes answer_date;           /* Date */
    bool answer_has_length;             /* Content-Length */
    char answer_head[WEB_ANSWER_HEAD_BYTES];
    struct web_transfer *transfer; /* web's own: &own while under way, else NULL */
    struct web_transfer own;
};
void web_start(struct web *w, struct web_call *c);
/* Sends at once what the calls started so far can send, not only in the next turn: while it is in the processor's caches. */
void web_kick(struct web *w);
/* Ends it without `done`; `answer` is the owner's as after done. Does nothing when it is not under way. */
void web_cancel(struct web *w, struct web_call *c);
/* Of a streamed call: no more is read, until it is paused no longer, than what a window or a socket's buffer holds. */
void web_pause(struct web *w, struct web_call *c, bool paused);

#endif
