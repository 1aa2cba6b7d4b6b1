/* listener.c: the door.
 *
 * A connection that says nothing costs one small struct here, and nothing of the loops that serve:
 * only when its first bytes are there, and tell what it speaks, is it handed on. The bytes are
 * looked at (MSG_PEEK) and stay in the socket. Watched by edges, since bytes that are looked at and
 * left would keep a level-triggered watch awake for ever.
 *
 *   accepted --peek: wait--> waiting --edge, peek--> handed on
 *        \-----------------------+----------------> handed on
 *                                +--refuse--------> lingering --EOF, or LINGER_MS--> closed
 *
 * A refused connection lingers: what it sent is read and thrown away until it closes, because
 * closing over unread bytes makes the kernel send a reset, which can destroy the answer on its way.
 *
 * I1. At most connections_max sockets are open, here and in the loops. When they are, the one that
 * has waited here the longest makes room; if there is none, the new one is closed.
 * I2. A socket is closed exactly once: here, or by whom it was handed to.
 * I3. When the process has no descriptor left, the spare one is given up to accept a connection and
 * close it at once: better than leaving it hanging, and the queue is emptied.
 *
 * Left to others: what the bytes mean (protocol.c), to which loop (network.c).
 * Thread: listener; listener_open and listener_close the opener's. */
#include "api/listener.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, LINGER_MS = 1000, PAUSE_MS = 100, DISCARD_BYTES = 16 * 1024 };

struct newcomer {
    struct handover handover; /* first: handover_done frees the whole */
    struct loop_watch watch;
    struct listener *listener;
    struct list node; /* of waiting or lingering */
    uint64_t until_us;
    bool lingers;
};

struct listener {
    struct listener_settings settings; /* fixed at birth */
    struct loop *loop;                 /* fixed at birth */
    struct thread thread;
    uint16_t port; /* fixed at birth */

    /* the listener's own */
    struct loop_watch watch; /* of the listening socket */
    int spare_fd;
    struct list waiting, lingering; /* oldest first */
    struct loop_timer sweep, pause;
    uint8_t peek[PROTOCOL_PEEK_MAX];
};

static struct newcomer *newcomer_of(struct list *node)
{
    return LIST_OWNER(node, struct newcomer, node);
}

void handover_done(struct handover *h)
{
    mem_free(LIST_OWNER(h, struct newcomer, handover));
}

static void newcomer_close(struct newcomer *n)
{
    struct listener *l = n->listener;
    loop_unwatch(l->loop, &n->watch);
    list_remove(&n->node);
    close(n->watch.fd); /* I2; an error of close leaves nothing to do */
    network_counts_closed(l->settings.counts);
    mem_free(n);
}

static uint64_t now_us(const struct listener *l)
{
    return clock_mono_us(l->settings.clock);
}

/* Sleeps until the oldest is due; what is oldest changes only here and by newcomers that leave
 * early. */
static void sweep_set(struct listener *l)
{
    uint64_t first_us = UINT64_MAX;
    struct list *lists[] = {&l->waiting, &l->lingering};
    for (size_t i = 0; i < 2; i++) {
        struct list *oldest = list_first(lists[i]);
        if (oldest != NULL && newcomer_of(oldest)->until_us < first_us)
            first_us = newcomer_of(oldest)->until_us;
    }
    if (first_us == UINT64_MAX)
        return;
    uint64_t now = now_us(l);
    loop_timer_set(l->loop, &l->sweep, first_us <= now ? 0 : (first_us - now) / 1000 + 1);
}

static void on_sweep(struct loop_timer *t)
{
    struct listener *l = LIST_OWNER(t, struct listener, sweep);
    uint64_t now = now_us(l);
    struct list *lists[] = {&l->waiting, &l->lingering};
    for (size_t i = 0; i < 2; i++) {
        struct list *oldest;
        while ((oldest = list_first(lists[i])) != NULL && newcomer_of(oldest)->until_us <= now)
            newcomer_close(newcomer_of(oldest));
    }
    sweep_set(l);
}

static void enlist(struct newcomer *n, struct list *list, uint64_t ms)
{
    list_remove(&n->node);
    list_append(list, &n->node);
    n->until_us = now_us(n->listener) + ms * 1000;
    if (!n->listener->sweep.armed || list_first(list) == &n->node)
        sweep_set(n->listener);
}

