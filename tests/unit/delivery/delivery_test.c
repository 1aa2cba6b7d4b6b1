/* delivery_test.c: a delivery stream's configuration gets AWS's defaults, and comes back from its stored form as it was. */
#include "delivery/delivery.h"

#include "base/limits.h"
#include "unit/base/cmocka_all.h"
#include "wire/json.h"

#include <stdio.h>

#define S3 "\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":\"arn:aws:s3:::b\""
#define S3_DEFAULTS                                                                                \
    "\"BufferingHints\":{\"SizeInMBs\":5,\"IntervalInSeconds\":300},"                              \
    "\"CompressionFormat\":\"UNCOMPRESSED\","                                                      \
    "\"EncryptionConfiguration\":{\"NoEncryptionConfig\":\"NoEncryption\"},"                       \
    "\"CloudWatchLoggingOptions\":{\"Enabled\":false}"

static enum status make(const char *config, struct delivery_view **out, struct fault *f)
{
    struct arena arena;
    struct firehose_create_delivery_stream_input in;
    struct delivery_view values = {.number = 7, .version = 3, .status = DELIVERY_ACTIVE};
    arena_init(&arena, MIB(1));
    struct bytes text = arena_copy(&arena, bytes_text(config));
    assert_int_equal(json_decode(&shape_firehose_create_delivery_stream_input,
                                 (uint8_t *)(uintptr_t)text.at, text.len, &arena, &in, f),
                     OK);
    assert_true(
        scope_set(&values.scope, BYTES_LITERAL("000000000000"), BYTES_LITERAL("eu-west-1")));
    snprintf(values.name, sizeof(values.name), "d");
    values.created_ms = 11;
    values.updated_ms = 12;
    values.start_ms = 13;
    values.encryption = DELIVERY_ENCRYPTED;
    values.failure_type = BYTES_LITERAL("UNKNOWN_ERROR");
    values.failure_details = BYTES_LITERAL("why \"not\"");
    enum status st = delivery_view_new(&values, &in, out, f);
    arena_fini(&arena);
    return st;
}

static void assert_config(const char *config, const char *expected)
{
    struct delivery_view *v;
    struct fault f = {0};
    struct buf text;
    assert_int_equal(make(config, &v, &f), OK);
    buf_init(&text, MIB(1));
    json_encode(&shape_firehose_create_delivery_stream_input, v->config, &text);
    buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.at, expected);
    buf_fini(&text);
    delivery_view_unref(v);
}

static void a_plain_s3_destination_becomes_an_extended_one_with_every_default(void **state)
{
    (void)state;
    assert_config("{\"DeliveryStreamName\":\"d\",\"S3DestinationConfiguration\":{" S3
                  ",\"Prefix\":\"p/\"}}",
                  "{\"DeliveryStreamName\":\"d\",\"DeliveryStreamType\":\"DirectPut\","
                  "\"ExtendedS3DestinationConfiguration\":{" S3 ",\"Prefix\":\"p/\"," S3_DEFAULTS
                  ",\"S3BackupMode\":\"Disabled\"}}");
}

static void what_was_given_stays_and_is_filled_up_within(void **state)
{
    (void)state;
    assert_config(
        "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" S3
        ",\"BufferingHints\":{\"SizeInMBs\":64,\"IntervalInSeconds\":0},"
        "\"EncryptionConfiguration\":{\"KMSEncryptionConfig\":{\"AWSKMSKeyARN\":\"k\"}},"
        "\"S3BackupMode\":\"Enabled\",\"S3BackupConfiguration\":{" S3 "},"
        "\"DynamicPartitioningConfiguration\":{\"Enabled\":true}}}",
        "{\"DeliveryStreamName\":\"d\",\"DeliveryStreamType\":\"DirectPut\","
        "\"ExtendedS3DestinationConfiguration\":{" S3
        ",\"BufferingHints\":{\"SizeInMBs\":64,\"IntervalInSeconds\":0},"
        "\"CompressionFormat\":\"UNCOMPRESSED\","
        "\"EncryptionConfiguration\":{\"KMSEncryptionConfig\":{\"AWSKMSKeyARN\":\"k\"}},"
        "\"CloudWatchLoggingOptions\":{\"Enabled\":false},"
        "\"S3BackupMode\":\"Enabled\",\"S3BackupConfiguration\":{" S3 "," S3_DEFAULTS "},"
        "\"DynamicPartitioningConfiguration\":{\"RetryOptions\":{\"DurationInSeconds\":300},"
        "\"Enabled\":true}}}");
}

