/* sigv4.c: AWS Signature Version 4: makes signatures, and checks those that others made.
 *
 *     key       = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request")
 *     signature = hex(HMAC(key, "AWS4-HMAC-SHA256\n" timestamp "\n" day/region/service/aws4_request
 * "\n" hex(SHA-256(canonical request))))
 *
 * The same functions serve both sides, so that what one of our own clients signs, our server must
 * find right. The body is always hashed: a caller who names a payload hash of his own, or
 * UNSIGNED-PAYLOAD, is believed only if it is the body's. Some signers (of S3's school) take the
 * path as it is sent; since the path names nothing here, both spellings are accepted.
 *
 * I1. A signature is compared in constant time, after everything it covers was computed.
 * I2. Keys and what they are derived from are wiped from the stack.
 *
 * Left to others: whose key it is (api/keys.c), the claim (sigv4_claim.c), the canonical form
 * (sigv4_canonical.c). Thread: any. */
#include "base/mem.h"
#include "wire/sigv4_internal.h"

#include <openssl/crypto.h>

static const char mismatch[] = "The request signature we calculated does not match the signature "
                               "you provided. Check your AWS Secret Access Key "
                               "and signing method. Consult the service documentation for details.";

void sigv4_derive_key(struct bytes secret, struct bytes day, struct bytes region,
                      struct bytes service, uint8_t key[SIGV4_KEY_BYTES])
{
    enum { PREFIX = 4 };
    /* Those that fit are of AWS's kind, and the SDK's; it may not die for want of memory. */
    uint8_t small[256],
        *first = secret.len + PREFIX <= sizeof(small) ? small : mem_must(secret.len + PREFIX);
    memcpy(first, "AWS4", PREFIX);
    if (secret.len > 0)
        memcpy(first + PREFIX, secret.at, secret.len);
    uint8_t next[SHA256_BYTES];
    digest_hmac_sha256(bytes_of(first, secret.len + PREFIX), day, next);
    digest_hmac_sha256(bytes_of(next, sizeof(next)), region, key);
    digest_hmac_sha256(bytes_of(key, SIGV4_KEY_BYTES), service, next);
    digest_hmac_sha256(bytes_of(next, sizeof(next)), BYTES_LITERAL(SIGV4_TERMINATOR), key);
    OPENSSL_cleanse(next, sizeof(next)); /* I2 */
    OPENSSL_cleanse(first, secret.len + PREFIX);
    if (first != small)
        mem_free(first);
}

struct scope {
    struct bytes timestamp, day, region, service;
};

static void put_scope(struct sigv4_text *t, const struct scope *s)
{
    sigv4_put(t, s->day);
    sigv4_put_byte(t, '/');
    sigv4_put(t, s->region);
    sigv4_put_byte(t, '/');
    sigv4_put(t, s->service);
    sigv4_put(t, BYTES_LITERAL("/" SIGV4_TERMINATOR));
}

static size_t scope_room(const struct scope *s)
{
    return s->day.len + s->region.len + s->service.len + sizeof("///" SIGV4_TERMINATOR);
}

/* The signature, as bytes, of the request in the canonical form c. */
static enum status signature_of(const struct sigv4_request *r, const struct sigv4_canonical *c,
                                const struct scope *s, const uint8_t key[SIGV4_KEY_BYTES],
                                struct arena *a, uint8_t out[SHA256_BYTES], struct fault *f)
{
    struct bytes canonical;
    enum status st = sigv4_canonical_request(r, c, a, &canonical, f);
    if (st != OK)
        return st;
    size_t room = sizeof(SIGV4_ALGORITHM) + s->timestamp.len + 2 + scope_room(s) + SHA256_HEX_BYTES;
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return fault_set(f, NO_MEMORY, "no memory for the string to sign");
    sigv4_put(&t, BYTES_LITERAL(SIGV4_ALGORITHM "\n"));
    sigv4_put(&t, s->timestamp);
    sigv4_put_byte(&t, '\n');
    put_scope(&t, s);
    sigv4_put_byte(&t, '\n');
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES + 1];
    digest_sha256(canonical, hash);
    hex_print(bytes_of(hash, sizeof(hash)), hex);
    sigv4_put(&t, bytes_of(hex, SHA256_HEX_BYTES));
    digest_hmac_sha256(bytes_of(key, SIGV4_KEY_BYTES), sigv4_text_view(&t), out);
    return OK;
}

