/* uri_test.c: escapes, query strings and URIs. */
#include "base/random.h"
#include "unit/base/cmocka_all.h"
#include "wire/uri.h"

static void assert_text(struct bytes b, const char *expected)
{
    assert_non_null(b.at);
    assert_int_equal(b.len, strlen(expected));
    assert_memory_equal(b.at, expected, b.len);
}

static void assert_escaped(const char *text, bool keep_slash, const char *expected)
{
    struct buf b;
    buf_init(&b, 1000);
    uri_escape(&b, bytes_text(text), keep_slash);
    assert_int_equal(b.status, OK);
    assert_text(buf_view(&b), expected);
    buf_fini(&b);
}

static void only_unreserved_bytes_stay_as_they_are(void **state)
{
    (void)state;
    assert_escaped("AZaz09-._~", false, "AZaz09-._~");
    assert_escaped("a b+c/d%20=&", false, "a%20b%2Bc%2Fd%2520%3D%26");
    assert_escaped("a/b c", true, "a/b%20c");
    assert_escaped("schl\303\274ssel", false, "schl%C3%BCssel");
    assert_escaped("\001\177\377", false, "%01%7F%FF");
}

static void escaping_takes_no_more_than_it_needs_of_the_ceiling(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    uri_escape(&b, bytes_text("0123456789"), false);
    assert_int_equal(b.status, OK);
    assert_text(buf_view(&b), "0123456789");
    uri_escape(&b, bytes_text("x"), false);
    assert_int_equal(b.status, TOO_LARGE);
    buf_fini(&b);
}

static void unescaping_what_was_escaped_gives_the_same_bytes(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 7);
    for (int round = 0; round < 500; round++) {
        uint8_t text[64];
        size_t len = (size_t)random_below(&r, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)random_next(&r);
        struct buf b;
        struct arena a;
        buf_init(&b, 1000);
        arena_init(&a, 100000);
        uri_escape(&b, bytes_of(text, len), round % 2 == 0);
        struct bytes back = uri_unescape(&a, buf_view(&b));
        assert_int_equal(back.len, len);
        assert_memory_equal(back.at, text, len);
        arena_fini(&a);
        buf_fini(&b);
    }
}

static void a_broken_escape_and_a_plus_stay(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    assert_text(uri_unescape(&a, bytes_text("a%2")), "a%2");
    assert_text(uri_unescape(&a, bytes_text("%")), "%");
    assert_text(uri_unescape(&a, bytes_text("%zz%4g%41")), "%zz%4gA");
    assert_text(uri_unescape(&a, bytes_text("a+b%2B")), "a+b+");
    assert_text(uri_unescape(&a, bytes_text("%%41")), "%A");
    assert_text(uri_unescape(&a, BYTES_NONE), "");
    arena_fini(&a);
}

static void unescaping_without_room_gives_no_view(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    assert_null(uri_unescape(&a, bytes_text("%41")).at);
    arena_fini(&a);
}

static void a_query_is_split_at_ampersands_and_first_equals(void **state)
{
    (void)state;
    struct arena a;
    struct uri_parameter p[4];
    size_t count;
    arena_init(&a, 100000);
    assert_int_equal(uri_query_split(bytes_text("a=1&&b&c=x=y%26&%64="), &a, p, 4, &count, NULL),
                     OK);
    assert_int_equal(count, 4);
    assert_text(p[0].name, "a");
    assert_text(p[0].value, "1");
    assert_text(p[1].name, "b");
    assert_text(p[1].value, "");
    assert_text(p[2].value, "x=y&");
    assert_text(uri_query_find(p, count, "d"), "");
    assert_text(uri_query_find(p, count, "c"), "x=y&");
    assert_null(uri_query_find(p, count, "e").at);
    assert_int_equal(uri_query_split(BYTES_NONE, &a, p, 4, &count, NULL), OK);
    assert_int_equal(count, 0);
    arena_fini(&a);
}

