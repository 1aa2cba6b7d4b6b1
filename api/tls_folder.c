/* tls_folder.c: the folder in which the local CA and the server's certificate are kept.
 *
 *     ca.key  ca.pem          made once; ca.pem is what clients are handed
 *     server.key  server.pem  made anew when they end soon or lack a name; server.pem holds the
 * CA's certificate too
 *
 * A key is always written before the certificate that belongs to it. So after a crash between the
 * two there is a key without its certificate, which is seen by comparing them, and the pair is made
 * again: nobody has been handed it yet.
 *
 * I1. A CA that clients may trust already is never replaced before its last 30 days, not even if
 * its key is gone or its file is damaged: that is reported.
 *
 * Left to others: the certificates themselves (tls_certificate.c).
 * Thread: main, at start and at SIGHUP. */
#include "api/tls_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trace.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* A certificate and its key, as they were found or made. */
struct pair {
    X509 *certificate;
    EVP_PKEY *key;
};

static void pair_fini(struct pair *p)
{
    X509_free(p->certificate);
    EVP_PKEY_free(p->key);
    *p = (struct pair){0};
}

void tls_buf_wipe(struct buf *b)
{
    if (b->at != NULL)
        OPENSSL_cleanse(b->at, b->room);
    buf_fini(b);
}

static enum status path_of(struct buf *out, const char *folder, const char *name)
{
    buf_clear(out);
    buf_append_text(out, folder);
    buf_append_byte(out, '/');
    buf_append_text(out, name);
    buf_append_byte(out, 0);
    return out->status;
}

/* Reads folder/name if it is there. */
static enum status file_fetch(const char *folder, const char *name, struct buf *out, bool *there,
                              struct fault *f)
{
    struct buf path;
    buf_init(&path, TLS_FILE_BYTES_MAX);
    buf_clear(out);
    enum status st = path_of(&path, folder, name);
    if (st == OK)
        st = file_read((const char *)path.at, out, f);
    buf_fini(&path);
    *there = st == OK;
    return st == NOT_FOUND ? OK : st;
}

static enum status file_store(const char *folder, const char *name, BIO *content, struct fault *f)
{
    struct buf path;
    buf_init(&path, TLS_FILE_BYTES_MAX);
    char *at;
    long len = BIO_get_mem_data(content, &at);
    enum status st = path_of(&path, folder, name);
    if (st == OK)
        st = file_replace((const char *)path.at, bytes_of(at, (size_t)len), f);
    buf_fini(&path);
    return st;
}

/* Key first, then certificate (and that of its CA). */
static enum status pair_store(const char *folder, const char *key_name,
                              const char *certificate_name, const struct pair *p, X509 *ca,
                              struct fault *f)
{
    BIO *key = BIO_new(BIO_s_mem()), *chain = BIO_new(BIO_s_mem());
    enum status st = OK;
    if (key == NULL || chain == NULL ||
        PEM_write_bio_PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(chain, p->certificate) != 1 ||
        (ca != NULL && PEM_write_bio_X509(chain, ca) != 1))
        st = tls_fault(f, INTERNAL, "cannot write certificate and key as PEM");
    if (st == OK)
        st = file_store(folder, key_name, key, f);
    if (st == OK)
        st = file_store(folder, certificate_name, chain, f);
    char *secret;
    long len = key != NULL ? BIO_get_mem_data(key, &secret) : 0;
    if (len > 0)
        OPENSSL_cleanse(secret, (size_t)len);
    BIO_free(key);
    BIO_free(chain);
    return st;
}

/* Fills *p with what the folder holds; a part that is missing or cannot be parsed stays NULL.
 * *there: the certificate's file exists. */
static enum status pair_load(const char *folder, const char *key_name, const char *certificate_name,
                             struct pair *p, bool *there, struct fault *f)
{
    struct buf content;
    bool key_there = false;
    buf_init(&content, TLS_FILE_BYTES_MAX);
    enum status st = file_fetch(folder, certificate_name, &content, there, f);
    if (*there)
        p->certificate = tls_certificate_parse(buf_view(&content));
    if (st == OK)
        st = file_fetch(folder, key_name, &content, &key_there, f);
    if (key_there)
        p->key = tls_key_parse(buf_view(&content));
    tls_buf_wipe(&content);
    ERR_clear_error();
    return st;
}

/* ---- the CA */

static enum status ca_prepare(const char *folder, struct pair *ca, struct fault *f)
{
    bool there;
    enum status st = pair_load(folder, "ca.key", "ca.pem", ca, &there, f);
    if (st != OK)
        return st;
    if (there && ca->certificate == NULL) /* I1 */
        return fault_set(
            f, CORRUPT,
            "%s/ca.pem is not a certificate; restore it, or remove it to have a new CA made",
            folder);
    if (there && tls_certificate_lasts(ca->certificate, TLS_RENEW_DAYS))
        return OK;
    if (there)
        trace(TRACE_WARN, "tls",
              "the local CA ends within %d days: a new one is made, hand %s/ca.pem to the clients",
              TLS_RENEW_DAYS, folder);
    pair_fini(ca);
    st = tls_key_make(&ca->key, f);
    if (st == OK)
        st = tls_ca_make(ca->key, &ca->certificate, f);
    if (st == OK)
        st = pair_store(folder, "ca.key", "ca.pem", ca, NULL, f);
    return st;
}

/* ---- the server */

static bool server_is_fine(const struct pair *server, const X509 *ca, const GENERAL_NAMES *names)
{
    bool fine = server->certificate != NULL && server->key != NULL &&
                X509_check_private_key(server->certificate, server->key) == 1 &&
                X509_verify(server->certificate, X509_get0_pubkey(ca)) == 1 &&
                tls_certificate_lasts(server->certificate, TLS_RENEW_DAYS) &&
                tls_certificate_names(server->certificate, names);
    ERR_clear_error();
    return fine;
}

static enum status server_prepare(const char *folder, const struct pair *ca, GENERAL_NAMES *names,
                                  struct pair *server, struct fault *f)
{
    bool there;
    enum status st = pair_load(folder, "server.key", "server.pem", server, &there, f);
    if (st != OK || server_is_fine(server, ca->certificate, names))
        return st;
    if (ca->key == NULL || X509_check_private_key(ca->certificate, ca->key) != 1) { /* I1 */
        ERR_clear_error();
        return fault_set(f, CORRUPT,
                         "the server needs a new certificate, and %s/ca.key is missing or not the "
                         "key of ca.pem; restore "
                         "it, or remove ca.pem to have a new CA made",
                         folder);
    }
    pair_fini(server);
    st = tls_key_make(&server->key, f);
    if (st == OK)
        st = tls_server_make(server->key, ca->certificate, ca->key, names, &server->certificate, f);
    if (st == OK)
        st = pair_store(folder, "server.key", "server.pem", server, ca->certificate, f);
    return st;
}

enum status tls_folder_prepare(const char *folder, const char *names_more, struct fault *f)
{
    struct pair ca = {0}, server = {0};
    GENERAL_NAMES *names = NULL;
    enum status st = tls_names_make(names_more, &names, f);
    if (st == OK)
        st = folder_make(folder, f);
    if (st == OK)
        st = ca_prepare(folder, &ca, f);
    if (st == OK)
        st = server_prepare(folder, &ca, names, &server, f);
    pair_fini(&server);
    pair_fini(&ca);
    GENERAL_NAMES_free(names);
    return st;
}
