/* reply.c: bodies and content types. The pipeline has set the headers that every answer carries. */
#include "api/reply.h"

#include "api/exception.h"
#include "api/service.h"
#include "base/trace.h"
#include "wire/json.h"

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

static const char json_type[] = "application/x-amz-json-1.1";

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
    reply_raw(x, 200, json_type, BYTES_LITERAL(""));
}

void reply_fault(struct exchange *x, const struct fault *f)
{
    const struct exception *e = exception_of(f->status);
    if (e->http_status == 500)
        TRACE_SELDOM(TRACE_ERROR, "reply", "%s: %s: %s", x->request_id, status_name(f->status),
                     f->text);
    x->http_status = e->http_status;
    exchange_reply_header(x, "Content-Type", json_type);
    exchange_reply_header(x, "x-amzn-ErrorType", e->name);
    buf_clear(&x->reply);
    buf_append_text(&x->reply, "{\"__type\":\"");
    buf_append_text(&x->reply, e->name);
    buf_append_byte(&x->reply, '"');
    if (e->tells && f->text[0]) {
        buf_append_text(&x->reply, ",\"");
        buf_append_text(&x->reply, e->text_key);
        buf_append_text(&x->reply, "\":");
        json_append_string(&x->reply, bytes_text(f->text));
    }
    buf_append_byte(&x->reply, '}');
    finish(x);
}

void reply_shape(struct exchange *x, const struct shape *shape, const void *output)
{
    buf_clear(&x->reply);
    json_encode(shape, output, &x->reply);
    if (x->reply.status != OK) {
        reply_fault(
            x, &(struct fault){.status = INTERNAL, .text = "the answer does not fit its buffer"});
        return;
    }
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", json_type);
    finish(x);
}

void reply_stream(struct exchange *x, struct exchange_source *source)
{
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "application/vnd.amazon.eventstream");
    count(x);
    exchange_stream(x, source);
}
