/* answer.h: what came back: a reply, or an error in the service's own words. Thread: any. */
#ifndef SLUICE_CONSUMER_SDK_ANSWER_H
#define SLUICE_CONSUMER_SDK_ANSWER_H

#include "consumer-sdk/operation.h"
#include "consumer-sdk/reply.h"
#include "wire/web.h"

/* Of a call that is done. *reply is NULL, or one without a body that is to be used. SLUICE_OK: *reply is the caller's, and has taken
 * call->answer. Otherwise *reply is NULL, what it was is freed, and *error is filled, but for `attempts`. */
enum sluice_status answer_read(const struct sluice_operation *operation, struct web_call *call,
                               sluice_reply **reply, struct sluice_error *error);
/* An error's body and type, of an answer or of an event in a stream; http_status and request_id are left alone.
 * The body is overwritten. `said_type`: as a header names it, or absent. */
void answer_error(struct sluice_error *error, uint8_t *body, size_t len, bool cbor,
                  struct bytes said_type);
/* Why there is no answer; `call->status` is not OK. */
enum sluice_status answer_failure(const struct web_call *call, struct sluice_error *error);
/* Whether its Content-Type is CBOR's. */
bool answer_is_cbor(const struct web_call *call);
/* Copies what fits; NUL-terminated. */
void answer_text(char *out, size_t room, struct bytes text);

#endif
