/* http2_test.c: HTTP/2 with prior knowledge: requests and replies, one and many at once. */
#include "api/network.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static struct echo echo;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    echo.settings.loops = 1;
    echo_open(&echo);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 5000);
    return 0;
}

static struct http2_client c;

static int open_client(void **state)
{
    (void)state;
    http2_client_open(&c, echo_port(&echo), NULL, false);
    return 0;
}

static int close_client(void **state)
{
    (void)state;
    http2_client_close(&c);
    echo_wait_connections(&echo, 0);
    return 0;
}

static uint8_t *pattern(size_t len)
{
    uint8_t *bytes = mem_must(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)('A' + i * 7 % 53);
    return bytes;
}

static void one_connection_carries_many_requests(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        http2_expect(&c, "POST", i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"), 200, "hello");
    assert_int_equal(c.max_requests, HTTP2_REQUESTS_MAX);
    assert_int_equal(c.max_header_bytes, CONNECTION_POOL_BYTES);
    assert_false(c.goaway);
}

static void the_handler_sees_the_request_as_it_was_sent(void **state)
{
    (void)state;
    struct http2_call call = {0};
    http2_start(&c, &call, "PUT", "/seen/a%2Fb%20c;x?y=%41&z=1%3D2&q", BYTES_LITERAL("abc"),
                "x-test", "two words");
    http2_wait(&c, &call);
    static const char expected[] = "PUT|/seen/a%2Fb%20c;x|y=%41&z=1%3D2&q|plain|two words|3";
    assert_int_equal(call.reply.len, strlen(expected));
    assert_memory_equal(call.reply.at, expected, strlen(expected));
    http2_call_end(&call);
    http2_expect(&c, "GET", "/seen", BYTES_LITERAL(""), 200, "GET|/seen||plain||0");
    http2_expect(&c, "OPTIONS", "/seen?", BYTES_LITERAL(""), 200, "OPTIONS|/seen||plain||0");
}

static void the_authority_is_the_host_that_signatures_name(void **state)
{
    (void)state;
    http2_expect(&c, "GET", "/host", BYTES_LITERAL(""), 200, "localhost");
}

static void replies_carry_length_and_date_and_nothing_of_http1s_connections(void **state)
{
    (void)state;
    struct http2_call call = {0};
    http2_start(&c, &call, "POST", "/chatty", BYTES_LITERAL(""), NULL, NULL);
    http2_wait(&c, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(http2_header(&call, "content-length"), "0");
    assert_string_equal(http2_header(&call, "content-type"), "application/octet-stream");
    assert_int_equal(strlen(http2_header(&call, "date")), 29);
    assert_non_null(http2_header(&call, "x-amzn-requestid"));
    assert_null(http2_header(&call, "connection"));
    assert_null(http2_header(&call, "keep-alive"));
    http2_call_end(&call);
}

static void head_is_answered_without_a_body(void **state)
{
    (void)state;
    struct http2_call call = {0};
    http2_start(&c, &call, "HEAD", "/big?1234", BYTES_LITERAL(""), NULL, NULL);
    http2_wait(&c, &call);
    assert_string_equal(http2_header(&call, "content-length"), "1234");
    assert_int_equal(call.reply.len, 0);
    http2_call_end(&call);
}

static void a_hundred_requests_are_worked_on_at_once(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static struct http2_call calls[MANY];
    static char texts[MANY][16];
    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct http2_call){0};
        int len = snprintf(texts[i], sizeof(texts[i]), "request %d", i);
        http2_start(&c, &calls[i], "POST", "/held", bytes_of(texts[i], (size_t)len), NULL, NULL);
    }
    http2_pump(&c, 0);
    echo_wait_held(&echo, MANY);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("overtakes"), 200, "overtakes");
    echo_release(&echo);
    for (int i = 0; i < MANY; i++) {
        http2_wait(&c, &calls[i]);
        assert_int_equal(calls[i].reply.len, strlen(texts[i]));
        assert_memory_equal(calls[i].reply.at, texts[i], strlen(texts[i]));
        http2_call_end(&calls[i]);
    }
}

