/* tls_test.c: the local CA and the server's certificate: made, kept, renewed, replaced, and trusted
 * by a strict client. */
#include "api/tls.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/thread.h"
#include "unit/base/cmocka_all.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 86400, PATH_ROOM = 200 };

struct given {
    char base[64], folder[80];
    struct fault f;
};

static int setup(void **state)
{
    static struct given g;
    memset(&g, 0, sizeof(g));
    (void)snprintf(g.base, sizeof(g.base), "/tmp/sluice-tls-XXXXXX");
    assert_non_null(mkdtemp(g.base));
    (void)snprintf(g.folder, sizeof(g.folder), "%s/tls", g.base);
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    struct given *g = *state;
    assert_int_equal(folder_remove(g->folder, NULL), OK);
    assert_int_equal(folder_remove(g->base, NULL), OK);
    return 0;
}

static const char *path_of(const struct given *g, const char *name)
{
    static char path[4][PATH_ROOM];
    static unsigned turn;
    char *out = path[turn++ % 4];
    (void)snprintf(out, PATH_ROOM, "%s/%s", g->folder, name);
    return out;
}

/* Contents as text; each name has a place of its own. */
struct content {
    char text[8192];
};

static void content_read(const struct given *g, const char *name, struct content *out)
{
    struct buf b;
    buf_init(&b, sizeof(out->text) - 1);
    assert_int_equal(file_read(path_of(g, name), &b, NULL), OK);
    memcpy(out->text, b.at, b.len);
    out->text[b.len] = '\0';
    buf_fini(&b);
}

static void content_write(const struct given *g, const char *name, const char *text)
{
    assert_int_equal(file_replace(path_of(g, name), bytes_text(text), NULL), OK);
}

static struct tls *open_with(struct given *g, const char *names)
{
    struct tls *t = NULL;
    const struct tls_settings s = {.folder = g->folder, .names = names};
    enum status st = tls_open(&s, &t, &g->f);
    if (st != OK)
        fail_msg("%s: %s", status_name(st), g->f.text);
    return t;
}

static enum status open_fails(struct given *g, const char *names)
{
    struct tls *t = NULL;
    const struct tls_settings s = {.folder = g->folder, .names = names};
    enum status st = tls_open(&s, &t, &g->f);
    assert_null(t);
    return st;
}

static void open_and_close(struct given *g, const char *names)
{
    tls_close(open_with(g, names));
}

static X509 *certificate_of(const struct given *g, const char *name)
{
    FILE *in = fopen(path_of(g, name), "r");
    assert_non_null(in);
    X509 *x = PEM_read_X509(in, NULL, NULL, NULL);
    (void)fclose(in);
    assert_non_null(x);
    return x;
}

static EVP_PKEY *key_of(const struct given *g, const char *name)
{
    FILE *in = fopen(path_of(g, name), "r");
    assert_non_null(in);
    EVP_PKEY *k = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    (void)fclose(in);
    assert_non_null(k);
    return k;
}

static int days_left(const X509 *x)
{
    int days = 0, seconds = 0;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)), 1);
    return days;
}

/* ---- a client */

/* One in-process handshake, verified as strictly as OpenSSL can; the client's verification result,
 * X509_V_OK if it is content. */
static long handshake(const struct given *g, struct tls *t, const char *host, const char *ip,
                      bool trusts)
{
    struct tls_pair *pair = tls_pair_ref(t);
    SSL_CTX *server_context = SSL_CTX_new(TLS_server_method()),
            *client_context = SSL_CTX_new(TLS_client_method());
    BIO *pem = BIO_new_mem_buf(pair->certificate, (int)pair->certificate_len);
    X509 *leaf = PEM_read_bio_X509(pem, NULL, NULL, NULL),
         *ca = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    BIO *key_pem = BIO_new_mem_buf(pair->key, (int)pair->key_len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
    assert_int_equal(SSL_CTX_use_certificate(server_context, leaf), 1);
    assert_int_equal(SSL_CTX_add1_chain_cert(server_context, ca), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server_context, key), 1);
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(client_context), X509_V_FLAG_X509_STRICT);
    if (trusts)
        assert_int_equal(SSL_CTX_load_verify_locations(client_context, path_of(g, "ca.pem"), NULL),
                         1);
    SSL *server = SSL_new(server_context), *client = SSL_new(client_context);
    BIO *one, *two;
    assert_int_equal(BIO_new_bio_pair(&one, 0, &two, 0), 1);
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, two, two);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (host != NULL)
        assert_int_equal(SSL_set1_host(client, host), 1);
    if (ip != NULL)
        assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(client), ip), 1);
    for (int turn = 0; turn < 10 && !SSL_is_init_finished(client); turn++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    long result = SSL_get_verify_result(client);
    assert_int_equal(result == X509_V_OK, SSL_is_init_finished(client));
    SSL_free(server);
    SSL_free(client);
    BIO_free(pem);
    BIO_free(key_pem);
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(key);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    tls_pair_unref(pair);
    return result;
}

