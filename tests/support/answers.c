/* answers.c: see answers.h. */
#include "support/answers.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

void answers(struct loopback *l, const char *operation, const char *json, int status,
             const char *answer)
{
    int got;
    char *text = call_text(l, operation, json, &got);
    assert_string_equal(text, answer);
    assert_int_equal(got, status);
    mem_free(text);
}

void ok(struct loopback *l, const char *operation, const char *json)
{
    answers(l, operation, json, 200, "");
}

void refused(struct loopback *l, const char *operation, const char *json, const char *type,
             const char *words)
{
    char answer[768];
    snprintf(answer, sizeof(answer), "{\"__type\":\"%s\",\"message\":\"%s\"}", type, words);
    answers(l, operation, json, 400, answer);
}

bool shows(struct loopback *l, const char *operation, const char *words)
{
    char *text = call_text(l, operation, "{\"StreamName\":\"s\"}", NULL);
    bool found = strstr(text, words) != NULL;
    if (!found)
        fprintf(stderr, "%s has no %s: %s\n", operation, words, text);
    mem_free(text);
    return found;
}
