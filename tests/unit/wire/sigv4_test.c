/* sigv4_test.c: signatures against those that botocore 1.44 and AWS's own examples give, and every
 * way in which one can be wrong. */
#include "base/random.h"
#include "unit/wire/sigv4_given.h"

static void signing_keys_are_those_of_the_documentation(void **state)
{
    (void)state;
    uint8_t key[SIGV4_KEY_BYTES];
    char hex[2 * SIGV4_KEY_BYTES + 1];
    sigv4_derive_key(bytes_text(SECRET), bytes_text("20150830"), bytes_text("us-east-1"),
                     bytes_text("iam"), key);
    hex_print(bytes_of(key, sizeof(key)), hex);
    assert_string_equal(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

static void a_long_secret_is_derived_like_a_short_one(void **state)
{
    (void)state;
    char secret[301], first[305];
    uint8_t key[SIGV4_KEY_BYTES], next[SHA256_BYTES];
    memset(secret, 's', 300);
    secret[300] = '\0';
    (void)snprintf(first, sizeof(first), "AWS4%s", secret);
    sigv4_derive_key(bytes_text(secret), bytes_text("d"), bytes_text("r"), bytes_text("s"), key);
    digest_hmac_sha256(bytes_text(first), bytes_text("d"), next);
    digest_hmac_sha256(bytes_of(next, sizeof(next)), bytes_text("r"), next);
    digest_hmac_sha256(bytes_of(next, sizeof(next)), bytes_text("s"), next);
    digest_hmac_sha256(bytes_of(next, sizeof(next)), bytes_text("aws4_request"), next);
    assert_memory_equal(key, next, sizeof(key));
}

static void what_others_signed_in_a_header_is_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEADER_VECTORS; i++) {
        struct given g;
        given_init(&g, &header_vectors[i]);
        assert_int_equal(sigv4_read_claim(&g.r, &g.a, &g.claim, &g.f), OK);
        assert_false(g.claim.in_query);
        if (check_at(&g, SECRET, g.claim.timestamp_ms) != OK)
            fail_msg("%s: %s", header_vectors[i].what, g.f.text);
        arena_fini(&g.a);
    }
}

static void what_others_signed_in_a_query_is_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUERY_VECTORS; i++) {
        struct given g;
        given_init(&g, &query_vectors[i]);
        if (check(&g) != OK)
            fail_msg("%s: %s", query_vectors[i].what, g.f.text);
        assert_true(g.claim.in_query);
        assert_int_equal(g.claim.expires_ms, 3600 * 1000);
        arena_fini(&g.a);
    }
}

static void signer_init(struct sigv4_signer *s, const struct vector *v, struct bytes timestamp)
{
    *s = (struct sigv4_signer){
        bytes_text("AKIDEXAMPLE"), bytes_text(v->region), bytes_text(v->service), timestamp, {0}};
    sigv4_derive_key(bytes_text(SECRET), bytes_of(timestamp.at, 8), s->region, s->service, s->key);
}

static void we_sign_as_others_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEADER_VECTORS; i++) {
        struct given g;
        struct sigv4_signer s;
        struct bytes authorization;
        given_init(&g, &header_vectors[i]);
        assert_int_equal(sigv4_read_claim(&g.r, &g.a, &g.claim, &g.f), OK);
        header_drop(&g, "Authorization");
        signer_init(&s, &header_vectors[i], g.claim.timestamp);
        enum status st = sigv4_sign(&g.r, &s, &g.a, &authorization, &g.f);
        if (strcmp(header_vectors[i].what, "date header") == 0) {
            assert_int_equal(st, INVALID_ARGUMENT); /* we sign X-Amz-Date only */
        } else {
            assert_int_equal(st, OK);
            assert_int_equal(authorization.len, strlen(header_vectors[i].authorization));
            assert_memory_equal(authorization.at, header_vectors[i].authorization,
                                authorization.len);
        }
        arena_fini(&g.a);
    }
}

