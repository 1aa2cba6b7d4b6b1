/* web.h: HTTP calls to the outside, on a loop: libcurl's multi interface driven by loop_watch and one timer.
 *
 * One of it for each delivery thread. Connections are kept and shared by all who call.
 *
 * W1. `done` comes once for each web_start, on the loop, never before web_start returns; not after web_cancel.
 * W2. Nothing blocks: names are resolved on libcurl's own threads, and giving up a call does not wait for them.
 * W3. Only http and https, TLS 1.2 or later, certificates and names always verified. No redirects, no cookies, no .netrc.
 * W4. No header value, query or body is ever in a fault.
 * W5. At most connections_max calls have a connection, at most half of them to one far side (so that one that hangs does not stop
 *     all others); the rest wait in order of arrival, far sides in turn. Waiting counts in timeout_ms.
 *
 * HTTP/1.1 only: a call has its connection for itself, so that a stalled one holds up nobody.
 * Proxies: from the environment, as curl takes them (https_proxy, http_proxy, ALL_PROXY, NO_PROXY).
 * A kept connection that turns out to be dead before a byte of the answer came is replaced, and the call sent again, by libcurl.
 *
 * Thread: the loop's own. */
#ifndef SLUICE_DELIVERY_WEB_H
#define SLUICE_DELIVERY_WEB_H

#include "base/buf.h"
#include "base/loop.h"

struct web;
struct web_settings {
    struct loop *loop;
    const char *ca_file;      /* more CAs to trust than the system's, or "" */
    uint32_t connections_max; /* 0: 256 */
};
enum status web_new(const struct web_settings *s, struct web **out, struct fault *f) MUST_USE;
/* Calls under way end with CLOSING first. Not from within `done`. */
void web_free(struct web *w);

enum { WEB_HEADERS_MAX = 24, WEB_ANSWER_HEAD_BYTES = 640 };
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

/* One call on its way. Lives in its owner until `done`; what it points to must, too. */
struct web_call {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *url;
    struct web_header headers[WEB_HEADERS_MAX]; /* a value is never traced */
    uint32_t header_count;
    struct bytes body;       /* sent with an exact Content-Length, never copied whole */
    size_t answer_bytes_max; /* more is TOO_LARGE */
    uint64_t timeout_ms;     /* of the whole, by the loop's clock; TIMED_OUT; 0: none */
    bool keep_error_body;    /* of an answer with a code of 300 or more */
    void (*done)(struct web_call *);
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
    bool answer_has_length;             /* Content-Length */
    char answer_head[WEB_ANSWER_HEAD_BYTES];
    struct web_transfer *transfer; /* web's own, while under way */
};
void web_start(struct web *w, struct web_call *c);
/* Ends it without `done`; `answer` is the owner's as after done. Does nothing when it is not under way. */
void web_cancel(struct web *w, struct web_call *c);

#endif