static void a_strict_client_that_has_the_ca_trusts_every_name(void **state)
{
    struct given *g = *state;
    struct tls *t = open_with(g, "kinesis.example.com, 10.1.2.3 ,*.box.local,fd00::7,");
    char host[256];
    assert_int_equal(gethostname(host, sizeof(host)), 0);
    static const char *const hosts[] = {"localhost", "LOCALHOST", "kinesis.example.com",
                                        "a.box.local"};
    static const char *const ips[] = {"127.0.0.1", "::1", "10.1.2.3", "fd00::7"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(handshake(g, t, hosts[i], NULL, true), X509_V_OK);
        assert_int_equal(handshake(g, t, NULL, ips[i], true), X509_V_OK);
    }
    assert_int_equal(handshake(g, t, host, NULL, true), X509_V_OK);
    tls_close(t);
}

static void other_names_and_other_clients_are_refused(void **state)
{
    struct given *g = *state;
    struct tls *t = open_with(g, NULL);
    assert_int_equal(handshake(g, t, "example.com", NULL, true), X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(handshake(g, t, NULL, "127.0.0.2", true), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_not_equal(handshake(g, t, "localhost", NULL, false), X509_V_OK);
    tls_close(t);
}

/* ---- the files */

static void the_first_start_makes_four_private_files(void **state)
{
    struct given *g = *state;
    static const char *const names[] = {"ca.pem", "ca.key", "server.pem", "server.key"};
    struct tls *t = open_with(g, NULL);
    struct stat info;
    assert_string_equal(tls_ca_path(t), path_of(g, "ca.pem"));
    assert_int_equal(stat(g->folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stat(path_of(g, names[i]), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    tls_close(t);
}

static void ca_and_server_are_what_they_say(void **state)
{
    struct given *g = *state;
    char name[100];
    open_and_close(g, NULL);
    X509 *ca = certificate_of(g, "ca.pem"), *server = certificate_of(g, "server.pem");
    assert_string_equal(X509_NAME_oneline(X509_get_subject_name(ca), name, sizeof(name)),
                        "/CN=Sluice local CA");
    assert_in_range(days_left(ca), 3651, 3653);
    assert_in_range(days_left(server), 823, 825);
    assert_int_equal(X509_check_ca(ca), 1);
    assert_int_equal(X509_check_ca(server), 0);
    assert_int_equal(X509_get_pathlen(ca), 0);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(ca)), 256);
    assert_int_equal(X509_get_extended_key_usage(server), XKU_SSL_SERVER);
    assert_int_equal(X509_get_key_usage(server), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_not_equal(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(ca), X509_get0_serialNumber(server)), 0);
    X509_free(ca);
    X509_free(server);
}

static void the_second_start_keeps_them(void **state)
{
    struct given *g = *state;
    struct content before[4], after;
    static const char *const names[] = {"ca.pem", "ca.key", "server.pem", "server.key"};
    open_and_close(g, "a.example");
    for (size_t i = 0; i < 4; i++)
        content_read(g, names[i], &before[i]);
    open_and_close(g, "A.EXAMPLE,localhost");
    open_and_close(g, NULL); /* one name more than is asked for does no harm */
    for (size_t i = 0; i < 4; i++) {
        content_read(g, names[i], &after);
        assert_string_equal(after.text, before[i].text);
    }
}

static void a_new_name_makes_a_new_server_under_the_same_ca(void **state)
{
    struct given *g = *state;
    struct content ca, server, after;
    open_and_close(g, NULL);
    content_read(g, "ca.pem", &ca);
    content_read(g, "server.pem", &server);
    struct tls *t = open_with(g, "b.example");
    content_read(g, "ca.pem", &after);
    assert_string_equal(after.text, ca.text);
    content_read(g, "server.pem", &after);
    assert_string_not_equal(after.text, server.text);
    assert_int_equal(handshake(g, t, "b.example", NULL, true), X509_V_OK);
    tls_close(t);
}

/* Signs name's certificate again, to end in so many days. */
static void ends_in(struct given *g, const char *name, int days)
{
    X509 *x = certificate_of(g, name);
    EVP_PKEY *ca_key = key_of(g, "ca.key");
    time_t end = (time_t)(clock_wall_ms(&clock_system) / 1000) + days * DAY_S + 60;
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), end));
    assert_true(X509_sign(x, ca_key, EVP_sha256()) > 0);
    FILE *out = fopen(path_of(g, name), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, x), 1);
    (void)fclose(out);
    X509_free(x);
    EVP_PKEY_free(ca_key);
}

