/* http2_stream_test.c: replies that go on, slow readers, and clients who reset what they asked for. */
#include "api/network.h"

#include "base/mem.h"
#include "support/flows.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <time.h>

static struct echo echo;
static struct flows flows;
static struct http2_client c;

static int open_all(void **state)
{
    (void)state;
    echo_init(&echo);
    flows_init(&flows, &echo);
    echo.settings.idle_ms = 100000;
    echo_open(&echo);
    http2_client_open(&c, echo_port(&echo), NULL, true);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    http2_client_close(&c);
    echo_wait_connections(&echo, 0);
    echo_close(&echo, 2000);
    assert_int_equal(atomic_load(&flows.opened), atomic_load(&flows.closed)); /* X3 */
    return 0;
}

static void start(struct http2_call *call, const char *path)
{
    *call = (struct http2_call){0};
    http2_start(&c, call, "GET", path, BYTES_LITERAL(""), NULL, NULL);
}

/* Reads all of it, opening windows as bytes come. */
static void read_all(struct http2_call *call)
{
    size_t consumed = 0;
    while (!call->closed) {
        assert_true(http2_pump(&c, CLIENT_PATIENCE_MS));
        if (!call->closed && call->reply.len > consumed)
            http2_consume(&c, call, call->reply.len - consumed);
        consumed = call->reply.len;
    }
}

static void a_reply_that_goes_on_is_read_to_its_end(void **state)
{
    (void)state;
    struct http2_call call;
    start(&call, "/flow?3000000");
    read_all(&call);
    assert_int_equal(call.error, NGHTTP2_NO_ERROR);
    assert_null(http2_header(&call, "content-length"));
    assert_int_equal(call.reply.len, 3000000);
    for (size_t i = 0; i < call.reply.len; i++)
        assert_int_equal(call.reply.at[i], 'a' + i % 26);
    http2_call_end(&call);
    flows_wait_closed(&flows, 1);
}

static void a_source_with_nothing_now_is_asked_again_when_it_has_more(void **state)
{
    (void)state;
    struct http2_call call;
    start(&call, "/rest");
    http2_pump(&c, 0);
    flows_wait_opened(&flows, 1);
    for (size_t i = 1; i <= 20; i++) {
        flows_feed(&flows, 0, 100);
        http2_wait_bytes(&c, &call, i * 100);
        assert_int_equal(call.reply.len, i * 100);
    }
    flows_end(&flows, 0);
    http2_wait(&c, &call);
    assert_true(call.ended);
    http2_call_end(&call);
    flows_wait_closed(&flows, 1);
}

static void a_source_that_breaks_is_seen_to_be_cut(void **state)
{
    (void)state;
    struct http2_call call;
    start(&call, "/broken");
    http2_wait(&c, &call);
    assert_false(call.ended);
    assert_int_equal(call.error, NGHTTP2_INTERNAL_ERROR);
    http2_call_end(&call);
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    flows_wait_closed(&flows, 1);
}

static void nothing_is_asked_for_head_of_a_reply_that_goes_on(void **state)
{
    (void)state;
    struct http2_call call = {0};
    http2_start(&c, &call, "HEAD", "/flow?1000", BYTES_LITERAL(""), NULL, NULL);
    http2_wait(&c, &call);
    assert_true(call.ended && call.status == 200);
    assert_int_equal(atomic_load(&flows.asked), 0);
    http2_call_end(&call);
}

static void a_slow_reader_is_held_back_by_his_window_and_others_go_on(void **state)
{
    (void)state;
    enum { WINDOW = 65535 };
    struct http2_call slow;
    start(&slow, "/flow?100000000");
    assert_int_equal(nghttp2_session_set_local_window_size(c.ng, NGHTTP2_FLAG_NONE, 0, 1 << 20), 0);
    http2_wait_bytes(&c, &slow, WINDOW);
    for (int i = 0; i < 100; i++)
        http2_expect(&c, "POST", i % 2 ? "/sync" : "/later", BYTES_LITERAL("x"), 200, "x");
    assert_int_equal(slow.reply.len, WINDOW);
    assert_int_equal(atomic_load(&flows.asked),
                     WINDOW); /* what he does not take is not even made */
    http2_consume(&c, &slow, WINDOW);
    http2_wait_bytes(&c, &slow, (size_t)2 * WINDOW);
    assert_int_equal(atomic_load(&flows.asked), 2 * WINDOW);
    http2_reset(&c, &slow, NGHTTP2_CANCEL);
    flows_wait_closed(&flows, 1);
    http2_call_end(&slow);
}

static void a_fast_source_does_not_starve_the_others(void **state)
{
    (void)state;
    struct http2_call fast[2], small;
    assert_int_equal(nghttp2_session_set_local_window_size(c.ng, NGHTTP2_FLAG_NONE, 0, 1 << 30), 0);
    nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30};
    assert_int_equal(nghttp2_submit_settings(c.ng, NGHTTP2_FLAG_NONE, &wide, 1), 0);
    start(&fast[0], "/flow?40000000");
    start(&fast[1], "/flow?40000000");
    http2_wait_bytes(&c, &fast[0], 1000000);
    http2_wait_bytes(&c, &fast[1], 1000000); /* they take turns */
    start(&small, "/big?100000");
    http2_wait(&c, &small);
    assert_int_equal(small.reply.len, 100000);
    assert_true(fast[0].reply.len < 40000000 && fast[1].reply.len < 40000000);
    for (int i = 0; i < 2; i++) {
        http2_reset(&c, &fast[i], NGHTTP2_CANCEL);
        http2_call_end(&fast[i]);
    }
    http2_call_end(&small);
    flows_wait_closed(&flows, 2);
}

