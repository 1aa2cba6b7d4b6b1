/* delivery_put_test.c: records put into delivery streams: acknowledged when stored, refused in AWS's words, over a loopback exchange. */
#include "base/mem.h"
#include "support/answers.h"
#include "support/delivery_given.h"
#include "support/key_file.h"
#include "support/log_driver.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define CREATE FIREHOSE("CreateDeliveryStream")
#define PUT    FIREHOSE("PutRecord")
#define BATCH  FIREHOSE("PutRecordBatch")
#define ONE    "{\"DeliveryStreamName\":\"d\",\"Record\":{\"Data\":\"c2VjcmV0\"}}" /* "secret" */

struct subject {
    struct loopback loopback;
    struct key_file file;
};

static int setup(void **state)
{
    struct subject *s = MEM_NEW(struct subject);
    key_file_open(&s->file, KEY_A " alias/aws/kinesis enabled " BITS_1 "\n");
    s->loopback.master_keys = s->file.keys;
    loopback_open(&s->loopback);
    json_decref(answer_ok(&s->loopback, CREATE, GIVEN_CREATE("")));
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct subject *s = *state;
    loopback_close(&s->loopback);
    key_file_close(&s->file);
    mem_free(s);
    return 0;
}

static struct log *hidden_log(struct loopback *l)
{
    struct scope hidden = delivery_hidden_scope(&(struct scope){"000000000000", "us-east-1"});
    struct stream *s = stream_table_find(l->service.streams, &hidden, BYTES_LITERAL("d"));
    struct stream_view *v = stream_look(s);
    struct log *log = v->open[0]->log;
    stream_view_unref(v);
    stream_unref(s);
    return log;
}

static uint64_t stored(struct loopback *l)
{
    struct log_bounds bounds;
    log_bounds(hidden_log(l), &bounds);
    return bounds.end;
}

static void a_record_is_answered_only_when_it_is_stored(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    struct call c;
    log_memory_hold(l->service.logs, true);
    call_start(&c, l, PUT, ONE);
    assert_false(c.finished);
    assert_int_equal(log_memory_held(l->service.logs), 1);
    log_memory_release_held(l->service.logs);
    call_wait(&c);
    assert_int_equal(c.status, 200);
    assert_int_equal(stored(l), 1);
    call_end(&c);
}

static void a_record_id_is_long_and_never_the_same(void **state)
{
    struct subject *s = *state;
    json_t *one = answer_ok(&s->loopback, PUT, ONE), *two = answer_ok(&s->loopback, PUT, ONE);
    const char *id = json_string_value(json_object_get(one, "RecordId"));
    assert_int_equal(strlen(id), 224);
    assert_string_not_equal(id, json_string_value(json_object_get(two, "RecordId")));
    assert_true(json_is_false(json_object_get(one, "Encrypted")));
    json_decref(one);
    json_decref(two);
}

static void a_batch_is_stored_whole_and_in_order_empty_records_too(void **state)
{
    struct subject *s = *state;
    json_t *got = answer_ok(&s->loopback, BATCH,
                            "{\"DeliveryStreamName\":\"d\",\"Records\":[{\"Data\":\"YQ==\"},"
                            "{\"Data\":\"\"},{\"Data\":\"Yg==\"}]}");
    assert_int_equal(json_integer_value(json_object_get(got, "FailedPutCount")), 0);
    assert_int_equal(json_array_size(json_object_get(got, "RequestResponses")), 3);
    json_decref(got);
    char *all = driver_all(hidden_log(&s->loopback));
    assert_string_equal(all, "a,,b");
    mem_free(all);
}

static bool is_stored_in_the_clear(struct loopback *l, const char *text)
{
    size_t len;
    uint8_t *raw = driver_raw(hidden_log(l), &len);
    bool is = memmem(raw, len, text, strlen(text)) != NULL;
    mem_free(raw);
    return is;
}

static void records_of_an_encrypted_one_are_sealed(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
#define OPEN "{\"DeliveryStreamName\":\"d\",\"Record\":{\"Data\":\"b3Blbg==\"}}" /* "open" */
    json_decref(answer_ok(l, PUT, OPEN));
    json_decref(answer_ok(l, FIREHOSE("StartDeliveryStreamEncryption"), GIVEN_NAME));
    json_t *got = answer_ok(l, PUT, ONE);
    assert_true(json_is_true(json_object_get(got, "Encrypted")));
    json_decref(got);
    assert_true(is_stored_in_the_clear(l, "open"));
    assert_false(is_stored_in_the_clear(l, "secret"));
    assert_int_equal(stored(l), 2);
    key_file_set(&s->file, "");
    answer_refused(l, PUT, ONE, "InvalidKMSResourceException",
                   "Key 'arn:aws:kms:us-east-1:000000000000:key/" KEY_A "' does not exist");
    answer_refused(l, BATCH, "{\"DeliveryStreamName\":\"d\",\"Records\":[{\"Data\":\"\"}]}",
                   "InvalidKMSResourceException",
                   "Key 'arn:aws:kms:us-east-1:000000000000:key/" KEY_A "' does not exist");
}

