/* policy_test.c: what a policy says, to whom, and what is no policy. */
#include "shards/policy.h"

#include "base/mem.h"
#include "shards/policy_internal.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define ARN "arn:aws:kinesis:us-east-1:111111111111:stream/s"
/* A statement with the usual parts, and those in `more`. */
#define ALLOW(principal, action)                                                                   \
    "{'Effect':'Allow','Principal':" principal ",'Action':" action ",'Resource':'" ARN "'}"
#define DENY(principal, action)                                                                    \
    "{'Effect':'Deny','Principal':" principal ",'Action':" action ",'Resource':'*'}"
#define POLICY(statements) "{'Version':'2012-10-17','Statement':" statements "}"
#define TWO                "{'AWS':'222222222222'}"
#define KEY_ONE            "{'AWS':'arn:aws:iam::222222222222:user/AKIAONE'}"

/* Single quotes stand for double ones. */
static enum status parse(const char *quoted, struct policy **out, struct fault *f)
{
    static char text[2 * POLICY_BYTES_MAX];
    size_t len = 0;
    for (; quoted[len]; len++)
        text[len] = quoted[len] == '\'' ? '"' : quoted[len];
    *f = (struct fault){0};
    return policy_parse(bytes_of(text, len), ARN, out, f);
}

static enum policy_answer ask(const struct policy *p, const char *account, const char *key,
                              const char *action)
{
    return policy_ask(p, &(struct policy_question){.account = bytes_text(account),
                                                   .access_key = bytes_text(key),
                                                   .action = bytes_text(action)});
}

static void answers_are_those_of_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *account, *key, *action;
        enum policy_answer answer;
    } cases[] = {
        {POLICY(ALLOW(TWO, "'kinesis:PutRecord'")), "222222222222", "K", "PutRecord",
         POLICY_ALLOWS},
        {POLICY(ALLOW(TWO, "'kinesis:PutRecord'")), "222222222222", "K", "PutRecords",
         POLICY_SILENT},
        {POLICY(ALLOW(TWO, "'kinesis:PutRecord'")), "333333333333", "K", "PutRecord",
         POLICY_SILENT},
        {POLICY("[" ALLOW(TWO, "['kinesis:GetRecords','KINESIS:putrecord']") "]"), "222222222222",
         "K", "PutRecord", POLICY_ALLOWS},
        {POLICY(ALLOW("'*'", "'kinesis:*'")), "333333333333", "K", "DeleteStream", POLICY_ALLOWS},
        {POLICY(ALLOW("{'AWS':'*'}", "'*'")), "333333333333", "K", "GetRecords", POLICY_ALLOWS},
        {POLICY(
             ALLOW("{'AWS':['333333333333','arn:aws:iam::222222222222:root']}", "'kinesis:Put*'")),
         "222222222222", "K", "PutRecords", POLICY_ALLOWS},
        {POLICY(ALLOW(KEY_ONE, "'kinesis:Put?ecord'")), "222222222222", "AKIAONE", "PutRecord",
         POLICY_ALLOWS},
        {POLICY(ALLOW(KEY_ONE, "'kinesis:*'")), "222222222222", "AKIATWO", "PutRecord",
         POLICY_SILENT},
        {POLICY(ALLOW(KEY_ONE, "'kinesis:*'")), "111111111111", "AKIAONE", "PutRecord",
         POLICY_SILENT},
        {POLICY(ALLOW("{'AWS':'arn:aws:iam::222222222222:role/AKIAONE'}", "'kinesis:*'")),
         "222222222222", "AKIAONE", "PutRecord", POLICY_SILENT},
        {POLICY("[" ALLOW("'*'", "'kinesis:*'") "," DENY(TWO, "'kinesis:PutRecord'") "]"),
         "222222222222", "K", "PutRecord", POLICY_DENIES},
        {POLICY("[" DENY(TWO, "'kinesis:PutRecord'") "," ALLOW("'*'", "'kinesis:*'") "]"),
         "222222222222", "K", "PutRecord", POLICY_DENIES},
        {POLICY("[" DENY(TWO, "'kinesis:PutRecord'") "," ALLOW("'*'", "'kinesis:*'") "]"),
         "222222222222", "K", "GetRecords", POLICY_ALLOWS},
        {POLICY("[" DENY(KEY_ONE, "'kinesis:*'") "," DENY(TWO, "'kinesis:*'") "]"), "222222222222",
         "AKIAONE", "PutRecord", POLICY_DENIES_BY_NAME},
        {POLICY(DENY("{'AWS':['*','arn:aws:iam::222222222222:user/AKIAONE']}", "'kinesis:*'")),
         "222222222222", "AKIAONE", "PutRecord", POLICY_DENIES_BY_NAME},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct policy *p;
        struct fault f;
        if (parse(cases[i].policy, &p, &f) != OK)
            fail_msg("%s: %s", cases[i].policy, f.text);
        if (ask(p, cases[i].account, cases[i].key, cases[i].action) != cases[i].answer)
            fail_msg("%s: not %d", cases[i].policy, cases[i].answer);
        policy_unref(p);
    }
}

