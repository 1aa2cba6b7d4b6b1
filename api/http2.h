/* http2.h: HTTP/2 on one loop: nghttp2 and OpenSSL on one side, exchanges on the other. Thread: the loop's own, or before it runs. */
#ifndef SLUICE_API_HTTP2_H
#define SLUICE_API_HTTP2_H

#include "api/network_internal.h"

#include <openssl/types.h>

struct http2;
/* `settings` must outlive it. */
enum status http2_open(const struct network_settings *settings, struct network_counts *counts,
                       struct loop *loop, struct http2 **out, struct fault *f) MUST_USE;
/* Serves the socket; owns it from here on, also when that fails. */
void http2_add(struct http2 *h, int fd, const union network_address *address, bool tls);
/* Serves a client whose TLS stands and who has begun: `read` was read already. Owns socket and `ssl` from here on. */
void http2_adopt(struct http2 *h, int fd, const union network_address *address, SSL *ssl,
                 struct bytes read);
/* Called at the end of each turn of the loop: sends what has gathered, and says in how many ms it wants to be called again whatever happens. */
uint64_t http2_turn(struct http2 *h);
/* GOAWAY to all: what has begun is answered, then they are closed. `drained` is called once, when none is left: perhaps at once. */
void http2_drain(struct http2 *h, void (*drained)(void *), void *arg);
/* After http2_drain: waits for no client any more. Exchanges that a handler holds are still waited for. */
void http2_cut(struct http2 *h);
/* After `drained`, when the loop has stopped. */
void http2_close(struct http2 *h);

#endif