static void a_server_certificate_is_renewed_thirty_days_before_its_end(void **state)
{
    struct given *g = *state;
    struct content before, after;
    open_and_close(g, NULL);
    ends_in(g, "server.pem", 31);
    content_read(g, "server.pem", &before);
    open_and_close(g, NULL);
    content_read(g, "server.pem", &after);
    assert_string_equal(after.text, before.text);
    ends_in(g, "server.pem", 29);
    open_and_close(g, NULL);
    X509 *server = certificate_of(g, "server.pem");
    assert_in_range(days_left(server), 823, 825);
    X509_free(server);
}

static void a_ca_is_renewed_with_its_server_thirty_days_before_its_end(void **state)
{
    struct given *g = *state;
    open_and_close(g, NULL);
    ends_in(g, "ca.pem", 40);
    ends_in(g, "server.pem", 1);
    open_and_close(g, NULL);
    X509 *server = certificate_of(g, "server.pem");
    assert_in_range(days_left(server), 39, 40); /* it does not outlive its CA */
    X509_free(server);
    ends_in(g, "ca.pem", 29);
    struct tls *t = open_with(g, NULL);
    X509 *ca = certificate_of(g, "ca.pem");
    assert_true(days_left(ca) > 3600);
    X509_free(ca);
    assert_int_equal(handshake(g, t, "localhost", NULL, true), X509_V_OK);
    tls_close(t);
}

static void a_pair_that_a_crash_tore_apart_is_made_again(void **state)
{
    struct given *g = *state;
    struct content ca, ca_key, after;
    open_and_close(g, NULL);
    content_read(g, "ca.pem", &ca);
    content_read(g, "ca.key", &ca_key);
    content_write(g, "server.key", ca_key.text); /* a key, and not the one of server.pem */
    struct tls *t = open_with(g, NULL);
    assert_int_equal(handshake(g, t, "localhost", NULL, true), X509_V_OK);
    tls_close(t);
    content_write(g, "server.pem", "-----BEGIN CERT");
    open_and_close(g, NULL);
    assert_int_equal(unlink(path_of(g, "server.key")), 0);
    open_and_close(g, NULL);
    content_read(g, "ca.pem", &after);
    assert_string_equal(after.text, ca.text);
    assert_int_equal(unlink(path_of(g, "ca.pem")), 0); /* the first start died after ca.key */
    t = open_with(g, NULL);
    assert_int_equal(handshake(g, t, "localhost", NULL, true), X509_V_OK);
    tls_close(t);
}

static void a_trusted_ca_is_never_replaced_in_silence(void **state)
{
    struct given *g = *state;
    struct content ca;
    open_and_close(g, NULL);
    content_read(g, "ca.pem", &ca);
    assert_int_equal(unlink(path_of(g, "ca.key")), 0);
    open_and_close(g, NULL); /* nothing to sign: fine */
    assert_int_equal(open_fails(g, "new.example"), CORRUPT);
    content_write(g, "ca.key", "-----BEGIN PRIVATE KEY-----\n");
    assert_int_equal(open_fails(g, "new.example"), CORRUPT);
    assert_non_null(strstr(g->f.text, "ca.key"));
    content_write(g, "ca.pem", "damaged");
    assert_int_equal(open_fails(g, NULL), CORRUPT);
    assert_non_null(strstr(g->f.text, "ca.pem"));
    content_write(g, "ca.pem", "");
    assert_int_equal(open_fails(g, NULL), CORRUPT);
}

