/* inject_rules_test.c: rules are taken whole, or refused with the line or member named. */
#include "api/inject_rules.h"

#include "base/buf.h"
#include "shards/stream_view.h"
#include "unit/base/cmocka_all.h"

static struct inject_rules *taken(const char *json)
{
    struct inject_rules *rules;
    struct fault f = {0};
    enum status st = inject_rules_parse(bytes_text(json), &rules, &f);
    assert_string_equal(f.text, "");
    assert_int_equal(st, OK);
    return rules;
}

static void refused(const char *json, const char *why)
{
    struct inject_rules *rules;
    struct fault f = {0};
    assert_int_not_equal(inject_rules_parse(bytes_text(json), &rules, &f), OK);
    assert_null(rules);
    assert_string_equal(f.text, why);
}

static void a_rule_says_all_that_it_may(void **state)
{
    (void)state;
    struct inject_rules *rules =
        taken("{\"Rules\":[{\"Operation\":\"GetRecords\",\"Account\":\"123456789012\","
              "\"StreamName\":\"s\",\"ShardId\":\"shardId-000000000007\",\"Probability\":0.25,"
              "\"Seed\":-3,\"Times\":9,\"Error\":{\"Name\":\"ExpiredIteratorException\","
              "\"Message\":\"no\",\"HttpStatus\":418}},"
              "{\"Latency\":{\"MinMs\":5,\"MaxMs\":9}},{\"Latency\":{\"MinMs\":7}},"
              "{\"Throttle\":true},{\"Drop\":\"BEFORE\"},{\"Drop\":\"AFTER\"},"
              "{\"Error\":{\"Name\":\"InternalFailure\"}}]}");
    assert_int_equal(rules->count, 7);
    const struct inject_rule *r = rules->at;
    assert_ptr_equal(r->operation, &kinesis_operations[KINESIS_OP_GET_RECORDS]);
    assert_int_equal(r->shard, 7);
    assert_int_equal(r->millionths, 250000);
    assert_int_equal(r->times, 9);
    assert_int_equal(r->action, INJECT_ERROR);
    assert_int_equal(r->http_status, 418);
    assert_int_equal(r[1].action, INJECT_LATENCY);
    assert_int_equal(r[1].latency_most_ms, 9);
    assert_int_equal(r[2].latency_least_ms, 7);
    assert_int_equal(r[2].latency_most_ms, 7);
    assert_int_equal(r[3].action, INJECT_THROTTLE);
    assert_null(r[3].operation);
    assert_int_equal(r[3].shard, SHARD_NONE);
    assert_int_equal(r[3].millionths, 1000000);
    assert_int_equal(r[4].action, INJECT_DROP_BEFORE);
    assert_int_equal(r[5].action, INJECT_DROP_AFTER);
    assert_int_equal(r[6].http_status, 500);
    inject_rules_unref(rules);
}

static void no_rules_are_rules_too(void **state)
{
    (void)state;
    struct inject_rules *rules = taken("{\"Rules\":[]}");
    assert_int_equal(rules->count, 0);
    inject_rules_unref(rules);
}

static void what_is_no_json_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("{\n \"Rules\": [\n  {\"Throttle\": yes}\n ]\n}", "line 3: invalid token near 'yes'");
    refused("{\"Rules\":[],\n\"Rules\":[]}", "line 2: duplicate object key near '\"Rules\"'");
    refused("", "line 1: '[' or '{' expected near end of file");
    struct inject_rules *rules;
    struct fault f = {0};
    struct bytes with_nul = BYTES_LITERAL("{\"Rules\":[{\"Times\":2\0,\"Throttle\":true}]}");
    assert_int_equal(inject_rules_parse(with_nul, &rules, &f), MALFORMED);
    assert_string_equal(f.text, "it is not JSON");
}

