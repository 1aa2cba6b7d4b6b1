/* http_client.h: a client that says exactly what a test wants said, in pieces if need be, plain or
 * over TLS. Every wait has an end (CLIENT_PATIENCE_MS); what goes wrong fails the test. Thread: one
 * each. */
#ifndef SLUICE_TESTS_SUPPORT_HTTP_CLIENT_H
#define SLUICE_TESTS_SUPPORT_HTTP_CLIENT_H

#include "base/buf.h"

#include <openssl/ssl.h>

enum { CLIENT_PATIENCE_MS = 20000 };

struct client {
    int fd;
    SSL *ssl;       /* NULL: plain */
    struct buf got; /* read, not yet taken as a reply */
};

/* A reply, taken from `got`. */
struct client_reply {
    int status;
    char head[4096]; /* status line and headers, NUL-terminated */
    uint8_t *body;   /* mem_free'd by client_reply_end; a NUL follows it */
    size_t body_len;
};

void client_open(struct client *c, uint16_t port);
/* The TLS handshake. `alpn` is in wire form ("\x08http/1.1"), or NULL. False when the server
 * refused it. */
bool client_tls(struct client *c, SSL_CTX *context, const char *alpn);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, struct bytes bytes);
/* False when the other side has closed. */
bool client_try_send(struct client *c, struct bytes bytes);
/* POST of that path and body, complete. */
void client_post(struct client *c, const char *path, struct bytes body);
/* Reads until what was read, and not taken yet, ends with `text`. */
void client_read_to(struct client *c, const char *text);
/* Reads one reply, whole by its Content-Length. `bodiless`: an answer to HEAD. */
void client_read(struct client *c, struct client_reply *r, bool bodiless);
void client_reply_end(struct client_reply *r);
/* Reads one reply, expects that status and body, throws it away. */
void client_expect(struct client *c, int status, const char *body);
/* Reads whatever comes until the other side closes; true when it did within `ms`. */
bool client_closed_within(struct client *c, unsigned ms);
/* The header's value, or NULL; valid until the next call. */
const char *client_reply_header(const struct client_reply *r, const char *name);

#endif
