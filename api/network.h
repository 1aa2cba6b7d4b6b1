/* network.h: the sockets: a listener thread, and one loop per core that serves what the listener
 * hands it. See docs/THREADS.md. */
#ifndef SLUICE_API_NETWORK_H
#define SLUICE_API_NETWORK_H

#include "api/exchange.h"
#include "api/tls.h"

struct network_settings {
    const char *address; /* "127.0.0.1", "::", "0.0.0.0" */
    uint16_t port;       /* 0: any; network_port tells */
    uint32_t loops;      /* 0: one per core */
    uint64_t
        connections_max; /* default 10,000; more are closed at accept, oldest silent ones first */
    uint64_t body_bytes_max; /* of all requests in memory together; default 256 MiB; more get 400
                                ProvisionedThroughputExceededException */
    uint64_t idle_ms; /* a connection without a request is closed after this; default 90,000 */
    uint64_t first_byte_ms; /* silence after accept; default 30,000 */
    uint64_t stall_ms;   /* a reader of a reply that goes on may take nothing for so long; default
                          300,000 */
    uint64_t request_ms; /* a request must be complete within this; default 60,000 */
    bool plain;          /* serve HTTP without TLS; default true */
    struct tls *tls;     /* NULL: no TLS */
    struct exchange_handler *handler;
    const struct clock *clock;
};
void network_defaults(struct network_settings *s);

struct network;
/* Binds, listens and starts the threads. IN_USE when the port is taken. */
enum status network_open(const struct network_settings *s, struct network **out,
                         struct fault *f) MUST_USE;
uint16_t network_port(const struct network *n);
/* How many connections are open now; for health and metrics. */
uint64_t network_connections(const struct network *n);
/* Stops accepting, closes idle connections, answers what is in flight (at most `grace_ms`), joins
 * the threads. */
void network_close(struct network *n, uint64_t grace_ms);

#endif
