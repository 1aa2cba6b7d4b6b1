/* destination_http_test.c: an endpoint that checks every rule of the specification for requests, and one that breaks each rule for answers. */
/* link: -Wl,--wrap=http_body_write */
#include "unit/delivery/post_fixture.h"

#include "delivery/http_body.h"

#include <zlib.h>

#define S3                                                                                         \
    "\"S3Configuration\":{\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":"         \
    "\"arn:aws:s3:::b\"}"

static char config[8192];

/* A configuration with that URL, retried for so long; `more` is within the destination. */
static const char *config_with(const char *url, unsigned retry_s, const char *more)
{
    snprintf(config, sizeof(config),
             "{\"DeliveryStreamName\":\"d\",\"HttpEndpointDestinationConfiguration\":{"
             "\"EndpointConfiguration\":{\"Url\":\"%s\",\"AccessKey\":\"s3cr3t-key\"},"
             "\"RetryOptions\":{\"DurationInSeconds\":%u}%s," S3 "}}",
             url, retry_s, more);
    return config;
}

static void open_endpoint(enum far_next (*handle)(struct far_request *), unsigned retry_s,
                          const char *more)
{
    far.handle = handle;
    far_open(&far);
    begin(&destination_http, config_with(far_url(&far, "/in?a=b"), retry_s, more));
}

static void say_yes(struct far_request *r)
{
    char id[64], body[256];
    far_header(r, "X-Amz-Firehose-Request-Id", id, sizeof(id));
    snprintf(body, sizeof(body), "{\"requestId\":\"%s\",\"timestamp\":1700000000000}", id);
    far_answer(r, 200, "application/json", body);
}

static enum far_next yes(struct far_request *r)
{
    say_yes(r);
    return FAR_KEEP;
}

/* ---- requests */

static char seen_body[4096], seen_attributes[1024];

static void assert_header(struct far_request *r, const char *name, const char *value)
{
    char got[1024];
    if (far_header(r, name, got, sizeof(got)) != (value != NULL) ||
        (value != NULL && strcmp(got, value) != 0))
        die("%s: '%s', not '%s'", name, got,
            value != NULL ? value : "(none)"); /* not the test's thread */
}

