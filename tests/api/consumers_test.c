/* consumers_test.c: registered consumers over a loopback exchange: their life, their names, their limits, their durability. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define STREAM "arn:aws:kinesis:us-east-1:000000000000:stream/s"
#define ARN    STREAM "/consumer/c:1700000000"

static int open_loopback(void **state, uint64_t state_delay_ms)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->state_delay_ms = state_delay_ms;
    loopback_open(l);
    *state = l;
    if (state_delay_ms == 0)
        answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    return 0;
}

static int setup(void **state)
{
    return open_loopback(state, 0);
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void fails(struct loopback *l, const char *operation, const char *json, const char *type,
                  const char *message)
{
    char answer[1024];
    snprintf(answer, sizeof(answer), "{\"__type\":\"%s\",\"message\":\"%s\"}", type, message);
    answer_fails(l, operation, json, answer);
}

static void register_one(struct loopback *l, const char *name)
{
    char json[512];
    snprintf(json, sizeof(json), "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"%s\"}", name);
    json_decref(answer_ok(l, "RegisterStreamConsumer", json));
}

static void a_registered_consumer_is_described_listed_and_gone_again(void **state)
{
    struct loopback *l = *state;
    answer_is(l, "RegisterStreamConsumer",
              "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\",\"Tags\":{\"k\":\"v\"}}",
              "{\"Consumer\":{\"ConsumerARN\":\"" ARN
              "\",\"ConsumerCreationTimestamp\":1700000000,\"ConsumerName\":\"c\","
              "\"ConsumerStatus\":\"CREATING\"}}");
    static const char described[] =
        "{\"ConsumerDescription\":{\"ConsumerARN\":\"" ARN
        "\",\"ConsumerCreationTimestamp\":1700000000,\"ConsumerName\":\"c\","
        "\"ConsumerStatus\":\"ACTIVE\",\"StreamARN\":\"" STREAM "\"}}";
    answer_is(l, "DescribeStreamConsumer", "{\"ConsumerARN\":\"" ARN "\"}", described);
    answer_is(l, "DescribeStreamConsumer", "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}",
              described);
    loopback_reopen(l);
    answer_is(l, "DescribeStreamConsumer",
              "{\"ConsumerARN\":\"" ARN "\",\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}",
              described);
    answer_empty(l, "DeregisterStreamConsumer", "{\"ConsumerARN\":\"" ARN "\"}");
    fails(l, "DescribeStreamConsumer", "{\"ConsumerARN\":\"" ARN "\"}", "ResourceNotFoundException",
          "Consumer c under stream s not found for account 000000000000.");
    loopback_reopen(l);
    answer_is(l, "ListStreamConsumers", "{\"StreamARN\":\"" STREAM "\"}", "{\"Consumers\":[]}");
}

static void half_a_name_or_two_names_are_refused(void **state)
{
    struct loopback *l = *state;
    register_one(l, "c");
    static const char either[] =
        "Either ConsumerARN or both StreamARN and ConsumerName must be provided.";
    static const char *const operations[] = {"DescribeStreamConsumer", "DeregisterStreamConsumer"};
    for (size_t i = 0; i < 2; i++) {
        fails(l, operations[i], "{}", "InvalidArgumentException", either);
        fails(l, operations[i], "{\"ConsumerName\":\"c\"}", "InvalidArgumentException", either);
        fails(l, operations[i], "{\"StreamARN\":\"" STREAM "\"}", "InvalidArgumentException",
              either);
        fails(l, operations[i], "{\"ConsumerARN\":\"" ARN "\",\"ConsumerName\":\"d\"}",
              "InvalidArgumentException", "ConsumerARN " ARN " does not match ConsumerName d.");
        fails(l, operations[i], "{\"ConsumerARN\":\"" STREAM "/consumer/c:1699999999\"}",
              "ResourceNotFoundException",
              "Consumer c under stream s not found for account 000000000000.");
        fails(l, operations[i], "{\"ConsumerName\":\"c\",\"StreamARN\":\"" STREAM "x\"}",
              "ResourceNotFoundException", "Stream sx under account 000000000000 not found.");
    }
}

static void a_name_is_taken_once(void **state)
{
    struct loopback *l = *state;
    register_one(l, "c");
    fails(l, "RegisterStreamConsumer", "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}",
          "ResourceInUseException",
          "Consumer c under stream s already exists for account 000000000000.");
    answer_empty(l, "DeregisterStreamConsumer", "{\"ConsumerARN\":\"" ARN "\"}");
    clock_manual_advance_ms(&l->clock, 1000);
    register_one(l, "c"); /* another one, with another ARN */
    fails(l, "DescribeStreamConsumer", "{\"ConsumerARN\":\"" ARN "\"}", "ResourceNotFoundException",
          "Consumer c under stream s not found for account 000000000000.");
}

