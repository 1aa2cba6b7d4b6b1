/* answers.h: a call over the loopback, and what its answer must be. Fails the test otherwise. */
#ifndef SLUICE_TESTS_SUPPORT_ANSWERS_H
#define SLUICE_TESTS_SUPPORT_ANSWERS_H

#include "support/loopback.h"

void answers(struct loopback *l, const char *operation, const char *json, int status,
             const char *answer);
/* 200, with nothing. */
void ok(struct loopback *l, const char *operation, const char *json);
/* 400, with this exception and these words. */
void refused(struct loopback *l, const char *operation, const char *json, const char *type,
             const char *words);
/* Whether the operation, asked of the stream "s", has `words` in its answer; prints the answer if not. */
bool shows(struct loopback *l, const char *operation, const char *words);

#endif
