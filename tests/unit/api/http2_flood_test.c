/* http2_flood_test.c: clients who send what only costs, and what is not HTTP/2 at all, frame by frame. */
#include "api/http2_flood.h"

#include "api/network.h"
#include "base/limits.h"
#include "support/echo_server.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>

static struct echo echo;

static int open_echo(void **state)
{
    (void)state;
    echo_init(&echo);
    echo_open(&echo);
    return 0;
}

static int close_echo(void **state)
{
    (void)state;
    echo_close(&echo, 3000);
    return 0;
}

/* ---- the account */

static void a_burst_is_borne_and_then_so_many_a_second(void **state)
{
    (void)state;
    struct flood f;
    uint64_t now_us = 5000000;
    flood_init(&f, now_us);
    for (int i = 0; i < FLOOD_FRAMES_AT_ONCE; i++)
        assert_true(flood_frame(&f, now_us));
    assert_false(flood_frame(&f, now_us));
    now_us += 1000000;
    for (int i = 0; i < FLOOD_FRAMES_A_SECOND; i++)
        assert_true(flood_frame(&f, now_us));
    assert_false(flood_frame(&f, now_us));
    now_us += UINT64_C(1) << 60; /* it fills up, and no further */
    for (int i = 0; i < FLOOD_FRAMES_AT_ONCE; i++)
        assert_true(flood_frame(&f, now_us));
    assert_false(flood_frame(&f, now_us));
    assert_false(flood_frame(&f, now_us - 1000000)); /* a clock that goes back changes nothing */
}

static void what_is_sent_pays_for_two_window_updates_a_frame(void **state)
{
    (void)state;
    struct flood f;
    flood_init(&f, 0);
    for (int i = 0; i < 100000; i++) {
        flood_earn(&f, 16384);
        assert_true(flood_frame(&f, 0));
        assert_true(flood_frame(&f, 0));
    }
    flood_earn(&f, UINT64_MAX);
    assert_int_equal(f.credit, FLOOD_FRAMES_AT_ONCE * FLOOD_FRAME_BYTES);
}

/* ---- frames by hand */

static struct client connected(void)
{
    struct client c;
    client_open(&c, echo_port(&echo));
    client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client_send_bytes(&c, BYTES_LITERAL("\0\0\0\4\0\0\0\0\0")); /* SETTINGS */
    return c;
}

static bool send_frame(struct client *c, uint8_t type, uint8_t flags, uint32_t id,
                       struct bytes payload)
{
    uint8_t frame[1024] = {
        0,          (uint8_t)(payload.len >> 8), (uint8_t)payload.len, type,
        flags,      (uint8_t)(id >> 24),         (uint8_t)(id >> 16),  (uint8_t)(id >> 8),
        (uint8_t)id};
    assert_true(payload.len <= sizeof(frame) - 9);
    memcpy(frame + 9, payload.at, payload.len);
    return client_try_send(c, bytes_of(frame, 9 + payload.len));
}

/* :method GET, :scheme http, :path /, :authority "x" */
#define REQUEST BYTES_LITERAL("\x82\x86\x84\x41\x01x")
enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, END_HEADERS = 4, ANY_ERROR = 0xffff };

/* What the server says until it closes; the error code of its GOAWAY or last RST_STREAM, by `type`. */
static uint32_t last_words(struct client *c, uint8_t type)
{
    uint32_t found = ANY_ERROR;
    if (!client_closed_within(c, 10000))
        fail_msg("not closed");
    for (size_t at = 0; at + 9 <= c->got.len;) {
        const uint8_t *frame = c->got.at + at;
        size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        if (at + 9 + len > c->got.len)
            break;
        const uint8_t *code = frame + 9 + (type == GOAWAY ? 4 : 0);
        if (frame[3] == type)
            found = (uint32_t)code[0] << 24 | (uint32_t)code[1] << 16 | (uint32_t)code[2] << 8 |
                    code[3];
        at += 9 + len;
    }
    return found;
}

static void expect_goaway(struct client *c, uint32_t error)
{
    assert_int_equal(last_words(c, GOAWAY), error);
    client_close(c);
}

static void still_serves(void)
{
    struct http2_client other;
    http2_client_open(&other, echo_port(&echo), NULL, false);
    http2_expect(&other, "POST", "/later", BYTES_LITERAL("unharmed"), 200, "unharmed");
    http2_client_close(&other);
}

