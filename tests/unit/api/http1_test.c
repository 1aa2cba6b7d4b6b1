/* http1_test.c: requests and replies over real sockets, in all the ways in which clients send them.
 */
#include "api/network.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

static struct echo echo;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    echo_open(&echo);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 5000);
    return 0;
}

static struct client connected(void)
{
    struct client c;
    client_open(&c, echo_port(&echo));
    return c;
}

static uint8_t *pattern(size_t len)
{
    uint8_t *bytes = mem_must(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)('A' + i * 7 % 53);
    return bytes;
}

static void a_kept_connection_carries_many_requests(void **state)
{
    (void)state;
    struct client c = connected();
    for (int i = 0; i < 50; i++) {
        client_post(&c, i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"));
        client_expect(&c, 200, "hello");
    }
    client_close(&c);
}

static void the_handler_sees_the_request_as_it_was_sent(void **state)
{
    (void)state;
    struct client c = connected();
    client_send(&c, "PUT /seen/a%2Fb%20c;x?y=%41&z=1%3D2&q HTTP/1.1\r\nHost: localhost\r\n"
                    "X-Test:  two words \r\nContent-Length: 3\r\n\r\nabc");
    client_expect(&c, 200, "PUT|/seen/a%2Fb%20c;x|y=%41&z=1%3D2&q|plain|two words|3");
    client_send(&c, "GET /seen HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_expect(&c, 200, "GET|/seen||plain||0");
    client_close(&c);
}

static void replies_carry_their_headers_and_exact_length(void **state)
{
    (void)state;
    struct client c = connected();
    struct client_reply r;
    client_post(&c, "/sync", BYTES_LITERAL(""));
    client_read(&c, &r, false);
    assert_int_equal(r.status, 200);
    assert_string_equal(client_reply_header(&r, "Content-Length"), "0");
    assert_string_equal(client_reply_header(&r, "Content-Type"), "application/octet-stream");
    assert_non_null(client_reply_header(&r, "Date"));
    assert_null(client_reply_header(&r, "Connection"));
    client_reply_end(&r);
    client_close(&c);
}

static void head_is_answered_without_a_body(void **state)
{
    (void)state;
    struct client c = connected();
    struct client_reply r;
    client_send(&c, "HEAD /big?1234 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_read(&c, &r, true);
    assert_string_equal(client_reply_header(&r, "Content-Length"), "1234");
    client_reply_end(&r);
    client_post(&c, "/sync", BYTES_LITERAL("next"));
    client_expect(&c, 200, "next");
    client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct client c = connected();
    char text[64];
    for (int i = 0; i < 40; i++) {
        int len = snprintf(text, sizeof(text), "request %d", i);
        client_post(&c, i % 3 ? "/later" : "/sync", bytes_of(text, (size_t)len));
    }
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof(text), "request %d", i);
        client_expect(&c, 200, text);
    }
    client_close(&c);
}

static void a_request_may_come_a_byte_at_a_time(void **state)
{
    (void)state;
    struct client c = connected();
    static const char request[] =
        "POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        client_send_bytes(&c, bytes_of(request + i, 1));
    client_expect(&c, 200, "hello");
    client_close(&c);
}

static void a_chunked_body_is_put_together(void **state)
{
    (void)state;
    struct client c = connected();
    client_send(&c, "POST /sync HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_send(&c, "5\r\nhello\r\n1;x=y\r\n,\r\n");
    client_send(&c, "6\r\n world\r\n0\r\n\r\n");
    client_expect(&c, 200, "hello, world");
    client_post(&c, "/later", BYTES_LITERAL("next"));
    client_expect(&c, 200, "next");
    client_close(&c);
}

static void one_who_expects_100_gets_it_before_he_sends(void **state)
{
    (void)state;
    struct client c = connected();
    struct client_reply r;
    client_send(&c, "POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                    "Expect: 100-continue\r\n\r\n");
    client_read(&c, &r, true);
    assert_int_equal(r.status, 100);
    client_reply_end(&r);
    client_send(&c, "hello");
    client_expect(&c, 200, "hello");
    client_close(&c);
}

static void one_who_expects_100_for_too_much_is_refused_before_he_sends(void **state)
{
    (void)state;
    struct client c = connected();
    client_send(&c, "POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777217\r\n"
                    "Expect: 100-continue\r\n\r\n");
    client_expect(&c, 413, "");
    assert_true(client_closed_within(&c, 5000));
    client_close(&c);
}

static void the_largest_body_is_taken_and_one_byte_more_is_413(void **state)
{
    (void)state;
    size_t most = REQUEST_BODY_BYTES_MAX;
    uint8_t *bytes = pattern(most + 1);
    struct client c = connected();
    struct client_reply r;
    client_post(&c, "/later", bytes_of(bytes, most));
    client_read(&c, &r, false);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_len, most);
    assert_memory_equal(r.body, bytes, most);
    client_reply_end(&r);
    unsigned handled = atomic_load(&echo.handled);
    client_post(&c, "/sync",
                bytes_of(bytes, most + 1)); /* all of it is sent, then the answer read */
    client_expect(&c, 413, "");
    assert_true(client_closed_within(&c, 5000));
    assert_int_equal(atomic_load(&echo.handled), handled);
    client_close(&c);
    mem_free(bytes);
}

static void a_chunked_body_that_is_too_large_is_413(void **state)
{
    (void)state;
    enum { CHUNK = 1024 * 1024 };
    uint8_t *bytes = pattern(CHUNK);
    struct client c = connected();
    client_send(&c, "POST /sync HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 17; i++) {
        client_send(&c, "100000\r\n");
        client_send_bytes(&c, bytes_of(bytes, CHUNK));
        client_send(&c, "\r\n");
    }
    client_send(&c, "0\r\n\r\n");
    client_expect(&c, 413, "");
    client_close(&c);
    mem_free(bytes);
}

static void ambiguous_and_unknown_framing_is_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers;
    } rows[] = {
        {400, "Content-Length: 5\r\nContent-Length: 5\r\n"},
        {400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
        {501, "Transfer-Encoding: gzip, chunked\r\n"},
        {501, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c = connected();
        client_send(&c, "POST /sync HTTP/1.1\r\nHost: localhost\r\n");
        client_send(&c, rows[i].headers);
        client_send(&c, "\r\n");
        client_expect(&c, rows[i].status, "");
        assert_true(client_closed_within(&c, 5000));
        client_close(&c);
    }
}

static void broken_requests_never_reach_the_handler(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\x01\x02\x03\x04\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus one\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
    };
    unsigned handled = atomic_load(&echo.handled);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c = connected();
        client_send(&c, rows[i]);
        assert_true(client_closed_within(&c, 5000));
        client_close(&c);
    }
    assert_int_equal(atomic_load(&echo.handled), handled);
}

