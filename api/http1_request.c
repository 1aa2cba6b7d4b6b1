/* http1_request.c: one request from its first line to the end of its reply.
 *
 * libmicrohttpd calls request_begin at the request line, request_access once with the headers, once
 * for each piece of the body and once at its end, and request_end when the reply was sent or the
 * connection broke. An exchange that its handler does not finish at once is suspended:
 * libmicrohttpd forgets the socket, and exchange_finish, on this same thread, brings it back,
 * whereupon request_access is called again and queues the reply.
 *
 * A resumed connection would be read before we are asked, and a client who has closed his sending
 * side would be dropped without his reply. A time-out of its own (never reached) puts it among
 * those that libmicrohttpd visits first; it is taken back when the reply is queued.
 *
 * A request refused for its body is still read to its end (to DISCARD_BYTES_MAX) before it is
 * answered: most clients send everything before they read, and a connection closed over unread
 * bytes would lose the answer.
 *
 * I1. Header views point into libmicrohttpd's memory of the connection, which stays until
 * request_end; path and query are copies, since libmicrohttpd cuts the original up.
 * I2. The reply's bytes are the exchange's own and stay until request_end; nothing is copied.
 * I3. Large replies have a budget, as bodies have: clients who do not read cannot fill memory
 * either.
 *
 * Left to others: what is answered (the handler), time limits (http1_timeouts.c).
 * Thread: the loop's own. */
#include "api/http1_internal.h"
#include "api/refusal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

enum { NEVER_S = 1000000 };

static struct request *request_of(struct list *node)
{
    return LIST_OWNER(node, struct request, node);
}

static void on_finished(struct exchange *x)
{
    struct request *r = x->transport;
    struct connection *c = r->connection;
    must(r->stage == STAGE_HANDED);
    must(loop_is_mine(c->http1->loop));
    if (r->in_handler)
        return; /* request_access answers when the handler has returned */
    loop_await_end(c->http1->loop);
    MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned int)NEVER_S);
    MHD_resume_connection(c->mhd);
    daemon_wake(c->daemon);
}

static struct request *request_take(struct http1 *h)
{
    struct list *spare = spares_take(&h->spare_requests);
    if (spare != NULL)
        return request_of(spare);
    struct request *r = mem_try(sizeof(*r));
    if (r == NULL)
        return NULL;
    list_init(&r->node);
    exchange_init(&r->exchange, h->loop, on_finished, r);
    r->exchange.ready = stream_ready;
    return r;
}

static void request_free(struct request *r)
{
    exchange_fini(&r->exchange);
    mem_free(r);
}

static void request_give(struct http1 *h, struct request *r)
{
    body_fini(&r->body);
    body_budget_return(&h->counts->replies, r->reply_charged);
    buffers_recall(&h->buffers, &r->exchange.reply);
    exchange_reset(&r->exchange);
    if (!spares_give(&h->spare_requests, &r->node))
        request_free(r);
}

void request_trim(struct http1 *h)
{
    for (struct list *node; (node = spares_trim(&h->spare_requests)) != NULL;)
        request_free(request_of(node));
}

void request_free_spares(struct http1 *h)
{
    h->spare_requests.least = h->spare_requests.count;
    request_trim(h);
}

void *request_begin(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct http1 *h = arg;
    struct connection *c =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (c->phase == PHASE_IDLE)
        connection_enter(c, PHASE_RECEIVING);
    struct request *r = request_take(h);
    if (r == NULL)
        return NULL; /* request_access closes the connection */
    r->connection = c;
    r->stage = STAGE_HEAD;
    r->in_handler = r->suspended = false;
    r->reply_charged = 0;
    body_init(&r->body, &h->counts->bodies, &h->buffers, REQUEST_BODY_BYTES_MAX);
    struct exchange *x = &r->exchange;
    struct bytes copy = arena_copy(&x->arena, bytes_text(uri == NULL ? "" : uri)); /* I1 */
    const uint8_t *question = copy.len == 0 ? NULL : memchr(copy.at, '?', copy.len);
    size_t path_len = question == NULL ? copy.len : (size_t)(question - copy.at);
    x->path = bytes_of(copy.at, path_len);
    x->query =
        question == NULL ? BYTES_LITERAL("") : bytes_of(question + 1, copy.len - path_len - 1);
    return r;
}

