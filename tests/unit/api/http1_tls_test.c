/* http1_tls_test.c: HTTPS on the same port, with OpenSSL as the client. */
#include "api/network.h"

#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

static struct echo echo;
static SSL_CTX *context;
static char folder[64];

static void remove_folder(const char *path)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

static int open_echo(void **state)
{
    (void)state;
    struct fault f;
    snprintf(folder, sizeof(folder), "/tmp/sluice-http1-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    echo_init(&echo);
    if (tls_open(&(struct tls_settings){.folder = folder}, &echo.settings.tls, &f) != OK)
        fail_msg("tls_open: %s", f.text);
    echo_open(&echo);
    context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(context, tls_ca_path(echo.settings.tls)), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 5000);
    tls_close(echo.settings.tls);
    SSL_CTX_free(context);
    remove_folder(folder);
    return 0;
}

static struct client connected(void)
{
    struct client c;
    client_open(&c, echo_port(&echo));
    return c;
}

/* The alert with which the server ended the handshake. */
static int alert_of_last_error(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) - SSL_AD_REASON_OFFSET;
}

static void tls_and_plain_share_the_port(void **state)
{
    (void)state;
    struct client secure = connected(), plain = connected();
    assert_true(client_tls(&secure, context, NULL));
    client_post(&secure, "/seen", BYTES_LITERAL("x"));
    client_expect(&secure, 200, "POST|/seen||tls||1");
    client_post(&plain, "/seen", BYTES_LITERAL("x"));
    client_expect(&plain, 200, "POST|/seen||plain||1");
    for (int i = 0; i < 20; i++) {
        client_post(&secure, i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"));
        client_expect(&secure, 200, "hello");
    }
    client_close(&secure);
    client_close(&plain);
}

static void alpn_is_answered_with_http1(void **state)
{
    (void)state;
    static const char *const offers[] = {"\x08http/1.1", "\x06spdy/1\x08http/1.1"};
    for (int i = 0; i < 2; i++) {
        const uint8_t *chosen;
        unsigned len;
        struct client c = connected();
        assert_true(client_tls(&c, context, offers[i]));
        SSL_get0_alpn_selected(c.ssl, &chosen, &len);
        assert_int_equal(len, 8);
        assert_memory_equal(chosen, "http/1.1", 8);
        client_post(&c, "/later", BYTES_LITERAL("hello"));
        client_expect(&c, 200, "hello");
        client_close(&c);
    }
}

static void one_who_offers_no_http_gets_no_application_protocol(void **state)
{
    (void)state;
    struct client c = connected();
    ERR_clear_error();
    assert_false(client_tls(&c, context, "\x04mqtt"));
    assert_int_equal(alert_of_last_error(), SSL_AD_NO_APPLICATION_PROTOCOL);
    client_close(&c);
}

static void a_hello_may_come_a_byte_at_a_time(void **state)
{
    (void)state;
    uint8_t hello[2048];
    struct client c = connected(), other = connected();
    SSL *ssl = SSL_new(context);
    BIO *written = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), written);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, "localhost"), 1);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(written, hello, sizeof(hello));
    for (int i = 0; i < len; i++) {
        client_send_bytes(&c, bytes_of(hello + i, 1));
        if (i % 100 == 0) { /* the door stays open for others */
            client_post(&other, "/sync", BYTES_LITERAL("x"));
            client_expect(&other, 200, "x");
        }
    }
    assert_int_equal(SSL_set_fd(ssl, c.fd), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    c.ssl = ssl;
    client_post(&c, "/later", BYTES_LITERAL("patience"));
    client_expect(&c, 200, "patience");
    client_close(&c);
    client_close(&other);
}

static void tls_is_1_2_or_1_3_and_nothing_older(void **state)
{
    (void)state;
    static const struct {
        int version;
        bool served;
    } rows[] = {{TLS1_3_VERSION, true}, {TLS1_2_VERSION, true}, {TLS1_1_VERSION, false}};
    for (size_t i = 0; i < 3; i++) {
        struct client c = connected();
        assert_int_equal(SSL_CTX_set_min_proto_version(context, rows[i].version), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(context, rows[i].version), 1);
        SSL_CTX_set_security_level(context, 0); /* or OpenSSL itself would not offer 1.1 */
        assert_int_equal(client_tls(&c, context, NULL), rows[i].served);
        client_close(&c);
    }
    SSL_CTX_set_min_proto_version(context, 0);
    SSL_CTX_set_max_proto_version(context, 0);
    SSL_CTX_set_security_level(context, 1);
}

