/* error_record_test.c: lines of error outputs, and the times of retries. */
#include "delivery/error_record.h"
#include "delivery/retry.h"
#include "unit/base/cmocka_all.h"

static void assert_line(const struct error_record *e, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    error_record_append(e, &out);
    buf_append_byte(&out, '\0');
    assert_int_equal(out.status, OK);
    assert_string_equal((const char *)out.at, expected);
    buf_fini(&out);
}

static const struct error_record some = {.attempts = 5,
                                         .arrival_ms = 1594265943615,
                                         .ended_ms = 1594266081318,
                                         .code = "C",
                                         .message = "said \"no\"",
                                         .data = {(const uint8_t *)"data", 4}};
#define HEAD                                                                                       \
    "{\"attemptsMade\":5,\"arrivalTimestamp\":1594265943615,\"errorCode\":\"C\",\"errorMessage\":" \
    "\"said \\\"no\\\"\",\"attemptEndingTimestamp\":1594266081318"

static void each_kind_has_its_own_members(void **state)
{
    (void)state;
    struct error_record http = some, splunk = some, search = some, processing = some;
    http.sequence = BYTES_LITERAL("496");
    http.sub = 2;
    assert_line(&http,
                HEAD ",\"rawData\":\"ZGF0YQ==\",\"subsequenceNumber\":2,\"dataId\":\"496.2\"}\n");
    splunk.event_id = BYTES_LITERAL("496.0");
    assert_line(&splunk, HEAD ",\"rawData\":\"ZGF0YQ==\",\"EventId\":\"496.0\"}\n");
    search.document_id = BYTES_LITERAL("id");
    search.index_name = BYTES_LITERAL("i");
    search.type_name = BYTES_LITERAL("");
    assert_line(&search, HEAD ",\"esDocumentId\":\"id\",\"esIndexName\":\"i\",\"esTypeName\":\"\","
                              "\"rawData\":\"ZGF0YQ==\"}\n");
    processing.lambda_arn = BYTES_LITERAL("arn");
    assert_line(&processing, HEAD ",\"rawData\":\"ZGF0YQ==\",\"lambdaArn\":\"arn\"}\n");
}

static void no_room_is_an_outcome(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 64);
    error_record_append(&some, &out);
    assert_int_equal(out.status, TOO_LARGE);
    buf_fini(&out);
}

static void waits_double_up_to_two_minutes(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 1);
    struct retry r = {0};
    uint64_t now_us = 5, base = 1000, wait_ms, lowest = 100, highest = 0;
    for (unsigned i = 0; i < 2000; i++) {
        assert_true(retry_next(&r, now_us, UINT32_MAX, &chance, &wait_ms));
        assert_in_range(wait_ms, base * 85 / 100, base * 115 / 100);
        uint64_t percent = wait_ms * 100 / base;
        lowest = percent < lowest ? percent : lowest;
        highest = percent > highest ? percent : highest;
        base = base * 2 < 120000 ? base * 2 : 120000;
    }
    assert_in_range(lowest, 85, 87);
    assert_in_range(highest, 113, 115);
}

static void the_clock_begins_with_the_first_failure_and_can_stand_still(void **state)
{
    (void)state;
    struct random chance;
    random_seed(&chance, 1);
    uint64_t wait_ms;
    struct retry none = {0}, r = {0};
    assert_false(retry_next(&none, 7, 0, &chance, &wait_ms));
    assert_true(retry_next(&r, 1000000000, 10, &chance, &wait_ms));
    assert_true(retry_next(&r, 1009999999, 10, &chance, &wait_ms));
    retry_spare(&r, 5000000);
    assert_true(retry_next(&r, 1014999999, 10, &chance, &wait_ms));
    assert_false(retry_next(&r, 1015000000, 10, &chance, &wait_ms));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_own_members),
        cmocka_unit_test(no_room_is_an_outcome),
        cmocka_unit_test(waits_double_up_to_two_minutes),
        cmocka_unit_test(the_clock_begins_with_the_first_failure_and_can_stand_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
