/* http2_tls_test.c: HTTP/2 over TLS on the same port, chosen by ALPN, with OpenSSL as the client. */
#include "api/network.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

static struct echo echo;
static SSL_CTX *context;
static char folder[64];

static int open_echo(void **state)
{
    (void)state;
    struct fault f;
    snprintf(folder, sizeof(folder), "/tmp/sluice-http2-tls-XXXXXX");
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
    struct fault f;
    echo_close(&echo, 5000);
    tls_close(echo.settings.tls);
    SSL_CTX_free(context);
    assert_int_equal(folder_remove(folder, &f), OK);
    return 0;
}

static void h2_is_chosen_whenever_it_is_offered(void **state)
{
    (void)state;
    static const char *const offers[] = {"\x02h2", "\x02h2\x08http/1.1", "\x08http/1.1\x02h2",
                                         "\x03h2c\x02h2"};
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *chosen;
        unsigned len;
        struct client c;
        client_open(&c, echo_port(&echo));
        assert_true(client_tls(&c, context, offers[i]));
        SSL_get0_alpn_selected(c.ssl, &chosen, &len);
        assert_int_equal(len, 2);
        assert_memory_equal(chosen, "h2", 2);
        client_close(&c);
    }
}

static void requests_and_large_bodies_pass_through_tls(void **state)
{
    (void)state;
    enum { LARGE = 11 * 1024 * 1024 };
    uint8_t *bytes = mem_must(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i * 31 % 251);
    struct http2_client c;
    http2_client_open(&c, echo_port(&echo), context, false);
    http2_expect(&c, "POST", "/seen", BYTES_LITERAL("x"), 200, "POST|/seen||tls||1");
    struct http2_call call = {0};
    http2_start(&c, &call, "POST", "/later", bytes_of(bytes, LARGE), NULL, NULL);
    http2_wait(&c, &call);
    assert_int_equal(call.reply.len, LARGE);
    assert_memory_equal(call.reply.at, bytes, LARGE);
    http2_call_end(&call);
    for (int i = 0; i < 50; i++)
        http2_expect(&c, "POST", i % 2 ? "/sync" : "/later", BYTES_LITERAL("hello"), 200, "hello");
    http2_client_close(&c);
    mem_free(bytes);
}

static void a_hundred_requests_on_each_of_many_connections(void **state)
{
    (void)state;
    enum { CONNECTIONS = 8, EACH = 100 };
    static struct http2_client c[CONNECTIONS];
    static struct http2_call calls[CONNECTIONS][EACH];
    for (int i = 0; i < CONNECTIONS; i++)
        http2_client_open(&c[i], echo_port(&echo), context, false);
    for (int i = 0; i < CONNECTIONS; i++) {
        for (int k = 0; k < EACH; k++) {
            calls[i][k] = (struct http2_call){0};
            http2_start(&c[i], &calls[i][k], "POST", k % 2 ? "/held" : "/later",
                        BYTES_LITERAL("all"), NULL, NULL);
        }
        http2_pump(&c[i], 0);
    }
    echo_wait_held(&echo, CONNECTIONS * EACH / 2);
    echo_release(&echo);
    for (int i = 0; i < CONNECTIONS; i++) {
        for (int k = 0; k < EACH; k++) {
            http2_wait(&c[i], &calls[i][k]);
            assert_int_equal(calls[i][k].status, 200);
            http2_call_end(&calls[i][k]);
        }
        http2_client_close(&c[i]);
    }
}

