/* http1_timeouts.c: slow and silent clients.
 *
 * All connections of a phase have the same limit, so each phase's list is in order of its ends, and
 * a sweep looks only at the front.
 *
 *   IDLE       idle_ms       no request line
 *   RECEIVING  request_ms    from the first byte, or from the request line on a kept connection, to the end of
 *                            the body: neither headers nor a body can be dribbled for longer
 *   SENDING    request_ms    without a byte acknowledged by the client's side; as long as he takes something he may be slow
 *   STREAMING  stall_ms      likewise, of a reply that goes on
 *   RUNNING    none          it is our turn
 *   RESTING    none          likewise: a reply that goes on has nothing to say; whoever has gone meanwhile is found when it has
 *
 * A connection whose client has closed his side ends at the next sweep at the latest; only one who had rested, and then said less than
 * a request line and left in the same moment, at the limit of IDLE.
 *
 * I1. While there are connections, the sweep runs at least every second; without any, and nothing
 * to trim, it sleeps.
 *
 * Thread: the loop's own. */
#include "api/http1_internal.h"

#include "base/must.h"
#include "base/trace.h"

#include <sys/socket.h>

static struct connection *connection_of(struct list *node)
{
    return LIST_OWNER(node, struct connection, node);
}

static void late(struct connection *c, const char *what)
{
    metric_add(c->http1->counts->cut, 1);
    trace(TRACE_DEBUG, "http1", "%s: closed, %s for too long", c->peer, what);
    connection_cut(c);
}

static void sweep_phase(struct http1 *h, enum phase phase, uint64_t limit_ms, const char *what)
{
    struct list *oldest;
    while ((oldest = list_first(&h->phases[phase])) != NULL &&
           h->now_us - connection_of(oldest)->since_us >= limit_ms * 1000)
        late(connection_of(oldest), what);
}

/* Who has taken bytes since the last look gets another term. */
static void sweep_sending(struct http1 *h, enum phase phase, uint64_t usual_ms)
{
    struct list *oldest;
    while ((oldest = list_first(&h->phases[phase])) != NULL) {
        struct connection *c = connection_of(oldest);
        uint64_t limit_ms = h->cutting ? h->sweep_ms : usual_ms;
        if (h->now_us - c->since_us < limit_ms * 1000)
            return;
        uint64_t now_acknowledged =
            socket_acknowledged(c->relay != NULL ? c->relay->client_fd : c->fd);
        bool moves = now_acknowledged > c->acknowledged && !h->cutting;
        if (!moves) {
            late(c, "took no byte of its answer");
            continue;
        }
        connection_enter(c, phase);
        c->acknowledged = now_acknowledged;
    }
}

static bool has_ended(const struct connection *c)
{
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* libmicrohttpd takes a short read to mean that nothing more is there, and so misses the end of a
 * client who closed his sending side right behind his bytes. Whoever has come to rest since the last
 * sweep is looked at once; whoever is within a request each time, since any piece may have been the
 * last. */
static void sweep_ended(struct http1 *h)
{
    for (struct list *node = h->phases[PHASE_IDLE].prev, *keep; node != &h->phases[PHASE_IDLE];
         node = keep) {
        keep = node->prev;
        struct connection *c = connection_of(node);
        if (c->since_us < h->swept_us)
            break;
        if (has_ended(c))
            connection_cut(c);
    }
    LIST_EACH(node, keep, &h->phases[PHASE_RECEIVING])
    {
        struct connection *c = connection_of(node);
        if (has_ended(c))
            connection_cut(c);
    }
    h->swept_us = h->now_us;
}

static void timeouts_sweep(struct http1 *h)
{
    sweep_ended(h);
    sweep_phase(h, PHASE_IDLE, h->settings->idle_ms, "idle");
    sweep_phase(h, PHASE_RECEIVING, h->settings->request_ms, "its request was incomplete");
    sweep_sending(h, PHASE_SENDING, h->settings->request_ms);
    sweep_sending(h, PHASE_STREAMING, h->settings->stall_ms);
}

void timeouts_start(struct http1 *h)
{
    if (!h->sweep.armed)
        loop_timer_set(h->loop, &h->sweep, h->sweep_ms);
}

static void on_sweep(struct loop_timer *t)
{
    struct http1 *h = LIST_OWNER(t, struct http1, sweep);
    h->now_us = clock_mono_us(h->settings->clock);
    timeouts_sweep(h);
    buffers_trim(&h->buffers);
    request_trim(h);
    if (h->connections > 0 || h->buffers.count > 0 || h->spare_requests.count > 0) /* I1 */
        timeouts_start(h);
}

void timeouts_init(struct http1 *h)
{
    h->sweep_ms = network_sweep_ms(h->settings);
    h->sweep.fire = on_sweep;
}
