/* load.c: the client that makes the load.
 *
 *   closed loop   each connection: send -> answer -> judge -> send the next at once
 *   fixed rate    call n falls due at n / rate, whether answers come or not; an idle connection
 *                 takes the oldest that is due. Latency counts from when it was due, so a stall is
 *                 charged for all that it held back ("coordinated omission" is what else happens).
 *
 *   WARMING --count_from--> COUNTING --count_until, or no more to send--> DRAINING --all answered--> done
 *
 * It shares the processor with the server, so it does little: a recv and a send a call, edge
 * triggered events (no epoll_ctl after the start), one look at the clock an answer, one search of
 * the head.
 *
 * A closed loop counts an answer that arrives within the window; a fixed rate counts a call that
 * falls due within it, however late it is answered.
 *
 * Thread: main. */
#include "bench/support/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/http.h"
#include "bench/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, SILENCE_US_MAX = 30000000, HEAD_BYTES_MAX = 4096 };

struct connection {
    int fd;
    unsigned index;
    const struct request *request; /* NULL: idle */
    size_t sent;
    uint64_t began_us; /* when it was sent, or due */
    uint8_t *at;       /* the answer */
    size_t len, need;  /* need: all of the answer, once its head is there; else 0 */
};

enum phase { WARMING, COUNTING, DRAINING };

struct load {
    const struct load_settings *settings;
    struct load_source *source;
    struct load_result *result;
    int epoll_fd;
    size_t room; /* for an answer */
    struct connection *connections;
    unsigned busy;
    enum phase phase;
    uint64_t began_us, count_from_us, count_until_us; /* the window, as it was planned */
    uint64_t counting_since_us;                       /* as it came to be */
    double server_cpu_s, client_cpu_s;                /* then */
    /* fixed rate */
    struct connection **idle;
    unsigned idle_count;
    uint64_t due; /* how many calls were sent */
};

static uint64_t now_us(void)
{
    return clock_mono_us(&clock_system);
}

/* ---- the window ---- */