static void other_destinations_have_their_own_defaults(void **state)
{
    (void)state;
    assert_config(
        "{\"DeliveryStreamName\":\"d\",\"HttpEndpointDestinationConfiguration\":{"
        "\"EndpointConfiguration\":{\"Url\":\"https://x\",\"AccessKey\":\"k\"},"
        "\"S3Configuration\":{" S3 "}}}",
        "{\"DeliveryStreamName\":\"d\",\"DeliveryStreamType\":\"DirectPut\","
        "\"HttpEndpointDestinationConfiguration\":{"
        "\"EndpointConfiguration\":{\"Url\":\"https://x\",\"AccessKey\":\"k\"},"
        "\"BufferingHints\":{\"SizeInMBs\":5,\"IntervalInSeconds\":300},"
        "\"CloudWatchLoggingOptions\":{\"Enabled\":false},"
        "\"RequestConfiguration\":{\"ContentEncoding\":\"NONE\",\"CommonAttributes\":[]},"
        "\"RetryOptions\":{\"DurationInSeconds\":300},\"S3BackupMode\":\"FailedDataOnly\","
        "\"S3Configuration\":{" S3 "," S3_DEFAULTS "}}}");
}

static void an_elasticsearch_destination_is_an_opensearch_one_that_remembers_its_name(void **state)
{
    (void)state;
    struct delivery_view *v;
    struct fault f = {0};
    assert_int_equal(make("{\"DeliveryStreamName\":\"d\",\"ElasticsearchDestinationConfiguration\":"
                          "{\"RoleARN\":\"r\",\"IndexName\":\"i\",\"S3Configuration\":{" S3 "}}}",
                          &v, &f),
                     OK);
    assert_int_equal(v->kind, DELIVERY_TO_OPENSEARCH);
    assert_true(v->old_name);
    assert_true(
        bytes_equal(v->config->amazonopensearchservice_destination_configuration->index_name,
                    BYTES_LITERAL("i")));
    delivery_view_unref(v);
}

static void tags_stand_by_key_and_each_once(void **state)
{
    (void)state;
    struct delivery_view *v;
    struct fault f = {0};
    assert_int_equal(make("{\"S3DestinationConfiguration\":{" S3 "},\"Tags\":[{\"Key\":\"b\"},"
                          "{\"Key\":\"c\",\"Value\":\"1\"},{\"Key\":\"a\"},{\"Key\":\"c\","
                          "\"Value\":\"2\"}]}",
                          &v, &f),
                     OK);
    assert_int_equal(v->config->tags.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(v->config->tags.at[i].key.at[0], "abc"[i]);
    assert_true(bytes_equal(v->config->tags.at[2].value, BYTES_LITERAL("2")));
    delivery_view_unref(v);
}

static void one_destination_that_is_served_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *config, *text;
    } cases[] = {
        {"{\"DeliveryStreamName\":\"d\"}",
         "Exactly one destination configuration is supported for a Firehose"},
        {"{\"S3DestinationConfiguration\":{},\"ExtendedS3DestinationConfiguration\":{}}",
         "Exactly one destination configuration is supported for a Firehose"},
        {"{\"RedshiftDestinationConfiguration\":{}}",
         "This server does not deliver to Redshift. It delivers to Amazon S3, HTTP endpoints, "
         "Splunk and Amazon OpenSearch Service."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct delivery_view *v;
        struct fault f = {0};
        assert_int_equal(make(cases[i].config, &v, &f), INVALID_ARGUMENT);
        assert_null(v);
        assert_string_equal(f.text, cases[i].text);
    }
}

static void a_view_comes_back_as_it_was_stored(void **state)
{
    (void)state;
    struct delivery_view *v, *again;
    struct fault f = {0};
    struct buf one, two;
    assert_int_equal(
        make("{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"a\\u0000"
             "b\\n\"}],\"DeliveryStreamType\":\"KinesisStreamAsSource\","
             "\"SplunkDestinationConfiguration\":{\"S3Configuration\":{" S3 "}}}",
             &v, &f),
        OK);
    buf_init(&one, MIB(1));
    buf_init(&two, MIB(1));
    assert_int_equal(delivery_view_write(v, &one), OK);
    assert_int_equal(delivery_view_read(7, buf_view(&one), &again, &f), OK);
    assert_int_equal(delivery_view_write(again, &two), OK);
    assert_true(bytes_equal(buf_view(&one), buf_view(&two)));
    assert_int_equal(again->number, 7);
    assert_int_equal(again->version, 3);
    assert_int_equal(again->status, DELIVERY_ACTIVE);
    assert_int_equal(again->source, DELIVERY_KINESIS);
    assert_int_equal(again->kind, DELIVERY_TO_SPLUNK);
    assert_int_equal(again->encryption, DELIVERY_ENCRYPTED);
    assert_int_equal(again->start_ms, 13);
    assert_true(scope_equal(&again->scope, &v->scope));
    assert_true(bytes_equal(again->failure_details, BYTES_LITERAL("why \"not\"")));
    assert_true(bytes_equal(again->config->tags.at[0].value, bytes_of("a\0b\n", 4)));
    buf_fini(&one);
    buf_fini(&two);
    delivery_view_unref(v);
    delivery_view_unref(again);
}