static void what_is_no_rule_is_refused_with_its_member(void **state)
{
    (void)state;
    refused("[]", "it must be an object");
    refused("{\"rules\":[]}", "there is no member \"rules\"");
    refused("{\"Rules\":[{\"Throttle\":true},{\"Stream\":\"s\"}]}",
            "Rules[1]: there is no member \"Stream\"");
    refused("{\"Rules\":[{\"Error\":{\"Code\":\"x\"}}]}",
            "Rules[0].Error: there is no member \"Code\"");
    refused("{\"Rules\":[{\"Probability\":\"1\"}]}", "Rules[0].Probability must be a number");
    refused("{\"Rules\":[{\"Seed\":1.5}]}", "Rules[0].Seed must be a whole number");
    refused("{\"Rules\":[{\"Drop\":true}]}", "Rules[0].Drop must be a text");
    refused("{\"Rules\":[7]}", "Rules[0] must be an object");
    refused("{\"Rules\":[{\"Throttle\":null}]}", "Rules[0].Throttle must be true or false");
    refused("{\"Rules\":[{\"Throttle\":true,\"Probability\":1.5}]}",
            "1 validation error detected: Value '1.5' at 'rules.1.member.probability' failed to "
            "satisfy constraint: Member must have value less than or equal to 1");
    refused("{\"Rules\":[{\"Drop\":\"DURING\"}]}",
            "1 validation error detected: Value 'DURING' at 'rules.1.member.drop' failed to "
            "satisfy constraint: Member must satisfy enum value set: [BEFORE, AFTER]");
    refused("{}", "1 validation error detected: Value null at 'rules' failed to satisfy "
                  "constraint: Member must not be null");
}

static void what_makes_no_sense_together_is_refused(void **state)
{
    (void)state;
    refused("{\"Rules\":[{}]}",
            "Rules[0]: a rule does one thing: Error, Latency, Throttle or Drop");
    refused("{\"Rules\":[{\"Throttle\":false}]}",
            "Rules[0]: a rule does one thing: Error, Latency, Throttle or Drop");
    refused("{\"Rules\":[{\"Throttle\":true,\"Drop\":\"AFTER\"}]}",
            "Rules[0]: a rule does one thing: Error, Latency, Throttle or Drop");
    refused("{\"Rules\":[{\"Operation\":\"PutRecrod\",\"Throttle\":true}]}",
            "Rules[0].Operation: there is no operation PutRecrod");
    refused("{\"Rules\":[{\"Operation\":\"PutFaultRules\",\"Throttle\":true}]}",
            "Rules[0].Operation: there is no operation PutFaultRules");
    refused("{\"Rules\":[{\"Error\":{\"Name\":\"NoSuchException\"}}]}",
            "Rules[0].Error.Name: there is no error NoSuchException");
    refused("{\"Rules\":[{\"Latency\":{\"MinMs\":5,\"MaxMs\":4}}]}",
            "Rules[0].Latency: MaxMs is less than MinMs");
    refused("{\"Rules\":[{\"ShardId\":\"first\",\"Throttle\":true}]}",
            "Rules[0].ShardId: first is no shard");
    refused("{\"Rules\":[{\"Operation\":\"PutRecord\",\"ShardId\":\"0\",\"Drop\":\"AFTER\"}]}",
            "Rules[0].ShardId: puts name no shard; by shard they can only be throttled");
}

static void too_many_are_refused(void **state)
{
    (void)state;
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_append_text(&json, "{\"Rules\":[");
    for (int i = 0; i < 257; i++)
        buf_printf(&json, "%s{\"Throttle\":true}", i ? "," : "");
    buf_append_text(&json, "]}");
    buf_append_byte(&json, 0);
    struct inject_rules *rules;
    struct fault f = {0};
    assert_int_equal(inject_rules_parse(bytes_text((const char *)json.at), &rules, &f),
                     INVALID_VALUE);
    assert_non_null(strstr(f.text, "at 'rules' failed to satisfy constraint: Member must have "
                                   "length less than or equal to 256"));
    while (json.len < 256 * 1024 + 1)
        buf_append_byte(&json, ' ');
    assert_int_equal(inject_rules_parse(buf_view(&json), &rules, &f), TOO_LARGE);
    assert_string_equal(f.text, "rules may be 262144 bytes, and these are 262145");
    buf_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_says_all_that_it_may),
        cmocka_unit_test(no_rules_are_rules_too),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(what_is_no_rule_is_refused_with_its_member),
        cmocka_unit_test(what_makes_no_sense_together_is_refused),
        cmocka_unit_test(too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
