/* json_call_test.c: calls by JSON: what is sent, what comes back, what is refused before anything is sent; every allocation failing in
 * turn. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "support/failing.h"
#include "unit/consumer-sdk/call_fixture.h"

#include <sluice/firehose.h>

#define PUT "{\"StreamName\": \"s\", \"PartitionKey\": \"k\", \"Data\": \"ZGF0YQ==\"}"

/* OK: *out is the answer's JSON, which is the caller's to free with its reply. */
static enum sluice_status by_json(sluice_client *c, const struct sluice_operation *operation,
                                  const char *input, sluice_reply **reply, const char **out)
{
    size_t len = 0;
    *out = NULL;
    enum sluice_status st =
        sluice_call_json(c, operation, input, input ? strlen(input) : 0, NULL, reply, &error);
    assert_int_equal(error.status, st);
    assert_int_equal(*reply != NULL, st == SLUICE_OK);
    if (st != SLUICE_OK)
        return st;
    *out = sluice_reply_json(operation, *reply, &len);
    if (*out)
        assert_int_equal(len, strlen(*out));
    return st;
}

static void expect(const struct sluice_operation *operation, const char *input, const char *sent,
                   const char *answered, const char *out)
{
    const struct scripted steps[] = {{200, FAR_KEEP, NULL, answered}};
    sluice_client *c = GIVEN(steps);
    sluice_reply *reply;
    const char *said;
    assert_int_equal(by_json(c, operation, input, &reply, &said), SLUICE_OK);
    lock_take(&far.lock);
    assert_string_equal(latest_body, sent);
    lock_drop(&far.lock);
    assert_string_equal(said, out);
    assert_string_equal(sluice_reply_request_id(reply), "the-id");
    sluice_reply_free(reply);
    done_with(c);
}

static void the_services_own_json_goes_in_and_comes_out(void **state)
{
    (void)state;
    expect(&sluice_kinesis_put_record_operation, PUT,
           "{\"StreamName\":\"s\",\"Data\":\"ZGF0YQ==\",\"PartitionKey\":\"k\"}", STORED, STORED);
    expect(&sluice_kinesis_list_streams_operation, "{\"Limit\": 3, \"NotKnownHere\": [{}, null]}",
           "{\"Limit\":3}", "{\"StreamNames\":[\"a\",\"b\"],\"HasMoreStreams\":false}",
           "{\"StreamNames\":[\"a\",\"b\"],\"HasMoreStreams\":false}");
}

static void times_are_seconds_and_blobs_base64(void **state)
{
    (void)state;
    expect(&sluice_kinesis_get_shard_iterator_operation,
           "{\"StreamName\":\"s\",\"ShardId\":\"x\",\"ShardIteratorType\":\"AT_TIMESTAMP\","
           "\"Timestamp\":1547993531.819}",
           "{\"StreamName\":\"s\",\"ShardId\":\"x\",\"ShardIteratorType\":\"AT_TIMESTAMP\","
           "\"Timestamp\":1547993531.819}",
           "{\"ShardIterator\":\"it\"}", "{\"ShardIterator\":\"it\"}");
    expect(&sluice_kinesis_get_records_operation, "{\"ShardIterator\":\"it\"}",
           "{\"ShardIterator\":\"it\"}",
           "{\"Records\":[{\"Data\":\"AP8=\",\"ApproximateArrivalTimestamp\":1547993531.819,"
           "\"PartitionKey\":\"k\",\"SequenceNumber\":\"1\"}],\"MillisBehindLatest\":0}",
           "{\"Records\":[{\"SequenceNumber\":\"1\",\"ApproximateArrivalTimestamp\":"
           "1547993531.819,\"Data\":\"AP8=\",\"PartitionKey\":\"k\"}],\"MillisBehindLatest\":0}");
}

static void an_operation_without_output_answers_an_empty_object(void **state)
{
    (void)state;
    expect(&sluice_kinesis_delete_stream_operation, "{\"StreamName\":\"s\"}",
           "{\"StreamName\":\"s\"}", "", "{}");
}

static void the_other_service_is_called_the_same_way(void **state)
{
    (void)state;
    expect(&sluice_firehose_list_delivery_streams_operation, "{}", "{}",
           "{\"DeliveryStreamNames\":[\"d\"],\"HasMoreDeliveryStreams\":false}",
           "{\"DeliveryStreamNames\":[\"d\"],\"HasMoreDeliveryStreams\":false}");
}