static void statements_about_other_resources_say_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *resource;
        enum policy_answer answer;
    } cases[] = {
        {"'" ARN "'", POLICY_ALLOWS},
        {"'*'", POLICY_ALLOWS},
        {"'arn:aws:kinesis:*:111111111111:stream/*'", POLICY_ALLOWS},
        {"'arn:aws:kinesis:us-east-1:111111111111:stream/?'", POLICY_ALLOWS},
        {"['arn:aws:kinesis:us-east-1:111111111111:stream/other','arn:*']", POLICY_ALLOWS},
        {"'" ARN "2'", POLICY_SILENT},
        {"'arn:aws:kinesis:us-east-1:111111111111:stream/S'", POLICY_SILENT},
        {"'arn:aws:kinesis:us-east-1:111111111111:stream/s?'", POLICY_SILENT},
        {"'" ARN "/consumer/*'", POLICY_SILENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[512];
        struct policy *p;
        struct fault f;
        snprintf(text, sizeof(text),
                 "{'Statement':{'Effect':'Allow','Principal':'*','Action':'kinesis:*',"
                 "'Resource':%s}}",
                 cases[i].resource);
        if (parse(text, &p, &f) != OK)
            fail_msg("%s: %s", text, f.text);
        if (ask(p, "1", "K", "PutRecord") != cases[i].answer)
            fail_msg("%s", text);
        policy_unref(p);
    }
}

static void what_is_no_policy_is_refused_and_says_why(void **state)
{
    (void)state;
#define STATEMENT(rest) POLICY("{'Effect':'Allow'," rest "}")
#define USUAL           "'Principal':'*','Action':'kinesis:*','Resource':'*'"
    static const char *const cases[][2] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{} x", "not a JSON object"},
        {"{'Version':'2012-10-17','Version':'2012-10-17'}", "has a member twice"},
        {"{}", "there must be a member Statement"},
        {"{'Version':'2013-10-17','Statement':[]}", "Version is 2012-10-17"},
        {"{'Statement':[]}", "there must be something in Statement"},
        {"{'Statement':['x']}", "statement 1: not an object"},
        {"{'Statements':[]}", "does not support Statements"},
        {POLICY("{}"), "statement 1: there must be a member Effect"},
        {POLICY("{'Effect':'allow'}"), "Effect is Allow or Deny"},
        {STATEMENT("'Principal':'*','Action':'kinesis:*'"), "there must be a member Resource"},
        {STATEMENT("'Principal':'*','Resource':'*'"), "there must be a member Action"},
        {STATEMENT("'Action':'*','Resource':'*'"), "there must be a member Principal"},
        {STATEMENT(USUAL ",'Condition':{}"), "does not support Condition"},
        {STATEMENT(USUAL ",'NotAction':'x'"), "does not support NotAction"},
        {STATEMENT(USUAL ",'Sid':1"), "Sid"},
        {STATEMENT("'Principal':'222222222222','Action':'*','Resource':'*'"), "Principal is"},
        {STATEMENT("'Principal':{'Service':'x'},'Action':'*','Resource':'*'"), "type Service"},
        {STATEMENT("'Principal':{},'Action':'*','Resource':'*'"), "something in Principal"},
        {STATEMENT("'Principal':{'AWS':[]},'Action':'*','Resource':'*'"), "something in Principal"},
        {STATEMENT("'Principal':{'AWS':1},'Action':'*','Resource':'*'"),
         "list of texts: Principal"},
        {STATEMENT("'Principal':{'AWS':'22222222222'},'Action':'*','Resource':'*'"),
         "not 22222222222."},
        {STATEMENT("'Principal':{'AWS':'arn:aws:iam::222222222222:'},'Action':'*','Resource':'*'"),
         "not arn:aws:iam::222222222222:."},
        {STATEMENT("'Principal':{'AWS':'arn:aws:iam::22222222222x:root'},'Action':'*','Resource':"
                   "'*'"),
         "not arn:aws:iam::22222222222x:root."},
        {STATEMENT("'Principal':'*','Action':'kinesis:','Resource':'*'"), "not kinesis:."},
        {STATEMENT("'Principal':'*','Action':'s3:GetObject','Resource':'*'"), "not s3:GetObject."},
        {STATEMENT("'Principal':'*','Action':'kinesis:Put Record','Resource':'*'"),
         "not kinesis:Put Record."},
        {STATEMENT("'Principal':'*','Action':[],'Resource':'*'"), "something in Action"},
        {STATEMENT("'Principal':'*','Action':{},'Resource':'*'"), "list of texts: Action"},
        {STATEMENT("'Principal':'*','Action':'*','Resource':'stream/s'"), "not stream/s."},
        {STATEMENT("'Principal':'*','Action':'*','Resource':'arn:${aws:username}'"), "variables"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct policy *p;
        struct fault f;
        if (parse(cases[i][0], &p, &f) != INVALID_ARGUMENT || !strstr(f.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], f.text);
        assert_null(p);
        assert_memory_equal(f.text, "Invalid policy: ", 16);
    }
}

