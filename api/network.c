/* network.c: the listener and the loops, opened and closed together.
 *
 * Each core has a loop, and each connection belongs to one loop for its life: nothing of it is
 * shared, so nothing of it is locked. New connections go to the loops in turn.
 *
 * Closing goes with the stream: first the listener, so that nothing new comes; then each loop
 * finishes what it has (at most grace_ms), and stops when its last connection is gone. An exchange
 * that a handler still holds after that is waited for all the same: its memory is the handler's
 * (X1).
 *
 * Left to others: accepting (listener.c), serving (http1.c, http2.c, undeclared.c).
 * Thread: the opener's; each loop's own where it says so. */
#include "api/network.h"

#include "api/http1.h"
#include "api/http2.h"
#include "api/listener.h"
#include "api/undeclared.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"

#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

enum { LOOPS_MAX = 256, DESCRIPTORS_BESIDES = 1024 };
enum { SWEEP_MS_MOST = 1000, SWEEP_MS_LEAST = 10, SWEEPS_A_LIMIT = 8 };

struct lane {
    struct network *network;       /* fixed at birth */
    struct loop *loop;             /* fixed at birth */
    struct http1 *http1;           /* fixed at birth; used by the loop's thread */
    struct http2 *http2;           /* likewise */
    struct undeclared *undeclared; /* likewise */
    struct thread thread;
    struct message closing;
    uint64_t grace_ms;       /* set before `closing` is sent */
    struct loop_timer grace; /* the loop's own */
    unsigned undrained;      /* the loop's own: transports that still have connections */
};

struct network {
    struct network_settings settings; /* fixed at birth */
    struct network_counts counts;
    struct listener *listener;
    uint32_t next; /* the listener's own: who gets the next connection */
    uint32_t lane_count;
    struct lane lanes[LOOPS_MAX];
};

void network_defaults(struct network_settings *s)
{
    *s = (struct network_settings){.address = "127.0.0.1",
                                   .connections_max = 10000,
                                   .body_bytes_max = 256 * 1024 * 1024,
                                   .idle_ms = 90000,
                                   .first_byte_ms = 30000,
                                   .request_ms = 60000,
                                   .stall_ms = 300000,
                                   .plain = true,
                                   .clock = &clock_system};
}

void network_counts_init(struct network_counts *c, uint64_t body_bytes_max)
{
    *c = (struct network_counts){.bodies.most = body_bytes_max, .replies.most = body_bytes_max};
    c->open = metric_gauge("sluice_connections", "Connections open now.", "");
    c->accepted = metric_counter("sluice_connections_accepted_total", "Connections accepted.", "");
    c->requests = metric_counter("sluice_http_requests_total", "Complete HTTP requests.", "");
    c->cut = metric_counter("sluice_connections_timed_out_total",
                            "Connections closed because their client was too slow.", "");
    c->throttled =
        metric_counter("sluice_http_memory_throttled_total",
                       "Requests throttled because bodies and answers filled memory.", "");
    c->too_large = metric_counter("sluice_http_too_large_total",
                                  "Requests refused because their body was too large.", "");
}

void network_counts_opened(struct network_counts *c)
{
    atomic_fetch_add_explicit(&c->connections, 1, memory_order_relaxed);
    metric_add(c->open, 1);
}

void network_counts_closed(struct network_counts *c)
{
    atomic_fetch_sub_explicit(&c->connections, 1, memory_order_relaxed);
    metric_add(c->open, UINT64_MAX); /* one less, in two's complement */
}

uint64_t network_sweep_ms(const struct network_settings *s)
{
    uint64_t ms = (s->idle_ms < s->request_ms ? s->idle_ms : s->request_ms) / SWEEPS_A_LIMIT;
    if (ms > SWEEP_MS_MOST)
        ms = SWEEP_MS_MOST;
    return ms < SWEEP_MS_LEAST ? SWEEP_MS_LEAST : ms;
}

/* Thread: the lane's loop. */
static void on_handover(struct message *m)
{
    struct handover *h = LIST_OWNER(m, struct handover, message);
    struct lane *lane = h->taker;
    thread_must_be(THREAD_LOOP);
    if (h->transport == TRANSPORT_UNDECLARED_TLS)
        undeclared_add(lane->undeclared, h);
    else if (h->transport == TRANSPORT_HTTP1 || h->transport == TRANSPORT_HTTP1_TLS)
        http1_add(lane->http1, h->fd, &h->address, h->address_len,
                  h->transport == TRANSPORT_HTTP1_TLS);
    else
        http2_add(lane->http2, h->fd, &h->address, h->transport == TRANSPORT_HTTP2_TLS);
    handover_done(h);
}

/* Thread: listener. */
static void take(void *arg, struct handover *h)
{
    struct network *n = arg;
    struct lane *lane = &n->lanes[n->next++ % n->lane_count];
    h->taker = lane;
    h->message.handle = on_handover;
    loop_send(lane->loop, &h->message);
}

static void on_drained(void *arg)
{
    struct lane *lane = arg;
    if (--lane->undrained == 0)
        loop_stop(lane->loop);
}