static void what_is_no_name_is_refused_by_name(void **state)
{
    struct given *g = *state;
    static const char *const bad[] = {"a b", "ex\303\244mple", "x/y", "1:2", "[::1]", "a\nb"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char names[64];
        (void)snprintf(names, sizeof(names), "fine.example,%s", bad[i]);
        assert_int_equal(open_fails(g, names), INVALID_ARGUMENT);
        assert_non_null(strstr(g->f.text, bad[i]));
    }
    char name[300];
    memset(name, 'a', sizeof(name));
    name[254] = '\0';
    assert_int_equal(open_fails(g, name), INVALID_ARGUMENT);
    assert_false(file_exists(g->folder));
}

static void a_folder_that_cannot_be_made_is_reported(void **state)
{
    struct given *g = *state;
    struct tls *t = NULL;
    const struct tls_settings s = {.folder = "/proc/nowhere/tls"};
    assert_int_not_equal(tls_open(&s, &t, &g->f), OK);
    assert_null(t);
}

/* ---- the operator's own */

static enum status own(struct given *g, const char *certificate, const char *key, struct tls **t)
{
    *t = NULL;
    const struct tls_settings s = {.folder = g->folder, .certificate = certificate, .key = key};
    return tls_open(&s, t, &g->f);
}

static void an_operators_own_pair_is_taken_as_it_is(void **state)
{
    struct given *g = *state;
    struct content file;
    struct tls *t;
    open_and_close(g, NULL);
    assert_int_equal(own(g, path_of(g, "server.pem"), path_of(g, "server.key"), &t), OK);
    assert_null(tls_ca_path(t));
    struct tls_pair *p = tls_pair_ref(t);
    content_read(g, "server.pem", &file);
    assert_string_equal(p->certificate, file.text);
    assert_int_equal(p->certificate_len, strlen(file.text));
    content_read(g, "server.key", &file);
    assert_string_equal(p->key, file.text);
    assert_int_equal(p->key_len, strlen(file.text));
    tls_pair_unref(p);
    tls_close(t);
}

static void an_operators_pair_that_does_not_fit_is_refused(void **state)
{
    struct given *g = *state;
    struct tls *t;
    open_and_close(g, NULL);
    const char *pem = path_of(g, "server.pem"), *key = path_of(g, "server.key");
    assert_int_equal(own(g, pem, path_of(g, "ca.key"), &t), MALFORMED);
    assert_int_equal(own(g, key, key, &t), MALFORMED);
    assert_int_equal(own(g, pem, pem, &t), MALFORMED);
    assert_int_equal(own(g, pem, "/nowhere/key", &t), NOT_FOUND);
    assert_int_equal(own(g, "/nowhere/pem", key, &t), NOT_FOUND);
    assert_int_equal(own(g, pem, NULL, &t), INVALID_ARGUMENT);
    assert_int_equal(own(g, NULL, key, &t), INVALID_ARGUMENT);
    assert_null(t);
}

static void a_key_behind_a_password_is_refused_without_asking(void **state)
{
    struct given *g = *state;
    struct tls *t;
    open_and_close(g, NULL);
    EVP_PKEY *key = key_of(g, "server.key");
    FILE *out = fopen(path_of(g, "locked.key"), "w");
    assert_non_null(out);
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    (void)fclose(out);
    EVP_PKEY_free(key);
    assert_int_equal(own(g, path_of(g, "server.pem"), path_of(g, "locked.key"), &t), MALFORMED);
}

/* ---- reloading */

static void a_reload_replaces_the_pair_and_leaves_the_old_to_its_holders(void **state)
{
    struct given *g = *state;
    struct content file;
    struct tls *t = open_with(g, NULL);
    struct tls_pair *old = tls_pair_ref(t);
    ends_in(g, "server.pem", 3);
    assert_int_equal(tls_reload(t, &g->f), OK);
    struct tls_pair *fresh = tls_pair_ref(t);
    assert_ptr_not_equal(fresh, old);
    content_read(g, "server.pem", &file);
    assert_string_equal(fresh->certificate, file.text);
    assert_string_not_equal(old->certificate, file.text);
    tls_pair_unref(old);
    tls_close(t);
    assert_string_equal(fresh->certificate, file.text); /* ours still */
    tls_pair_unref(fresh);
}