static void we_presign_as_others_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUERY_VECTORS; i++) {
        struct given g;
        struct sigv4_signer s;
        struct bytes query;
        given_init(&g, &query_vectors[i]);
        const char *own = strstr(query_vectors[i].query, "X-Amz-");
        g.r.query.len =
            own == query_vectors[i].query ? 0 : (size_t)(own - query_vectors[i].query) - 1;
        signer_init(&s, &query_vectors[i], bytes_text("20261123T235846Z"));
        assert_int_equal(sigv4_presign(&g.r, &s, 3600, &g.a, &query, &g.f), OK);
        assert_int_equal(query.len, strlen(query_vectors[i].query));
        assert_memory_equal(query.at, query_vectors[i].query, query.len);
        arena_fini(&g.a);
    }
}

static void a_changed_request_is_refused(void **state)
{
    (void)state;
    struct given g;
    const struct vector *v = &header_vectors[0];
    static const struct {
        const char *header, *value;
    } changed[] = {{"Host", "example.com"},
                   {"Content-Type", "application/json"},
                   {"X-Amz-Target", "Kinesis_20131202.DeleteStream"}};
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        given_init(&g, v);
        header_set(&g, changed[i].header, changed[i].value);
        assert_refused(&g, BAD_SIGNATURE, MISMATCH);
        arena_fini(&g.a);
    }
    given_init(&g, v);
    assert_int_equal(check_at(&g, SECRET "x", NOW_MS), BAD_SIGNATURE);
    g.r.method = bytes_text("PUT");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    g.r.method = bytes_text("POST");
    g.r.query = bytes_text("a=1");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    g.r.query = BYTES_NONE;
    g.r.path = bytes_text("/x");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    g.r.path = bytes_text("/");
    assert_int_equal(check(&g), OK);
    arena_fini(&g.a);
}

static void every_byte_of_the_body_counts(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &header_vectors[0]);
    uint8_t body[200];
    memcpy(body, g.r.body.at, g.r.body.len);
    g.r.body.at = body;
    for (size_t i = 0; i < g.r.body.len; i++) {
        body[i] ^= 1;
        assert_int_equal(check(&g), BAD_SIGNATURE);
        body[i] ^= 1;
    }
    assert_int_equal(check(&g), OK);
    g.r.body.len--;
    assert_int_equal(check(&g), BAD_SIGNATURE);
    arena_fini(&g.a);
}

static void every_digit_of_the_signature_counts(void **state)
{
    (void)state;
    struct given g;
    char text[400];
    (void)snprintf(text, sizeof(text), "%s", header_vectors[0].authorization);
    char *signature = strstr(text, "Signature=") + strlen("Signature=");
    given_init(&g, &header_vectors[0]);
    header_set(&g, "Authorization", text);
    for (size_t i = 0; i < SHA256_HEX_BYTES; i++) {
        char was = signature[i];
        signature[i] = was == '0' ? '1' : '0';
        assert_refused(&g, BAD_SIGNATURE, MISMATCH);
        signature[i] = was;
    }
    assert_int_equal(check(&g), OK);
    signature[SHA256_HEX_BYTES - 1] = '\0';
    header_set(&g, "Authorization", text);
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    (void)snprintf(signature, 60, "not hexadecimal");
    header_set(&g, "Authorization", text);
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    arena_fini(&g.a);
}

static void a_signature_is_good_for_fifteen_minutes_either_way(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &header_vectors[0]);
    assert_int_equal(check_at(&g, SECRET, NOW_MS + SKEW_MS), OK);
    assert_int_equal(check_at(&g, SECRET, NOW_MS - SKEW_MS), OK);
    assert_int_equal(check_at(&g, SECRET, NOW_MS + SKEW_MS + 1000), BAD_SIGNATURE);
    assert_string_equal(g.f.text,
                        "Signature expired: 20261123T235846Z is now earlier than 20261123T235847Z "
                        "(20261124T001347Z - 15 min.)");
    assert_int_equal(check_at(&g, SECRET, NOW_MS - SKEW_MS - 1000), BAD_SIGNATURE);
    assert_string_equal(
        g.f.text,
        "Signature not yet current: 20261123T235846Z is still later than 20261123T235845Z "
        "(20261123T234345Z + 15 min.)");
    arena_fini(&g.a);
}

