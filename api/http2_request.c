/* http2_request.c: one request of an HTTP/2 connection, from its headers to the end of its reply.
 *
 * The transport's half of an exchange, as http1_request.c is for HTTP/1.1; but here many are open at once on one connection, and any of them
 * can be reset while its handler works. Then it goes on without a client: its reply is dropped when it comes (X1), its source closed at once (X3).
 *
 * A request that is refused is answered at once, and what still comes of its body is thrown away: most clients send everything before
 * they read. One who goes on for DISCARD_BYTES_MAX more is reset.
 *
 * I1. Header views, path and query are copies in the exchange's arena: they live as long as the exchange.
 * I2. A reply's bytes are the exchange's own until they are copied, once, behind the head of their frame in what goes to the socket.
 * I3. Heads and replies of one connection together hold no more than its allowance (about what an HTTP/1.1 connection may hold) without
 * being charged to the budgets of bodies and replies.
 * I4. It is in core->receiving until it is complete, in core->sending until its reply is sent. One that goes on is in core->streaming while it has something
 * to send, in core->resting while it has not, and then holds nothing of the request or of what answered it.
 *
 * Thread: the loop's own. */
#include "api/http2_session.h"
#include "api/refusal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <stdio.h>
#include <strings.h>

/* Replies of more than this take turns; smaller ones go out whole, first come, first served. */
enum { TURNS_LEAST = 64 * 1024, FRAMES_EARNED = 4 };

static void begin_waiting(struct http2_request *r, struct list *list)
{
    list_remove(&r->timed);
    list_append(list, &r->timed);
    r->since_us = r->session->core->now_us;
}

/* ---- what it may hold (I3) */

static bool toll_take(struct body_budget *budget, uint64_t *allowance, uint64_t bytes,
                      struct http2_toll *t)
{
    bool charged = bytes > *allowance;
    if (charged && !body_budget_charge(budget, bytes))
        return false;
    if (!charged)
        *allowance -= bytes;
    *t = (struct http2_toll){.bytes = bytes, .charged = charged};
    return true;
}

static void toll_return(struct body_budget *budget, uint64_t *allowance, struct http2_toll *t)
{
    if (t->charged)
        body_budget_return(budget, t->bytes);
    else
        *allowance += t->bytes;
    *t = (struct http2_toll){0};
}

/* ---- its beginning and its end */

static void on_finished(struct exchange *x);
static void on_more(struct exchange *x);

static void request_free(struct http2_request *r)
{
    exchange_fini(&r->exchange);
    mem_free(r);
}

static struct http2_request *request_take(struct http2_core *core)
{
    struct list *spare = spares_take(&core->requests);
    if (spare != NULL)
        return LIST_OWNER(spare, struct http2_request, node);
    struct http2_request *r = mem_try(sizeof(*r));
    if (r == NULL)
        return NULL;
    exchange_init(&r->exchange, core->loop, on_finished, r);
    r->exchange.ready = on_more;
    list_init(&r->node);
    list_init(&r->timed);
    return r;
}

struct http2_request *http2_request_begin(struct http2_session *s, int32_t id)
{
    struct http2_core *core = s->core;
    struct http2_request *r = request_take(core);
    if (r == NULL)
        return NULL;
    r->session = s;
    r->id = id;
    r->stage = HTTP2_HEAD;
    r->in_handler = r->expects = r->authority = false;
    r->head_status = OK;
    r->head_bytes = r->sent = 0;
    r->length = BODY_LENGTH_UNKNOWN;
    r->discarded = 0;
    r->head_toll = r->reply_toll = (struct http2_toll){0};
    body_init(&r->body, &core->counts->bodies, &core->buffers, REQUEST_BODY_BYTES_MAX);
    list_append(&s->requests, &r->node);
    s->request_count++;
    begin_waiting(r, &core->receiving);
    return r;
}

static void source_close(struct http2_request *r)
{
    struct exchange_source *source = r->exchange.source;
    r->exchange.source = NULL;
    if (source != NULL)
        source->closed(source); /* X3 */
}

static void release(struct http2_request *r)
{
    struct http2_session *s = r->session;
    struct http2_core *core = s->core;
    source_close(r);
    list_remove(&r->timed);
    list_remove(&r->node);
    body_fini(&r->body);
    toll_return(&core->counts->bodies, &s->head_bytes_free, &r->head_toll);
    toll_return(&core->counts->replies, &s->reply_bytes_free, &r->reply_toll);
    s->reply_hint = buffers_hint(&r->exchange.reply);
    buffers_recall(&core->buffers, &r->exchange.reply);
    exchange_reset(&r->exchange);
    if (!spares_give(&core->requests, &r->node))
        request_free(r);
    s->request_count--;
    s->wake(s);
}