static void a_full_queue_is_service_unavailable(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    log_memory_refuse(l->service.logs, THROTTLED);
    answer_with(l, PUT, ONE, 503,
                "{\"__type\":\"ServiceUnavailableException\",\"message\":\"Slow down.\"}");
    answer_is(l, BATCH, "{\"DeliveryStreamName\":\"d\",\"Records\":[{\"Data\":\"\"}]}",
              "{\"Encrypted\":false,\"FailedPutCount\":1,\"RequestResponses\":[{\"ErrorCode\":"
              "\"ServiceUnavailableException\",\"ErrorMessage\":\"Slow down.\"}]}");
    log_memory_refuse(l->service.logs, IO_FAILED);
    answer_is(l, BATCH, "{\"DeliveryStreamName\":\"d\",\"Records\":[{\"Data\":\"\"}]}",
              "{\"Encrypted\":false,\"FailedPutCount\":1,\"RequestResponses\":[{\"ErrorCode\":"
              "\"InternalFailure\",\"ErrorMessage\":\"Internal Service Failure\"}]}");
    log_memory_refuse(l->service.logs, OK);
}

static void nobody_puts_where_nothing_is_or_where_a_stream_is_read(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    static const char text[] =
        "This operation is not permitted on KinesisStreamAsSource delivery stream type.";
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    json_decref(answer_ok(
        l, CREATE,
        "{\"DeliveryStreamName\":\"k\",\"DeliveryStreamType\":\"KinesisStreamAsSource\","
        "\"KinesisStreamSourceConfiguration\":{\"KinesisStreamARN\":"
        "\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"RoleARN\":"
        "\"arn:aws:iam::000000000000:role/r\"},\"S3DestinationConfiguration\":{" GIVEN_S3 "}}"));
    answer_refused(l, PUT, "{\"DeliveryStreamName\":\"k\",\"Record\":{\"Data\":\"\"}}",
                   "InvalidArgumentException", text);
    answer_refused(l, BATCH, "{\"DeliveryStreamName\":\"k\",\"Records\":[{\"Data\":\"\"}]}",
                   "InvalidArgumentException", text);
    answer_refused(l, FIREHOSE("StartDeliveryStreamEncryption"), "{\"DeliveryStreamName\":\"k\"}",
                   "InvalidArgumentException", text);
    answer_refused(l, FIREHOSE("StopDeliveryStreamEncryption"), "{\"DeliveryStreamName\":\"k\"}",
                   "InvalidArgumentException", text);
    json_decref(answer_ok(l, FIREHOSE("DeleteDeliveryStream"), GIVEN_NAME));
    answer_refused(l, PUT, ONE, "ResourceNotFoundException", NO_D);
    answer_refused(l, BATCH, "{\"DeliveryStreamName\":\"d\",\"Records\":[{\"Data\":\"\"}]}",
                   "ResourceNotFoundException", NO_D);
}

/* A PutRecordBatch of `count` records of `len` bytes; mem_free it. */
static char *batch_of(size_t count, size_t len)
{
    struct buf json;
    size_t room;
    char *data = mem_must(len / 3 * 4 + 1);
    memset(data, 'A', len / 3 * 4);
    buf_init(&json, 64 << 20);
    buf_append_text(&json, "{\"DeliveryStreamName\":\"d\",\"Records\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(&json, "%s{\"Data\":\"%s\"}", i ? "," : "", data);
    buf_append_text(&json, "]}");
    buf_append_byte(&json, 0);
    mem_free(data);
    return (char *)buf_take(&json, &room);
}

static void sizes_are_held_to(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    char *json = batch_of(5, 900000);
    answer_refused(l, BATCH, json, "InvalidArgumentException", "Records size exceeds 4 MB limit");
    mem_free(json);
    json = batch_of(1, 1024002);
    answer_refused(l, BATCH, json, "ValidationException",
                   "1 validation error detected: Value at 'records.1.member.data' failed to "
                   "satisfy constraint: Member must have length less than or equal to 1024000");
    mem_free(json);
    json = batch_of(501, 3);
    int status;
    char *text = call_text(l, BATCH, json, &status);
    assert_int_equal(status, 400);
    assert_non_null(strstr(text, "Member must have length less than or equal to 500"));
    mem_free(text);
    mem_free(json);
    json = batch_of(4, 1023999);
    json_decref(answer_ok(l, BATCH, json));
    mem_free(json);
}

static void awss_rates_are_held_when_asked(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    l->service.quotas = quotas_new(l->service.clock);
    char *json = batch_of(4, 1023999); /* 5 MiB/s in us-east-1 */
    json_decref(answer_ok(l, BATCH, json));
    json_t *got = answer_ok(l, BATCH, json);
    assert_int_equal(json_integer_value(json_object_get(got, "FailedPutCount")), 3);
    json_t *refused = json_array_get(json_object_get(got, "RequestResponses"), 3);
    assert_string_equal(json_string_value(json_object_get(refused, "ErrorCode")),
                        "ServiceUnavailableException");
    json_decref(got);
    answer_with(l, BATCH, json, 503,
                "{\"__type\":\"ServiceUnavailableException\",\"message\":\"Slow down.\"}");
    clock_manual_advance_ms(&l->clock, 1000);
    json_decref(answer_ok(l, BATCH, json));
    mem_free(json);
    for (int i = 0; i < 5; i++)
        json_decref(answer_ok(l, FIREHOSE("ListDeliveryStreams"), "{}"));
    answer_refused(l, FIREHOSE("ListDeliveryStreams"), "{}", "LimitExceededException",
                   "Rate exceeded for account 000000000000.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_record_is_answered_only_when_it_is_stored),
        TEST(a_record_id_is_long_and_never_the_same),
        TEST(a_batch_is_stored_whole_and_in_order_empty_records_too),
        TEST(records_of_an_encrypted_one_are_sealed),
        TEST(a_full_queue_is_service_unavailable),
        TEST(nobody_puts_where_nothing_is_or_where_a_stream_is_read),
        TEST(sizes_are_held_to),
        TEST(awss_rates_are_held_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