static void a_presigned_query_lives_as_long_as_it_says(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &query_vectors[0]);
    assert_int_equal(check_at(&g, SECRET, NOW_MS + 3600 * 1000), OK);
    assert_int_equal(check_at(&g, SECRET, NOW_MS - SKEW_MS), OK);
    assert_int_equal(check_at(&g, SECRET, NOW_MS + 3600 * 1000 + 1), BAD_SIGNATURE);
    assert_string_equal(g.f.text,
                        "Signature expired: 20261123T235846Z is now earlier than 20261123T235846Z "
                        "(20261124T005846Z - 60 min.)");
    assert_int_equal(check_at(&g, SECRET, NOW_MS - SKEW_MS - 1), BAD_SIGNATURE);
    arena_fini(&g.a);
}

static void signed_headers_set(struct given *g, char *text, size_t room, const char *names)
{
    (void)snprintf(
        text, room,
        "AWS4-HMAC-SHA256 Credential=a/20261123/c/d/aws4_request, SignedHeaders=%s, Signature=00",
        names);
    header_set(g, "Authorization", text);
}

static void the_host_must_be_signed(void **state)
{
    (void)state;
    struct given g;
    char text[200];
    given_init(&g, &header_vectors[0]);
    signed_headers_set(&g, text, sizeof(text), "x-amz-date;hosts;content-type");
    assert_refused(&g, BAD_SIGNATURE,
                   "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    signed_headers_set(&g, text, sizeof(text), "x-amz-date;HOST");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    arena_fini(&g.a);
}

/* Signed by the AWS SDK for JavaScript (@smithy/signature-v4), whose HTTP/2 has no Host header. */
static void the_host_may_be_signed_by_its_name_in_http2(void **state)
{
    (void)state;
    static const struct vector v = {
        "authority",
        "POST",
        "/",
        "",
        {{"host", "127.0.0.1:4567"},
         {"content-type", "application/x-amz-json-1.1"},
         {"x-amz-target", "Kinesis_20131202.ListStreams"},
         {"x-amz-date", "20261123T235846Z"}},
        "{}",
        "kinesis",
        "us-east-1",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=:authority;content-type;x-amz-date;x-amz-target, "
        "Signature=028332c4c115373c22a9e65f870b53c98777a010e9f7dbbe5fe65849b1f16c92"};
    struct given g;
    given_init(&g, &v);
    assert_int_equal(check(&g), OK);
    header_set(&g, "host", "127.0.0.1:4568");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    header_drop(&g, "host");
    assert_refused(&g, BAD_SIGNATURE,
                   "The request has no header ':authority', which its signature names.");
    arena_fini(&g.a);
}

static void a_signed_header_that_is_not_there_is_refused(void **state)
{
    (void)state;
    struct given g;
    char text[200];
    given_init(&g, &header_vectors[0]);
    signed_headers_set(&g, text, sizeof(text), "host;x-amz-other");
    assert_refused(&g, BAD_SIGNATURE,
                   "The request has no header 'x-amz-other', which its signature names.");
    signed_headers_set(&g, text, sizeof(text), "host;;x-amz-date");
    assert_refused(&g, BAD_SIGNATURE, "The request has no header '', which its signature names.");
    arena_fini(&g.a);
}

static void a_header_named_a_thousand_times_is_not_written_out(void **state)
{
    (void)state;
    struct given g;
    static char names[5001], text[6000];
    for (size_t i = 0; i < 5000; i += 5)
        memcpy(names + i, "host;", 5);
    given_init(&g, &header_vectors[0]);
    signed_headers_set(&g, text, sizeof(text), names);
    assert_refused(&g, BAD_SIGNATURE, "The signature names a header more than once.");
    assert_true(g.a.used < 100000);
    arena_fini(&g.a);
}

/* Signs g with one more header and puts the Authorization in. */
static void sign_with(struct given *g, const char *name, const char *value)
{
    struct sigv4_signer s;
    struct bytes authorization;
    header_drop(g, "Authorization");
    header_set(g, name, value);
    signer_init(&s, &header_vectors[0], bytes_text("20261123T235846Z"));
    assert_int_equal(sigv4_sign(&g->r, &s, &g->a, &authorization, &g->f), OK);
    g->headers[g->r.header_count++] =
        (struct sigv4_header){bytes_text("Authorization"), authorization};
}

static void a_payload_hash_that_is_given_must_be_the_bodys(void **state)
{
    (void)state;
    struct given g;
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES + 1];
    given_init(&g, &header_vectors[0]);
    digest_sha256(g.r.body, hash);
    hex_print(bytes_of(hash, sizeof(hash)), hex);
    sign_with(&g, "X-Amz-Content-Sha256", hex);
    assert_int_equal(check(&g), OK);
    sign_with(&g, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    hex[0] = hex[0] == '0' ? '1' : '0';
    sign_with(&g, "X-Amz-Content-Sha256", hex);
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    header_drop(&g, "X-Amz-Content-Sha256");
    sign_with(&g, "X-Other", "1");
    header_set(&g, "X-Amz-Content-Sha256", hex); /* nobody signed it, and yet */
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    arena_fini(&g.a);
}

static void a_path_signed_as_it_is_sent_is_accepted_too(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a%20b/../c", "//", "/x/", "/%", "*", "/a//b"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct given g;
        struct sigv4_signer s;
        struct bytes authorization;
        struct vector v = header_vectors[0];
        v.service = "s3"; /* for S3 the path is signed as it is */
        given_init(&g, &v);
        g.r.path = bytes_text(paths[i]);
        header_drop(&g, "Authorization");
        signer_init(&s, &v, bytes_text("20261123T235846Z"));
        assert_int_equal(sigv4_sign(&g.r, &s, &g.a, &authorization, &g.f), OK);
        g.headers[g.r.header_count++] =
            (struct sigv4_header){bytes_text("Authorization"), authorization};
        assert_int_equal(check(&g), OK);
        g.r.path = bytes_text("/other");
        assert_int_equal(check(&g), BAD_SIGNATURE);
        arena_fini(&g.a);
    }
}

