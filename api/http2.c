/* http2.c: one loop's HTTP/2: sockets, plain or TLS, between the loop and their sessions.
 *
 * What comes in is given to the session at once: requests are worked on while the turn goes on. What is to go out gathers until the turn ends, and is
 * then sent in one piece; replies that became ready together, by one commit, travel in one packet. A session is asked for no more than the socket
 * takes: what it did not take is kept here (at most one buffer), and the session is left alone until that is gone.
 *
 * Reading never waits for writing: a client that sends all he has before he reads must not wait for ever. What he can make us
 * hold by that is bounded by the session (its requests, its budgets, its acknowledgements).
 *
 * An end of what the client sends is his end: in HTTP/2 nobody closes half a connection. When we close, we first close our half, and
 * throw away what still comes for up to LINGER_MS: closing over unread bytes would make the kernel send a reset, which can destroy our last words.
 *
 * H1. A connection is counted (network_counts) as long as its socket is open, and is in memory as long as an exchange of its is running (X1).
 * H2. It is in the list of its phase, always; in `blocked` exactly while it has bytes that the socket did not take.
 *
 * Left to others: frames and requests (http2_session.c), TLS (http2_tls.c), time limits (http2_timeouts.c).
 * Thread: the loop's own. */
#include "api/http2_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A turn takes and gives at most so much of one connection; then others have theirs. */
enum { READS_A_TURN = 4, SENDS_A_TURN = 4, INPUT_BYTES = 64 * 1024, DISCARDED_MAX = 1024 * 1024 };

static struct http2_connection *connection_of(struct list *node)
{
    return LIST_OWNER(node, struct http2_connection, node);
}

static void mark(struct http2_connection *c)
{
    if (list_empty(&c->dirty))
        list_append(&c->http2->dirty, &c->dirty);
}

static void on_wake(struct http2_session *s)
{
    mark((struct http2_connection *)s);
}

void http2_connection_enter(struct http2_connection *c, enum http2_phase phase)
{
    c->phase = phase;
    c->since_us = c->http2->core.now_us;
    list_remove(&c->node);
    list_append(&c->http2->phases[phase], &c->node);
}

void http2_connection_lose(struct http2_connection *c)
{
    struct http2 *h = c->http2;
    if (c->phase == HTTP2_GONE)
        return;
    http2_connection_enter(c, HTTP2_GONE);
    list_remove(&c->blocked);
    buffers_give(&h->core.buffers, c->left);
    c->left = (struct buffer){0};
    loop_unwatch(h->core.loop, &c->watch);
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->watch.fd); /* an error of close leaves nothing to do */
    network_counts_closed(h->core.counts);
    http2_session_end(&c->session);
    mark(c);
}

/* ---- the socket */

static void watch_for(struct http2_connection *c)
{
    struct fault f;
    uint32_t events = EPOLLIN;
    if (!list_empty(&c->blocked) || (c->ssl != NULL && SSL_want_write(c->ssl)))
        events |= EPOLLOUT;
    if (events == c->events || c->phase == HTTP2_GONE)
        return;
    c->events = events;
    if (loop_rewatch(c->http2->core.loop, &c->watch, events, &f) != OK)
        http2_connection_lose(c);
}

static ssize_t socket_read(struct http2_connection *c, uint8_t *to, size_t room)
{
    if (c->ssl != NULL)
        return http2_tls_read(c->ssl, to, room);
    ssize_t got = recv(c->watch.fd, to, room, MSG_DONTWAIT);
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EINTR ? HTTP2_IO_LATER : HTTP2_IO_END;
}

static ssize_t socket_write(struct http2_connection *c, struct bytes bytes)
{
    if (c->ssl != NULL)
        return http2_tls_write(c->ssl, bytes);
    ssize_t sent = send(c->watch.fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? HTTP2_IO_LATER : HTTP2_IO_END;
}

/* How many bytes it took; lost when it takes none any more. */
static size_t send_some(struct http2_connection *c, struct bytes bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t sent = socket_write(c, bytes_of(bytes.at + done, bytes.len - done));
        if (sent == HTTP2_IO_END)
            http2_connection_lose(c);
        if (sent <= 0)
            break;
        done += (size_t)sent;
    }
    return done;
}

/* ---- receiving */

/* In LEAVING. One who goes on sending is not worth waiting for. */
static void discard(struct http2_connection *c, size_t len)
{
    c->discarded += len;
    if (c->discarded > DISCARDED_MAX)
        http2_connection_lose(c);
}

/* Its phase, by what its session is at. Not left to the end of the turn: timers come before, and a handler may have taken its time. */
static void follow(struct http2_connection *c)
{
    enum http2_phase phase = HTTP2_BUSY;
    if (c->session.request_count == 0)
        phase = c->session.greeted ? HTTP2_IDLE : HTTP2_OPENING;
    if (phase != c->phase)
        http2_connection_enter(c, phase);
}

