/* consumer_attributes_test.c: what hangs on a registered consumer over a loopback exchange: its tags and its resource policy, both its own and
 * not its stream's; kept over a restart, and gone with it. Single quotes in requests stand for double ones. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define OWNER    "111111111111"
#define TWO      "222222222222"
#define STREAM   "arn:aws:kinesis:us-east-1:" OWNER ":stream/s"
#define CONSUMER STREAM "/consumer/c:1700000000"
#define NONE     STREAM "/consumer/none:1700000000"
#define OLD      STREAM "/consumer/c:1699999999"
#define OF(arn)  "'ResourceARN':'" arn "'"

static char *quoted(const char *text)
{
    char *json = mem_strdup(text);
    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    return json;
}

static void done(struct loopback *l, const char *operation, const char *input)
{
    char *json = quoted(input);
    answer_empty(l, operation, json);
    mem_free(json);
}

static void is(struct loopback *l, const char *operation, const char *input, const char *answer)
{
    char *json = quoted(input), *wanted = quoted(answer);
    answer_is(l, operation, json, wanted);
    mem_free(json);
    mem_free(wanted);
}

static void ok(struct loopback *l, const char *operation, const char *input)
{
    char *json = quoted(input);
    json_decref(answer_ok(l, operation, json));
    mem_free(json);
}

static void refused(struct loopback *l, const char *operation, const char *input, const char *type,
                    const char *words)
{
    char *json = quoted(input);
    answer_refused(l, operation, json, type, words);
    mem_free(json);
}

static void denied(struct loopback *l, const char *operation, const char *input, const char *arn,
                   bool explicitly)
{
    char words[1024], why[128];
    snprintf(why, sizeof(why), "because no resource-based policy allows the kinesis:%s action",
             operation);
    snprintf(words, sizeof(words),
             "User: arn:aws:iam::%s:user/%s is not authorized to perform: kinesis:%s on resource: "
             "%s %s",
             l->access_key, l->access_key, operation, arn,
             explicitly ? "with an explicit deny in a resource-based policy" : why);
    refused(l, operation, input, "AccessDeniedException", words);
}

#define REGISTER "{'StreamARN':'" STREAM "','ConsumerName':'c','Tags':{'b':'2','a':'1'}}"

/* "s", tagged x, with its consumer "c", tagged a and b. */
static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    loopback_open(l);
    l->access_key = OWNER;
    done(l, "CreateStream", "{'StreamName':'s','ShardCount':1,'Tags':{'x':'9'}}");
    ok(l, "RegisterStreamConsumer", REGISTER);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

/* ---- tags ---- */

static void a_consumers_tags_are_its_own_and_kept(void **state)
{
    struct loopback *l = *state;
    is(l, "ListTagsForResource", "{" OF(CONSUMER) "}",
       "{'Tags':[{'Key':'a','Value':'1'},{'Key':'b','Value':'2'}]}");
    done(l, "TagResource", "{" OF(CONSUMER) ",'Tags':{'b':'3','c':''}}");
    done(l, "UntagResource", "{" OF(CONSUMER) ",'TagKeys':['a','nobody']}");
    for (int again = 0; again < 2; again++) {
        is(l, "ListTagsForResource", "{" OF(CONSUMER) "}",
           "{'Tags':[{'Key':'b','Value':'3'},{'Key':'c','Value':''}]}");
        is(l, "ListTagsForResource", "{" OF(STREAM) "}", "{'Tags':[{'Key':'x','Value':'9'}]}");
        loopback_reopen(l);
    }
}

static void a_consumers_tags_are_checked_as_a_streams_are(void **state)
{
    struct loopback *l = *state;
    char json[2048];
    size_t len = (size_t)snprintf(json, sizeof(json), "{" OF(CONSUMER) ",'Tags':{'k':''");
    for (int i = 0; i < 48; i++) /* with a and b: 51 */
        len += (size_t)snprintf(json + len, sizeof(json) - len, ",'k%d':''", i);
    snprintf(json + len, sizeof(json) - len, "}}");
    refused(l, "TagResource", json, "InvalidArgumentException",
            "Failed to add tags to stream c under account " OWNER
            " because a given stream cannot have more than 50 tags associated with it.");
    refused(
        l, "TagResource", "{" OF(CONSUMER) ",'Tags':{'a,b':''}}", "InvalidArgumentException",
        "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white "
        "space, _ . / = + - % @.");
}