static void a_presigned_query_is_one_that_we_would_read(void **state)
{
    (void)state;
    for (size_t own = 57; own < 62; own++) {
        struct given g;
        struct sigv4_signer s;
        struct bytes query;
        char parameters[62 * 4];
        for (size_t i = 0; i < own; i++)
            memcpy(parameters + 4 * i, "p=1&", 4);
        given_init(&g, &query_vectors[0]);
        g.r.query = bytes_of(parameters, 4 * own);
        signer_init(&s, &query_vectors[0], bytes_text("20261123T235846Z"));
        enum status st = sigv4_presign(&g.r, &s, 60, &g.a, &query, &g.f);
        assert_int_equal(st, own <= 58 ? OK : TOO_LARGE);
        if (st == OK) {
            g.r.query = query;
            assert_int_equal(check(&g), OK);
        }
        arena_fini(&g.a);
    }
}

static void without_memory_nothing_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct given g;
        given_init(&g, i == 0 ? &header_vectors[0] : &query_vectors[1]);
        arena_fini(&g.a);
        arena_init(&g.a, 0);
        assert_int_equal(check(&g), NO_MEMORY);
        arena_fini(&g.a);
    }
}

static void a_signer_needs_host_and_a_readable_time(void **state)
{
    (void)state;
    struct given g;
    struct sigv4_signer s;
    struct bytes out;
    given_init(&g, &header_vectors[0]);
    header_drop(&g, "Authorization");
    signer_init(&s, &header_vectors[0], bytes_text("20261123T235846Z"));
    s.timestamp = bytes_text("20261123");
    assert_int_equal(sigv4_presign(&g.r, &s, 60, &g.a, &out, &g.f), INVALID_ARGUMENT);
    s.timestamp = bytes_text("20261123T235847Z");
    assert_int_equal(sigv4_sign(&g.r, &s, &g.a, &out, &g.f), INVALID_ARGUMENT);
    s.timestamp = bytes_text("20261123T235846Z");
    assert_int_equal(sigv4_sign(&g.r, &s, &g.a, &out, &g.f), OK);
    header_drop(&g, "Host");
    assert_int_equal(sigv4_sign(&g.r, &s, &g.a, &out, &g.f), INVALID_ARGUMENT);
    arena_fini(&g.a);
}

