/* load_test.c: the client that makes the load, against a server that says what a test wants said,
 * and is as slow as a test wants it. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "bench/support/load.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 16, REQUEST_BYTES_MAX = 16 << 20, STALL_MS = 200 };

/* Answers requests of one known length, one connection after the other. */
struct peer {
    struct thread thread;
    uint16_t port;
    int listener;
    size_t request_bytes, answer_bytes;
    unsigned stall_before; /* the call that STALL_MS go by before; 0: none */
    unsigned close_at;     /* the call that is not answered but hung up on; 0: none */
    _Atomic unsigned calls;
    uint64_t sum; /* of all bytes that came, weighed */
};

/* So that a byte in the wrong place shows. */
static uint64_t weigh(uint8_t byte, size_t place)
{
    return byte * (place % 65521 + 1);
}

static void read_request(struct peer *p, int fd, uint8_t *room)
{
    for (size_t got = 0; got < p->request_bytes;) {
        ssize_t n = recv(fd, room, p->request_bytes - got, 0);
        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            p->sum += weigh(room[i], got + (size_t)i);
        got += (size_t)n;
    }
}

static void write_answer(struct peer *p, int fd, const uint8_t *room)
{
    char head[80];
    int len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                       p->answer_bytes);
    assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL | MSG_MORE), len);
    for (size_t sent = 0; sent < p->answer_bytes;) {
        ssize_t n = send(fd, room + sent, p->answer_bytes - sent, MSG_NOSIGNAL);
        assert_true(n > 0);
        sent += (size_t)n;
    }
}

/* False: it was hung up on. */
static bool serve_one(struct peer *p, int fd, uint8_t *room)
{
    uint8_t first;
    if (recv(fd, &first, 1, MSG_PEEK) <= 0)
        return false;
    unsigned call = atomic_fetch_add(&p->calls, 1) + 1;
    read_request(p, fd, room);
    if (call == p->close_at)
        return false;
    if (call == p->stall_before)
        poll(NULL, 0, STALL_MS);
    write_answer(p, fd, room);
    return true;
}

static void serve(void *arg)
{
    struct peer *p = arg;
    uint8_t *room = mem_must(REQUEST_BYTES_MAX);
    struct pollfd fds[1 + CONNECTIONS_MAX] = {{.fd = p->listener, .events = POLLIN}};
    nfds_t count = 1;
    while (poll(fds, count, -1) > 0 && !(fds[0].revents & (POLLHUP | POLLERR))) {
        for (nfds_t i = count - 1; i > 0; i--) {
            if (!fds[i].revents || serve_one(p, fds[i].fd, room))
                continue;
            close(fds[i].fd);
            fds[i] = fds[--count];
        }
        if (fds[0].revents & POLLIN) {
            assert_true(count <= CONNECTIONS_MAX);
            fds[count++] = (struct pollfd){.fd = accept(p->listener, NULL, NULL), .events = POLLIN};
        }
    }
    while (count > 1)
        close(fds[--count].fd);
    mem_free(room);
}

static void peer_start(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(p->listener, CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    thread_start(&p->thread, THREAD_LOOP, "peer", serve, p);
}

static void peer_stop(struct peer *p)
{
    shutdown(p->listener, SHUT_RDWR); /* wakes it */
    thread_join(&p->thread);
    close(p->listener);
}

/* A source of one request; every wrong_every-th answer is judged wrong. */
struct source {
    struct load_source source;
    struct request request;
    uint64_t left, judged;
    unsigned wrong_every;
};

static const struct request *next(struct load_source *source, unsigned connection)
{
    struct source *s = (struct source *)source;
    (void)connection;
    if (s->left == 0)
        return NULL;
    s->left--;
    return &s->request;
}

static bool judge(struct load_source *source, unsigned connection, const struct request *request,
                  int status, struct bytes body, uint64_t *records)
{
    struct source *s = (struct source *)source;
    (void)connection;
    (void)body;
    *records = request->records;
    return status == 200 && (!s->wrong_every || ++s->judged % s->wrong_every != 0);
}

static struct source source_of(uint64_t left)
{
    return (struct source){.source = {next, judge},
                           .request = {.head = BYTES_LITERAL("0123456789"), .records = 7},
                           .left = left};
}

static struct load_result r;

static void without_an_end_in_time_all_of_the_source_counts(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5};
    struct source s = source_of(1000);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 8, .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_int_equal(r.answers, 1000);
    assert_int_equal(r.records, 7000);
    assert_int_equal(r.latency.count, 1000);
    assert_int_equal(p.calls, 1000);
    assert_true(r.seconds > 0 && r.records_per_s == 7000 / r.seconds);
    load_must_be_right(&r, "calls");
}