static void receive(struct http2_connection *c)
{
    struct http2 *h = c->http2;
    c->unread = false;
    for (int reads = 0; reads < READS_A_TURN; reads++) {
        ssize_t got = socket_read(c, h->input, INPUT_BYTES);
        if (got == HTTP2_IO_END)
            http2_connection_lose(c);
        if (got <= 0)
            return;
        if (c->phase == HTTP2_LEAVING) {
            discard(c, (size_t)got);
        } else {
            http2_session_receive(&c->session, bytes_of(h->input, (size_t)got));
            follow(c);
        }
        if (c->phase == HTTP2_GONE)
            return;
        /* A short read took all there was: what comes later wakes us. But of TLS, more may be read already. */
        if (c->ssl != NULL ? !SSL_has_pending(c->ssl) : got < INPUT_BYTES)
            return;
    }
    c->unread = true;
}

static void shake_hands(struct http2_connection *c)
{
    int done = http2_tls_shake(c->ssl);
    if (done == HTTP2_IO_END)
        http2_connection_lose(c);
    else if (done > 0)
        c->shakes_hands = false;
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
    struct http2_connection *c = LIST_OWNER(w, struct http2_connection, watch);
    struct http2_core *core = &c->http2->core;
    core->now_us = clock_mono_us(core->settings->clock);
    mark(c);
    if (c->shakes_hands)
        shake_hands(c);
    if (c->phase != HTTP2_GONE && !c->shakes_hands && (events & ~(uint32_t)EPOLLOUT) != 0)
        receive(c);
}

/* ---- sending, at the end of a turn */

/* Keeps what the socket did not take. */
static void block(struct http2_connection *c, struct bytes rest)
{
    struct http2 *h = c->http2;
    c->left = buffers_take(&h->core.buffers, rest.len);
    if (c->left.at == NULL) {
        http2_connection_lose(c);
        return;
    }
    memcpy(c->left.at, rest.at, rest.len);
    c->left_at = 0;
    c->left_len = rest.len;
    c->blocked_us = h->core.now_us;
    c->acknowledged = 0;
    list_append(&h->blocked, &c->blocked); /* H2 */
}

/* False as long as some of it is left. */
static bool send_left(struct http2_connection *c)
{
    struct http2 *h = c->http2;
    if (list_empty(&c->blocked))
        return true;
    size_t sent = send_some(c, bytes_of(c->left.at + c->left_at, c->left_len - c->left_at));
    if (c->phase == HTTP2_GONE)
        return false;
    c->left_at += sent;
    if (sent > 0) {
        c->blocked_us = h->core.now_us;
        list_remove(&c->blocked);
        list_append(&h->blocked, &c->blocked);
    }
    if (c->left_at < c->left_len)
        return false;
    list_remove(&c->blocked);
    buffers_give(&h->core.buffers, c->left);
    c->left = (struct buffer){0};
    return true;
}

/* Sends what there is, as far as the socket takes it. True when there is more for the next turn. */
static bool send_turn(struct http2_connection *c)
{
    for (int sends = 0; sends < SENDS_A_TURN; sends++) {
        if (!send_left(c))
            return false;
        struct http2_output out = {.at = c->http2->output, .room = HTTP2_OUTPUT_BYTES};
        http2_session_pull(&c->session, &out);
        if (out.len == 0)
            return false;
        size_t sent = send_some(c, bytes_of(out.at, out.len));
        if (c->phase == HTTP2_GONE)
            return false;
        if (sent < out.len) {
            block(c, bytes_of(out.at + sent, out.len - sent));
            return false;
        }
    }
    return true;
}

/* Everything was said, and sent. */
static void leave(struct http2_connection *c)
{
    bool idle_at_the_end = c->http2->draining && c->phase != HTTP2_BUSY;
    if (c->session.broken || idle_at_the_end) { /* no last words, or none that matter */
        http2_connection_lose(c);
        return;
    }
    if (c->ssl != NULL)
        http2_tls_goodbye(c->ssl);
    if (shutdown(c->watch.fd, SHUT_WR) != 0)
        http2_connection_lose(c);
    else
        http2_connection_enter(c, HTTP2_LEAVING);
}

static void settle(struct http2_connection *c)
{
    if (c->phase == HTTP2_LEAVING || c->phase == HTTP2_GONE || c->shakes_hands)
        return;
    if (list_empty(&c->blocked) && http2_session_is_over(&c->session)) {
        leave(c);
        return;
    }
    follow(c);
}

static void connection_free(struct http2_connection *c)
{
    struct http2 *h = c->http2;
    list_remove(&c->node);
    list_remove(&c->dirty);
    mem_free(c);
    h->connections--;
    if (h->draining && h->connections == 0)
        h->drained(h->drained_arg);
}

static void turn(struct http2_connection *c)
{
    if (c->unread)
        receive(c);
    bool more = c->unread;
    if (c->phase != HTTP2_GONE && c->phase != HTTP2_LEAVING && !c->shakes_hands)
        more = send_turn(c) || more;
    settle(c);
    watch_for(c);
    if (c->phase == HTTP2_GONE && c->session.request_count == 0)
        connection_free(c); /* H1 */
    else if (more && c->phase != HTTP2_GONE)
        mark(c);
}

