/* process_check_test.c: which ProcessingConfigurations are refused, and in which words. */
/* link: -Wl,-u,support_as_helper */
#include "unit/delivery/process_fixture.h"

#define TEST(name)        cmocka_unit_test(name)
#define SPLIT(parameters) PROCESSOR("RecordDeAggregation", parameters)
#define DELIMITER(value)  PARAMETER("SubRecordType", "DELIMITED") "," PARAMETER("Delimiter", value)
#define LOGS              PROCESSOR("CloudWatchLogProcessing", PARAMETER("DataMessageExtraction", "true"))
#define INFLATE           PROCESSOR("Decompression", PARAMETER("CompressionFormat", "GZIP"))

static enum status check(const char *config, struct fault *f)
{
    struct delivery_view *v = delivery_view_of(config, 1, false);
    const struct firehose_extended_s3_destination_configuration *d =
        v->config->extended_s3_destination_configuration;
    const struct process_rules rules = {
        .processing = d->processing_configuration,
        .partitioning = d->dynamic_partitioning_configuration &&
                        d->dynamic_partitioning_configuration->enabled.value,
        .prefix = d->prefix,
    };
    f->text[0] = '\0';
    enum status st = process_check(&rules, f);
    delivery_view_unref(v);
    return st;
}

static void assert_taken(const char *config)
{
    struct fault f;
    if (check(config, &f) != OK)
        fail_msg("%s", f.text);
}

static void assert_refused(const char *config, const char *words)
{
    struct fault f;
    assert_int_equal(check(config, &f), INVALID_ARGUMENT);
    if (!strstr(f.text, words))
        fail_msg("'%s' does not say '%s'", f.text, words);
}

static void what_runs_is_taken(void **state)
{
    (void)state;
    assert_taken(CHAIN(""));
    assert_taken(CHAIN(SPLIT(PARAMETER("SubRecordType", "JSON"))));
    assert_taken(CHAIN(SPLIT(DELIMITER("IyMjIw=="))));
    assert_taken(CHAIN(INFLATE "," LOGS "," PROCESSOR("AppendDelimiterToRecord", "")));
    assert_taken(CHAIN(PROCESSOR("AppendDelimiterToRecord", PARAMETER("Delimiter", "\\\\n"))));
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused(CHAIN(SPLIT("")), "Parameter SubRecordType must be specified for the "
                                     "RecordDeAggregation processor.");
    assert_refused(CHAIN(SPLIT(PARAMETER("SubRecordType", "DELIMITED"))),
                   "Parameter Delimiter must be specified");
    assert_refused(CHAIN(PROCESSOR("Decompression", "")), "CompressionFormat must be specified");
    assert_refused(CHAIN(LOGS), "The Decompression processor must be specified");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_refused(CHAIN(SPLIT(PARAMETER("SubRecordType", "XML"))), "must be JSON or DELIMITED.");
    assert_refused(CHAIN(SPLIT(DELIMITER("####"))), "must be encoded in base64.");
    assert_refused(
        CHAIN(SPLIT(PARAMETER("SubRecordType", "JSON") "," PARAMETER("Delimiter", "IyMjIw=="))),
        "only applicable when");
    assert_refused(CHAIN(PROCESSOR("Decompression", PARAMETER("CompressionFormat", "ZIP"))),
                   "must be GZIP.");
    assert_refused(
        CHAIN(PROCESSOR("AppendDelimiterToRecord", PARAMETER("SubRecordType", "JSON"))),
        "Parameter SubRecordType is not applicable to the AppendDelimiterToRecord processor.");
    assert_refused(CHAIN(INFLATE "," INFLATE), "more than one Decompression processor.");
    assert_refused(
        CHAIN(SPLIT(PARAMETER("SubRecordType", "JSON") "," PARAMETER("SubRecordType", "JSON"))),
        "more than once");
}

#define QUERY(query)                                                                               \
    PROCESSOR("MetadataExtraction", PARAMETER("MetadataExtractionQuery",                           \
                                              query) "," PARAMETER("JsonParsingEngine", "JQ-1.6"))
#define PARTITIONED(prefix, processors)                                                            \
    "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" CHAIN_S3              \
    ",\"Prefix\":\"" prefix "\",\"DynamicPartitioningConfiguration\":{\"Enabled\":true},"          \
    "\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" processors "]}}}"

static void partitioning_needs_a_query_that_makes_its_keys(void **state)
{
    (void)state;
    assert_taken(PARTITIONED("!{partitionKeyFromQuery:k}/", QUERY("{k:.a}")));
    assert_refused(CHAIN(QUERY("{k:.a}")), "only applicable when Dynamic Partitioning is enabled.");
    assert_refused(PARTITIONED("!{partitionKeyFromQuery:k}/", INFLATE),
                   "MetadataExtraction or Lambda processor must be specified");
    assert_refused(PARTITIONED("!{partitionKeyFromQuery:k}/", QUERY("{j:.a}")),
                   "does not make the key k of the Prefix.");
    assert_refused(PARTITIONED("!{partitionKeyFromQuery:k}/", QUERY("{k:now}")),
                   "this server does not run queries with now.");
    assert_refused(PARTITIONED("!{partitionKeyFromLambda:k}/", QUERY("{k:.a}")),
                   "Lambda processor must be specified when");
    assert_refused(PARTITIONED("x/", PROCESSOR("MetadataExtraction", "")),
                   "MetadataExtractionQuery must be specified");
}

static void what_does_not_run_is_refused(void **state)
{
    (void)state;
    assert_refused(
        CHAIN(PROCESSOR("Lambda", PARAMETER("LambdaArn", "arn:aws:lambda:r:0:function:f"))),
        "This server does not know the function of LambdaArn");
    assert_refused(CHAIN(PROCESSOR("Lambda", PARAMETER("LambdaArn", "f"))),
                   "is not the ARN of a function.");
    assert_refused(CHAIN(PROCESSOR("Lambda", "")), "LambdaArn must be specified");
    static const char *const sizes[] = {"0.1", "0", "3.1", "4", "-1", "1e3", "0.2.", ".", "1."};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char config[2048];
        snprintf(config, sizeof(config),
                 CHAIN(PROCESSOR(
                     "Lambda", PARAMETER("LambdaArn", "x") "," PARAMETER("BufferSizeInMBs", "%s"))),
                 sizes[i]);
        assert_refused(config, "must be a number from 0.2 to 3.");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_runs_is_taken),           TEST(what_is_missing_is_named),
        TEST(what_does_not_fit_is_refused), TEST(partitioning_needs_a_query_that_makes_its_keys),
        TEST(what_does_not_run_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