static void only_the_window_counts(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5};
    struct source s = source_of(UINT64_MAX);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port,
                                     .connections = 4,
                                     .warm_s = 0.2,
                                     .seconds = 0.2,
                                     .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_true(r.seconds >= 0.19);
    assert_true(r.answers > 0);
    assert_true(r.answers < p.calls);
}

static void requests_and_answers_may_come_in_pieces(void **state)
{
    (void)state;
    enum { HEAD = 1000001, TAIL = 9000003 }; /* more than a socket takes at once */
    struct peer p = {.request_bytes = HEAD + TAIL, .answer_bytes = 3000017};
    struct source s = source_of(10);
    uint8_t *bytes = mem_must(HEAD + TAIL);
    uint64_t sum = 0;
    for (size_t i = 0; i < HEAD + TAIL; i++)
        sum += weigh(bytes[i] = (uint8_t)(i * 2654435761u >> 13), i);
    s.request.head = bytes_of(bytes, HEAD);
    s.request.tail = bytes_of(bytes + HEAD, TAIL);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 3, .answer_bytes_max = 4 << 20},
             &s.source, &r);
    peer_stop(&p);
    mem_free(bytes);
    assert_int_equal(r.answers, 10);
    assert_int_equal(p.sum, 10 * sum);
}

static void at_a_fixed_rate_a_stall_is_charged_for_all_it_held_back(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5, .stall_before = 100};
    struct source s = source_of(UINT64_MAX);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port,
                                     .connections = 1,
                                     .seconds = 0.5,
                                     .calls_per_s = 1000,
                                     .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_int_equal(r.answers, 500); /* every one that fell due */
    /* some 200 calls fell due within the stall, and waited 0 to 200 ms */
    assert_true(latency_at(&r.latency, 0.75) >= 50000);
    assert_true(latency_at(&r.latency, 1) >= STALL_MS * 1000 * 99 / 100);
}

static void what_fell_due_in_the_window_counts_however_late(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5, .stall_before = 250};
    struct source s = source_of(UINT64_MAX);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port,
                                     .connections = 1,
                                     .warm_s = 0.1,
                                     .seconds = 0.2,
                                     .calls_per_s = 1000,
                                     .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_int_equal(p.calls, 300); /* in all; the stall outlasts the window */
    assert_int_equal(r.answers, 200);
    assert_true(r.latency.most_us >= STALL_MS * 1000);
}

static void a_closed_loop_sees_a_stall_once(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5, .stall_before = 100};
    struct source s = source_of(500);
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 1, .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_true(latency_at(&r.latency, 0.75) < 50000);
    assert_true(r.latency.most_us >= STALL_MS * 1000);
}

static void must_be_right(void *arg)
{
    load_must_be_right(arg, "calls");
}

static void no_wrong_answer_counts(void **state)
{
    (void)state;
    struct peer p = {.request_bytes = 10, .answer_bytes = 5};
    struct source s = source_of(100);
    char said[1024];
    s.wrong_every = 10;
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 4, .answer_bytes_max = 64},
             &s.source, &r);
    peer_stop(&p);
    assert_int_equal(r.wrong, 10);
    assert_int_equal(r.answers, 90);
    assert_int_equal(r.latency.count, 90);
    int status = child_run(must_be_right, &r, said, sizeof(said));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    assert_non_null(strstr(said, "calls: 10 wrong answers; the first: status 200"));
}

static void run_hung_up(void *arg)
{
    struct peer p = {.request_bytes = 10, .answer_bytes = 5, .close_at = 50};
    struct source s = source_of(100);
    (void)arg;
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 1, .answer_bytes_max = 64},
             &s.source, &r);
}

static void run_too_large(void *arg)
{
    struct peer p = {.request_bytes = 10, .answer_bytes = 100000};
    struct source s = source_of(1);
    (void)arg;
    peer_start(&p);
    load_run(&(struct load_settings){.port = p.port, .connections = 1, .answer_bytes_max = 64},
             &s.source, &r);
}

static void a_call_that_is_not_answered_ends_the_benchmark(void **state)
{
    (void)state;
    char said[8192];
    int status = child_run(run_hung_up, NULL, said, sizeof(said));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    assert_non_null(strstr(said, "connection 0 was closed within a call"));
    status = child_run(run_too_large, NULL, said, sizeof(said));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    assert_non_null(strstr(said, "is larger than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_end_in_time_all_of_the_source_counts),
        cmocka_unit_test(only_the_window_counts),
        cmocka_unit_test(requests_and_answers_may_come_in_pieces),
        cmocka_unit_test(at_a_fixed_rate_a_stall_is_charged_for_all_it_held_back),
        cmocka_unit_test(what_fell_due_in_the_window_counts_however_late),
        cmocka_unit_test(a_closed_loop_sees_a_stall_once),
        cmocka_unit_test(no_wrong_answer_counts),
        cmocka_unit_test(a_call_that_is_not_answered_ends_the_benchmark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
