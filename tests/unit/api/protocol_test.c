/* protocol_test.c: what a connection speaks, told from its first bytes. */
#include "api/protocol.h"

#include "unit/base/cmocka_all.h"

#include <openssl/ssl.h>

static const struct protocol_offer both = {.plain = true, .tls = true};
static const struct protocol_offer only_plain = {.plain = true};
static const struct protocol_offer only_tls = {.tls = true};

/* A real ClientHello, as OpenSSL makes it. `alpn` in wire form, or NULL. */
static size_t make_hello(const char *alpn, const char *server_name, uint8_t *out, size_t size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (alpn != NULL)
        assert_int_equal(SSL_set_alpn_protos(ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)),
                         0);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, server_name), 1);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(SSL_get_wbio(ssl), out, (int)size);
    assert_in_range(len, 100, size);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)len;
}

static void requests_of_http1_are_served_from_their_first_byte(void **state)
{
    (void)state;
    const char *begins[] = {"G", "POST / HTTP/1.1\r\n", "PUT", "PRO", "PRI * HTTP/1.1", "\r\n",
                            "0"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        struct protocol_verdict v = protocol_decide(&both, bytes_text(begins[i]));
        assert_int_equal(v.action, PROTOCOL_SERVE);
        assert_int_equal(v.transport, TRANSPORT_HTTP1);
    }
}

static void
the_http2_preface_is_waited_for_and_served_without_tls_only_where_that_is_offered(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (size_t len = 1; len < sizeof(preface) - 1; len++)
        assert_int_equal(protocol_decide(&both, bytes_of(preface, len)).action, PROTOCOL_WAIT);
    struct protocol_verdict v = protocol_decide(&both, bytes_text(preface));
    assert_int_equal(v.action, PROTOCOL_SERVE);
    assert_int_equal(v.transport, TRANSPORT_HTTP2);
    v = protocol_decide(&only_tls, bytes_text(preface));
    assert_int_equal(v.action, PROTOCOL_REFUSE);
    assert_int_equal(v.answer.len, 9 + 9 + 8);
    assert_int_equal(v.answer.at[3], 4);   /* SETTINGS */
    assert_int_equal(v.answer.at[12], 7);  /* GOAWAY */
    assert_int_equal(v.answer.at[25], 12); /* INADEQUATE_SECURITY */
}

static void plain_http_is_told_to_use_https_when_that_is_all_there_is(void **state)
{
    (void)state;
    struct protocol_verdict v = protocol_decide(&only_tls, BYTES_LITERAL("G"));
    assert_int_equal(v.action, PROTOCOL_REFUSE);
    assert_true(bytes_starts_with(v.answer, BYTES_LITERAL("HTTP/1.1 400 Bad Request\r\n")));
    assert_non_null(
        memmem(v.answer.at, v.answer.len, "\r\n\r\nThis port speaks HTTPS: use https://", 40));
}

static void a_hello_is_waited_for_until_its_last_byte(void **state)
{
    (void)state;
    uint8_t hello[2048];
    size_t len = make_hello("\x02h2\x08http/1.1", "localhost", hello, sizeof(hello));
    for (size_t i = 1; i < len; i++)
        assert_int_equal(protocol_decide(&both, bytes_of(hello, i)).action, PROTOCOL_WAIT);
    struct protocol_verdict v = protocol_decide(&both, bytes_of(hello, len));
    assert_int_equal(v.action, PROTOCOL_SERVE);
    assert_int_equal(v.transport, TRANSPORT_HTTP2_TLS);
}

static void a_hello_in_many_records_is_put_together(void **state)
{
    (void)state;
    uint8_t hello[2048], split[4096];
    size_t len = make_hello(NULL, "localhost", hello, sizeof(hello)), at = 0;
    for (size_t i = 5; i < len; i += 50) {
        size_t here = len - i < 50 ? len - i : 50;
        uint8_t header[] = {0x16, 3, 1, 0, (uint8_t)here};
        memcpy(split + at, header, 5);
        memcpy(split + at + 5, hello + i, here);
        at += 5 + here;
    }
    for (size_t i = 1; i < at; i += 7)
        assert_int_equal(protocol_decide(&both, bytes_of(split, i)).action, PROTOCOL_WAIT);
    struct protocol_verdict v = protocol_decide(&both, bytes_of(split, at));
    assert_int_equal(v.action, PROTOCOL_SERVE);
    assert_int_equal(v.transport, TRANSPORT_UNDECLARED_TLS);
}

static void check_alert(struct protocol_verdict v, uint8_t what)
{
    assert_int_equal(v.action, PROTOCOL_REFUSE);
    assert_int_equal(v.answer.len, 7);
    assert_int_equal(v.answer.at[0], 0x15);
    assert_int_equal(v.answer.at[5], 2);
    assert_int_equal(v.answer.at[6], what);
}

static void http2_is_chosen_by_those_who_offer_it_and_http1_by_all_others(void **state)
{
    (void)state;
    static const struct {
        const char *alpn;
        enum protocol_transport transport;
    } rows[] = {{"\x02h2", TRANSPORT_HTTP2_TLS},
                {"\x08http/1.1\x02h2", TRANSPORT_HTTP2_TLS},
                {"\x08http/1.1", TRANSPORT_HTTP1_TLS},
                {NULL, TRANSPORT_UNDECLARED_TLS}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t hello[2048];
        size_t len = make_hello(rows[i].alpn, "localhost", hello, sizeof(hello));
        struct protocol_verdict v = protocol_decide(&both, bytes_of(hello, len));
        assert_int_equal(v.action, PROTOCOL_SERVE);
        assert_int_equal(v.transport, rows[i].transport);
    }
}

static void a_hello_that_offers_no_http_gets_no_application_protocol(void **state)
{
    (void)state;
    uint8_t hello[2048];
    size_t len = make_hello("\x04mqtt", "localhost", hello, sizeof(hello));
    check_alert(protocol_decide(&both, bytes_of(hello, len)), 120);
}

static void a_hello_is_refused_where_there_is_no_tls(void **state)
{
    (void)state;
    check_alert(protocol_decide(&only_plain, BYTES_LITERAL("\x16")), 40);
}

static void what_only_begins_like_a_hello_is_refused(void **state)
{
    (void)state;
    check_alert(protocol_decide(&both, BYTES_LITERAL("\x16\x03\x01\x00\x05hello")), 50);
    /* a length that never ends is waited for only as far as can be peeked */
    static uint8_t endless[PROTOCOL_PEEK_MAX];
    memset(endless, 1, sizeof(endless));
    memcpy(endless, "\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9);
    assert_int_equal(protocol_decide(&both, bytes_of(endless, sizeof(endless) - 1)).action,
                     PROTOCOL_WAIT);
    check_alert(protocol_decide(&both, bytes_of(endless, sizeof(endless))), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_http1_are_served_from_their_first_byte),
        cmocka_unit_test(
            the_http2_preface_is_waited_for_and_served_without_tls_only_where_that_is_offered),
        cmocka_unit_test(plain_http_is_told_to_use_https_when_that_is_all_there_is),
        cmocka_unit_test(a_hello_is_waited_for_until_its_last_byte),
        cmocka_unit_test(a_hello_in_many_records_is_put_together),
        cmocka_unit_test(http2_is_chosen_by_those_who_offer_it_and_http1_by_all_others),
        cmocka_unit_test(a_hello_that_offers_no_http_gets_no_application_protocol),
        cmocka_unit_test(a_hello_is_refused_where_there_is_no_tls),
        cmocka_unit_test(what_only_begins_like_a_hello_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
