/* tls.c: the certificate and key in force.
 *
 * A handshake must not see a certificate of one pair and a key of another, nor a pair that is freed
 * under it. So a pair is never changed: a reload builds a new one, checks it, and only then lets it
 * take the old one's place; who still holds the old one keeps it until he lets go.
 *
 * I1. The certificate and the key of a pair belong together.
 * I2. A failed reload changes nothing.
 * I3. A key is wiped before its memory is given back.
 *
 * Left to others: making certificates (tls_folder.c, tls_certificate.c), what a ClientHello asks
 * for (tls_hello.c). Thread: open, reload and close are main's; any may take a reference. */
#include "api/tls.h"

#include "api/tls_internal.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>

struct tls {
    /* fixed at birth */
    char *folder, *names, *certificate_path, *key_path, *ca_path;
    bool own_files; /* the operator's: nothing is made, and there is no CA of ours */
    struct lock lock;
    /* under lock */
    struct tls_pair *pair;
};

/* ---- pairs */

void tls_pair_unref(struct tls_pair *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < TLS_ENGINES; i++) {
        if (p->loaded[i] != NULL)
            p->unload[i](p->loaded[i]);
    }
    if (p->key != NULL)
        OPENSSL_cleanse(p->key, p->key_len); /* I3 */
    mem_free(p->key);
    mem_free(p->certificate);
    mem_free(p);
}

struct tls_pair *tls_pair_ref(struct tls *t)
{
    lock_take(&t->lock);
    struct tls_pair *p = t->pair;
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    lock_drop(&t->lock);
    return p;
}

void *tls_pair_loaded(struct tls_pair *p, enum tls_engine engine,
                      void *(*load)(const struct tls_pair *), void (*unload)(void *))
{
    void *known = __atomic_load_n(&p->loaded[engine], __ATOMIC_ACQUIRE);
    if (known != NULL)
        return known;
    void *made = load(p);
    if (made == NULL)
        return NULL;
    __atomic_store_n(&p->unload[engine], unload, __ATOMIC_RELAXED);
    if (__atomic_compare_exchange_n(&p->loaded[engine], &known, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    unload(made);
    return known;
}

/* Reads a PEM file as NUL-terminated text. */
static enum status text_read(const char *path, char **out, size_t *len, struct fault *f)
{
    struct buf content;
    buf_init(&content, TLS_FILE_BYTES_MAX);
    enum status st = file_read(path, &content, f);
    if (st == OK) {
        *len = content.len;
        *out = mem_must(content.len + 1);
        if (content.len > 0)
            memcpy(*out, content.at, content.len);
    }
    tls_buf_wipe(&content);
    return st;
}

/* I1, and that an operator learns of an ended certificate from us first. */
static enum status pair_check(const struct tls *t, const struct tls_pair *p, struct fault *f)
{
    X509 *certificate = tls_certificate_parse(bytes_of(p->certificate, p->certificate_len));
    EVP_PKEY *key = tls_key_parse(bytes_of(p->key, p->key_len));
    char what[256];
    enum status st = OK;
    if (certificate == NULL) {
        (void)snprintf(what, sizeof(what), "%.200s holds no certificate", t->certificate_path);
        st = tls_fault(f, MALFORMED, what);
    } else if (key == NULL) {
        (void)snprintf(what, sizeof(what), "%.200s holds no private key without a password",
                       t->key_path);
        st = tls_fault(f, MALFORMED, what);
    } else if (X509_check_private_key(certificate, key) != 1) {
        st = tls_fault(f, MALFORMED, "certificate and private key do not belong together");
    } else if (!tls_certificate_lasts(certificate, 0)) {
        trace(TRACE_WARN, "tls", "the certificate in %s has ended", t->certificate_path);
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    return st;
}

static enum status pair_load(const struct tls *t, struct tls_pair **out, struct fault *f)
{
    struct tls_pair *p = MEM_NEW(struct tls_pair);
    atomic_init(&p->refs, 1);
    enum status st = text_read(t->certificate_path, &p->certificate, &p->certificate_len, f);
    if (st == OK)
        st = text_read(t->key_path, &p->key, &p->key_len, f);
    if (st == OK)
        st = pair_check(t, p, f);
    if (st != OK) {
        tls_pair_unref(p);
        return st;
    }
    *out = p;
    return OK;
}

/* ---- opening, reloading */

enum status tls_reload(struct tls *t, struct fault *f)
{
    struct tls_pair *fresh = NULL;
    enum status st = t->own_files ? OK : tls_folder_prepare(t->folder, t->names, f);
    if (st == OK)
        st = pair_load(t, &fresh, f);
    if (st != OK)
        return st; /* I2 */
    lock_take(&t->lock);
    struct tls_pair *old = t->pair;
    t->pair = fresh;
    lock_drop(&t->lock);
    tls_pair_unref(old);
    return OK;
}

static char *joined(const char *folder, const char *name)
{
    size_t folder_len = strlen(folder), name_len = strlen(name);
    char *path = mem_must(folder_len + name_len + 2);
    memcpy(path, folder, folder_len);
    path[folder_len] = '/';
    memcpy(path + folder_len + 1, name, name_len);
    return path;
}

enum status tls_open(const struct tls_settings *s, struct tls **out, struct fault *f)
{
    if ((s->certificate == NULL) != (s->key == NULL))
        return fault_set(f, INVALID_ARGUMENT,
                         "a certificate and its key are given together or not at all");
    must(s->certificate != NULL || s->folder != NULL);
    struct tls *t = MEM_NEW(struct tls);
    lock_init(&t->lock, LOCK_TLS);
    t->own_files = s->certificate != NULL;
    t->names = mem_strdup(s->names != NULL ? s->names : "");
    if (t->own_files) {
        t->certificate_path = mem_strdup(s->certificate);
        t->key_path = mem_strdup(s->key);
    } else {
        t->folder = mem_strdup(s->folder);
        t->certificate_path = joined(s->folder, "server.pem");
        t->key_path = joined(s->folder, "server.key");
        t->ca_path = joined(s->folder, "ca.pem");
    }
    enum status st = tls_reload(t, f);
    if (st != OK) {
        tls_close(t);
        return st;
    }
    *out = t;
    return OK;
}

void tls_close(struct tls *t)
{
    if (t == NULL)
        return;
    tls_pair_unref(t->pair);
    lock_fini(&t->lock);
    mem_free(t->folder);
    mem_free(t->names);
    mem_free(t->certificate_path);
    mem_free(t->key_path);
    mem_free(t->ca_path);
    mem_free(t);
}

const char *tls_ca_path(const struct tls *t)
{
    return t->ca_path;
}
