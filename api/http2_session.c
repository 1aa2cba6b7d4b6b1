/* http2_session.c: frames, by nghttp2, on one side; requests on the other.
 *
 * nghttp2 parses, checks what RFC 9113 says a request must look like, answers pings and settings, keeps the windows and packs headers. Ours is
 * what it holds in memory and how long it puts up with whom.
 *
 * Windows: what a client may send unasked does not bound memory here. Each piece of a body is charged to the budget of bodies, or thrown away, before
 * the next is looked at; so its window may open again at once, which is what nghttp2 does by itself, and a large body flows at the speed of the line.
 * The other way, nghttp2 asks for a piece of a reply only when the client's windows and our buffer have room for it: nothing waits packed in frames.
 *
 * F1. Whoever sends what only costs (http2_flood.c), more than eight CONTINUATIONs for one request, or makes us owe more than ACKS_OWED_MAX
 * acknowledgements, gets GOAWAY with ENHANCE_YOUR_CALM.
 * F2. At most HTTP2_REQUESTS_MAX requests of a connection are open or still worked on: one who resets his gets no room by that until
 * their handlers are done. More are refused (REFUSED_STREAM).
 * F3. What nghttp2 allocates is small and bounded by F1, F2 and the limits of headers; when there is none the server dies, as for small things of our own.
 * It is never told of it, because 1.52 frees some things twice when an allocation fails in the middle of a submission.
 *
 * Left to others: one request (http2_request.c), sockets and TLS (http2.c).
 * Thread: the loop's own. */
#include "api/http2_session.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

enum { ACKS_OWED_MAX = 64, CONTINUATIONS_MAX = 8, RESETS_AT_ONCE = 100000 };

static struct http2_request *request_of(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* ---- ends of a session */

void http2_session_break(struct http2_session *s)
{
    s->broken = s->deaf = true;
    TRACE_SELDOM(TRACE_WARN, "http2", "%s: closed, no memory for it", s->peer);
    s->wake(s);
}

void http2_session_terminate(struct http2_session *s, uint32_t error_code)
{
    if (s->deaf)
        return;
    s->deaf = s->leaving = true;
    if (error_code == NGHTTP2_ENHANCE_YOUR_CALM)
        metric_add(s->core->floods, 1);
    trace(TRACE_DEBUG, "http2", "%s: closed, %s", s->peer, nghttp2_http2_strerror(error_code));
    if (nghttp2_session_terminate_session(s->ng, error_code) != 0)
        http2_session_break(s);
    s->wake(s);
}

void http2_session_leave(struct http2_session *s)
{
    if (s->leaving)
        return;
    s->leaving = true;
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->ng);
    if (nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) != 0)
        http2_session_break(s);
    s->wake(s);
}

bool http2_session_is_over(struct http2_session *s)
{
    return s->broken || (!nghttp2_session_want_read(s->ng) && !nghttp2_session_want_write(s->ng));
}

/* ---- what nghttp2 tells us. A returned error other than these ends the connection. */

static void cost(struct http2_session *s)
{
    s->flooded = s->flooded || !flood_frame(&s->flood, s->core->now_us);
}

static bool begins_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_session *s = arg;
    int32_t id = frame->hd.stream_id;
    if (!begins_request(frame))
        return 0; /* trailers */
    struct http2_request *r = NULL;
    if (s->request_count < HTTP2_REQUESTS_MAX) /* F2 */
        r = http2_request_begin(s, id);
    if (r == NULL || nghttp2_session_set_stream_user_data(ng, id, r) != 0) {
        if (r != NULL)
            http2_request_closed(r, false);
        if (nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)flags;
    (void)arg;
    int32_t id = frame->hd.stream_id;
    struct http2_request *r = request_of(ng, id);
    if (r == NULL || !begins_request(frame)) /* trailers mean nothing to anybody here */
        return 0;
    if (http2_request_header(r, bytes_of(name, name_len), bytes_of(value, value_len)))
        return 0;
    if (nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *arg)
{
    (void)flags;
    (void)arg;
    struct http2_request *r = request_of(ng, id);
    if (r != NULL)
        http2_request_data(r, bytes_of(data, len));
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_session *s = arg;
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    bool carries =
        frame->hd.type == NGHTTP2_HEADERS ||
        (frame->hd.type == NGHTTP2_DATA && (ends || frame->hd.length > frame->data.padlen));
    if (!carries)
        cost(s);
    if (frame->hd.type == NGHTTP2_SETTINGS)
        s->greeted = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http2_request *r = request_of(ng, frame->hd.stream_id);
    if (r != NULL && begins_request(frame))
        http2_request_head_end(r, ends);
    if (r != NULL && ends)
        http2_request_complete(r);
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *arg)
{
    (void)ng;
    (void)frame;
    (void)error;
    cost(arg);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *arg)
{
    (void)arg;
    (void)error_code; /* a client may reset with NO_ERROR too */
    struct http2_request *r = request_of(ng, id);
    if (r != NULL)
        http2_request_closed(r, nghttp2_session_get_stream_local_close(ng, id) == 1);
    return 0;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_head,
                        size_t len, nghttp2_data_source *source, void *arg)
{
    (void)ng;
    (void)frame;
    (void)arg;
    return http2_request_send(source->ptr, frame_head, len);
}

/* ---- in and out */

void http2_session_receive(struct http2_session *s, struct bytes bytes)
{
    if (s->deaf)
        return;
    ssize_t done = nghttp2_session_mem_recv(s->ng, bytes.at, bytes.len);
    if (s->flooded) /* F1; not from within nghttp2's callbacks: before CVE-2026-27135 was mended that could end the program */
        http2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
    if (done >= 0 || s->deaf)
        return;
    switch ((int)done) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        http2_session_terminate(s, NGHTTP2_PROTOCOL_ERROR);
        break;
    case NGHTTP2_ERR_NOMEM:
    case NGHTTP2_ERR_CALLBACK_FAILURE:
        http2_session_break(s);
        break;
    default: /* NGHTTP2_ERR_FLOODED, and too many CONTINUATIONs, for which 1.52 has no public name: F1 */
        http2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
        break;
    }
}

