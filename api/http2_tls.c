/* http2_tls.c: TLS for HTTP/2, by OpenSSL over the non-blocking socket itself.
 *
 * Each pair of certificate and key has an SSL_CTX of its own, made when the first handshake asks for it. A pair that was reread (tls_reload) serves
 * the next handshake; connections under way keep what they began with, because OpenSSL counts who uses an SSL_CTX.
 *
 * TLS 1.2 and 1.3, of 1.2 only what RFC 9113, section 9.2, allows: ephemeral keys and AEAD, no compression, no renegotiation. Sessions are
 * resumed by tickets, so nothing is kept here for those who left. A record's buffers are given back when it is done with: an idle connection costs
 * no 33 KiB.
 *
 * Thread: the loop's own; SSL_CTX are shared by all loops, which OpenSSL allows. */
#include "api/http2_internal.h"
#include "api/tls_internal.h"

#include "base/trace.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* It was offered, or the listener would not have sent the connection here. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned int i = 0; i < in_len; i += 1u + in[i]) {
        if (in[i] == 2 && in_len - i > 2 && memcmp(in + i + 1, "h2", 2) == 0) {
            *out = in + i + 1;
            *out_len = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool use_chain(SSL_CTX *context, const struct tls_pair *pair)
{
    BIO *in = BIO_new_mem_buf(pair->certificate, (int)pair->certificate_len);
    if (in == NULL)
        return false;
    bool ok = true;
    unsigned count = 0;
    X509 *certificate;
    while (ok && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        if (count++ == 0)
            ok = SSL_CTX_use_certificate(context, certificate) == 1;
        else
            ok = SSL_CTX_add1_chain_cert(context, certificate) == 1;
        X509_free(certificate);
    }
    ERR_clear_error(); /* the end of the file is one */
    BIO_free(in);
    return ok && count > 0;
}

static bool use_pair(SSL_CTX *context, const struct tls_pair *pair)
{
    EVP_PKEY *key = tls_key_parse(bytes_of(pair->key, pair->key_len));
    bool ok = key != NULL && use_chain(context, pair) && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    return ok;
}

static bool set_up(SSL_CTX *context)
{
    static const unsigned char id[] = "sluice";
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, ciphers) == 1 &&
           SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) == 1;
}

static void unload(void *context)
{
    SSL_CTX_free(context);
}

static void *load(const struct tls_pair *pair)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && set_up(context) && use_pair(context, pair))
        return context;
    TRACE_SELDOM(TRACE_ERROR, "http2", "the certificate or its key cannot be used: %s",
                 ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    SSL_CTX_free(context);
    return NULL;
}

SSL *http2_tls_begin(struct tls *tls, int fd)
{
    struct tls_pair *pair = tls_pair_ref(tls);
    SSL_CTX *context = tls_pair_loaded(pair, TLS_ENGINE_HTTP2, load, unload);
    SSL *ssl = context == NULL ? NULL : SSL_new(context);
    tls_pair_unref(pair); /* `ssl` counts as a user of `context` */
    if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ssl = NULL;
    }
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    ERR_clear_error();
    return ssl;
}

/* What a call that returned `result` comes to. */
static int outcome(SSL *ssl, int result)
{
    if (result > 0)
        return result;
    int why = SSL_get_error(ssl, result);
    ERR_clear_error(); /* or the next connection's error would be this one's */
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? HTTP2_IO_LATER
                                                                     : HTTP2_IO_END;
}

int http2_tls_shake(SSL *ssl)
{
    return outcome(ssl, SSL_do_handshake(ssl));
}

ssize_t http2_tls_read(SSL *ssl, uint8_t *to, size_t room)
{
    return outcome(ssl, SSL_read(ssl, to, (int)room));
}

ssize_t http2_tls_write(SSL *ssl, struct bytes bytes)
{
    return outcome(ssl, SSL_write(ssl, bytes.at, (int)bytes.len));
}

void http2_tls_goodbye(SSL *ssl)
{
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
}