static void large_bodies_and_replies_pass_through_tls(void **state)
{
    (void)state;
    enum { LARGE = 11 * 1024 * 1024 };
    uint8_t *bytes = mem_must(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i * 31 % 251);
    struct client c = connected();
    struct client_reply r;
    assert_true(client_tls(&c, context, NULL));
    for (int i = 0; i < 2; i++) {
        client_post(&c, i ? "/sync" : "/later", bytes_of(bytes, LARGE));
        client_read(&c, &r, false);
        assert_int_equal(r.body_len, LARGE);
        assert_memory_equal(r.body, bytes, LARGE);
        client_reply_end(&r);
    }
    client_close(&c);
    mem_free(bytes);
}

static void pipelined_requests_in_one_record_are_all_answered(void **state)
{
    (void)state;
    struct client c = connected();
    assert_true(client_tls(&c, context, NULL));
    client_send(&c, "GET /seen/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /seen/2 HTTP/1.1\r\nHost: x\r\n\r\n"
                    "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3"
                    "GET /seen/4 HTTP/1.1\r\nHost: x\r\n\r\n");
    client_expect(&c, 200, "GET|/seen/1||tls||0");
    client_expect(&c, 200, "GET|/seen/2||tls||0");
    client_expect(&c, 200, "3");
    client_expect(&c, 200, "GET|/seen/4||tls||0");
    client_close(&c);
}

static void many_tls_connections_are_served_at_once(void **state)
{
    (void)state;
    enum { MANY = 130 };
    static struct client c[MANY];
    for (int i = 0; i < MANY; i++) {
        c[i] = connected();
        assert_true(client_tls(&c[i], context, NULL));
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            client_post(&c[i], "/held", BYTES_LITERAL("all"));
        echo_wait_held(&echo, MANY);
        echo_release(&echo);
        for (int i = 0; i < MANY; i++)
            client_expect(&c[i], 200, "all");
    }
    for (int i = 0; i < MANY; i++)
        client_close(&c[i]);
}

static void clients_who_leave_at_any_point_are_forgotten(void **state)
{
    (void)state;
    echo_wait_connections(&echo, 0);
    for (int i = 0; i < 20; i++) {
        struct client c = connected();
        if (i % 4 == 0) { /* after the hello */
            SSL *ssl = SSL_new(context);
            SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new_socket(c.fd, BIO_NOCLOSE));
            assert_int_equal(SSL_connect(ssl), -1);
            SSL_free(ssl);
        } else {
            assert_true(client_tls(&c, context, NULL));
            if (i % 4 == 1)
                client_send(&c, "POST /sync HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
            if (i % 4 == 2)
                client_post(&c, "/later", BYTES_LITERAL("unread"));
        }
        client_close(&c);
    }
    echo_wait_connections(&echo, 0);
}

static void new_handshakes_get_the_reloaded_certificate(void **state)
{
    (void)state;
    struct fault f;
    char other_folder[] = "/tmp/sluice-http1-tls2-XXXXXX";
    assert_non_null(mkdtemp(other_folder));
    struct tls *other;
    assert_int_equal(tls_open(&(struct tls_settings){.folder = other_folder}, &other, &f), OK);
    struct client before = connected(), after = connected();
    assert_true(client_tls(&before, context, NULL));
    char command[256];
    snprintf(command, sizeof(command), "cp %s/* %s/", other_folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(tls_reload(echo.settings.tls, &f), OK);
    assert_int_equal(SSL_CTX_load_verify_file(context, tls_ca_path(other)), 1);
    assert_true(client_tls(&after, context, NULL));
    X509 *old_one = SSL_get1_peer_certificate(before.ssl);
    X509 *new_one = SSL_get1_peer_certificate(after.ssl);
    assert_int_not_equal(X509_cmp(old_one, new_one), 0);
    X509_free(old_one);
    X509_free(new_one);
    client_post(&before, "/later", BYTES_LITERAL("goes on"));
    client_expect(&before, 200, "goes on");
    client_post(&after, "/later", BYTES_LITERAL("new"));
    client_expect(&after, 200, "new");
    client_close(&before);
    client_close(&after);
    tls_close(other);
    remove_folder(other_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_and_plain_share_the_port),
        cmocka_unit_test(alpn_is_answered_with_http1),
        cmocka_unit_test(one_who_offers_no_http_gets_no_application_protocol),
        cmocka_unit_test(a_hello_may_come_a_byte_at_a_time),
        cmocka_unit_test(tls_is_1_2_or_1_3_and_nothing_older),
        cmocka_unit_test(large_bodies_and_replies_pass_through_tls),
        cmocka_unit_test(pipelined_requests_in_one_record_are_all_answered),
        cmocka_unit_test(many_tls_connections_are_served_at_once),
        cmocka_unit_test(clients_who_leave_at_any_point_are_forgotten),
        cmocka_unit_test(new_handshakes_get_the_reloaded_certificate),
    };
    return cmocka_run_group_tests(tests, open_echo, close_echo);
}
