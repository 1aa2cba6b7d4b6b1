/* transform_http.c: a transform that is asked by HTTP: Lambda's Invoke, or any server that takes and gives the same bodies.
 *
 *   POST <url>   X-Amz-Invocation-Type: RequestResponse; signed for "lambda" when it is a Lambda endpoint and there are credentials
 *
 * Thread: the lane's. */
#include "delivery/transform.h"

#include "base/mem.h"
#include "wire/credentials.h"
#include "wire/web_sign.h"

#include <stdio.h>

struct side {
    struct process_settings settings;
    struct transform_target target;
    struct credentials credentials;
    bool have;
};
struct http_call {
    struct web_call web;
    struct transform_call *call;
    struct side *side;
    struct arena arena;
};

static enum status open(const struct transform_target *target, const struct process_settings *s,
                        void **out, struct fault *f)
{
    (void)f;
    struct side *side = MEM_NEW(struct side);
    side->settings = *s;
    side->target = *target;
    *out = side;
    return OK;
}

static void close_side(void *own)
{
    struct side *side = own;
    credentials_wipe(&side->credentials);
    mem_free(side);
}

static void fail(struct transform_call *c, const char *code, const char *why)
{
    c->code = code;
    snprintf(c->why, sizeof(c->why), "%.*s", TRANSFORM_WHY_BYTES - 1, why);
}

/* ---- signing ---- */

static void add(struct web_call *w, const char *name, struct bytes value)
{
    w->headers[w->header_count++] = (struct web_header){bytes_text(name), value};
}

static enum status sign(struct side *side, struct http_call *h, struct fault *f)
{
    const struct credentials_from from = {.said_where = "the settings"};
    if (!side->have && credentials_find(&from, &side->credentials, f) != OK)
        return OK; /* a server that asks for none */
    side->have = true;
    const struct web_signer signer = {
        .credentials = &side->credentials,
        .region = bytes_text(side->settings.view->scope.region),
        .service = "lambda",
        .now_ms = clock_wall_ms(side->settings.clock),
    };
    return web_sign(&h->web, &signer, &h->arena, f);
}

/* ---- answers ---- */

static void judge(struct transform_call *c, const struct web_call *w)
{
    char status[64];
    snprintf(status, sizeof(status), "The function's server answered with status %d", w->code);
    if (w->status == TIMED_OUT)
        fail(c, "Lambda.FunctionTimedOut", "The function did not answer in time");
    else if (w->status == TOO_LARGE)
        fail(c, "Lambda.ResponseTooLarge", "The function's answer is larger than 6 MB");
    else if (w->status != OK)
        fail(c, "Lambda.ConnectionFailed", w->fault.text);
    else if (w->code == 429)
        fail(c, "Lambda.InvokeLimitExceeded", status);
    else if (w->code == 404)
        fail(c, "Lambda.ResourceNotFound", status);
    else if (w->code == 403)
        fail(c, "Lambda.InvokeAccessDenied", status);
    else if (w->code < 200 || w->code >= 300)
        fail(c, "Lambda.InvokeFailed", status);
    else if (bytes_present(w->answer_function_error))
        fail(c, "Lambda.FunctionError", "The function was invoked, and ended in an error");
}

static void http_free(struct http_call *h)
{
    h->call->side = NULL;
    buf_fini(&h->web.answer);
    arena_fini(&h->arena);
    mem_free(h);
}

static void on_done(struct web_call *w)
{
    struct http_call *h = LIST_OWNER(w, struct http_call, web);
    struct transform_call *c = h->call;
    if (w->code == 403)
        h->side->have = false; /* they may be others by now */
    judge(c, w);
    if (!c->code) {
        buf_append(&c->answer, buf_view(&w->answer));
        if (c->answer.status != OK)
            fail(c, "Lambda.ResponseTooLarge", "There is no memory for the function's answer");
    }
    http_free(h);
    transform_answered(c);
}

/* ---- calls ---- */

static void start(void *own, struct transform_call *c)
{
    struct side *side = own;
    struct http_call *h = MEM_NEW(struct http_call);
    struct fault f;
    h->call = c;
    h->side = side;
    c->side = h;
    arena_init(&h->arena, SIZE_MAX / 2);
    h->web = (struct web_call){
        .method = "POST",
        .url = side->target.url,
        .body = buf_view(&c->request),
        .answer_bytes_max = TRANSFORM_BODY_BYTES_MAX,
        .timeout_ms = side->target.timeout_ms,
        .done = on_done,
    };
    add(&h->web, "Content-Type", BYTES_LITERAL("application/json"));
    add(&h->web, "X-Amz-Invocation-Type", BYTES_LITERAL("RequestResponse"));
    if (side->target.is_lambda && sign(side, h, &f) != OK)
        h->web.url = ""; /* the call says that it cannot be sent */
    web_start(side->settings.web, &h->web);
}

static void cancel(void *own, struct transform_call *c)
{
    struct side *side = own;
    struct http_call *h = c->side;
    web_cancel(side->settings.web, &h->web);
    http_free(h);
}

const struct transform_ops transform_http = {
    .open = open,
    .start = start,
    .cancel = cancel,
    .close = close_side,
};
