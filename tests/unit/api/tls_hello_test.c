/* tls_hello_test.c: ClientHellos as OpenSSL writes them, whole, in pieces and damaged. */
#include "api/tls.h"

#include "base/random.h"
#include "unit/base/cmocka_all.h"

#include <openssl/ssl.h>

enum { HELLO_BYTES_MAX = 8192 };

struct hello {
    uint8_t bytes[HELLO_BYTES_MAX];
    size_t len;
};

/* Lets a client begin a handshake and keeps what it says; `alpn` in wire form, NULL for none. */
static void hello_make(struct hello *h, const char *alpn, int version_max)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    if (version_max != 0)
        assert_int_equal(SSL_CTX_set_max_proto_version(context, version_max), 1);
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    if (alpn != NULL)
        assert_int_equal(
            SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, "localhost"), 1);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(out, h->bytes, sizeof(h->bytes));
    assert_true(len > 50 && len < HELLO_BYTES_MAX);
    h->len = (size_t)len;
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* A copy of exactly that size, so that reading past its end is seen. */
static enum tls_hello read_copy(const uint8_t *at, size_t len)
{
    uint8_t *copy = test_malloc(len + 1);
    memcpy(copy + 1, at, len);
    enum tls_hello result = tls_hello_read(bytes_of(copy + 1, len));
    test_free(copy);
    return result;
}

static const struct {
    const char *alpn;
    enum tls_hello expected;
} offers[] = {
    {NULL, TLS_HELLO_UNDECLARED},
    {"\x08http/1.1", TLS_HELLO_HTTP1},
    {"\x08http/1.0", TLS_HELLO_HTTP1},
    {"\x02h2", TLS_HELLO_HTTP2_ONLY},
    {"\x02h2\x08http/1.1", TLS_HELLO_HTTP2_TOO},
    {"\x08http/1.1\x02h2", TLS_HELLO_HTTP2_TOO},
    {"\x06spdy/1\x08http/1.1", TLS_HELLO_HTTP1},
    {"\x02h2\x06spdy/1", TLS_HELLO_HTTP2_ONLY},
    {"\x06spdy/1", TLS_HELLO_OTHER_ONLY},
    {"\x03h2c\x01h\x08http/1.2", TLS_HELLO_OTHER_ONLY},
};
enum { OFFERS = sizeof(offers) / sizeof(offers[0]) };

static void every_offer_is_told_apart(void **state)
{
    (void)state;
    static const int versions[] = {0, TLS1_2_VERSION};
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < OFFERS; i++) {
            struct hello h;
            hello_make(&h, offers[i].alpn, versions[v]);
            assert_int_equal(read_copy(h.bytes, h.len), offers[i].expected);
        }
    }
}

static void a_fragment_of_any_length_is_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < OFFERS; i++) {
        struct hello h;
        hello_make(&h, offers[i].alpn, 0);
        for (size_t len = 0; len < h.len; len++)
            assert_int_equal(read_copy(h.bytes, len), TLS_HELLO_INCOMPLETE);
    }
}

static void what_follows_a_hello_does_not_matter(void **state)
{
    (void)state;
    struct hello h;
    hello_make(&h, "\x02h2", 0);
    memset(h.bytes + h.len, 0x17, 100);
    assert_int_equal(read_copy(h.bytes, h.len + 100), TLS_HELLO_HTTP2_ONLY);
}

/* The same hello, as TLS allows it, in records of at most `most` bytes. */
static void split(const struct hello *h, size_t most, struct hello *out)
{
    out->len = 0;
    for (size_t at = 5; at < h->len; at += most) {
        size_t len = h->len - at < most ? h->len - at : most;
        const uint8_t head[5] = {22, 3, 1, (uint8_t)(len >> 8), (uint8_t)len};
        memcpy(out->bytes + out->len, head, 5);
        memcpy(out->bytes + out->len + 5, h->bytes + at, len);
        out->len += 5 + len;
    }
}

