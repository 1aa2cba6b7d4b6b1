/* http2_client.h: an HTTP/2 client of nghttp2 over a test's socket, plain or TLS. It does what it is told, when it is told: windows are opened by
 * hand if the test wants that. Every wait has an end (CLIENT_PATIENCE_MS). Thread: one each. */
#ifndef SLUICE_TESTS_SUPPORT_HTTP2_CLIENT_H
#define SLUICE_TESTS_SUPPORT_HTTP2_CLIENT_H

#include "support/http_client.h"

#include <nghttp2/nghttp2.h>

struct http2_client {
    struct client client;
    nghttp2_session *ng;
    bool ended;  /* the server closed the connection */
    bool goaway; /* and what it said */
    uint32_t goaway_error;
    int32_t goaway_last;
    unsigned settings, pongs; /* SETTINGS and PING acknowledgements that came */
    uint32_t max_requests, max_header_bytes;
};

/* A request and its reply. */
struct http2_call {
    struct bytes body; /* of the request, not yet sent */
    bool keeps_open;   /* after the body: END_STREAM does not follow */
    int32_t id;
    int status;
    char head[2048]; /* "name: value\n" ... */
    struct buf reply;
    bool ended;  /* END_STREAM came */
    bool closed; /* the stream is closed */
    uint32_t error;
    bool continued; /* 100 came */
};

/* `windows_by_hand`: http2_consume opens them. TLS with a context, offering h2. */
void http2_client_open(struct http2_client *c, uint16_t port, SSL_CTX *tls, bool windows_by_hand);
/* `alpn` as client_tls takes it. */
void http2_client_open_as(struct http2_client *c, uint16_t port, SSL_CTX *tls, const char *alpn,
                          bool windows_by_hand);
void http2_client_close(struct http2_client *c);
/* Submits it, with a header more if `name` is not NULL; sent by the next pump. */
void http2_start(struct http2_client *c, struct http2_call *call, const char *method,
                 const char *path, struct bytes body, const char *name, const char *value);
/* Sends what is there to send, and reads what comes within so many ms; false when nothing did. */
bool http2_pump(struct http2_client *c, unsigned ms);
/* Until its reply is whole, or it was reset. */
void http2_wait(struct http2_client *c, struct http2_call *call);
/* Until it has so many bytes of its reply. */
void http2_wait_bytes(struct http2_client *c, struct http2_call *call, size_t len);
/* Until GOAWAY. */
void http2_wait_goaway(struct http2_client *c);
/* Until the server has closed the connection. */
void http2_wait_end(struct http2_client *c);
void http2_call_end(struct http2_call *call);
/* Starts, waits, and expects that status and body. */
void http2_expect(struct http2_client *c, const char *method, const char *path, struct bytes body,
                  int status, const char *reply);
void http2_reset(struct http2_client *c, struct http2_call *call, uint32_t error);
void http2_consume(struct http2_client *c, struct http2_call *call, size_t len);
/* The header's value, or NULL; valid until the next call. */
const char *http2_header(const struct http2_call *call, const char *name);

#endif