static enum far_next check_request(struct far_request *r)
{
    char length[32];
    bool gzip = r->far->arg != NULL;
    snprintf(length, sizeof(length), "%zu", r->body.len);
    assert_header(r, "X-Amz-Firehose-Protocol-Version", "1.0");
    assert_header(r, "X-Amz-Firehose-Request-Id", "ed4acda5-034f-9f42-bba1-f29aea6d7d8f");
    assert_header(r, "X-Amz-Firehose-Source-Arn",
                  "arn:aws:firehose:eu-west-1:000000000000:deliverystream/d");
    assert_header(r, "X-Amz-Firehose-Access-Key", "s3cr3t-key");
    assert_header(r, "Content-Type", "application/json");
    assert_header(r, "Content-Encoding", gzip ? "gzip" : NULL);
    assert_header(r, "Content-Length", length);
    assert_header(r, "Transfer-Encoding", NULL);
    assert_header(r, "Expect", NULL);
    far_header(r, "X-Amz-Firehose-Common-Attributes", seen_attributes, sizeof(seen_attributes));
    if (strcmp(r->method, "POST") != 0 || strcmp(r->target, "/in?a=b") != 0)
        die("%s %s", r->method, r->target);
    if (gzip) {
        z_stream z = {.next_in = (uint8_t *)(uintptr_t)r->body.at,
                      .avail_in = (unsigned)r->body.len,
                      .next_out = (uint8_t *)seen_body,
                      .avail_out = sizeof(seen_body) - 1};
        if (inflateInit2(&z, 15 + 16) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
            die("not gzip");
        inflateEnd(&z);
        seen_body[z.total_out] = '\0';
    } else {
        snprintf(seen_body, sizeof(seen_body), "%.*s", BYTES_ARGS(r->body));
    }
    say_yes(r);
    return FAR_KEEP;
}

static const char expected_body[] =
    "{\"requestId\":\"ed4acda5-034f-9f42-bba1-f29aea6d7d8f\",\"timestamp\":1700000000000,"
    "\"records\":[{\"data\":\"b25lCg==\"},{\"data\":\"dHdvCg==\"},{\"data\":\"dGhyZWUK\"}]}";

static void a_request_keeps_every_rule(void **state)
{
    (void)state;
    open_endpoint(check_request, 0, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 1);
    assert_int_equal(parcel.ended_ms, 1700000000000);
    assert_string_equal(seen_body, expected_body);
    assert_string_equal(seen_attributes, "");
}

static void gzip_and_common_attributes_on_request(void **state)
{
    (void)state;
    far.arg = &far;
    open_endpoint(check_request, 0,
                  ",\"RequestConfiguration\":{\"ContentEncoding\":\"GZIP\",\"CommonAttributes\":["
                  "{\"AttributeName\":\"a\",\"AttributeValue\":\"1\"},"
                  "{\"AttributeName\":\"b\\\"\",\"AttributeValue\":\"x\\ny\"}]}");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_string_equal(seen_body, expected_body);
    assert_string_equal(seen_attributes,
                        "{\"commonAttributes\":{\"a\":\"1\",\"b\\\"\":\"x\\ny\"}}");
}

/* ---- answers that are none */

struct bad {
    const char *what, *code, *words;
};

static _Atomic(const struct bad *) mood;

static enum far_next misbehave(struct far_request *r)
{
    const char *what = atomic_load(&mood)->what;
    const char id[] = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f";
    char good[128];
    snprintf(good, sizeof(good), "{\"requestId\":\"%s\",\"timestamp\":1}", id);
    if (strcmp(what, "cut") == 0)
        return FAR_RESET;
    if (strcmp(what, "half") == 0) {
        far_printf(
            r, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{");
        return FAR_CLOSE;
    }
    if (strcmp(what, "nonsense") == 0) {
        far_printf(r, "220 mail.example ESMTP\r\n");
        return FAR_CLOSE;
    }
    if (strcmp(what, "encoding") == 0)
        far_printf(r,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: "
                   "identity\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(good), good);
    else if (strcmp(what, "chunked") == 0)
        far_printf(r,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                   strlen(good), good);
    else if (strcmp(what, "redirect") == 0)
        far_printf(r, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(what, "large") == 0)
        far_printf(r,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                   "1048577\r\n\r\n%1048577s",
                   good);
    else if (strcmp(what, "type") == 0)
        far_answer(r, 200, "application/json; charset=utf-8", good);
    else if (strcmp(what, "string") == 0)
        far_answer(r, 200, "application/json",
                   "{\"requestId\":\"ed4acda5-034f-9f42-bba1-f29aea6d7d8f\",\"timestamp\":\"1\"}");
    else if (strcmp(what, "id") == 0)
        far_answer(r, 200, "application/json", "{\"requestId\":\"other\",\"timestamp\":1}");
    else if (strcmp(what, "leak") == 0)
        far_answer(r, 400, "text/plain", "bad key s3cr3t-key");
    else if (what[0] == '{' || what[0] == '[')
        far_answer(r, 200, "application/json", what);
    else
        far_answer(r, (int)strtol(what, NULL, 10), "application/json",
                   strcmp(what, "500") == 0 ? "{\"errorMessage\":\"Unauthorized\"}" : good);
    return FAR_KEEP;
}

#define INVALID "HttpEndpoint.InvalidResponseFromDestination"
#define SAID    "Received the following response from the endpoint destination. "
static const struct bad bads[] = {
    {"500", "HttpEndpoint.DestinationException", SAID "{\"errorMessage\":\"Unauthorized\"}"},
    {"201", "HttpEndpoint.DestinationException", SAID},
    {"204", "HttpEndpoint.DestinationException", SAID "HTTP status 204"},
    {"404", "HttpEndpoint.DestinationException", SAID},
    {"429", "HttpEndpoint.DestinationException", SAID},
    {"redirect", "HttpEndpoint.DestinationException", SAID "HTTP status 302"},
    {"leak", "HttpEndpoint.DestinationException", SAID "HTTP status 400"},
    {"type", INVALID, "Content-Type"},
    {"encoding", INVALID, "Content-Encoding"},
    {"chunked", INVALID, "Content-Length"},
    {"string", INVALID, "timestamp"},
    {"id", INVALID, "requestId"},
    {"{", INVALID, "JSON"},
    {"[]", INVALID, "JSON"},
    {"{}", INVALID, "requestId"},
    {"nonsense", INVALID, "invalid"},
    {"large", "HttpEndpoint.ResponseTooLarge", "too large"},
    {"cut", "HttpEndpoint.ConnectionReset", "maintain connection"},
    {"half", "HttpEndpoint.ConnectionReset", "maintain connection"},
};

static void what_breaks_a_rule_is_no_answer(void **state)
{
    (void)state;
    open_endpoint(misbehave, 0, "");
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        atomic_store(&mood, &bads[i]);
        dones = 0;
        send_it();
        if (parcel.outcome != PARCEL_REFUSED || strcmp(parcel.code, bads[i].code) != 0)
            fail_msg("%s: %d %s", bads[i].what, parcel.outcome, parcel.code);
        assert_refused(PARCEL_REFUSED, bads[i].code, bads[i].words);
        assert_null(strstr(parcel.fault.text, "s3cr3t")); /* F7 */
        char last[DELIVERY_ERROR_BYTES];
        delivery_last_error(delivery, last);
        assert_true(strlen(last) > 10);
        assert_int_equal(parcel.attempts, 1);
    }
    assert_int_equal(wait_count, 0);
}

static enum far_next too_large(struct far_request *r)
{
    far_answer(r, 413, "text/plain", "too large");
    return FAR_KEEP;
}

static void a_413_is_the_end_of_it(void **state)
{
    (void)state;
    open_endpoint(too_large, 300, "");
    send_it();
    assert_refused(PARCEL_GONE, "HttpEndpoint.DestinationException", "too large");
    assert_int_equal(parcel.attempts, 1);
}

static bool refuse_unread(struct far_request *r, enum far_next *next)
{
    far_printf(r, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    *next = FAR_CLOSE;
    return true;
}

static void a_413_before_the_body_was_read(void **state)
{
    (void)state;
    far.before_body = refuse_unread;
    open_endpoint(yes, 0, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_GONE);
}

static enum far_next say_nothing(struct far_request *r)
{
    (void)r;
    return FAR_HANG;
}

static void jump_three_minutes(struct loop_timer *t)
{
    (void)t;
    far_wait_requests(&far, 1);
    jumped_us += 180000000;
}

static void three_minutes_without_an_answer(void **state)
{
    (void)state;
    open_endpoint(say_nothing, 0, "");
    struct loop_timer timer = {.fire = jump_three_minutes};
    loop_timer_set(loop, &timer, 50);
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.RequestTimeout", "timed out");
}

static void nobody_there(void **state)
{
    (void)state;
    open_endpoint(yes, 0, "");
    struct delivery_view *other =
        delivery_view_of(config_with("http://127.0.0.1:1/", 0, ""), 2, false);
    delivery_publish(delivery, other);
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.ConnectionFailed", "connect");
}

static void a_certificate_that_nobody_vouches_for(void **state)
{
    (void)state;
    struct web *trusting_none;
    far.tls = true;
    open_endpoint(yes, 0, "");
    assert_int_equal(
        web_new(&(struct web_settings){.loop = loop, .ca_file = ""}, &trusting_none, NULL), OK);
    ((struct post_side *)destination)->settings.web = trusting_none;
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.SSLHandshakeFailure", "SSL");
    web_free(trusting_none);
}

static void tls_that_is_trusted(void **state)
{
    (void)state;
    far.tls = true;
    open_endpoint(check_request, 0, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
}

static void plain_http_only_by_the_switch(void **state)
{
    (void)state;
    open_endpoint(yes, 0, "");
    engine.http_endpoint_plain = false;
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.ConnectionFailed", "not https");
    delivery_publish(delivery,
                     delivery_view_of(config_with("https://127.0.0.1:444/", 0, ""), 2, false));
    dones = 0;
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.ConnectionFailed", "443");
    assert_int_equal(far_requests(&far), 0);
}

/* ---- trying again */

static char ids[WAITS_MAX][64];

static enum far_next fail_first(struct far_request *r)
{
    far_header(r, "X-Amz-Firehose-Request-Id", ids[r->number], sizeof(ids[0]));
    if (r->number < (uintptr_t)r->far->arg) {
        far_answer(r, 503, "text/plain", "busy");
        return FAR_KEEP;
    }
    say_yes(r);
    return FAR_KEEP;
}

static void a_failure_is_tried_again_under_the_same_id(void **state)
{
    (void)state;
    far.arg = (void *)(uintptr_t)9;
    open_endpoint(fail_first, 7200, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 10);
    assert_int_equal(wait_count, 9);
    assert_backoff(0, 9);
    for (unsigned i = 0; i < 10; i++)
        assert_string_equal(ids[i], parcel.name);
    char last[DELIVERY_ERROR_BYTES];
    delivery_last_error(delivery, last);
    assert_string_equal(last, "");
}

static void the_clock_runs_from_the_first_failure(void **state)
{
    (void)state;
    far.arg = (void *)(uintptr_t)1000;
    open_endpoint(fail_first, 60, "");
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.DestinationException", "busy");
    uint64_t waited = 0, before_the_last = 0;
    for (unsigned i = 0; i < wait_count; i++) {
        before_the_last = waited;
        waited += waits_ms[i];
    }
    /* 1 + 2 + 4 + 8 + 16 + 32 s, or with luck one more: the wait that began before the minute was over is waited to its end */
    assert_true(before_the_last < 60000 && waited >= 60000);
    assert_int_equal(parcel.attempts, wait_count + 1);
}

static void publish_good_url(void)
{
    on_wait = NULL;
    delivery_publish(delivery,
                     delivery_view_of(config_with(far_url(&far, "/good"), 7200, ""), 2, false));
}

static enum far_next only_good(struct far_request *r)
{
    if (strcmp(r->target, "/good") == 0)
        return yes(r);
    far_answer(r, 404, "text/plain", "");
    return FAR_KEEP;
}

static void an_update_helps_a_parcel_on_its_way(void **state)
{
    (void)state;
    open_endpoint(only_good, 7200, "");
    on_wait = publish_good_url;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 2);
}

static void close_it(struct loop_timer *t)
{
    (void)t;
    far_wait_requests(&far, 1);
    destination->ops->close(destination);
    destination = NULL;
}

static void the_end_of_the_lane_stops_what_is_under_way(void **state)
{
    (void)state;
    open_endpoint(say_nothing, 300, "");
    struct loop_timer timer = {.fire = close_it};
    loop_timer_set(loop, &timer, 50);
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_STOPPED);
}

static void close_in_wait(void)
{
    on_wait = NULL;
    jumped_us += 100000; /* not the end of the wait */
}

static void the_end_of_the_lane_stops_a_wait(void **state)
{
    (void)state;
    far.arg = (void *)(uintptr_t)1000;
    open_endpoint(fail_first, 300, "");
    on_wait = close_in_wait;
    struct loop_timer timer = {.fire = close_it};
    loop_timer_set(loop, &timer, 500);
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_STOPPED);
}

enum status __real_http_body_write(const struct parcel *p, uint64_t now_ms, bool gzip,
                                   struct buf *out, struct fault *f);
enum status __wrap_http_body_write(const struct parcel *p, uint64_t now_ms, bool gzip,
                                   struct buf *out, struct fault *f);
static unsigned without_memory;
enum status __wrap_http_body_write(const struct parcel *p, uint64_t now_ms, bool gzip,
                                   struct buf *out, struct fault *f)
{
    if (without_memory == 0)
        return __real_http_body_write(p, now_ms, gzip, out, f);
    without_memory--;
    return fault_set(f, NO_MEMORY, "no memory for a request");
}

static void no_memory_is_not_the_far_sides_failure(void **state)
{
    (void)state;
    open_endpoint(yes, 0, ""); /* without any retry */
    without_memory = 3;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 1);
    assert_int_equal(wait_count, 3);
}

static void what_cannot_be_sent_is_not_tried_again(void **state)
{
    (void)state;
    begin(&destination_http, config_with("http://a@b/", 300, ""));
    send_it();
    assert_refused(PARCEL_REFUSED, "HttpEndpoint.ConnectionFailed", "not of the form");
    assert_int_equal(parcel.attempts, 1);
    assert_int_equal(wait_count, 0);
}

/* A buffer of 64 MiB and, in its last record, 16 more that a record may decompress to. */
static void a_parcel_may_be_as_large_as_an_output_makes_it(void **state)
{
    (void)state;
    size_t large = MIB(80);
    uint8_t *data = mem_must(large);
    open_endpoint(yes, 0, "");
    records[0].len = large;
    parcel.body = bytes_of(data, large);
    parcel.record_count = 1;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    mem_free(data);
}

int main(void)
{
    far_prepare_process();
    static const struct CMUnitTest tests[] = {
        TEST(a_request_keeps_every_rule),
        TEST(gzip_and_common_attributes_on_request),
        TEST(what_breaks_a_rule_is_no_answer),
        TEST(a_413_is_the_end_of_it),
        TEST(a_413_before_the_body_was_read),
        TEST(three_minutes_without_an_answer),
        TEST(nobody_there),
        TEST(a_certificate_that_nobody_vouches_for),
        TEST(tls_that_is_trusted),
        TEST(plain_http_only_by_the_switch),
        TEST(a_failure_is_tried_again_under_the_same_id),
        TEST(the_clock_runs_from_the_first_failure),
        TEST(an_update_helps_a_parcel_on_its_way),
        TEST(the_end_of_the_lane_stops_what_is_under_way),
        TEST(the_end_of_the_lane_stops_a_wait),
        TEST(no_memory_is_not_the_far_sides_failure),
        TEST(what_cannot_be_sent_is_not_tried_again),
        TEST(a_parcel_may_be_as_large_as_an_output_makes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