static void headers_of_a_mebibyte_are_refused_and_others_served(void **state)
{
    (void)state;
    size_t len = 1024 * 1024;
    uint8_t *bytes = pattern(len);
    struct client c = connected(), other = connected();
    client_send(&c, "GET /sync HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
    client_try_send(&c, bytes_of(bytes, len)); /* it may be cut off before the end */
    assert_true(client_closed_within(&c, 5000));
    client_post(&other, "/later", BYTES_LITERAL("me too"));
    client_expect(&other, 200, "me too");
    client_close(&c);
    client_close(&other);
    mem_free(bytes);
}

static void the_sixty_fifth_header_is_refused(void **state)
{
    (void)state;
    for (int count = 64; count <= 65; count++) {
        struct client c = connected();
        client_send(&c, "GET /sync HTTP/1.1\r\nHost: localhost\r\n");
        for (int i = 1; i < count; i++)
            client_send(&c, "X-More: 1\r\n");
        client_send(&c, "\r\n");
        client_expect(&c, count == 64 ? 200 : 431, "");
        client_close(&c);
    }
}

static void large_replies_arrive_whole_one_after_the_other(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 65535, 1468006, 1468006, 16 * 1024 * 1024, 1468006, 300};
    struct client c = connected();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char head[128];
        struct client_reply r;
        snprintf(head, sizeof(head), "GET /big?%zu HTTP/1.1\r\nHost: localhost\r\n\r\n", sizes[i]);
        client_send(&c, head);
        client_read(&c, &r, false);
        assert_int_equal(r.body_len, sizes[i]);
        for (size_t at = 0; at < r.body_len; at++)
            assert_true(r.body[at] == 'a' + at % 26);
        client_reply_end(&r);
    }
    client_close(&c);
}

