/* sdk_client_test.c: the SDK's client with each of its allocations failing in turn: SLUICE_NO_MEMORY each time, or a way around it; no
 * crash, no leak, no call that never ends. (libcurl's own are left alone: 7.88 does not bear it itself.) */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "consumer-sdk/given.h"
#include "support/failing.h"

#include "base/clock.h"

#include <stdio.h>

/* A shard's place is free again some seconds after a subscription's connection has gone: so each run takes the next shard. */
enum { PATIENCE_MS = 20000, SHARDS = 500 };
static char consumer[256];

struct outcome {
    unsigned events, ends, dones;
    enum sluice_status status;
    bool in_use; /* the service has not seen yet that the one before has gone */
};

static void on_event(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event)
{
    struct outcome *o = context;
    assert_non_null(event);
    assert_int_equal(o->ends, 0);
    o->events++;
}

static void on_end(void *context, const struct sluice_error *error)
{
    struct outcome *o = context;
    o->ends++;
    o->status = error->status;
    o->in_use = strcmp(error->type, "ResourceInUseException") == 0;
}

static void on_done(void *context, const void *output, sluice_reply *reply,
                    const struct sluice_error *error)
{
    struct outcome *o = context;
    o->dones++;
    o->status = error->status;
    assert_int_equal(output != NULL, error->status == SLUICE_OK);
    assert_int_equal(reply != NULL, error->status == SLUICE_OK);
    sluice_reply_free(reply);
}

static void must_be_fair(enum sluice_status st)
{
    if (st != SLUICE_OK && !(failing.failed && st == SLUICE_NO_MEMORY))
        fail_msg("%s, and %s failed", sluice_status_name(st), failing.failed ? "one" : "none");
}

static void one_put(sluice_client *c)
{
    struct sluice_error e;
    struct outcome o = {0};
    const char *const headers[] = {"x-more: of them"};
    const struct sluice_call_options with = {
        .size = sizeof(with), .headers = headers, .header_count = 1};
    const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text("torture"),
                                                       .partition_key = sluice_text("key"),
                                                       .data = sluice_text("data")};
    enum sluice_status st = sluice_kinesis_put_record_start(c, &in, &with, on_done, &o, NULL, &e);
    must_be_fair(st);
    assert_int_equal(sluice_client_calls(c), st == SLUICE_OK ? 1 : 0);
    while (sluice_client_calls(c) > 0)
        assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK);
    assert_int_equal(o.dones, st == SLUICE_OK ? 1 : 0);
    must_be_fair(o.status);
}

static void one_refusal(sluice_client *c)
{
    struct sluice_error e;
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *out;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text("nowhere")};
    enum sluice_status st = sluice_kinesis_list_shards(c, &in, &reply, &out, &e);
    if (st != SLUICE_SERVICE)
        must_be_fair(st == SLUICE_OK ? SLUICE_PROTOCOL : st);
    assert_int_equal(e.status, st);
    assert_null(reply);
}

/* Whether it began; *o is told of it until the client is freed. */
static bool one_subscription(sluice_client *c, struct outcome *o, bool cancel)
{
    static unsigned runs;
    char shard[32];
    snprintf(shard, sizeof(shard), "shardId-%012u", runs++ % SHARDS);
    struct sluice_error e;
    sluice_subscription *s;
    const struct sluice_subscription_events events = {on_event, on_end};
    const struct sluice_kinesis_starting_position from = {.type = sluice_text("TRIM_HORIZON")};
    const struct sluice_kinesis_subscribe_to_shard_input in = {.consumer_arn =
                                                                   sluice_text(consumer),
                                                               .shard_id = sluice_text(shard),
                                                               .starting_position = &from};
    enum sluice_status st = sluice_subscribe(c, &in, sizeof(in), &events, o, &s, &e);
    must_be_fair(st);
    if (st != SLUICE_OK)
        return false;
    uint64_t end_us = clock_mono_us(&clock_system) + PATIENCE_MS * 1000ull;
    while (o->events == 0 && o->ends == 0 && clock_mono_us(&clock_system) < end_us)
        assert_int_equal(sluice_client_turn(c, 100), SLUICE_OK);
    assert_true(o->events + o->ends > 0);
    if (o->ends == 0 && cancel) {
        sluice_subscription_cancel(s);
        assert_int_equal(o->ends, 0);
        while (o->ends == 0)
            assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK);
        assert_int_equal(o->status, SLUICE_CANCELLED);
    }
    return true;
}

