/* tls_certificate.c: reads and makes the certificates of the local CA.
 *
 * A server that asks for certificates before its first start is a server that people run without
 * TLS. So it is its own small CA: clients are handed one file, and it stays the same when the
 * server's certificate is renewed. Keys are EC P-256, which every client of the last ten years can
 * verify, and which signs fast. The extensions are those that strict verifiers ask for (RFC 5280:
 * key identifiers, critical basic constraints and key usage); 825 days are the most that some
 * systems accept of a server.
 *
 * I1. The CA can sign server certificates only, no further CAs (path length 0).
 * I2. A server certificate does not outlive its CA.
 *
 * Left to others: files (tls_folder.c), what is in force (tls.c).
 * Thread: any. */
#include "api/tls_internal.h"

#include "base/clock.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

enum { DAY_S = 86400, NAME_BYTES_MAX = 253, SERIAL_BYTES = 16 };

static time_t now_s(void)
{
    return (time_t)(clock_wall_ms(&clock_system) / 1000);
}

enum status tls_fault(struct fault *f, enum status status, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    fault_set(f, status, "%s%s%s", what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
    ERR_clear_error();
    return status;
}

/* ---- reading */

X509 *tls_certificate_parse(struct bytes pem)
{
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *certificate = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return certificate;
}

/* Without it OpenSSL would ask at the terminal, and wait. */
static int no_password(char *out, int room, int writing, void *arg)
{
    (void)out, (void)room, (void)writing, (void)arg;
    return 0;
}

EVP_PKEY *tls_key_parse(struct bytes pem)
{
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;
    BIO_free(in);
    return key;
}

bool tls_certificate_lasts(const X509 *certificate, unsigned days)
{
    time_t then = now_s() + (time_t)days * DAY_S;
    return X509_cmp_time(X509_get0_notAfter(certificate), &then) > 0;
}

bool tls_certificate_names(const X509 *certificate, const GENERAL_NAMES *names)
{
    GENERAL_NAMES *has = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool all = has != NULL;
    for (int i = 0; all && i < sk_GENERAL_NAME_num(names); i++) {
        bool found = false;
        for (int k = 0; !found && k < sk_GENERAL_NAME_num(has); k++)
            found = GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i),
                                     sk_GENERAL_NAME_value(has, k)) == 0;
        all = found;
    }
    GENERAL_NAMES_free(has);
    return all;
}

/* ---- names */

/* Letters, digits and what else names and addresses are written with; lower-cased. */
static bool name_text(struct bytes text, char out[NAME_BYTES_MAX + 1])
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_*:";
    if (text.len == 0 || text.len > NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out[text.len] = '\0';
    return strspn(out, fine) == text.len;
}

/* One name: an IP address, or else a DNS name. NULL if it is neither. */
static GENERAL_NAME *name_make(struct bytes text)
{
    char c[NAME_BYTES_MAX + 1];
    uint8_t address[16];
    if (!name_text(text, c))
        return NULL;
    int address_len = 0;
    if (inet_pton(AF_INET, c, address) == 1)
        address_len = 4;
    else if (inet_pton(AF_INET6, c, address) == 1)
        address_len = 16;
    else if (strchr(c, ':') != NULL)
        return NULL;
    GENERAL_NAME *name = GENERAL_NAME_new();
    bool ip = address_len > 0;
    ASN1_STRING *value = ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    const void *at = ip ? (const void *)address : c;
    if (name == NULL || value == NULL ||
        ASN1_STRING_set(value, at, ip ? address_len : (int)text.len) == 0) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, ip ? GEN_IPADD : GEN_DNS, value);
    return name;
}

/* Adds each name of a list, once. False at the first that is none; *bad is it then. */
static bool names_add(GENERAL_NAMES *names, struct bytes list, struct bytes *bad)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.at, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.at) : list.len;
        struct bytes text = bytes_trim(bytes_of(list.at, len));
        len += comma != NULL ? 1 : 0;
        list = bytes_of(list.at + len, list.len - len);
        if (text.len == 0)
            continue;
        GENERAL_NAME *name = name_make(text);
        bool known = false;
        for (int i = 0; name != NULL && !known && i < sk_GENERAL_NAME_num(names); i++)
            known = GENERAL_NAME_cmp(name, sk_GENERAL_NAME_value(names, i)) == 0;
        if (known) {
            GENERAL_NAME_free(name);
        } else if (name == NULL || sk_GENERAL_NAME_push(names, name) == 0) {
            GENERAL_NAME_free(name);
            *bad = text;
            return false;
        }
    }
    return true;
}

