/* destination_opensearch_test.c: a small bulk API that takes and refuses single documents. */
#include "unit/delivery/post_fixture.h"

#include "delivery/bulk.h"

#define S3                                                                                         \
    "\"S3Configuration\":{\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":"         \
    "\"arn:aws:s3:::b\"}"

static char config[4096];
static char bodies[16][1024];   /* of each request */
static const char *answers[16]; /* "200 {...}", for each; fixed before the server opens */
static char authorization[512];

static enum far_next bulk(struct far_request *r)
{
    if (r->number >= 16 || answers[r->number] == NULL)
        die("a request too many"); /* not the test's thread */
    if (strcmp(r->target, "/_bulk?filter_path=errors%2Citems.%2A.status%2Citems.%2A.error") != 0)
        die("%s", r->target);
    snprintf(bodies[r->number], sizeof(bodies[0]), "%.*s", BYTES_ARGS(r->body));
    far_header(r, "Authorization", authorization, sizeof(authorization));
    far_answer(r, (int)strtol(answers[r->number], NULL, 10), "application/json",
               answers[r->number] + 4);
    return FAR_KEEP;
}

/* Three documents: {"a":1}, {"a":\n2} and {"a":3} with a newline after it. */
static void open_cluster(unsigned retry_s, const char *more)
{
    far.handle = bulk;
    far_open(&far);
    snprintf(config, sizeof(config),
             "{\"DeliveryStreamName\":\"d\",\"AmazonopensearchserviceDestinationConfiguration\":{"
             "\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"ClusterEndpoint\":\"%s\","
             "\"IndexName\":\"myindex\",\"RetryOptions\":{\"DurationInSeconds\":%u}%s," S3 "}}",
             far_url(&far, "/"), retry_s, more);
    begin(&destination_opensearch, config);
    parcel.body = BYTES_LITERAL("{\"a\":1}{\"a\":\n2}{\"a\":3}\n");
    records[0] = (struct parcel_record){10, 1456405200000, 0, 0, 7};
    records[1] = (struct parcel_record){11, 1456405200000, 0, 7, 8};
    records[2] = (struct parcel_record){11, 1456405200000, 1, 15, 8};
}

static int set_up_cluster(void **state)
{
    memset(answers, 0, sizeof(answers));
    memset(bodies, 0, sizeof(bodies));
    authorization[0] = '\0';
    setenv("AWS_ACCESS_KEY_ID", "", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    return set_up(state);
}

static int tear_down_cluster(void **state)
{
    return tear_down(state);
}

#define ID "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
#define LINE(id, document)                                                                         \
    "{\"index\":{\"_index\":\"myindex-2016-02-25\",\"_id\":\"" ID "." id "\"}}\n" document "\n"
#define TAKEN "{\"index\":{\"status\":201}}"
#define FULL  "{\"index\":{\"status\":429,\"error\":{\"type\":\"rejected\",\"reason\":\"full\"}}}"
#define BAD                                                                                        \
    "{\"index\":{\"status\":400,\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":"      \
    "\"no\"}}}"

static void each_record_is_a_document_with_its_own_id(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":false,\"items\":[" TAKEN "," TAKEN "," TAKEN "]}";
    open_cluster(0, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_string_equal(bodies[0], LINE("10.0", "{\"a\":1}") LINE("11.0", "{\"a\": 2}")
                                       LINE("11.1", "{\"a\":3} "));
    assert_string_equal(authorization, "");
}

static void types_and_no_ids_on_request(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":false,\"items\":[" TAKEN "," TAKEN "," TAKEN "]}";
    open_cluster(0, ",\"TypeName\":\"t\",\"IndexRotationPeriod\":\"NoRotation\","
                    "\"DocumentIdOptions\":{\"DefaultDocumentIdFormat\":\"NO_DOCUMENT_ID\"}");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_memory_equal(bodies[0], "{\"index\":{\"_index\":\"myindex\",\"_type\":\"t\"}}\n", 43);
}

/* Refusals are the destination's until done returns. */
static struct parcel_refusal kept[RECORDS_MAX];
static char kept_codes[RECORDS_MAX][32];
static void keep_refusals(struct parcel *p)
{
    for (uint32_t i = 0; i < p->refusal_count; i++) {
        kept[i] = p->refusals[i];
        snprintf(kept_codes[i], sizeof(kept_codes[0]), "%s", p->refusals[i].code);
    }
    parcel_done(p);
}

static void only_what_there_was_no_room_for_is_sent_again(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":true,\"items\":[" TAKEN "," FULL "," BAD "]}";
    answers[1] = "200 {\"errors\":false,\"items\":[" TAKEN "]}";
    open_cluster(300, "");
    parcel.done = keep_refusals;
    send_it();
    assert_string_equal(bodies[1], LINE("11.0", "{\"a\": 2}"));
    assert_int_equal(parcel.outcome, PARCEL_REFUSED);
    assert_int_equal(parcel.attempts, 2);
    assert_int_equal(parcel.refusal_count, 1);
    assert_int_equal(kept[0].record, 2);
    assert_string_equal(kept_codes[0], "400");
    assert_string_equal(kept[0].text, "mapper_parsing_exception: no");
}

static void what_is_left_when_time_is_up(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":true,\"items\":[" TAKEN "," FULL "," BAD "]}";
    open_cluster(0, "");
    parcel.done = keep_refusals;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_REFUSED);
    assert_int_equal(parcel.refusal_count, 2);
    assert_int_equal(kept[0].record, 2);
    assert_int_equal(kept[1].record, 1);
    assert_string_equal(kept_codes[1], "429");
    assert_string_equal(kept[1].text, "rejected: full");
}

static void what_cannot_be_a_document_is_not_sent(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":false,\"items\":[" TAKEN "," TAKEN "]}";
    open_cluster(0, "");
    records[1].len = 7; /* cut */
    parcel.done = keep_refusals;
    send_it();
    assert_int_equal(parcel.refusal_count, 1);
    assert_int_equal(kept[0].record, 1);
    dones = 0;
    records[0].len = records[2].len = 3;
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_REFUSED);
    assert_int_equal(parcel.refusal_count, 3);
    assert_int_equal(far_requests(&far), 1);
}

