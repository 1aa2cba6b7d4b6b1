/* destination_http.c: HTTP endpoints, by AWS's "HTTP endpoint delivery request and response specifications".
 *
 * A request is a POST of all records of a parcel. It has arrived when the answer says so in every respect: status 200 (no other of the 2xx),
 * Content-Type application/json to the letter, no Content-Encoding, a Content-Length, at most 1 MiB, the request's id echoed and a number for
 * a timestamp. Anything else is a failure and tried again; but 413 ends the parcel, and AWS keeps nothing of it.
 *
 * Left to others: when to try again (post.c), bodies (http_body.c), error records (error_record.c). Thread: the lane's loop. */
#include "delivery/http_body.h"
#include "delivery/post.h"

#include <stdio.h>

enum { TEXT_OF_ANSWER_BYTES = 1500 };

static const struct firehose_http_endpoint_destination_configuration *
config_of(const struct delivery_view *v)
{
    return v->config->http_endpoint_destination_configuration;
}

static uint64_t retry_s(const struct delivery_view *v)
{
    const struct firehose_http_endpoint_retry_options *o = config_of(v)->retry_options;
    return o != NULL && o->duration_in_seconds.present ? (uint64_t)o->duration_in_seconds.value
                                                       : 300;
}

/* ---- the request */

static enum status out_of_memory(struct fault *f)
{
    return fault_set(f, NO_MEMORY, "no memory for a request");
}

/* X-Amz-Firehose-Common-Attributes. */
static enum status
add_attributes(struct post *p, const struct firehose_http_endpoint_request_configuration *request,
               struct fault *f)
{
    if (request == NULL || request->common_attributes.count == 0)
        return OK;
    struct buf text;
    buf_init(&text, HTTP_ATTRIBUTES_BYTES_MAX);
    http_attributes_append(request, &text);
    struct bytes kept = text.status == OK ? arena_copy(&p->arena, buf_view(&text)) : BYTES_NONE;
    buf_fini(&text);
    if (!bytes_present(kept))
        return out_of_memory(f);
    post_header(p, "X-Amz-Firehose-Common-Attributes", kept);
    return OK;
}

static enum status prepare(struct post *p, struct fault *f)
{
    const struct firehose_http_endpoint_destination_configuration *c = config_of(p->view);
    const struct firehose_http_endpoint_configuration *endpoint = c->endpoint_configuration;
    struct bytes url = arena_copy(&p->arena, endpoint->url); /* NUL-terminated */
    char arn[DELIVERY_ARN_BYTES];
    delivery_arn(&p->view->scope, p->view->name, arn);
    struct bytes source = arena_copy(&p->arena, bytes_text(arn));
    if (!bytes_present(url) || !bytes_present(source))
        return out_of_memory(f);
    enum status st = post_check_url(p, url, true, f);
    if (st != OK)
        return st;
    bool gzip = c->request_configuration != NULL &&
                bytes_equal(c->request_configuration->content_encoding, BYTES_LITERAL("GZIP"));
    p->call.url = (const char *)url.at;
    post_header(p, "X-Amz-Firehose-Protocol-Version", BYTES_LITERAL("1.0"));
    post_header(p, "X-Amz-Firehose-Request-Id", bytes_text(p->parcel->name));
    post_header(p, "X-Amz-Firehose-Source-Arn", source);
    if (endpoint->access_key.len > 0)
        post_header(p, "X-Amz-Firehose-Access-Key", endpoint->access_key);
    post_header(p, "Content-Type", BYTES_LITERAL("application/json"));
    if (gzip)
        post_header(p, "Content-Encoding", BYTES_LITERAL("gzip"));
    st = add_attributes(p, c->request_configuration, f);
    if (st == OK)
        st = http_body_write(p->parcel, clock_wall_ms(p->side->settings.clock), gzip, &p->body, f);
    p->call.body = buf_view(&p->body);
    return st;
}

/* ---- the answer */

