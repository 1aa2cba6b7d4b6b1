/* web_sign_test.c: what is signed is what is sent, and who verifies agrees. */
#include "wire/web_sign.h"

#include "unit/base/cmocka_all.h"
#include "wire/sigv4.h"

#include <stdio.h>

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
enum { NOW_S = 1700000000 };

static struct bytes header(const struct web_call *c, const char *name)
{
    for (uint32_t i = 0; i < c->header_count; i++)
        if (bytes_equal(c->headers[i].name, bytes_text(name)))
            return c->headers[i].value;
    return BYTES_NONE;
}

/* Signs a call to that URL, and verifies it for that host, path and query. */
static void assert_signs(const char *url, const char *host, const char *path, const char *query)
{
    struct credentials who = {.access_key = "AKIDEXAMPLE", .secret_key = SECRET, .token = "tok"};
    struct web_call c = {.method = "POST", .url = url, .body = BYTES_LITERAL("body")};
    const struct web_signer signer = {&who, BYTES_LITERAL("eu-west-1"), "es", NOW_S * 1000ull};
    struct arena a;
    struct fault f;
    arena_init(&a, 1 << 20);
    c.headers[c.header_count++] =
        (struct web_header){BYTES_LITERAL("Content-Type"), BYTES_LITERAL("text/plain")};
    c.headers[c.header_count++] = (struct web_header){BYTES_LITERAL("X-Not-Sent"), BYTES_NONE};
    assert_int_equal(web_sign(&c, &signer, &a, &f), OK);
    assert_true(bytes_equal(header(&c, "Host"), bytes_text(host)));
    assert_true(bytes_equal(header(&c, "X-Amz-Security-Token"), BYTES_LITERAL("tok")));
    struct sigv4_header headers[WEB_HEADERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c.header_count; i++)
        if (bytes_present(c.headers[i].value))
            headers[count++] = (struct sigv4_header){c.headers[i].name, c.headers[i].value};
    const struct sigv4_request r = {.method = BYTES_LITERAL("POST"),
                                    .path = bytes_text(path),
                                    .query = bytes_text(query),
                                    .headers = headers,
                                    .header_count = count,
                                    .body = c.body};
    struct sigv4_claim claim;
    uint8_t key[SIGV4_KEY_BYTES];
    assert_int_equal(sigv4_read_claim(&r, &a, &claim, &f), OK);
    sigv4_derive_key(BYTES_LITERAL(SECRET), claim.day, claim.region, claim.service, key);
    if (sigv4_verify(&r, &claim, key, NOW_S * 1000ull, 1000, &a, &f) != OK)
        fail_msg("%s: %s", url, f.text);
    arena_fini(&a);
}

static void a_signed_call_is_verified(void **state)
{
    (void)state;
    assert_signs("https://search.example.org/_bulk?filter_path=errors%2Citems",
                 "search.example.org", "/_bulk", "filter_path=errors%2Citems");
    assert_signs("http://localhost:9200", "localhost:9200", "/", "");
    assert_signs("http://[::1]:9200/a%20b/", "[::1]:9200", "/a%20b/", "");
    assert_signs("http://[fe80::2]/", "[fe80::2]", "/", "");
}

static void what_is_no_url_is_not_signed(void **state)
{
    (void)state;
    struct credentials who = {.access_key = "a", .secret_key = "s"};
    struct web_call c = {.method = "GET", .url = "nonsense"};
    const struct web_signer signer = {&who, BYTES_LITERAL("r"), "s", 0};
    struct arena a;
    struct fault f;
    arena_init(&a, 1 << 20);
    assert_int_equal(web_sign(&c, &signer, &a, &f), MALFORMED);
    assert_int_equal(c.header_count, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_call_is_verified),
        cmocka_unit_test(what_is_no_url_is_not_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
