/* process_transform_bounds_test.c: how many calls of a transform there are at once, how large they are, and what they leave behind. */
#include "unit/delivery/transform_fixture.h"

static unsigned calls_awaited;
static void stop_when_asked(struct loop_timer *t)
{
    if (far_requests(&far) < calls_awaited)
        loop_timer_set(batches_loop, t, 10);
    else
        loop_stop(batches_loop);
}

static pthread_mutex_t seen = PTHREAD_MUTEX_INITIALIZER; /* calls come side by side */
static size_t largest_body;
static enum far_next measure(struct far_request *r)
{
    pthread_mutex_lock(&seen);
    largest_body = r->body.len > largest_body ? r->body.len : largest_body;
    pthread_mutex_unlock(&seen);
    /* not answer_each: strstr under ASan looks at all that is left, each time */
    struct bytes mark = BYTES_LITERAL("recordId\":\"");
    struct buf out;
    buf_init(&out, MIB(8));
    buf_append_text(&out, "{\"records\":[");
    for (size_t at = 0; at + mark.len < r->body.len; at++)
        if (r->body.at[at] == 'r' && memcmp(r->body.at + at, mark.at, mark.len) == 0)
            buf_printf(&out, "%s{\"recordId\":\"%.30s\",\"result\":\"Ok\",\"data\":\"eA==\"}",
                       out.len > 12 ? "," : "", (const char *)r->body.at + at + mark.len);
    buf_append(&out, bytes_of("]}", 3));
    far_answer(r, 200, "application/json", (const char *)out.at);
    buf_fini(&out);
    return FAR_KEEP;
}

static enum far_next answer_with_large_nonsense(struct far_request *r)
{
    size_t len = 2000000;
    char *text = mem_must(len + 1);
    memset(text, '[', len);
    far_answer(r, 200, "application/json", text);
    mem_free(text);
    return FAR_KEEP;
}

/* Calls of one batch each, none of which is answered: how many were made? */
static unsigned calls_at_once(const char *config, unsigned expected)
{
    enum { BATCHES = 12 };
    struct process_batch b[BATCHES];
    begin_http(hang, config);
    for (int i = 0; i < BATCHES; i++)
        batch_begin(&chain, &b[i], records, RECORDS);
    struct loop_timer look = {.fire = stop_when_asked};
    calls_awaited = expected;
    loop_timer_set(chain.loop, &look, 10);
    loop_run(chain.loop);
    loop_timer_set(chain.loop, &look, 100); /* and no more come */
    loop_run(chain.loop);
    unsigned seen_calls = far_requests(&far);
    process_free(chain.process);
    chain.process = NULL;
    batches_under_way = 0;
    for (int i = 0; i < BATCHES; i++)
        batch_free(&b[i]);
    chain_close(&chain);
    transforms_close(transforms);
    transforms = NULL;
    far_close(&far);
    far_init(&far);
    return seen_calls;
}

static void calls_at_once_are_as_many_as_aws_makes(void **state)
{
    (void)state;
    assert_int_equal(calls_at_once(LAMBDA(""), 5), 5);
    assert_int_equal(
        calls_at_once(
            "{\"DeliveryStreamName\":\"d\",\"SplunkDestinationConfiguration\":{"
            "\"HECEndpoint\":\"https://x\",\"HECEndpointType\":\"Raw\",\"HECToken\":\"t\","
            "\"S3Configuration\":{\"RoleARN\":\"r\",\"BucketARN\":\"arn:aws:s3:::b\"},"
            "\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" PROCESSOR(
                "Lambda", PARAMETER("LambdaArn", ARN)) "]}}}",
            10),
        10);
}

enum { TINY = 30000 };

/* Their ids and metadata are 400 bytes each: more than a request may have, of no data at all. */
static void many_tiny_records_go_in_requests_that_lambda_takes(void **state)
{
    (void)state;
    struct process_record *tiny = mem_must(TINY * sizeof(*tiny));
    struct process_batch b;
    for (unsigned i = 0; i < TINY; i++)
        tiny[i] = (struct process_record){
            .offset = i,
            .data = BYTES_LITERAL("x"),
            .key =
                BYTES_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
            .sequence = BYTES_LITERAL("49590338271490256608559692538361571095921575989136588898"),
            .shard_id = BYTES_LITERAL("shardId-000000000000")};
    largest_body = 0;
    begin_http(measure, LAMBDA(NO_RETRY));
    batch_begin(&chain, &b, tiny, TINY);
    batches_wait(&chain);
    assert_int_equal(b.status, OK);
    assert_int_equal(b.result_count, TINY);
    for (unsigned i = 0; i < TINY; i++) {
        assert_int_equal(b.results[i].offset, i);
        assert_int_equal(b.results[i].channel, OUTPUT_MAIN);
    }
    assert_true(far_requests(&far) >= 2);
    assert_in_range(largest_body, 4000000, TRANSFORM_BODY_BYTES_MAX);
    batch_free(&b);
    mem_free(tiny);
}

static void an_attempt_that_fails_takes_no_memory_of_the_batch(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_with_large_nonsense, LAMBDA(NO_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.JsonProcessingException", 1);
    assert_in_range(b.arena.used, 0, 100000);
    batch_free(&b);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        RUN(calls_at_once_are_as_many_as_aws_makes),
        RUN(many_tiny_records_go_in_requests_that_lambda_takes),
        RUN(an_attempt_that_fails_takes_no_memory_of_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