void http2_session_pull(struct http2_session *s, struct http2_output *out)
{
    must(out->room >= HTTP2_OUTPUT_BYTES);
    s->output = out;
    while (!s->broken && out->room - out->len >= HTTP2_FRAME_BYTES_MAX) {
        const uint8_t *at;
        ssize_t len = nghttp2_session_mem_send(s->ng, &at);
        if (len < 0)
            http2_session_break(s);
        if (len <= 0)
            break;
        must((size_t)len <= out->room - out->len);
        memcpy(out->at + out->len, at, (size_t)len);
        out->len += (size_t)len;
    }
    s->output = NULL;
}

/* ---- opening and closing */

enum status http2_session_init(struct http2_session *s, struct http2_core *core,
                               void (*wake)(struct http2_session *))
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_REQUESTS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CONNECTION_POOL_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}, /* a tree of them is one more thing to flood */
    };
    s->core = core;
    s->wake = wake;
    s->head_bytes_free = 4 * CONNECTION_POOL_BYTES;
    s->reply_bytes_free = REPLY_CHARGED_LEAST;
    list_init(&s->requests);
    flood_init(&s->flood, core->now_us);
    if (nghttp2_session_server_new3(&s->ng, core->callbacks, s, core->options, &core->memory) != 0)
        return NO_MEMORY;
    if (nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) == 0 &&
        nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0,
                                              HTTP2_CONNECTION_WINDOW_BYTES) == 0)
        return OK;
    nghttp2_session_del(s->ng);
    s->ng = NULL;
    return NO_MEMORY;
}

void http2_session_end(struct http2_session *s)
{
    s->broken = s->deaf = s->leaving = true;
    struct list ending;
    list_init(&ending);
    list_splice(&ending, &s->requests);
    for (struct list *node; (node = list_first(&ending)) != NULL;) {
        list_remove(node);
        list_append(&s->requests, node);
        http2_request_closed(LIST_OWNER(node, struct http2_request, node), false);
    }
    nghttp2_session_del(s->ng);
    s->ng = NULL;
}

static void *memory_take(size_t size, void *arg)
{
    (void)arg;
    return mem_must(size);
}

static void memory_free(void *at, void *arg)
{
    (void)arg;
    mem_free(at);
}

static void *memory_zero(size_t count, size_t size, void *arg)
{
    (void)arg;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return mem_must(bytes);
}

static void *memory_resize(void *at, size_t size, void *arg)
{
    (void)arg;
    return mem_resize_must(at, size);
}

static void callbacks_set(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
}

enum status http2_core_open(struct http2_core *core, const struct network_settings *settings,
                            struct network_counts *counts, struct loop *loop, struct fault *f)
{
    *core = (struct http2_core){.settings = settings, .counts = counts, .loop = loop};
    core->memory = (nghttp2_mem){NULL, memory_take, memory_free, memory_zero, memory_resize};
    core->floods = metric_counter("sluice_http2_floods_total",
                                  "HTTP/2 connections ended because of what they flooded.", "");
    list_init(&core->receiving);
    list_init(&core->sending);
    list_init(&core->streaming);
    list_init(&core->resting);
    buffers_init(&core->buffers);
    spares_init(&core->requests, SPARE_REQUESTS_MAX);
    if (nghttp2_session_callbacks_new(&core->callbacks) != 0 ||
        nghttp2_option_new(&core->options) != 0)
        return fault_set(f, NO_MEMORY, "no memory for HTTP/2");
    callbacks_set(core->callbacks);
    nghttp2_option_set_max_outbound_ack(core->options, ACKS_OWED_MAX);
    nghttp2_option_set_max_continuations(core->options, CONTINUATIONS_MAX);
    nghttp2_option_set_no_closed_streams(core->options, 1);
    /* Resets are counted with all else, by F1: nghttp2's own count would answer INTERNAL_ERROR. */
    nghttp2_option_set_stream_reset_rate_limit(core->options, RESETS_AT_ONCE, RESETS_AT_ONCE);
    return OK;
}

void http2_core_close(struct http2_core *core)
{
    must(list_empty(&core->receiving) && list_empty(&core->sending));
    must(list_empty(&core->streaming) && list_empty(&core->resting));
    nghttp2_session_callbacks_del(core->callbacks);
    nghttp2_option_del(core->options);
    http2_request_free_spares(core);
    buffers_fini(&core->buffers);
}
