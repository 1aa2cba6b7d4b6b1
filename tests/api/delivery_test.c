/* delivery_test.c: delivery streams made, shown, listed, flushed and deleted, over a loopback exchange. */
#include "api/delivery_monitoring.h"
#include "base/mem.h"
#include "support/answers.h"
#include "support/delivery_given.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>

#define CREATE   FIREHOSE("CreateDeliveryStream")
#define DESCRIBE FIREHOSE("DescribeDeliveryStream")
#define DELETE   FIREHOSE("DeleteDeliveryStream")
#define LIST     FIREHOSE("ListDeliveryStreams")

/* A runner that notes what it is told. */
static struct {
    _Atomic uint32_t set, removed, cannot_begin; /* the last: so many times */
} ran;

static enum status note_set(void *arg, struct delivery *d)
{
    (void)arg;
    (void)d;
    return atomic_fetch_add(&ran.set, 1) < atomic_load(&ran.cannot_begin) ? IO_FAILED : OK;
}

static void note_remove(void *arg, struct delivery *d, void (*done)(void *), void *done_arg)
{
    (void)arg;
    (void)d;
    atomic_fetch_add(&ran.removed, 1);
    done(done_arg);
}

static void fail_flush(void *arg, struct delivery *d, uint64_t within_ms,
                       void (*done)(void *, enum status, const struct fault *), void *done_arg)
{
    (void)arg;
    (void)d;
    struct fault f;
    fault_set(&f, IO_FAILED, "the bucket b is not there, also after %llu ms",
              (unsigned long long)within_ms);
    done(done_arg, f.status, &f);
}

static int open_with(void **state, uint64_t state_delay_ms, uint64_t limit)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->state_delay_ms = state_delay_ms;
    l->delivery_limit = limit;
    l->inject = true;
    l->runner = (struct delivery_runner){note_set, note_remove, fail_flush, NULL};
    loopback_open(l);
    atomic_store(&ran.set, 0);
    atomic_store(&ran.removed, 0);
    atomic_store(&ran.cannot_begin, 0);
    *state = l;
    return 0;
}

static int setup(void **state)
{
    return open_with(state, 0, 0);
}

static int setup_slow(void **state)
{
    return open_with(state, 50, 0);
}