/* The same frame until the server has had enough, which must be within `most`. */
static void flood(uint8_t type, uint8_t flags, uint32_t id, struct bytes payload)
{
    enum { MOST = 20000 };
    struct client c = connected();
    if (id != 0)
        send_frame(&c, HEADERS, END_HEADERS, id, REQUEST);
    for (int i = 0; i < MOST && send_frame(&c, type, flags, id, payload); i++) {
    }
    expect_goaway(&c, NGHTTP2_ENHANCE_YOUR_CALM);
    still_serves();
}

static void floods_of_each_kind_are_told_to_calm_down(void **state)
{
    (void)state;
    flood(PING, 0, 0, BYTES_LITERAL("12345678"));
    flood(SETTINGS, 0, 0, BYTES_LITERAL(""));
    flood(SETTINGS, 0, 0, BYTES_LITERAL("\0\3\0\0\0\x64"));
    flood(WINDOW_UPDATE, 0, 0, BYTES_LITERAL("\0\0\0\1"));
    flood(WINDOW_UPDATE, 0, 1, BYTES_LITERAL("\0\0\0\1"));
    flood(DATA, 0, 1, BYTES_LITERAL(""));
    flood(DATA, 8, 1, BYTES_LITERAL("\3\0\0\0")); /* padding alone */
}

static void rapid_resets_are_told_to_calm_down(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    /* half a request, reset with CANCEL; a whole one, with NO_ERROR, before its answer can be sent */
    static const uint8_t pair[2][38] = {"\0\0\6\1\4....\x82\x86\x84\x41\1x\0\0\4\3\0....\0\0\0\x8",
                                        "\0\0\6\1\5....\x82\x86\x84\x41\1x\0\0\4\3\0....\0\0\0\0"};
    enum { BYTES = 9 + 6 + 9 + 4, AT_ONCE = 100 };
    for (int kind = 0; kind < 2; kind++) {
        static uint8_t storm[AT_ONCE * BYTES];
        struct client c = connected();
        bool open = true;
        for (uint32_t id = 1; open && id < MOST;) {
            for (int i = 0; i < AT_ONCE; i++, id += 2) {
                uint8_t *at = storm + i * BYTES, number[] = {0, 0, (uint8_t)(id >> 8), (uint8_t)id};
                memcpy(at, pair[kind], BYTES);
                memcpy(at + 5, number, 4);
                memcpy(at + 9 + 6 + 5, number, 4);
            }
            open = client_try_send(&c, bytes_of(storm, sizeof(storm)));
        }
        expect_goaway(&c, NGHTTP2_ENHANCE_YOUR_CALM);
        still_serves();
    }
}

static void resets_make_no_room_while_handlers_work(void **state)
{
    (void)state;
    unsigned before = atomic_load(&echo.handled);
    struct client c = connected();
    /* GET /held, reset at once */
    struct bytes held = BYTES_LITERAL("\x82\x86\x44\x05/held\x41\x01x");
    for (uint32_t i = 0; i < 400; i++) {
        assert_true(send_frame(&c, HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, held));
        assert_true(send_frame(&c, RST_STREAM, 0, 2 * i + 1, BYTES_LITERAL("\0\0\0\x8")));
    }
    echo_wait_held(&echo, HTTP2_REQUESTS_MAX);
    still_serves();
    assert_int_equal(atomic_load(&echo.handled) - before, HTTP2_REQUESTS_MAX + 1);
    echo_release(&echo);
    client_close(&c);
    still_serves();
}

static void endless_continuations_are_told_to_calm_down(void **state)
{
    (void)state;
    struct client c = connected();
    send_frame(&c, HEADERS, 0, 1, REQUEST);
    for (int i = 0; i < 1000; i++) {
        if (!send_frame(&c, CONTINUATION, 0, 1,
                        i % 2 ? BYTES_LITERAL("\x00\x01y\x01z") : BYTES_LITERAL("")))
            break;
    }
    expect_goaway(&c, NGHTTP2_ENHANCE_YOUR_CALM);
    still_serves();
}