static void a_client_who_goes_closes_his_sources_at_once(void **state)
{
    (void)state;
    struct http2_call calls[10];
    for (int i = 0; i < 10; i++)
        start(&calls[i], i % 2 ? "/rest" : "/flow?100000000");
    http2_pump(&c, 0);
    flows_wait_opened(&flows, 10);
    http2_client_close(&c);
    flows_wait_closed(&flows, 10);
    for (int i = 0; i < 10; i++)
        http2_call_end(&calls[i]);
    http2_client_open(&c, echo_port(&echo), NULL, true);
}

static void a_request_reset_in_the_middle_of_its_body_is_forgotten(void **state)
{
    (void)state;
    struct http2_call call = {.keeps_open = true};
    http2_start(&c, &call, "POST", "/sync", BYTES_LITERAL("half"), NULL, NULL);
    http2_pump(&c, 20);
    http2_reset(&c, &call, NGHTTP2_CANCEL);
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    assert_int_equal(atomic_load(&echo.handled), 1);
    http2_call_end(&call);
}

static void a_request_reset_while_it_is_worked_on_is_finished_and_dropped(void **state)
{
    (void)state;
    enum { MANY = 50 };
    struct http2_call calls[MANY];
    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct http2_call){0};
        http2_start(&c, &calls[i], "POST", "/held", BYTES_LITERAL("held"), NULL, NULL);
    }
    http2_pump(&c, 0);
    echo_wait_held(&echo, MANY);
    for (int i = 0; i < MANY; i++)
        http2_reset(&c, &calls[i], NGHTTP2_CANCEL);
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    echo_release(&echo);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("y"), 200, "y");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(calls[i].status, 0);
        http2_call_end(&calls[i]);
    }
}

static void a_reply_reset_half_way_gives_its_window_to_others(void **state)
{
    (void)state;
    struct http2_call call, next;
    start(&call, "/big?20000000");
    http2_wait_bytes(&c, &call, 65535);
    http2_reset(&c, &call, NGHTTP2_CANCEL);
    assert_int_equal(nghttp2_session_consume_connection(c.ng, 65535), 0);
    start(&next, "/big?50000");
    http2_wait(&c, &next);
    assert_int_equal(next.reply.len, 50000);
    http2_call_end(&call);
    http2_call_end(&next);
}

static void a_client_who_goes_while_he_is_served_is_forgotten_when_it_is_done(void **state)
{
    (void)state;
    struct http2_client other;
    struct http2_call held[3];
    http2_client_open(&other, echo_port(&echo), NULL, false);
    for (int i = 0; i < 3; i++) {
        held[i] = (struct http2_call){0};
        http2_start(&other, &held[i], "POST", "/held", BYTES_LITERAL("x"), NULL, NULL);
    }
    http2_pump(&other, 0);
    echo_wait_held(&echo, 3);
    http2_client_close(&other);
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    echo_wait_connections(&echo, 1);
    echo_release(&echo);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("y"), 200, "y");
    for (int i = 0; i < 3; i++)
        http2_call_end(&held[i]);
}

static void closing_ends_replies_that_go_on_where_they_have_nothing_to_say(void **state)
{
    (void)state;
    static struct echo own;
    static struct flows own_flows;
    struct http2_client client;
    struct http2_call call = {0};
    echo_init(&own);
    flows_init(&own_flows, &own);
    echo_open(&own);
    http2_client_open(&client, echo_port(&own), NULL, false);
    http2_start(&client, &call, "GET", "/rest", BYTES_LITERAL(""), NULL, NULL);
    http2_pump(&client, 0);
    flows_wait_opened(&own_flows, 1);
    flows_feed(&own_flows, 0, 10);
    http2_wait_bytes(&client, &call, 10);
    uint64_t begun_us = clock_mono_us(&clock_system);
    echo_close(&own, 10000);
    assert_true(clock_mono_us(&clock_system) - begun_us <
                5000000); /* it does not wait for the grace */
    http2_wait(&client, &call);
    assert_true(call.ended && client.goaway);
    assert_int_equal(atomic_load(&own_flows.closed), 1);
    http2_call_end(&call);
    http2_client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reply_that_goes_on_is_read_to_its_end),
        TEST(a_source_with_nothing_now_is_asked_again_when_it_has_more),
        TEST(a_source_that_breaks_is_seen_to_be_cut),
        TEST(nothing_is_asked_for_head_of_a_reply_that_goes_on),
        TEST(a_slow_reader_is_held_back_by_his_window_and_others_go_on),
        TEST(a_fast_source_does_not_starve_the_others),
        TEST(a_client_who_goes_closes_his_sources_at_once),
        TEST(a_request_reset_in_the_middle_of_its_body_is_forgotten),
        TEST(a_request_reset_while_it_is_worked_on_is_finished_and_dropped),
        TEST(a_reply_reset_half_way_gives_its_window_to_others),
        TEST(a_client_who_goes_while_he_is_served_is_forgotten_when_it_is_done),
        cmocka_unit_test(closing_ends_replies_that_go_on_where_they_have_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