static int setup_full(void **state)
{
    return open_with(state, 0, 2);
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static bool shows(struct loopback *l, const char *operation, const char *json, const char *words)
{
    char *text = call_text(l, operation, json, NULL);
    bool found = strstr(text, words) != NULL;
    if (!found)
        fprintf(stderr, "no %s in %s\n", words, text);
    mem_free(text);
    return found;
}

#define ARN "arn:aws:firehose:us-east-1:000000000000:deliverystream/d"
#define DEFAULTS                                                                                   \
    "\"BucketARN\":\"arn:aws:s3:::b\",\"BufferingHints\":{\"IntervalInSeconds\":300,"              \
    "\"SizeInMBs\":5},\"CloudWatchLoggingOptions\":{\"Enabled\":false},"                           \
    "\"CompressionFormat\":\"UNCOMPRESSED\",\"EncryptionConfiguration\":"                          \
    "{\"NoEncryptionConfig\":\"NoEncryption\"},\"RoleARN\":\"arn:aws:iam::000000000000:role/r\""

static void what_is_made_is_shown_with_every_default_also_after_a_restart(void **state)
{
    struct loopback *l = *state;
    static const char shown[] =
        "{\"DeliveryStreamDescription\":{\"CreateTimestamp\":1700000000,\"DeliveryStreamARN\":"
        "\"" ARN "\",\"DeliveryStreamEncryptionConfiguration\":{\"Status\":\"DISABLED\"},"
        "\"DeliveryStreamName\":\"d\",\"DeliveryStreamStatus\":\"ACTIVE\",\"DeliveryStreamType\":"
        "\"DirectPut\",\"Destinations\":[{\"DestinationId\":\"destinationId-000000000001\","
        "\"ExtendedS3DestinationDescription\":{" DEFAULTS ",\"S3BackupMode\":\"Disabled\"},"
        "\"S3DestinationDescription\":{" DEFAULTS "}}],\"HasMoreDestinations\":false,"
        "\"VersionId\":\"1\"}}";
    answer_is(l, CREATE,
              "{\"DeliveryStreamName\":\"d\",\"S3DestinationConfiguration\":{" GIVEN_S3 "}}",
              "{\"DeliveryStreamARN\":\"" ARN "\"}");
    assert_int_equal(atomic_load(&ran.set), 1);
    answer_is(l, DESCRIBE, GIVEN_NAME, shown);
    loopback_reopen(l);
    answer_is(l, DESCRIBE, GIVEN_NAME, shown);
}

static void a_name_is_taken_once_and_by_nobody_else(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_refused(l, CREATE, GIVEN_CREATE(""), "ResourceInUseException",
                   "Firehose d under accountId 000000000000 already exists");
    l->region = "eu-west-1"; /* a name space of its own */
    answer_refused(l, DESCRIBE, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
}

static void its_hidden_stream_is_in_no_list_and_no_limit(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_is(l, "ListStreams", "{}",
              "{\"HasMoreStreams\":false,\"StreamNames\":[],\"StreamSummaries\":[]}");
    assert_true(shows(l, "DescribeLimits", "{}", "\"OpenShardCount\":0"));
    answer_refused(l, "DescribeStreamSummary", "{\"StreamName\":\"d\"}",
                   "ResourceNotFoundException", "Stream d under account 000000000000 not found.");
    json_decref(answer_ok(l, DELETE, GIVEN_NAME));
    struct scope hidden = delivery_hidden_scope(&(struct scope){"000000000000", "us-east-1"});
    struct stream_totals totals;
    stream_table_totals(l->service.streams, &hidden, &totals);
    assert_int_equal(totals.streams, 0);
}

static void what_is_deleted_is_gone_also_after_a_restart(void **state)
{
    struct loopback *l = *state;
    answer_refused(l, DELETE, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    json_decref(answer_ok(l, DELETE, GIVEN_NAME));
    assert_int_equal(atomic_load(&ran.removed), 1);
    answer_refused(l, DESCRIBE, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    loopback_reopen(l);
    answer_refused(l, DESCRIBE, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
}

static void with_a_state_delay_states_dwell_and_are_taken_up_after_a_restart(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    assert_true(delivery_shows(l, "\"CREATING\""));
    assert_int_equal(atomic_load(&ran.set), 0);
    answer_refused(l, DELETE, GIVEN_NAME, "ResourceInUseException",
                   "Firehose d under accountId 000000000000 is not ACTIVE, instead in state "
                   "CREATING");
    delivery_wait(l, "\"ACTIVE\"");
    assert_int_equal(atomic_load(&ran.set), 1);
    json_decref(answer_ok(l, DELETE, GIVEN_NAME));
    assert_true(delivery_shows(l, "\"DELETING\""));
    loopback_reopen(l);
    delivery_wait(l, "not found");
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    loopback_reopen(l); /* found CREATING */
    delivery_wait(l, "\"ACTIVE\"");
}

static void there_are_at_most_so_many(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    json_decref(answer_ok(
        l, CREATE, "{\"DeliveryStreamName\":\"e\",\"S3DestinationConfiguration\":{" GIVEN_S3 "}}"));
    answer_refused(
        l, CREATE, "{\"DeliveryStreamName\":\"f\",\"S3DestinationConfiguration\":{" GIVEN_S3 "}}",
        "LimitExceededException", "You have already consumed your firehose quota of 2 hoses.");
}

static void they_are_listed_by_name_ten_a_page(void **state)
{
    struct loopback *l = *state;
    char json[256];
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    for (int i = 0; i < 12; i++) {
        snprintf(json, sizeof(json),
                 "{\"DeliveryStreamName\":\"d%02d\",\"S3DestinationConfiguration\":{" GIVEN_S3 "}}",
                 i);
        json_decref(answer_ok(l, CREATE, json));
    }
    json_decref(
        answer_ok(l, CREATE,
                  "{\"DeliveryStreamName\":\"k\",\"DeliveryStreamType\":\"KinesisStreamAsSource\","
                  "\"KinesisStreamSourceConfiguration\":{\"KinesisStreamARN\":"
                  "\"arn:aws:kinesis:us-east-1:000000000000:stream/"
                  "s\",\"RoleARN\":\"arn:aws:iam::000000000000:role/r\"},"
                  "\"S3DestinationConfiguration\":{" GIVEN_S3 "}}"));
    answer_is(l, LIST, "{}",
              "{\"DeliveryStreamNames\":[\"d00\",\"d01\",\"d02\",\"d03\",\"d04\",\"d05\",\"d06\","
              "\"d07\",\"d08\",\"d09\"],\"HasMoreDeliveryStreams\":true}");
    answer_is(l, LIST, "{\"ExclusiveStartDeliveryStreamName\":\"d09\",\"Limit\":2}",
              "{\"DeliveryStreamNames\":[\"d10\",\"d11\"],\"HasMoreDeliveryStreams\":true}");
    answer_is(l, LIST,
              "{\"ExclusiveStartDeliveryStreamName\":\"d09\",\"DeliveryStreamType\":\"DirectPut\"}",
              "{\"DeliveryStreamNames\":[\"d10\",\"d11\"],\"HasMoreDeliveryStreams\":false}");
    answer_is(l, LIST, "{\"DeliveryStreamType\":\"KinesisStreamAsSource\"}",
              "{\"DeliveryStreamNames\":[\"k\"],\"HasMoreDeliveryStreams\":false}");
    assert_true(shows(l, DESCRIBE, "{\"DeliveryStreamName\":\"k\"}",
                      "\"DeliveryStartTimestamp\":1700000000"));
}

/* Until the runner has been told so often. */
static void wait_set(struct loopback *l, uint32_t times)
{
    while (atomic_load(&ran.set) < times) {
        clock_manual_advance_ms(&l->clock, 1);
        mem_free(call_text(l, LIST, "{}", NULL));
    }
}

/* The control's thread sees to its timers between any two commands. */
static void let_time_pass(struct loopback *l)
{
    for (int i = 0; i < 4; i++) {
        clock_manual_advance_ms(&l->clock, 1000);
        answer_refused(l, DELETE, "{\"DeliveryStreamName\":\"none\"}", "ResourceNotFoundException",
                       "Firehose none under account 000000000000 not found.");
    }
}

static void a_runner_that_cannot_begin_is_asked_again(void **state)
{
    struct loopback *l = *state;
    atomic_store(&ran.cannot_begin, 2);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    wait_set(l, 3);
    let_time_pass(l); /* and then no more */
    assert_int_equal(atomic_load(&ran.set), 3);
}

/* Nor is what is deleted meanwhile. */
static void what_is_deleted_does_not_begin(void **state)
{
    struct loopback *l = *state;
    atomic_store(&ran.cannot_begin, 1000);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    wait_set(l, 2);
    json_decref(answer_ok(l, DELETE, GIVEN_NAME));
    uint32_t before = atomic_load(&ran.set);
    let_time_pass(l);
    assert_int_equal(atomic_load(&ran.set), before);
}

static void a_configuration_that_cannot_be_is_refused(void **state)
{
    struct loopback *l = *state;
    static const struct {
        const char *members, *text;
    } cases[] = {
        {",\"BufferingHints\":{\"SizeInMBs\":1}",
         "BufferingHints must give both SizeInMBs and IntervalInSeconds, or neither of them."},
        {",\"Prefix\":\"!{timestamp:yyyy}\"",
         "ErrorOutputPrefix can't be null when Prefix contains expressions"},
        {",\"CustomTimeZone\":\"Nowhere/Land\"",
         "CustomTimeZone Nowhere/Land is not a known time zone."},
        {",\"S3BackupMode\":\"Enabled\"",
         "S3BackupConfiguration must be specified when S3BackupMode is Enabled."},
        {",\"CompressionFormat\":\"GZIP\",\"DataFormatConversionConfiguration\":{}",
         "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled."},
        {",\"BufferingHints\":{\"SizeInMBs\":5,\"IntervalInSeconds\":60},"
         "\"DataFormatConversionConfiguration\":{\"Enabled\":true}",
         "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled."},
        {",\"DynamicPartitioningConfiguration\":{\"Enabled\":true},"
         "\"BufferingHints\":{\"SizeInMBs\":5,\"IntervalInSeconds\":60},"
         "\"Prefix\":\"!{partitionKeyFromQuery:k}/\",\"ErrorOutputPrefix\":\"e/"
         "!{firehose:error-output-type}/\"",
         "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char json[1024];
        snprintf(json, sizeof(json),
                 "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" GIVEN_S3
                 "%s}}",
                 cases[i].members);
        answer_refused(l, CREATE, json, "InvalidArgumentException", cases[i].text);
    }
    json_decref(answer_ok(l, CREATE,
                          GIVEN_CREATE(",\"CustomTimeZone\":\"Europe/Berlin\","
                                       "\"DataFormatConversionConfiguration\":{\"Enabled\":false}"
                                       ",\"FileExtension\":\".log\"")));
}

/* What would be found out when there is data to be sent, and no way to send it. */
static void what_could_not_be_sent_is_refused(void **state)
{
    struct loopback *l = *state;
    struct buf json;
#define HTTP(url, more)                                                                            \
    ",\"HttpEndpointDestinationConfiguration\":{\"EndpointConfiguration\":{\"Url\":\"" url         \
    "\"" more "},\"S3Configuration\":{" GIVEN_S3 "}}"
    static const struct {
        const char *members, *text;
    } cases[] = {
        {HTTP("https://x:8443/", ""),
         "Url cannot be delivered to: the port of the URL is not 443."},
        {HTTP("https://me@x/", ""),
         "Url cannot be delivered to: the URL is not of the form https://host:port/path."},
        {HTTP("https://x", ",\"AccessKey\":\"a\\u0000\""),
         "AccessKey must not contain control characters."},
        {",\"SplunkDestinationConfiguration\":{\"HECEndpoint\":\"http://a\",\"HECEndpointType\":"
         "\"Raw\",\"HECToken\":\"t\",\"S3Configuration\":{" GIVEN_S3 "}}",
         "HECEndpoint cannot be delivered to: the URL is not https."},
        {",\"SplunkDestinationConfiguration\":{\"HECEndpoint\":\"https://a\",\"HECEndpointType\":"
         "\"Raw\",\"HECToken\":\"t\\u0000\",\"S3Configuration\":{" GIVEN_S3 "}}",
         "HECToken must not contain control characters."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "{\"DeliveryStreamName\":\"d\"%s}", cases[i].members);
        answer_refused(l, CREATE, text, "InvalidArgumentException", cases[i].text);
    }
    for (unsigned chars = 1024; chars > 0;
         chars -= 512) { /* of control characters: six bytes each */
        buf_init(&json, 1 << 20);
        buf_append_text(
            &json,
            "{\"DeliveryStreamName\":\"d\",\"HttpEndpointDestinationConfiguration\":{"
            "\"EndpointConfiguration\":{\"Url\":\"https://x\"},\"S3Configuration\":{" GIVEN_S3
            "},\"RequestConfiguration\":{\"CommonAttributes\":[");
        for (unsigned i = 0; i < 30; i++) {
            buf_printf(&json, "%s{\"AttributeName\":\"n%u\",\"AttributeValue\":\"", i ? "," : "",
                       i);
            for (unsigned n = 0; n < chars; n++)
                buf_append_text(&json, "\\u0001");
            buf_append_text(&json, "\"}");
        }
        buf_append_text(&json, "]}}}");
        buf_append_byte(&json, 0);
        if (chars == 1024)
            answer_refused(l, CREATE, (const char *)json.at, "InvalidArgumentException",
                           "CommonAttributes must not take more than 122880 bytes as JSON.");
        else
            json_decref(answer_ok(l, CREATE, (const char *)json.at));
        buf_fini(&json);
    }
}

static void sources_and_destinations_that_are_not_served_are_named(void **state)
{
    struct loopback *l = *state;
    static const struct {
        const char *members, *type, *text;
    } cases[] = {
        {"", "InvalidArgumentException",
         "Exactly one destination configuration is supported for a Firehose"},
        {",\"DeliveryStreamType\":\"MSKAsSource\",\"S3DestinationConfiguration\":{" GIVEN_S3 "}",
         "InvalidArgumentException",
         "This server does not read from Amazon MSK. Sources are DirectPut and "
         "KinesisStreamAsSource."},
        {",\"KinesisStreamSourceConfiguration\":{\"KinesisStreamARN\":"
         "\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"RoleARN\":"
         "\"arn:aws:iam::000000000000:role/r\"},\"S3DestinationConfiguration\":{" GIVEN_S3 "}",
         "InvalidArgumentException",
         "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type"},
        {",\"DeliveryStreamType\":\"KinesisStreamAsSource\",\"KinesisStreamSourceConfiguration\":{"
         "\"KinesisStreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"RoleARN\":"
         "\"arn:aws:iam::000000000000:role/r\"},\"S3DestinationConfiguration\":{" GIVEN_S3 "}",
         "ResourceNotFoundException", "Stream s under account 000000000000 not found."},
        {",\"HttpEndpointDestinationConfiguration\":{\"EndpointConfiguration\":{\"Url\":"
         "\"http://x\"},\"S3Configuration\":{" GIVEN_S3 "}}",
         "ValidationException",
         "1 validation error detected: Value at "
         "'httpEndpointDestinationConfiguration.endpointConfiguration.url' failed to satisfy "
         "constraint: Member must satisfy regular expression pattern: https://.*"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char json[1024];
        snprintf(json, sizeof(json), "{\"DeliveryStreamName\":\"d\"%s}", cases[i].members);
        answer_refused(l, CREATE, json, cases[i].type, cases[i].text);
    }
}

static void a_flush_tells_why_it_failed(void **state)
{
    struct loopback *l = *state;
    answer_refused(l, "Sluice_20261101.FlushDeliveryStream", GIVEN_NAME,
                   "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_refused(l, "Sluice_20261101.FlushDeliveryStream",
                   "{\"DeliveryStreamName\":\"d\",\"WithinSeconds\":2}", "DeliveryFailedException",
                   "the bucket b is not there, also after 2000 ms");
}

static void it_speaks_json_alone_and_knows_its_own_operations(void **state)
{
    struct loopback *l = *state;
    struct call c;
    call_start_as(&c, l, LIST, "application/x-amz-cbor-1.1", BYTES_LITERAL("\xa0"));
    call_wait(&c);
    assert_int_equal(c.status, 404);
    assert_string_equal(c.text, "<UnknownOperationException/>\n");
    call_end(&c);
    answer_fails(l, FIREHOSE("CreateStream"), "{}", "{\"__type\":\"UnknownOperationException\"}");
}

static void faults_are_injected_as_for_streams(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_empty(l, "Sluice_20261101.PutFaultRules",
                 "{\"Rules\":[{\"Operation\":\"PutRecord\",\"StreamName\":\"d\",\"Throttle\":true},"
                 "{\"Operation\":\"ListDeliveryStreams\",\"Error\":{\"Name\":"
                 "\"InvalidKMSResourceException\",\"Message\":\"away\"}}]}");
    answer_with(l, FIREHOSE("PutRecord"),
                "{\"DeliveryStreamName\":\"d\",\"Record\":{\"Data\":\"\"}}", 503,
                "{\"__type\":\"ServiceUnavailableException\",\"message\":\"Slow down.\"}");
    answer_refused(l, LIST, "{}", "InvalidKMSResourceException", "away");
    json_decref(answer_ok(l, DESCRIBE, GIVEN_NAME));
}

static void the_status_page_tells_last_errors(void **state)
{
    struct loopback *l = *state;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    struct scope scope = {"000000000000", "us-east-1"};
    struct delivery *d = delivery_table_find(l->service.deliveries, &scope, BYTES_LITERAL("d"));
    delivery_note_error(d, "the bucket \"b\" is not there");
    atomic_store(&delivery_counters(d)->oldest_ms, UINT64_C(1699999993000));
    delivery_unref(d);
    struct buf page;
    buf_init(&page, 1 << 20);
    delivery_status_print(l->service.deliveries, &page);
    buf_append_byte(&page, 0);
    assert_string_equal((const char *)page.at,
                        "[{\"account\":\"000000000000\",\"region\":\"us-east-1\","
                        "\"delivery_stream\":\"d\",\"state\":\"ACTIVE\",\"last_error\":"
                        "\"the bucket \\\"b\\\" is not there\"}]");
    buf_clear(&page);
    delivery_monitoring_print(l->service.deliveries, &l->clock.clock, &page);
    buf_append_byte(&page, 0);
    assert_non_null(strstr((const char *)page.at,
                           "firehose_delivery_data_freshness_seconds{account=\"000000000000\","
                           "region=\"us-east-1\",delivery_stream=\"d\",destination=\"S3\"} 7\n"));
    buf_fini(&page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_is_shown_with_every_default_also_after_a_restart),
        TEST(a_name_is_taken_once_and_by_nobody_else),
        TEST(its_hidden_stream_is_in_no_list_and_no_limit),
        TEST(what_is_deleted_is_gone_also_after_a_restart),
        cmocka_unit_test_setup_teardown(
            with_a_state_delay_states_dwell_and_are_taken_up_after_a_restart, setup_slow, teardown),
        cmocka_unit_test_setup_teardown(there_are_at_most_so_many, setup_full, teardown),
        TEST(they_are_listed_by_name_ten_a_page),
        TEST(a_runner_that_cannot_begin_is_asked_again),
        TEST(what_is_deleted_does_not_begin),
        TEST(a_configuration_that_cannot_be_is_refused),
        TEST(what_could_not_be_sent_is_refused),
        TEST(sources_and_destinations_that_are_not_served_are_named),
        TEST(a_flush_tells_why_it_failed),
        TEST(it_speaks_json_alone_and_knows_its_own_operations),
        TEST(faults_are_injected_as_for_streams),
        TEST(the_status_page_tells_last_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
