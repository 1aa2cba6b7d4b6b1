/* load.c: one thread, one epoll, many kept connections.
 *
 * The load shares the machine's cores with the server, so it must cost little: requests are made and signed
 * beforehand, a small one is one sendmsg, its answer one recv, and sockets are watched edge-triggered so that
 * nothing is ever re-armed. No request is sent before the one before it on its connection was answered.
 *
 * Without a rate, each connection sends as soon as it was answered. With one, requests fall due at fixed
 * times; a due request takes any idle connection, waits when there is none, and its latency counts from when
 * it was due, not from when it could be sent: a stall is not hidden by the requests that it held back.
 *
 * I1. An answer counts when it came between the end of warming up and the end of the run; its latency is then
 *     counted with it.
 * I2. Nothing outlives load_run: answers under way at the end are awaited (10 s at most), then all is closed.
 *
 * Left to others: what to send and which answers are right (load_source).
 * Thread: the caller's. */
#include "bench/support/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/answer.h"
#include "bench/support/process.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, DRAIN_US = 10 * 1000 * 1000, IDLE_WAIT_US = 20 * 1000 };

struct connection {
    int fd;
    unsigned number;
    const struct request *request; /* NULL: idle */
    size_t sent;
    uint64_t due_us;
    struct answer answer;
};

struct load {
    const struct load_settings *settings;
    struct load_source *source;
    struct load_result *result;
    struct connection *connections;
    unsigned *idle; /* numbers of those that could send; used with a rate only */
    unsigned idle_count, under_way;
    int epoll;
    uint64_t now_us, counted_from_us, end_us, next_due_us;
    double interval_us, due_exact_us;
    bool counting, ended;
};

static uint64_t now(void)
{
    return clock_mono_us(&clock_system);
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void connections_open(struct load *l)
{
    unsigned count = l->settings->connections;
    must(count > 0 && count <= LOAD_CONNECTIONS_MAX);
    l->connections = mem_must(count * sizeof(*l->connections));
    l->idle = mem_must(count * sizeof(*l->idle));
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    must(l->epoll >= 0);
    for (unsigned i = 0; i < count; i++) {
        struct connection *c = &l->connections[i];
        c->number = i;
        c->fd = dial(l->settings->port);
        answer_init(&c->answer, l->settings->answer_bytes_max);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        must(epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0);
    }
}

static void connections_close(struct load *l)
{
    for (unsigned i = 0; i < l->settings->connections; i++) {
        close(l->connections[i].fd);
        answer_fini(&l->connections[i].answer);
    }
    close(l->epoll);
    mem_free(l->connections);
    mem_free(l->idle);
}

/* What is still to be sent, as a view of the request's pieces. */
static size_t rest_of(const struct connection *c, struct iovec out[REQUEST_PIECES])
{
    size_t skip = c->sent, count = 0;
    for (unsigned i = 0; i < c->request->piece_count; i++) {
        struct iovec piece = c->request->pieces[i];
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        out[count++] = (struct iovec){(uint8_t *)piece.iov_base + skip, piece.iov_len - skip};
        skip = 0;
    }
    return count;
}

static void connection_send(struct load *l, struct connection *c)
{
    while (c->sent < c->request->len) {
        struct iovec rest[REQUEST_PIECES];
        struct msghdr message = {.msg_iov = rest, .msg_iovlen = rest_of(c, rest)};
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) /* the answer, or the end of the connection, is there to be read */
            return;
        c->sent += (size_t)sent;
        if (l->counting)
            l->result->bytes_sent += (uint64_t)sent;
    }
}

static void connection_begin(struct load *l, struct connection *c, uint64_t due_us)
{
    c->request = l->source->next(l->source, c->number);
    if (c->request == NULL)
        return;
    l->under_way++;
    c->sent = 0;
    c->due_us = due_us;
    answer_reset(&c->answer);
    connection_send(l, c);
}

static void note_wrong(struct load *l, const char *why, const struct answer *a)
{
    struct load_result *r = l->result;
    if (r->wrong++ == 0)
        snprintf(r->first_wrong, sizeof(r->first_wrong), "%s, status %d: %.*s", why, a->status,
                 (int)(a->text.len < 400 ? a->text.len : 400), (const char *)a->text.at);
}

static void count_answer(struct load *l, struct connection *c)
{
    uint64_t records = 0;
    bool right = l->source->judge(l->source, c->number, c->request, c->answer.status,
                                  answer_body(&c->answer), &records);
    if (!right)
        note_wrong(l, "wrong answer", &c->answer);
    if (!l->counting)
        return;
    struct load_result *r = l->result;
    r->answers++;
    r->records += records;
    r->bytes_received += c->answer.text.len;
    latency_add(&r->latency, l->now_us - c->due_us);
}