static void large_bodies_pass_both_ways_beside_small_ones(void **state)
{
    (void)state;
    enum { LARGE = REQUEST_BODY_BYTES_MAX };
    uint8_t *bytes = pattern(LARGE);
    struct http2_call large = {0};
    http2_start(&c, &large, "POST", "/later", bytes_of(bytes, LARGE), NULL, NULL);
    for (int i = 0; i < 10; i++)
        http2_expect(&c, "POST", "/later", BYTES_LITERAL("small"), 200, "small");
    http2_wait(&c, &large);
    assert_int_equal(large.status, 200);
    assert_int_equal(large.reply.len, LARGE);
    assert_memory_equal(large.reply.at, bytes, LARGE);
    http2_call_end(&large);
    mem_free(bytes);
}

static void a_body_too_large_is_refused_and_the_connection_stays(void **state)
{
    (void)state;
    enum { LARGE = REQUEST_BODY_BYTES_MAX + 1 };
    uint8_t *bytes = pattern(LARGE);
    struct http2_call call = {0};
    http2_start(&c, &call, "POST", "/sync", bytes_of(bytes, LARGE), NULL, NULL);
    http2_wait(&c, &call);
    assert_int_equal(call.status, 413);
    assert_int_equal(call.reply.len, 0);
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("next"), 200, "next");
    http2_call_end(&call);
    call = (struct http2_call){.keeps_open = true}; /* also when it is only announced */
    http2_start(&c, &call, "POST", "/sync", BYTES_LITERAL(""), "content-length", "17000000");
    http2_wait(&c, &call);
    assert_int_equal(call.status, 413);
    http2_call_end(&call);
    mem_free(bytes);
}

static void too_many_headers_are_refused_and_the_connection_stays(void **state)
{
    (void)state;
    static char value[CONNECTION_POOL_BYTES + 1];
    memset(value, 'v', sizeof(value) - 1);
    struct http2_call call = {0};
    http2_start(&c, &call, "POST", "/sync", BYTES_LITERAL("x"), "x-large", value);
    http2_wait(&c, &call);
    assert_int_equal(call.status, 431);
    http2_call_end(&call);
    call = (struct http2_call){0};
    value[CONNECTION_POOL_BYTES - 400] = 0;
    http2_start(&c, &call, "POST", "/sync", BYTES_LITERAL("x"), "x-large", value);
    http2_wait(&c, &call);
    assert_int_equal(call.status, 200);
    http2_call_end(&call);
}

static void who_expects_to_be_asked_for_his_body_is_asked(void **state)
{
    (void)state;
    struct http2_call call = {.keeps_open = true};
    http2_start(&c, &call, "POST", "/sync", BYTES_LITERAL(""), "expect", "100-continue");
    while (!call.continued)
        assert_true(http2_pump(&c, CLIENT_PATIENCE_MS));
    call.body = BYTES_LITERAL("and here it is");
    call.keeps_open = false;
    assert_int_equal(nghttp2_session_resume_data(c.ng, call.id), 0);
    http2_wait(&c, &call);
    assert_int_equal(call.status, 200);
    assert_int_equal(call.reply.len, 14);
    http2_call_end(&call);
}

static void a_reply_that_outgrew_its_ceiling_is_an_internal_failure(void **state)
{
    (void)state;
    http2_expect(&c, "POST", "/unlucky", BYTES_LITERAL("x"), 500,
                 "{\"__type\":\"InternalFailure\"}");
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
}

/* An injected fault: to its client it is as if the connection had gone, and to the others of the connection nothing. */
static void a_lost_reply_resets_its_request_and_no_other(void **state)
{
    (void)state;
    struct http2_call held = {0}, lost[2] = {0};
    http2_start(&c, &held, "POST", "/held", BYTES_LITERAL("kept"), NULL, NULL);
    http2_pump(&c, 0);
    echo_wait_held(&echo, 1);
    for (int i = 0; i < 2; i++) {
        http2_start(&c, &lost[i], "POST", "/lost", BYTES_LITERAL("never seen"), NULL, NULL);
        http2_wait(&c, &lost[i]);
        assert_true(lost[i].closed && !lost[i].ended);
        assert_int_equal(lost[i].error, NGHTTP2_INTERNAL_ERROR);
        assert_int_equal(lost[i].status, 0); /* not a byte of it */
        assert_int_equal(lost[i].reply.len, 0);
        http2_call_end(&lost[i]);
    }
    http2_expect(&c, "POST", "/sync", BYTES_LITERAL("after"), 200, "after");
    echo_release(&echo);
    http2_wait(&c, &held);
    assert_true(bytes_equal(buf_view(&held.reply), BYTES_LITERAL("kept")));
    assert_false(c.goaway);
    http2_call_end(&held);
}

