/* http1.c: one loop's HTTP/1.1: two libmicrohttpd daemons, plain and TLS, driven by our loop.
 *
 * libmicrohttpd parses, frames and sends; when it works is for us to say. Its epoll descriptor is
 * watched by our loop, and MHD_run is called at the end of a turn in which that was readable, a
 * socket was added or an exchange finished: once for all of them. Its own threads are not used:
 * they stall when exactly a full batch of sockets is ready.
 *
 * Its time-outs are not used either. They know silence only, so a client who sends a byte a second
 * would stay for ever; ours go by what a connection is at (enum phase, http1_timeouts.c).
 *
 * I1. A connection is in the list of its phase from MHD's "started" to its "closed", or was cut.
 * I2. A suspended connection is never closed before its exchange has finished (X1): libmicrohttpd
 * does not look at it, we do not cut it, and a loop stops only when none is left.
 *
 * Left to others: requests (http1_request.c), certificates (http1_tls.c).
 * Thread: the loop's own. */
#include "api/http1_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"

#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How often MHD_run is called in one turn while it has more to do at once; then other events have
 * theirs. */
enum { RUNS_A_TURN = 8 };

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
    c->daemon->dirty = true;
}

static void relay_closed(struct http1_relay *relay)
{
    if (relay != NULL)
        relay->closed(relay);
}

static void add(struct http1 *h, struct http1_daemon *d, int fd,
                const union network_address *address, socklen_t address_len,
                struct http1_relay *relay)
{
    must(d->mhd != NULL);
    struct connection *c = MEM_NEW(struct connection);
    c->http1 = h;
    c->daemon = d;
    c->fd = fd;
    c->relay = relay;
    c->tls = relay != NULL || d == &h->daemons[TRANSPORT_HTTP1_TLS];
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
    d->dirty = true;
    timeouts_start(h);
}

void http1_add(struct http1 *h, int fd, const union network_address *address, socklen_t address_len,
               bool tls)
{
    struct http1_daemon *d = &h->daemons[tls ? TRANSPORT_HTTP1_TLS : TRANSPORT_HTTP1];
    add(h, d, fd, address, address_len, NULL);
}

void http1_add_relayed(struct http1 *h, int fd, const union network_address *address,
                       socklen_t address_len, struct http1_relay *relay)
{
    add(h, &h->daemons[TRANSPORT_HTTP1], fd, address, address_len, relay);
}

static void connection_started(struct http1 *h, struct MHD_Connection *mhd, void **context)
{
    struct connection *c = h->arriving;
    must(c != NULL);
    h->arriving = NULL;
    c->mhd = mhd;
    *context = c;
    h->connections++;
    list_append(&h->phases[PHASE_RECEIVING], &c->node); /* I1 */
    c->phase = PHASE_RECEIVING;
    c->since_us = clock_mono_us(h->settings->clock);
}

static void connection_closed(struct http1 *h, struct connection *c)
{
    must(c->phase != PHASE_RUNNING); /* I2 */
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

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_started(arg, mhd, context);
    else
        connection_closed(arg, *context);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
    (void)events;
    LIST_OWNER(w, struct http1_daemon, watch)->dirty = true;
}

/* True when it wants another run at once. */
static bool run(struct http1_daemon *d)
{
    for (int i = 0; i < RUNS_A_TURN; i++) {
        d->dirty = false; /* before: what the run itself sets is for the next */
        must(MHD_run(d->mhd) == MHD_YES);
        MHD_UNSIGNED_LONG_LONG wait_ms;
        bool more = MHD_get_timeout(d->mhd, &wait_ms) == MHD_YES && wait_ms == 0;
        if (!more && !d->dirty)
            return false;
    }
    d->dirty = true;
    return true;
}

uint64_t http1_turn(struct http1 *h)
{
    bool more = false;
    h->now_us = clock_mono_us(h->settings->clock);
    for (size_t i = 0; i < TRANSPORTS; i++) {
        if (h->daemons[i].dirty)
            more = run(&h->daemons[i]) || more;
    }
    return more ? 0 : UINT64_MAX;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *format,
                                                         va_list args)
{
    (void)arg;
    char text[256];
    vsnprintf(text, sizeof(text), format, args);
    trace(TRACE_DEBUG, "http1", "%.*s", (int)strcspn(text, "\n"), text);
}

/* The path is wanted as it was sent. */
static size_t unescape_nothing(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start(struct http1 *h, enum protocol_transport transport)
{
    uint64_t most = h->settings->connections_max;
    unsigned int connections = most < INT_MAX ? (unsigned int)most : INT_MAX;
    /* A function pointer travels as an integer where two pointers are wanted (MHD_OPTION_ARRAY). */
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, h},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, h},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_end, h},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_begin, h},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)unescape_nothing, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)CONNECTION_POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned int flags =
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (transport == TRANSPORT_HTTP1_TLS)
        return http1_tls_start(flags, h, options);
    return MHD_start_daemon(flags, 0, NULL, NULL, request_access, h, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_END);
}

static enum status daemon_open(struct http1 *h, enum protocol_transport transport, struct fault *f)
{
    struct http1_daemon *d = &h->daemons[transport];
    d->mhd = start(h, transport);
    if (d->mhd == NULL)
        return fault_set(f, IO_FAILED, "libmicrohttpd does not start: %m");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    must(info != NULL);
    d->watch = (struct loop_watch){.fd = info->epoll_fd, .ready = on_ready};
    return loop_watch(h->loop, &d->watch, EPOLLIN, f);
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
    spares_init(&h->spare_requests, SPARE_REQUESTS_MAX);
    buffers_init(&h->buffers);
    timeouts_init(h);
    /* Without settings->plain, it serves what undeclared.c carries. */
    enum status st = daemon_open(h, TRANSPORT_HTTP1, f);
    if (st == OK && settings->tls != NULL)
        st = daemon_open(h, TRANSPORT_HTTP1_TLS, f);
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
    for (size_t i = 0; i < TRANSPORTS; i++) {
        if (h->daemons[i].mhd == NULL)
            continue;
        loop_unwatch(h->loop, &h->daemons[i].watch);
        MHD_stop_daemon(h->daemons[i].mhd);
    }
    request_free_spares(h);
    buffers_fini(&h->buffers);
    mem_free(h);
}
