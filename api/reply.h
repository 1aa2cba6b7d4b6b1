/* reply.h: writes the answer of an operation, in the exchange's codec, and finishes the exchange. Thread: the exchange's
 * loop. */
#ifndef SLUICE_API_REPLY_H
#define SLUICE_API_REPLY_H

#include "api/exchange.h"
#include "wire/shape.h"

/* 200 with the struct as the body. A reply too large, or out of memory, becomes an InternalFailure.
 */
void reply_shape(struct exchange *x, const struct shape *shape, const void *output);
/* 200 with an empty body, as AWS answers operations without output. */
void reply_empty(struct exchange *x);
/* The exception that f->status means (exception.h). */
void reply_fault(struct exchange *x, const struct fault *f);
/* 200, and an event stream read from `source`. */
void reply_stream(struct exchange *x, struct exchange_source *source);
/* An error by name; `text` absent: its name alone. */
void reply_error(struct exchange *x, int http_status, const char *name, const char *text_key,
                 struct bytes text);
/* Any status, content type (NULL: none) and body. */
void reply_raw(struct exchange *x, int http_status, const char *content_type, struct bytes body);

#endif
