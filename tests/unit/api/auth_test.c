/* auth_test.c: who is let in, and what the others are told. */
#include "api/auth.h"

#include "unit/base/cmocka_all.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW_MS 1795478326000ull /* 20261123T235846Z */
#define MISMATCH                                                                                   \
    "The request signature we calculated does not match the signature you provided. Check your "   \
    "AWS Secret Access Key "                                                                       \
    "and signing method. Consult the service documentation for details."

/* One request and the server that it comes to. */
struct given {
    struct exchange x;
    struct sigv4_header headers[4];
    uint8_t body[32];
    struct clock_manual clock;
    struct auth_settings s;
    struct fault f;
};

static void sign(struct given *g, const char *id, const char *secret, const char *region,
                 const char *service)
{
    struct sigv4_signer s = {bytes_text(id),
                             bytes_text(region),
                             bytes_text(service),
                             bytes_text("20261123T235846Z"),
                             {0}};
    const struct sigv4_request r = {.method = g->x.method,
                                    .path = g->x.path,
                                    .query = g->x.query,
                                    .headers = g->headers,
                                    .header_count = 3,
                                    .body = bytes_of(g->x.body, g->x.body_len)};
    struct bytes authorization;
    sigv4_derive_key(bytes_text(secret), bytes_text("20261123"), s.region, s.service, s.key);
    assert_int_equal(sigv4_sign(&r, &s, &g->x.arena, &authorization, &g->f), OK);
    g->headers[3] = (struct sigv4_header){bytes_text("Authorization"), authorization};
    g->x.header_count = 4;
}

static int setup(void **state)
{
    static struct given g;
    memset(&g, 0, sizeof(g));
    memcpy(g.body, "{\"StreamName\":\"orders\"}", 23);
    g.headers[0] = (struct sigv4_header){bytes_text("Host"), bytes_text("localhost:4567")};
    g.headers[1] = (struct sigv4_header){bytes_text("X-Amz-Date"), bytes_text("20261123T235846Z")};
    g.headers[2] = (struct sigv4_header){bytes_text("X-Amz-Target"),
                                         bytes_text("Kinesis_20131202.DescribeStream")};
    g.x.method = bytes_text("POST");
    g.x.path = bytes_text("/");
    g.x.headers = g.headers;
    g.x.header_count = 3;
    g.x.body = g.body;
    g.x.body_len = 23;
    arena_init(&g.x.arena, 1 << 20);
    clock_manual_init(&g.clock, NOW_MS);
    g.s = (struct auth_settings){
        .keys = keys_new(), .home = {"000000000000", "us-east-1"}, .clock = &g.clock.clock};
    keys_set(g.s.keys, bytes_text("AKIAROOT"), bytes_text(SECRET), BYTES_NONE);
    sign(&g, "AKIAROOT", SECRET, "us-east-1", "kinesis");
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    struct given *g = *state;
    keys_free(g->s.keys);
    arena_fini(&g->x.arena);
    return 0;
}

static enum status ask(struct given *g)
{
    g->f = (struct fault){0};
    g->x.access_key = BYTES_NONE;
    return auth_verify(&g->s, &g->x, "kinesis", &g->f);
}

static void assert_refused(struct given *g, enum status status, const char *text)
{
    assert_int_equal(ask(g), status);
    assert_string_equal(g->f.text, text);
    assert_null(g->x.access_key.at);
}

static void who_signed_with_a_known_key_is_let_in_by_name(void **state)
{
    struct given *g = *state;
    assert_int_equal(ask(g), OK);
    assert_true(bytes_equal(g->x.access_key, bytes_text("AKIAROOT")));
}

static void who_did_not_sign_is_unauthenticated(void **state)
{
    struct given *g = *state;
    g->x.header_count = 3;
    assert_refused(g, UNAUTHENTICATED, "Missing Authentication Token");
}

static void an_unknown_key_is_bad_credentials(void **state)
{
    struct given *g = *state;
    sign(g, "AKIAOTHER", SECRET, "us-east-1", "kinesis");
    assert_refused(g, BAD_CREDENTIALS, "The security token included in the request is invalid.");
    keys_remove(g->s.keys, bytes_text("AKIAROOT"));
    sign(g, "AKIAROOT", SECRET, "us-east-1", "kinesis");
    assert_refused(g, BAD_CREDENTIALS, "The security token included in the request is invalid.");
}

static void a_wrong_secret_or_another_body_does_not_match(void **state)
{
    struct given *g = *state;
    sign(g, "AKIAROOT", "guessed", "us-east-1", "kinesis");
    assert_refused(g, BAD_SIGNATURE, MISMATCH);
    sign(g, "AKIAROOT", SECRET, "us-east-1", "kinesis");
    g->body[3] ^= 1;
    assert_refused(g, BAD_SIGNATURE, MISMATCH);
}

static void a_wrong_scope_is_named(void **state)
{
    struct given *g = *state;
    sign(g, "AKIAROOT", SECRET, "eu-west-1", "kinesis");
    assert_refused(g, BAD_SIGNATURE, "Credential should be scoped to a valid region. ");
    sign(g, "AKIAROOT", SECRET, "us-east-1", "firehose");
    assert_refused(g, BAD_SIGNATURE, "Credential should be scoped to correct service: 'kinesis'. ");
    sign(g, "AKIAROOT", SECRET, "x", "y");
    assert_refused(g, BAD_SIGNATURE,
                   "Credential should be scoped to a valid region. Credential should be scoped to "
                   "correct service: "
                   "'kinesis'. ");
}

