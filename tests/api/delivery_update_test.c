/* delivery_update_test.c: destinations updated, tags and encryption of delivery streams changed, over a loopback exchange. */
#include "base/mem.h"
#include "support/answers.h"
#include "support/delivery_given.h"
#include "support/key_file.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define CREATE    FIREHOSE("CreateDeliveryStream")
#define DESCRIBE  FIREHOSE("DescribeDeliveryStream")
#define UPDATE    FIREHOSE("UpdateDestination")
#define TAG       FIREHOSE("TagDeliveryStream")
#define UNTAG     FIREHOSE("UntagDeliveryStream")
#define TAGS      FIREHOSE("ListTagsForDeliveryStream")
#define START     FIREHOSE("StartDeliveryStreamEncryption")
#define STOP      FIREHOSE("StopDeliveryStreamEncryption")
#define KEY_FILE  KEY_A " alias/aws/kinesis enabled " BITS_1 "\n" KEY_B " - enabled " BITS_2 "\n"
#define KEY_B_ARN "arn:aws:kms:us-east-1:000000000000:key/" KEY_B

struct subject {
    struct loopback loopback;
    struct key_file file;
};

static int open_with(void **state, uint64_t state_delay_ms)
{
    struct subject *s = MEM_NEW(struct subject);
    key_file_open(&s->file, KEY_FILE);
    s->loopback.master_keys = s->file.keys;
    s->loopback.state_delay_ms = state_delay_ms;
    loopback_open(&s->loopback);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    return open_with(state, 0);
}

static int setup_slow(void **state)
{
    return open_with(state, 50);
}

static int teardown(void **state)
{
    struct subject *s = *state;
    loopback_close(&s->loopback);
    key_file_close(&s->file);
    mem_free(s);
    return 0;
}

#define ENDPOINT "\"EndpointConfiguration\":{\"Url\":\"https://x/y\",\"AccessKey\":\"secret\"}"
#define AT_VERSION(version, update)                                                                \
    "{\"DeliveryStreamName\":\"d\",\"CurrentDeliveryStreamVersionId\":\"" version                  \
    "\",\"DestinationId\":\"destinationId-000000000001\"," update "}"

static void create_http(struct loopback *l)
{
    json_decref(answer_ok(
        l, CREATE,
        "{\"DeliveryStreamName\":\"d\",\"HttpEndpointDestinationConfiguration\":{" ENDPOINT
        ",\"S3Configuration\":{" GIVEN_S3 ",\"Prefix\":\"was/\"}}}"));
}

static void what_an_update_leaves_out_stays(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    create_http(l);
    json_decref(answer_ok(
        l, UPDATE,
        AT_VERSION("1",
                   "\"HttpEndpointDestinationUpdate\":{\"RetryOptions\":{"
                   "\"DurationInSeconds\":7},\"S3Update\":{\"CompressionFormat\":\"GZIP\"}}")));
    loopback_reopen(l);
    assert_true(delivery_shows(l, "\"VersionId\":\"2\""));
    assert_true(delivery_shows(l, "\"DurationInSeconds\":7"));
    assert_true(delivery_shows(l, "\"Prefix\":\"was/\""));
    assert_true(delivery_shows(l, "\"CompressionFormat\":\"GZIP\""));
    assert_true(
        delivery_shows(l, "\"EndpointConfiguration\":{\"Url\":\"https://x/y\"}")); /* no key */
}

static bool has_access_key(struct loopback *l)
{
    struct scope scope = {"000000000000", "us-east-1"};
    struct delivery *d = delivery_table_find(l->service.deliveries, &scope, BYTES_LITERAL("d"));
    struct delivery_view *v = delivery_look(d);
    struct bytes key =
        v->config->http_endpoint_destination_configuration->endpoint_configuration->access_key;
    bool has = bytes_equal(key, BYTES_LITERAL("secret"));
    assert_true(has || !bytes_present(key));
    delivery_view_unref(v);
    delivery_unref(d);
    return has;
}

