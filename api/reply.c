/* reply.c: bodies and content types. The pipeline has set the headers that every answer carries. */
#include "api/reply.h"

#include "api/codec.h"
#include "api/exception.h"
#include "api/service.h"
#include "base/trace.h"

/* What the operation took. */
static void count(const struct exchange *x)
{
    if (!x->metrics)
        return;
    metric_observe_us(x->metrics->seconds, clock_mono_us(loop_clock(x->loop)) - x->begun_us);
    if (x->http_status != 200)
        metric_add(x->metrics->errors, 1);
}

static void finish(struct exchange *x)
{
    count(x);
    exchange_finish(x);
}

void reply_raw(struct exchange *x, int http_status, const char *content_type, struct bytes body)
{
    x->http_status = http_status;
    if (content_type)
        exchange_reply_header(x, "Content-Type", content_type);
    buf_clear(&x->reply);
    buf_append(&x->reply, body);
    finish(x);
}

void reply_empty(struct exchange *x)
{
    reply_raw(x, 200, codec_of(x)->content_type, BYTES_LITERAL(""));
}

void reply_error(struct exchange *x, int http_status, const char *name, const char *text_key,
                 struct bytes text)
{
    const struct codec *codec = codec_of(x);
    x->http_status = http_status;
    exchange_reply_header(x, "Content-Type", codec->content_type);
    exchange_reply_header(x, "x-amzn-ErrorType", name);
    buf_clear(&x->reply);
    codec->encode_error(&x->reply, name, text_key, text);
    finish(x);
}

void reply_fault(struct exchange *x, const struct fault *f)
{
    const struct exception *e = exception_of(x->service, f->status);
    if (e->http_status == 500)
        TRACE_SELDOM(TRACE_ERROR, "reply", "%s: %s: %s", x->request_id, status_name(f->status),
                     f->text);
    reply_error(x, e->http_status, e->name, e->text_key,
                e->tells && f->text[0] ? bytes_text(f->text) : BYTES_NONE);
}

void reply_shape(struct exchange *x, const struct shape *shape, const void *output)
{
    buf_clear(&x->reply);
    codec_of(x)->encode(shape, output, &x->reply);
    if (x->reply.status != OK) {
        reply_fault(
            x, &(struct fault){.status = INTERNAL, .text = "the answer does not fit its buffer"});
        return;
    }
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", codec_of(x)->content_type);
    finish(x);
}

void reply_stream(struct exchange *x, struct exchange_source *source)
{
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "application/vnd.amazon.eventstream");
    count(x);
    exchange_stream(x, source);
}