static void a_cluster_in_trouble(void **state)
{
    (void)state;
    answers[0] = "503 unavailable";
    answers[1] = "200 not json";
    answers[2] = "200 {\"items\":[" TAKEN "]}";
    answers[3] = "200 {\"errors\":false,\"items\":[" TAKEN "," TAKEN "," TAKEN "]}";
    open_cluster(300, "");
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_int_equal(parcel.attempts, 4);
    assert_backoff(0, 3);
}

static void a_request_that_is_refused_whole(void **state)
{
    (void)state;
    answers[0] = "413 too large";
    open_cluster(300, "");
    send_it();
    assert_refused(PARCEL_REFUSED, "413", "too large");
    assert_int_equal(parcel.refusal_count, 3);
}

static void requests_are_signed_when_there_are_credentials(void **state)
{
    (void)state;
    answers[0] = "200 {\"errors\":false,\"items\":[" TAKEN "," TAKEN "," TAKEN "]}";
    open_cluster(0, "");
    engine.s3_access_key = "AKIAEXAMPLE";
    engine.s3_secret_key = "s3cr3t";
    send_it();
    assert_int_equal(parcel.outcome, PARCEL_SENT);
    assert_non_null(strstr(authorization, "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20231114/"
                                          "eu-west-1/es/aws4_request"));
}

static void indexes_are_named_as_aws_names_them(void **state)
{
    (void)state;
    static const struct {
        const char *rotation;
        uint64_t at_ms;
        const char *name;
    } rows[] = {
        {"NoRotation", 1456405200000, "i"},
        {"OneHour", 1456405200000, "i-2016-02-25-13"},
        {"OneDay", 1456405200000, "i-2016-02-25"},
        {"OneMonth", 1456405200000, "i-2016-02"},
        {"OneWeek", 1456405200000, "i-2016-w09"},
        {"OneWeek", 1597449600000, "i-2020-w33"}, /* 2020-08-15, a Saturday */
        {"OneWeek", 1597536000000, "i-2020-w34"}, /* the Sunday after it */
        {"OneWeek", 1577750400000, "i-2020-w01"}, /* 2019-12-31: its Saturday is in 2020 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[BULK_INDEX_BYTES];
        bulk_index_name(BYTES_LITERAL("i"), bytes_text(rows[i].rotation), rows[i].at_ms, name);
        assert_string_equal(name, rows[i].name);
    }
}

#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_cluster, tear_down_cluster)

int main(void)
{
    far_prepare_process();
    static const struct CMUnitTest tests[] = {
        CLUSTER_TEST(each_record_is_a_document_with_its_own_id),
        CLUSTER_TEST(types_and_no_ids_on_request),
        CLUSTER_TEST(only_what_there_was_no_room_for_is_sent_again),
        CLUSTER_TEST(what_is_left_when_time_is_up),
        CLUSTER_TEST(what_cannot_be_a_document_is_not_sent),
        CLUSTER_TEST(a_cluster_in_trouble),
        CLUSTER_TEST(a_request_that_is_refused_whole),
        CLUSTER_TEST(requests_are_signed_when_there_are_credentials),
        cmocka_unit_test(indexes_are_named_as_aws_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