void request_add_headers(const struct request *r, struct MHD_Response *response)
{
    const struct exchange *x = &r->exchange;
    for (size_t i = 0; i < x->reply_header_count; i++) {
        const struct reply_header *header = &x->reply_headers[i];
        if (MHD_add_response_header(response, header->name, header->value) != MHD_YES)
            TRACE_SELDOM(TRACE_WARN, "http1", "a reply header is left out: %s", header->name);
    }
    if (x->close_after || r->connection->http1->draining)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* Hands the reply to libmicrohttpd. */
static enum MHD_Result queue_reply(struct request *r)
{
    struct exchange *x = &r->exchange;
    struct connection *c = r->connection;
    if (x->lost)
        return MHD_NO; /* closes the connection */
    size_t len = x->reply.len;
    void *at = len == 0 ? (void *)"" : x->reply.at;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, at, MHD_RESPMEM_PERSISTENT); /* I2 */
    if (response == NULL)
        return MHD_NO;
    request_add_headers(r, response);
    r->stage = STAGE_ANSWERED;
    connection_enter(c, PHASE_SENDING);
    enum MHD_Result queued = MHD_queue_response(c->mhd, (unsigned int)x->http_status, response);
    MHD_destroy_response(response); /* the connection has its own reference */
    return queued;
}

static enum MHD_Result refuse(struct request *r, const struct refusal *refusal)
{
    refusal_write(refusal, &r->exchange);
    body_fini(&r->body);
    return queue_reply(r);
}

static enum MHD_Result refuse_body(struct request *r)
{
    return refuse(r, refusal_of_body(&r->body, r->connection->http1->counts));
}

/* The exchange is finished. */
static enum MHD_Result answer(struct request *r)
{
    struct exchange *x = &r->exchange;
    struct network_counts *counts = r->connection->http1->counts;
    body_fini(&r->body);
    if (x->source != NULL)
        return stream_queue(r);
    if (x->reply.status != OK)
        return refuse(r, &refusal_broken_reply);
    if (x->reply.room >= REPLY_CHARGED_LEAST) { /* I3 */
        if (!body_budget_charge(&counts->replies, x->reply.room)) {
            metric_add(counts->throttled, 1);
            buf_fini(&x->reply);
            return refuse(r, &refusal_replies_full);
        }
        r->reply_charged = x->reply.room;
    }
    enum MHD_Result queued = queue_reply(r);
    arena_reset(&x->arena); /* a slow reader holds his answer, not what made it */
    return queued;
}

/* What the headers say of the body. */
struct head {
    struct request *r;
    unsigned lengths;    /* Content-Length headers */
    bool chunked, other; /* Transfer-Encoding */
    bool expects, too_many;
    uint64_t length;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct head *head = arg;
    struct exchange *x = &head->r->exchange;
    if (x->header_count == EXCHANGE_HEADERS_MAX) {
        head->too_many = true;
        return MHD_NO;
    }
    struct sigv4_header header = {.name = bytes_of(name, name_len),
                                  .value =
                                      bytes_trim(bytes_of(value == NULL ? "" : value, value_len))};
    head->r->headers[x->header_count++] = header;
    if (bytes_equal_ignore_case(header.name, BYTES_LITERAL("content-length"))) {
        head->lengths++;
        if (!bytes_to_u64(header.value, &head->length))
            head->lengths = 2; /* refused */
    } else if (bytes_equal_ignore_case(header.name, BYTES_LITERAL("transfer-encoding"))) {
        head->other = head->chunked || /* a second one */
                      !bytes_equal_ignore_case(header.value, BYTES_LITERAL("chunked"));
        head->chunked = true;
    } else if (bytes_equal_ignore_case(header.name, BYTES_LITERAL("expect"))) {
        head->expects = true;
    }
    return MHD_YES;
}

