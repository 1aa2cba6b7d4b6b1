/* call_test.c: what becomes of a call when the service fails, is slow, or talks nonsense. */
#include "base/digest.h"
#include "consumer-sdk/call.h"
#include "consumer-sdk/request.h"
#include "unit/consumer-sdk/call_fixture.h"

#define THROTTLED                                                                                  \
    {                                                                                              \
        400, FAR_KEEP, NULL,                                                                       \
            "{\"__type\":\"com.amazonaws.kinesis.v20131202#ProvisionedThroughputExceededException" \
            "\",\"message\":\"Rate exceeded for shard\"}"                                          \
    }
#define GOOD                                                                                       \
    {                                                                                              \
        200, FAR_KEEP, NULL, STORED                                                                \
    }

/* ---- retries ---- */

static void what_may_pass_is_sent_again(void **state)
{
    (void)state;
    static const struct scripted steps[] = {
        {503, FAR_KEEP, NULL, "<html>busy</html>"}, THROTTLED, GOOD};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_OK);
    assert_int_equal(error.attempts, 3);
    assert_int_equal(far_requests(&far), 3);
    assert_int_equal(c->budget.tokens, 500 - RETRY_COST); /* the last one's cost came back */
    done_with(c);
}

static void attempts_have_an_end(void **state)
{
    (void)state;
    static const struct scripted steps[] = {THROTTLED};
    sluice_client *c = GIVEN(steps, .attempts_max = 4);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_string_equal(error.type, "ProvisionedThroughputExceededException");
    assert_string_equal(error.message, "Rate exceeded for shard");
    assert_string_equal(error.request_id, "the-id");
    assert_true(error.retryable);
    assert_int_equal(error.attempts, 4);
    assert_int_equal(far_requests(&far), 4);
    done_with(c);
}

static void what_will_not_pass_is_not(void **state)
{
    (void)state;
    static const struct scripted steps[] = {
        {400, FAR_KEEP, "x-amzn-ErrorType: ResourceNotFoundException:http://internal/\r\n",
         "{\"Message\":\"no such stream\"}"}};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_string_equal(error.type, "ResourceNotFoundException");
    assert_string_equal(error.message, "no such stream");
    assert_false(error.retryable);
    assert_int_equal(error.attempts, 1);
    done_with(c);
}

static void lost_connections_are_made_again(void **state)
{
    (void)state;
    static const struct scripted steps[] = {{.then = FAR_RESET}, {.then = FAR_CLOSE}, GOOD};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_OK);
    assert_int_equal(error.attempts, 3);
    done_with(c);
}

static void a_service_in_trouble_is_spared(void **state)
{
    (void)state;
    static const struct scripted steps[] = {THROTTLED};
    sluice_client *c = GIVEN(steps, .retry_tokens = 12, .attempts_max = 3);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_int_equal(error.attempts, 3);
    assert_int_equal(put_once(c), SLUICE_SERVICE); /* two tokens are left */
    assert_int_equal(error.attempts, 1);
    assert_true(error.retryable);
    assert_int_equal(far_requests(&far), 4);
    done_with(c);
}

/* ---- time ---- */

static void an_attempt_has_its_time(void **state)
{
    (void)state;
    static const struct scripted steps[] = {{.then = FAR_HANG}, GOOD};
    sluice_client *c = GIVEN(steps, .attempt_timeout_ms = 50);
    assert_int_equal(put_once(c), SLUICE_OK);
    assert_int_equal(error.attempts, 2);
    done_with(c);
}

static void a_call_has_its_time(void **state)
{
    (void)state;
    static const struct scripted steps[] = {{.then = FAR_HANG}};
    sluice_client *c = GIVEN(steps, .timeout_ms = 60);
    assert_int_equal(put_once(c), SLUICE_TIMED_OUT);
    assert_int_equal(error.attempts, 1);
    assert_true(error.retryable);
    done_with(c);
}

static void a_wait_that_would_outlast_the_call_is_not_begun(void **state)
{
    (void)state;
    static const struct scripted steps[] = {THROTTLED};
    sluice_client *c =
        GIVEN(steps, .timeout_ms = 2000, .backoff_ms = 1u << 30, .backoff_max_ms = 1u << 31);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_int_equal(error.attempts, 1);
    done_with(c);
}

