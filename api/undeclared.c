/* undeclared.c: TLS clients that do not say beforehand, by ALPN, what they will speak.
 *
 * Most of them speak HTTP/1.1. But the async client of the AWS SDK for Java, and with it the Kinesis Client Library, begins HTTP/2 "with prior
 * knowledge", over TLS and without a word of it in the hello: AWS takes that, so we do. Only what such a client says first, inside TLS, tells; and
 * by then the TLS session is OpenSSL's, which HTTP/2 is served over as it is, but libmicrohttpd cannot be given. So HTTP/1.1 is served through a
 * pair of sockets: libmicrohttpd has one end, and speaks plain; between the other and the client we carry the bytes.
 *
 *   SHAKING --TLS stands--> HEARING --HTTP/2's preface--> http2's
 *                              \----anything else-------> CARRYING --its end--> LEAVING --client's end, or LINGER_MS--> lost
 *
 * Any is lost when its socket fails, its client goes or its time is over; and from there out of memory, when HTTP/1.1 has let go of its end.
 *
 * I1. A connection's socket stays open as long as HTTP/1.1 has its end, which asks it how far the client is.
 * I2. Of each direction at most CARRIED_BYTES that the other side did not take are kept, and no more is read until it has taken them: who reads
 * slowly holds his peer back as he would without us.
 * I3. It counts as a connection, and HTTP/1.1 counts its end as another: two of connections_max, and three descriptors (its socket and
 * the pair).
 *
 * Left to others: HTTP, and the time limits of requests and answers (http1.c, http2.c).
 * Thread: the loop's own. */
#include "api/undeclared.h"

#include "api/http2_internal.h"
#include "api/protocol.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 1000, CARRIED_BYTES = 16 * 1024, DISCARDED_MAX = 1024 * 1024 };

enum phase { SHAKING, HEARING, CARRYING, LEAVING, LOST, PHASES };

struct undeclared {
    /* fixed at birth */
    const struct network_settings *settings;
    struct network_counts *counts;
    struct loop *loop;
    struct http1 *http1;
    struct http2 *http2;

    /* the loop's own */
    struct list phases[PHASES]; /* clients, longest there first */
    size_t clients;
    struct buffers buffers;
    struct loop_timer sweep;
    bool draining;
    void (*drained)(void *);
    void *drained_arg;
    uint8_t scratch[CARRIED_BYTES];
};

/* What one side did not take yet. */
struct rest {
    struct buffer buffer;
    size_t at, len;
};

struct undeclared_client {
    struct http1_relay relay; /* first */
    struct undeclared *undeclared;
    struct loop_watch outer, inner; /* the client's socket; our end of the pair */
    uint32_t outer_events, inner_events;
    SSL *ssl;
    enum phase phase;
    uint64_t since_us;
    struct list node; /* of its phase */
    uint8_t heard[PREFACE_BYTES];
    size_t heard_len;
    struct rest to_client, to_http1;
    bool client_ended; /* nothing more comes from it, and HTTP/1.1 knows */
    bool http1_holds;  /* its end of the pair */
    size_t discarded;  /* in LEAVING */
    socklen_t address_len;
    union network_address address;
};

static struct undeclared_client *client_of(struct list *node)
{
    return LIST_OWNER(node, struct undeclared_client, node);
}

static void enter(struct undeclared_client *c, enum phase phase)
{
    c->phase = phase;
    c->since_us = clock_mono_us(c->undeclared->settings->clock);
    list_remove(&c->node);
    list_append(&c->undeclared->phases[phase], &c->node);
}

/* It is out of our hands: lost, or HTTP/2's. */
static void client_free(struct undeclared_client *c)
{
    struct undeclared *u = c->undeclared;
    list_remove(&c->node);
    mem_free(c);
    u->clients--;
    if (u->draining && u->clients == 0)
        u->drained(u->drained_arg);
}

/* I1: the last of both. */
static void client_close(struct undeclared_client *c)
{
    close(c->outer.fd); /* an error of close leaves nothing to do */
    network_counts_closed(c->undeclared->counts);
    client_free(c);
}

