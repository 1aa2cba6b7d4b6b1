/* undeclared_test.c: TLS clients without ALPN: HTTP/1.1 carried to libmicrohttpd, HTTP/2 by its preface. */
#include "api/network.h"

#include "base/file.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct echo echo;
static SSL_CTX *context;
static char folder[64];

/* Without plain HTTP: what is carried is none. */
static void begin(uint64_t request_ms)
{
    struct fault f;
    snprintf(folder, sizeof(folder), "/tmp/sluice-undeclared-XXXXXX");
    assert_non_null(mkdtemp(folder));
    echo_init(&echo);
    echo.settings.plain = false;
    echo.settings.request_ms = request_ms;
    if (tls_open(&(struct tls_settings){.folder = folder}, &echo.settings.tls, &f) != OK)
        fail_msg("tls_open: %s", f.text);
    echo_open(&echo);
    context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(context, tls_ca_path(echo.settings.tls)), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
}

static void end(void)
{
    struct fault f;
    echo_close(&echo, 5000);
    tls_close(echo.settings.tls);
    SSL_CTX_free(context);
    assert_int_equal(folder_remove(folder, &f), OK);
}

static int open_echo(void **state)
{
    (void)state;
    begin(60000);
    return 0;
}

static int open_impatient_echo(void **state)
{
    (void)state;
    begin(400);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    end();
    return 0;
}

static struct client connected(void)
{
    struct client c;
    client_open(&c, echo_port(&echo));
    assert_true(client_tls(&c, context, NULL));
    return c;
}

static void http1_is_served_and_known_to_be_over_tls(void **state)
{
    (void)state;
    struct client c = connected();
    client_post(&c, "/seen", BYTES_LITERAL("x"));
    client_expect(&c, 200, "POST|/seen||tls||1");
    for (int i = 0; i < 50; i++) {
        client_post(&c, i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"));
        client_expect(&c, 200, "hello");
    }
    client_close(&c);
    echo_wait_connections(&echo, 0);
}

static void a_request_may_come_a_byte_at_a_time(void **state)
{
    (void)state;
    static const char text[] =
        "PRI /sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi";
    struct client c = connected();
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        client_send_bytes(&c, bytes_of(text + i, 1));
    client_expect(&c, 200, "hi");
    client_close(&c);
}

static void large_bodies_pass_both_ways_at_the_readers_pace(void **state)
{
    (void)state;
    enum { LARGE = 8 * 1024 * 1024, CLIENTS = 4 };
    uint8_t *bytes = mem_must(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i * 31 % 251);
    struct client c[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) { /* none is read before all have sent: answers pile up */
        c[i] = connected();
        client_post(&c[i], i % 2 ? "/sync" : "/later", bytes_of(bytes, LARGE));
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct client_reply r;
        client_read(&c[i], &r, false);
        assert_int_equal(r.body_len, LARGE);
        assert_memory_equal(r.body, bytes, LARGE);
        client_reply_end(&r);
        client_close(&c[i]);
    }
    mem_free(bytes);
    echo_wait_connections(&echo, 0);
}

static void who_ends_his_side_still_gets_his_answer(void **state)
{
    (void)state;
    struct client c = connected();
    client_post(&c, "/held", BYTES_LITERAL("late"));
    echo_wait_held(&echo, 1);
    assert_in_range(SSL_shutdown(c.ssl), 0, 1); /* close_notify: he sends no more */
    echo_release(&echo);
    client_expect(&c, 200, "late");
    assert_true(client_closed_within(&c, 5000));
    client_close(&c);
    echo_wait_connections(&echo, 0);
}

static void an_answer_that_closes_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client c = connected();
        client_post(&c, "/close", BYTES_LITERAL("bye"));
        client_expect(&c, 200, "bye");
        assert_true(client_closed_within(&c, 5000));
        client_close(&c);
    }
    echo_wait_connections(&echo, 0);
}

