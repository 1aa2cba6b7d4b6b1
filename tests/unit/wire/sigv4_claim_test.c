/* sigv4_claim_test.c: claims that are missing, incomplete or unreadable, in AWS's words. */
#include "unit/wire/sigv4_given.h"
#include "wire/sigv4_internal.h"

static void no_claim_at_all_is_missing_authentication(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &header_vectors[0]);
    header_drop(&g, "Authorization");
    assert_refused(&g, UNAUTHENTICATED, "Missing Authentication Token");
    g.r.query = bytes_text("X-Amz-Credential=a&X-Amz-Signature=b");
    assert_refused(&g, UNAUTHENTICATED, "Missing Authentication Token");
    arena_fini(&g.a);
}

static void a_claim_in_both_places_is_refused(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &query_vectors[0]);
    header_set(&g, "authorization", "");
    assert_refused(
        &g, BAD_SIGNATURE,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.");
    arena_fini(&g.a);
}

#define NEEDS(name) "Authorization header requires '" name "' parameter. "
#define NEEDS_DATE                                                                                 \
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "

static void an_incomplete_header_is_told_what_it_lacks(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *date, *text;
    } rows[] = {
        {"X", NULL,
         NEEDS("Credential") NEEDS("Signature") NEEDS("SignedHeaders") NEEDS_DATE
         "Authorization=X"},
        {"", NULL,
         NEEDS("Credential") NEEDS("Signature") NEEDS("SignedHeaders") NEEDS_DATE "Authorization="},
        {"AWS4-HMAC-SHA256 Credential=a", "x",
         NEEDS("Signature") NEEDS("SignedHeaders") "Authorization=AWS4-HMAC-SHA256 Credential=a"},
        {"X Credential=a, Signature=b", "x",
         NEEDS("SignedHeaders") "Authorization=X Credential=a, Signature=b"},
        {"X Credential=,Signature,SignedHeaders=c", "x",
         NEEDS("Credential")
             NEEDS("Signature") "Authorization=X Credential=,Signature,SignedHeaders=c"},
        {"X SignedHeaders=a Credential=b,Signature=c", "",
         NEEDS_DATE "Authorization=X SignedHeaders=a Credential=b,Signature=c"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct given g;
        given_init(&g, &header_vectors[0]);
        header_set(&g, "Authorization", rows[i].authorization);
        if (rows[i].date == NULL)
            header_drop(&g, "X-Amz-Date");
        else
            header_set(&g, "X-Amz-Date", rows[i].date);
        assert_refused(&g, INCOMPLETE_SIGNATURE, rows[i].text);
        arena_fini(&g.a);
    }
}

#define INCLUDE(name) "AWS query-string parameters must include 'X-Amz-" name "'. "

static void an_incomplete_query_is_told_what_it_lacks(void **state)
{
    (void)state;
    static const struct {
        const char *query, *text;
    } rows[] = {
        {"X-Amz-Algorithm",
         INCLUDE("Algorithm") INCLUDE("Credential") INCLUDE("Signature") INCLUDE("SignedHeaders")
             INCLUDE("Date") "Re-examine the query-string parameters."},
        {"X-Amz-Algorithm=a&X-Amz-Signature=b&X-Amz-Date=c",
         INCLUDE("Credential") INCLUDE("SignedHeaders") "Re-examine the query-string parameters."},
        {"X-Amz-Algorithm=a&X-Amz-Signature=b&X-Amz-Credential=c&X-Amz-SignedHeaders=d",
         INCLUDE("Date") "Re-examine the query-string parameters."},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct given g;
        given_init(&g, &query_vectors[0]);
        g.r.query = bytes_text(rows[i].query);
        assert_refused(&g, INCOMPLETE_SIGNATURE, rows[i].text);
        arena_fini(&g.a);
    }
}