/* Frees it, if nobody holds it any more. */
static void lose(struct undeclared_client *c)
{
    struct undeclared *u = c->undeclared;
    if (c->phase == LOST)
        return;
    enter(c, LOST);
    loop_unwatch(u->loop, &c->outer);
    loop_unwatch(u->loop, &c->inner);
    buffers_give(&u->buffers, c->to_client.buffer);
    buffers_give(&u->buffers, c->to_http1.buffer);
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->inner.fd >= 0)
        close(c->inner.fd); /* HTTP/1.1 sees that, and lets go of the other end */
    shutdown(c->outer.fd, SHUT_RDWR);
    if (!c->http1_holds)
        client_close(c);
}

static void on_http1_closed(struct http1_relay *relay)
{
    struct undeclared_client *c = (struct undeclared_client *)relay;
    c->http1_holds = false;
    if (c->phase == LOST)
        client_close(c); /* otherwise what it wrote last may still be on its way through the pair */
}

/* ---- carrying */

static bool rest_keep(struct undeclared_client *c, struct rest *r, struct bytes bytes)
{
    r->buffer = buffers_take(&c->undeclared->buffers, bytes.len);
    if (r->buffer.at == NULL)
        return false;
    memcpy(r->buffer.at, bytes.at, bytes.len);
    r->at = 0;
    r->len = bytes.len;
    return true;
}

static void rest_took(struct undeclared_client *c, struct rest *r, size_t len)
{
    r->at += len;
    if (r->at < r->len)
        return;
    buffers_give(&c->undeclared->buffers, r->buffer);
    *r = (struct rest){0};
}

static ssize_t give_client(struct undeclared_client *c, struct bytes bytes)
{
    return http2_tls_write(c->ssl, bytes);
}

static ssize_t socket_outcome(ssize_t result)
{
    if (result > 0)
        return result;
    return result < 0 && (errno == EAGAIN || errno == EINTR) ? HTTP2_IO_LATER : HTTP2_IO_END;
}

