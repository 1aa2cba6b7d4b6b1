/* network_internal.h: what the listener and the loops of one network share. */
#ifndef SLUICE_API_NETWORK_INTERNAL_H
#define SLUICE_API_NETWORK_INTERNAL_H

#include "api/body.h"
#include "api/network.h"
#include "api/protocol.h"
#include "base/metric.h"

#include <netinet/in.h>
#include <stdatomic.h>

/* A reply in memory of at least so many bytes is charged to the budget of replies; and so many idle requests are kept for their next use. */
enum { REPLY_CHARGED_LEAST = 256 * 1024, SPARE_REQUESTS_MAX = 256 };

/* Counted by whoever holds the socket: the listener, then one of the loops. Thread: any. */
struct network_counts {
    _Atomic uint64_t connections;
    struct body_budget bodies;
    struct body_budget replies; /* as many bytes again, so that readers cannot starve writers */
    /* fixed at birth */
    struct metric *open, *accepted, *requests, *cut, *throttled, *too_large;
};
void network_counts_init(struct network_counts *c, uint64_t body_bytes_max);
void network_counts_opened(struct network_counts *c);
void network_counts_closed(struct network_counts *c);
/* How often a transport looks for clients whose time is over. */
uint64_t network_sweep_ms(const struct network_settings *s);

union network_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A socket on its way from the listener to the loop that will serve it. */
struct handover {
    struct message message;
    void *taker; /* the taker's own */
    int fd;
    enum protocol_transport transport;
    socklen_t address_len;
    union network_address address;
};

#endif