static void parameters_may_stand_apart_by_comma_space_or_both(void **state)
{
    (void)state;
    static const char *const separators[] = {",", ", ", " ", " , ", ",\t"};
    const struct vector *v = &header_vectors[0];
    const char *signed_headers = strstr(v->authorization, "SignedHeaders="),
               *signature = strstr(v->authorization, "Signature=");
    const char *credential = strstr(v->authorization, "Credential=");
    for (size_t i = 0; i < sizeof(separators) / sizeof(separators[0]); i++) {
        struct given g;
        char text[400];
        (void)snprintf(text, sizeof(text), "AWS4-HMAC-SHA256 %s%s%.*s%s%.*s", signature,
                       separators[i], (int)(signed_headers - credential - 2), credential,
                       separators[i], (int)(signature - signed_headers - 2), signed_headers);
        given_init(&g, v);
        header_set(&g, "Authorization", text);
        assert_int_equal(check(&g), OK);
        arena_fini(&g.a);
    }
}

static void a_date_that_no_calendar_has_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "201",
        "20261123T235846",
        "20261123T235846z",
        "2026-11-23T23:58:46Z",
        "20260229T000000Z",
        "21000229T000000Z",
        "20261301T000000Z",
        "20260001T000000Z",
        "20261100T000000Z",
        "20261131T000000Z",
        "20261123T240000Z",
        "20261123T236000Z",
        "20261123T235860Z",
        "20261123 235846Z",
        "1795478326",
        "19691231T235959Z",
        "Mon, 23 Nox 2026 23:58:46 GMT",
        "Mon, 23 Nov 2026 23:58:46 CET",
        "Mon, 23 Nov 2026 23:58:46",
        "Mon, 31 Nov 2026 23:58:46 GMT",
        "Mon, 2x Nov 2026 23:58:46 GMT",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct given g;
        char text[200];
        given_init(&g, &header_vectors[0]);
        header_set(&g, "X-Amz-Date", bad[i]);
        (void)snprintf(text, sizeof(text),
                       "Date must be in ISO-8601 'basic format'. Got '%s'. See "
                       "http://en.wikipedia.org/wiki/ISO_8601",
                       bad[i]);
        assert_refused(&g, INCOMPLETE_SIGNATURE, text);
        arena_fini(&g.a);
    }
}

static void x_amz_date_counts_before_date(void **state)
{
    (void)state;
    struct given g;
    given_init(&g, &header_vectors[0]);
    header_set(&g, "Date", "Mon, 01 Jan 2001 00:00:00 GMT");
    assert_int_equal(check(&g), OK);
    header_drop(&g, "X-Amz-Date");
    assert_int_equal(sigv4_read_claim(&g.r, &g.a, &g.claim, &g.f), BAD_SIGNATURE);
    header_set(&g, "Date", "Mon, 23 Nov 2026 00:00:01 GMT");
    assert_int_equal(sigv4_read_claim(&g.r, &g.a, &g.claim, &g.f), OK);
    assert_int_equal(g.claim.timestamp_ms, 1795392001000ull);
    assert_memory_equal(g.claim.timestamp.at, "20261123T000001Z", 16);
    arena_fini(&g.a);
}

