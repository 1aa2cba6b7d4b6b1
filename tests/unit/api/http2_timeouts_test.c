/* http2_timeouts_test.c: HTTP/2 clients that are slow, silent or greedy, with time limits short enough to wait for. */
#include "api/network.h"

#include "base/mem.h"
#include "support/flows.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

static struct echo echo;
static struct flows flows;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    flows_init(&flows, &echo);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 1000);
    return 0;
}

static void connect_to(struct http2_client *c, bool windows_by_hand)
{
    http2_client_open(c, echo_port(&echo), NULL, windows_by_hand);
}

static uint64_t now_ms(void)
{
    return clock_mono_us(&clock_system) / 1000;
}

static void rest_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL); /* a sleep: to be slow is what is tested */
}

static void idle_connections_are_told_goodbye_and_busy_ones_are_not(void **state)
{
    (void)state;
    echo.settings.idle_ms = 400;
    echo_open(&echo);
    struct http2_client idle, held, rests;
    connect_to(&idle, false);
    connect_to(&held, false);
    connect_to(&rests, false);
    struct http2_call call = {0}, rest = {0};
    http2_expect(&idle, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    http2_start(&held, &call, "POST", "/held", BYTES_LITERAL("h"), NULL, NULL);
    http2_pump(&held, 0);
    http2_start(&rests, &rest, "GET", "/rest", BYTES_LITERAL(""), NULL, NULL);
    http2_pump(&rests, 0);
    uint64_t begun = now_ms();
    while (!idle.goaway) { /* pings do not count */
        assert_int_equal(nghttp2_submit_ping(idle.ng, NGHTTP2_FLAG_NONE, NULL), 0);
        http2_pump(&idle, 10);
        rest_ms(20);
        assert_true(now_ms() - begun < CLIENT_PATIENCE_MS);
    }
    assert_int_equal(idle.goaway_error, NGHTTP2_NO_ERROR);
    http2_wait_end(&idle);
    assert_in_range(now_ms() - begun, 300, CLIENT_PATIENCE_MS);
    while (now_ms() - begun < 1000) {
        http2_pump(&held, 20);
        http2_pump(&rests, 20);
    }
    assert_false(held.ended || held.goaway || rests.ended || rests.goaway); /* it is our turn */
    echo_wait_held(&echo, 1);
    echo_release(&echo);
    http2_wait(&held, &call);
    assert_int_equal(call.status, 200);
    flows_end(&flows, 0);
    http2_wait(&rests, &rest);
    assert_true(rest.ended);
    http2_call_end(&call);
    http2_call_end(&rest);
    http2_client_close(&idle);
    http2_client_close(&held);
    http2_client_close(&rests);
}

static void a_preface_without_settings_is_cut_in_time(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo_open(&echo);
    struct client c;
    client_open(&c, echo_port(&echo));
    client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    uint64_t begun = now_ms();
    assert_true(client_closed_within(&c, CLIENT_PATIENCE_MS));
    assert_in_range(now_ms() - begun, 300, CLIENT_PATIENCE_MS);
    client_close(&c);
}

static void dribbled_headers_end_the_connection(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo_open(&echo);
    struct client c;
    client_open(&c, echo_port(&echo));
    client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client_send_bytes(&c, BYTES_LITERAL("\0\0\0\4\0\0\0\0\0"));
    client_send_bytes(&c, BYTES_LITERAL("\0\x3f\0\1\4\0\0\0\1")); /* HEADERS of 16128 bytes */
    client_send_bytes(&c, BYTES_LITERAL("\x82\x86\x84\0\1y\x7f\x80\x40")); /* y: a value of 8 KiB */
    uint64_t begun = now_ms();
    while (now_ms() - begun < CLIENT_PATIENCE_MS) {
        if (client_closed_within(&c, 20) || !client_try_send(&c, BYTES_LITERAL("z")))
            break;
    }
    assert_in_range(now_ms() - begun, 300, CLIENT_PATIENCE_MS);
    client_close(&c);
}

static void a_dribbled_body_is_reset_and_the_connection_stays(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct http2_client c;
    connect_to(&c, false);
    struct http2_call slow = {.keeps_open = true};
    http2_start(&c, &slow, "POST", "/sync", BYTES_LITERAL("x"), NULL, NULL);
    uint64_t begun = now_ms();
    while (!slow.closed && now_ms() - begun < CLIENT_PATIENCE_MS) {
        slow.body = BYTES_LITERAL("x");
        nghttp2_session_resume_data(c.ng, slow.id);
        http2_pump(&c, 20);
    }
    assert_true(slow.closed);
    assert_int_equal(slow.error, NGHTTP2_CANCEL);
    assert_in_range(now_ms() - begun, 300, CLIENT_PATIENCE_MS);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("goes on"), 200, "goes on");
    http2_call_end(&slow);
    http2_client_close(&c);
}

static void who_opens_no_window_for_his_answer_is_reset_and_the_connection_stays(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo.settings.stall_ms = 1200;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct http2_client c;
    connect_to(&c, true);
    struct http2_call big = {0}, flow = {0};
    assert_int_equal(nghttp2_session_set_local_window_size(c.ng, NGHTTP2_FLAG_NONE, 0, 1 << 20), 0);
    http2_start(&c, &flow, "GET", "/flow?1000000", BYTES_LITERAL(""), NULL, NULL);
    http2_start(&c, &big, "GET", "/big?1000000", BYTES_LITERAL(""), NULL, NULL);
    uint64_t begun = now_ms();
    http2_wait(&c, &big);
    assert_int_equal(big.error, NGHTTP2_CANCEL);
    assert_in_range(now_ms() - begun, 300, 1100);
    http2_wait(&c, &flow); /* one that goes on may stall for longer */
    assert_int_equal(flow.error, NGHTTP2_CANCEL);
    assert_in_range(now_ms() - begun, 1100, 4000);
    flows_wait_closed(&flows, 1);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("goes on"), 200, "goes on");
    http2_call_end(&big);
    http2_call_end(&flow);
    http2_client_close(&c);
}