static void nobody_listens(void **state)
{
    (void)state;
    static const struct scripted steps[] = {GOOD};
    sluice_client *c = GIVEN(steps);
    far_close(&far);
    assert_int_equal(put_once(c), SLUICE_TRANSPORT);
    assert_int_equal(error.attempts, 3);
    assert_true(error.retryable);
    assert_int_equal(error.http_status, 0);
    sluice_client_free(c);
}

/* ---- nonsense ---- */

static void an_answer_that_is_none_is_a_protocol_error(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "[]", "{\"ShardId\":", "{\"ShardId\":7}", "<html>"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const struct scripted steps[] = {{200, FAR_KEEP, NULL, bodies[i]}};
        sluice_client *c = GIVEN(steps);
        assert_int_equal(put_once(c), SLUICE_PROTOCOL);
        assert_int_equal(error.attempts, 1); /* it was stored, for all we know */
        assert_int_equal(error.http_status, 200);
        done_with(c);
    }
}

static void an_error_without_words_has_its_status(void **state)
{
    (void)state;
    static const struct scripted steps[] = {{403, FAR_KEEP, NULL, "<html>no</html>"}};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_int_equal(error.http_status, 403);
    assert_string_equal(error.type, "");
    assert_string_equal(error.message, "HTTP status 403, and no reason was given");
    done_with(c);
}

/* ---- what is put right ---- */

static void a_clock_that_is_wrong_is_put_right(void **state)
{
    (void)state;
    static const struct scripted steps[] = {
        {403, FAR_KEEP, "Date: Fri, 01 Jan 2100 00:00:10 GMT\r\n",
         "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: 2026 is now "
         "earlier than 2100\"}"},
        GOOD};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_OK);
    assert_int_equal(error.attempts, 2);
    assert_true(saw("X-Amz-Date: 21000101T0000"));
    assert_int_equal(c->budget.tokens, 500);
    done_with(c);
}

static void a_wrong_clock_is_not_put_right_twice(void **state)
{
    (void)state;
    static const struct scripted steps[] = {
        {403, FAR_KEEP, "Date: Fri, 01 Jan 2100 00:00:10 GMT\r\n",
         "{\"__type\":\"RequestTimeTooSkewed\",\"message\":\"no\"}"},
        {403, FAR_KEEP, "Date: Sat, 01 Jan 2050 00:00:10 GMT\r\n",
         "{\"__type\":\"RequestTimeTooSkewed\",\"message\":\"no\"}"},
        GOOD};
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_SERVICE);
    assert_int_equal(error.attempts, 2);
    done_with(c);
}

static unsigned asked;
static const char *changing_key(const char *name)
{
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0)
        return asked++ == 0 ? "AKIDOLD" : "AKIDNEW";
    return strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? "secret" : NULL;
}

static void expired_credentials_are_looked_for_again(void **state)
{
    (void)state;
    static const struct scripted steps[] = {
        {400, FAR_KEEP, NULL, "{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}"},
        GOOD};
    variable = changing_key;
    asked = 0;
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_OK);
    assert_int_equal(error.attempts, 2);
    assert_true(saw("Credential=AKIDNEW/"));
    done_with(c);
}

