/* process_jq_test.c: queries that are taken and not, and the partitions that come of records. */
/* link: -Wl,-u,support_as_helper */
#include "unit/delivery/process_fixture.h"

#include "delivery/process_jq.h"
#include "delivery/process_query.h"
#include "delivery/query_helper.h"

#include <signal.h>

#define TEST(name) cmocka_unit_test(name)
#define PARTITIONED(prefix, query)                                                                 \
    "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" CHAIN_S3              \
    ",\"Prefix\":\"" prefix "\",\"DynamicPartitioningConfiguration\":{\"Enabled\":true},"          \
    "\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" PROCESSOR(                    \
        "MetadataExtraction", PARAMETER("MetadataExtractionQuery", query) "," PARAMETER(           \
                                  "JsonParsingEngine", "JQ-1.6")) "]}}}"
#define BY_CUSTOMER                                                                                \
    PARTITIONED("c=!{partitionKeyFromQuery:customer}/d=!{partitionKeyFromQuery:day}/",             \
                "{customer:.c.id,day:.ts[0:10],more:(.more//1)}")

static void common_queries_are_taken(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "{customer_id:.customer_id}",
        "{ customer_id: .customer_id, device: .type.device, year: .ts|strftime(\"%Y\") }",
        "{k:.a[0].b,\"j\":.[\"x y\"],l:.a[-1],m:.a[2:4]?}",
        "{k:(.ts/1000|strftime(\"%m\"))}",
        "{k:(if .a == null then \"none\" elif .a > 3 then \"b\" else .a end)}",
        "{k:.t|split(\"T\")[0]}",
        "{k:(.a // \"default\")}",
        "{k:\"x-\\(.a)\"}",
        "{k:.a|tostring|ascii_downcase}",
        ". as $r | {k:$r.a, $r}",
        "{k}",
        "{k:.d|fromdateiso8601|gmtime|mktime}",
        "{k:(try .a catch \"b\")}",
        "{k:.m|fromjson.x}",
        "{k:.a[ ]}",
        "{k:(.a,.b)}",
        "{k:[.a,.b]|join(\"-\")}",
        "{k:.a.b|map(.c)|add}",
        "{k:(.a|test(\"(a+)+$\"))}",
        "{k:.a|gsub(\"a\";\"b\")}",
        "{k:.a[.b]}",
        "{k:.a|@sh}",
        "{k:.a # c\n}",
        "{k:(.a-.b*2%7)}",
        "reduce .a[] as $x ({k:0};.k+=$x)",
        "def f: .a; {k:f}",
        "if .a then {k:1} else {k:2,j:3} end",
        ". as [$a,{b:$c}] | {k:$a,j:$c}",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct fault f = {0};
        if (process_jq_check(bytes_text(queries[i]), BYTES_LITERAL("x/"), &f) != OK)
            fail_msg("%s: %s", queries[i], f.text);
    }
}

static void what_looks_around_or_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "{k:$ENV.PATH}",
        "{k:env.PATH}",
        "{k:input}",
        "{k:\"a\\(.b|[inputs])\"}",
        "{k:$__prog_args}",
        "import \"a\" as a; {k:.a}",
        "include \"a\"; {k:.a}",
        "{k:a::b}",
        "{k:now}",
        "{k:\"\\(now)\"}",
        "{k:.a,j:(\"a\\(\"b\\(now)\")\")}",
        "{k:(# it's\nnow)}",
        "{k:[now][]}",
        "{(now|tostring):1}",
        "{k:.a|debug}",
        "{k:.a",
        "{k:.a)}",
        "{k:.a]",
        "{k:\"",
        "{k:\"\\(.a}",
        "\x01",
        "{k:\xff}",
        "}",
        "if",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct fault f = {0};
        if (process_jq_check(bytes_text(queries[i]), BYTES_LITERAL("x/"), &f) != INVALID_ARGUMENT)
            fail_msg("%s", queries[i]);
        assert_int_not_equal(strlen(f.text), 0);
    }
}

