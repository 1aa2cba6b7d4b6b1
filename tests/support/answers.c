/* answers.c: see answers.h. */
#include "support/answers.h"

#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

json_t *answer_ok(struct loopback *l, const char *operation, const char *json)
{
    int status;
    char *text = call_text(l, operation, json, &status);
    if (status != 200)
        fprintf(stderr, "%s: %d %s\n", operation, status, text);
    assert_int_equal(status, 200);
    json_t *answer = text[0] ? json_loads(text, 0, NULL) : json_object();
    assert_non_null(answer);
    mem_free(text);
    return answer;
}

void answer_with(struct loopback *l, const char *operation, const char *json, int status,
                 const char *answer)
{
    int got;
    char *text = call_text(l, operation, json, &got);
    assert_string_equal(text, answer);
    assert_int_equal(got, status);
    mem_free(text);
}

void answer_empty(struct loopback *l, const char *operation, const char *json)
{
    answer_with(l, operation, json, 200, "");
}

void answer_fails(struct loopback *l, const char *operation, const char *json, const char *answer)
{
    answer_with(l, operation, json, 400, answer);
}

void answer_is(struct loopback *l, const char *operation, const char *json, const char *answer)
{
    json_t *got = answer_ok(l, operation, json);
    char *text = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, answer);
    mem_free(text);
    json_decref(got);
}

void answer_refused(struct loopback *l, const char *operation, const char *json, const char *type,
                    const char *words)
{
    char answer[768];
    snprintf(answer, sizeof(answer), "{\"__type\":\"%s\",\"message\":\"%s\"}", type, words);
    answer_fails(l, operation, json, answer);
}

bool answer_shows(struct loopback *l, const char *operation, const char *words)
{
    char *text = call_text(l, operation, "{\"StreamName\":\"s\"}", NULL);
    bool found = strstr(text, words) != NULL;
    if (!found)
        fprintf(stderr, "%s has no %s: %s\n", operation, words, text);
    mem_free(text);
    return found;
}