/* The headers are there. A reply queued here ends the connection after it. */
static enum MHD_Result take_head(struct request *r, const char *method)
{
    struct exchange *x = &r->exchange;
    struct head head = {.r = r};
    MHD_get_connection_values_n(r->connection->mhd, MHD_HEADER_KIND, on_header, &head);
    x->headers = r->headers;
    x->method = bytes_text(method);
    if (head.too_many)
        return refuse(r, &refusal_too_many_headers);
    if (head.other)
        return refuse(r, &refusal_unknown_encoding);
    /* Two lengths, or a length and chunks: whoever stands before us may have seen another end. */
    if (head.lengths > 1 || (head.lengths == 1 && head.chunked))
        return refuse(r, &refusal_bad_framing);
    uint64_t length = head.length < INT64_MAX ? head.length : INT64_MAX;
    body_expect(&r->body, head.chunked ? BODY_LENGTH_UNKNOWN : (int64_t)length);
    bool waits = head.expects || length > DISCARD_BYTES_MAX;
    if (r->body.status != OK && waits)
        return refuse_body(r);
    r->stage = STAGE_BODY;
    return MHD_YES;
}

/* The request is complete. */
static enum MHD_Result hand_over(struct request *r)
{
    struct exchange *x = &r->exchange;
    struct connection *c = r->connection;
    struct http1 *h = c->http1;
    if (r->body.status != OK)
        return refuse_body(r);
    x->body = r->body.buffer.at;
    x->body_len = r->body.len;
    x->tls = c->tls;
    x->peer = bytes_of(c->peer, c->peer_len);
    x->begun_us = clock_mono_us(h->settings->clock);
    buffers_lend(&h->buffers, c->reply_hint,
                 &x->reply); /* a large reply often follows a large one */
    metric_add(h->counts->requests, 1);
    r->stage = STAGE_HANDED;
    connection_enter(c, PHASE_RUNNING);
    r->in_handler = true;
    h->settings->handler->handle(h->settings->handler, x);
    r->in_handler = false;
    if (x->is_finished)
        return answer(r);
    loop_await(h->loop);
    MHD_suspend_connection(c->mhd);
    r->suspended = true;
    return MHD_YES;
}

/* The exchange finished while its connection was suspended. */
static enum MHD_Result answer_resumed(struct request *r)
{
    must(r->suspended && r->exchange.is_finished);
    r->suspended = false;
    MHD_set_connection_option(r->connection->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    return answer(r);
}

enum MHD_Result request_access(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_len, void **context)
{
    (void)arg;
    (void)mhd;
    (void)url;
    (void)version;
    struct request *r = *context;
    if (r == NULL)
        return MHD_NO; /* no memory for it */
    if (r->stage == STAGE_HEAD)
        return take_head(r, method);
    if (r->stage == STAGE_HANDED)
        return answer_resumed(r);
    must(r->stage == STAGE_BODY);
    if (*data_len == 0)
        return hand_over(r);
    body_append(&r->body, bytes_of(data, *data_len));
    *data_len = 0;
    return r->body.discarded > DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

void request_end(void *arg, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    struct http1 *h = arg;
    struct request *r = *context;
    if (r == NULL)
        return;
    *context = NULL;
    must(r->stage != STAGE_HANDED || r->exchange.is_finished); /* X1 */
    if (r->exchange.source != NULL)
        stream_end(r);
    struct connection *c = r->connection;
    c->reply_hint = buffers_hint(&r->exchange.reply);
    request_give(h, r);
    connection_enter(c, PHASE_IDLE);
}
