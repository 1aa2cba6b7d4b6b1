/* refusal_test.c: what the transports refuse themselves is written as the request was, over either version of HTTP. */
#include "api/codec.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { LARGE = 3 * 1024 * 1024 };

#define FULL    "ProvisionedThroughputExceededException"
#define BODIES  "Too many bytes of requests are in memory. Try again later."
#define ANSWERS "Too many bytes of answers are in memory. Try again later."

static const struct {
    enum exchange_codec codec;
    const char *sent, *answered;
} types[] = {
    {CODEC_JSON, "application/x-amz-json-1.1", "application/x-amz-json-1.1"},
    {CODEC_CBOR, "application/x-amz-cbor-1.1", "application/x-amz-cbor-1.1"},
    {CODEC_CBOR, "Application/X-Amz-Cbor-1.1; a=b", "application/x-amz-cbor-1.1"},
    {CODEC_JSON, "text/plain", "application/x-amz-json-1.1"},
};
enum { TYPES = sizeof(types) / sizeof(*types) };

static struct echo echo;
static uint8_t *large;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    echo.settings.body_bytes_max = 4 * 1024 * 1024;
    echo_open(&echo);
    large = mem_must(LARGE);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 1000);
    mem_free(large);
    return 0;
}

/* A reply as each client got it. */
struct seen {
    int status;
    const char *type;
    struct bytes body;
};

static void assert_refused(const struct seen *seen, size_t type, int status, const char *name,
                           const char *text)
{
    struct exchange x = {.codec = types[type].codec};
    struct buf wanted;
    buf_init(&wanted, 1024);
    codec_of(&x)->encode_error(&wanted, name, "message", bytes_text(text));
    assert_int_equal(seen->status, status);
    assert_string_equal(seen->type, types[type].answered);
    assert_int_equal(seen->body.len, wanted.len);
    assert_memory_equal(seen->body.at, wanted.at, wanted.len);
    buf_fini(&wanted);
}

/* ---- HTTP/1.1 */

static void ask_http1(struct client *c, const char *path, size_t type, struct bytes body,
                      int status, const char *name, const char *text)
{
    char head[256];
    struct client_reply r;
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", path,
             types[type].sent, body.len);
    client_send(c, head);
    client_send_bytes(c, body);
    client_read(c, &r, false);
    struct seen seen = {r.status, client_reply_header(&r, "Content-Type"),
                        bytes_of(r.body, r.body_len)};
    assert_refused(&seen, type, status, name, text);
    client_reply_end(&r);
}

static void http1_refuses_as_it_was_asked(void **state)
{
    (void)state;
    struct client full, c;
    client_open(&full, echo_port(&echo));
    client_open(&c, echo_port(&echo));
    client_post(&full, "/held", bytes_of(large, LARGE));
    echo_wait_held(&echo, 1);
    for (size_t i = 0; i < TYPES; i++) {
        ask_http1(&c, "/sync", i, bytes_of(large, LARGE), 400, FULL, BODIES);
        ask_http1(&c, "/unlucky", i, BYTES_LITERAL("x"), 500, "InternalFailure", NULL);
        ask_http1(&c, "/big?5000000", i, BYTES_LITERAL("x"), 400, FULL, ANSWERS);
    }
    echo_release(&echo);
    client_close(&full);
    client_close(&c);
}

/* ---- HTTP/2 */

/* The call lasts as long as the client, who may go on sending its body. */
static void ask_http2(struct http2_client *c, struct http2_call *call, const char *path,
                      size_t type, struct bytes body, int status, const char *name,
                      const char *text)
{
    http2_start(c, call, "POST", path, body, "content-type", types[type].sent);
    http2_wait(c, call);
    struct seen seen = {call->status, http2_header(call, "content-type"), buf_view(&call->reply)};
    assert_refused(&seen, type, status, name, text);
}

static void http2_refuses_as_it_was_asked(void **state)
{
    (void)state;
    struct client full;
    struct http2_client c;
    struct http2_call calls[TYPES * 3] = {0}, *call = calls;
    client_open(&full, echo_port(&echo));
    http2_client_open(&c, echo_port(&echo), NULL, false);
    client_post(&full, "/held", bytes_of(large, LARGE));
    echo_wait_held(&echo, 1);
    for (size_t i = 0; i < TYPES; i++) {
        ask_http2(&c, call++, "/sync", i, bytes_of(large, LARGE), 400, FULL, BODIES);
        ask_http2(&c, call++, "/unlucky", i, BYTES_LITERAL("x"), 500, "InternalFailure", NULL);
        ask_http2(&c, call++, "/big?5000000", i, BYTES_LITERAL("x"), 400, FULL, ANSWERS);
    }
    echo_release(&echo);
    client_close(&full);
    http2_client_close(&c);
    while (call > calls)
        http2_call_end(--call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http1_refuses_as_it_was_asked, open_echo, close_echo),
        cmocka_unit_test_setup_teardown(http2_refuses_as_it_was_asked, open_echo, close_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
