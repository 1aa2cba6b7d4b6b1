/* fanout_test.c: SubscribeToShard over a loopback exchange, with a clock that each test sets. Numbers (U1 ...) are those of api/push.h. */
#include "base/limits.h"
#include "base/mem.h"
#include "support/answers.h"
#include "support/fanout.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"
#include "wire/cbor.h"
#include "wire/model/kinesis.h"

#include <stdio.h>

/* ---- records, positions ---- */

static void what_is_there_comes_and_then_what_is_put(void **state)
{
    struct loopback *l = *state;
    fanout_put_many(l, 0, 3);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    fanout_expect_only(&s, 0, 3);
    assert_false(s.call.ready);
    char *last = fanout_put(l, 3); /* U2 */
    char *next = fanout_expect(&s, 3, 1);
    assert_string_equal(next, last);
    mem_free(next);
    mem_free(last);
    fanout_put_many(l, 4, 5);
    fanout_expect_only(&s, 4, 5);
    subscriber_close(&s);
}

static void an_event_is_not_sent_before_its_records_are_durable(void **state)
{
    struct loopback *l = *state;
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    log_memory_hold(l->service.logs, true);
    struct call c;
    call_start(&c, l, "PutRecord",
               "{\"StreamName\":\"s\",\"PartitionKey\":\"0\",\"Data\":\"aGVsbG8=\"}");
    assert_false(subscriber_poll(&s));
    log_memory_hold(l->service.logs, false);
    log_memory_release_held(l->service.logs);
    fanout_expect_only(&s, 0, 1);
    call_wait(&c);
    call_end(&c);
    subscriber_close(&s);
}

static void a_subscription_begins_at_each_of_the_five_positions(void **state)
{
    struct loopback *l = *state;
    char *numbers[6];
    for (int i = 0; i < 6; i++) {
        numbers[i] = fanout_put(l, i);
        clock_manual_advance_ms(&l->clock, 1000);
    }
    struct {
        const char *format;
        int argument, first;
    } begins[] = {
        {"{\"Type\":\"TRIM_HORIZON\"}", 0, 0},
        {"{\"Type\":\"LATEST\"}", 0, 6},
        {"{\"Type\":\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}", 2, 2},
        {"{\"Type\":\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}", 2, 3},
        {"{\"Type\":\"AT_TIMESTAMP\",\"Timestamp\":1700000004.0}", 0, 4},
        {"{\"Type\":\"AT_TIMESTAMP\",\"Timestamp\":1420000000}", 0, 0},
    };
    for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
        char position[256];
        struct subscriber s;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(position, sizeof(position), begins[i].format, numbers[begins[i].argument]);
#pragma GCC diagnostic pop
        subscriber_begin(&s, l, FANOUT_ARN("a"), 0, position);
        mem_free(fanout_put(l, 6 + (int)i));
        fanout_expect_only(&s, begins[i].first == 6 ? 6 + (int)i : begins[i].first,
                           6 + (int)i + 1 - (begins[i].first == 6 ? 6 + (int)i : begins[i].first));
        subscriber_close(&s);
    }
    for (int i = 0; i < 6; i++)
        mem_free(numbers[i]);
}

static void events_are_bounded_in_bytes_and_large_records_come_alone(void **state)
{
    struct loopback *l = *state;
    for (int i = 0; i < 3; i++)
        fanout_put_large(l, 600 * 1024);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    for (int i = 0; i < 3; i++) {
        json_t *event = subscriber_event(&s);
        assert_int_equal(json_array_size(fanout_records(event)), 1);
        bool behind = json_integer_value(json_object_get(event, "MillisBehindLatest")) > 0;
        assert_true(behind == (i < 2));
        json_decref(event);
    }
    assert_false(subscriber_poll(&s));
    subscriber_close(&s);
}

static void what_is_past_retention_is_not_pushed(void **state)
{
    struct loopback *l = *state;
    fanout_put_many(l, 0, 3);
    clock_manual_advance_ms(&l->clock, 25 * 3600 * 1000ull);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    assert_false(subscriber_poll(&s));
    mem_free(fanout_put(l, 3));
    fanout_expect_only(&s, 3, 1);
    subscriber_close(&s);
}