static void an_access_key_stays_with_the_origin_it_was_given_for(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    create_http(l);
    json_decref(
        answer_ok(l, UPDATE,
                  AT_VERSION("1", "\"HttpEndpointDestinationUpdate\":{"
                                  "\"EndpointConfiguration\":{\"Url\":\"https://X:443/z\"}}")));
    assert_true(has_access_key(l));
    json_decref(answer_ok(l, UPDATE,
                          AT_VERSION("2", "\"HttpEndpointDestinationUpdate\":{"
                                          "\"EndpointConfiguration\":{\"Url\":\"https://z/y\"}}")));
    assert_false(has_access_key(l));
}

static void a_splunk_token_is_given_anew_for_another_host(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    json_decref(answer_ok(
        l, CREATE,
        "{\"DeliveryStreamName\":\"d\",\"SplunkDestinationConfiguration\":{\"HECEndpoint\":"
        "\"https://"
        "a:8088\",\"HECEndpointType\":\"Raw\",\"HECToken\":\"t\",\"S3Configuration\":{" GIVEN_S3
        "}}}"));
#define SPLUNK(version, update) AT_VERSION(version, "\"SplunkDestinationUpdate\":{" update "}")
    json_decref(answer_ok(l, UPDATE, SPLUNK("1", "\"HECEndpointType\":\"Event\"")));
    json_decref(answer_ok(l, UPDATE, SPLUNK("2", "\"HECEndpoint\":\"https://a:8088/x\"")));
    answer_refused(l, UPDATE, SPLUNK("3", "\"HECEndpoint\":\"https://b:8088\""),
                   "InvalidArgumentException", "HECToken must be specified.");
    json_decref(
        answer_ok(l, UPDATE, SPLUNK("3", "\"HECEndpoint\":\"https://b:8088\",\"HECToken\":\"u\"")));
}

static void an_opensearch_address_takes_the_place_of_the_other(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
#define SEARCH(address)                                                                            \
    "{\"DeliveryStreamName\":\"d\",\"AmazonopensearchserviceDestinationConfiguration\":{" address  \
    "\"RoleARN\":\"arn:aws:iam::000000000000:role/"                                                \
    "r\",\"IndexName\":\"i\",\"S3Configuration\":{" GIVEN_S3 "}}}"
#define DOMAIN     "\"DomainARN\":\"arn:aws:es:us-east-1:000000000000:domain/abc\""
#define NO_ADDRESS "Exactly one of DomainARN and ClusterEndpoint must be specified."
#define DOMAIN_ONLY                                                                                \
    "This server cannot look up the address of a domain: ClusterEndpoint must be specified "       \
    "instead of DomainARN."
    answer_refused(l, CREATE, SEARCH(""), "InvalidArgumentException", NO_ADDRESS);
    answer_refused(l, CREATE, SEARCH(DOMAIN ","), "InvalidArgumentException", DOMAIN_ONLY);
    json_decref(answer_ok(l, CREATE, SEARCH("\"ClusterEndpoint\":\"https://es\",")));
    answer_refused(l, UPDATE,
                   AT_VERSION("1", "\"AmazonopensearchserviceDestinationUpdate\":{" DOMAIN "}"),
                   "InvalidArgumentException", DOMAIN_ONLY);
    json_decref(answer_ok(l, UPDATE,
                          AT_VERSION("1", "\"ElasticsearchDestinationUpdate\":{"
                                          "\"ClusterEndpoint\":\"https://other\"}")));
    assert_true(delivery_shows(l, "\"ClusterEndpoint\":\"https://other\""));
}

