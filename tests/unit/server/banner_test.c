/* banner_test.c: what a start says, in each way of starting. */
#include "server/banner.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

static char loopback[] = "127.0.0.1", region[] = "us-east-1", nothing[] = "",
            mine[] = "/etc/mine.pem";

static struct server_settings usual(void)
{
    return (struct server_settings){
        .listen_address = loopback, .region = region, .tls_certificate = nothing};
}

static const struct server_facts facts = {
    .data = "/data", .ca = "/data/tls/ca.pem", .port = 4567, .streams = 3, .opened_ms = 9};

/* The text that `print` makes; valid until the next. */
static const char *said(void (*print)(const struct server_settings *, const struct server_facts *,
                                      struct buf *),
                        const struct server_settings *s, const struct server_facts *about)
{
    static char text[BANNER_BYTES_MAX];
    struct buf out;
    buf_init(&out, sizeof(text) - 1);
    print(s, about, &out);
    assert_int_equal(out.status, OK);
    memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    buf_fini(&out);
    return text;
}

static void must_say(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s does not say %s", text, part);
}

static void an_endpoint_is_one_that_a_client_can_use(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool plain, dev;
        const char *endpoint;
    } rows[] = {
        {"127.0.0.1", false, false, "https://127.0.0.1:4567"},
        {"127.0.0.1", false, true, "http://127.0.0.1:4567"},
        {"0.0.0.0", true, false, "http://localhost:4567"},
        {"::", false, false, "https://localhost:4567"},
        {"::1", false, true, "http://[::1]:4567"},
        {"10.1.2.3", false, false, "https://10.1.2.3:4567"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char endpoint[ENDPOINT_BYTES_MAX], address[64];
        snprintf(address, sizeof(address), "%s", rows[i].address);
        struct server_settings s = usual();
        s.listen_address = address;
        s.plain = rows[i].plain;
        s.dev = rows[i].dev;
        banner_endpoint(&s, 4567, endpoint);
        assert_string_equal(endpoint, rows[i].endpoint);
    }
}

static void a_start_tells_endpoint_data_durability_and_ca(void **state)
{
    (void)state;
    struct server_settings s = usual();
    const char *text = said(banner_print, &s, &facts);
    must_say(text, "https://127.0.0.1:4567");
    must_say(text, "/data (3 streams)");
    must_say(text, "synced: a put is answered after");
    must_say(text, "AWS_CA_BUNDLE='/data/tls/ca.pem'");
    assert_null(strstr(text, "DEVELOPMENT"));
    assert_null(strstr(text, "Next,"));
}

static void relaxed_durability_is_loud(void **state)
{
    (void)state;
    struct server_settings s = usual();
    s.durability = DURABILITY_RELAXED;
    s.relaxed_sync = 100;
    must_say(said(banner_print, &s, &facts), "RELAXED");
    must_say(said(banner_print, &s, &facts), "CAN BE LOST");
    must_say(said(banner_line, &s, &facts), "RELAXED");
}

static void dev_is_loud_and_says_what_to_type_next(void **state)
{
    (void)state;
    struct server_settings s = usual();
    s.dev = true;
    const char *text = said(banner_print, &s, &facts);
    must_say(text, "DEVELOPMENT any credentials");
    must_say(
        text,
        "export AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 AWS_DEFAULT_REGION=us-east-1\n");
    must_say(text, "aws kinesis put-record");
    must_say(text, "boto3.client('kinesis', endpoint_url='http://127.0.0.1:4567'");
    must_say(said(banner_line, &s, &facts), "DEVELOPMENT");
}

static void a_certificate_of_ones_own_needs_no_ca(void **state)
{
    (void)state;
    struct server_settings s = usual();
    struct server_facts own = facts;
    own.ca = NULL;
    s.tls_certificate = mine;
    must_say(said(banner_print, &s, &own), "/etc/mine.pem");
    assert_null(strstr(said(banner_root_endpoint, &s, &own), "AWS_CA_BUNDLE"));
}

static void what_a_shell_reads_is_quoted(void **state)
{
    (void)state;
    struct server_settings s = usual();
    struct server_facts odd = facts;
    odd.ca = "/it's here/ca.pem";
    must_say(said(banner_root_endpoint, &s, &odd),
             "export AWS_CA_BUNDLE='/it'\\''s here/ca.pem'\n");
    must_say(said(banner_root_endpoint, &s, &odd),
             "export AWS_ENDPOINT_URL_KINESIS='https://127.0.0.1:4567'\n");
}

static void the_root_key_is_told_as_exports(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, BANNER_BYTES_MAX);
    banner_root_key("AKIAEXAMPLE", "abc+/def", &out);
    buf_append_byte(&out, '\0');
    must_say((const char *)out.at,
             "\nexport AWS_ACCESS_KEY_ID='AKIAEXAMPLE'\nexport AWS_SECRET_ACCESS_KEY='abc+/def'\n");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_is_one_that_a_client_can_use),
        cmocka_unit_test(a_start_tells_endpoint_data_durability_and_ca),
        cmocka_unit_test(relaxed_durability_is_loud),
        cmocka_unit_test(dev_is_loud_and_says_what_to_type_next),
        cmocka_unit_test(a_certificate_of_ones_own_needs_no_ca),
        cmocka_unit_test(what_a_shell_reads_is_quoted),
        cmocka_unit_test(the_root_key_is_told_as_exports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