static void milliseconds_behind_are_those_to_the_last_record_given(void **state)
{
    struct loopback *l = *state;
    fanout_put_large(l, 600 * 1024);
    fanout_put_large(l, 600 * 1024);
    clock_manual_advance_ms(&l->clock, 7000);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    json_t *event = subscriber_event(&s);
    assert_int_equal(json_integer_value(json_object_get(event, "MillisBehindLatest")), 7000);
    json_decref(event);
    event = subscriber_event(&s);
    assert_int_equal(json_integer_value(json_object_get(event, "MillisBehindLatest")), 0);
    json_decref(event);
    subscriber_close(&s);
}

/* ---- time ---- */

static void an_idle_subscription_hears_every_five_seconds_how_far_it_is(void **state)
{
    struct loopback *l = *state;
    fanout_put_many(l, 0, 2);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    char *last = fanout_expect(&s, 0, 2);
    for (int i = 0; i < 3; i++) {
        assert_false(subscriber_poll(&s));
        clock_manual_advance_ms(&l->clock, 4700);
        char *next = fanout_expect_beat(&s);
        assert_true(strcmp(next, last) > 0); /* 56 digits each: it advances */
        mem_free(last);
        last = next;
    }
    subscriber_close(&s);
    static const char *const types[] = {"AT", "AFTER"};
    for (int i = 0; i < 2; i++) { /* and it can be gone on from, either way */
        char position[256];
        snprintf(position, sizeof(position),
                 "{\"Type\":\"%s_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}", types[i], last);
        subscriber_begin(&s, l, FANOUT_ARN("a"), 0, position);
        assert_false(subscriber_poll(&s));
        mem_free(fanout_put(l, 2 + i));
        fanout_expect_only(&s, 2, 1 + i);
        subscriber_close(&s);
    }
    mem_free(last);
}

static void the_first_empty_event_is_before_the_first_record(void **state)
{
    struct loopback *l = *state;
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_now);
    clock_manual_advance_ms(&l->clock, 4700);
    char position[256], *next = fanout_expect_beat(&s);
    char *record = fanout_put(l, 0);
    assert_true(strcmp(next, record) < 0);
    subscriber_close(&s);
    snprintf(position, sizeof(position),
             "{\"Type\":\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}", next);
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, position);
    fanout_expect_only(&s, 0, 1);
    subscriber_close(&s);
    mem_free(record);
    mem_free(next);
}

static void a_subscription_lives_for_five_minutes(void **state)
{
    struct loopback *l = *state;
    struct subscriber idle, busy;
    subscriber_begin(&idle, l, FANOUT_ARN("a"), 0, fanout_from_start);
    subscriber_begin(&busy, l, FANOUT_ARN("b"), 0, fanout_from_start);
    fanout_put_many(l, 0, 2);
    assert_false(subscriber_poll(&busy));
    fanout_taste(&busy, 1);
    fanout_expect_only(&idle, 0, 2);
    clock_manual_advance_ms(&l->clock, 299000);
    mem_free(fanout_expect_beat(&idle));
    clock_manual_advance_ms(&l->clock, 1000);
    subscriber_expect_end(&idle);         /* cleanly */
    mem_free(fanout_expect(&busy, 0, 2)); /* what was begun is finished */
    subscriber_expect_end(&busy);
    subscriber_close(&idle);
    subscriber_close(&busy);
}

/* ---- one at a time ---- */