static void tags_go_with_their_consumer(void **state)
{
    struct loopback *l = *state;
    done(l, "DeregisterStreamConsumer", "{'ConsumerARN':'" CONSUMER "'}");
    refused(l, "ListTagsForResource", "{" OF(CONSUMER) "}", "ResourceNotFoundException",
            "Consumer c under stream s not found for account " OWNER ".");
    ok(l, "RegisterStreamConsumer", "{'StreamARN':'" STREAM "','ConsumerName':'c'}");
    is(l, "ListTagsForResource", "{" OF(CONSUMER) "}", "{'Tags':[]}");
    done(l, "TagResource", "{" OF(CONSUMER) ",'Tags':{'a':''}}");
    done(l, "DeleteStream", "{'StreamName':'s','EnforceConsumerDeletion':true}");
    refused(l, "ListTagsForResource", "{" OF(CONSUMER) "}", "ResourceNotFoundException",
            "Stream s under account " OWNER " not found.");
    loopback_reopen(l);
    done(l, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    ok(l, "RegisterStreamConsumer", "{'StreamARN':'" STREAM "','ConsumerName':'c'}");
    is(l, "ListTagsForResource", "{" OF(CONSUMER) "}", "{'Tags':[]}");
}

/* ---- which consumer ---- */

static void a_consumer_that_is_not_there_is_not_found(void **state)
{
    static const char *const asked[][2] = {
        {"TagResource", ",'Tags':{'a':''}}"}, {"UntagResource", ",'TagKeys':['a']}"},
        {"ListTagsForResource", "}"},         {"PutResourcePolicy", ",'Policy':'{}'}"},
        {"GetResourcePolicy", "}"},           {"DeleteResourcePolicy", "}"},
    };
    struct loopback *l = *state;
    char input[256];
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        snprintf(input, sizeof(input), "{" OF(NONE) "%s", asked[i][1]);
        refused(l, asked[i][0], input, "ResourceNotFoundException",
                "Consumer none under stream s not found for account " OWNER ".");
        snprintf(input, sizeof(input), "{" OF(OLD) "%s", asked[i][1]); /* another of its name */
        refused(l, asked[i][0], input, "ResourceNotFoundException",
                "Consumer c under stream s not found for account " OWNER ".");
        snprintf(input, sizeof(input), "{" OF(STREAM "/consumer/c") "%s", asked[i][1]);
        refused(l, asked[i][0], input, "InvalidArgumentException",
                "ResourceARN " STREAM "/consumer/c is not a valid ARN.");
    }
}

/* ---- policies ---- */

#define STATEMENT(effect, principal, action, resource)                                             \
    "{\\\"Effect\\\":\\\"" effect "\\\",\\\"Principal\\\":{\\\"AWS\\\":\\\"" principal             \
    "\\\"},\\\"Action\\\":\\\"kinesis:" action "\\\",\\\"Resource\\\":\\\"" resource "\\\"}"
#define POLICY(statement)   "{\\\"Statement\\\":[" statement "]}"
#define PUT(arn, statement) "{" OF(arn) ",'Policy':'" POLICY(statement) "'}"

#define DESCRIBE "{'ConsumerARN':'" CONSUMER "'}"
#define SUBSCRIBE                                                                                  \
    "{'ConsumerARN':'" CONSUMER "','ShardId':'0','StartingPosition':{'Type':'LATEST'}}"

static void subscribes(struct loopback *l)
{
    char *json = quoted(SUBSCRIBE);
    struct call c;
    call_start(&c, l, "SubscribeToShard", json);
    call_wait(&c);
    assert_int_equal(c.status, 200);
    call_end(&c);
    mem_free(json);
}