/* Reads what is there and throws it away; false at the end of what will ever come. */
static bool discard(struct newcomer *n)
{
    for (int rounds = 0; rounds < 4; rounds++) {
        ssize_t got = recv(n->watch.fd, n->listener->peek, DISCARD_BYTES, MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
    }
    return false; /* one who goes on sending is not worth waiting for */
}

static bool watch(struct newcomer *n)
{
    struct fault f;
    if (n->watch.watched ||
        loop_watch(n->listener->loop, &n->watch, EPOLLIN | EPOLLRDHUP | EPOLLET, &f) == OK)
        return true;
    TRACE_SELDOM(TRACE_WARN, "listener", "%s", f.text);
    return false;
}

static void refuse(struct newcomer *n, const struct protocol_verdict *v)
{
    char label[48];
    snprintf(label, sizeof(label), "reason=\"%s\"", v->why);
    static const char help[] = "Connections refused for what they speak.";
    metric_add(metric_counter("sluice_connections_refused_total", help, label), 1);
    trace(TRACE_DEBUG, "listener", "a connection is refused: %s", v->why);
    bool open = discard(n);
    if (v->answer.len > 0)
        open = send(n->watch.fd, v->answer.at, v->answer.len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
                   (ssize_t)v->answer.len &&
               open;
    n->lingers = open && shutdown(n->watch.fd, SHUT_WR) == 0 && watch(n);
    if (n->lingers)
        enlist(n, &n->listener->lingering, LINGER_MS);
    else
        newcomer_close(n);
}

static void hand_on(struct newcomer *n, enum protocol_transport transport)
{
    struct listener *l = n->listener;
    loop_unwatch(l->loop, &n->watch);
    list_remove(&n->node);
    n->handover.fd = n->watch.fd;
    n->handover.transport = transport;
    l->settings.take(l->settings.arg, &n->handover); /* I2: no longer ours */
}

enum peeked { PEEKED_WAIT, PEEKED_DONE };

/* Looks at what has come. PEEKED_DONE: the newcomer is gone, or lingers. */
static enum peeked peek(struct newcomer *n)
{
    struct listener *l = n->listener;
    ssize_t got = recv(n->watch.fd, l->peek, sizeof(l->peek), MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return PEEKED_WAIT;
    if (got <= 0) {
        newcomer_close(n);
        return PEEKED_DONE;
    }
    struct protocol_verdict v = protocol_decide(&l->settings.offer, bytes_of(l->peek, (size_t)got));
    if (v.action == PROTOCOL_WAIT)
        return PEEKED_WAIT;
    if (v.action == PROTOCOL_SERVE)
        hand_on(n, v.transport);
    else
        refuse(n, &v);
    return PEEKED_DONE;
}

static void on_newcomer(struct loop_watch *w, uint32_t events)
{
    struct newcomer *n = LIST_OWNER(w, struct newcomer, watch);
    if (n->lingers) {
        if (!discard(n))
            newcomer_close(n);
        return;
    }
    /* One who has closed his side before he said enough will never say more. */
    if (peek(n) == PEEKED_WAIT && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        newcomer_close(n);
}

static void welcome(struct listener *l, int fd, const union network_address *address,
                    socklen_t address_len)
{
    struct newcomer *n = MEM_NEW(struct newcomer);
    n->listener = l;
    n->watch = (struct loop_watch){.fd = fd, .ready = on_newcomer};
    n->handover.address = *address;
    n->handover.address_len = address_len;
    list_init(&n->node);
    network_counts_opened(l->settings.counts);
    if (peek(n) != PEEKED_WAIT)
        return;
    if (watch(n))
        enlist(n, &l->waiting, l->settings.first_byte_ms);
    else
        newcomer_close(n);
}

/* I1. False when there is no room for one more. */
static bool make_room(struct listener *l)
{
    struct network_counts *counts = l->settings.counts;
    while (atomic_load_explicit(&counts->connections, memory_order_relaxed) >=
           l->settings.connections_max) {
        struct list *oldest = list_first(&l->lingering);
        if (oldest == NULL)
            oldest = list_first(&l->waiting);
        if (oldest == NULL)
            return false;
        newcomer_close(newcomer_of(oldest));
    }
    return true;
}

/* I3. */
static void accept_and_drop(struct listener *l)
{
    TRACE_SELDOM(
        TRACE_WARN, "listener",
        "no file descriptor is left: a connection is closed (raise the limit of open files)");
    struct list *oldest = list_first(&l->waiting);
    if (oldest != NULL)
        newcomer_close(newcomer_of(oldest));
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    int fd = accept4(l->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return;
    /* Not even that: rest a moment instead of spinning. */
    loop_unwatch(l->loop, &l->watch);
    loop_timer_set(l->loop, &l->pause, PAUSE_MS);
}

static void on_pause_over(struct loop_timer *t)
{
    struct listener *l = LIST_OWNER(t, struct listener, pause);
    struct fault f;
    if (loop_watch(l->loop, &l->watch, EPOLLIN, &f) != OK)
        loop_timer_set(l->loop, &l->pause, PAUSE_MS);
}

static void on_listening(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct listener *l = LIST_OWNER(w, struct listener, watch);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        union network_address address = {0};
        socklen_t len = sizeof(address);
        int fd = accept4(w->fd, &address.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                accept_and_drop(l);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return; /* EAGAIN: nobody is left at the door */
        }
        metric_add(l->settings.counts->accepted, 1);
        if (!make_room(l)) {
            TRACE_SELDOM(TRACE_WARN, "listener", "a connection is closed: there are %llu already",
                         (unsigned long long)l->settings.connections_max);
            close(fd);
            continue;
        }
        welcome(l, fd, &address, len < sizeof(address) ? len : (socklen_t)sizeof(address));
    }
}

static enum status bind_to(const struct listener_settings *s, const struct addrinfo *a, int *out,
                           struct fault *f)
{
    int one = 1, zero = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fault_set(f, IO_FAILED, "cannot make a socket: %m");
    enum status st = OK;
    /* Accepted sockets inherit TCP_NODELAY. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        (a->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) != 0))
        st = fault_set(f, IO_FAILED, "cannot set up a socket: %m");
    else if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
        st = errno == EADDRINUSE ? fault_set(f, IN_USE, "port %u of %s is taken by another program",
                                             (unsigned)s->port, s->address)
                                 : fault_set(f, IO_FAILED, "cannot listen on %s port %u: %m",
                                             s->address, (unsigned)s->port);
    if (st != OK) {
        close(fd);
        fd = -1;
    }
    *out = fd;
    return st;
}

static enum status listen_on(struct listener *l, struct fault *f)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)l->settings.port);
    struct addrinfo *found = NULL;
    struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    int error = getaddrinfo(l->settings.address, port, &wanted, &found);
    if (error != 0)
        return fault_set(f, INVALID_ARGUMENT, "%s is not an IPv4 or IPv6 address: %s",
                         l->settings.address, gai_strerror(error));
    enum status st = bind_to(&l->settings, found, &l->watch.fd, f);
    freeaddrinfo(found);
    if (st != OK)
        return st;
    union network_address bound;
    socklen_t len = sizeof(bound);
    must(getsockname(l->watch.fd, &bound.any, &len) == 0);
    l->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return OK;
}

enum status listener_open(const struct listener_settings *s, struct listener **out, struct fault *f)
{
    struct listener *l = MEM_NEW(struct listener);
    l->settings = *s;
    l->watch = (struct loop_watch){.fd = -1, .ready = on_listening};
    l->sweep.fire = on_sweep;
    l->pause.fire = on_pause_over;
    list_init(&l->waiting);
    list_init(&l->lingering);
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    enum status st = loop_new(&l->loop, s->clock, f);
    if (st == OK)
        st = listen_on(l, f);
    if (st == OK)
        st = loop_watch(l->loop, &l->watch, EPOLLIN, f);
    *out = st == OK ? l : NULL;
    if (st != OK)
        listener_close(l);
    return st;
}

static void run(void *arg)
{
    struct listener *l = arg;
    thread_must_be(THREAD_LISTENER);
    loop_run(l->loop);
}

void listener_start(struct listener *l)
{
    thread_start(&l->thread, THREAD_LISTENER, "listener", run, l);
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

void listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    if (l->thread.started)
        loop_stop(l->loop);
    thread_join(&l->thread);
    struct list *lists[] = {&l->waiting, &l->lingering};
    for (size_t i = 0; i < 2; i++) {
        for (struct list *node; (node = list_first(lists[i])) != NULL;)
            newcomer_close(newcomer_of(node));
    }
    if (l->loop != NULL) {
        loop_timer_cancel(l->loop, &l->sweep);
        loop_timer_cancel(l->loop, &l->pause);
        loop_unwatch(l->loop, &l->watch);
    }
    if (l->watch.fd >= 0)
        close(l->watch.fd);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    loop_free(l->loop);
    mem_free(l);
}