static size_t random_text(struct random *r, char *out, size_t most, const char *letters)
{
    size_t len = (size_t)random_below(r, most), count = strlen(letters);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[random_below(r, count)];
    return len;
}

static void whatever_we_sign_verifies(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 20261123);
    for (int round = 0; round < 2000; round++) {
        struct given g;
        char texts[4][40], query[80], path[40], body[100];
        given_init(&g, &header_vectors[0]);
        for (size_t i = 0; i < 4; i++) {
            char name[8] = "x-a";
            name[2] = (char)('a' + random_below(&r, 3)); /* names repeat */
            struct bytes value =
                bytes_of(texts[i], random_text(&r, texts[i], 40, "ab  ,;:=/\303\274\t"));
            g.headers[g.r.header_count] =
                (struct sigv4_header){arena_copy(&g.a, bytes_text(name)), value};
            g.r.header_count++;
        }
        path[0] = '/';
        g.r.path = bytes_of(path, 1 + random_text(&r, path + 1, 39, "ab./%2e~ "));
        g.r.query = bytes_of(query, random_text(&r, query, 80, "ab=&%2F+~ "));
        g.r.body = bytes_of(body, random_text(&r, body, 100, "{}\"abc"));
        sign_with(&g, "X-Z", "1");
        if (check(&g) != OK)
            fail_msg("round %d: %s", round, g.f.text);
        header_set(&g, "X-Z", "2");
        assert_int_equal(check(&g), BAD_SIGNATURE);
        arena_fini(&g.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signing_keys_are_those_of_the_documentation),
        cmocka_unit_test(a_long_secret_is_derived_like_a_short_one),
        cmocka_unit_test(what_others_signed_in_a_header_is_verified),
        cmocka_unit_test(what_others_signed_in_a_query_is_verified),
        cmocka_unit_test(we_sign_as_others_do),
        cmocka_unit_test(we_presign_as_others_do),
        cmocka_unit_test(a_changed_request_is_refused),
        cmocka_unit_test(every_byte_of_the_body_counts),
        cmocka_unit_test(every_digit_of_the_signature_counts),
        cmocka_unit_test(a_signature_is_good_for_fifteen_minutes_either_way),
        cmocka_unit_test(a_presigned_query_lives_as_long_as_it_says),
        cmocka_unit_test(the_host_must_be_signed),
        cmocka_unit_test(the_host_may_be_signed_by_its_name_in_http2),
        cmocka_unit_test(a_signed_header_that_is_not_there_is_refused),
        cmocka_unit_test(a_header_named_a_thousand_times_is_not_written_out),
        cmocka_unit_test(a_payload_hash_that_is_given_must_be_the_bodys),
        cmocka_unit_test(a_path_signed_as_it_is_sent_is_accepted_too),
        cmocka_unit_test(a_presigned_query_is_one_that_we_would_read),
        cmocka_unit_test(without_memory_nothing_is_believed),
        cmocka_unit_test(a_signer_needs_host_and_a_readable_time),
        cmocka_unit_test(whatever_we_sign_verifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