static void a_consumers_policy_is_shown_kept_and_removed(void **state)
{
    struct loopback *l = *state;
    is(l, "GetResourcePolicy", "{" OF(CONSUMER) "}", "{'Policy':'{}'}");
    done(l, "PutResourcePolicy",
         PUT(CONSUMER, STATEMENT("Allow", TWO, "SubscribeToShard", CONSUMER)));
    for (int again = 0; again < 2; again++) {
        is(l, "GetResourcePolicy", "{" OF(CONSUMER) "}",
           "{'Policy':'" POLICY(STATEMENT("Allow", TWO, "SubscribeToShard", CONSUMER)) "'}");
        is(l, "GetResourcePolicy", "{" OF(STREAM) "}", "{'Policy':'{}'}");
        loopback_reopen(l);
    }
    done(l, "TagResource", "{" OF(CONSUMER) ",'Tags':{'z':''}}"); /* leaves it where it is */
    l->access_key = TWO;
    subscribes(l);
    l->access_key = OWNER;
    done(l, "DeleteResourcePolicy", "{" OF(CONSUMER) "}");
    is(l, "GetResourcePolicy", "{" OF(CONSUMER) "}", "{'Policy':'{}'}");
    refused(l, "DeleteResourcePolicy", "{" OF(CONSUMER) "}", "ResourceNotFoundException",
            "No resource policy found for resource ARN " CONSUMER);
    refused(l, "PutResourcePolicy", "{" OF(CONSUMER) ",'Policy':'{}'}", "InvalidArgumentException",
            "Invalid policy: there must be a member Statement.");
}

static void a_consumers_policy_lets_others_subscribe_and_describe_it(void **state)
{
    struct loopback *l = *state;
    done(l, "PutResourcePolicy", PUT(STREAM, STATEMENT("Allow", TWO, "*", "*")));
    l->access_key = TWO; /* A4: the stream's policy is not about its consumers */
    denied(l, "SubscribeToShard", SUBSCRIBE, CONSUMER, false);
    denied(l, "DescribeStreamConsumer", DESCRIBE, CONSUMER, false);
    denied(l, "DescribeStreamConsumer", "{'StreamARN':'" STREAM "','ConsumerName':'c'}", CONSUMER,
           false);
    l->access_key = OWNER;
    done(l, "PutResourcePolicy", PUT(CONSUMER, STATEMENT("Allow", TWO, "*", "*")));
    l->access_key = TWO;
    ok(l, "DescribeStreamConsumer", DESCRIBE);
    subscribes(l);
    /* What is the owner's stays so. */
    denied(l, "DeregisterStreamConsumer", DESCRIBE, CONSUMER, false);
    denied(l, "TagResource", "{" OF(CONSUMER) ",'Tags':{'a':''}}", CONSUMER, false);
    denied(l, "GetResourcePolicy", "{" OF(CONSUMER) "}", CONSUMER, false);
    l->access_key = "333333333333"; /* who is nobody's learns nothing of what there is */
    denied(l, "DescribeStreamConsumer", "{'ConsumerARN':'" NONE "'}", NONE, false);
}

static void a_deny_of_either_policy_outweighs(void **state)
{
    struct loopback *l = *state;
    done(l, "PutResourcePolicy", PUT(CONSUMER, STATEMENT("Allow", TWO, "*", "*")));
    done(l, "PutResourcePolicy", PUT(STREAM, STATEMENT("Deny", "*", "SubscribeToShard", "*")));
    denied(l, "SubscribeToShard", SUBSCRIBE, CONSUMER, true);
    l->access_key = TWO;
    denied(l, "SubscribeToShard", SUBSCRIBE, CONSUMER, true);
    ok(l, "DescribeStreamConsumer", DESCRIBE);
    l->access_key = OWNER;
    done(l, "DeleteResourcePolicy", "{" OF(STREAM) "}");
    done(l, "PutResourcePolicy", PUT(CONSUMER, STATEMENT("Deny", "*", "*", "*")));
    denied(l, "SubscribeToShard", SUBSCRIBE, CONSUMER, true);
    denied(l, "DeregisterStreamConsumer", DESCRIBE, CONSUMER, true);
    ok(l, "DescribeStream", "{'StreamARN':'" STREAM "'}"); /* it is not about the stream */
    done(l, "DeleteResourcePolicy", "{" OF(CONSUMER) "}"); /* A2 */
    subscribes(l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_consumers_tags_are_its_own_and_kept),
        TEST(a_consumers_tags_are_checked_as_a_streams_are),
        TEST(tags_go_with_their_consumer),
        TEST(a_consumer_that_is_not_there_is_not_found),
        TEST(a_consumers_policy_is_shown_kept_and_removed),
        TEST(a_consumers_policy_lets_others_subscribe_and_describe_it),
        TEST(a_deny_of_either_policy_outweighs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