static void the_second_of_a_consumer_is_refused_at_first_and_then_takes_over(void **state)
{
    struct loopback *l = *state;
    struct subscriber first, second, third;
    static const char json[] =
        "{\"ConsumerARN\":\"" FANOUT_ARN("a") "\",\"ShardId\":\"0\","
                                              "\"StartingPosition\":{\"Type\":\"TRIM_HORIZON\"}}";
    static const char text[] = "Another active subscription exists for this consumer: "
                               "000000000000:s:shardId-000000000000:a";
    subscriber_begin(&first, l, FANOUT_ARN("a"), 0, fanout_from_start);
    subscriber_begin(&third, l, FANOUT_ARN("b"), 0,
                     fanout_from_start); /* another consumer is not concerned */
    clock_manual_advance_ms(&l->clock, 4999);
    assert_false(subscriber_open(&second, l, json));
    assert_int_equal(second.call.status, 400);
    char refusal[512];
    snprintf(refusal, sizeof(refusal), "{\"__type\":\"ResourceInUseException\",\"message\":\"%s\"}",
             text);
    assert_string_equal(second.call.text, refusal);
    subscriber_close(&second);
    clock_manual_advance_ms(&l->clock, 1);
    subscriber_begin(&second, l, FANOUT_ARN("a"), 0, fanout_from_start); /* U4 */
    fanout_put_many(l, 0, 1);
    fanout_expect_only(&second, 0, 1);
    subscriber_expect_exception(&first, "ResourceInUseException", text);
    subscriber_close(&first);
    fanout_put_many(l, 1, 1);
    fanout_expect_only(&second, 1, 1);
    subscriber_close(&second);
    subscriber_begin(&second, l, FANOUT_ARN("a"), 0,
                     fanout_from_now); /* who has left is in nobody's way */
    subscriber_close(&second);
    subscriber_close(&third);
}

static void who_leaves_while_he_is_ousted_is_forgotten_once(void **state)
{
    struct loopback *l = *state;
    struct subscriber first, second;
    subscriber_begin(&first, l, FANOUT_ARN("a"), 0, fanout_from_start);
    clock_manual_advance_ms(&l->clock, 5000);
    subscriber_begin(&second, l, FANOUT_ARN("a"), 0, fanout_from_start);
    subscriber_close(&first); /* the message is still on its way */
    fanout_put_many(l, 0, 1);
    fanout_expect_only(&second, 0, 1);
    subscriber_close(&second);
}

/* ---- ends ---- */

static void expect_children(struct subscriber *s, const char *const ids[], size_t count)
{
    json_t *event = subscriber_event(s);
    assert_non_null(event);
    assert_int_equal(json_array_size(fanout_records(event)), 0);
    assert_null(json_object_get(event, "ContinuationSequenceNumber"));
    const json_t *children = json_object_get(event, "ChildShards");
    assert_int_equal(json_array_size(children), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *child = json_array_get(children, i);
        assert_string_equal(json_string_value(json_object_get(child, "ShardId")), ids[i]);
        assert_non_null(json_object_get(child, "HashKeyRange"));
        assert_int_equal(json_array_size(json_object_get(child, "ParentShards")),
                         count == 1 ? 2 : 1);
    }
    json_decref(event);
    subscriber_expect_end(s); /* U5 */
}

static void a_split_and_a_merge_end_subscriptions_with_the_children(void **state)
{
    struct loopback *l = *state;
    struct subscriber waiting, late, child;
    subscriber_begin(&waiting, l, FANOUT_ARN("a"), 0, fanout_from_start);
    fanout_put_many(l, 0, 2);
    fanout_expect_only(&waiting, 0, 2);
    answer_empty(l, "SplitShard",
                 "{\"StreamName\":\"s\",\"ShardToSplit\":\"shardId-000000000000\","
                 "\"NewStartingHashKey\":\"170141183460469231731687303715884105728\"}");
    static const char *const halves[] = {"shardId-000000000001", "shardId-000000000002"};
    expect_children(&waiting, halves, 2);
    subscriber_close(&waiting);
    subscriber_begin(&late, l, FANOUT_ARN("a"), 0,
                     fanout_from_start); /* after the fact: records first */
    mem_free(fanout_expect(&late, 0, 2));
    expect_children(&late, halves, 2);
    subscriber_close(&late);
    subscriber_begin(&late, l, FANOUT_ARN("b"), 0, fanout_from_now);
    expect_children(&late, halves, 2);
    subscriber_close(&late);
    subscriber_begin(&child, l, FANOUT_ARN("a"), 1, fanout_from_start);
    answer_empty(l, "MergeShards",
                 "{\"StreamName\":\"s\",\"ShardToMerge\":\"shardId-000000000001\","
                 "\"AdjacentShardToMerge\":\"shardId-000000000002\"}");
    static const char *const whole[] = {"shardId-000000000003"};
    expect_children(&child, whole, 1);
    subscriber_close(&child);
}