static void without_a_region_of_our_own_any_will_do(void **state)
{
    struct given *g = *state;
    g->s.any_region = true;
    sign(g, "AKIAROOT", SECRET, "mars-north-1", "kinesis");
    assert_int_equal(ask(g), OK);
}

static void the_account_is_the_keys_and_the_region_the_signatures(void **state)
{
    struct given *g = *state;
    g->s.any_region = true;
    keys_set(g->s.keys, bytes_text("AKIATWO"), bytes_text(SECRET), bytes_text("222222222222"));
    for (int again = 0; again < 2; again++) { /* derived, then from the cache */
        sign(g, "AKIATWO", SECRET, "eu-west-1", "kinesis");
        assert_int_equal(ask(g), OK);
        assert_string_equal(g->x.scope.account, "222222222222");
        assert_string_equal(g->x.scope.region, "eu-west-1");
        sign(g, "AKIAROOT", SECRET, "us-east-1", "kinesis");
        assert_int_equal(ask(g), OK);
        assert_string_equal(g->x.scope.account, "000000000000");
        assert_string_equal(g->x.scope.region, "us-east-1");
    }
}

static void with_any_credentials_a_key_of_12_digits_names_its_account(void **state)
{
    struct given *g = *state;
    static const char *const accounts[][2] = {
        {"123456789012", "123456789012"},  {"12345678901", "000000000000"},
        {"1234567890123", "000000000000"}, {"12345678901a", "000000000000"},
        {"AKIATWO", "222222222222"},       {"AKIAROOT", "000000000000"}};
    keys_set(g->s.keys, bytes_text("AKIATWO"), bytes_text(SECRET), bytes_text("222222222222"));
    g->s.any_credentials = g->s.any_region = true;
    for (size_t i = 0; i < sizeof(accounts) / sizeof(*accounts); i++) {
        sign(g, accounts[i][0], "guessed", "us-east-1", "kinesis");
        assert_int_equal(ask(g), OK);
        assert_string_equal(g->x.scope.account, accounts[i][1]);
    }
    g->s.any_credentials = false;
    sign(g, "123456789012", SECRET, "us-east-1", "kinesis");
    assert_refused(g, BAD_CREDENTIALS, "The security token included in the request is invalid.");
}

static void what_can_be_no_region_is_refused_where_any_will_do(void **state)
{
    struct given *g = *state;
    g->s.any_region = true;
    sign(g, "AKIAROOT", SECRET, "EU", "kinesis");
    assert_refused(g, BAD_SIGNATURE, "Credential should be scoped to a valid region. ");
    char region[REGION_CHARS_MAX + 2];
    memset(region, 'a', sizeof(region));
    region[REGION_CHARS_MAX + 1] = '\0';
    sign(g, "AKIAROOT", SECRET, region, "kinesis");
    assert_refused(g, BAD_SIGNATURE, "Credential should be scoped to a valid region. ");
    region[REGION_CHARS_MAX] = '\0';
    sign(g, "AKIAROOT", SECRET, region, "kinesis");
    assert_int_equal(ask(g), OK);
}

static void a_late_request_is_refused_before_its_key_is_looked_up(void **state)
{
    struct given *g = *state;
    clock_manual_advance_ms(&g->clock, 15 * 60 * 1000);
    assert_int_equal(ask(g), OK);
    clock_manual_advance_ms(&g->clock, 1000);
    sign(g, "AKIAOTHER", SECRET, "us-east-1", "kinesis");
    assert_refused(g, BAD_SIGNATURE,
                   "Signature expired: 20261123T235846Z is now earlier than 20261123T235847Z "
                   "(20261124T001347Z - 15 "
                   "min.)");
}

static void with_any_credentials_a_claim_must_be_whole_but_not_right(void **state)
{
    struct given *g = *state;
    g->s.any_credentials = true;
    g->s.any_region = true;
    sign(g, "test", "test", "us-east-1", "kinesis");
    clock_manual_advance_ms(&g->clock, 86400000);
    assert_int_equal(ask(g), OK);
    assert_true(bytes_equal(g->x.access_key, bytes_text("test")));
    g->headers[3].value = bytes_text("AWS4-HMAC-SHA256 Credential=a, Signature=b");
    assert_refused(
        g, INCOMPLETE_SIGNATURE,
        "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256 "
        "Credential=a, Signature=b");
    g->x.header_count = 3;
    assert_refused(g, UNAUTHENTICATED, "Missing Authentication Token");
}

static void an_empty_body_is_signed_like_any_other(void **state)
{
    struct given *g = *state;
    g->x.body = NULL;
    g->x.body_len = 0;
    sign(g, "AKIAROOT", SECRET, "us-east-1", "kinesis");
    assert_int_equal(ask(g), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_signed_with_a_known_key_is_let_in_by_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_did_not_sign_is_unauthenticated, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_key_is_bad_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_secret_or_another_body_does_not_match, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_wrong_scope_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_region_of_our_own_any_will_do, setup, teardown),
        cmocka_unit_test_setup_teardown(the_account_is_the_keys_and_the_region_the_signatures,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(with_any_credentials_a_key_of_12_digits_names_its_account,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_can_be_no_region_is_refused_where_any_will_do, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_late_request_is_refused_before_its_key_is_looked_up,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(with_any_credentials_a_claim_must_be_whole_but_not_right,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_body_is_signed_like_any_other, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