static const char *no_home(const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static void without_credentials_nothing_is_sent(void **state)
{
    (void)state;
    static const struct scripted steps[] = {GOOD};
    variable = no_home;
    sluice_client *c = GIVEN(steps);
    assert_int_equal(put_once(c), SLUICE_CREDENTIALS);
    assert_non_null(strstr(error.message, "/nonexistent/.aws/credentials"));
    assert_int_equal(far_requests(&far), 0);
    assert_int_equal(sluice_client_calls(c), 0);
    done_with(c);
}

/* ---- corked ---- */

struct ends {
    unsigned good, bad;
    struct sluice_error error; /* the latest */
};

static void count_end(void *context, const void *output, sluice_reply *reply,
                      const struct sluice_error *e)
{
    struct ends *ends = context;
    (void)output;
    *(e->status == SLUICE_OK ? &ends->good : &ends->bad) += 1;
    ends->error = *e;
    sluice_reply_free(reply);
}

/* Starts so many between cork and uncork; nothing of theirs is told before the client turns. */
static void start_corked(sluice_client *c, unsigned count, struct ends *ends)
{
    calls_cork(c);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(
            sluice_kinesis_put_record_start(c, &a_put, NULL, count_end, ends, NULL, &error),
            SLUICE_OK);
    calls_uncork(c);
    assert_int_equal(sluice_client_calls(c), count);
    assert_int_equal(ends->good + ends->bad, 0);
    while (ends->good + ends->bad < count)
        assert_int_equal(sluice_client_turn(c, 10000), SLUICE_OK);
    assert_int_equal(sluice_client_calls(c), 0);
}

static void corked_calls_all_go(void **state)
{
    (void)state;
    static const struct scripted steps[] = {GOOD};
    for (unsigned count = 0; count <= 5; count++) {
        sluice_client *c = GIVEN(steps);
        struct ends ends = {0};
        start_corked(c, count, &ends);
        assert_int_equal(ends.good, count);
        assert_int_equal(far_requests(&far), count);
        assert_int_equal(put_once(c), SLUICE_OK); /* it is corked no more */
        done_with(c);
    }
}

static void what_keeps_a_corked_call_from_going_is_told_to_its_completion(void **state)
{
    (void)state;
    static const struct scripted steps[] = {GOOD};
    variable = no_home;
    sluice_client *c = GIVEN(steps);
    struct ends ends = {0};
    start_corked(c, 3, &ends);
    assert_int_equal(ends.bad, 3);
    assert_int_equal(ends.error.status, SLUICE_CREDENTIALS);
    assert_int_equal(ends.error.attempts, 0);
    assert_int_equal(far_requests(&far), 0);
    done_with(c);
}

static void bodies_digested_together_have_their_own_digests(void **state)
{
    (void)state;
    static const struct scripted steps[] = {GOOD};
    sluice_client *c = GIVEN(steps);
    struct sluice_kinesis_put_record_input other = a_put;
    other.data = sluice_text("other data, and more of them");
    struct request two[2];
    const struct sluice_operation *op = &sluice_kinesis_put_record_operation;
    assert_int_equal(request_init(&two[0], c, op, &a_put, sizeof(a_put), NULL, &error), SLUICE_OK);
    assert_int_equal(request_init(&two[1], c, op, &other, sizeof(other), NULL, &error), SLUICE_OK);
    request_digest_pair(&two[0], &two[1]);
    for (int i = 0; i < 2; i++) {
        uint8_t digest[SHA256_BYTES];
        digest_sha256(buf_view(&two[i].body), digest);
        assert_true(two[i].is_digested);
        assert_memory_equal(two[i].body_sha256, digest, sizeof(digest));
        request_fini(&two[i]);
    }
    done_with(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_pass_is_sent_again),
        cmocka_unit_test(attempts_have_an_end),
        cmocka_unit_test(what_will_not_pass_is_not),
        cmocka_unit_test(lost_connections_are_made_again),
        cmocka_unit_test(a_service_in_trouble_is_spared),
        cmocka_unit_test(an_attempt_has_its_time),
        cmocka_unit_test(a_call_has_its_time),
        cmocka_unit_test(a_wait_that_would_outlast_the_call_is_not_begun),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(an_answer_that_is_none_is_a_protocol_error),
        cmocka_unit_test(an_error_without_words_has_its_status),
        cmocka_unit_test(a_clock_that_is_wrong_is_put_right),
        cmocka_unit_test(a_wrong_clock_is_not_put_right_twice),
        cmocka_unit_test(expired_credentials_are_looked_for_again),
        cmocka_unit_test(without_credentials_nothing_is_sent),
        cmocka_unit_test(corked_calls_all_go),
        cmocka_unit_test(what_keeps_a_corked_call_from_going_is_told_to_its_completion),
        cmocka_unit_test(bodies_digested_together_have_their_own_digests),
    };
    far_prepare_process();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