/* A client with all windows open, who reads nothing, or little. */
static void connect_greedy(struct http2_client *c, struct http2_call *call, const char *path)
{
    connect_to(c, false);
    int small = 16 * 1024;
    assert_int_equal(setsockopt(c->client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30};
    assert_int_equal(nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, &wide, 1), 0);
    assert_int_equal(nghttp2_session_set_local_window_size(c->ng, NGHTTP2_FLAG_NONE, 0, 1 << 30),
                     0);
    http2_start(c, call, "GET", path, BYTES_LITERAL(""), NULL, NULL);
    http2_pump(c, 0);
}

static void a_client_who_takes_nothing_of_his_answer_is_cut(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct http2_call call = {0};
    struct http2_client c;
    connect_greedy(&c, &call, "/big?33000000");
    echo_wait_connections(&echo, 1);
    echo_wait_connections(&echo, 0);
    http2_call_end(&call);
    http2_client_close(&c);
}

static void a_client_who_takes_his_answer_slowly_gets_all_of_it(void **state)
{
    (void)state;
    echo.settings.request_ms = 300;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct http2_call call = {0};
    struct http2_client c;
    connect_greedy(&c, &call, "/big?20000000");
    uint64_t begun = now_ms();
    while (now_ms() - begun < 1500) { /* far longer than the limit */
        rest_ms(20);
        assert_true(http2_pump(&c, CLIENT_PATIENCE_MS));
    }
    http2_wait(&c, &call);
    assert_int_equal(call.reply.len, 20000000);
    http2_call_end(&call);
    http2_client_close(&c);
}

static void large_answers_that_nobody_takes_do_not_fill_memory(void **state)
{
    (void)state;
    enum { GREEDY = 8 };
    echo.settings.body_bytes_max = 32 * 1024 * 1024;
    echo_open(&echo);
    struct http2_client c;
    connect_to(&c, true);
    struct http2_call calls[GREEDY]; /* all on one connection */
    for (int i = 0; i < GREEDY; i++) {
        calls[i] = (struct http2_call){0};
        http2_start(&c, &calls[i], "GET", "/big?12000000", BYTES_LITERAL(""), NULL, NULL);
    }
    unsigned refused = 0, served = 0;
    for (uint64_t begun = now_ms();
         refused + served < GREEDY && now_ms() - begun < 3 * CLIENT_PATIENCE_MS;) {
        http2_pump(&c, 50);
        refused = served = 0;
        for (int i = 0; i < GREEDY; i++) {
            refused += calls[i].status == 400;
            served += calls[i].status == 200;
        }
    }
    assert_int_equal(served, 2);
    assert_int_equal(refused, GREEDY - 2);
    http2_client_close(&c);
    struct http2_client good;
    connect_to(&good, false);
    echo_wait_connections(&echo, 1);
    struct http2_call call = {0};
    http2_start(&good, &call, "GET", "/big?12000000", BYTES_LITERAL(""), NULL, NULL);
    http2_wait(&good, &call); /* what he held was given back */
    assert_int_equal(call.reply.len, 12000000);
    http2_call_end(&call);
    for (int i = 0; i < GREEDY; i++)
        http2_call_end(&calls[i]);
    http2_client_close(&good);
}

static void a_full_body_budget_throttles_and_recovers(void **state)
{
    (void)state;
    enum { LARGE = 3 * 1024 * 1024 };
    echo.settings.body_bytes_max = 4 * 1024 * 1024;
    echo_open(&echo);
    uint8_t *bytes = mem_must(LARGE);
    struct http2_client c;
    connect_to(&c, false);
    struct http2_call first = {0};
    http2_start(&c, &first, "POST", "/held", bytes_of(bytes, LARGE), NULL, NULL);
    while (first.body.len > 0)
        http2_pump(&c, 10);
    echo_wait_held(&echo, 1);
    struct http2_call second = {0};
    http2_start(&c, &second, "POST", "/sync", bytes_of(bytes, LARGE), NULL, NULL);
    http2_wait(&c, &second);
    assert_int_equal(second.status, 400);
    assert_string_equal(http2_header(&second, "x-amzn-errortype"),
                        "ProvisionedThroughputExceededException");
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("small ones fit"), 200, "small ones fit");
    echo_release(&echo);
    http2_wait(&c, &first);
    assert_int_equal(first.reply.len, LARGE);
    http2_call_end(&first);
    http2_call_end(&second);
    http2_client_close(&c);
    mem_free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_echo, close_echo)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_connections_are_told_goodbye_and_busy_ones_are_not),
        TEST(a_preface_without_settings_is_cut_in_time),
        TEST(dribbled_headers_end_the_connection),
        TEST(a_dribbled_body_is_reset_and_the_connection_stays),
        TEST(who_opens_no_window_for_his_answer_is_reset_and_the_connection_stays),
        TEST(a_client_who_takes_nothing_of_his_answer_is_cut),
        TEST(a_client_who_takes_his_answer_slowly_gets_all_of_it),
        TEST(large_answers_that_nobody_takes_do_not_fill_memory),
        TEST(a_full_body_budget_throttles_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
