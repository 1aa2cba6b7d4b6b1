/* tags_test.c: both families of tag operations over a loopback exchange. */
#include "base/mem.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define ARN "\"ResourceARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\""
#define INVALID                                                                                    \
    "{\"__type\":\"InvalidArgumentException\",\"message\":\"Some tags contain invalid "            \
    "characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.\"}"
#define ILLEGAL(what)                                                                              \
    "{\"__type\":\"InvalidArgumentException\",\"message\":\"Failed to " what                       \
    " stream s under account 000000000000 because some tags contained illegal characters. The "    \
    "allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.\"}"
#define TOO_MANY                                                                                   \
    "{\"__type\":\"InvalidArgumentException\",\"message\":\"Failed to add tags to stream s under " \
    "account 000000000000 because a given stream cannot have more than 50 tags associated with "   \
    "it.\"}"
#define NOT_THERE                                                                                  \
    "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream t under account "              \
    "000000000000 not found.\"}"

static int open_with(void **state, uint64_t state_delay_ms)
{
    struct loopback *l = MEM_NEW(struct loopback);
    l->state_delay_ms = state_delay_ms;
    loopback_open(l);
    *state = l;
    return 0;
}

static int setup(void **state)
{
    open_with(state, 0);
    answer_empty(*state, "CreateStream",
                 "{\"StreamName\":\"s\",\"ShardCount\":1,\"Tags\":{\"b\":\"2\",\"a\":\"1\"}}");
    return 0;
}

static int setup_slow(void **state)
{
    return open_with(state, 600000);
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    return 0;
}

static void add(struct loopback *l, const char *tags)
{
    char json[512];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",\"Tags\":%s}", tags);
    answer_empty(l, "AddTagsToStream", json);
}

static void refused(struct loopback *l, const char *tags, const char *answer)
{
    char json[16384];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",\"Tags\":%s}", tags);
    answer_fails(l, "AddTagsToStream", json, answer);
}

static void tags_are_added_replaced_removed_and_kept(void **state)
{
    struct loopback *l = *state;
    add(l, "{\"c\":\"\",\"a\":\"9\",\"\\u00fc0 _.\":\"/=+-@\"}");
    answer_empty(l, "RemoveTagsFromStream",
                 "{\"StreamName\":\"s\",\"TagKeys\":[\"b\",\"nobody\"]}");
    for (int again = 0; again < 2; again++) {
        answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\"}",
                  "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"a\",\"Value\":\"9\"},"
                  "{\"Key\":\"c\",\"Value\":\"\"},{\"Key\":\"\xc3\xbc"
                  "0 _.\",\"Value\":\"/=+-@\"}]}");
        loopback_reopen(l);
    }
}

static void both_families_have_one_store(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "TagResource", "{" ARN ",\"Tags\":{\"c\":\"3\"}}");
    answer_empty(l, "UntagResource", "{" ARN ",\"TagKeys\":[\"a\"]}");
    answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\"}",
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},"
              "{\"Key\":\"c\",\"Value\":\"3\"}]}");
    add(l, "{\"d\":\"4\"}");
    answer_is(l, "ListTagsForResource", "{" ARN "}",
              "{\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},{\"Key\":\"c\",\"Value\":\"3\"},"
              "{\"Key\":\"d\",\"Value\":\"4\"}]}");
}

static void a_list_goes_on_after_any_key(void **state)
{
    struct loopback *l = *state;
    add(l, "{\"d\":\"4\"}");
    answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\",\"Limit\":1}",
              "{\"HasMoreTags\":true,\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}");
    answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\",\"ExclusiveStartTagKey\":\"aa\"}",
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},"
              "{\"Key\":\"d\",\"Value\":\"4\"}]}");
    answer_is(l, "ListTagsForStream",
              "{\"StreamName\":\"s\",\"ExclusiveStartTagKey\":\"b\",\"Limit\":1}",
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"d\",\"Value\":\"4\"}]}");
    answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\",\"ExclusiveStartTagKey\":\"d\"}",
              "{\"HasMoreTags\":false,\"Tags\":[]}");
}

