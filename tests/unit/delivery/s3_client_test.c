/* s3_client_test.c: credentials come and go while the server runs. */
#include "delivery/s3_client.h"

#include "base/file.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct given {
    struct clock_manual clock;
    struct loop *loop;
    struct web *web;
    struct delivery *delivery;
    struct s3_client client;
    char file[64];
};

static const struct s3_request request = {
    .method = "PUT", .bucket = "b", .key = "k", .query = "", .body = BYTES_LITERAL("")};

/* Whether a call can begin; it does not end. */
static enum status try(struct given *g, struct fault *f)
{
    struct s3_call call = {0};
    enum status st = s3_call_start(&g->client, &call, &request, f);
    if (st == OK)
        s3_call_end(&call);
    return st;
}

static void credentials_are_looked_for_every_few_seconds(void **state)
{
    (void)state;
    struct given g = {.file = "/tmp/sluice-credentials-XXXXXX"};
    struct fault f = {0};
    static const struct delivery_engine_settings settings = {.s3_endpoint = "http://127.0.0.1:1"};
    struct delivery_view values = {.number = 1};
    struct firehose_extended_s3_destination_configuration s3 = {
        .bucket_arn = BYTES_LITERAL("arn:aws:s3:::b"), .role_arn = BYTES_LITERAL("r")};
    const struct firehose_create_delivery_stream_input config = {
        .delivery_stream_name = BYTES_LITERAL("d"), .extended_s3_destination_configuration = &s3};
    struct delivery_view *v;
    assert_int_equal(delivery_view_new(&values, &config, &v, &f), OK);
    int fd = mkstemp(g.file);
    assert_true(fd >= 0);
    assert_int_equal(unlink(g.file), 0);
    setenv("AWS_SHARED_CREDENTIALS_FILE", g.file, 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    clock_manual_init(&g.clock, 1700000000000);
    assert_int_equal(loop_new(&g.loop, &g.clock.clock, &f), OK);
    assert_int_equal(web_new(&(struct web_settings){.loop = g.loop, .ca_file = ""}, &g.web, &f),
                     OK);
    g.delivery = delivery_new(v);
    const struct destination_settings to = {.engine = &settings,
                                            .delivery = g.delivery,
                                            .loop = g.loop,
                                            .web = g.web,
                                            .clock = &g.clock.clock};
    assert_int_equal(s3_client_init(&g.client, &to, &f), OK);
    assert_int_equal(try(&g, &f), NOT_FOUND);
    char why[sizeof(f.text)];
    memcpy(why, f.text, sizeof(why));
    FILE *file = fopen(g.file, "w");
    assert_non_null(file);
    fputs("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n", file);
    assert_int_equal(fclose(file), 0);
    f = (struct fault){0};
    clock_manual_advance_ms(&g.clock, 4000);
    assert_int_equal(try(&g, &f), NOT_FOUND); /* the file is not read for each attempt */
    assert_string_equal(f.text, why);
    clock_manual_advance_ms(&g.clock, 2000);
    assert_int_equal(try(&g, &f), OK);
    assert_int_equal(unlink(g.file), 0);
    assert_int_equal(close(fd), 0);
    s3_client_fini(&g.client);
    web_free(g.web);
    delivery_unref(g.delivery);
    loop_free(g.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_looked_for_every_few_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