/* A connection that broke is opened again, so that one refusal does not end the run. */
static void connection_reopen(struct load *l, struct connection *c)
{
    close(c->fd);
    c->fd = dial(l->settings->port);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    must(epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0);
}

static void connection_idle(struct load *l, struct connection *c)
{
    c->request = NULL;
    l->under_way--;
    if (l->ended)
        return;
    if (l->settings->rate > 0)
        l->idle[l->idle_count++] = c->number;
    else
        connection_begin(l, c, l->now_us);
}

static void connection_event(struct load *l, struct connection *c, uint32_t events)
{
    if (c->request == NULL)
        return;
    if ((events & EPOLLOUT) && c->sent < c->request->len)
        connection_send(l, c);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    enum answer_state state = answer_read(&c->answer, c->fd);
    if (state == ANSWER_MORE)
        return;
    l->now_us = now();
    if (state == ANSWER_WHOLE && c->sent == c->request->len) {
        count_answer(l, c);
    } else {
        note_wrong(l, "broken connection", &c->answer);
        connection_reopen(l, c);
    }
    connection_idle(l, c);
}

/* With a rate: sends what has fallen due, as long as somebody is idle. */
static void send_due(struct load *l)
{
    while (l->next_due_us <= l->now_us && l->idle_count > 0) {
        struct connection *c = &l->connections[l->idle[--l->idle_count]];
        connection_begin(l, c, l->next_due_us);
        l->due_exact_us += l->interval_us;
        l->next_due_us = (uint64_t)l->due_exact_us;
    }
}

static double processor_s(pid_t pid)
{
    struct process_usage usage;
    return pid > 0 && process_usage_read(pid, &usage) ? usage.cpu_s : 0;
}

/* Moves from warming up to counting, and from counting to the end. */
static void keep_time(struct load *l)
{
    struct load_result *r = l->result;
    if (!l->counting && !l->ended && l->now_us >= l->counted_from_us) {
        l->counting = true;
        l->counted_from_us = l->now_us;
        r->server_cpu_s = -processor_s(l->settings->server_pid);
        r->client_cpu_s = -processor_s(getpid());
    }
    bool done = l->settings->seconds > 0 ? l->now_us >= l->end_us : l->under_way == 0;
    if (!l->ended && done) {
        l->ended = true;
        l->counting = false;
        r->seconds = (double)(l->now_us - l->counted_from_us) / 1e6;
        r->server_cpu_s += processor_s(l->settings->server_pid);
        r->client_cpu_s += processor_s(getpid());
    }
}

static uint64_t wait_us(const struct load *l)
{
    if (l->settings->rate > 0 && !l->ended && l->idle_count > 0)
        return l->next_due_us > l->now_us ? l->next_due_us - l->now_us : 0;
    return IDLE_WAIT_US;
}

static void loop(struct load *l)
{
    struct epoll_event events[EVENTS];
    while (!l->ended || (l->under_way > 0 && l->now_us < l->end_us + DRAIN_US)) {
        uint64_t us = wait_us(l);
        struct timespec timeout = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
        int count = epoll_pwait2(l->epoll, events, EVENTS, &timeout, NULL);
        must(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++)
            connection_event(l, events[i].data.ptr, events[i].events);
        l->now_us = now();
        keep_time(l);
        if (l->settings->rate > 0 && !l->ended)
            send_due(l);
    }
    if (l->under_way > 0)
        note_wrong(l, "no answer", &l->connections[0].answer);
}

void load_run(const struct load_settings *s, struct load_source *source, struct load_result *out)
{
    memset(out, 0, sizeof(*out));
    struct load l = {.settings = s, .source = source, .result = out};
    prctl(PR_SET_TIMERSLACK, 1); /* a due request is not to be late by the kernel's usual 50 us */
    connections_open(&l);
    l.now_us = now();
    l.counted_from_us = l.now_us + (uint64_t)(s->warm_s * 1e6);
    l.end_us = s->seconds > 0 ? l.counted_from_us + (uint64_t)(s->seconds * 1e6) : UINT64_MAX / 2;
    keep_time(&l);
    for (unsigned i = 0; i < s->connections; i++) {
        if (s->rate > 0)
            l.idle[l.idle_count++] = i;
        else
            connection_begin(&l, &l.connections[i], now());
    }
    if (s->rate > 0) {
        l.interval_us = 1e6 / s->rate;
        l.next_due_us = l.now_us;
        l.due_exact_us = (double)l.now_us;
    }
    loop(&l);
    connections_close(&l);
    if (out->seconds > 0) {
        out->answers_per_s = (double)out->answers / out->seconds;
        out->records_per_s = (double)out->records / out->seconds;
    }
}

void load_must_be_right(const struct load_result *r, const char *what)
{
    if (r->wrong > 0)
        die("%s: %llu wrong answers; the first: %s", what, (unsigned long long)r->wrong,
            r->first_wrong);
    if (r->answers == 0)
        die("%s: no answers", what);
}