static enum post_verdict failed(struct post *p, const char *code, const char *words)
{
    return post_say(p, POST_FAILED, code, "%s %s", words, p->call.fault.text);
}

static enum post_verdict no_answer(struct post *p)
{
    if (p->call.status == TIMED_OUT)
        return failed(p, "HttpEndpoint.RequestTimeout",
                      "The delivery timed out before a response was received and will be retried.");
    if (p->call.status == TOO_LARGE && p->call.code != 0)
        return failed(p, "HttpEndpoint.ResponseTooLarge",
                      "The response received from the endpoint is too large.");
    if (p->call.status == IO_FAILED && p->call.why == WEB_FAILED_RESET)
        return failed(p, "HttpEndpoint.ConnectionReset",
                      "Unable to maintain connection with the endpoint.");
    if (p->call.status == IO_FAILED &&
        (p->call.why == WEB_FAILED_TLS || p->call.why == WEB_FAILED_CERTIFICATE))
        return failed(p, "HttpEndpoint.SSLHandshakeFailure",
                      "Could not complete an SSL handshake with the endpoint.");
    if (p->call.status == IO_FAILED && p->call.why == WEB_FAILED_OTHER)
        return failed(p, "HttpEndpoint.InvalidResponseFromDestination",
                      "The response received from the specified endpoint is invalid.");
    return failed(p, "HttpEndpoint.ConnectionFailed", "Unable to connect to the endpoint.");
}

/* What the far side said, for the error record; but not when it says our key back (F7). */
static struct bytes quotable(const struct post *p)
{
    struct bytes said = buf_view(&p->call.answer);
    struct bytes key = config_of(p->view)->endpoint_configuration->access_key;
    if (said.len == 0 || (key.len > 0 && memmem(said.at, said.len, key.at, key.len) != NULL))
        return BYTES_LITERAL("");
    said.len = said.len < TEXT_OF_ANSWER_BYTES ? said.len : TEXT_OF_ANSWER_BYTES;
    return said;
}

static enum post_verdict invalid(struct post *p, const char *why)
{
    return post_say(p, POST_FAILED, "HttpEndpoint.InvalidResponseFromDestination",
                    "The response received from the specified endpoint is invalid: %s. %.*s", why,
                    BYTES_ARGS(quotable(p)));
}

static enum post_verdict refused(struct post *p)
{
    char code[32];
    struct bytes said = quotable(p);
    if (said.len == 0) {
        snprintf(code, sizeof(code), "HTTP status %d", p->call.code);
        said = bytes_text(code);
    }
    return post_say(
        p, p->call.code == 413 ? POST_GONE : POST_FAILED, "HttpEndpoint.DestinationException",
        "Received the following response from the endpoint destination. %.*s", BYTES_ARGS(said));
}

static enum post_verdict judge(struct post *p)
{
    const struct web_call *c = &p->call;
    struct fault f;
    if (c->status != OK)
        return no_answer(p);
    if (c->code != 200)
        return refused(p);
    if (!bytes_equal(c->answer_type, BYTES_LITERAL("application/json")))
        return invalid(p, "its Content-Type is not application/json");
    if (bytes_present(c->answer_encoding))
        return invalid(p, "it has a Content-Encoding");
    if (!c->answer_has_length)
        return invalid(p, "it has no Content-Length");
    if (http_answer_check(buf_view(&c->answer), p->parcel->name, &f) != OK)
        return invalid(p, f.text);
    return POST_AGREED;
}

static enum status open_http(const struct destination_settings *s, struct destination **out,
                             struct fault *f)
{
    static const struct post_ops ops = {.kind = DELIVERY_TO_HTTP,
                                        .side_bytes = sizeof(struct post_side),
                                        .retry_s = retry_s,
                                        .prepare = prepare,
                                        .judge = judge};
    return post_open(&destination_http, &ops, s, out, f);
}

const struct destination_ops destination_http = {
    .open = open_http, .send = post_send, .close = post_close};
