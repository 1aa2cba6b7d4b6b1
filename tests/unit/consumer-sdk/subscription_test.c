/* subscription_test.c: streams of events that end in every way that there is. */
#include "unit/consumer-sdk/call_fixture.h"

#include "base/limits.h"
#include "base/mem.h"
#include "wire/event_stream.h"

/* The answer, written by the far side in pieces of `piece` bytes (0: at once), then `then`. */
static struct buf frames;
static size_t piece;
static enum far_next then;

static enum far_next stream(struct far_request *r)
{
    struct bytes all = buf_view(&frames);
    far_printf(r, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                  "x-amzn-RequestId: the-id\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (all.len > 0) {
        size_t len = piece > 0 && piece < all.len ? piece : all.len;
        far_printf(r, "%zx\r\n", len);
        far_write(r, bytes_of(all.at, len));
        far_printf(r, "\r\n");
        all = bytes_of(all.at + len, all.len - len);
    }
    if (then == FAR_KEEP)
        far_printf(r, "0\r\n\r\n");
    return then;
}

static void add_event(const char *type, const char *body)
{
    struct event_stream_frame frame;
    event_stream_begin_event(&frames, &frame, type, "application/json");
    buf_append_text(&frames, body);
    event_stream_end(&frames, &frame);
}

static void add_exception(const char *type, const char *body)
{
    struct event_stream_frame frame;
    event_stream_begin_exception(&frames, &frame, type, "application/json");
    buf_append_text(&frames, body);
    event_stream_end(&frames, &frame);
}

static void add_record(const char *number)
{
    char body[256];
    snprintf(body, sizeof(body),
             "{\"ContinuationSequenceNumber\":\"%s\",\"MillisBehindLatest\":5,\"Records\":[{"
             "\"SequenceNumber\":\"1\",\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}]}",
             number);
    add_event("SubscribeToShardEvent", body);
}

struct told {
    sluice_subscription *subscription;
    unsigned events, ends, pause_at, cancel_at;
    char last[32];
    struct sluice_error end;
};

static void on_event(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event)
{
    struct told *t = context;
    assert_int_equal(t->ends, 0);
    t->events++;
    snprintf(t->last, sizeof(t->last), "%.*s", (int)event->continuation_sequence_number.len,
             (const char *)event->continuation_sequence_number.at);
    for (uint32_t i = 0; i < event->records.count; i++)
        assert_int_equal(event->records.at[i].data.len, 2);
    if (t->events == t->pause_at)
        sluice_subscription_pause(t->subscription, true);
    if (t->events == t->cancel_at)
        sluice_subscription_cancel(t->subscription);
}

static void on_end(void *context, const struct sluice_error *e)
{
    struct told *t = context;
    t->ends++;
    t->end = *e;
}

static sluice_client *client;
static struct told told;

static const struct sluice_kinesis_starting_position from = {
    .type = {(const uint8_t *)"LATEST", 6}};
static const char consumer[] = "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1";
static const struct sluice_kinesis_subscribe_to_shard_input input = {
    .consumer_arn = {(const uint8_t *)consumer, sizeof(consumer) - 1},
    .shard_id = {(const uint8_t *)"shardId-000000000000", 20},
    .starting_position = &from};

static void subscribe(struct sluice_client_options o)
{
    static const struct scripted nothing[] = {{.then = FAR_HANG}};
    static const struct sluice_subscription_events events = {on_event, on_end};
    client = given(nothing, 1, o);
    far.handle = stream;
    unsigned pause_at = told.pause_at, cancel_at = told.cancel_at;
    told = (struct told){.pause_at = pause_at, .cancel_at = cancel_at};
    if (sluice_subscribe(client, &input, sizeof(input), &events, &told, &told.subscription,
                         &error) != SLUICE_OK)
        fail_msg("%s", error.message);
}

static void run_to_end(void)
{
    while (told.ends == 0)
        assert_int_equal(sluice_client_turn(client, -1), SLUICE_OK);
    done_with(client);
    assert_int_equal(told.ends, 1);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&frames, MIB(8));
    piece = 0;
    then = FAR_KEEP;
    told = (struct told){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&frames);
    return 0;
}

static void events_come_however_they_are_cut(void **state)
{
    (void)state;
    add_event("initial-response", "{}");
    add_record("1");
    add_event("SomethingNew", "{\"what\":1}");
    add_record("2");
    static const size_t pieces[] = {0, 1, 7, 100};
    for (size_t i = 0; i < 4; i++) {
        piece = pieces[i];
        subscribe((struct sluice_client_options){0});
        run_to_end();
        assert_int_equal(told.events, 2);
        assert_string_equal(told.last, "2");
        assert_int_equal(told.end.status, SLUICE_END);
        assert_string_equal(told.end.request_id, "the-id");
        assert_false(told.end.retryable);
    }
}