static ssize_t give_http1(struct undeclared_client *c, struct bytes bytes)
{
    return socket_outcome(send(c->inner.fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t take_client(struct undeclared_client *c)
{
    return http2_tls_read(c->ssl, c->undeclared->scratch, CARRIED_BYTES);
}

static ssize_t take_http1(struct undeclared_client *c)
{
    return socket_outcome(recv(c->inner.fd, c->undeclared->scratch, CARRIED_BYTES, MSG_DONTWAIT));
}

enum carried { CARRIED_ALL, CARRIED_BLOCKED, CARRIED_END, CARRIED_BROKEN };

/* As much as comes and is taken: one side's socket holds so much only, so this ends. CARRIED_ALL: until there was no more; END: until
 * there will never be more; BLOCKED: until it was not taken; BROKEN: it will never be. */
static enum carried carry(struct undeclared_client *c, struct rest *r,
                          ssize_t (*take)(struct undeclared_client *),
                          ssize_t (*give)(struct undeclared_client *, struct bytes))
{
    for (;;) {
        while (r->len > 0) {
            ssize_t sent = give(c, bytes_of(r->buffer.at + r->at, r->len - r->at));
            if (sent <= 0)
                return sent == HTTP2_IO_LATER ? CARRIED_BLOCKED : CARRIED_BROKEN;
            rest_took(c, r, (size_t)sent);
        }
        ssize_t got = take(c);
        if (got <= 0)
            return got == HTTP2_IO_LATER ? CARRIED_ALL : CARRIED_END;
        struct bytes all = bytes_of(c->undeclared->scratch, (size_t)got);
        ssize_t sent = give(c, all);
        if (sent == HTTP2_IO_END)
            return CARRIED_BROKEN;
        size_t done = sent > 0 ? (size_t)sent : 0;
        if (done < all.len && !rest_keep(c, r, bytes_of(all.at + done, all.len - done)))
            return CARRIED_BROKEN;
    }
}

/* Everything was said: closing over bytes that still come would make the kernel send a reset, which can destroy our last words. */
static bool leave(struct undeclared_client *c)
{
    http2_tls_goodbye(c->ssl);
    if (c->undeclared->draining || shutdown(c->outer.fd, SHUT_WR) != 0)
        return false;
    enter(c, LEAVING);
    return true;
}

/* False when it is to be lost. */
static bool carry_both(struct undeclared_client *c)
{
    if (!c->client_ended) {
        enum carried in = carry(c, &c->to_http1, take_client, give_http1);
        /* An HTTP/1.1 that takes no more may still have an answer to give. */
        c->client_ended = in == CARRIED_END || in == CARRIED_BROKEN;
        if (in == CARRIED_END && shutdown(c->inner.fd, SHUT_WR) != 0)
            return false;
    }
    enum carried out = carry(c, &c->to_client, take_http1, give_client);
    if (out == CARRIED_END)
        return leave(c);
    return out != CARRIED_BROKEN;
}

/* ---- what is watched for */

static bool rewatch(struct undeclared_client *c, struct loop_watch *w, uint32_t *now,
                    uint32_t events)
{
    struct fault f;
    if (events == *now)
        return true;
    *now = events;
    return loop_rewatch(c->undeclared->loop, w, events, &f) == OK;
}

static void settle(struct undeclared_client *c)
{
    uint32_t outer = EPOLLIN, inner = EPOLLIN;
    if (c->phase == CARRYING) {
        outer = c->client_ended || c->to_http1.len > 0 ? 0 : EPOLLIN; /* I2 */
        inner = c->to_client.len > 0 ? 0 : EPOLLIN;
        if (c->to_http1.len > 0)
            inner |= EPOLLOUT;
    } else if (c->phase == LEAVING) {
        inner = 0;
    }
    if (c->to_client.len > 0 || SSL_want_write(c->ssl))
        outer |= EPOLLOUT;
    bool watched = rewatch(c, &c->outer, &c->outer_events, outer);
    if (c->inner.fd >= 0)
        watched = rewatch(c, &c->inner, &c->inner_events, inner) && watched;
    if (!watched)
        lose(c);
}

static void on_inner(struct loop_watch *w, uint32_t events);

/* It speaks HTTP/1.1, or nonsense that HTTP/1.1 will answer. */
static bool begin_carrying(struct undeclared_client *c)
{
    struct undeclared *u = c->undeclared;
    int pair[2];
    struct fault f;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
    enter(c, CARRYING);
    c->inner = (struct loop_watch){.fd = pair[0], .ready = on_inner};
    c->inner_events = EPOLLIN;
    c->relay = (struct http1_relay){.client_fd = c->outer.fd, .closed = on_http1_closed};
    c->http1_holds = true;
    network_counts_opened(u->counts); /* I3 */
    http1_add_relayed(u->http1, pair[1], &c->address, c->address_len, &c->relay);
    return rest_keep(c, &c->to_http1, bytes_of(c->heard, c->heard_len)) &&
           loop_watch(u->loop, &c->inner, EPOLLIN, &f) == OK;
}

static void become_http2(struct undeclared_client *c)
{
    struct undeclared *u = c->undeclared;
    loop_unwatch(u->loop, &c->outer);
    http2_adopt(u->http2, c->outer.fd, &c->address, c->ssl, bytes_of(c->heard, c->heard_len));
    client_free(c);
}

enum heard { HEARD_LITTLE, HEARD_HTTP1, HEARD_HTTP2, HEARD_END };

static enum heard hear(struct undeclared_client *c)
{
    enum protocol_preface preface = PREFACE_BEGUN;
    while (preface == PREFACE_BEGUN) {
        ssize_t got = http2_tls_read(c->ssl, c->heard + c->heard_len, PREFACE_BYTES - c->heard_len);
        if (got <= 0)
            return got == HTTP2_IO_LATER ? HEARD_LITTLE : HEARD_END;
        c->heard_len += (size_t)got;
        preface = protocol_preface(bytes_of(c->heard, c->heard_len));
    }
    return preface == PREFACE_WHOLE ? HEARD_HTTP2 : HEARD_HTTP1;
}

/* True when it has become CARRYING; it may be gone otherwise. */
static bool listen_to(struct undeclared_client *c)
{
    switch (hear(c)) {
    case HEARD_LITTLE:
        settle(c);
        return false;
    case HEARD_HTTP2:
        become_http2(c);
        return false;
    case HEARD_HTTP1:
        if (begin_carrying(c))
            return true;
        TRACE_SELDOM(TRACE_WARN, "undeclared", "no pair of sockets for an HTTP/1.1 client: %m");
        break;
    case HEARD_END:
        break;
    }
    lose(c);
    return false;
}

/* In LEAVING: what still comes is thrown away. One who goes on sending is not worth waiting for. */
static bool discard(struct undeclared_client *c)
{
    ssize_t got =
        socket_outcome(recv(c->outer.fd, c->undeclared->scratch, CARRIED_BYTES, MSG_DONTWAIT));
    if (got > 0)
        c->discarded += (size_t)got;
    return got != HTTP2_IO_END && c->discarded <= DISCARDED_MAX;
}

static bool shake_hands(struct undeclared_client *c)
{
    int done = http2_tls_shake(c->ssl);
    if (done > 0)
        enter(c, HEARING);
    return done != HTTP2_IO_END;
}

static void on_outer(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct undeclared_client *c = LIST_OWNER(w, struct undeclared_client, outer);
    bool good = true;
    if (c->phase == SHAKING)
        good = shake_hands(c);
    if (good && c->phase == HEARING && !listen_to(c))
        return;
    if (good && c->phase == CARRYING)
        good = carry_both(c);
    else if (c->phase == LEAVING)
        good = discard(c);
    if (!good)
        lose(c);
    else if (c->phase != LOST)
        settle(c);
}

static void on_inner(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct undeclared_client *c = LIST_OWNER(w, struct undeclared_client, inner);
    if (c->phase != CARRYING)
        return;
    if (!carry_both(c))
        lose(c);
    else if (c->phase != LOST)
        settle(c);
}

/* ---- time */

static void sweep_phase(struct undeclared *u, enum phase phase, uint64_t limit_ms, uint64_t now_us)
{
    struct list *oldest;
    while ((oldest = list_first(&u->phases[phase])) != NULL &&
           now_us - client_of(oldest)->since_us >= limit_ms * 1000) {
        if (phase != LEAVING)
            metric_add(u->counts->cut, 1);
        lose(client_of(oldest));
    }
}

static void sweep_start(struct undeclared *u)
{
    if (!u->sweep.armed)
        loop_timer_set(u->loop, &u->sweep, network_sweep_ms(u->settings));
}

static void on_sweep(struct loop_timer *t)
{
    struct undeclared *u = LIST_OWNER(t, struct undeclared, sweep);
    uint64_t now_us = clock_mono_us(u->settings->clock);
    sweep_phase(u, SHAKING, u->settings->request_ms, now_us);
    sweep_phase(u, HEARING, u->settings->request_ms, now_us);
    sweep_phase(u, LEAVING, LINGER_MS, now_us);
    buffers_trim(&u->buffers);
    if (u->clients > 0 || u->buffers.count > 0)
        sweep_start(u);
}

/* ---- opening and closing */

struct undeclared *undeclared_new(const struct network_settings *settings,
                                  struct network_counts *counts, struct loop *loop,
                                  struct http1 *http1, struct http2 *http2)
{
    struct undeclared *u = MEM_NEW(struct undeclared);
    u->settings = settings;
    u->counts = counts;
    u->loop = loop;
    u->http1 = http1;
    u->http2 = http2;
    u->sweep.fire = on_sweep;
    for (size_t i = 0; i < PHASES; i++)
        list_init(&u->phases[i]);
    buffers_init(&u->buffers);
    return u;
}

void undeclared_add(struct undeclared *u, const struct handover *h)
{
    struct undeclared_client *c = MEM_NEW(struct undeclared_client);
    struct fault f;
    c->undeclared = u;
    c->outer = (struct loop_watch){.fd = h->fd, .ready = on_outer};
    c->outer_events = EPOLLIN;
    c->inner.fd = -1;
    c->address = h->address;
    c->address_len = h->address_len;
    list_init(&c->node);
    u->clients++;
    enter(c, SHAKING);
    c->ssl = http2_tls_begin(u->settings->tls, h->fd);
    if (u->draining || c->ssl == NULL || loop_watch(u->loop, &c->outer, EPOLLIN, &f) != OK)
        lose(c);
    else
        sweep_start(u);
}

static void lose_all(struct undeclared *u, enum phase phase)
{
    while (!list_empty(&u->phases[phase]))
        lose(client_of(list_first(&u->phases[phase])));
}

void undeclared_drain(struct undeclared *u, void (*drained)(void *), void *arg)
{
    lose_all(u, SHAKING);
    lose_all(u, HEARING);
    lose_all(u, LEAVING);
    u->draining = true;
    u->drained = drained;
    u->drained_arg = arg;
    if (u->clients == 0)
        drained(arg);
}

void undeclared_cut(struct undeclared *u)
{
    must(u->draining);
    lose_all(u, CARRYING);
}

void undeclared_free(struct undeclared *u)
{
    if (u == NULL)
        return;
    must(u->clients == 0);
    loop_timer_cancel(u->loop, &u->sweep);
    buffers_fini(&u->buffers);
    mem_free(u);
}
