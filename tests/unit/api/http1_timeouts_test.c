/* http1_timeouts_test.c: clients that are slow, silent or greedy, with time limits short enough to
 * wait for. */
#include "api/network.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <sys/socket.h>
#include <time.h>

static struct echo echo;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 1000);
    return 0;
}

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

/* Sends a byte every 20 ms until the other side closes; how long that took. */
static uint64_t dribble(struct client *c, uint64_t most_ms)
{
    uint64_t begun = now_ms();
    while (now_ms() - begun < most_ms) {
        if (client_closed_within(c, 20) || !client_try_send(c, BYTES_LITERAL("x")))
            break;
    }
    return now_ms() - begun;
}

static void idle_connections_are_closed_and_busy_ones_are_not(void **state)
{
    (void)state;
    echo.settings.idle_ms = 400;
    echo_open(&echo);
    struct client idle = connected(), busy = connected(), held = connected();
    client_post(&idle, "/sync", BYTES_LITERAL("x"));
    client_expect(&idle, 200, "x");
    client_post(&held, "/held", BYTES_LITERAL("h"));
    uint64_t begun = now_ms();
    while (now_ms() - begun < 1000) {
        client_post(&busy, "/later", BYTES_LITERAL("b"));
        client_expect(&busy, 200, "b");
        if (now_ms() - begun < 300)
            assert_false(client_closed_within(&idle, 1));
    }
    assert_true(client_closed_within(&idle, 1));
    assert_false(client_closed_within(&held, 1)); /* it is our turn, however long it takes */
    echo_wait_held(&echo, 1);
    echo_release(&echo);
    client_expect(&held, 200, "h");
    client_close(&idle);
    client_close(&busy);
    client_close(&held);
}

static void dribbled_headers_are_cut_in_time(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo_open(&echo);
    struct client c = connected();
    client_send(&c, "GET /sync HTTP/1.1\r\nX-Slow: ");
    assert_in_range(dribble(&c, CLIENT_PATIENCE_MS), 300, CLIENT_PATIENCE_MS);
    client_close(&c);
}

static void a_dribbled_request_line_is_cut_in_time(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo_open(&echo);
    struct client c = connected();
    client_send(&c, "GET /");
    assert_in_range(dribble(&c, CLIENT_PATIENCE_MS), 300, CLIENT_PATIENCE_MS);
    client_close(&c);
}

static void a_dribbled_body_is_cut_in_time_and_others_are_served(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct client c = connected(), other = connected();
    client_post(&c, "/sync", BYTES_LITERAL("first")); /* also on a kept connection */
    client_expect(&c, 200, "first");
    client_post(&other, "/sync", BYTES_LITERAL("first"));
    client_expect(&other, 200, "first");
    client_send(&c, "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    assert_in_range(dribble(&c, CLIENT_PATIENCE_MS), 300, CLIENT_PATIENCE_MS);
    client_post(&other, "/later", BYTES_LITERAL("second"));
    client_expect(&other, 200, "second");
    client_close(&c);
    client_close(&other);
}

static void a_client_who_takes_nothing_of_his_answer_is_cut(void **state)
{
    (void)state;
    echo.settings.request_ms = 400;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct client c = connected();
    client_send(&c, "GET /big?33000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    echo_wait_connections(&echo, 1);
    echo_wait_connections(&echo, 0); /* he reads nothing */
    client_close(&c);
}

static void a_client_who_takes_his_answer_slowly_gets_all_of_it(void **state)
{
    (void)state;
    echo.settings.request_ms = 300;
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    struct client c = connected();
    int small = 64 * 1024;
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    client_send(&c, "GET /big?20000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    uint64_t begun = now_ms();
    while (now_ms() - begun < 1500) { /* far longer than the limit */
        uint8_t piece[32 * 1024];
        struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL); /* a sleep: to be slow is what is tested */
        ssize_t got = recv(c.fd, piece, sizeof(piece), 0);
        assert_true(got > 0);
        buf_append(&c.got, bytes_of(piece, (size_t)got));
    }
    struct client_reply r;
    client_read(&c, &r, false);
    assert_int_equal(r.body_len, 20000000);
    client_reply_end(&r);
    client_close(&c);
}

static const char throttled[] =
    "{\"__type\":\"ProvisionedThroughputExceededException\",\"message\":"
    "\"Too many bytes of requests are in memory. Try again later.\"}";

static void a_full_body_budget_throttles_and_recovers(void **state)
{
    (void)state;
    enum { LARGE = 3 * 1024 * 1024 };
    echo.settings.body_bytes_max = 4 * 1024 * 1024;
    echo_open(&echo);
    uint8_t *bytes = mem_must(LARGE);
    struct client first = connected(), second = connected();
    struct client_reply r;
    client_post(&first, "/held", bytes_of(bytes, LARGE));
    echo_wait_held(&echo, 1);
    client_post(&second, "/sync", bytes_of(bytes, LARGE));
    client_read(&second, &r, false);
    assert_int_equal(r.status, 400);
    assert_string_equal((const char *)r.body, throttled);
    assert_string_equal(client_reply_header(&r, "Content-Type"), "application/x-amz-json-1.1");
    assert_string_equal(client_reply_header(&r, "x-amzn-ErrorType"),
                        "ProvisionedThroughputExceededException");
    assert_int_equal(strlen(client_reply_header(&r, "x-amzn-RequestId")), UUID_BYTES - 1);
    client_reply_end(&r);
    client_post(&second, "/sync",
                BYTES_LITERAL("small ones still fit")); /* on the same connection */
    client_expect(&second, 200, "small ones still fit");
    echo_release(&echo);
    client_read(&first, &r, false);
    assert_int_equal(r.body_len, LARGE);
    client_reply_end(&r);
    client_post(&second, "/sync", bytes_of(bytes, LARGE / 2));
    client_read(&second, &r, false);
    assert_int_equal(r.status, 200);
    client_reply_end(&r);
    client_close(&first);
    client_close(&second);
    mem_free(bytes);
}

static void large_answers_that_nobody_takes_do_not_fill_memory(void **state)
{
    (void)state;
    enum { GREEDY = 8 };
    echo.settings.body_bytes_max = 32 * 1024 * 1024;
    echo.settings.loops = 1;
    echo_open(&echo);
    struct client c[GREEDY], good;
    unsigned refused = 0;
    int small = 16 * 1024;
    for (int i = 0; i < GREEDY; i++) {
        c[i] = connected();
        assert_int_equal(setsockopt(c[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        client_send(&c[i], "GET /big?12000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    good = connected();
    client_post(&good, "/sync", BYTES_LITERAL("good"));
    client_expect(&good, 200, "good");
    for (int i = 0; i < GREEDY; i++) {
        struct client_reply r;
        client_read(&c[i], &r, false);
        refused += r.status == 400;
        client_reply_end(&r);
    }
    assert_in_range(refused, GREEDY - 2, GREEDY - 1);
    for (int i = 0; i < GREEDY; i++)
        client_close(&c[i]);
    client_close(&good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_echo, close_echo)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_connections_are_closed_and_busy_ones_are_not),
        TEST(dribbled_headers_are_cut_in_time),
        TEST(a_dribbled_request_line_is_cut_in_time),
        TEST(a_dribbled_body_is_cut_in_time_and_others_are_served),
        TEST(a_client_who_takes_nothing_of_his_answer_is_cut),
        TEST(a_client_who_takes_his_answer_slowly_gets_all_of_it),
        TEST(a_full_body_budget_throttles_and_recovers),
        TEST(large_answers_that_nobody_takes_do_not_fill_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