static void an_exception_in_the_stream_ends_it(void **state)
{
    (void)state;
    add_record("1");
    add_exception("InternalFailureException", "{\"message\":\"of ours\"}");
    add_record("2");
    subscribe((struct sluice_client_options){0});
    run_to_end();
    assert_int_equal(told.events, 1);
    assert_int_equal(told.end.status, SLUICE_SERVICE);
    assert_string_equal(told.end.type, "InternalFailureException");
    assert_string_equal(told.end.message, "of ours");
    assert_true(told.end.retryable);
}

static void a_broken_frame_ends_it(void **state)
{
    (void)state;
    add_record("1");
    size_t good = frames.len;
    add_record("2");
    frames.at[frames.len - 1] ^= 1;
    subscribe((struct sluice_client_options){0});
    run_to_end();
    assert_int_equal(told.events, 1);
    assert_int_equal(told.end.status, SLUICE_PROTOCOL);

    frames.len = good;
    add_event("SubscribeToShardEvent", "[]");
    subscribe((struct sluice_client_options){0});
    run_to_end();
    assert_int_equal(told.events, 1);
    assert_int_equal(told.end.status, SLUICE_PROTOCOL);
}

static void half_a_frame_is_a_lost_connection(void **state)
{
    (void)state;
    add_record("1");
    add_record("2");
    frames.len -= 3;
    for (int i = 0; i < 2; i++) {
        then = i == 0 ? FAR_KEEP : FAR_CLOSE; /* in order, and torn off */
        subscribe((struct sluice_client_options){0});
        run_to_end();
        assert_int_equal(told.events, 1);
        assert_int_equal(told.end.status, SLUICE_TRANSPORT);
        assert_int_equal(told.end.http_status, 200); /* there was an answer */
        assert_true(told.end.retryable);
    }
}

static void a_service_that_says_nothing_is_given_up(void **state)
{
    (void)state;
    then = FAR_HANG;
    subscribe((struct sluice_client_options){.attempt_timeout_ms = 50});
    far.handle = play; /* not even a head */
    run_to_end();
    assert_int_equal(told.end.status, SLUICE_TIMED_OUT);
}

static void its_time_ends_with_the_first_event(void **state)
{
    (void)state;
    then = FAR_HANG;
    add_record("1");
    subscribe((struct sluice_client_options){.attempt_timeout_ms = 50});
    while (told.events == 0)
        assert_int_equal(sluice_client_turn(client, -1), SLUICE_OK);
    assert_int_equal(sluice_client_turn(client, 150), SLUICE_OK);
    assert_int_equal(told.ends, 0);
    done_with(client);
    assert_int_equal(told.end.status, SLUICE_CANCELLED);
}

static void what_came_before_the_end_is_told_before_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        frames.len = 0;
        add_record("1");
        add_record("2");
        add_record("3");
        then = i == 0 ? FAR_KEEP : FAR_CLOSE;
        told.pause_at = 1;
        subscribe((struct sluice_client_options){0});
        for (int turns = 0; turns < 20; turns++)
            assert_int_equal(sluice_client_turn(client, 5), SLUICE_OK);
        assert_int_equal(told.events, 1);
        assert_int_equal(told.ends, 0);
        sluice_subscription_pause(told.subscription, false);
        assert_int_equal(told.events, 1);
        run_to_end();
        assert_int_equal(told.events, 3);
        assert_int_equal(told.end.status, i == 0 ? SLUICE_END : SLUICE_TRANSPORT);
    }
}

static void after_a_cancel_nothing_more_is_told(void **state)
{
    (void)state;
    add_record("1");
    add_record("2");
    told.cancel_at = 1;
    subscribe((struct sluice_client_options){0});
    run_to_end();
    assert_int_equal(told.events, 1);
    assert_int_equal(told.end.status, SLUICE_CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(events_come_however_they_are_cut),
        TEST(an_exception_in_the_stream_ends_it),
        TEST(a_broken_frame_ends_it),
        TEST(half_a_frame_is_a_lost_connection),
        TEST(a_service_that_says_nothing_is_given_up),
        TEST(its_time_ends_with_the_first_event),
        TEST(what_came_before_the_end_is_told_before_it),
        TEST(after_a_cancel_nothing_more_is_told),
    };
    far_prepare_process();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