uint64_t http2_turn(struct http2 *h)
{
    if (list_empty(&h->dirty))
        return UINT64_MAX;
    struct list now;
    list_init(&now);
    list_splice(&now, &h->dirty);
    h->core.now_us = clock_mono_us(h->core.settings->clock);
    for (struct list *node; (node = list_first(&now)) != NULL;) {
        list_remove(node);
        turn(LIST_OWNER(node, struct http2_connection, dirty));
    }
    return list_empty(&h->dirty) ? UINT64_MAX : 0;
}

/* ---- opening and closing */

static struct http2_connection *connection_new(struct http2 *h, int fd,
                                               const union network_address *address)
{
    struct http2_connection *c = MEM_NEW(struct http2_connection);
    h->core.now_us = clock_mono_us(h->core.settings->clock);
    c->http2 = h;
    c->watch = (struct loop_watch){.fd = fd, .ready = on_ready};
    list_init(&c->node);
    list_init(&c->dirty);
    list_init(&c->blocked);
    c->session.peer_len = socket_peer(address, c->session.peer);
    h->connections++;
    http2_connection_enter(c, HTTP2_OPENING);
    return c;
}

/* False when it is lost. */
static bool connection_begin(struct http2_connection *c, bool tls)
{
    struct http2 *h = c->http2;
    struct fault f;
    c->session.tls = tls;
    c->events = EPOLLIN;
    if (http2_session_init(&c->session, &h->core, on_wake) != OK || (tls && c->ssl == NULL) ||
        loop_watch(h->core.loop, &c->watch, EPOLLIN, &f) != OK) {
        TRACE_SELDOM(TRACE_WARN, "http2", "a connection could not be added");
        http2_connection_lose(c);
        return false;
    }
    mark(c); /* our SETTINGS */
    http2_timeouts_start(h);
    return true;
}

void http2_add(struct http2 *h, int fd, const union network_address *address, bool tls)
{
    struct http2_connection *c = connection_new(h, fd, address);
    if (tls)
        c->ssl = http2_tls_begin(h->core.settings->tls, fd);
    c->shakes_hands = tls;
    (void)connection_begin(c, tls);
}

void http2_adopt(struct http2 *h, int fd, const union network_address *address, SSL *ssl,
                 struct bytes read)
{
    struct http2_connection *c = connection_new(h, fd, address);
    c->ssl = ssl;
    if (!connection_begin(c, true))
        return;
    http2_session_receive(&c->session, read);
    c->unread = true; /* what came with it lies in OpenSSL already, and would wake nobody */
}

enum status http2_open(const struct network_settings *settings, struct network_counts *counts,
                       struct loop *loop, struct http2 **out, struct fault *f)
{
    struct http2 *h = MEM_NEW(struct http2);
    for (size_t i = 0; i < HTTP2_PHASES; i++)
        list_init(&h->phases[i]);
    list_init(&h->blocked);
    list_init(&h->dirty);
    enum status st = http2_core_open(&h->core, settings, counts, loop, f);
    h->input = mem_must(INPUT_BYTES);
    h->output = mem_must(HTTP2_OUTPUT_BYTES);
    http2_timeouts_init(h);
    *out = st == OK ? h : NULL;
    if (st != OK)
        http2_close(h);
    return st;
}

void http2_drain(struct http2 *h, void (*drained)(void *), void *arg)
{
    h->draining = true;
    h->drained = drained;
    h->drained_arg = arg;
    http2_request_drain(&h->core);
    static const enum http2_phase phases[] = {HTTP2_OPENING, HTTP2_IDLE, HTTP2_BUSY};
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        LIST_EACH(node, keep, &h->phases[phases[i]])
        {
            struct http2_connection *c = connection_of(node);
            if (c->shakes_hands)
                http2_connection_lose(c);
            else
                http2_session_leave(&c->session);
        }
    }
    if (h->connections == 0)
        drained(arg);
}

void http2_cut(struct http2 *h)
{
    must(h->draining);
    h->cutting = true;
    for (size_t i = 0; i < HTTP2_GONE; i++) {
        while (!list_empty(&h->phases[i]))
            http2_connection_lose(connection_of(list_first(&h->phases[i])));
    }
    LIST_EACH(node, keep, &h->phases[HTTP2_GONE])
    {
        if (connection_of(node)->session.request_count > 0) {
            trace(TRACE_WARN, "http2", "the grace is over, and requests are still being worked on");
            break;
        }
    }
}

void http2_close(struct http2 *h)
{
    if (h == NULL)
        return;
    must(h->connections == 0);
    loop_timer_cancel(h->core.loop, &h->sweep);
    http2_core_close(&h->core);
    mem_free(h->input);
    mem_free(h->output);
    mem_free(h);
}