static void a_query_of_too_many_parameters_is_too_large(void **state)
{
    (void)state;
    struct arena a;
    struct uri_parameter p[2];
    struct fault f;
    size_t count;
    arena_init(&a, 100000);
    assert_int_equal(uri_query_split(bytes_text("a=1&b=2&"), &a, p, 2, &count, &f), OK);
    assert_int_equal(uri_query_split(bytes_text("a=1&b=2&c"), &a, p, 2, &count, &f), TOO_LARGE);
    assert_int_equal(f.status, TOO_LARGE);
    arena_fini(&a);
}

static void a_uri_is_read_into_its_parts(void **state)
{
    (void)state;
    struct uri u;
    assert_int_equal(uri_parse(bytes_text("https://example.com:8443/a/b?x=1&y#top"), &u, NULL), OK);
    assert_text(u.scheme, "https");
    assert_text(u.host, "example.com");
    assert_int_equal(u.port, 8443);
    assert_text(u.path, "/a/b");
    assert_text(u.query, "x=1&y");
    assert_int_equal(uri_parse(bytes_text("http://localhost"), &u, NULL), OK);
    assert_text(u.host, "localhost");
    assert_int_equal(u.port, 0);
    assert_text(u.path, "");
    assert_null(u.query.at);
    assert_int_equal(uri_parse(bytes_text("http://[::1]:80?q"), &u, NULL), OK);
    assert_text(u.host, "::1");
    assert_text(u.authority, "[::1]:80");
    assert_int_equal(u.port, 80);
    assert_text(u.query, "q");
    assert_int_equal(uri_parse(bytes_text("http://[fe80::2]/"), &u, NULL), OK);
    assert_text(u.host, "fe80::2");
    assert_text(u.path, "/");
}

static void what_is_not_a_uri_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http",
        "http:",
        "http:/x",
        "://host",
        "1http://h",
        "http://",
        "http:///path",
        "http://:80",
        "http://h:0",
        "http://h:65536",
        "http://h:8x",
        "http://[",
        "http://[::1",
        "http://[::1]80",
        "http://[]:1",
        "http://a b/",
        "http://h/\n",
        "http://h:1:2",
        "http://user@h/",
        "ht tp://h",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct uri u;
        struct fault f;
        if (uri_parse(bytes_text(bad[i]), &u, &f) != MALFORMED)
            fail_msg("'%s' was taken for a URI", bad[i]);
    }
}

static bool same_origin(const char *a, const char *b)
{
    struct uri one, other;
    assert_int_equal(uri_parse(bytes_text(a), &one, NULL), OK);
    assert_int_equal(uri_parse(bytes_text(b), &other, NULL), OK);
    return uri_same_origin(&one, &other);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    assert_true(same_origin("https://a/x", "HTTPS://A:443/y?z"));
    assert_true(same_origin("http://[::1]:80", "http://[::1]/"));
    assert_true(same_origin("other://a", "other://a"));
    assert_false(same_origin("https://a/x", "http://a/x"));
    assert_false(same_origin("https://a/x", "https://a:8443/x"));
    assert_false(same_origin("https://a/x", "https://a.b/x"));
    assert_false(same_origin("https://a/x", "https://b/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(only_unreserved_bytes_stay_as_they_are),
        cmocka_unit_test(escaping_takes_no_more_than_it_needs_of_the_ceiling),
        cmocka_unit_test(unescaping_what_was_escaped_gives_the_same_bytes),
        cmocka_unit_test(a_broken_escape_and_a_plus_stay),
        cmocka_unit_test(unescaping_without_room_gives_no_view),
        cmocka_unit_test(a_query_is_split_at_ampersands_and_first_equals),
        cmocka_unit_test(a_query_of_too_many_parameters_is_too_large),
        cmocka_unit_test(a_uri_is_read_into_its_parts),
        cmocka_unit_test(what_is_not_a_uri_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