/* A policy whose one statement has `count` actions, or whose statements are `count`. */
static char *large(size_t count, bool statements)
{
    char *text = mem_must(2 * POLICY_BYTES_MAX);
    size_t len = 0, room = 2 * POLICY_BYTES_MAX;
    static const char *const heads[] = {
        "{'Statement':{'Effect':'Deny','Principal':'*','Resource':'*','Action':[",
        "{'Statement':["};
    static const char *const items[] = {
        "'*'", "{'Effect':'Deny','Principal':'*','Resource':'*','Action':'*'}"};
    len += (size_t)snprintf(text, room, "%s", heads[statements]);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", i ? "," : "", items[statements]);
    snprintf(text + len, room - len, "%s", statements ? "]}" : "]}}");
    return text;
}

static void a_policy_has_a_size(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        bool statements;
        enum status status;
    } cases[] = {{POLICY_ITEMS_MAX - 2, false, OK},
                 {POLICY_ITEMS_MAX - 1, false, LIMIT_EXCEEDED},
                 {POLICY_STATEMENTS_MAX, true, OK},
                 {POLICY_STATEMENTS_MAX + 1, true, LIMIT_EXCEEDED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct policy *p;
        struct fault f;
        char *text = large(cases[i].count, cases[i].statements);
        assert_int_equal(parse(text, &p, &f), cases[i].status);
        policy_unref(p);
        mem_free(text);
    }
    struct policy *p;
    struct fault f;
    static uint8_t blanks[POLICY_BYTES_MAX + 1];
    memset(blanks, ' ', sizeof(blanks));
    assert_int_equal(policy_parse(bytes_of(blanks, sizeof(blanks)), ARN, &p, &f), LIMIT_EXCEEDED);
    assert_int_equal(policy_parse(bytes_of(blanks, sizeof(blanks) - 1), ARN, &p, &f),
                     INVALID_ARGUMENT);
}

static void its_text_is_kept_as_it_was_written(void **state)
{
    (void)state;
    struct policy *p;
    struct fault f;
    static const char text[] = " {\"Statement\" : {\"Effect\":\"Deny\",\"Principal\":\"*\","
                               "\"Resource\":\"*\",\"Action\":\"*\"}} ";
    assert_int_equal(policy_parse(bytes_text(text), ARN, &p, &f), OK);
    assert_ptr_equal(policy_ref(p), p);
    policy_unref(p);
    assert_true(bytes_equal(policy_text(p), bytes_text(text)));
    policy_unref(p);
    policy_unref(NULL);
    assert_null(policy_ref(NULL));
}

static void patterns_match_whole_texts(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},         {"", "a", false},         {"*", "", true},
        {"**", "abc", true},    {"a*", "a", true},        {"a*", "ba", false},
        {"*a", "ba", true},     {"*a", "ab", false},      {"a*c", "abbc", true},
        {"a*c", "acb", false},  {"a?c", "abc", true},     {"a?c", "ac", false},
        {"?", "", false},       {"*ab*ab", "abab", true}, {"*ab*ab", "ab", false},
        {"*?", "", false},      {"*aab", "aaaab", true},  {"a*b*c", "aXbYbZc", true},
        {"abc", "abcd", false}, {"abcd", "abc", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (policy_matches(bytes_text(cases[i].pattern), bytes_text(cases[i].text), false) !=
            cases[i].matches)
            fail_msg("%s %s", cases[i].pattern, cases[i].text);
    assert_true(policy_matches(BYTES_LITERAL("PUT*"), BYTES_LITERAL("putRecord"), true));
    assert_false(policy_matches(BYTES_LITERAL("PUT*"), BYTES_LITERAL("putRecord"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_table),
        cmocka_unit_test(statements_about_other_resources_say_nothing),
        cmocka_unit_test(what_is_no_policy_is_refused_and_says_why),
        cmocka_unit_test(a_policy_has_a_size),
        cmocka_unit_test(its_text_is_kept_as_it_was_written),
        cmocka_unit_test(patterns_match_whole_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
