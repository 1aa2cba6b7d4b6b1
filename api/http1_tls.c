/* http1_tls.c: the certificate for each handshake.
 *
 * libmicrohttpd's TLS is GnuTLS, which asks us for the certificate of each handshake. So a pair
 * that was reread (tls_reload) serves the next handshake, and a handshake under way keeps the one
 * that it began with: its connection holds a reference.
 *
 * TLS 1.2 and 1.3, AEAD ciphers, ephemeral keys. ALPN is answered by libmicrohttpd: http/1.1.
 * Thread: the loop's own; what is parsed is shared by all loops and not changed. */
#include "api/http1_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

static const char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-"
                                 "AES-256-CBC:%SERVER_PRECEDENCE";

enum { CHAIN_MAX = 8 };

struct loaded {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
};

static void loaded_free(void *arg)
{
    struct loaded *loaded = arg;
    for (unsigned i = 0; i < loaded->count; i++)
        gnutls_pcert_deinit(&loaded->chain[i]);
    if (loaded->key != NULL)
        gnutls_privkey_deinit(loaded->key);
    mem_free(loaded);
}

static gnutls_datum_t datum(const char *text, size_t len)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text, .size = (unsigned)len};
}

static void *load(const struct tls_pair *pair)
{
    struct loaded *loaded = MEM_NEW(struct loaded);
    gnutls_datum_t certificate = datum(pair->certificate, pair->certificate_len);
    gnutls_datum_t key = datum(pair->key, pair->key_len);
    unsigned count = CHAIN_MAX;
    int error = gnutls_pcert_list_import_x509_raw(loaded->chain, &count, &certificate,
                                                  GNUTLS_X509_FMT_PEM, 0);
    if (error >= 0) {
        loaded->count = count;
        error = gnutls_privkey_init(&loaded->key);
    }
    if (error >= 0)
        error = gnutls_privkey_import_x509_raw(loaded->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (error >= 0)
        return loaded;
    TRACE_SELDOM(TRACE_ERROR, "http1", "the certificate or its key cannot be used: %s",
                 gnutls_strerror(error));
    loaded_free(loaded);
    return NULL;
}

static int on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                          int authority_count, const gnutls_pk_algorithm_t *algorithms,
                          int algorithm_count, gnutls_pcert_st **chain, unsigned *chain_len,
                          gnutls_privkey_t *key)
{
    (void)authorities;
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    struct MHD_Connection *mhd = gnutls_session_get_ptr(session); /* libmicrohttpd sets it */
    struct connection *c =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (c->pair == NULL)
        c->pair = tls_pair_ref(c->http1->settings->tls);
    struct loaded *loaded = tls_pair_loaded(c->pair, TLS_ENGINE_HTTP1, load, loaded_free);
    if (loaded == NULL)
        return -1;
    *chain = loaded->chain;
    *chain_len = loaded->count;
    *key = loaded->key;
    return 0;
}

struct MHD_Daemon *http1_tls_start(unsigned int flags, struct http1 *h,
                                   const struct MHD_OptionItem *options)
{
    return MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, request_access, h, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_HTTPS_PRIORITIES, priorities,
                            MHD_OPTION_HTTPS_CERT_CALLBACK, on_certificate, MHD_OPTION_END);
}
