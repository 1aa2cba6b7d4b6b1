/* tls.h: certificates: a local CA and a server certificate made at first start, or the operator's
 * own; reread without a restart. */
#ifndef SLUICE_API_TLS_H
#define SLUICE_API_TLS_H

#include "base/bytes.h"
#include "base/status.h"

struct tls;
struct tls_settings {
    const char *folder; /* where ca.pem, ca.key, server.pem and server.key are made and kept (0600,
                           folder 0700) */
    const char
        *certificate; /* the operator's own chain and key, PEM; NULL: use those of the folder */
    const char *key;
    const char *names; /* more subject alternative names, by comma: DNS names or IP addresses */
};
/* Makes what is missing: an EC P-256 CA of 10 years, a server certificate of 825 days for
 * localhost, *.localhost, 127.0.0.1, ::1, the host's name and `names`; remade when it is within 30
 * days of its end or lacks a name. Blocks on the disk. */
enum status tls_open(const struct tls_settings *s, struct tls **out, struct fault *f) MUST_USE;
/* Rereads the files (SIGHUP). On failure the old ones stay in force. */
enum status tls_reload(struct tls *t, struct fault *f) MUST_USE;
void tls_close(struct tls *t);
/* Path of the CA certificate to hand to clients (AWS_CA_BUNDLE); NULL when the operator's own
 * certificate is used. */
const char *tls_ca_path(const struct tls *t);

/* The pair now in force, counted, so that a handshake may hold it while a reload replaces it.
 * Thread: any. */
enum tls_engine { TLS_ENGINE_HTTP1, TLS_ENGINE_HTTP2, TLS_ENGINES };
struct tls_pair {
    _Atomic unsigned refs;
    char *certificate, *key; /* PEM, NUL-terminated */
    size_t certificate_len, key_len;
    void *loaded[TLS_ENGINES]; /* each engine's parsed form */
    void (*unload[TLS_ENGINES])(void *);
};
struct tls_pair *tls_pair_ref(struct tls *t);
void tls_pair_unref(struct tls_pair *p);
/* An engine's parsed form of the pair: made by `load` when it is first asked for, freed by `unload` with the pair. NULL when
 * `load` gives NULL. When two threads are first, one of them throws its work away. */
void *tls_pair_loaded(struct tls_pair *p, enum tls_engine engine,
                      void *(*load)(const struct tls_pair *), void (*unload)(void *));

/* What a TLS ClientHello asks for by ALPN (RFC 7301). */
enum tls_hello {
    TLS_HELLO_INCOMPLETE,
    TLS_HELLO_BROKEN,
    TLS_HELLO_UNDECLARED, /* no ALPN */
    TLS_HELLO_HTTP1,
    TLS_HELLO_HTTP2_TOO,
    TLS_HELLO_HTTP2_ONLY,
    TLS_HELLO_OTHER_ONLY
};
/* Reads a peeked ClientHello with OpenSSL's own parser (client-hello callback over a memory BIO).
 */
enum tls_hello tls_hello_read(struct bytes peeked);

#endif