static void payload_hash(const struct sigv4_request *r, char hex[SHA256_HEX_BYTES + 1])
{
    uint8_t own[SHA256_BYTES];
    if (r->body_sha256 == NULL)
        digest_sha256(r->body, own);
    hex_print(bytes_of(r->body_sha256 != NULL ? r->body_sha256 : own, SHA256_BYTES), hex);
}

/* The query in canonical form. */
static enum status query_canonical(const struct sigv4_request *r, struct arena *a,
                                   struct bytes *out, struct fault *f)
{
    *out = BYTES_LITERAL("");
    if (r->query.len == 0)
        return OK;
    struct uri_parameter p[SIGV4_PARAMETERS_MAX];
    size_t count;
    enum status st = uri_query_split(r->query, a, p, SIGV4_PARAMETERS_MAX, &count, f);
    if (st == TOO_LARGE)
        return fault_set(f, BAD_SIGNATURE, "The query string has more than %d parameters.",
                         SIGV4_PARAMETERS_MAX);
    if (st != OK)
        return st;
    *out = sigv4_canonical_query(p, count, a);
    return bytes_present(*out) ? OK : fault_set(f, NO_MEMORY, "no memory for the canonical query");
}

/* ---- verifying */

enum status sigv4_check_time(const struct sigv4_claim *claim, uint64_t now_ms, uint64_t skew_ms,
                             struct fault *f)
{
    char now[17], edge[17];
    uint64_t life_ms = claim->expires_ms > 0 ? claim->expires_ms : skew_ms;
    if (claim->timestamp_ms + life_ms < now_ms) {
        sigv4_timestamp(now_ms, now);
        sigv4_timestamp(now_ms - life_ms, edge);
        bool minutes = life_ms % 60000 == 0;
        return fault_set(
            f, BAD_SIGNATURE, "Signature expired: %.*s is now earlier than %s (%s - %llu %s.)",
            BYTES_ARGS(claim->timestamp), edge, now,
            (unsigned long long)(life_ms / (minutes ? 60000 : 1000)), minutes ? "min" : "sec");
    }
    if (claim->timestamp_ms > now_ms + skew_ms) {
        sigv4_timestamp(now_ms, now);
        sigv4_timestamp(now_ms + skew_ms, edge);
        return fault_set(f, BAD_SIGNATURE,
                         "Signature not yet current: %.*s is still later than %s (%s + %llu min.)",
                         BYTES_ARGS(claim->timestamp), edge, now,
                         (unsigned long long)(skew_ms / 60000));
    }
    return OK;
}

static bool host_is_signed(struct bytes names)
{
    struct bytes name;
    while (sigv4_next_name(&names, &name)) {
        if (bytes_equal_ignore_case(name, BYTES_LITERAL("host")))
            return true;
        if (sigv4_is_authority(name))
            return true;
    }
    return false;
}