static void a_failed_reload_changes_nothing(void **state)
{
    struct given *g = *state;
    struct tls *t = open_with(g, NULL);
    struct tls_pair *old = tls_pair_ref(t);
    content_write(g, "ca.pem", "damaged");
    assert_int_equal(tls_reload(t, &g->f), CORRUPT);
    struct tls_pair *same = tls_pair_ref(t);
    assert_ptr_equal(same, old);
    tls_pair_unref(same);
    tls_pair_unref(old);
    tls_close(t);
}

static int loaded_freed;
static void *loaded_make(const struct tls_pair *p)
{
    assert_non_null(p->certificate);
    return &loaded_freed;
}
static void *loaded_fail(const struct tls_pair *p)
{
    assert_non_null(p->certificate);
    return NULL;
}
static void loaded_free(void *loaded)
{
    assert_ptr_equal(loaded, &loaded_freed);
    loaded_freed++;
}

static void what_was_loaded_from_a_pair_is_freed_with_its_last_holder(void **state)
{
    struct given *g = *state;
    struct tls *t = open_with(g, NULL);
    struct tls_pair *p = tls_pair_ref(t);
    loaded_freed = 0;
    assert_null(tls_pair_loaded(p, TLS_ENGINE_HTTP2, loaded_fail, loaded_free));
    for (int i = 0; i < 2; i++) /* made once */
        assert_ptr_equal(
            tls_pair_loaded(p, TLS_ENGINE_HTTP1, i ? loaded_fail : loaded_make, loaded_free),
            &loaded_freed);
    tls_close(t);
    assert_int_equal(loaded_freed, 0);
    tls_pair_unref(p);
    assert_int_equal(loaded_freed, 1);
    tls_pair_unref(NULL);
    tls_close(NULL);
}

struct holder {
    struct thread thread;
    struct tls *tls;
    _Atomic bool *stop;
    _Atomic unsigned taken;
};

static void hold(void *arg)
{
    struct holder *h = arg;
    while (!atomic_load(h->stop)) {
        struct tls_pair *p = tls_pair_ref(h->tls);
        if (strlen(p->certificate) == p->certificate_len)
            atomic_fetch_add(&h->taken, 1);
        tls_pair_unref(p);
    }
}

static void pairs_may_be_taken_while_they_are_replaced(void **state)
{
    struct given *g = *state;
    _Atomic bool stop = false;
    struct holder holders[2];
    struct tls *t = open_with(g, NULL);
    for (int i = 0; i < 2; i++) {
        holders[i] = (struct holder){.tls = t, .stop = &stop};
        thread_start(&holders[i].thread, THREAD_LOOP, "holder", hold, &holders[i]);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(tls_reload(t, &g->f), OK);
    while (holders[0].taken == 0 || holders[1].taken == 0)
        sched_yield();
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        thread_join(&holders[i].thread);
    tls_close(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_strict_client_that_has_the_ca_trusts_every_name),
        TEST(other_names_and_other_clients_are_refused),
        TEST(the_first_start_makes_four_private_files),
        TEST(ca_and_server_are_what_they_say),
        TEST(the_second_start_keeps_them),
        TEST(a_new_name_makes_a_new_server_under_the_same_ca),
        TEST(a_server_certificate_is_renewed_thirty_days_before_its_end),
        TEST(a_ca_is_renewed_with_its_server_thirty_days_before_its_end),
        TEST(a_pair_that_a_crash_tore_apart_is_made_again),
        TEST(a_trusted_ca_is_never_replaced_in_silence),
        TEST(what_is_no_name_is_refused_by_name),
        TEST(a_folder_that_cannot_be_made_is_reported),
        TEST(an_operators_own_pair_is_taken_as_it_is),
        TEST(an_operators_pair_that_does_not_fit_is_refused),
        TEST(a_key_behind_a_password_is_refused_without_asking),
        TEST(a_reload_replaces_the_pair_and_leaves_the_old_to_its_holders),
        TEST(a_failed_reload_changes_nothing),
        TEST(what_was_loaded_from_a_pair_is_freed_with_its_last_holder),
        TEST(pairs_may_be_taken_while_they_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
