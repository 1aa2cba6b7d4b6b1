/* answers.h: calls over a loopback and what they must answer, in one line each. Thread: the test's. */
#ifndef SLUICE_TESTS_SUPPORT_ANSWERS_H
#define SLUICE_TESTS_SUPPORT_ANSWERS_H

#include "support/loopback.h"

#include <jansson.h>

/* 200; the answer's object (an empty body: an empty object). json_decref it. */
json_t *answer_ok(struct loopback *l, const char *operation, const char *json);
/* This status and exactly this body. */
void answer_with(struct loopback *l, const char *operation, const char *json, int status,
                 const char *answer);
/* 200 and an empty body. */
void answer_empty(struct loopback *l, const char *operation, const char *json);
/* 400 and exactly this body. */
void answer_fails(struct loopback *l, const char *operation, const char *json, const char *answer);
/* 200; the body as JSON with sorted keys and no blanks must be `answer`. */
void answer_is(struct loopback *l, const char *operation, const char *json, const char *answer);
/* 400, with this exception and these words. */
void answer_refused(struct loopback *l, const char *operation, const char *json, const char *type,
                    const char *words);
/* Whether the operation, asked of the stream "s", has `words` in its answer; prints the answer if not. */
bool answer_shows(struct loopback *l, const char *operation, const char *words);

#endif
