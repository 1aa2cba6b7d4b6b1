/* tls_hello.c: what a ClientHello asks for by ALPN, before anybody answers it.
 *
 * One port serves HTTP/1.1 and HTTP/2 by different engines, so the choice falls before a handshake
 * begins. The bytes are peeked, not consumed, and read by OpenSSL's own parser: it calls back once
 * the whole hello stands, we look at one extension and leave the handshake there; the SSL object is
 * dropped. A hello may come in pieces; as long as its first record is not there, the parser is not
 * bothered.
 *
 * I1. Nothing is ever sent from here.
 *
 * Left to others: peeking again, and giving up on slow clients (listener.c).
 * Thread: any. */
#include "api/tls.h"

#include "base/must.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum { RECORD_HEADER_BYTES = 5, RECORD_HANDSHAKE = 22, RECORD_BYTES_MAX = 16384 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static SSL_CTX *context; /* fixed after `once`; lives as long as the program */

static bool is(const uint8_t *at, size_t len, const char *name)
{
    return bytes_equal(bytes_of(at, len), bytes_text(name));
}

/* The list of RFC 7301: u16 length, then each protocol's u8 length and name. */
static enum tls_hello alpn_read(const uint8_t *at, size_t len)
{
    if (len < 2 || (size_t)(at[0] << 8 | at[1]) != len - 2 || len == 2)
        return TLS_HELLO_BROKEN;
    bool http1 = false, http2 = false;
    for (size_t i = 2; i < len; i += 1u + at[i]) {
        if (at[i] == 0 || at[i] > len - i - 1)
            return TLS_HELLO_BROKEN;
        http1 = http1 || is(at + i + 1, at[i], "http/1.1") || is(at + i + 1, at[i], "http/1.0");
        http2 = http2 || is(at + i + 1, at[i], "h2");
    }
    if (http2)
        return http1 ? TLS_HELLO_HTTP2_TOO : TLS_HELLO_HTTP2_ONLY;
    return http1 ? TLS_HELLO_HTTP1 : TLS_HELLO_OTHER_ONLY;
}

static int hello_seen(SSL *ssl, int *alert, void *arg)
{
    (void)alert, (void)arg;
    enum tls_hello *result = SSL_get_app_data(ssl);
    const unsigned char *at;
    size_t len;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &at,
                                  &len) == 1)
        *result = alpn_read(at, len);
    else
        *result = TLS_HELLO_UNDECLARED;
    return SSL_CLIENT_HELLO_RETRY; /* I1: the handshake stops here */
}

static void prepare(void)
{
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        die("OpenSSL cannot make a TLS context");
    SSL_CTX_set_client_hello_cb(context, hello_seen, NULL);
}

static enum tls_hello parse(struct bytes peeked)
{
    enum tls_hello result = TLS_HELLO_INCOMPLETE;
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new_mem_buf(peeked.at, (int)peeked.len), *out = BIO_new(BIO_s_mem());
    if (ssl == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        ERR_clear_error();
        return TLS_HELLO_BROKEN; /* no memory for one more client */
    }
    BIO_set_mem_eof_return(in,
                           -1); /* the end of what was peeked is not the end of the connection */
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    (void)SSL_set_app_data(ssl, &result);
    int done = SSL_do_handshake(ssl);
    int why = SSL_get_error(ssl, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_CLIENT_HELLO_CB)
        result = TLS_HELLO_BROKEN;
    SSL_free(ssl);
    ERR_clear_error();
    return result;
}

enum tls_hello tls_hello_read(struct bytes peeked)
{
    if (peeked.len > 0 && peeked.at[0] != RECORD_HANDSHAKE)
        return TLS_HELLO_BROKEN;
    if (peeked.len > 1 && peeked.at[1] != 3)
        return TLS_HELLO_BROKEN;
    if (peeked.len < RECORD_HEADER_BYTES)
        return TLS_HELLO_INCOMPLETE;
    size_t record = (size_t)(peeked.at[3] << 8 | peeked.at[4]);
    if (record == 0 || record > RECORD_BYTES_MAX || peeked.len > INT32_MAX)
        return TLS_HELLO_BROKEN;
    if (peeked.len - RECORD_HEADER_BYTES < record)
        return TLS_HELLO_INCOMPLETE;
    pthread_once(&once, prepare);
    return parse(peeked);
}