/* False: nothing was left to fail. */
static bool one_run(const struct sluice_client_options *options, long which)
{
    sluice_client *c = NULL;
    struct sluice_error e = {0};
    struct outcome o = {0};
    failing_begin(which);
    enum sluice_status st = sluice_client_new(options, &c, &e);
    must_be_fair(st);
    assert_int_equal(st == SLUICE_OK, c != NULL);
    if (c != NULL) {
        one_put(c);
        one_refusal(c);
        bool began = one_subscription(c, &o, which % 2 == 0);
        while (o.in_use) {
            o = (struct outcome){0};
            began = one_subscription(c, &o, which % 2 == 0);
        }
        sluice_client_free(c);
        assert_int_equal(o.ends, began ? 1 : 0);
        if (o.status != SLUICE_CANCELLED)
            must_be_fair(o.status);
    }
    return failing_end();
}

static void each_one_in_turn(const struct sluice_client_options *o)
{
    long which = 1;
    while (one_run(o, which))
        which++;
    printf("%ld allocations\n", which - 1);
    assert_true(which > 30);
}

static void each_allocation_that_fails_is_an_error(void **state)
{
    (void)state;
    struct sluice_client_options o = {.size = sizeof(o),
                                      .endpoint = served.endpoint,
                                      .access_key_id = "AKIDEXAMPLE",
                                      .secret_access_key = "secret"};
    each_one_in_turn(&o);
    o.codec = SLUICE_CBOR;
    each_one_in_turn(&o);
    o.endpoint = served.tls_endpoint;
    o.ca_file = served.ca_file;
    o.http = SLUICE_HTTP_2;
    each_one_in_turn(&o);
}

/* `part` of SHARDS equal parts of the hash range, and a bit more. */
static void print_hash_key(unsigned part, char out[48])
{
    unsigned __int128 n = ~(unsigned __int128)0 / SHARDS * part + 1000;
    char digits[48];
    unsigned count = 0;
    for (; n > 0; n /= 10)
        digits[count++] = (char)('0' + (unsigned)(n % 10));
    for (unsigned i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    out[count] = '\0';
}

/* A record into each shard. */
static void put_everywhere(sluice_client *c)
{
    static struct sluice_kinesis_put_records_request_entry entries[SHARDS];
    static char keys[SHARDS][48];
    struct sluice_error e = {0};
    for (unsigned i = 0; i < SHARDS; i++) {
        print_hash_key(i, keys[i]);
        entries[i] = (struct sluice_kinesis_put_records_request_entry){
            .partition_key = sluice_text("key"),
            .explicit_hash_key = sluice_text(keys[i]),
            .data = sluice_text("data")};
    }
    const struct sluice_kinesis_put_records_input in = {
        .stream_name = sluice_text("torture"),
        .records = {.count = SHARDS, .present = true, .at = entries}};
    sluice_reply *reply;
    const struct sluice_kinesis_put_records_output *out;
    must_be_ok(sluice_kinesis_put_records(c, &in, &reply, &out, &e), &e);
    assert_int_equal(out->failed_record_count.value, 0);
    sluice_reply_free(reply);
}

/* The server, a stream with a record in each shard, a consumer; all made before anything fails. */
static int make_all(void **state)
{
    sluice_reply *reply;
    struct sluice_error e = {0};
    const struct sluice_kinesis_register_stream_consumer_output *made;
    start(state);
    sluice_client *c = client_with((struct sluice_client_options){0});
    make_stream(c, "torture", SHARDS);
    put_everywhere(c);
    const struct sluice_kinesis_register_stream_consumer_input in = {
        .stream_arn = sluice_text("arn:aws:kinesis:us-east-1:000000000000:stream/torture"),
        .consumer_name = sluice_text("tester")};
    must_be_ok(sluice_kinesis_register_stream_consumer(c, &in, &reply, &made, &e), &e);
    snprintf(consumer, sizeof(consumer), "%.*s", (int)made->consumer->consumer_arn.len,
             (const char *)made->consumer->consumer_arn.at);
    sluice_reply_free(reply);
    sluice_client_free(c);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_that_fails_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_all, stop);
}
