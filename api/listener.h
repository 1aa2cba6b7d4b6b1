/* listener.h: accepts connections, waits until their first bytes tell what they speak, and hands
 * them on. See docs/THREADS.md. */
#ifndef SLUICE_API_LISTENER_H
#define SLUICE_API_LISTENER_H

#include "api/network_internal.h"

struct listener_settings {
    const char *address;
    uint16_t port;
    uint64_t connections_max;
    uint64_t first_byte_ms;
    struct protocol_offer offer;
    struct network_counts *counts;
    const struct clock *clock;
    /* Takes a socket that is ready to be served. Thread: listener. The handover is `take`'s until
     * handover_done. */
    void (*take)(void *arg, struct handover *h);
    void *arg;
};

struct listener;
/* Binds and listens; accepts nothing yet. IN_USE, INVALID_ARGUMENT (the address), IO_FAILED. */
enum status listener_open(const struct listener_settings *s, struct listener **out,
                          struct fault *f) MUST_USE;
/* Starts its thread. */
void listener_start(struct listener *l);
uint16_t listener_port(const struct listener *l);
/* Stops accepting, joins the thread, closes the sockets that are still waiting. */
void listener_close(struct listener *l);
/* Frees the handover; its socket is the caller's. Thread: any. */
void handover_done(struct handover *h);

#endif
