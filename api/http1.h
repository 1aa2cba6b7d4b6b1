/* http1.h: HTTP/1.1 on one loop: libmicrohttpd on one side, exchanges on the other. Thread: the
 * loop's own, or before it runs. */
#ifndef SLUICE_API_HTTP1_H
#define SLUICE_API_HTTP1_H

#include "api/network_internal.h"

struct http1;
/* `settings` must outlive it. */
enum status http1_open(const struct network_settings *settings, struct network_counts *counts,
                       struct loop *loop, struct http1 **out, struct fault *f) MUST_USE;
/* Serves the socket; owns it from here on, also when that fails. */
void http1_add(struct http1 *h, int fd, const union network_address *address, socklen_t address_len,
               bool tls);
/* A client whose bytes another carries to `fd` and back. */
struct http1_relay {
    int client_fd; /* the client's own socket; open until `closed` is called */
    void (*closed)(
        struct http1_relay
            *); /* `fd` is about to be closed; called once, also when it could not be served: then at once */
};
/* Serves it, as one over TLS; owns the socket from here on, also when that fails. */
void http1_add_relayed(struct http1 *h, int fd, const union network_address *address,
                       socklen_t address_len, struct http1_relay *relay);
/* Called at the end of each turn of the loop: works, and says in how many ms it wants to be called again whatever happens. */
uint64_t http1_turn(struct http1 *h);
/* Idle connections are closed, the others after their next reply. `drained` is called once, when
 * none is left: perhaps at once. */
void http1_drain(struct http1 *h, void (*drained)(void *), void *arg);
/* After http1_drain: waits for no client any more. Exchanges that a handler holds are still waited
 * for. */
void http1_cut(struct http1 *h);
/* After `drained`, when the loop has stopped. */
void http1_close(struct http1 *h);

#endif
