/* web.h: HTTP calls to the outside, on a loop: libcurl's multi interface driven by loop_watch and one timer.
 *
 * One of it for each delivery thread. Connections are kept and shared by all who call. Thread: the loop's own. */
#ifndef SLUICE_DELIVERY_WEB_H
#define SLUICE_DELIVERY_WEB_H

#include "base/buf.h"
#include "base/loop.h"

struct web;
struct web_settings {
    struct loop *loop;
    const char *ca_file; /* more CAs to trust, or "" */
    uint32_t connections_max;
};
enum status web_new(const struct web_settings *s, struct web **out, struct fault *f) MUST_USE;
/* Calls under way end with CLOSING first. */
void web_free(struct web *w);

enum { WEB_HEADERS_MAX = 24 };
struct web_header {
    struct bytes name, value;
};

/* One call on its way. Lives in its owner until `done`; what it points to must, too. */
struct web_call {
    const char *method; /* "GET", "PUT", "POST", "DELETE" */
    const char *url;
    struct web_header headers[WEB_HEADERS_MAX]; /* a value is never traced */
    uint32_t header_count;
    struct bytes body;       /* sent with an exact Content-Length */
    size_t answer_bytes_max; /* more is TOO_LARGE */
    uint64_t timeout_ms;     /* of the whole; TIMED_OUT */
    bool keep_error_body;
    void (*done)(struct web_call *);
    /* set before done: */
    enum status status; /* OK: an answer came, whatever its code. TIMED_OUT, TOO_LARGE, IO_FAILED (connect, reset, TLS), CLOSING, NO_MEMORY */
    enum { WEB_FAILED_OTHER, WEB_FAILED_CONNECT, WEB_FAILED_RESET, WEB_FAILED_TLS } why;
    struct fault fault; /* one sentence, no secrets */
    int code;
    struct buf answer;              /* the owner ends it (buf_fini) */
    struct bytes answer_type;       /* Content-Type; a view of `answer_head` */
    struct bytes answer_etag;
    struct bytes answer_encoding;
    bool answer_has_length;
    struct buf answer_head;
    /* web's own */
    void *easy, *head_list;
    struct list node;
};
void web_start(struct web *w, struct web_call *c);
/* Ends it without `done`. */
void web_cancel(struct web *w, struct web_call *c);

#endif