void http2_request_trim(struct http2_core *core)
{
    for (struct list *node; (node = spares_trim(&core->requests)) != NULL;)
        request_free(LIST_OWNER(node, struct http2_request, node));
}

void http2_request_free_spares(struct http2_core *core)
{
    core->requests.least = core->requests.count;
    http2_request_trim(core);
}

void http2_request_closed(struct http2_request *r, bool served)
{
    if (served)
        flood_earn(&r->session->flood, FRAMES_EARNED * FLOOD_FRAME_BYTES);
    r->id = 0;
    if (r->stage != HTTP2_HANDED)
        release(r);
}

void http2_request_reset(struct http2_request *r, uint32_t error_code)
{
    struct http2_session *s = r->session;
    if (nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, r->id, error_code) != 0)
        http2_session_break(s);
    s->wake(s);
}

/* ---- its reply */

static ssize_t read_reply(nghttp2_session *ng, int32_t id, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)ng;
    (void)id;
    (void)to;
    (void)arg;
    struct http2_request *r = source->ptr;
    size_t left = r->exchange.reply.len - r->sent;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY; /* I2: http2_request_send takes it */
    if (left > room)
        return (ssize_t)room;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)left;
}

int http2_request_send(struct http2_request *r, const uint8_t *frame_head, size_t len)
{
    struct http2_output *out = r->session->output;
    /* Behind it must be room for a frame of nghttp2's own. */
    if (out->room - out->len < HTTP2_FRAME_HEAD_BYTES + len + HTTP2_FRAME_BYTES_MAX)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(out->at + out->len, frame_head, HTTP2_FRAME_HEAD_BYTES);
    out->len += HTTP2_FRAME_HEAD_BYTES;
    if (len > 0)
        memcpy(out->at + out->len, r->exchange.reply.at + r->sent, len);
    out->len += len;
    r->sent += len;
    flood_earn(&r->session->flood, len);
    begin_waiting(r, &r->session->core->sending);
    return 0;
}

static ssize_t read_source(nghttp2_session *ng, int32_t id, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)ng;
    (void)id;
    (void)arg;
    struct http2_request *r = source->ptr;
    struct exchange_source *from = r->exchange.source;
    ptrdiff_t len = from->read(from, to, room);
    struct http2_core *core = r->session->core;
    if (len == 0 && !core->draining) {
        begin_waiting(r, &core->resting); /* I4 */
        return NGHTTP2_ERR_DEFERRED;
    }
    begin_waiting(r, &core->streaming);
    if (len == SOURCE_END || len == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return 0;
    }
    if (len < 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it is reset with INTERNAL_ERROR */
    must((size_t)len <= room);
    flood_earn(&r->session->flood, (uint64_t)len);
    return len;
}

static void resume(struct http2_request *r)
{
    struct http2_session *s = r->session;
    if (s->ng == NULL || nghttp2_session_resume_data(s->ng, r->id) != 0)
        return; /* it was not waiting: it will be read all the same */
    begin_waiting(r, &s->core->streaming);
    s->wake(s);
}

void http2_request_drain(struct http2_core *core)
{
    core->draining = true;
    LIST_EACH(node, keep, &core->resting)
    resume(LIST_OWNER(node, struct http2_request, timed));
}

static void on_more(struct exchange *x)
{
    struct http2_request *r = x->transport;
    struct http2_session *s = r->session;
    must(loop_is_mine(s->core->loop));
    s->core->now_us = clock_mono_us(s->core->settings->clock);
    resume(r);
}

static const char *date(struct http2_core *core)
{
    uint64_t now_ms = clock_wall_ms(core->settings->clock);
    if (now_ms / 1000 != core->date_s || core->date[0] == '\0')
        clock_print_http(now_ms, core->date);
    core->date_s = now_ms / 1000;
    return core->date;
}

static nghttp2_nv field(const char *name, const char *value, uint8_t flags)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = flags};
}