static void what_is_refused_may_be_a_name(void **state)
{
    (void)state;
    struct query_keys keys;
    struct fault f;
    assert_int_equal(
        query_scan(BYTES_LITERAL("{now:.env,\"input\":\"now\",$import,include # now\n}"), &keys,
                   &f),
        OK);
    static const char *const names[] = {"now", "input", "import", "include"};
    assert_int_equal(keys.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_text(keys.at[i], names[i]);
    assert_false(keys.computed);
}

static void the_query_must_make_the_keys_of_the_prefix(void **state)
{
    (void)state;
    struct fault f;
    struct bytes prefix = BYTES_LITERAL("!{partitionKeyFromQuery:a}/!{partitionKeyFromQuery:b}/");
    assert_int_equal(process_jq_check(BYTES_LITERAL("{b:.x,a:.y,c:.z}"), prefix, &f), OK);
    assert_int_equal(process_jq_check(BYTES_LITERAL("{b:.x,c:.a}"), prefix, &f), INVALID_ARGUMENT);
    assert_string_equal(f.text, "MetadataExtractionQuery does not make the key a of the Prefix.");
    assert_int_equal(process_jq_check(BYTES_LITERAL("{b:.x}+{(.n):.a}"), prefix, &f), OK);
    assert_int_equal(process_jq_check(BYTES_LITERAL(".keys"), prefix, &f), OK);
}

static void assert_partition(const char *data, struct bytes partition)
{
    struct chain c = {0};
    struct process_batch b;
    chain_open(&c, BY_CUSTOMER, false);
    chain_run(&c, &b, bytes_text(data));
    assert_int_equal(b.result_count, 1);
    if (b.results[0].channel != OUTPUT_MAIN || !bytes_equal(b.results[0].partition, partition))
        fail_msg("%s: %.*s", data, BYTES_ARGS(b.results[0].partition));
    assert_text(b.results[0].data, data);
    batch_free(&b);
    chain_close(&c);
}

static void keys_become_a_partition(void **state)
{
    (void)state;
#define PAIRS(c, d) BYTES_LITERAL("query:customer\0" c "\0query:day\0" d "\0")
    assert_partition("{\"c\":{\"id\":\"one\"},\"ts\":\"2026-11-26T05:00\"}",
                     PAIRS("one", "2026-11-26"));
    assert_partition("{\"c\":{\"id\":17},\"ts\":\"d\",\"more\":\"x\"}", PAIRS("17", "d"));
    assert_partition("{\"c\":{\"id\":1.5},\"ts\":\"d\"}", PAIRS("1.5", "d"));
    assert_partition("{\"c\":{\"id\":1700000000123},\"ts\":\"d\"}", PAIRS("1700000000123", "d"));
    assert_partition("{\"c\":{\"id\":true},\"ts\":\"\\u00e9\"}", PAIRS("true", "\xc3\xa9"));
}

static void what_gives_no_keys_fails(void **state)
{
    (void)state;
    static const char *const records[] = {
        "hello",
        "",
        "[]",
        "17",
        "{}",
        "{\"c\":{\"id\":null},\"ts\":\"d\"}",
        "{\"c\":{\"id\":\"\"},\"ts\":\"d\"}",
        "{\"c\":{\"id\":[1]},\"ts\":\"d\"}",
        "{\"c\":{\"id\":nan},\"ts\":\"d\"}",
        "{\"c\":{\"id\":{}},\"ts\":\"d\"}",
        "{\"c\":{\"id\":\"\\u0000\"},\"ts\":\"d\"}",
        "{\"c\":7,\"ts\":\"d\"}",
        "{\"c\":{\"id\":1},\"ts\":\"d\",\"more\":[]}",
        "{\"c\":{\"id\":1},\"ts\":\"d\"}{\"c\":{\"id\":1},\"ts\":\"d\"}",
        "{\"c\":{\"id\":1},\"ts\":\"d\"",
    };
    struct chain c = {0};
    chain_open(&c, BY_CUSTOMER, false);
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        struct process_batch b;
        chain_run(&c, &b, bytes_text(records[i]));
        assert_int_equal(b.result_count, 1);
        if (b.results[0].channel != OUTPUT_ERROR)
            fail_msg("%s", records[i]);
        assert_true(holds_text(b.results[0].data, "DynamicPartitioning.MetadataExtractionFailed"));
        batch_free(&b);
    }
    chain_close(&c);
}

static void a_deep_or_large_record_or_a_long_key_fails(void **state)
{
    (void)state;
    struct chain c = {0};
    struct process_batch b;
    size_t large = QUERY_INPUT_BYTES_MAX + 1;
    char *text = mem_must(large + 1);
    chain_open(&c, BY_CUSTOMER, false);
    memset(text, '[', large);
    chain_run(&c, &b, bytes_of(text, large - 1));
    assert_int_equal(b.results[0].channel, OUTPUT_ERROR);
    batch_free(&b);
    chain_run(&c, &b, bytes_of(text, large));
    assert_true(holds_text(b.results[0].data, "too large for a query"));
    batch_free(&b);
    snprintf(text, large, "{\"c\":{\"id\":\"%0*d\"},\"ts\":\"d\"}", 500, 1);
    chain_run(&c, &b, bytes_text(text));
    assert_int_equal(b.results[0].channel, OUTPUT_ERROR);
    assert_true(holds_text(b.results[0].data, "DynamicPartitioning.PrefixEvaluationFailed"));
    batch_free(&b);
    snprintf(text, large, "{\"c\":{\"id\":\"%0*d\"},\"ts\":\"d\"}", 300, 1);
    chain_run(&c, &b, bytes_text(text));
    assert_int_equal(b.results[0].channel, OUTPUT_MAIN);
    batch_free(&b);
    mem_free(text);
    chain_close(&c);
}

/* Of a length that a prefix has room for in May, and not in September. */
static void whether_a_partition_has_a_name_does_not_depend_on_batches(void **state)
{
    (void)state;
    struct chain c = {0};
    char text[1024];
    snprintf(text, sizeof(text), "{\"k\":\"%0*d\"}", PREFIX_EXPANDED_BYTES_MAX - 32 - 6, 1);
    const struct process_record records[] = {
        {.offset = 0, .time_ms = 1684108800000, .data = bytes_text(text)},  /* in May 2023 */
        {.offset = 1, .time_ms = 1694908800000, .data = bytes_text(text)}}; /* in September */
    chain_open(&c, PARTITIONED("!{partitionKeyFromQuery:k}/!{timestamp:MMMM}", "{k:.k}"), false);
    for (uint32_t size = 1; size <= 2; size++) {
        for (uint32_t at = 0; at < 2; at += size) {
            struct process_batch b;
            batch_begin(&c, &b, records + at, size);
            batches_wait(&c);
            assert_int_equal(b.result_count, size);
            for (uint32_t i = 0; i < size; i++)
                assert_int_equal(b.results[i].channel, OUTPUT_ERROR);
            batch_free(&b);
        }
    }
    chain_close(&c);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(common_queries_are_taken),
        TEST(what_looks_around_or_is_none_is_refused),
        TEST(what_is_refused_may_be_a_name),
        TEST(the_query_must_make_the_keys_of_the_prefix),
        TEST(keys_become_a_partition),
        TEST(what_gives_no_keys_fails),
        TEST(a_deep_or_large_record_or_a_long_key_fails),
        TEST(whether_a_partition_has_a_name_does_not_depend_on_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