static void a_deregistered_consumer_s_subscription_ends_and_others_go_on(void **state)
{
    struct loopback *l = *state;
    struct subscriber gone, stays;
    subscriber_begin(&gone, l, FANOUT_ARN("a"), 0, fanout_from_start);
    subscriber_begin(&stays, l, FANOUT_ARN("b"), 0, fanout_from_start);
    answer_empty(l, "DeregisterStreamConsumer", "{\"ConsumerARN\":\"" FANOUT_ARN("a") "\"}");
    subscriber_expect_exception(&gone, "ResourceNotFoundException",
                                "Consumer a under stream s not found for account 000000000000.");
    fanout_put_many(l, 0, 1);
    fanout_expect_only(&stays, 0, 1);
    subscriber_close(&gone);
    subscriber_close(&stays);
}

static void a_deleted_stream_ends_its_subscriptions(void **state)
{
    struct loopback *l = *state;
    struct subscriber one, other;
    fanout_put_many(l, 0, 2);
    subscriber_begin(&one, l, FANOUT_ARN("a"), 0, fanout_from_now);
    subscriber_begin(&other, l, FANOUT_ARN("b"), 0, fanout_from_start);
    assert_false(subscriber_poll(&other));
    fanout_taste(&other, 10);
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\",\"EnforceConsumerDeletion\":true}");
    static const char text[] = "Stream s under account 000000000000 not found.";
    subscriber_expect_exception(&one, "ResourceNotFoundException", text);
    mem_free(fanout_expect(&other, 0, 2)); /* an event that was begun is whole */
    subscriber_expect_exception(&other, "ResourceNotFoundException", text);
    subscriber_close(&one);
    subscriber_close(&other);
}

static void damage_is_an_exception_within_the_stream_and_a_busy_disk_is_waited_for(void **state)
{
    struct loopback *l = *state;
    struct subscriber s;
    fanout_put_many(l, 0, 2);
    log_memory_refuse_reads(l->service.logs, THROTTLED);
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    assert_false(subscriber_poll(&s));
    log_memory_refuse_reads(l->service.logs, OK);
    fanout_expect_only(&s, 0, 2);
    log_memory_refuse_reads(l->service.logs, CORRUPT);
    fanout_put_many(l, 2, 1);
    subscriber_expect_exception(&s, "InternalFailureException",
                                "The records of the shard cannot be read.");
    subscriber_close(&s);
}

static void what_is_wrong_before_it_begins_is_an_ordinary_exception(void **state)
{
    struct loopback *l = *state;
    char *number = fanout_put(l, 0);
    char text[1024];
    answer_fails(
        l, "SubscribeToShard",
        "{\"ConsumerARN\":\"" FANOUT_ARN("x") "\",\"ShardId\":\"0\","
                                              "\"StartingPosition\":{\"Type\":\"LATEST\"}}",
        "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Consumer x under stream "
        "s not found for account 000000000000.\"}");
    answer_fails(
        l, "SubscribeToShard",
        "{\"ConsumerARN\":\"" FANOUT_ARN("a") "\",\"ShardId\":\"shardId-7\","
                                              "\"StartingPosition\":{\"Type\":\"LATEST\"}}",
        "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Shard "
        "shardId-000000000007 in stream s under account 000000000000 does not exist\"}");
    answer_fails(
        l, "SubscribeToShard",
        "{\"ConsumerARN\":\"" FANOUT_ARN("a") "\",\"ShardId\":\"0\","
                                              "\"StartingPosition\":{\"Type\":\"AT_TIMESTAMP\"}}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"Must specify "
        "timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request "
        "has no timestamp parameter.\"}");
    number[55] = number[55] == '1' ? '3' : '1'; /* its version */
    char json[512];
    snprintf(
        json, sizeof(json),
        "{\"ConsumerARN\":\"" FANOUT_ARN("a") "\",\"ShardId\":\"0\",\"StartingPosition\":{\"Type\":"
                                              "\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"%s\"}}",
        number);
    snprintf(
        text, sizeof(text),
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"StartingSequenceNumber %s used "
        "in SubscribeToShard on shard shardId-000000000000 in stream s under account "
        "000000000000 is invalid.\"}",
        number);
    answer_fails(l, "SubscribeToShard", json, text);
    mem_free(number);
}

