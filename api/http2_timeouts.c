/* http2_timeouts.c: slow and silent HTTP/2 clients.
 *
 * The limits are those of http1_timeouts.c, but most of them are a request's own, since many share a connection:
 *
 *   OPENING    request_ms    TLS, preface and SETTINGS must be done
 *   IDLE       idle_ms       no request; pings do not count. GOAWAY
 *   receiving  request_ms    from its first byte to its last. A body that is late: RST_STREAM. Headers: GOAWAY, since nothing else can come before their end
 *   sending    request_ms    the client opens no window for it: RST_STREAM. While the socket itself is blocked, that decides
 *   streaming  stall_ms      likewise, of a reply that goes on
 *   blocked    request_ms    without a byte acknowledged by the client's side: closed
 *   LEAVING    LINGER_MS     closed
 *
 * A request that is being worked on, or whose source has nothing now, has no limit: it is our turn.
 *
 * I1. While there are connections, the sweep runs at least every second; without any, and nothing to trim, it sleeps.
 *
 * Thread: the loop's own. */
#include "api/http2_internal.h"

#include "base/trace.h"

enum { LINGER_MS = 1000 };

static bool passed(const struct http2 *h, uint64_t since_us, uint64_t limit_ms)
{
    return h->core.now_us - since_us >= limit_ms * 1000;
}

static void late(struct http2 *h, const struct http2_session *s, const char *what)
{
    metric_add(h->core.counts->cut, 1);
    trace(TRACE_DEBUG, "http2", "%s: %s for too long", s->peer, what);
}

/* The connection longest in that phase, if that is too long. */
static struct http2_connection *oldest_in(struct http2 *h, enum http2_phase phase,
                                          uint64_t limit_ms)
{
    struct list *node = list_first(&h->phases[phase]);
    if (node == NULL)
        return NULL;
    struct http2_connection *c = LIST_OWNER(node, struct http2_connection, node);
    return passed(h, c->since_us, limit_ms) ? c : NULL;
}

static void sweep_phases(struct http2 *h)
{
    struct http2_connection *c;
    while ((c = oldest_in(h, HTTP2_OPENING, h->core.settings->request_ms)) != NULL) {
        late(h, &c->session, "its preface was incomplete");
        http2_connection_lose(c);
    }
    while ((c = oldest_in(h, HTTP2_IDLE, h->core.settings->idle_ms)) != NULL) {
        late(h, &c->session, "idle");
        http2_session_leave(&c->session);
        http2_connection_enter(c, HTTP2_IDLE); /* until this turn ends, or its socket takes that */
    }
    while ((c = oldest_in(h, HTTP2_LEAVING, LINGER_MS)) != NULL)
        http2_connection_lose(c);
}

/* The request longest in the list, if that is too long; it is counted from now on anew, since its end takes until the turn ends, or longer. */
static struct http2_request *oldest_of(struct http2 *h, struct list *list, uint64_t limit_ms)
{
    struct list *node = list_first(list);
    if (node == NULL)
        return NULL;
    struct http2_request *r = LIST_OWNER(node, struct http2_request, timed);
    if (!passed(h, r->since_us, limit_ms))
        return NULL;
    r->since_us = h->core.now_us;
    list_remove(&r->timed);
    list_append(list, &r->timed);
    return r;
}

static void sweep_receiving(struct http2 *h)
{
    struct http2_request *r;
    while ((r = oldest_of(h, &h->core.receiving, h->core.settings->request_ms)) != NULL) {
        late(h, r->session, "a request was incomplete");
        if (r->stage == HTTP2_HEAD)
            http2_session_terminate(r->session, NGHTTP2_ENHANCE_YOUR_CALM);
        else
            http2_request_reset(r, NGHTTP2_CANCEL);
    }
}

static void sweep_sending(struct http2 *h, struct list *list, uint64_t limit_ms)
{
    struct http2_request *r;
    while ((r = oldest_of(h, list, limit_ms)) != NULL) {
        struct http2_connection *c = (struct http2_connection *)r->session;
        if (!list_empty(&c->blocked))
            continue;
        late(h, r->session, "no byte of an answer was asked for");
        bool all_sent = r->exchange.source == NULL && r->sent == r->exchange.reply.len;
        http2_request_reset(r, all_sent ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    }
}

/* Who has taken bytes since the last look gets another term. */
static void sweep_blocked(struct http2 *h)
{
    struct list *node;
    while ((node = list_first(&h->blocked)) != NULL) {
        struct http2_connection *c = LIST_OWNER(node, struct http2_connection, blocked);
        if (!passed(h, c->blocked_us, h->core.settings->request_ms))
            return;
        uint64_t acknowledged = socket_acknowledged(c->watch.fd);
        if (acknowledged <= c->acknowledged) {
            late(h, &c->session, "took no byte of an answer");
            http2_connection_lose(c);
            continue;
        }
        c->acknowledged = acknowledged;
        c->blocked_us = h->core.now_us;
        list_remove(&c->blocked);
        list_append(&h->blocked, &c->blocked);
    }
}

void http2_timeouts_start(struct http2 *h)
{
    if (!h->sweep.armed)
        loop_timer_set(h->core.loop, &h->sweep, h->sweep_ms);
}

static void on_sweep(struct loop_timer *t)
{
    struct http2 *h = LIST_OWNER(t, struct http2, sweep);
    h->core.now_us = clock_mono_us(h->core.settings->clock);
    sweep_receiving(h);
    sweep_sending(h, &h->core.sending, h->core.settings->request_ms);
    sweep_sending(h, &h->core.streaming, h->core.settings->stall_ms);
    sweep_blocked(h);
    sweep_phases(h);
    buffers_trim(&h->core.buffers);
    http2_request_trim(&h->core);
    if (h->connections > 0 || h->core.buffers.count > 0 || h->core.requests.count > 0) /* I1 */
        http2_timeouts_start(h);
}

void http2_timeouts_init(struct http2 *h)
{
    h->sweep_ms = network_sweep_ms(h->core.settings);
    h->sweep.fire = on_sweep;
}