static double client_cpu_s(void)
{
    struct rusage usage;
    must(getrusage(RUSAGE_THREAD, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double server_cpu_s(const struct load *l)
{
    return l->settings->server_pid > 0 ? process_cpu_s(l->settings->server_pid) : 0;
}

static void start_counting(struct load *l, uint64_t now)
{
    l->phase = COUNTING;
    l->counting_since_us = now;
    l->server_cpu_s = server_cpu_s(l);
    l->client_cpu_s = client_cpu_s();
}

static void stop_counting(struct load *l, uint64_t now)
{
    struct load_result *r = l->result;
    if (l->phase == WARMING)
        start_counting(l, now);
    l->phase = DRAINING;
    r->seconds = (double)(now - l->counting_since_us) / 1e6;
    r->server_cpu_s = server_cpu_s(l) - l->server_cpu_s;
    r->client_cpu_s = client_cpu_s() - l->client_cpu_s;
}

static void advance(struct load *l, uint64_t now)
{
    if (l->phase == WARMING && now >= l->count_from_us)
        start_counting(l, now);
    if (l->phase == COUNTING && now >= l->count_until_us)
        stop_counting(l, now);
}

static bool counts(const struct load *l, const struct connection *c)
{
    if (l->settings->calls_per_s > 0)
        return c->began_us >= l->count_from_us && c->began_us < l->count_until_us;
    return l->phase == COUNTING;
}

/* ---- one call ---- */

static void send_more(struct connection *c)
{
    const struct request *r = c->request;
    while (c->sent < r->head.len + r->tail.len) {
        struct iovec parts[2];
        int count = 0;
        size_t tail_from = c->sent > r->head.len ? c->sent - r->head.len : 0;
        if (c->sent < r->head.len)
            parts[count++] =
                (struct iovec){(void *)(uintptr_t)(r->head.at + c->sent), r->head.len - c->sent};
        if (r->tail.len > tail_from)
            parts[count++] = (struct iovec){(void *)(uintptr_t)(r->tail.at + tail_from),
                                            r->tail.len - tail_from};
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0 && errno != EINTR)
            die("sending on connection %u: %m", c->index);
        if (sent > 0)
            c->sent += (size_t)sent;
    }
}

/* False: the source has no more. */
static bool begin(struct load *l, struct connection *c, uint64_t began_us)
{
    c->request = l->source->next(l->source, c->index);
    if (!c->request)
        return false;
    c->sent = c->len = c->need = 0;
    c->began_us = began_us;
    l->busy++;
    send_more(c);
    return true;
}

static void keep_wrong(struct load_result *r, const struct http_answer *answer)
{
    if (r->wrong++ > 0)
        return;
    size_t room = sizeof(r->wrong_text) - 32;
    snprintf(r->wrong_text, sizeof(r->wrong_text), "status %d: %.*s", answer->status,
             (int)(answer->body.len < room ? answer->body.len : room),
             (const char *)answer->body.at);
}

static void answered(struct load *l, struct connection *c, const struct http_answer *answer)
{
    struct load_result *r = l->result;
    uint64_t records = 0, now = now_us();
    bool right =
        l->source->judge(l->source, c->index, c->request, answer->status, answer->body, &records);
    if (!right) {
        keep_wrong(r, answer);
    } else if (counts(l, c)) {
        r->answers++;
        r->records += records;
        latency_add(&r->latency, now - c->began_us);
    }
    c->request = NULL;
    l->busy--;
    if (l->settings->calls_per_s > 0)
        l->idle[l->idle_count++] = c;
    else if (l->phase != DRAINING)
        begin(l, c, now);
}

static void receive(struct load *l, struct connection *c)
{
    struct http_answer answer;
    while (c->request) {
        size_t room = l->room - c->len;
        ssize_t got = recv(c->fd, c->at + c->len, room, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            die("connection %u was closed within a call: %s", c->index,
                got < 0 ? strerror(errno) : "end of stream");
        c->len += (size_t)got;
        if (c->len >= c->need) {
            enum http_state state = http_answer_read(bytes_of(c->at, c->len), &answer);
            if (state == HTTP_WHOLE) {
                answered(l, c, &answer);
                return; /* nothing can have come behind it */
            }
            c->need = answer.total;
            if (state == HTTP_BROKEN || c->len == l->room || c->need > l->room)
                die("an answer that cannot be read, or is larger than %zu bytes: %.*s", l->room,
                    (int)(c->len < 200 ? c->len : 200), (const char *)c->at);
        }
        if ((size_t)got < room)
            return; /* the socket is empty: the next byte is a new edge */
    }
}

/* ---- the fixed rate ---- */

static uint64_t due_us(const struct load *l)
{
    return l->began_us + (uint64_t)((double)l->due * 1e6 / l->settings->calls_per_s);
}

/* Whether a call that falls within what is measured is still to be sent. */
static bool owes(const struct load *l)
{
    return l->settings->calls_per_s > 0 && due_us(l) < l->count_until_us;
}

static void begin_due(struct load *l, uint64_t now)
{
    while (l->idle_count > 0 && owes(l) && due_us(l) <= now) {
        uint64_t due = due_us(l);
        l->due++;
        if (!begin(l, l->idle[--l->idle_count], due))
            die("the requests do not last for the fixed rate");
    }
}

/* ---- all of it ---- */

/* Until when nothing happens by itself: the window's next border, or the next call that is due. */
static uint64_t next_event_us(const struct load *l)
{
    uint64_t until = UINT64_MAX;
    if (l->phase == WARMING)
        until = l->count_from_us;
    else if (l->phase == COUNTING)
        until = l->count_until_us;
    if (owes(l) && l->idle_count > 0 && due_us(l) < until)
        until = due_us(l);
    return until;
}

static void wait_for_events(struct load *l, uint64_t now)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t until = next_event_us(l), left = until <= now ? 0 : until - now;
    left = left < SILENCE_US_MAX ? left : SILENCE_US_MAX;
    const struct timespec timeout = {(time_t)(left / 1000000), (long)(left % 1000000) * 1000};
    int count = epoll_pwait2(l->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    if (count < 0 && errno != EINTR)
        die("epoll: %m");
    if (count == 0 && left == SILENCE_US_MAX)
        die("%u calls were not answered for %d s", l->busy, SILENCE_US_MAX / 1000000);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (c->request && (events[i].events & EPOLLOUT))
            send_more(c);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive(l, c);
    }
}

static void run(struct load *l)
{
    const struct load_settings *s = l->settings;
    uint64_t now = l->began_us = now_us();
    l->count_from_us = now + (s->seconds > 0 ? (uint64_t)(s->warm_s * 1e6) : 0);
    l->count_until_us =
        s->seconds > 0 ? l->count_from_us + (uint64_t)(s->seconds * 1e6) : UINT64_MAX;
    advance(l, now);
    for (unsigned i = 0; i < s->connections; i++) {
        if (s->calls_per_s > 0)
            l->idle[l->idle_count++] = &l->connections[i];
        else
            begin(l, &l->connections[i], now_us());
    }
    while (l->busy > 0 || owes(l)) {
        if (s->calls_per_s > 0)
            begin_due(l, now);
        wait_for_events(l, now);
        now = now_us();
        advance(l, now);
    }
    if (l->phase != DRAINING)
        stop_counting(l, now);
}

static void open_connection(struct load *l, unsigned index)
{
    struct connection *c = &l->connections[index];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    c->index = index;
    c->fd = http_connect(l->settings->port);
    if (c->fd < 0)
        die("nobody listens on port %u", (unsigned)l->settings->port);
    c->at = mem_try(l->room);
    if (!c->at)
        die("no memory for %u answers of %zu bytes", l->settings->connections, l->room);
    must(fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0);
    must(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) == 0);
}

void load_run(const struct load_settings *settings, struct load_source *source,
              struct load_result *result)
{
    struct load l = {.settings = settings,
                     .source = source,
                     .result = result,
                     .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                     .room = settings->answer_bytes_max + HEAD_BYTES_MAX};
    must(l.epoll_fd >= 0);
    must(settings->calls_per_s == 0 || settings->seconds > 0);
    memset(result, 0, sizeof(*result));
    l.connections = mem_must(settings->connections * sizeof(*l.connections));
    l.idle = mem_must(settings->connections * sizeof(struct connection *));
    for (unsigned i = 0; i < settings->connections; i++)
        open_connection(&l, i);
    run(&l);
    result->records_per_s = (double)result->records / result->seconds;
    for (unsigned i = 0; i < settings->connections; i++) {
        close(l.connections[i].fd);
        mem_free(l.connections[i].at);
    }
    close(l.epoll_fd);
    mem_free(l.connections);
    mem_free(l.idle);
}

void load_must_be_right(const struct load_result *r, const char *what)
{
    if (r->wrong > 0)
        die("%s: %llu wrong answers; the first: %s", what, (unsigned long long)r->wrong,
            r->wrong_text);
    if (r->answers == 0)
        die("%s: no answer within the time", what);
}