static void characters_are_refused_in_two_sentences(void **state)
{
    struct loopback *l = *state;
    static const char *const invalid[] = {"a\\tb",   "a\\nb",         "a,b", "a;b",
                                          "a:b",     "a\\u0000",      "#",   "\\u00a0",
                                          "\\u2003", "\\ud83d\\ude00"};
    char tags[64];
    for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
        snprintf(tags, sizeof(tags), "{\"%s\":\"1\"}", invalid[i]);
        refused(l, tags, INVALID);
        snprintf(tags, sizeof(tags), "{\"a\":\"%s\"}", invalid[i]);
        refused(l, tags, INVALID);
    }
    refused(l, "{\"a%b\":\"1\"}", ILLEGAL("add tags to"));
    refused(l, "{\"a\":\"%\"}", ILLEGAL("add tags to"));
    refused(l, "{\"a\":\"%\",\"b\":\"#\"}", INVALID);
    answer_fails(l, "RemoveTagsFromStream", "{\"StreamName\":\"s\",\"TagKeys\":[\"a%\"]}",
                 ILLEGAL("remove tags from"));
    answer_fails(l, "UntagResource", "{" ARN ",\"TagKeys\":[\"a,b\"]}", INVALID);
    answer_fails(l, "CreateStream",
                 "{\"StreamName\":\"t\",\"ShardCount\":1,\"Tags\":{\"a,b\":\"1\"}}", INVALID);
    add(l, "{\"\\ud7a3\\u4e2d\\u05d0\\u0416 09azAZ_./=+-@\":\"\\u00c0\\u1fff\\u2c00\\ud7ff\"}");
}

/* `count` tags, the first being `first`. */
static const char *many(int first, int count)
{
    static char json[16384];
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "%s\"k%d\":\"\"", i ? "," : "{",
                                first + i);
    snprintf(json + len, sizeof(json) - len, "}");
    return json;
}

static void a_stream_has_at_most_50_tags(void **state)
{
    struct loopback *l = *state;
    refused(l, many(0, 49), TOO_MANY); /* with the two it has */
    char json[4096];
    snprintf(json, sizeof(json), "{\"StreamName\":\"s\",\"Tags\":%s}", many(0, 48));
    answer_empty(l, "AddTagsToStream", json);
    answer_empty(l, "AddTagsToStream", json); /* the same again is no more */
    refused(l, "{\"z\":\"\"}", TOO_MANY);
    refused(l, many(0, 200), TOO_MANY);
    answer_empty(l, "RemoveTagsFromStream", "{\"StreamName\":\"s\",\"TagKeys\":[\"a\"]}");
    add(l, "{\"z\":\"\"}");
    snprintf(json, sizeof(json), "{\"StreamName\":\"u\",\"ShardCount\":1,\"Tags\":%s}",
             many(0, 51));
    int status;
    char *text = call_text(l, "CreateStream", json, &status);
    assert_non_null(strstr(text, "cannot have more than 50 tags"));
    mem_free(text);
}

static void a_stream_must_be_there(void **state)
{
    struct loopback *l = *state;
    answer_fails(l, "AddTagsToStream", "{\"StreamName\":\"t\",\"Tags\":{\"#\":\"\"}}", NOT_THERE);
    answer_fails(l, "ListTagsForStream", "{\"StreamName\":\"t\"}", NOT_THERE);
    answer_fails(l, "ListTagsForResource",
                 "{\"ResourceARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/t\"}",
                 NOT_THERE);
    answer_fails(
        l, "TagResource",
        "{\"ResourceARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s/else\",\"Tags\":{"
        "\"a\":\"\"}}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"ResourceARN "
        "arn:aws:kinesis:us-east-1:000000000000:stream/s/else is not a valid ARN.\"}");
}

static void a_stream_that_is_being_made_shows_its_tags_but_keeps_them(void **state)
{
    struct loopback *l = *state;
    answer_empty(l, "CreateStream",
                 "{\"StreamName\":\"s\",\"ShardCount\":1,\"Tags\":{\"a\":\"1\"}}");
    answer_is(l, "ListTagsForStream", "{\"StreamName\":\"s\"}",
              "{\"HasMoreTags\":false,\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}");
    answer_fails(l, "TagResource", "{" ARN ",\"Tags\":{\"b\":\"\"}}",
                 "{\"__type\":\"ResourceInUseException\",\"message\":\"Stream s under account "
                 "000000000000 not ACTIVE or UPDATING, instead in state CREATING\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tags_are_added_replaced_removed_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(both_families_have_one_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_goes_on_after_any_key, setup, teardown),
        cmocka_unit_test_setup_teardown(characters_are_refused_in_two_sentences, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_has_at_most_50_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_must_be_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_is_being_made_shows_its_tags_but_keeps_them,
                                        setup_slow, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
