/* network_test.c: opening, sharing out and closing. */
#include "api/network.h"

#include "base/metric.h"
#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>

static struct echo echo;

static struct client connected(void)
{
    struct client c;
    client_open(&c, echo_port(&echo));
    return c;
}

static uint64_t now_ms(void)
{
    return clock_mono_us(&clock_system) / 1000;
}

static void closing_answers_what_is_in_flight(void **state)
{
    (void)state;
    echo_init(&echo);
    echo_open(&echo);
    struct client idle = connected(), held = connected(), silent = connected();
    client_post(&idle, "/sync", BYTES_LITERAL("x"));
    client_expect(&idle, 200, "x");
    client_post(&held, "/held", BYTES_LITERAL("in flight"));
    echo_wait_held(&echo, 1);
    struct client_reply r;
    echo_release(&echo); /* perhaps before, perhaps after the loops hear of the end */
    uint64_t begun = now_ms();
    echo_close(&echo, 10000);
    assert_in_range(now_ms() - begun, 0, 5000); /* the grace is a bound, not a wait */
    client_read(&held, &r, false);
    assert_string_equal((const char *)r.body, "in flight");
    client_reply_end(&r);
    assert_true(client_closed_within(&held, 5000));
    assert_true(client_closed_within(&idle, 5000));
    assert_true(client_closed_within(&silent, 5000));
    client_close(&idle);
    client_close(&held);
    client_close(&silent);
}

static struct client silent;

static void release_later(void *arg)
{
    struct echo *e = arg;
    assert_true(client_closed_within(&silent, 5000));
    echo_release(e);
}

static void an_exchange_is_waited_for_even_when_the_grace_is_over(void **state)
{
    (void)state;
    echo_init(&echo);
    echo_open(&echo);
    struct client held = connected();
    struct thread releaser = {0};
    client_post(&held, "/held", BYTES_LITERAL("late"));
    echo_wait_held(&echo, 1);
    /* A silent connection ends when the listener does: then the answer is released, with no grace
     * left. */
    silent = connected();
    echo_wait_connections(&echo, 2);
    thread_start(&releaser, THREAD_READER, "releaser", release_later, &echo);
    network_close(echo.network, 0);
    thread_join(&releaser);
    echo.network = NULL;
    echo_close(&echo, 0);
    client_close(&silent);
    client_expect(&held, 200, "late");
    client_close(&held);
}

static void slow_clients_are_cut_when_the_grace_is_over(void **state)
{
    (void)state;
    echo_init(&echo);
    echo_open(&echo);
    struct client half = connected(), stuck = connected();
    client_send(&half, "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    client_send(&stuck, "GET /big?30000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&echo.handled) < 1)
        assert_false(client_closed_within(&half, 10));
    uint64_t begun = now_ms();
    echo_close(&echo, 300);
    assert_in_range(now_ms() - begun, 250, 5000);
    client_close(&half);
    client_close(&stuck);
}

static void connections_are_dealt_to_the_loops_in_turn(void **state)
{
    (void)state;
    enum { LOOPS = 3, CLIENTS = 9 };
    echo_init(&echo);
    echo.settings.loops = LOOPS;
    echo_open(&echo);
    struct client c[CLIENTS];
    unsigned by_loop[LOOPS] = {0};
    struct loop *loops[LOOPS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = connected();
        client_post(&c[i], "/held", BYTES_LITERAL("x"));
    }
    echo_wait_held(&echo, CLIENTS);
    lock_take(&echo.lock);
    for (int i = 0; i < CLIENTS; i++) {
        size_t k = 0;
        while (loops[k] != NULL && loops[k] != echo.held[i]->loop)
            assert_true(++k < LOOPS);
        loops[k] = echo.held[i]->loop;
        by_loop[k]++;
    }
    lock_drop(&echo.lock);
    for (size_t k = 0; k < LOOPS; k++)
        assert_int_equal(by_loop[k], CLIENTS / LOOPS);
    echo_release(&echo);
    for (int i = 0; i < CLIENTS; i++) {
        client_expect(&c[i], 200, "x");
        client_close(&c[i]);
    }
    echo_close(&echo, 1000);
}

static void connections_and_requests_are_counted(void **state)
{
    (void)state;
    struct metric *open = metric_gauge("sluice_connections", "", "");
    struct metric *requests = metric_counter("sluice_http_requests_total", "", "");
    uint64_t before = metric_value(requests);
    echo_init(&echo);
    echo_open(&echo);
    struct client c = connected();
    for (int i = 0; i < 3; i++) {
        client_post(&c, "/later", BYTES_LITERAL("x"));
        client_expect(&c, 200, "x");
    }
    assert_int_equal(metric_value(open), 1);
    assert_int_equal(network_connections(echo.network), 1);
    assert_int_equal(metric_value(requests), before + 3);
    client_close(&c);
    echo_close(&echo, 1000);
    assert_int_equal(metric_value(open), 0);
}

static void a_network_opens_and_closes_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        echo_init(&echo);
        echo_open(&echo);
        struct client c = connected();
        if (i % 2)
            client_post(&c, "/later", BYTES_LITERAL("x"));
        echo_close(&echo, 1000);
        client_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_answers_what_is_in_flight),
        cmocka_unit_test(an_exchange_is_waited_for_even_when_the_grace_is_over),
        cmocka_unit_test(slow_clients_are_cut_when_the_grace_is_over),
        cmocka_unit_test(connections_are_dealt_to_the_loops_in_turn),
        cmocka_unit_test(connections_and_requests_are_counted),
        cmocka_unit_test(a_network_opens_and_closes_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