static void more_requests_at_once_than_agreed_are_refused(void **state)
{
    (void)state;
    struct http2_client c;
    static struct http2_call calls[HTTP2_REQUESTS_MAX + 10];
    http2_client_open(&c, echo_port(&echo), NULL, false);
    for (int i = 0; i < HTTP2_REQUESTS_MAX + 10; i++) { /* before its SETTINGS have come */
        calls[i] = (struct http2_call){0};
        http2_start(&c, &calls[i], "POST", "/held", BYTES_LITERAL("x"), NULL, NULL);
    }
    http2_pump(&c, 100);
    echo_wait_held(&echo, HTTP2_REQUESTS_MAX);
    echo_release(&echo);
    unsigned served = 0, refused = 0;
    for (int i = 0; i < HTTP2_REQUESTS_MAX + 10; i++) {
        http2_wait(&c, &calls[i]);
        served += calls[i].status == 200;
        refused += calls[i].closed && calls[i].error == NGHTTP2_REFUSED_STREAM;
        http2_call_end(&calls[i]);
    }
    assert_int_equal(served, HTTP2_REQUESTS_MAX);
    assert_int_equal(refused, 10);
    http2_client_close(&c);
}

static void what_is_not_a_request_is_reset_and_the_connection_stays(void **state)
{
    (void)state;
    const struct bytes heads[] = {
        /* a header of HTTP/1.1's connections; upper case */
        BYTES_LITERAL("\x82\x86\x84\x41\x01x\x00\x0a"
                      "connection\x05"
                      "close"),
        BYTES_LITERAL("\x82\x86\x84\x41\x01x\x00\x05Upper\x01y"),
        /* no method; two */
        BYTES_LITERAL("\x86\x84\x41\x01x"),
        BYTES_LITERAL("\x82\x86\x84\x41\x01x\x82"),
        /* Host is another than the authority; a length that is none */
        BYTES_LITERAL("\x82\x86\x84\x41\x01x\x00\x04host\x01z"),
        BYTES_LITERAL("\x82\x86\x84\x41\x01x\x00\x0e"
                      "content-length\x02-1"),
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct client c = connected();
        send_frame(&c, HEADERS, END_HEADERS | END_STREAM, 1, heads[i]);
        send_frame(&c, GOAWAY, 0, 0, BYTES_LITERAL("\0\0\0\0\0\0\0\0")); /* so that it ends */
        assert_int_equal(last_words(&c, RST_STREAM), NGHTTP2_PROTOCOL_ERROR);
        client_close(&c);
    }
}

static void what_breaks_the_connection_is_told_why(void **state)
{
    (void)state;
    struct client c = connected();
    send_frame(&c, DATA, 0, 0, BYTES_LITERAL("x")); /* of no request */
    expect_goaway(&c, NGHTTP2_PROTOCOL_ERROR);
    c = connected();
    send_frame(&c, HEADERS, END_HEADERS, 1,
               BYTES_LITERAL("\xff\xff\xff\xff\xff\xff")); /* no HPACK */
    expect_goaway(&c, NGHTTP2_COMPRESSION_ERROR);
    c = connected();
    send_frame(&c, HEADERS, END_HEADERS, 2, REQUEST); /* an even number is ours */
    expect_goaway(&c, NGHTTP2_PROTOCOL_ERROR);
    c = connected();
    client_send_bytes(&c, BYTES_LITERAL("\xff\xff\xff\0\0\0\0\0\1")); /* 16 MiB a frame */
    expect_goaway(&c, NGHTTP2_FRAME_SIZE_ERROR);
    c = connected();
    send_frame(&c, WINDOW_UPDATE, 0, 0, BYTES_LITERAL("\x7f\xff\xff\xff")); /* beyond 2^31 */
    expect_goaway(&c, NGHTTP2_FLOW_CONTROL_ERROR);
    client_open(&c, echo_port(&echo));
    client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client_send(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* no SETTINGS first */
    assert_int_not_equal(last_words(&c, GOAWAY), NGHTTP2_NO_ERROR);
    client_close(&c);
    still_serves();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_borne_and_then_so_many_a_second),
        cmocka_unit_test(what_is_sent_pays_for_two_window_updates_a_frame),
        cmocka_unit_test(floods_of_each_kind_are_told_to_calm_down),
        cmocka_unit_test(rapid_resets_are_told_to_calm_down),
        cmocka_unit_test(resets_make_no_room_while_handlers_work),
        cmocka_unit_test(endless_continuations_are_told_to_calm_down),
        cmocka_unit_test(more_requests_at_once_than_agreed_are_refused),
        cmocka_unit_test(what_is_not_a_request_is_reset_and_the_connection_stays),
        cmocka_unit_test(what_breaks_the_connection_is_told_why),
    };
    return cmocka_run_group_tests(tests, open_echo, close_echo);
}