static void an_update_must_know_what_it_changes(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    answer_refused(l, UPDATE, AT_VERSION("1", "\"S3DestinationUpdate\":{}"),
                   "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_refused(l, UPDATE, AT_VERSION("2", "\"S3DestinationUpdate\":{}"),
                   "ConcurrentModificationException",
                   "Cannot update firehose: d since the current version id: 1 and specified "
                   "version id: 2 do not match");
    answer_refused(l, UPDATE,
                   "{\"DeliveryStreamName\":\"d\",\"CurrentDeliveryStreamVersionId\":\"1\","
                   "\"DestinationId\":\"destinationId-000000000002\",\"S3DestinationUpdate\":{}}",
                   "InvalidArgumentException",
                   "Destination Id destinationId-000000000002 not found");
    answer_refused(
        l, UPDATE, AT_VERSION("1", "\"S3DestinationUpdate\":{},\"ExtendedS3DestinationUpdate\":{}"),
        "InvalidArgumentException", "Exactly one destination update is supported for a Firehose");
    answer_refused(l, UPDATE,
                   AT_VERSION("1", "\"S3DestinationUpdate\":{\"Prefix\":\"!{timestamp:yyyy}\"}"),
                   "InvalidArgumentException",
                   "ErrorOutputPrefix can't be null when Prefix contains expressions");
    assert_true(delivery_shows(l, "\"VersionId\":\"1\""));
}

static void another_type_must_be_given_whole(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    answer_refused(l, UPDATE, AT_VERSION("1", "\"HttpEndpointDestinationUpdate\":{" ENDPOINT "}"),
                   "InvalidArgumentException",
                   "S3Configuration must be specified when the destination's type changes.");
    answer_refused(l, UPDATE, AT_VERSION("1", "\"ElasticsearchDestinationUpdate\":{}"),
                   "InvalidArgumentException",
                   "Changing the destination type to or from Amazon OpenSearch Service is not "
                   "supported.");
    json_decref(answer_ok(l, UPDATE,
                          AT_VERSION("1", "\"HttpEndpointDestinationUpdate\":{" ENDPOINT
                                          ",\"S3Update\":{" GIVEN_S3 "}}")));
    assert_true(delivery_shows(l, "\"HttpEndpointDestinationDescription\""));
}

static void a_backup_cannot_be_turned_off(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    json_decref(answer_ok(l, CREATE,
                          GIVEN_CREATE(",\"S3BackupMode\":\"Enabled\",\"S3BackupConfiguration\":"
                                       "{" GIVEN_S3 "}")));
    answer_refused(
        l, UPDATE,
        AT_VERSION("1", "\"ExtendedS3DestinationUpdate\":{\"S3BackupMode\":\"Disabled\"}"),
        "InvalidArgumentException", "Disabling S3 backup is not currently supported.");
    json_decref(answer_ok(
        l, UPDATE,
        AT_VERSION("1",
                   "\"ExtendedS3DestinationUpdate\":{\"S3BackupUpdate\":{\"Prefix\":\"b/\"}}")));
    assert_true(delivery_shows(l, "\"Prefix\":\"b/\""));
}

/* ---- tags ---- */

static void tags_are_kept_in_order_and_paged(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    answer_refused(l, TAGS, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    answer_refused(l, TAG, "{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"a\"}]}",
                   "ResourceNotFoundException", NO_D);
    answer_refused(l, UNTAG, "{\"DeliveryStreamName\":\"d\",\"TagKeys\":[\"a\"]}",
                   "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    json_decref(answer_ok(l, TAG,
                          "{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"b\",\"Value\":\"1\"},"
                          "{\"Key\":\"a\"},{\"Key\":\"c\",\"Value\":\"3\"}]}"));
    json_decref(answer_ok(
        l, TAG, "{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"}]}"));
    loopback_reopen(l);
    answer_is(l, TAGS, "{\"DeliveryStreamName\":\"d\",\"Limit\":2}",
              "{\"HasMoreTags\":true,\"Tags\":[{\"Key\":\"a\"},{\"Key\":\"b\",\"Value\":\"2\"}]}");
    answer_is(l, TAGS, "{\"DeliveryStreamName\":\"d\",\"ExclusiveStartTagKey\":\"b\"}",
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"c\",\"Value\":\"3\"}]}");
    json_decref(
        answer_ok(l, UNTAG, "{\"DeliveryStreamName\":\"d\",\"TagKeys\":[\"a\",\"nobody\",\"c\"]}"));
    answer_is(l, TAGS, GIVEN_NAME,
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"}]}");
    assert_true(delivery_shows(l, "\"VersionId\":\"1\""));
}