static void a_half_closed_client_gets_his_reply(void **state)
{
    (void)state;
    static const char *const paths[] = {"/sync", "/later"};
    for (int i = 0; i < 2; i++) {
        struct client c = connected();
        client_post(&c, paths[i], BYTES_LITERAL("last words"));
        assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
        client_expect(&c, 200, "last words");
        assert_true(client_closed_within(&c, 5000));
        client_close(&c);
    }
    struct client c = connected(); /* his end is there long before the answer */
    client_post(&c, "/held", BYTES_LITERAL("last words"));
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    echo_wait_held(&echo, 1);
    echo_release(&echo);
    client_expect(&c, 200, "last words");
    client_close(&c);
}

static void an_exchange_finishes_once_when_its_client_has_gone(void **state)
{
    (void)state;
    unsigned finished = atomic_load(&echo.finished);
    struct client c[8];
    for (int i = 0; i < 8; i++) {
        c[i] = connected();
        client_post(&c[i], "/held", BYTES_LITERAL("gone"));
    }
    echo_wait_held(&echo, 8);
    for (int i = 0; i < 8; i++) {
        struct linger reset = {.l_onoff = 1};
        if (i % 2) /* some with a reset */
            assert_int_equal(setsockopt(c[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        client_close(&c[i]);
    }
    echo_release(&echo);
    echo_wait_connections(&echo, 0);
    assert_int_equal(atomic_load(&echo.finished), finished + 8);
}

static void a_reply_may_close_its_connection(void **state)
{
    (void)state;
    struct client c = connected();
    struct client_reply r;
    client_post(&c, "/close", BYTES_LITERAL("bye"));
    client_read(&c, &r, false);
    assert_string_equal((const char *)r.body, "bye");
    assert_string_equal(client_reply_header(&r, "Connection"), "close");
    client_reply_end(&r);
    assert_true(client_closed_within(&c, 5000));
    client_close(&c);
}

static void a_reply_that_outgrew_its_ceiling_is_an_internal_failure(void **state)
{
    (void)state;
    struct client c = connected();
    client_post(&c, "/unlucky", BYTES_LITERAL(""));
    client_expect(&c, 500, "{\"__type\":\"InternalFailure\"}");
    client_post(&c, "/sync", BYTES_LITERAL("next"));
    client_expect(&c, 200, "next");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_connection_carries_many_requests),
        cmocka_unit_test(the_handler_sees_the_request_as_it_was_sent),
        cmocka_unit_test(replies_carry_their_headers_and_exact_length),
        cmocka_unit_test(head_is_answered_without_a_body),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_request_may_come_a_byte_at_a_time),
        cmocka_unit_test(a_chunked_body_is_put_together),
        cmocka_unit_test(one_who_expects_100_gets_it_before_he_sends),
        cmocka_unit_test(one_who_expects_100_for_too_much_is_refused_before_he_sends),
        cmocka_unit_test(the_largest_body_is_taken_and_one_byte_more_is_413),
        cmocka_unit_test(a_chunked_body_that_is_too_large_is_413),
        cmocka_unit_test(ambiguous_and_unknown_framing_is_refused),
        cmocka_unit_test(broken_requests_never_reach_the_handler),
        cmocka_unit_test(headers_of_a_mebibyte_are_refused_and_others_served),
        cmocka_unit_test(the_sixty_fifth_header_is_refused),
        cmocka_unit_test(large_replies_arrive_whole_one_after_the_other),
        cmocka_unit_test(a_half_closed_client_gets_his_reply),
        cmocka_unit_test(an_exchange_finishes_once_when_its_client_has_gone),
        cmocka_unit_test(a_reply_may_close_its_connection),
        cmocka_unit_test(a_reply_that_outgrew_its_ceiling_is_an_internal_failure),
    };
    return cmocka_run_group_tests(tests, open_echo, close_echo);
}