enum status tls_names_make(const char *more, GENERAL_NAMES **out, struct fault *f)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    struct bytes bad = {0};
    char host[NAME_BYTES_MAX + 1] = "";
    if (names == NULL ||
        !names_add(names, BYTES_LITERAL("localhost,*.localhost,127.0.0.1,::1"), &bad)) {
        GENERAL_NAMES_free(names);
        return tls_fault(f, NO_MEMORY, "no memory for the certificate's names");
    }
    if (gethostname(host, sizeof(host)) == 0 && memchr(host, '\0', sizeof(host)) != NULL)
        (void)names_add(names, bytes_text(host),
                        &bad); /* a host may call itself what no certificate can say */
    if (!names_add(names, bytes_text(more), &bad)) {
        GENERAL_NAMES_free(names);
        return fault_set(f, INVALID_ARGUMENT, "'%.*s' is neither a DNS name nor an IP address",
                         BYTES_ARGS(bad));
    }
    *out = names;
    return OK;
}

/* ---- making */

enum status tls_key_make(EVP_PKEY **out, struct fault *f)
{
    *out = EVP_EC_gen("P-256");
    return *out != NULL ? OK : tls_fault(f, INTERNAL, "cannot make an EC key");
}

static bool extension_add(X509 *to, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(to, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool serial_set(X509 *to)
{
    uint8_t chance[SERIAL_BYTES];
    random_bytes(chance, sizeof(chance));
    chance[0] = (chance[0] & 0x7f) | 0x40; /* positive, and of one length */
    BIGNUM *number = BN_bin2bn(chance, sizeof(chance), NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(to)) != NULL;
    BN_free(number);
    return set;
}

/* What CA and server have in common: version, number, names, times, key. */
static bool certificate_begin(X509 *to, const char *name, X509 *ca, EVP_PKEY *key, unsigned days)
{
    time_t begin = now_s() - 3600; /* a client's clock may be late */
    time_t end = begin + (time_t)days * DAY_S;
    X509_NAME *subject = X509_get_subject_name(to);
    bool ok = X509_set_version(to, X509_VERSION_3) == 1 && serial_set(to) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                         -1, -1, 0) == 1 &&
              X509_set_issuer_name(to, X509_get_subject_name(ca)) == 1 &&
              X509_set_pubkey(to, key) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(to), begin) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(to), end) != NULL;
    if (ok && ca != to && X509_cmp_time(X509_get0_notAfter(ca), &end) < 0) /* I2 */
        ok = X509_set1_notAfter(to, X509_get0_notAfter(ca)) == 1;
    return ok;
}

enum status tls_ca_make(EVP_PKEY *key, X509 **out, struct fault *f)
{
    X509 *ca = X509_new();
    bool ok = ca != NULL && certificate_begin(ca, "Sluice local CA", ca, key, TLS_CA_DAYS) &&
              extension_add(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") && /* I1 */
              extension_add(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              extension_add(ca, ca, NID_subject_key_identifier, "hash") &&
              extension_add(ca, ca, NID_authority_key_identifier, "keyid:always") &&
              X509_sign(ca, key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(ca);
        return tls_fault(f, INTERNAL, "cannot make the CA's certificate");
    }
    *out = ca;
    return OK;
}

enum status tls_server_make(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, GENERAL_NAMES *names,
                            X509 **out, struct fault *f)
{
    X509 *server = X509_new();
    bool ok = server != NULL &&
              certificate_begin(server, "Sluice server", ca, key, TLS_SERVER_DAYS) &&
              extension_add(server, ca, NID_basic_constraints, "critical,CA:FALSE") &&
              extension_add(server, ca, NID_key_usage, "critical,digitalSignature") &&
              extension_add(server, ca, NID_ext_key_usage, "serverAuth") &&
              extension_add(server, ca, NID_subject_key_identifier, "hash") &&
              extension_add(server, ca, NID_authority_key_identifier, "keyid:always") &&
              X509_add1_ext_i2d(server, NID_subject_alt_name, names, 0, 0) == 1 &&
              X509_sign(server, ca_key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(server);
        return tls_fault(f, INTERNAL, "cannot make the server's certificate");
    }
    *out = server;
    return OK;
}
