/* http2_client.c: see http2_client.h. */
#include "support/http2_client.h"

#include "base/clock.h"
#include "unit/base/cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum { REPLY_MAX = 64 * 1024 * 1024, READ_BYTES = 64 * 1024 };

static struct http2_call *call_of(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)flags;
    (void)arg;
    struct http2_call *call = call_of(ng, frame->hd.stream_id);
    assert_non_null(call);
    for (size_t i = 0; i < name_len; i++)
        assert_false(name[i] >= 'A' && name[i] <= 'Z');
    size_t at = strlen(call->head);
    snprintf(call->head + at, sizeof(call->head) - at, "%.*s: %.*s\n", (int)name_len, name,
             (int)value_len, value);
    if (name_len == 7 && memcmp(name, ":status", 7) == 0)
        call->status = (int)strtol((const char *)value, NULL, 10);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *arg)
{
    (void)flags;
    (void)arg;
    struct http2_call *call = call_of(ng, id);
    if (call != NULL)
        buf_append(&call->reply, bytes_of(data, len));
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_client *c = arg;
    struct http2_call *call = call_of(ng, frame->hd.stream_id);
    if (call != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        call->ended = true;
    if (call != NULL && frame->hd.type == NGHTTP2_HEADERS && call->status == 100)
        call->continued = true;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        c->settings++;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        c->pongs++;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaway = true;
        c->goaway_error = frame->goaway.error_code;
        c->goaway_last = frame->goaway.last_stream_id;
    }
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t error, void *arg)
{
    (void)arg;
    struct http2_call *call = call_of(ng, id);
    if (call != NULL) {
        call->closed = true;
        call->error = error;
    }
    return 0;
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    (void)ng;
    (void)id;
    (void)arg;
    struct http2_call *call = source->ptr;
    size_t len = call->body.len < room ? call->body.len : room;
    if (len > 0)
        memcpy(to, call->body.at, len);
    call->body = bytes_of(call->body.at + len, call->body.len - len);
    if (call->body.len == 0 && call->keeps_open && len == 0)
        return NGHTTP2_ERR_DEFERRED;
    if (call->body.len == 0 && !call->keeps_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

void http2_client_open(struct http2_client *c, uint16_t port, SSL_CTX *tls, bool windows_by_hand)
{
    http2_client_open_as(c, port, tls, "\x02h2\x08http/1.1", windows_by_hand);
}

void http2_client_open_as(struct http2_client *c, uint16_t port, SSL_CTX *tls, const char *alpn,
                          bool windows_by_hand)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    *c = (struct http2_client){0};
    client_open(&c->client, port);
    if (tls != NULL)
        assert_true(client_tls(&c->client, tls, alpn));
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    assert_int_equal(nghttp2_option_new(&options), 0);
    nghttp2_option_set_no_auto_window_update(options, windows_by_hand);
    nghttp2_option_set_peer_max_concurrent_streams(options, 100000);
    assert_int_equal(nghttp2_session_client_new2(&c->ng, callbacks, c, options), 0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

void http2_client_close(struct http2_client *c)
{
    nghttp2_session_del(c->ng);
    client_close(&c->client);
}

void http2_call_end(struct http2_call *call)
{
    buf_fini(&call->reply);
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void http2_start(struct http2_client *c, struct http2_call *call, const char *method,
                 const char *path, struct bytes body, const char *name, const char *value)
{
    bool keeps_open = call->keeps_open;
    *call = (struct http2_call){.body = body, .keeps_open = keeps_open};
    buf_init(&call->reply, REPLY_MAX);
    nghttp2_nv fields[] = {field(":method", method), field(":scheme", "http"),
                           field(":authority", "localhost"), field(":path", path),
                           field(name == NULL ? "x-none" : name, name == NULL ? "" : value)};
    nghttp2_data_provider source = {.source.ptr = call, .read_callback = read_body};
    bool bodiless = body.len == 0 && !keeps_open;
    call->id = nghttp2_submit_request(c->ng, NULL, fields, 5, bodiless ? NULL : &source, call);
    assert_true(call->id > 0);
}

static void flush(struct http2_client *c)
{
    const uint8_t *at;
    ssize_t len;
    while (!c->ended && (len = nghttp2_session_mem_send(c->ng, &at)) > 0) {
        if (!client_try_send(&c->client, bytes_of(at, (size_t)len)))
            c->ended = true;
    }
}

static bool readable(struct http2_client *c, unsigned ms)
{
    struct pollfd p = {.fd = c->client.fd, .events = POLLIN};
    if (c->client.ssl != NULL && SSL_pending(c->client.ssl) > 0)
        return true;
    int ready;
    do
        ready = poll(&p, 1, (int)ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

bool http2_pump(struct http2_client *c, unsigned ms)
{
    static _Thread_local uint8_t piece[READ_BYTES];
    flush(c);
    if (!readable(c, ms))
        return false;
    ssize_t got = c->client.ssl != NULL ? SSL_read(c->client.ssl, piece, sizeof(piece))
                                        : recv(c->client.fd, piece, sizeof(piece), 0);
    if (got <= 0) {
        c->ended = true;
        return true;
    }
    assert_int_equal(nghttp2_session_mem_recv(c->ng, piece, (size_t)got), got);
    c->max_requests =
        nghttp2_session_get_remote_settings(c->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    c->max_header_bytes =
        nghttp2_session_get_remote_settings(c->ng, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    flush(c);
    return true;
}

static void pump_or_fail(struct http2_client *c, const char *what)
{
    if (c->ended)
        fail_msg("the server closed the connection, and %s was waited for", what);
    if (!http2_pump(c, CLIENT_PATIENCE_MS))
        fail_msg("%s did not come within %d ms", what, CLIENT_PATIENCE_MS);
}

void http2_wait(struct http2_client *c, struct http2_call *call)
{
    while (!call->closed && !call->ended)
        pump_or_fail(c, "a reply");
}

void http2_wait_bytes(struct http2_client *c, struct http2_call *call, size_t len)
{
    while (call->reply.len < len && !call->closed)
        pump_or_fail(c, "more of a reply");
    assert_true(call->reply.len >= len);
}

void http2_wait_goaway(struct http2_client *c)
{
    while (!c->goaway)
        pump_or_fail(c, "GOAWAY");
}

void http2_wait_end(struct http2_client *c)
{
    while (!c->ended)
        pump_or_fail(c, "the end");
}

void http2_expect(struct http2_client *c, const char *method, const char *path, struct bytes body,
                  int status, const char *reply)
{
    struct http2_call call = {0};
    http2_start(c, &call, method, path, body, NULL, NULL);
    http2_wait(c, &call);
    assert_int_equal(call.error, NGHTTP2_NO_ERROR);
    assert_int_equal(call.status, status);
    assert_int_equal(call.reply.len, strlen(reply));
    if (call.reply.len > 0)
        assert_memory_equal(call.reply.at, reply, call.reply.len);
    (void)nghttp2_session_set_stream_user_data(c->ng, call.id, NULL); /* if it is still there */
    http2_call_end(&call);
    http2_pump(c, 0);
}

void http2_reset(struct http2_client *c, struct http2_call *call, uint32_t error)
{
    assert_int_equal(nghttp2_submit_rst_stream(c->ng, NGHTTP2_FLAG_NONE, call->id, error), 0);
    flush(c);
}

void http2_consume(struct http2_client *c, struct http2_call *call, size_t len)
{
    assert_int_equal(nghttp2_session_consume(c->ng, call->id, len), 0);
    flush(c);
}

const char *http2_header(const struct http2_call *call, const char *name)
{
    static _Thread_local char value[512];
    size_t len = strlen(name);
    for (const char *line = call->head; *line != 0;) {
        const char *end = strchr(line, '\n');
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            snprintf(value, sizeof(value), "%.*s", (int)(end - line - (ptrdiff_t)len - 2),
                     line + len + 2);
            return value;
        }
        line = end + 1;
    }
    return NULL;
}