static void a_row_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "\n",
        "{}\n{}",
        "nonsense",
        "{\"name\":\"d\"}\n{}",
        "{\"account\":\"000000000000\",\"region\":\"r\",\"name\":\"d\",\"status\":9,\"version\":1,"
        "\"created_ms\":1,\"updated_ms\":1,\"start_ms\":1,\"encryption\":0,\"old_name\":false}\n{}",
        "{\"account\":\"000000000000\",\"region\":\"r\",\"name\":\"d\",\"status\":2,\"version\":1,"
        "\"created_ms\":1,\"updated_ms\":1,\"start_ms\":1,\"encryption\":0,\"old_name\":false}\n{}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct delivery_view *v;
        struct fault f = {0};
        assert_int_equal(delivery_view_read(12, bytes_text(rows[i]), &v, &f), CORRUPT);
        assert_null(v);
        assert_non_null(strstr(f.text, "the row of delivery stream number 12 cannot be read"));
    }
}

static void readers_keep_the_view_they_looked_at(void **state)
{
    (void)state;
    struct delivery_view *first, *second;
    struct fault f = {0};
    static const char config[] = "{\"S3DestinationConfiguration\":{" S3 "}}";
    assert_int_equal(make(config, &first, &f), OK);
    assert_int_equal(make(config, &second, &f), OK);
    second->version = 4;
    struct delivery *d = delivery_new(first);
    struct delivery_view *seen = delivery_look(d);
    delivery_publish(d, second);
    assert_int_equal(seen->version, 3);
    delivery_view_unref(seen);
    seen = delivery_look(d);
    assert_int_equal(seen->version, 4);
    delivery_view_unref(seen);
    char error[DELIVERY_ERROR_BYTES];
    delivery_last_error(d, error);
    assert_string_equal(error, "");
    delivery_note_error(d, "the bucket is not there");
    delivery_last_error(d, error);
    assert_string_equal(error, "the bucket is not there");
    delivery_unref(d);
}

static void its_hidden_scope_is_one_that_no_client_can_name(void **state)
{
    (void)state;
    struct scope s, hidden, again;
    char arn[DELIVERY_ARN_BYTES];
    assert_true(scope_set(&s, BYTES_LITERAL("000000000001"), BYTES_LITERAL("eu-west-1")));
    hidden = delivery_hidden_scope(&s);
    assert_string_equal(hidden.region, ".eu-west-1");
    assert_string_equal(hidden.account, s.account);
    assert_true(scope_is_hidden(&hidden));
    assert_false(scope_is_hidden(&s));
    assert_false(scope_set(&again, bytes_text(hidden.account), bytes_text(hidden.region)));
    assert_true(scope_set_stored(&again, bytes_text(hidden.account), bytes_text(hidden.region)));
    assert_true(scope_equal(&again, &hidden));
    assert_false(scope_set_stored(&again, bytes_text(s.account), BYTES_LITERAL("..x")));
    delivery_arn(&s, "d", arn);
    assert_string_equal(arn, "arn:aws:firehose:eu-west-1:000000000001:deliverystream/d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_s3_destination_becomes_an_extended_one_with_every_default),
        cmocka_unit_test(what_was_given_stays_and_is_filled_up_within),
        cmocka_unit_test(other_destinations_have_their_own_defaults),
        cmocka_unit_test(an_elasticsearch_destination_is_an_opensearch_one_that_remembers_its_name),
        cmocka_unit_test(tags_stand_by_key_and_each_once),
        cmocka_unit_test(one_destination_that_is_served_is_wanted),
        cmocka_unit_test(a_view_comes_back_as_it_was_stored),
        cmocka_unit_test(a_row_that_cannot_be_read_is_named),
        cmocka_unit_test(readers_keep_the_view_they_looked_at),
        cmocka_unit_test(its_hidden_scope_is_one_that_no_client_can_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