static void who_leaves_while_his_records_are_read_is_forgotten(void **state)
{
    struct loopback *l = *state;
    fanout_put_many(l, 0, 3);
    struct subscriber s;
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    assert_false(subscriber_poll(&s)); /* asked for, and the answer is on its way */
    assert_false(s.call.ready);
    subscriber_close(&s);
    subscriber_begin(&s, l, FANOUT_ARN("a"), 0, fanout_from_start);
    fanout_expect_only(&s, 0, 3);
    subscriber_close(&s);
}

/* ---- CBOR ---- */

static void a_cbor_request_gets_events_in_cbor(void **state)
{
    struct loopback *l = *state;
    struct kinesis_starting_position position = {.type = BYTES_LITERAL("TRIM_HORIZON")};
    struct kinesis_subscribe_to_shard_input in = {.consumer_arn = bytes_text(FANOUT_ARN("a")),
                                                  .shard_id = BYTES_LITERAL("0"),
                                                  .starting_position = &position};
    struct subscriber s = {0}, json;
    struct buf body;
    buf_init(&body, 4096);
    buf_init(&s.got, 1 << 20);
    cbor_encode(&shape_kinesis_subscribe_to_shard_input, &in, &body);
    fanout_put_many(l, 0, 1);
    subscriber_begin(&json, l, FANOUT_ARN("b"), 0, fanout_from_start);
    call_start_as(&s.call, l, "SubscribeToShard", "application/x-amz-cbor-1.1", buf_view(&body));
    call_wait(&s.call);
    assert_int_equal(s.call.status, 200);
    assert_true(subscriber_wait(&s));
    assert_string_equal(s.kind, "initial-response");
    assert_true(subscriber_wait(&s));
    struct kinesis_subscribe_to_shard_event event;
    struct arena arena;
    struct fault f;
    arena_init(&arena, 1 << 20);
    uint8_t *copy = arena_take(&arena, s.raw.len);
    memcpy(copy, s.raw.at, s.raw.len);
    assert_int_equal(
        cbor_decode(&shape_kinesis_subscribe_to_shard_event, copy, s.raw.len, &arena, &event, &f),
        OK);
    assert_int_equal(event.records.count, 1);
    assert_true(bytes_equal(event.records.at[0].data, BYTES_LITERAL("hello")));
    assert_int_equal(event.records.at[0].approximate_arrival_timestamp.value, 1700000000000);
    fanout_expect_only(&json, 0, 1); /* each gets his own */
    arena_fini(&arena);
    buf_fini(&body);
    subscriber_close(&s);
    subscriber_close(&json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fanout_open, fanout_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_comes_and_then_what_is_put),
        TEST(an_event_is_not_sent_before_its_records_are_durable),
        TEST(a_subscription_begins_at_each_of_the_five_positions),
        TEST(events_are_bounded_in_bytes_and_large_records_come_alone),
        TEST(what_is_past_retention_is_not_pushed),
        TEST(milliseconds_behind_are_those_to_the_last_record_given),
        TEST(an_idle_subscription_hears_every_five_seconds_how_far_it_is),
        TEST(the_first_empty_event_is_before_the_first_record),
        TEST(a_subscription_lives_for_five_minutes),
        TEST(the_second_of_a_consumer_is_refused_at_first_and_then_takes_over),
        TEST(who_leaves_while_he_is_ousted_is_forgotten_once),
        TEST(a_split_and_a_merge_end_subscriptions_with_the_children),
        TEST(a_deregistered_consumer_s_subscription_ends_and_others_go_on),
        TEST(a_deleted_stream_ends_its_subscriptions),
        TEST(damage_is_an_exception_within_the_stream_and_a_busy_disk_is_waited_for),
        TEST(what_is_wrong_before_it_begins_is_an_ordinary_exception),
        TEST(who_leaves_while_his_records_are_read_is_forgotten),
        TEST(a_cbor_request_gets_events_in_cbor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
