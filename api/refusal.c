/* refusal.c: what a transport answers when the handler is not asked, or his answer cannot be sent. */
#include "api/refusal.h"

#include "api/codec.h"
#include "api/content.h"

#define FULL "ProvisionedThroughputExceededException"

const struct refusal refusal_bad_framing = {400, NULL, NULL, true};
const struct refusal refusal_too_many_headers = {431, NULL, NULL, true};
const struct refusal refusal_unknown_encoding = {501, NULL, NULL, true};
const struct refusal refusal_broken_reply = {500, "InternalFailure", NULL, false};
const struct refusal refusal_bodies_full = {
    400, FULL, "Too many bytes of requests are in memory. Try again later.", false};
const struct refusal refusal_replies_full = {
    400, FULL, "Too many bytes of answers are in memory. Try again later.", false};
static const struct refusal body_too_large = {413, NULL, NULL, true};

const struct refusal *refusal_of_body(const struct body *body, struct network_counts *counts)
{
    bool too_large = body->status == TOO_LARGE;
    metric_add(too_large ? counts->too_large : counts->throttled, 1);
    return too_large ? &body_too_large : &refusal_bodies_full;
}

void refusal_write(const struct refusal *refusal, struct exchange *x)
{
    x->http_status = refusal->http_status;
    x->reply_header_count = 0;
    x->close_after = refusal->close;
    uuid_make(x->request_id);
    exchange_reply_header(x, "x-amzn-RequestId", x->request_id);
    buf_clear(&x->reply);
    if (refusal->error == NULL)
        return;
    x->codec = content_codec(content_of(x)); /* the handler may not have been asked */
    exchange_reply_header(x, "Content-Type", codec_of(x)->content_type);
    exchange_reply_header(x, "x-amzn-ErrorType", refusal->error);
    codec_of(x)->encode_error(&x->reply, refusal->error, "message", bytes_text(refusal->text));
}
