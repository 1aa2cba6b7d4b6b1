/* destination_splunk_test.c: a small HTTP Event Collector, with indexer acknowledgment, in good and in bad moods. */
#include "unit/delivery/post_fixture.h"

#include "delivery/hec.h"

#define S3                                                                                         \
    "\"S3Configuration\":{\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":"         \
    "\"arn:aws:s3:::b\"}"

static char config[4096];
static _Atomic unsigned events, questions; /* requests of each kind */
static unsigned acks_after; /* questions that are answered with no; fixed before the server opens */
static unsigned fail_events;   /* how many submissions fail */
static const char *fail_with;  /* body of those, with a status before it: "403 {...}" */
static const char *ack_answer; /* instead of HEC's */
static char channels[2][64];

static void open_collector(enum far_next (*handle)(struct far_request *), const char *type,
                           unsigned retry_s)
{
    far.handle = handle;
    far_open(&far);
    snprintf(config, sizeof(config),
             "{\"DeliveryStreamName\":\"d\",\"SplunkDestinationConfiguration\":{"
             "\"HECEndpoint\":\"%s\",\"HECEndpointType\":\"%s\",\"HECToken\":\"s3cr3t-token\","
             "\"HECAcknowledgmentTimeoutInSeconds\":180,"
             "\"RetryOptions\":{\"DurationInSeconds\":%u}," S3 "}}",
             far_url(&far, "/"), type, retry_s);
    begin(&destination_splunk, config);
    events = questions = 0;
    acks_after = fail_events = 0;
    fail_with = ack_answer = NULL;
}

static void check(bool right, const char *what)
{
    if (!right)
        die("%s", what); /* not the test's thread */
}

static void answer_text(struct far_request *r, const char *status_and_body)
{
    far_answer(r, (int)strtol(status_and_body, NULL, 10), "application/json", status_and_body + 4);
}

static void take_events(struct far_request *r)
{
    unsigned number = atomic_fetch_add(&events, 1);
    char body[64];
    check(bytes_equal(r->body, BYTES_LITERAL("one\ntwo\nthree\n")), "body");
    if (number < fail_events) {
        answer_text(r, fail_with);
        return;
    }
    snprintf(body, sizeof(body), "{\"text\":\"Success\",\"code\":0,\"ackId\":%u}", number);
    far_answer(r, 200, "application/json", body);
}

static void answer_question(struct far_request *r)
{
    unsigned number = atomic_fetch_add(&questions, 1);
    char body[64], wanted[64];
    unsigned id = atomic_load(&events) - 1;
    snprintf(wanted, sizeof(wanted), "{\"acks\":[%u]}", id);
    check(bytes_equal(r->body, bytes_text(wanted)), "the id asked for");
    if (ack_answer != NULL) {
        answer_text(r, ack_answer);
        return;
    }
    snprintf(body, sizeof(body), "{\"acks\":{\"%u\":%s}}", id,
             number >= acks_after ? "true" : "false");
    far_answer(r, 200, "application/json", body);
}

static enum far_next collect(struct far_request *r)
{
    char token[64];
    bool question = strcmp(r->target, "/services/collector/ack") == 0;
    check(strcmp(r->method, "POST") == 0, "method");
    far_header(r, "Authorization", token, sizeof(token));
    check(strcmp(token, "Splunk s3cr3t-token") == 0, "token");
    check(far_header(r, "X-Splunk-Request-Channel", channels[question], sizeof(channels[0])),
          "channel");
    if (question)
        answer_question(r);
    else
        take_events(r);
    return FAR_KEEP;
}

static enum far_next collect_raw(struct far_request *r)
{
    check(strcmp(r->target, "/services/collector/raw") == 0 ||
              strcmp(r->target, "/services/collector/ack") == 0,
          "path");
    return collect(r);
}

static enum far_next collect_event(struct far_request *r)
{
    check(strcmp(r->target, "/services/collector/event") == 0 ||
              strcmp(r->target, "/services/collector/ack") == 0,
          "path");
    return collect(r);
}

static void it_has_arrived_when_it_is_acknowledged(void **state)
{
    (void)state;
    open_collector(collect_raw, "Raw", 0);
    acks_after = 5;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 1);
    assert_int_equal(events, 1);
    assert_int_equal(questions, 6);
    assert_string_equal(channels[0], channels[1]);
    assert_int_equal(strlen(channels[0]), UUID_BYTES - 1);
}

static void events_have_their_own_path(void **state)
{
    (void)state;
    open_collector(collect_event, "Event", 0);
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
}

static void no_acknowledgment_in_time(void **state)
{
    (void)state;
    open_collector(collect_raw, "Raw", 0);
    acks_after = UINT32_MAX;
    send_it();
    assert_refused(PARCEL_REFUSED, "Splunk.AckTimeout", "180 s");
    uint64_t waited = 0;
    for (unsigned i = 0; i < wait_count; i++)
        waited += waits_ms[i];
    assert_in_range(waited, 179000, 181000);
}