/* Blobs are decoded in a copy. */
static void the_callers_text_is_only_read(void **state)
{
    (void)state;
    const struct scripted steps[] = {{503, FAR_KEEP, NULL, "busy"}, {200, FAR_KEEP, NULL, STORED}};
    sluice_client *c = GIVEN(steps);
    sluice_reply *reply;
    char input[] = PUT;
    assert_int_equal(sluice_call_json(c, &sluice_kinesis_put_record_operation, input, strlen(PUT),
                                      NULL, &reply, &error),
                     SLUICE_OK);
    assert_string_equal(input, PUT);
    sluice_reply_free(reply);
    done_with(c);
}

static void what_is_no_json_of_the_operation_is_refused_and_not_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL, "", " ", "nonsense", "[]", "{\"StreamName\": \"s\"", "{} {}", "\"{}\"", "{\"a\":}"};
    const struct scripted steps[] = {{200, FAR_KEEP, NULL, STORED}};
    sluice_client *c = GIVEN(steps);
    sluice_reply *reply;
    const char *said;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(by_json(c, &sluice_kinesis_put_record_operation, bad[i], &reply, &said),
                         SLUICE_INVALID_ARGUMENT);
        assert_string_equal(error.message, "the input is not a JSON object");
    }
    assert_int_equal(
        by_json(c, &sluice_kinesis_put_record_operation, "{\"StreamName\": []}", &reply, &said),
        SLUICE_INVALID_ARGUMENT);
    assert_string_equal(error.message, "Start of list found where not expected");
    assert_int_equal(
        by_json(c, &sluice_kinesis_put_record_operation, "{\"Data\": \"*\"}", &reply, &said),
        SLUICE_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "can not be converted to a Blob"));
    assert_int_equal(far_requests(&far), 0);
    done_with(c);
}

static void the_services_errors_come_as_with_any_call(void **state)
{
    (void)state;
    const struct scripted steps[] = {
        {400, FAR_KEEP, NULL,
         "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no such stream\"}"}};
    sluice_client *c = GIVEN(steps);
    sluice_reply *reply;
    const char *said;
    assert_int_equal(by_json(c, &sluice_kinesis_put_record_operation, PUT, &reply, &said),
                     SLUICE_SERVICE);
    assert_string_equal(error.type, "ResourceNotFoundException");
    assert_string_equal(error.message, "no such stream");
    done_with(c);
}

/* Errors are optional everywhere. */
static void without_a_place_for_the_error_it_is_an_error_all_the_same(void **state)
{
    (void)state;
    const struct scripted steps[] = {{200, FAR_KEEP, NULL, STORED}};
    sluice_client *c = GIVEN(steps);
    sluice_reply *reply;
    assert_int_equal(
        sluice_call_json(c, &sluice_kinesis_put_record_operation, "[]", 2, NULL, &reply, NULL),
        SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_call_json(c, &sluice_kinesis_put_record_operation, PUT, strlen(PUT),
                                      NULL, &reply, NULL),
                     SLUICE_OK);
    sluice_reply_free(reply);
    done_with(c);
}

/* ---- without memory ---- */

static void each_allocation_that_fails_is_an_error(void **state)
{
    (void)state;
    const struct scripted steps[] = {{200, FAR_KEEP, NULL, STORED}};
    long which = 0;
    for (bool failed = true; failed;) {
        sluice_client *c = GIVEN(steps);
        sluice_reply *reply;
        const char *said;
        failing_begin(++which);
        enum sluice_status st =
            by_json(c, &sluice_kinesis_put_record_operation, PUT, &reply, &said);
        failed = failing_end();
        assert_true(st == SLUICE_OK || (failed && st == SLUICE_NO_MEMORY));
        if (said)
            assert_string_equal(said, STORED);
        else
            assert_true(failed);
        if (reply && !said) { /* the answer is still there */
            said = sluice_reply_json(&sluice_kinesis_put_record_operation, reply, NULL);
            assert_string_equal(said, STORED);
        }
        sluice_reply_free(reply);
        done_with(c);
    }
    assert_true(which > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_services_own_json_goes_in_and_comes_out),
        cmocka_unit_test(times_are_seconds_and_blobs_base64),
        cmocka_unit_test(an_operation_without_output_answers_an_empty_object),
        cmocka_unit_test(the_other_service_is_called_the_same_way),
        cmocka_unit_test(the_callers_text_is_only_read),
        cmocka_unit_test(what_is_no_json_of_the_operation_is_refused_and_not_sent),
        cmocka_unit_test(the_services_errors_come_as_with_any_call),
        cmocka_unit_test(without_a_place_for_the_error_it_is_an_error_all_the_same),
        cmocka_unit_test(each_allocation_that_fails_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