static void on_grace_over(struct loop_timer *t)
{
    struct lane *lane = LIST_OWNER(t, struct lane, grace);
    http1_cut(lane->http1);
    http2_cut(lane->http2);
    undeclared_cut(lane->undeclared);
}

/* Thread: the lane's loop. */
static void on_closing(struct message *m)
{
    struct lane *lane = LIST_OWNER(m, struct lane, closing);
    thread_must_be(THREAD_LOOP);
    loop_timer_set(lane->loop, &lane->grace, lane->grace_ms);
    lane->undrained = 3;
    http1_drain(lane->http1, on_drained, lane);
    http2_drain(lane->http2, on_drained, lane);
    undeclared_drain(lane->undeclared, on_drained, lane);
}

static uint64_t on_turn_end(void *arg)
{
    struct lane *lane = arg;
    uint64_t one_ms = http1_turn(lane->http1), other_ms = http2_turn(lane->http2);
    return one_ms < other_ms ? one_ms : other_ms;
}

static void run(void *arg)
{
    struct lane *lane = arg;
    thread_must_be(THREAD_LOOP);
    loop_run(lane->loop);
    loop_timer_cancel(lane->loop, &lane->grace);
}

static uint32_t cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (uint32_t)count;
}

/* As many descriptors as the hard limit lets us have: delivery, segments and connections share them. A limit that is too low for clients as
 * they usually are, at one each, is worth a word. */
static void raise_descriptors(const struct network_settings *s)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < s->connections_max + DESCRIPTORS_BESIDES)
        trace(TRACE_WARN, "network",
              "at most %llu files can be open: too few for %llu connections (raise the hard limit, "
              "ulimit -n)",
              (unsigned long long)limit.rlim_cur, (unsigned long long)s->connections_max);
}

static enum status lanes_open(struct network *n, struct fault *f)
{
    uint32_t count = n->settings.loops == 0 ? cores() : n->settings.loops;
    count = count > LOOPS_MAX ? LOOPS_MAX : count;
    enum status st = OK;
    while (st == OK && n->lane_count < count) {
        struct lane *lane = &n->lanes[n->lane_count++];
        lane->network = n;
        lane->closing.handle = on_closing;
        lane->grace.fire = on_grace_over;
        st = loop_new(&lane->loop, n->settings.clock, f);
        if (st == OK)
            st = http1_open(&n->settings, &n->counts, lane->loop, &lane->http1, f);
        if (st == OK)
            st = http2_open(&n->settings, &n->counts, lane->loop, &lane->http2, f);
        if (st == OK)
            lane->undeclared =
                undeclared_new(&n->settings, &n->counts, lane->loop, lane->http1, lane->http2);
        if (st == OK)
            loop_set_after_turn(lane->loop, on_turn_end, lane);
    }
    return st;
}

static void start(struct network *n)
{
    for (uint32_t i = 0; i < n->lane_count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "loop-%u", i % LOOPS_MAX);
        thread_start(&n->lanes[i].thread, THREAD_LOOP, name, run, &n->lanes[i]);
    }
    listener_start(n->listener);
}

enum status network_open(const struct network_settings *s, struct network **out, struct fault *f)
{
    must(s->handler != NULL && s->clock != NULL);
    must(s->plain || s->tls != NULL);
    raise_descriptors(s);
    struct network *n = MEM_NEW(struct network);
    n->settings = *s;
    network_counts_init(&n->counts, s->body_bytes_max);
    struct listener_settings door = {.address = s->address,
                                     .port = s->port,
                                     .connections_max = s->connections_max,
                                     .first_byte_ms = s->first_byte_ms,
                                     .offer = {.plain = s->plain, .tls = s->tls != NULL},
                                     .counts = &n->counts,
                                     .clock = s->clock,
                                     .take = take,
                                     .arg = n};
    enum status st = listener_open(&door, &n->listener, f);
    if (st == OK)
        st = lanes_open(n, f);
    if (st == OK)
        start(n);
    *out = st == OK ? n : NULL;
    if (st != OK)
        network_close(n, 0);
    return st;
}

uint16_t network_port(const struct network *n)
{
    return listener_port(n->listener);
}

uint64_t network_connections(const struct network *n)
{
    return atomic_load_explicit(&n->counts.connections, memory_order_relaxed);
}

void network_close(struct network *n, uint64_t grace_ms)
{
    if (n == NULL)
        return;
    listener_close(n->listener);
    for (uint32_t i = 0; i < n->lane_count; i++) {
        n->lanes[i].grace_ms = grace_ms;
        if (n->lanes[i].thread.started)
            loop_send(n->lanes[i].loop, &n->lanes[i].closing);
    }
    for (uint32_t i = 0; i < n->lane_count; i++) {
        thread_join(&n->lanes[i].thread);
        undeclared_free(n->lanes[i].undeclared);
        http1_close(n->lanes[i].http1);
        http2_close(n->lanes[i].http2);
        loop_free(n->lanes[i].loop);
    }
    must(network_connections(n) == 0);
    mem_free(n);
}