static void tls_is_1_2_or_1_3_with_the_ciphers_of_http2(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *ciphers; /* of 1.2 */
        bool served;
    } rows[] = {
        {TLS1_3_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
        {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", false}, /* CBC */
        {TLS1_1_VERSION, "ECDHE-ECDSA-AES128-SHA", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c;
        client_open(&c, echo_port(&echo));
        assert_int_equal(SSL_CTX_set_min_proto_version(context, rows[i].version), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(context, rows[i].version), 1);
        assert_int_equal(SSL_CTX_set_cipher_list(context, rows[i].ciphers), 1);
        SSL_CTX_set_security_level(context, 0); /* or OpenSSL itself would not offer 1.1 */
        assert_int_equal(client_tls(&c, context, "\x02h2"), rows[i].served);
        client_close(&c);
    }
    SSL_CTX_set_min_proto_version(context, 0);
    SSL_CTX_set_max_proto_version(context, 0);
    SSL_CTX_set_security_level(context, 1);
    assert_int_equal(SSL_CTX_set_cipher_list(context, "DEFAULT"), 1);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

static void a_session_is_resumed_by_its_ticket(void **state)
{
    (void)state;
    SSL_SESSION *kept = NULL;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    for (int round = 0; round < 3; round++) {
        struct client c;
        uint8_t byte;
        client_open(&c, echo_port(&echo));
        c.ssl = SSL_new(context);
        (void)SSL_set_app_data(c.ssl, &kept);
        assert_int_equal(SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2", 3), 0);
        assert_int_equal(SSL_set_tlsext_host_name(c.ssl, "localhost"), 1);
        assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
        if (round > 0)
            assert_int_equal(SSL_set_session(c.ssl, kept), 1);
        assert_int_equal(SSL_connect(c.ssl), 1);
        assert_int_equal(SSL_session_reused(c.ssl), round > 0);
        assert_int_equal(SSL_read(c.ssl, &byte, 1), 1); /* tickets come before its SETTINGS */
        assert_non_null(kept);
        SSL_set_shutdown(c.ssl, SSL_SENT_SHUTDOWN); /* or OpenSSL would not use the session again */
        client_close(&c);
    }
    SSL_SESSION_free(kept);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(context, NULL);
}

static void clients_who_leave_at_any_point_are_forgotten(void **state)
{
    (void)state;
    echo_wait_connections(&echo, 0);
    for (int i = 0; i < 20; i++) {
        struct client c;
        client_open(&c, echo_port(&echo));
        if (i % 4 == 0) { /* after the hello */
            SSL *ssl = SSL_new(context);
            assert_int_equal(SSL_set_alpn_protos(ssl, (const uint8_t *)"\x02h2", 3), 0);
            SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new_socket(c.fd, BIO_NOCLOSE));
            assert_int_equal(SSL_connect(ssl), -1);
            SSL_free(ssl);
        } else {
            assert_true(client_tls(&c, context, "\x02h2"));
            if (i % 4 == 1)
                client_send(&c, "PRI * HTT");
            if (i % 4 == 2) {
                client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
                client_send_bytes(&c, BYTES_LITERAL("\0\0\0\4\0\0\0\0\0\0\0\x9"));
            }
        }
        client_close(&c);
    }
    echo_wait_connections(&echo, 0);
}

static void a_client_who_says_http1_within_h2_is_told(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, echo_port(&echo));
    assert_true(client_tls(&c, context, "\x02h2"));
    client_send(&c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(client_closed_within(&c, 5000));
    assert_true(c.got.len > 9);
    assert_int_equal(c.got.at[3], 4);                  /* SETTINGS first */
    assert_int_equal(c.got.at[c.got.len - 17 + 3], 7); /* GOAWAY last */
    assert_int_equal(c.got.at[c.got.len - 1], NGHTTP2_PROTOCOL_ERROR);
    client_close(&c);
}

static void new_handshakes_get_the_reloaded_certificate(void **state)
{
    (void)state;
    struct fault f;
    char other_folder[] = "/tmp/sluice-http2-tls2-XXXXXX";
    assert_non_null(mkdtemp(other_folder));
    struct tls *other;
    assert_int_equal(tls_open(&(struct tls_settings){.folder = other_folder}, &other, &f), OK);
    struct http2_client before, after;
    http2_client_open(&before, echo_port(&echo), context, false);
    char command[256];
    snprintf(command, sizeof(command), "cp %s/* %s/", other_folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(tls_reload(echo.settings.tls, &f), OK);
    assert_int_equal(SSL_CTX_load_verify_file(context, tls_ca_path(other)), 1);
    http2_client_open(&after, echo_port(&echo), context, false);
    X509 *old_one = SSL_get1_peer_certificate(before.client.ssl);
    X509 *new_one = SSL_get1_peer_certificate(after.client.ssl);
    assert_int_not_equal(X509_cmp(old_one, new_one), 0);
    X509_free(old_one);
    X509_free(new_one);
    http2_expect(&before, "POST", "/later", BYTES_LITERAL("goes on"), 200, "goes on");
    http2_expect(&after, "POST", "/later", BYTES_LITERAL("new"), 200, "new");
    http2_client_close(&before);
    http2_client_close(&after);
    tls_close(other);
    assert_int_equal(folder_remove(other_folder, &f), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h2_is_chosen_whenever_it_is_offered),
        cmocka_unit_test(requests_and_large_bodies_pass_through_tls),
        cmocka_unit_test(a_hundred_requests_on_each_of_many_connections),
        cmocka_unit_test(tls_is_1_2_or_1_3_with_the_ciphers_of_http2),
        cmocka_unit_test(a_session_is_resumed_by_its_ticket),
        cmocka_unit_test(clients_who_leave_at_any_point_are_forgotten),
        cmocka_unit_test(a_client_who_says_http1_within_h2_is_told),
        cmocka_unit_test(new_handshakes_get_the_reloaded_certificate),
    };
    return cmocka_run_group_tests(tests, open_echo, close_echo);
}