static void waiting_for_acknowledgment_is_not_retrying(void **state)
{
    (void)state;
    open_collector(collect_raw, "Raw", 60);
    acks_after = UINT32_MAX;
    send_it();
    assert_refused(PARCEL_REFUSED, "Splunk.AckTimeout", "180 s");
    assert_in_range(
        parcel.attempts, 6,
        8); /* a minute of waits of 1, 2, 4 ... s, three minutes of questions between them */
    assert_int_equal(events, parcel.attempts);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *code;
        unsigned attempts; /* 1: for good */
    } rows[] = {
        {"403 {\"text\":\"Invalid token\",\"code\":4}", "Splunk.InvalidToken", 2},
        {"403 {\"text\":\"Token disabled\",\"code\":1}", "Splunk.DisabledToken", 2},
        {"400 {\"text\":\"Invalid data format\",\"code\":6}", "Splunk.InvalidDataFormat", 1},
        {"400 {\"text\":\"Incorrect index\",\"code\":7}", "Splunk.InvalidIndex", 2},
        {"503 {\"text\":\"Server is busy\",\"code\":9}", "Splunk.ServerError", 2},
        {"502 bad gateway", "Splunk.ServerError", 2},
        {"404 not found", "Splunk.InvalidEndpoint", 2},
        {"400 {\"text\":\"ACK is disabled\",\"code\":14}", "Splunk.DisabledAck", 1},
        {"400 {\"text\":\"Data channel is missing\",\"code\":10}",
         "Splunk.ProxyWithoutStickySessions", 2},
        {"200 {\"text\":\"Success\",\"code\":0}", "Splunk.DisabledAck", 1},
        {"200 hello", "Splunk.InvalidEndpoint", 2},
    };
    open_collector(collect_raw, "Raw", 1);
    fail_events = UINT32_MAX;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fail_with = rows[i].answer;
        dones = 0;
        send_it();
        if (parcel.outcome != PARCEL_REFUSED || strcmp(parcel.code, rows[i].code) != 0)
            fail_msg("%s: %d %s", rows[i].answer, parcel.outcome, parcel.code);
        assert_true(rows[i].attempts == 1 ? parcel.attempts == 1 : parcel.attempts > 1);
        assert_null(strstr(parcel.fault.text, "s3cr3t"));
    }
}

static void busy_for_a_while(void **state)
{
    (void)state;
    open_collector(collect_raw, "Raw", 3600);
    fail_events = 4;
    fail_with = "503 {\"text\":\"Server is busy\",\"code\":9}";
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 5);
    assert_backoff(0, 4);
}

static void an_indexer_that_does_not_know_the_channel(void **state)
{
    (void)state;
    open_collector(collect_raw, "Raw", 0);
    ack_answer = "400 {\"text\":\"Invalid data channel\",\"code\":11}";
    send_it();
    assert_refused(PARCEL_REFUSED, "Splunk.ProxyWithoutStickySessions", "Invalid data channel");
}

static enum far_next hang_up(struct far_request *r)
{
    (void)r;
    return FAR_RESET;
}

static void connections_that_fail(void **state)
{
    (void)state;
    open_collector(hang_up, "Raw", 0);
    send_it();
    assert_refused(PARCEL_REFUSED, "Splunk.ConnectionClosed", "127.0.0.1");
}

static void answers_are_read_strictly(void **state)
{
    (void)state;
    struct hec_answer a;
    bool acknowledged;
    assert_int_equal(hec_answer_read(BYTES_LITERAL("[1]"), &a), MALFORMED);
    assert_int_equal(hec_answer_read(BYTES_NONE, &a), MALFORMED);
    assert_int_equal(hec_answer_read(BYTES_LITERAL("{\"ackId\":-1,\"code\":\"0\"}"), &a), OK);
    assert_false(a.has_ack);
    assert_int_equal(a.code, HEC_NO_CODE);
    assert_int_equal(hec_ack_read(BYTES_LITERAL("{\"acks\":{\"7\":true}}"), 7, &acknowledged), OK);
    assert_true(acknowledged);
    assert_int_equal(hec_ack_read(BYTES_LITERAL("{\"acks\":{\"7\":true}}"), 8, &acknowledged),
                     MALFORMED);
    assert_int_equal(hec_ack_read(BYTES_LITERAL("{\"acks\":{\"7\":1}}"), 7, &acknowledged),
                     MALFORMED);
}

int main(void)
{
    far_prepare_process();
    static const struct CMUnitTest tests[] = {
        TEST(it_has_arrived_when_it_is_acknowledged),
        TEST(events_have_their_own_path),
        TEST(no_acknowledgment_in_time),
        TEST(waiting_for_acknowledgment_is_not_retrying),
        TEST(what_is_refused),
        TEST(busy_for_a_while),
        TEST(an_indexer_that_does_not_know_the_channel),
        TEST(connections_that_fail),
        cmocka_unit_test(answers_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