static void there_are_at_most_fifty_tags(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    struct buf json;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    buf_init(&json, 1 << 16);
    buf_append_text(&json, "{\"DeliveryStreamName\":\"d\",\"Tags\":[");
    for (int i = 0; i < 50; i++)
        buf_printf(&json, "%s{\"Key\":\"k%d\"}", i ? "," : "", i);
    buf_append_text(&json, "]}");
    buf_append_byte(&json, 0);
    json_decref(answer_ok(l, TAG, (const char *)json.at));
    answer_refused(l, TAG, "{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"l\"}]}",
                   "LimitExceededException",
                   "Firehose d under account 000000000000 cannot have more than 50 tags.");
    buf_fini(&json);
}

/* ---- encryption ---- */

static void encryption_is_started_turned_over_and_stopped(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    answer_refused(l, START, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    answer_refused(l, STOP, GIVEN_NAME, "ResourceNotFoundException", NO_D);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    json_decref(answer_ok(l, START, GIVEN_NAME));
    assert_true(delivery_shows(l, "{\"KeyType\":\"AWS_OWNED_CMK\",\"Status\":\"ENABLED\"}"));
    json_decref(answer_ok(l, START,
                          "{\"DeliveryStreamName\":\"d\","
                          "\"DeliveryStreamEncryptionConfigurationInput\":{\"KeyType\":"
                          "\"CUSTOMER_MANAGED_CMK\",\"KeyARN\":\"" KEY_B_ARN "\"}}"));
    loopback_reopen(l);
    assert_true(delivery_shows(l,
                               "{\"KeyARN\":\"" KEY_B_ARN
                               "\",\"KeyType\":\"CUSTOMER_MANAGED_CMK\",\"Status\":\"ENABLED\"}"));
    json_decref(answer_ok(l, STOP, GIVEN_NAME));
    assert_true(
        delivery_shows(l, "\"DeliveryStreamEncryptionConfiguration\":{\"Status\":\"DISABLED\"}"));
    json_decref(answer_ok(l, STOP, GIVEN_NAME)); /* nothing to do */
}

static void answered(struct catalog_command *command)
{
    (void)command;
}

/* As the first half of a start leaves it, when the second is cut off. */
static void encrypt_its_records_alone(struct loopback *l, const struct scope *hidden)
{
    struct catalog_command command = {.verb = CATALOG_SET_ENCRYPTION,
                                      .scope = *hidden,
                                      .stream = BYTES_LITERAL("d"),
                                      .done = answered};
    command.encryption.start = true;
    command.encryption.key_id = BYTES_LITERAL(KEY_B_ARN);
    catalog_submit(l->service.catalog, &command);
    answer_empty(l, "CreateStream",
                 "{\"StreamName\":\"behind\",\"ShardCount\":1}"); /* so it is done */
}

static bool is_sealed(struct loopback *l, const struct scope *hidden)
{
    struct stream *s = stream_table_find(l->service.streams, hidden, BYTES_LITERAL("d"));
    assert_non_null(s);
    struct stream_view *v = stream_look(s);
    bool on = v->settings.encryption && v->settings.encryption->on;
    stream_view_unref(v);
    stream_unref(s);
    return on;
}

static void a_start_that_was_cut_off_can_be_stopped(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    struct scope scope;
    assert_true(scope_set(&scope, BYTES_LITERAL("000000000000"), BYTES_LITERAL("us-east-1")));
    struct scope hidden = delivery_hidden_scope(&scope);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    encrypt_its_records_alone(l, &hidden);
    loopback_reopen(l);
    assert_true(is_sealed(l, &hidden));
    json_decref(answer_ok(l, STOP, GIVEN_NAME));
    assert_false(is_sealed(l, &hidden));
    assert_true(
        delivery_shows(l, "\"DeliveryStreamEncryptionConfiguration\":{\"Status\":\"DISABLED\"}"));
}

static void keys_that_are_not_there_are_refused(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    static const char wish[] =
        "\"DeliveryStreamEncryptionConfigurationInput\":{\"KeyType\":\"CUSTOMER_MANAGED_CMK\","
        "\"KeyARN\":\"arn:aws:kms:us-east-1:000000000000:key/"
        "cccccccc-0000-4000-8000-000000000003\"}";
    static const char text[] = "Key 'arn:aws:kms:us-east-1:000000000000:key/"
                               "cccccccc-0000-4000-8000-000000000003' does not exist";
    char json[512];
    snprintf(json, sizeof(json),
             "{\"DeliveryStreamName\":\"d\",\"S3DestinationConfiguration\":{" GIVEN_S3 "},%s}",
             wish);
    answer_refused(l, CREATE, json, "InvalidKMSResourceException", text);
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    snprintf(json, sizeof(json), "{\"DeliveryStreamName\":\"d\",%s}", wish);
    answer_refused(l, START, json, "InvalidKMSResourceException", text);
    answer_refused(l, START,
                   "{\"DeliveryStreamName\":\"d\","
                   "\"DeliveryStreamEncryptionConfigurationInput\":{\"KeyType\":"
                   "\"CUSTOMER_MANAGED_CMK\"}}",
                   "InvalidArgumentException",
                   "KeyARN must be specified when KeyType is CUSTOMER_MANAGED_CMK.");
}

static void encryption_changes_at_most_25_times_a_day(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    for (int i = 0; i < 25; i++)
        json_decref(answer_ok(l, i % 2 ? STOP : START, GIVEN_NAME));
    static const char text[] =
        "Encryption of firehose d under account 000000000000 was started and "
        "stopped 25 times within 24 hours, the most it can be.";
    answer_refused(l, STOP, GIVEN_NAME, "LimitExceededException", text);
    answer_refused(l, START, GIVEN_NAME, "LimitExceededException", text);
    clock_manual_advance_ms(&l->clock, 24 * 3600 * 1000);
    json_decref(answer_ok(l, STOP, GIVEN_NAME));
}

static void changes_wait_for_a_state_to_settle(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    json_decref(answer_ok(l, CREATE, GIVEN_CREATE("")));
    static const char text[] =
        "Firehose d under accountId 000000000000 is not ACTIVE, instead in state CREATING";
    answer_refused(l, UPDATE, AT_VERSION("1", "\"S3DestinationUpdate\":{}"),
                   "ResourceInUseException", text);
    answer_refused(l, TAG, "{\"DeliveryStreamName\":\"d\",\"Tags\":[{\"Key\":\"l\"}]}",
                   "ResourceInUseException", text);
    answer_refused(l, UNTAG, "{\"DeliveryStreamName\":\"d\",\"TagKeys\":[\"l\"]}",
                   "ResourceInUseException", text);
    answer_refused(l, START, GIVEN_NAME, "ResourceInUseException", text);
    delivery_wait(l, "\"ACTIVE\"");
    json_decref(answer_ok(l, START, GIVEN_NAME));
    assert_true(delivery_shows(l, "\"ENABLING\""));
    answer_refused(l, STOP, GIVEN_NAME, "ResourceInUseException",
                   "Encryption of firehose d under accountId 000000000000 is being changed.");
    loopback_reopen(l);
    delivery_wait(l, "\"ENABLED\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_an_update_leaves_out_stays),
        TEST(an_access_key_stays_with_the_origin_it_was_given_for),
        TEST(a_splunk_token_is_given_anew_for_another_host),
        TEST(an_opensearch_address_takes_the_place_of_the_other),
        TEST(an_update_must_know_what_it_changes),
        TEST(another_type_must_be_given_whole),
        TEST(a_backup_cannot_be_turned_off),
        TEST(tags_are_kept_in_order_and_paged),
        TEST(there_are_at_most_fifty_tags),
        TEST(encryption_is_started_turned_over_and_stopped),
        TEST(a_start_that_was_cut_off_can_be_stopped),
        TEST(keys_that_are_not_there_are_refused),
        TEST(encryption_changes_at_most_25_times_a_day),
        cmocka_unit_test_setup_teardown(changes_wait_for_a_state_to_settle, setup_slow, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