static void close_after_is_goaway_behind_the_reply(void **state)
{
    (void)state;
    struct http2_call held = {0};
    http2_start(&c, &held, "POST", "/held", BYTES_LITERAL("held"), NULL, NULL);
    http2_pump(&c, 0);
    echo_wait_held(&echo, 1);
    http2_expect(&c, "POST", "/close", BYTES_LITERAL("bye"), 200, "bye");
    http2_wait_goaway(&c);
    assert_int_equal(c.goaway_error, NGHTTP2_NO_ERROR);
    assert_int_equal(c.goaway_last, 3);
    echo_release(&echo); /* what has begun is still answered */
    http2_wait(&c, &held);
    assert_int_equal(held.status, 200);
    http2_call_end(&held);
    http2_wait_end(&c);
}

static void pings_are_answered(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(nghttp2_submit_ping(c.ng, NGHTTP2_FLAG_NONE, NULL), 0);
        while (c.pongs < i)
            assert_true(http2_pump(&c, CLIENT_PATIENCE_MS));
    }
}

struct releaser {
    struct http2_client *client;
    struct echo *echo;
};

static void release_at_goaway(void *arg)
{
    struct releaser *r = arg;
    http2_wait_goaway(r->client);
    echo_release(r->echo);
}

static void closing_answers_what_is_in_flight_and_then_says_goodbye(void **state)
{
    (void)state;
    struct echo own;
    struct http2_client busy, idle;
    struct http2_call held = {0};
    echo_init(&own);
    own.settings.loops = 1;
    echo_open(&own);
    http2_client_open(&busy, echo_port(&own), NULL, false);
    http2_client_open(&idle, echo_port(&own), NULL, false);
    http2_expect(&idle, "POST", "/sync", BYTES_LITERAL("x"), 200, "x");
    http2_start(&busy, &held, "POST", "/held", BYTES_LITERAL("held"), NULL, NULL);
    http2_pump(&busy, 0);
    echo_wait_held(&own, 1);
    struct thread thread = {0};
    thread_start(&thread, THREAD_READER, "releaser", release_at_goaway,
                 &(struct releaser){&busy, &own});
    network_close(own.network, 5000);
    thread_join(&thread);
    own.network = NULL;
    echo_close(&own, 0);
    http2_wait(&busy, &held);
    assert_int_equal(held.status, 200);
    assert_true(busy.goaway && busy.goaway_error == NGHTTP2_NO_ERROR && busy.goaway_last == 1);
    http2_wait_end(&busy);
    http2_wait_end(&idle);
    assert_true(idle.goaway && idle.goaway_error == NGHTTP2_NO_ERROR);
    http2_call_end(&held);
    http2_client_close(&busy);
    http2_client_close(&idle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_connection_carries_many_requests),
        TEST(the_handler_sees_the_request_as_it_was_sent),
        TEST(the_authority_is_the_host_that_signatures_name),
        TEST(replies_carry_length_and_date_and_nothing_of_http1s_connections),
        TEST(head_is_answered_without_a_body),
        TEST(a_hundred_requests_are_worked_on_at_once),
        TEST(large_bodies_pass_both_ways_beside_small_ones),
        TEST(a_body_too_large_is_refused_and_the_connection_stays),
        TEST(too_many_headers_are_refused_and_the_connection_stays),
        TEST(who_expects_to_be_asked_for_his_body_is_asked),
        TEST(a_reply_that_outgrew_its_ceiling_is_an_internal_failure),
        TEST(a_lost_reply_resets_its_request_and_no_other),
        TEST(close_after_is_goaway_behind_the_reply),
        TEST(pings_are_answered),
        cmocka_unit_test(closing_answers_what_is_in_flight_and_then_says_goodbye),
    };
    return cmocka_run_group_tests(tests, open_echo, close_echo);
}