enum status sigv4_verify(const struct sigv4_request *r, const struct sigv4_claim *claim,
                         const uint8_t key[SIGV4_KEY_BYTES], uint64_t now_ms, uint64_t skew_ms,
                         struct arena *a, struct fault *f)
{
    enum status st = sigv4_check_time(claim, now_ms, skew_ms, f);
    if (st != OK)
        return st;
    if (!host_is_signed(claim->signed_headers))
        return fault_set(
            f, BAD_SIGNATURE,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    char hex[SHA256_HEX_BYTES + 1];
    payload_hash(r, hex);
    struct bytes given = sigv4_header_find(r, BYTES_LITERAL("x-amz-content-sha256"));
    if (bytes_present(given) &&
        !bytes_equal_ignore_case(bytes_trim(given), bytes_of(hex, SHA256_HEX_BYTES)))
        return fault_set(f, BAD_SIGNATURE, "%s", mismatch);
    struct sigv4_canonical c = {.path = sigv4_canonical_path(r->path, a),
                                .signed_headers = claim->signed_headers,
                                .payload_hash = bytes_of(hex, SHA256_HEX_BYTES)};
    if (!bytes_present(c.path))
        return fault_set(f, NO_MEMORY, "no memory for the canonical path");
    st = query_canonical(r, a, &c.query, f);
    if (st != OK)
        return st;
    const struct scope s = {claim->timestamp, claim->day, claim->region, claim->service};
    uint8_t claimed[SHA256_BYTES], ours[SHA256_BYTES];
    st = signature_of(r, &c, &s, key, a, ours, f);
    if (st != OK)
        return st;
    if (!hex_parse(claim->signature, claimed, sizeof(claimed)))
        return fault_set(f, BAD_SIGNATURE, "%s", mismatch);
    bool same = bytes_equal_constant_time(bytes_of(ours, sizeof(ours)),
                                          bytes_of(claimed, sizeof(claimed))); /* I1 */
    if (!same && r->path.len > 0 && !bytes_equal(c.path, r->path)) {
        c.path = r->path;
        st = signature_of(r, &c, &s, key, a, ours, f);
        if (st != OK)
            return st;
        same = bytes_equal_constant_time(bytes_of(ours, sizeof(ours)),
                                         bytes_of(claimed, sizeof(claimed)));
    }
    return same ? OK : fault_set(f, BAD_SIGNATURE, "%s", mismatch);
}

/* ---- signing */

/* "content-type;host;x-amz-date": every header of the request, sorted, each once. */
static enum status signed_headers_of(const struct sigv4_request *r, struct arena *a,
                                     struct bytes *out, struct fault *f)
{
    struct bytes names[SIGV4_PARAMETERS_MAX];
    if (r->header_count > SIGV4_PARAMETERS_MAX)
        return fault_set(f, TOO_LARGE, "at most %d headers are signed", SIGV4_PARAMETERS_MAX);
    size_t room = 1;
    for (size_t i = 0; i < r->header_count; i++) {
        struct bytes name = r->headers[i].name;
        uint8_t *lower = arena_take(a, name.len + 1);
        if (lower == NULL)
            return fault_set(f, NO_MEMORY, "no memory for the signed headers");
        bytes_lower_into(lower, name);
        name = bytes_of(lower, name.len);
        room += name.len + 1;
        size_t at = i;
        for (; at > 0 && bytes_compare(names[at - 1], name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
    }
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return fault_set(f, NO_MEMORY, "no memory for the signed headers");
    for (size_t i = 0; i < r->header_count; i++) {
        if (i > 0 && bytes_equal(names[i], names[i - 1]))
            continue;
        if (i > 0)
            sigv4_put_byte(&t, ';');
        sigv4_put(&t, names[i]);
    }
    *out = sigv4_text_view(&t);
    return OK;
}

/* What both forms of signing begin with. `hex` holds the body's hash as long as c is used. */
static enum status sign_begin(const struct sigv4_request *r, const struct sigv4_signer *s,
                              struct arena *a, char hex[SHA256_HEX_BYTES + 1],
                              struct sigv4_canonical *c, struct scope *scope, struct fault *f)
{
    uint64_t when_ms;
    if (!sigv4_time_from_iso(s->timestamp, &when_ms))
        return fault_set(f, INVALID_ARGUMENT, "a signature's time looks like 20261123T235846Z");
    if (!bytes_present(sigv4_header_find(r, BYTES_LITERAL("host"))))
        return fault_set(f, INVALID_ARGUMENT,
                         "a signature covers the Host header, and there is none");
    *scope = (struct scope){s->timestamp, bytes_of(s->timestamp.at, SIGV4_DAY_BYTES), s->region,
                            s->service};
    payload_hash(r, hex);
    struct bytes given = bytes_trim(sigv4_header_find(r, BYTES_LITERAL("x-amz-content-sha256")));
    *c = (struct sigv4_canonical){.payload_hash =
                                      given.len > 0 ? given : bytes_of(hex, SHA256_HEX_BYTES)};
    /* S3 alone takes the path as it is sent */
    bool as_sent = bytes_equal(s->service, BYTES_LITERAL("s3")) && r->path.len > 0;
    c->path = as_sent ? r->path : sigv4_canonical_path(r->path, a);
    if (!bytes_present(c->path))
        return fault_set(f, NO_MEMORY, "no memory for the canonical path");
    return signed_headers_of(r, a, &c->signed_headers, f);
}

static void put_signature(struct sigv4_text *t, const uint8_t signature[SHA256_BYTES])
{
    char hex[SHA256_HEX_BYTES + 1];
    hex_print(bytes_of(signature, SHA256_BYTES), hex);
    sigv4_put(t, bytes_of(hex, SHA256_HEX_BYTES));
}

enum status sigv4_sign(const struct sigv4_request *r, const struct sigv4_signer *s, struct arena *a,
                       struct bytes *authorization, struct fault *f)
{
    char hex[SHA256_HEX_BYTES + 1];
    struct sigv4_canonical c;
    struct scope scope;
    uint8_t signature[SHA256_BYTES];
    if (!bytes_equal(bytes_trim(sigv4_header_find(r, BYTES_LITERAL("x-amz-date"))), s->timestamp))
        return fault_set(f, INVALID_ARGUMENT, "the X-Amz-Date header must be the signature's time");
    enum status st = sign_begin(r, s, a, hex, &c, &scope, f);
    if (st == OK)
        st = query_canonical(r, a, &c.query, f);
    if (st == OK)
        st = signature_of(r, &c, &scope, s->key, a, signature, f);
    if (st != OK)
        return st;
    size_t room = s->access_key.len + scope_room(&scope) + c.signed_headers.len + SHA256_HEX_BYTES +
                  sizeof(SIGV4_ALGORITHM " Credential=/, SignedHeaders=, Signature=");
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return fault_set(f, NO_MEMORY, "no memory for the Authorization header");
    sigv4_put(&t, BYTES_LITERAL(SIGV4_ALGORITHM " Credential="));
    sigv4_put(&t, s->access_key);
    sigv4_put_byte(&t, '/');
    put_scope(&t, &scope);
    sigv4_put(&t, BYTES_LITERAL(", SignedHeaders="));
    sigv4_put(&t, c.signed_headers);
    sigv4_put(&t, BYTES_LITERAL(", Signature="));
    put_signature(&t, signature);
    *authorization = sigv4_text_view(&t);
    return OK;
}

/* The query's own parameters and those of the signature, in canonical form. */
static enum status presign_query(const struct sigv4_request *r, const struct sigv4_signer *s,
                                 const struct scope *scope, uint64_t expires_s, struct arena *a,
                                 struct sigv4_canonical *c, struct fault *f)
{
    enum { OWN = 5, WITH_SIGNATURE = OWN + 1 };
    struct uri_parameter p[SIGV4_PARAMETERS_MAX];
    size_t count = 0;
    enum status st =
        uri_query_split(r->query, a, p, SIGV4_PARAMETERS_MAX - WITH_SIGNATURE, &count, f);
    if (st != OK)
        return st;
    size_t room = s->access_key.len + 1 + scope_room(scope);
    struct sigv4_text credential = {.at = arena_take(a, room), .room = room};
    struct bytes expires = arena_printf(a, "%llu", (unsigned long long)expires_s);
    if (credential.at == NULL || !bytes_present(expires))
        return fault_set(f, NO_MEMORY, "no memory for the query");
    sigv4_put(&credential, s->access_key);
    sigv4_put_byte(&credential, '/');
    put_scope(&credential, scope);
    const struct uri_parameter own[OWN] = {
        {BYTES_LITERAL("X-Amz-Algorithm"), BYTES_LITERAL(SIGV4_ALGORITHM)},
        {BYTES_LITERAL("X-Amz-Credential"), sigv4_text_view(&credential)},
        {BYTES_LITERAL("X-Amz-Date"), s->timestamp},
        {BYTES_LITERAL("X-Amz-Expires"), expires},
        {BYTES_LITERAL("X-Amz-SignedHeaders"), c->signed_headers},
    };
    memcpy(p + count, own, sizeof(own));
    c->query = sigv4_canonical_query(p, count + OWN, a);
    return bytes_present(c->query) ? OK : fault_set(f, NO_MEMORY, "no memory for the query");
}

enum status sigv4_presign(const struct sigv4_request *r, const struct sigv4_signer *s,
                          uint64_t expires_s, struct arena *a, struct bytes *query, struct fault *f)
{
    char hex[SHA256_HEX_BYTES + 1];
    struct sigv4_canonical c;
    struct scope scope;
    uint8_t signature[SHA256_BYTES];
    enum status st = sign_begin(r, s, a, hex, &c, &scope, f);
    if (st == OK)
        st = presign_query(r, s, &scope, expires_s, a, &c, f);
    if (st == OK)
        st = signature_of(r, &c, &scope, s->key, a, signature, f);
    if (st != OK)
        return st;
    static const char last[] = "&X-Amz-Signature=";
    size_t room = c.query.len + sizeof(last) + SHA256_HEX_BYTES;
    struct sigv4_text t = {.at = arena_take(a, room), .room = room};
    if (t.at == NULL)
        return fault_set(f, NO_MEMORY, "no memory for the query");
    sigv4_put(&t, c.query);
    sigv4_put(&t, BYTES_LITERAL(last));
    put_signature(&t, signature);
    *query = sigv4_text_view(&t);
    return OK;
}
