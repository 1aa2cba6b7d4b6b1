/* http1_daemon.c: the libmicrohttpds of one loop, driven by it.
 *
 * The epoll descriptor of each is watched by our loop, and MHD_run is called at the end of a turn in which that was readable, a socket was added
 * or an exchange finished: once for all of them. Its own threads are not used: they stall when exactly a full batch of sockets is ready.
 *
 * Whenever a connection is resumed, libmicrohttpd walks all connections of its daemon that are suspended: subscriptions at rest would slow down every
 * put beside them. So there is a daemon for each DAEMON_STREAMS_MAX replies that go on: a new connection goes to the first that has fewer. What a
 * connection will ask for is not known when it comes, so who comes many at a time is spread too (DAEMON_CONNECTIONS_MAX).
 *
 * I1. A walk is over at most DAEMON_CONNECTIONS_MAX connections, and over some DAEMON_STREAMS_MAX where clients come one after the other.
 * I2. There are as many daemons as the most streams and connections so far asked for; they stay, each an epoll descriptor and little else.
 *
 * Thread: the loop's own. */
#include "api/http1_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>

/* How often MHD_run is called in one turn while it has more to do at once; then other events have
 * theirs. */
enum { RUNS_A_TURN = 8 };

void daemon_wake(struct http1_daemon *d)
{
    if (list_empty(&d->waking))
        list_append(&d->http1->dirty, &d->waking);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
    (void)events;
    daemon_wake(LIST_OWNER(w, struct http1_daemon, watch));
}

static void run(struct http1_daemon *d)
{
    bool more = true;
    for (int i = 0; i < RUNS_A_TURN && more; i++) {
        list_remove(&d->waking); /* before: what the run itself wakes is for the next */
        must(MHD_run(d->mhd) == MHD_YES);
        MHD_UNSIGNED_LONG_LONG wait_ms;
        more = (MHD_get_timeout(d->mhd, &wait_ms) == MHD_YES && wait_ms == 0) ||
               !list_empty(&d->waking);
    }
    if (more)
        daemon_wake(d);
}

bool daemons_run(struct http1 *h)
{
    struct list now, *first;
    list_init(&now);
    list_splice(&now, &h->dirty);
    while ((first = list_first(&now)) != NULL)
        run(LIST_OWNER(first, struct http1_daemon, waking));
    return !list_empty(&h->dirty);
}

/* ---- opening and closing */

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
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_notified, h},
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

static void daemon_close(struct http1_daemon *d)
{
    list_remove(&d->node);
    list_remove(&d->waking);
    loop_unwatch(d->http1->loop, &d->watch);
    MHD_stop_daemon(d->mhd);
    mem_free(d);
}

enum status daemons_open(struct http1 *h, enum protocol_transport transport, struct fault *f)
{
    struct MHD_Daemon *mhd = start(h, transport);
    if (mhd == NULL)
        return fault_set(f, IO_FAILED, "libmicrohttpd does not start: %m");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD);
    must(info != NULL);
    struct http1_daemon *d = MEM_NEW(struct http1_daemon);
    *d = (struct http1_daemon){
        .http1 = h, .mhd = mhd, .watch = {.fd = info->epoll_fd, .ready = on_ready}};
    list_init(&d->waking);
    list_append(&h->daemons[transport], &d->node);
    enum status st = loop_watch(h->loop, &d->watch, EPOLLIN, f);
    if (st != OK)
        daemon_close(d);
    return st;
}

void daemons_close(struct http1 *h, enum protocol_transport transport)
{
    struct list *first;
    while ((first = list_first(&h->daemons[transport])) != NULL)
        daemon_close(LIST_OWNER(first, struct http1_daemon, node));
}

static struct http1_daemon *first_with_room(struct http1 *h, enum protocol_transport transport)
{
    LIST_EACH(node, keep, &h->daemons[transport])
    {
        struct http1_daemon *d = LIST_OWNER(node, struct http1_daemon, node);
        if (d->streams < DAEMON_STREAMS_MAX && d->connections < DAEMON_CONNECTIONS_MAX)
            return d;
    }
    return NULL;
}

struct http1_daemon *daemon_for_next(struct http1 *h, enum protocol_transport transport)
{
    struct fault f;
    struct http1_daemon *d = first_with_room(h, transport);
    if (d != NULL)
        return d;
    if (daemons_open(h, transport, &f) != OK) /* it will be slower, but it will do */
        TRACE_SELDOM(TRACE_WARN, "http1", "%s", f.text);
    must(!list_empty(&h->daemons[transport])); /* http1_open has made one */
    return LIST_OWNER(h->daemons[transport].prev, struct http1_daemon, node);
}
