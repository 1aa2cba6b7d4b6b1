/* subscription_test.c: SubscribeToShard against a real server, over HTTP/1.1 and HTTP/2. */
#include "consumer-sdk/given.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

enum { PATIENCE_MS = 60000 };

struct told {
    unsigned events, records, ends, expected;
    uint64_t bytes;
    struct sluice_error end;
    sluice_subscription *subscription;
    bool pause_at_once, cancel_at_once;
};

static void on_event(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event)
{
    struct told *t = context;
    assert_int_equal(t->ends, 0);
    t->events++;
    for (uint32_t i = 0; i < event->records.count; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", t->records++);
        assert_true(is_text(event->records.at[i].partition_key, key));
        t->bytes += event->records.at[i].data.len;
    }
    assert_true(event->continuation_sequence_number.len > 0 || event->child_shards.count == 2);
    if (t->pause_at_once)
        sluice_subscription_pause(t->subscription, true);
    if (t->cancel_at_once)
        sluice_subscription_cancel(t->subscription);
}

static void on_end(void *context, const struct sluice_error *error)
{
    struct told *t = context;
    t->ends++;
    t->end = *error;
}

static const struct sluice_subscription_events events = {on_event, on_end};

static void arn_of_consumer(sluice_client *c, const char *stream, char out[256])
{
    struct sluice_error e = {0};
    sluice_reply *reply;
    char arn[128];
    const struct sluice_kinesis_register_stream_consumer_output *made;
    snprintf(arn, sizeof(arn), "arn:aws:kinesis:us-east-1:000000000000:stream/%s", stream);
    const struct sluice_kinesis_register_stream_consumer_input in = {
        .stream_arn = sluice_text(arn), .consumer_name = sluice_text("tester")};
    must_be_ok(sluice_kinesis_register_stream_consumer(c, &in, &reply, &made, &e), &e);
    snprintf(out, 256, "%.*s", (int)made->consumer->consumer_arn.len,
             (const char *)made->consumer->consumer_arn.at);
    sluice_reply_free(reply);
    const struct sluice_kinesis_describe_stream_consumer_input ask = {.consumer_arn =
                                                                          sluice_text(out)};
    for (bool active = false; !active;) {
        const struct sluice_kinesis_describe_stream_consumer_output *is;
        must_be_ok(sluice_kinesis_describe_stream_consumer(c, &ask, &reply, &is, &e), &e);
        active = is_text(is->consumer_description->consumer_status, "ACTIVE");
        sluice_reply_free(reply);
    }
}

static void subscribe(sluice_client *c, const char *consumer, struct told *t)
{
    struct sluice_error e = {0};
    const struct sluice_kinesis_starting_position from = {
        .type = sluice_text(SLUICE_KINESIS_SHARD_ITERATOR_TYPE_TRIM_HORIZON)};
    const struct sluice_kinesis_subscribe_to_shard_input in = {
        .consumer_arn = sluice_text(consumer),
        .shard_id = sluice_text("shardId-000000000000"),
        .starting_position = &from};
    must_be_ok(sluice_subscribe(c, &in, sizeof(in), &events, t, &t->subscription, &e), &e);
}

static void turn_until(sluice_client *c, const unsigned *number, unsigned least)
{
    uint64_t end_us = clock_mono_us(&clock_system) + PATIENCE_MS * 1000ull;
    while (*number < least && clock_mono_us(&clock_system) < end_us)
        assert_int_equal(sluice_client_turn(c, 100), SLUICE_OK);
    assert_true(*number >= least);
}

static void put_numbered(sluice_client *c, const char *stream, unsigned from, unsigned count,
                         size_t size)
{
    char *data = mem_must(size + 1);
    memset(data, 'x', size);
    for (unsigned i = from; i < from + count; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        put(c, stream, key, data);
    }
    mem_free(data);
}

static void records_are_pushed(struct sluice_client_options o, const char *stream)
{
    struct told t = {0};
    char consumer[256];
    sluice_client *c = client_with(o);
    make_stream(c, stream, 1);
    arn_of_consumer(c, stream, consumer);
    put_numbered(c, stream, 0, 10, 100);
    subscribe(c, consumer, &t);
    turn_until(c, &t.records, 10);
    put_numbered(c, stream, 10, 10, 100); /* other calls go on meanwhile */
    turn_until(c, &t.records, 20);
    assert_int_equal(t.bytes, 20 * 100);
    sluice_subscription_cancel(t.subscription);
    assert_int_equal(t.ends, 0);
    turn_until(c, &t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_CANCELLED);
    sluice_client_free(c);
}

static void pushed_over_http1(void **state)
{
    (void)state;
    records_are_pushed((struct sluice_client_options){0}, "push1");
    records_are_pushed((struct sluice_client_options){.codec = SLUICE_CBOR}, "push1c");
}