static void twenty_is_the_most_and_they_are_listed_in_pages(void **state)
{
    struct loopback *l = *state;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%02d", i * 7 % 20);
        register_one(l, name);
    }
    fails(l, "RegisterStreamConsumer", "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"more\"}",
          "LimitExceededException",
          "This request would exceed the limit of 20 registered consumers for stream s under "
          "account 000000000000. Current consumer count: 20.");
    char *token = NULL;
    int seen = 0;
    do {
        char json[1024];
        snprintf(json, sizeof(json), "{\"StreamARN\":\"" STREAM "\",\"MaxResults\":6%s%s%s}",
                 token ? ",\"NextToken\":\"" : "", token ? token : "", token ? "\"" : "");
        mem_free(token);
        json_t *page = answer_ok(l, "ListStreamConsumers", json);
        const json_t *list = json_object_get(page, "Consumers");
        assert_in_range(json_array_size(list), 1, 6);
        for (size_t i = 0; i < json_array_size(list); i++, seen++) {
            char name[16];
            snprintf(name, sizeof(name), "c%02d", seen);
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(list, i), "ConsumerName")), name);
        }
        const char *next = json_string_value(json_object_get(page, "NextToken"));
        token = next ? mem_strdup(next) : NULL;
        json_decref(page);
    } while (token);
    assert_int_equal(seen, 20);
    json_t *summary = answer_ok(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(summary, "StreamDescriptionSummary"), "ConsumerCount")),
                     20);
    json_decref(summary);
}

static void page_tokens_are_checked(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"other\",\"ShardCount\":1}");
    register_one(l, "a");
    register_one(l, "b");
    json_t *page =
        answer_ok(l, "ListStreamConsumers", "{\"StreamARN\":\"" STREAM "\",\"MaxResults\":1}");
    const char *token = json_string_value(json_object_get(page, "NextToken"));
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/other\","
             "\"NextToken\":\"%s\"}",
             token);
    fails(l, "ListStreamConsumers", json, "InvalidArgumentException", "NextToken is invalid.");
    snprintf(json, sizeof(json),
             "{\"StreamARN\":\"" STREAM
             "\",\"NextToken\":\"%s\",\"StreamCreationTimestamp\":1700000000}",
             token);
    fails(l, "ListStreamConsumers", json, "InvalidArgumentException",
          "NextToken and StreamCreationTimestamp cannot be provided together.");
    snprintf(json, sizeof(json), "{\"StreamARN\":\"" STREAM "\",\"NextToken\":\"%s\"}", token);
    clock_manual_advance_ms(&l->clock, TOKEN_LIFE_MS + 1);
    fails(l, "ListStreamConsumers", json, "ExpiredNextTokenException",
          "NextToken has expired. Tokens are valid for 300 seconds.");
    json_decref(page);
    json_decref(answer_ok(l, "ListStreamConsumers",
                          "{\"StreamARN\":\"" STREAM "\",\"StreamCreationTimestamp\":1700000000}"));
    fails(l, "ListStreamConsumers",
          "{\"StreamARN\":\"" STREAM "\",\"StreamCreationTimestamp\":1600000000}",
          "ResourceNotFoundException", "Stream s under account 000000000000 not found.");
}

static void a_stream_with_consumers_is_deleted_only_when_that_is_said(void **state)
{
    struct loopback *l = *state;
    register_one(l, "c");
    static const char refused[] =
        "DeleteStream can't delete 000000000000:s because there are consumers associated with this "
        "data stream. To delete s anyway, set the EnforceConsumerDeletion parameter to true to "
        "force the deletion of all the consumers that are associated with it.";
    fails(l, "DeleteStream", "{\"StreamName\":\"s\"}", "ResourceInUseException", refused);
    fails(l, "DeleteStream", "{\"StreamName\":\"s\",\"EnforceConsumerDeletion\":false}",
          "ResourceInUseException", refused);
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\",\"EnforceConsumerDeletion\":true}");
    loopback_reopen(l); /* no row is left that belongs to nobody */
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    answer_is(l, "ListStreamConsumers", "{\"StreamARN\":\"" STREAM "\"}", "{\"Consumers\":[]}");
}

