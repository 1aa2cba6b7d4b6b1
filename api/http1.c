/* http1.c: one loop's HTTP/1.1: connections, by what they are at.
 *
 * libmicrohttpd parses, frames and sends; when it works is for us to say (http1_daemon.c).
 *
 * Its time-outs are not used either. They know silence only, so a client who sends a byte a second
 * would stay for ever; ours go by what a connection is at (enum phase, http1_timeouts.c).
 *
 * I1. A connection is in the list of its phase from MHD's "started" to its "closed", or was cut.
 * I2. A suspended connection is never closed before its exchange has finished (X1): libmicrohttpd
 * does not look at it, we do not cut it, and a loop stops only when none is left.
 *
 * Left to others: requests (http1_request.c), certificates (http1_tls.c), replies that go on (http1_stream.c).
 * Thread: the loop's own. */
#include "api/http1_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"

#include <sys/socket.h>

static struct connection *connection_of(struct list *node)
{
    return LIST_OWNER(node, struct connection, node);
}

void connection_enter(struct connection *c, enum phase phase)
{
    struct http1 *h = c->http1;
    bool was_cut = list_empty(&c->node);
    c->phase = phase;
    c->since_us = h->now_us;
    c->acknowledged = 0;
    if (was_cut)
        return;
    list_remove(&c->node);
    list_append(&h->phases[phase], &c->node);
    if (phase == PHASE_IDLE && h->draining)
        connection_cut(c);
}

void connection_cut(struct connection *c)
{
    list_remove(&c->node);
    shutdown(c->fd, SHUT_RDWR); /* it may be closed by the other side already */
    daemon_wake(c->daemon);
}

static void relay_closed(struct http1_relay *relay)
{
    if (relay != NULL)
        relay->closed(relay);
}

static void add(struct http1 *h, enum protocol_transport transport, int fd,
                const union network_address *address, socklen_t address_len,
                struct http1_relay *relay)
{
    struct http1_daemon *d = daemon_for_next(h, transport);
    struct connection *c = MEM_NEW(struct connection);
    c->http1 = h;
    c->daemon = d;
    c->fd = fd;
    c->relay = relay;
    c->tls = relay != NULL || transport == TRANSPORT_HTTP1_TLS;
    list_init(&c->node);
    c->peer_len = socket_peer(address, c->peer);
    h->arriving = c;
    enum MHD_Result added = MHD_add_connection(d->mhd, fd, &address->any, address_len);
    if (h->arriving != NULL) { /* it was refused before it was announced; its socket is closed */
        h->arriving = NULL;
        network_counts_closed(h->counts);
        mem_free(c);
        relay_closed(relay);
    }
    if (added != MHD_YES)
        TRACE_SELDOM(TRACE_WARN, "http1", "a connection could not be added");
    daemon_wake(d);
    timeouts_start(h);
}

void http1_add(struct http1 *h, int fd, const union network_address *address, socklen_t address_len,
               bool tls)
{
    add(h, tls ? TRANSPORT_HTTP1_TLS : TRANSPORT_HTTP1, fd, address, address_len, NULL);
}

void http1_add_relayed(struct http1 *h, int fd, const union network_address *address,
                       socklen_t address_len, struct http1_relay *relay)
{
    add(h, TRANSPORT_HTTP1, fd, address, address_len, relay);
}

static void connection_started(struct http1 *h, struct MHD_Connection *mhd, void **context)
{
    struct connection *c = h->arriving;
    must(c != NULL);
    h->arriving = NULL;
    c->mhd = mhd;
    *context = c;
    h->connections++;
    c->daemon->connections++;
    list_append(&h->phases[PHASE_RECEIVING], &c->node); /* I1 */
    c->phase = PHASE_RECEIVING;
    c->since_us = clock_mono_us(h->settings->clock);
}

static void connection_closed(struct http1 *h, struct connection *c)
{
    must(c->phase != PHASE_RUNNING); /* I2 */
    c->daemon->connections--;
    list_remove(&c->node);
    if (c->pair != NULL)
        tls_pair_unref(c->pair);
    relay_closed(c->relay);
    mem_free(c);
    network_counts_closed(h->counts);
    h->connections--;
    if (h->draining && h->connections == 0)
        h->drained(h->drained_arg);
}

void connection_notified(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_started(arg, mhd, context);
    else
        connection_closed(arg, *context);
}

uint64_t http1_turn(struct http1 *h)
{
    h->now_us = clock_mono_us(h->settings->clock);
    return daemons_run(h) ? 0 : UINT64_MAX;
}

enum status http1_open(const struct network_settings *settings, struct network_counts *counts,
                       struct loop *loop, struct http1 **out, struct fault *f)
{
    struct http1 *h = MEM_NEW(struct http1);
    h->settings = settings;
    h->counts = counts;
    h->loop = loop;
    for (size_t i = 0; i < PHASES; i++)
        list_init(&h->phases[i]);
    for (size_t i = 0; i < TRANSPORTS; i++)
        list_init(&h->daemons[i]);
    list_init(&h->dirty);
    spares_init(&h->spare_requests, SPARE_REQUESTS_MAX);
    buffers_init(&h->buffers);
    timeouts_init(h);
    /* Without settings->plain, it serves what undeclared.c carries. */
    enum status st = daemons_open(h, TRANSPORT_HTTP1, f);
    if (st == OK && settings->tls != NULL)
        st = daemons_open(h, TRANSPORT_HTTP1_TLS, f);
    *out = st == OK ? h : NULL;
    if (st != OK)
        http1_close(h);
    return st;
}

void http1_drain(struct http1 *h, void (*drained)(void *), void *arg)
{
    h->draining = true;
    h->drained = drained;
    h->drained_arg = arg;
    LIST_EACH(node, keep, &h->phases[PHASE_IDLE])
    connection_cut(connection_of(node));
    stream_drain(h);
    if (h->connections == 0)
        drained(arg);
}

void http1_cut(struct http1 *h)
{
    must(h->draining);
    h->cutting = true;
    LIST_EACH(node, keep, &h->phases[PHASE_RECEIVING])
    connection_cut(connection_of(node));
    LIST_EACH(node, keep, &h->phases[PHASE_SENDING])
    connection_cut(connection_of(node));
    LIST_EACH(node, keep, &h->phases[PHASE_STREAMING])
    connection_cut(connection_of(node));
    if (!list_empty(&h->phases[PHASE_RUNNING]))
        trace(TRACE_WARN, "http1", "the grace is over, and requests are still being worked on");
}

void http1_close(struct http1 *h)
{
    if (h == NULL)
        return;
    must(h->connections == 0);
    loop_timer_cancel(h->loop, &h->sweep);
    for (size_t i = 0; i < TRANSPORTS; i++)
        daemons_close(h, (enum protocol_transport)i);
    request_free_spares(h);
    buffers_fini(&h->buffers);
    mem_free(h);
}