static void pushed_over_http2(void **state)
{
    (void)state;
    records_are_pushed((struct sluice_client_options){.endpoint = served.tls_endpoint,
                                                      .ca_file = served.ca_file,
                                                      .http = SLUICE_HTTP_2,
                                                      .codec = SLUICE_CBOR},
                       "push2");
}

/* 40 MB stand ready; a paused subscription must not fetch them. */
static void pausing_stops_the_flow(struct sluice_client_options o, const char *stream)
{
    enum { RECORDS = 40, SIZE = 1000000 };
    struct told t = {.pause_at_once = true};
    char consumer[256];
    sluice_client *c = client_with(o);
    make_stream(c, stream, 1);
    arn_of_consumer(c, stream, consumer);
    put_numbered(c, stream, 0, RECORDS, SIZE);
    subscribe(c, consumer, &t);
    turn_until(c, &t.events, 1);
    unsigned before = t.events;
    for (int i = 0; i < 20; i++)
        assert_int_equal(sluice_client_turn(c, 20), SLUICE_OK);
    assert_int_equal(t.events, before);
    put_numbered(c, stream, RECORDS, 1, 10); /* nobody else is held up */
    t.pause_at_once = false;
    sluice_subscription_pause(t.subscription, false);
    assert_int_equal(t.events, before); /* not from within */
    turn_until(c, &t.records, RECORDS + 1);
    assert_int_equal(t.bytes, (uint64_t)RECORDS * SIZE + 10);
    sluice_client_free(c); /* ends it */
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_CANCELLED);
}

static void a_paused_one_is_not_fed(void **state)
{
    (void)state;
    pausing_stops_the_flow((struct sluice_client_options){.codec = SLUICE_CBOR}, "pause1");
    pausing_stops_the_flow((struct sluice_client_options){.endpoint = served.tls_endpoint,
                                                          .ca_file = served.ca_file,
                                                          .http = SLUICE_HTTP_2,
                                                          .codec = SLUICE_CBOR},
                           "pause2");
}

static void refusals_and_cancels_end_it_once(void **state)
{
    (void)state;
    struct told t = {0};
    char consumer[256];
    sluice_client *c = client_with((struct sluice_client_options){0});
    make_stream(c, "ends", 1);
    arn_of_consumer(c, "ends", consumer);
    consumer[strlen(consumer) - 1] ^= 1;
    subscribe(c, consumer, &t);
    turn_until(c, &t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_SERVICE);
    assert_string_equal(t.end.type, "ResourceNotFoundException");
    assert_int_equal(t.end.http_status, 400);

    consumer[strlen(consumer) - 1] ^= 1;
    t = (struct told){.cancel_at_once = true};
    put_numbered(c, "ends", 0, 1, 10);
    subscribe(c, consumer, &t);
    turn_until(c, &t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_CANCELLED);
    assert_int_equal(t.events, 1);
    sluice_client_free(c);
}

static void a_server_that_dies_ends_it_and_a_shard_that_ends_does(void **state)
{
    (void)state;
    struct told t = {0};
    char consumer[256];
    sluice_client *c = client_with((struct sluice_client_options){0});
    make_stream(c, "split", 1);
    arn_of_consumer(c, "split", consumer);
    put_numbered(c, "split", 0, 3, 10);
    subscribe(c, consumer, &t);
    turn_until(c, &t.records, 3);
    struct sluice_error e = {0};
    const struct sluice_kinesis_split_shard_input in = {
        .stream_name = sluice_text("split"),
        .shard_to_split = sluice_text("shardId-000000000000"),
        .new_starting_hash_key = sluice_text("170141183460469231731687303715884105728")};
    must_be_ok(sluice_kinesis_split_shard(c, &in, NULL, &e), &e);
    turn_until(c, &t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_END);

    make_stream(c, "dies", 1);
    arn_of_consumer(c, "dies", consumer);
    t = (struct told){0};
    put_numbered(c, "dies", 0, 3, 10);
    subscribe(c, consumer, &t);
    turn_until(c, &t.records, 3);
    served_kill(&served);
    turn_until(c, &t.ends, 1);
    assert_int_equal(t.end.status, SLUICE_TRANSPORT);
    assert_true(t.end.retryable);
    served_restart(&served);
    t = (struct told){0};
    subscribe(c, consumer, &t);
    turn_until(c, &t.records, 3);
    sluice_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushed_over_http1),
        cmocka_unit_test(pushed_over_http2),
        cmocka_unit_test(a_paused_one_is_not_fed),
        cmocka_unit_test(refusals_and_cancels_end_it_once),
        cmocka_unit_test(a_server_that_dies_ends_it_and_a_shard_that_ends_does),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