static void http2_is_known_by_its_preface(void **state)
{
    (void)state;
    struct http2_client c;
    http2_client_open_as(&c, echo_port(&echo), context, NULL, false);
    http2_expect(&c, "POST", "/seen", BYTES_LITERAL("x"), 200, "POST|/seen||tls||1");
    for (int i = 0; i < 50; i++)
        http2_expect(&c, "POST", i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"), 200, "hello");
    http2_client_close(&c);
    echo_wait_connections(&echo, 0);
}

static void the_preface_may_come_in_pieces(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct client c = connected();
    for (size_t i = 0; i < sizeof(preface) - 1; i++)
        client_send_bytes(&c, bytes_of(preface + i, 1));
    client_send_bytes(&c, BYTES_LITERAL("\0\0\0\4\0\0\0\0\0"));
    uint8_t head[9]; /* of the first frame: our SETTINGS */
    assert_int_equal(SSL_read(c.ssl, head, sizeof(head)), sizeof(head));
    assert_int_equal(head[3], NGHTTP2_SETTINGS);
    client_close(&c);
    echo_wait_connections(&echo, 0);
}

static void who_says_nothing_or_too_little_is_closed(void **state)
{
    (void)state;
    struct client silent = connected(), half = connected(), shaking;
    client_send(&half, "PRI * HTTP/2.0\r\n");
    client_open(&shaking, echo_port(&echo));
    SSL *ssl = SSL_new(context); /* a hello, and nothing after it */
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new_socket(shaking.fd, BIO_NOCLOSE));
    assert_int_equal(SSL_connect(ssl), -1);
    assert_true(client_closed_within(&silent, 5000));
    assert_true(client_closed_within(&half, 5000));
    assert_true(client_closed_within(&shaking, 5000));
    SSL_free(ssl);
    client_close(&silent);
    client_close(&half);
    client_close(&shaking);
    echo_wait_connections(&echo, 0);
}

static void who_goes_at_any_point_is_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client c = connected();
        if (i % 4 == 1)
            client_send(&c, "PRI * HTT");
        if (i % 4 == 2)
            client_send(&c, "POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Le");
        if (i % 4 == 3) {
            client_post(&c, "/held", BYTES_LITERAL("x"));
            echo_wait_held(&echo, 1);
        }
        if (i % 8 > 4) /* by a reset */
            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                       sizeof(struct linger));
        client_close(&c);
        echo_release(&echo);
    }
    echo_wait_connections(&echo, 0);
}

static void closing_answers_what_has_begun_and_ends_the_rest(void **state)
{
    (void)state;
    begin(60000);
    struct client idle = connected(), silent = connected(), busy = connected();
    client_post(&idle, "/sync", BYTES_LITERAL("x"));
    client_expect(&idle, 200, "x");
    client_post(&busy, "/later", BYTES_LITERAL("y"));
    client_expect(&busy, 200, "y");
    end(); /* waits for nobody: it would take 5 s */
    assert_true(client_closed_within(&idle, 1000));
    assert_true(client_closed_within(&silent, 1000));
    assert_true(client_closed_within(&busy, 1000));
    client_close(&idle);
    client_close(&silent);
    client_close(&busy);
}

/* I3: each may come to be three descriptors. */
static void as_many_files_may_be_open_as_the_hard_limit_lets(void **state)
{
    (void)state;
    struct rlimit before, few, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 256, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    begin(60000);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, before.rlim_max);
    end();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1_is_served_and_known_to_be_over_tls),
        cmocka_unit_test(a_request_may_come_a_byte_at_a_time),
        cmocka_unit_test(large_bodies_pass_both_ways_at_the_readers_pace),
        cmocka_unit_test(who_ends_his_side_still_gets_his_answer),
        cmocka_unit_test(an_answer_that_closes_is_whole),
        cmocka_unit_test(http2_is_known_by_its_preface),
        cmocka_unit_test(the_preface_may_come_in_pieces),
        cmocka_unit_test(who_goes_at_any_point_is_forgotten),
    };
    const struct CMUnitTest impatient[] = {
        cmocka_unit_test(who_says_nothing_or_too_little_is_closed),
    };
    const struct CMUnitTest closing[] = {
        cmocka_unit_test(closing_answers_what_has_begun_and_ends_the_rest),
        cmocka_unit_test(as_many_files_may_be_open_as_the_hard_limit_lets),
    };
    int failed = cmocka_run_group_tests(tests, open_echo, close_echo);
    failed += cmocka_run_group_tests(impatient, open_impatient_echo, close_echo);
    return failed + cmocka_run_group_tests(closing, NULL, NULL);
}