static void a_wrong_credential_is_told_so(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *credential;
        enum status status;
        const char *text;
    } rows[] = {
        {"AWS4-HMAC-SHA1", "a", INCOMPLETE_SIGNATURE,
         "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). "},
        {"AWS4-HMAC-SHA256", "a/b/c/d", INCOMPLETE_SIGNATURE,
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'a/b/c/d'"},
        {"AWS4-HMAC-SHA256", "a/b/c/d/e/f", INCOMPLETE_SIGNATURE,
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'a/b/c/d/e/f'"},
        {"AWS4-HMAC-SHA256", "/", INCOMPLETE_SIGNATURE,
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got '/'"},
        {"AWS4-HMAC-SHA256", "a/20261123/c/d/e", BAD_SIGNATURE,
         "Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. "},
        {"AWS4-HMAC-SHA256", "a/20261122/c/d/aws4_request", BAD_SIGNATURE,
         "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
         "HTTP: '20261122' != '20261123', from '20261123T235846Z'. "},
        {"AWS4-HMAC-SHA256", "a/20261123/c/d/aws4_request//", BAD_SIGNATURE, MISMATCH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct given g;
        char text[200];
        given_init(&g, &header_vectors[0]);
        (void)snprintf(text, sizeof(text), "%s Credential=%s, SignedHeaders=host, Signature=00",
                       rows[i].algorithm, rows[i].credential);
        header_set(&g, "Authorization", text);
        assert_refused(&g, rows[i].status, rows[i].text);
        arena_fini(&g.a);
    }
}

static void a_lifetime_is_a_number_of_at_most_a_week(void **state)
{
    (void)state;
    static const struct {
        const char *expires;
        enum status status;
    } rows[] = {{"1", OK},
                {"604800", OK},
                {"604801", BAD_SIGNATURE},
                {"0", BAD_SIGNATURE},
                {"-1", BAD_SIGNATURE},
                {"", BAD_SIGNATURE},
                {"1h", BAD_SIGNATURE},
                {"99999999999999999999999", BAD_SIGNATURE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct given g;
        char query[300];
        given_init(&g, &query_vectors[0]);
        (void)snprintf(query, sizeof(query),
                       "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20261123/b/c/"
                       "aws4_request&X-Amz-Signature=d&"
                       "X-Amz-SignedHeaders=host&X-Amz-Date=20261123T235846Z&X-Amz-Expires=%s",
                       rows[i].expires);
        g.r.query = bytes_text(query);
        assert_int_equal(sigv4_read_claim(&g.r, &g.a, &g.claim, &g.f), rows[i].status);
        arena_fini(&g.a);
    }
}

static void more_than_64_parameters_are_refused(void **state)
{
    (void)state;
    struct given g;
    char query[3 * 65];
    for (size_t i = 0; i < sizeof(query); i += 3)
        memcpy(query + i, "a=&", 3);
    given_init(&g, &header_vectors[0]);
    g.r.query = bytes_of(query, sizeof(query));
    assert_refused(&g, BAD_SIGNATURE, "The query string has more than 64 parameters.");
    g.r.query.len -= 3;
    assert_refused(&g, BAD_SIGNATURE, MISMATCH);
    arena_fini(&g.a);
}

static void timestamps_are_printed_and_read_for_every_day(void **state)
{
    (void)state;
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t ms = 12 * 3600 * 1000 + 34 * 60 * 1000 + 56 * 1000 + 789;
    for (int year = 1970; year < 2401; year++) {
        for (int month = 0; month < 12; month++) {
            bool leap = month == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (int day = 1; day <= days[month] + (leap ? 1 : 0); day++, ms += 86400000) {
                char expected[64], got[17];
                uint64_t back;
                (void)snprintf(expected, sizeof(expected), "%04d%02d%02dT123456Z", year, month + 1,
                               day);
                sigv4_timestamp(ms, got);
                assert_string_equal(got, expected);
                assert_true(sigv4_time_from_iso(bytes_text(got), &back));
                assert_int_equal(back, ms / 1000 * 1000);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_claim_at_all_is_missing_authentication),
        cmocka_unit_test(a_claim_in_both_places_is_refused),
        cmocka_unit_test(an_incomplete_header_is_told_what_it_lacks),
        cmocka_unit_test(an_incomplete_query_is_told_what_it_lacks),
        cmocka_unit_test(parameters_may_stand_apart_by_comma_space_or_both),
        cmocka_unit_test(a_date_that_no_calendar_has_is_refused),
        cmocka_unit_test(x_amz_date_counts_before_date),
        cmocka_unit_test(a_wrong_credential_is_told_so),
        cmocka_unit_test(a_lifetime_is_a_number_of_at_most_a_week),
        cmocka_unit_test(more_than_64_parameters_are_refused),
        cmocka_unit_test(timestamps_are_printed_and_read_for_every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