static char *status_of(struct loopback *l, const char *arn)
{
    char json[256];
    int status;
    snprintf(json, sizeof(json), "{\"ConsumerARN\":\"%s\"}", arn);
    char *text = call_text(l, "DescribeStreamConsumer", json, &status);
    json_t *answer = json_loads(text, 0, NULL);
    const char *found = json_string_value(
        json_object_get(json_object_get(answer, "ConsumerDescription"), "ConsumerStatus"));
    mem_free(text);
    text = mem_strdup(found ? found : "none");
    json_decref(answer);
    return text;
}

/* Time stands still for the catalog until it is told otherwise and has something to do: a command that changes nothing. */
static void pass_until(struct loopback *l, const char *arn, const char *wanted)
{
    char *now = NULL;
    do {
        mem_free(now);
        mem_free(call_text(l, "DeleteStream", "{\"StreamName\":\"none\"}", NULL));
        now = status_of(l, arn);
    } while (strcmp(now, wanted) != 0);
    mem_free(now);
}

static void with_a_state_delay_consumers_dwell(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    fails(l, "RegisterStreamConsumer", "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}",
          "ResourceInUseException",
          "Stream s under account 000000000000 not ACTIVE or UPDATING, instead in state CREATING");
    clock_manual_advance_ms(&l->clock, 1000);
    int status;
    do {
        char *text = call_text(l, "RegisterStreamConsumer",
                               "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}", &status);
        mem_free(text);
    } while (status != 200);
#define DWELLER STREAM "/consumer/c:1700000001"
    char *now = status_of(l, DWELLER);
    assert_string_equal(now, "CREATING");
    mem_free(now);
    fails(l, "SubscribeToShard",
          "{\"ConsumerARN\":\"" DWELLER
          "\",\"ShardId\":\"0\",\"StartingPosition\":{\"Type\":\"LATEST\"}}",
          "ResourceInUseException",
          "Consumer c with creation timestamp 1700000001 under stream: s , account 000000000000 is "
          "not in ACTIVE status.");
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%d", i);
        register_one(l, name);
    }
    fails(l, "RegisterStreamConsumer", "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"e\"}",
          "LimitExceededException",
          "Stream s under account 000000000000 has 5 consumers in CREATING status. At most 5 can "
          "be created at the same time.");
    clock_manual_advance_ms(&l->clock, 1000);
    pass_until(l, DWELLER, "ACTIVE");
    answer_empty(l, "DeregisterStreamConsumer", "{\"ConsumerARN\":\"" DWELLER "\"}");
    now = status_of(l, DWELLER);
    assert_string_equal(now, "DELETING");
    mem_free(now);
    clock_manual_advance_ms(&l->clock, 1000);
    pass_until(l, DWELLER, "none");
}

static int setup_slow(void **state)
{
    return open_loopback(state, 1000);
}

static void what_was_under_way_is_brought_to_its_end_at_the_next_start(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    clock_manual_advance_ms(&l->clock, 1000);
    int status;
    do {
        mem_free(call_text(l, "RegisterStreamConsumer",
                           "{\"StreamARN\":\"" STREAM "\",\"ConsumerName\":\"c\"}", &status));
    } while (status != 200);
    loopback_reopen(l);
    pass_until(l, DWELLER, "ACTIVE");
    answer_empty(l, "DeregisterStreamConsumer", "{\"ConsumerARN\":\"" DWELLER "\"}");
    loopback_reopen(l);
    pass_until(l, DWELLER, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_registered_consumer_is_described_listed_and_gone_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(half_a_name_or_two_names_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(twenty_is_the_most_and_they_are_listed_in_pages, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(page_tokens_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_with_consumers_is_deleted_only_when_that_is_said,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(with_a_state_delay_consumers_dwell, setup_slow, teardown),
        cmocka_unit_test_setup_teardown(what_was_under_way_is_brought_to_its_end_at_the_next_start,
                                        setup_slow, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