/* RFC 9113, section 8.2.2: these speak of one HTTP/1.1 connection. */
static bool is_of_connection(const char *name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* How many; `numbers` holds status and length as text for as long as the fields are used. */
static size_t fields_make(struct http2_request *r, nghttp2_nv *fields, char numbers[2][24])
{
    struct exchange *x = &r->exchange;
    size_t count = 0;
    snprintf(numbers[0], sizeof(numbers[0]), "%d", x->http_status);
    snprintf(numbers[1], sizeof(numbers[1]), "%zu", x->reply.len);
    fields[count++] = field(":status", numbers[0], NGHTTP2_NV_FLAG_NONE);
    fields[count++] = field("date", date(r->session->core), NGHTTP2_NV_FLAG_NONE);
    if (x->source == NULL)
        fields[count++] = field("content-length", numbers[1], NGHTTP2_NV_FLAG_NONE);
    for (size_t i = 0; i < x->reply_header_count; i++) {
        const struct reply_header *h = &x->reply_headers[i];
        /* What was made for this reply comes never again: no place in the table of packed headers. */
        bool unique = h->value == x->request_id || h->value == x->id2;
        if (!is_of_connection(h->name))
            fields[count++] =
                field(h->name, h->value, unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    }
    return count;
}

/* Hands the reply to nghttp2, which copies the fields. */
static void submit(struct http2_request *r)
{
    struct exchange *x = &r->exchange;
    struct http2_session *s = r->session;
    nghttp2_nv fields[EXCHANGE_REPLY_HEADERS_MAX + 3];
    char numbers[2][24];
    size_t count = fields_make(r, fields, numbers);
    nghttp2_data_provider body = {.source.ptr = r,
                                  .read_callback = x->source != NULL ? read_source : read_reply};
    bool bodiless =
        bytes_equal(x->method, BYTES_LITERAL("HEAD")) || (x->source == NULL && x->reply.len == 0);
    r->stage = HTTP2_ANSWERED;
    begin_waiting(r, x->source != NULL ? &s->core->streaming : &s->core->sending);
    if (x->lost) { /* the others of the connection have nothing to do with it */
        http2_request_reset(r, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    if (bodiless)
        source_close(r);
    int error = nghttp2_submit_response(s->ng, r->id, fields, count, bodiless ? NULL : &body);
    if (error == 0 && !bodiless && (x->source != NULL || x->reply.len > TURNS_LEAST)) {
        nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
        error = nghttp2_session_change_extpri_stream_priority(s->ng, r->id, &turns, 1);
    }
    if (error != 0)
        http2_session_break(s);
    else if (x->close_after)
        http2_session_leave(s);
    s->wake(s);
}

static void refuse(struct http2_request *r, const struct refusal *refusal)
{
    refusal_write(refusal, &r->exchange);
    r->exchange.close_after = false; /* the connection is as good as before */
    body_fini(&r->body);
    submit(r);
}

/* The exchange is finished. */
static void answer(struct http2_request *r)
{
    struct exchange *x = &r->exchange;
    struct http2_session *s = r->session;
    struct network_counts *counts = s->core->counts;
    if (r->id == 0) {
        release(r); /* X1: nobody is there to hear it */
        return;
    }
    body_fini(&r->body);
    if (x->source != NULL) {
        submit(r);
        size_t ceiling = x->arena.ceiling;
        arena_fini(&x->arena); /* I4 */
        arena_init(&x->arena, ceiling);
        buf_fini(&x->reply);
        return;
    }
    if (x->reply.status != OK) {
        refuse(r, &refusal_broken_reply);
    } else if (!toll_take(&counts->replies, &s->reply_bytes_free, x->reply.room, &r->reply_toll)) {
        metric_add(counts->throttled, 1);
        buf_fini(&x->reply);
        refuse(r, &refusal_replies_full);
    } else {
        submit(r);
    }
    arena_reset(&x->arena); /* a slow reader holds his answer, not what made it */
}

static void on_finished(struct exchange *x)
{
    struct http2_request *r = x->transport;
    must(r->stage == HTTP2_HANDED);
    struct http2_core *core = r->session->core;
    must(loop_is_mine(core->loop));
    core->now_us = clock_mono_us(core->settings->clock);
    if (r->in_handler)
        return; /* http2_request_complete answers when the handler has returned */
    loop_await_end(core->loop);
    answer(r);
}

/* ---- the request itself */

static bool keep(struct http2_request *r, struct bytes name, struct bytes value)
{
    struct exchange *x = &r->exchange;
    if (x->header_count == EXCHANGE_HEADERS_MAX) {
        r->head_status = TOO_LARGE;
        return true;
    }
    struct sigv4_header header = {arena_copy(&x->arena, name), arena_copy(&x->arena, value)};
    if (!bytes_present(header.name) || !bytes_present(header.value))
        r->head_status = NO_MEMORY;
    else
        r->headers[x->header_count++] = header;
    return true;
}

/* nghttp2 has seen to it that they are the right ones, each once, and before the rest. */
static bool pseudo_header(struct http2_request *r, struct bytes name, struct bytes value)
{
    struct exchange *x = &r->exchange;
    if (bytes_equal(name, BYTES_LITERAL(":authority"))) {
        r->authority = true;
        return keep(r, BYTES_LITERAL("host"), value);
    }
    struct bytes copy = arena_copy(&x->arena, value);
    if (!bytes_present(copy)) {
        r->head_status = NO_MEMORY;
    } else if (bytes_equal(name, BYTES_LITERAL(":method"))) {
        x->method = copy;
    } else if (bytes_equal(name, BYTES_LITERAL(":path"))) {
        const uint8_t *question = copy.len == 0 ? NULL : memchr(copy.at, '?', copy.len);
        size_t len = question == NULL ? copy.len : (size_t)(question - copy.at);
        x->path = bytes_of(copy.at, len);
        x->query =
            question == NULL ? BYTES_LITERAL("") : bytes_of(question + 1, copy.len - len - 1);
    }
    return true;
}

bool http2_request_header(struct http2_request *r, struct bytes name, struct bytes value)
{
    enum { ENTRY_BYTES = 32 };
    struct exchange *x = &r->exchange;
    r->head_bytes += name.len + value.len + ENTRY_BYTES;
    if (r->head_bytes > CONNECTION_POOL_BYTES && r->head_status == OK)
        r->head_status = TOO_LARGE;
    if (r->head_status != OK)
        return true; /* seen to the end for the sake of the table of packed headers */
    value = bytes_trim(value);
    if (name.len > 0 && name.at[0] == ':')
        return pseudo_header(r, name, value);
    if (bytes_equal(name, BYTES_LITERAL("host")) && r->authority)
        return bytes_equal_ignore_case(
            value, exchange_header(
                       &(struct exchange){.headers = r->headers, .header_count = x->header_count},
                       "host"));
    if (bytes_equal(name, BYTES_LITERAL("content-length"))) {
        uint64_t length;
        if (!bytes_to_u64(value, &length))
            return false;
        r->length = length < INT64_MAX ? (int64_t)length : INT64_MAX;
    }
    r->expects = r->expects || bytes_equal(name, BYTES_LITERAL("expect"));
    return keep(r, name, value);
}

static void send_continue(struct http2_request *r)
{
    nghttp2_nv status = field(":status", "100", NGHTTP2_NV_FLAG_NONE);
    if (nghttp2_submit_headers(r->session->ng, NGHTTP2_FLAG_NONE, r->id, NULL, &status, 1, NULL) <
        0)
        http2_session_break(r->session);
}

void http2_request_head_end(struct http2_request *r, bool bodiless)
{
    struct exchange *x = &r->exchange;
    struct http2_session *s = r->session;
    struct network_counts *counts = s->core->counts;
    if (r->stage != HTTP2_HEAD)
        return;
    x->headers = r->headers;
    if (r->head_status == NO_MEMORY) {
        http2_request_reset(r, NGHTTP2_REFUSED_STREAM);
        return;
    }
    if (r->head_status == TOO_LARGE) {
        refuse(r, &refusal_too_many_headers);
        return;
    }
    if (!toll_take(&counts->bodies, &s->head_bytes_free, r->head_bytes, &r->head_toll)) {
        metric_add(counts->throttled, 1);
        refuse(r, &refusal_bodies_full);
        return;
    }
    if (!bytes_present(x->path)) /* CONNECT has none */
        x->path = x->query = BYTES_LITERAL("");
    body_expect(&r->body, bodiless ? 0 : r->length);
    if (r->body.status != OK) {
        refuse(r, refusal_of_body(&r->body, counts));
        return;
    }
    r->stage = HTTP2_BODY;
    if (r->expects && !bodiless)
        send_continue(r);
}

void http2_request_data(struct http2_request *r, struct bytes piece)
{
    if (r->stage == HTTP2_BODY) {
        body_append(&r->body, piece);
        if (r->body.status != OK)
            refuse(r, refusal_of_body(&r->body, r->session->core->counts));
        return;
    }
    r->discarded += piece.len;
    if (r->discarded > DISCARD_BYTES_MAX)
        http2_request_reset(r, NGHTTP2_NO_ERROR);
}

void http2_request_complete(struct http2_request *r)
{
    struct exchange *x = &r->exchange;
    struct http2_session *s = r->session;
    struct http2_core *core = s->core;
    if (r->stage != HTTP2_BODY)
        return; /* it was refused */
    x->body = r->body.buffer.at;
    x->body_len = r->body.len;
    x->tls = s->tls;
    x->peer = bytes_of(s->peer, s->peer_len);
    x->begun_us = core->now_us;
    if (s->request_count ==
        1) /* a large reply often follows a large one; but many at once would all be lent */
        buffers_lend(&core->buffers, s->reply_hint, &x->reply);
    metric_add(core->counts->requests, 1);
    list_remove(&r->timed);
    r->stage = HTTP2_HANDED;
    r->in_handler = true;
    core->settings->handler->handle(core->settings->handler, x);
    r->in_handler = false;
    if (x->is_finished)
        answer(r);
    else
        loop_await(core->loop);
}