static void a_hello_in_several_records_is_read_when_all_are_there(void **state)
{
    (void)state;
    struct hello whole, h;
    hello_make(&whole, "\x02h2\x08http/1.1", 0);
    for (size_t most = 1; most < whole.len; most += most < 8 ? 1 : 37) {
        split(&whole, most, &h);
        assert_int_equal(read_copy(h.bytes, h.len), TLS_HELLO_HTTP2_TOO);
        assert_int_equal(read_copy(h.bytes, h.len - 1), TLS_HELLO_INCOMPLETE);
        assert_int_equal(read_copy(h.bytes, h.len / 2), TLS_HELLO_INCOMPLETE);
    }
}

static void what_is_no_hello_is_broken_from_its_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"G", 1},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24},
        {"\x16\x02", 2},                             /* not TLS */
        {"\x16\x03\x01\x00\x00", 5},                 /* an empty record */
        {"\x16\x03\x01\xff\xff", 5},                 /* larger than a record may be */
        {"\x15\x03\x01\x00\x02\x01\x00", 7},         /* an alert */
        {"\x80\x2e\x01\x00\x02", 5},                 /* SSL 2 */
        {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9}, /* a ServerHello */
        {"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9}, /* a hello of nothing */
        {"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9}, /* a hello of 16 MiB */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_copy((const uint8_t *)bad[i].bytes, bad[i].len) != TLS_HELLO_BROKEN)
            fail_msg("row %zu was not broken", i);
    }
}

/* Where the ALPN extension's list begins: after its type and two lengths. */
static uint8_t *alpn_list(struct hello *h)
{
    static const uint8_t list[] = {0x00, 0x10, 0x00, 0x0e, 0x00, 0x0c, 0x02, 'h', '2'};
    uint8_t *at = memmem(h->bytes, h->len, list, sizeof(list));
    assert_non_null(at);
    return at + 4;
}

static void a_damaged_list_of_protocols_is_broken(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } damage[] = {{0, 1}, {1, 11},  {1, 13}, {1, 0}, {2, 0},
                  {2, 3}, {2, 200}, {5, 0},  {5, 9}, {5, 7}};
    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        struct hello h;
        hello_make(&h, "\x02h2\x08http/1.1", 0);
        uint8_t *list = alpn_list(&h);
        list[damage[i].at] = damage[i].value;
        if (read_copy(h.bytes, h.len) != TLS_HELLO_BROKEN)
            fail_msg("damage %zu was not seen", i);
    }
}

static void an_empty_list_of_protocols_is_broken(void **state)
{
    (void)state;
    struct hello h;
    hello_make(&h, "\x02h2\x08http/1.1", 0);
    /* an ALPN extension of two bytes, and in the room left an extension that nobody knows */
    static const uint8_t empty[] = {0x00, 0x02, 0x00, 0x00, 0x77, 0x77, 0x00, 0x08};
    memcpy(alpn_list(&h) - 2, empty, sizeof(empty));
    assert_int_equal(read_copy(h.bytes, h.len), TLS_HELLO_BROKEN);
}

static void no_changed_byte_does_harm(void **state)
{
    (void)state;
    struct hello h;
    struct random r;
    random_seed(&r, 5);
    hello_make(&h, "\x02h2\x08http/1.1", 0);
    for (size_t i = 0; i < h.len; i++) {
        uint8_t was = h.bytes[i];
        h.bytes[i] ^= (uint8_t)(1 + random_below(&r, 255));
        enum tls_hello result = read_copy(h.bytes, h.len);
        assert_in_range(result, TLS_HELLO_INCOMPLETE, TLS_HELLO_OTHER_ONLY);
        h.bytes[i] = was;
    }
    assert_int_equal(read_copy(h.bytes, h.len), TLS_HELLO_HTTP2_TOO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offer_is_told_apart),
        cmocka_unit_test(a_fragment_of_any_length_is_incomplete),
        cmocka_unit_test(what_follows_a_hello_does_not_matter),
        cmocka_unit_test(a_hello_in_several_records_is_read_when_all_are_there),
        cmocka_unit_test(what_is_no_hello_is_broken_from_its_first_bytes),
        cmocka_unit_test(a_damaged_list_of_protocols_is_broken),
        cmocka_unit_test(an_empty_list_of_protocols_is_broken),
        cmocka_unit_test(no_changed_byte_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
