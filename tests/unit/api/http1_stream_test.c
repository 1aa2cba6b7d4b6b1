/* http1_stream_test.c: replies that go on, over sockets: sources that a test opens and shuts like a tap. */
#include "api/network.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

/* What the tap gives out, set by the test, taken by the loop. */
static struct tap {
    struct exchange_handler handler;
    struct network_settings settings;
    struct network *network;

    struct exchange_source source; /* the loop's own */
    struct exchange *exchange;     /* the loop's own */
    struct loop *loop;
    struct message message; /* of turn: the exchange's own goes when the exchange does */

    struct lock lock;
    struct signal changed;
    /* under lock */
    struct flow {
        char text[64];
        bool flood; /* never stops */
        int end;    /* SOURCE_END, SOURCE_BROKEN; 0: goes on */
    } flow, next;
    bool began, turning; /* turning: `next` is on its way to the loop */
    unsigned closed;
} tap;

static ptrdiff_t on_read(struct exchange_source *source, uint8_t *at, size_t room)
{
    assert_ptr_equal(source, &tap.source);
    lock_take(&tap.lock);
    size_t len = strlen(tap.flow.text);
    ptrdiff_t got = tap.flow.end;
    if (tap.flow.flood) {
        memset(at, 'f', room);
        got = (ptrdiff_t)room;
    } else if (len > 0) {
        len = len < room ? len : room;
        memcpy(at, tap.flow.text, len);
        memmove(tap.flow.text, tap.flow.text + len, strlen(tap.flow.text) - len + 1);
        got = (ptrdiff_t)len;
    }
    lock_drop(&tap.lock);
    return got;
}

static void on_closed(struct exchange_source *source)
{
    assert_ptr_equal(source, &tap.source);
    lock_take(&tap.lock);
    tap.closed++;
    signal_all(&tap.changed);
    lock_drop(&tap.lock);
}

static void begin(struct exchange *x)
{
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "application/vnd.amazon.eventstream");
    exchange_stream(x, &tap.source);
    lock_take(&tap.lock);
    tap.exchange = x;
    tap.loop = x->loop;
    tap.began = true;
    signal_all(&tap.changed);
    lock_drop(&tap.lock);
}

static void begin_later(struct message *m)
{
    begin(LIST_OWNER(m, struct exchange, message));
}

static void handle(struct exchange_handler *handler, struct exchange *x)
{
    (void)handler;
    if (bytes_equal(x->path, BYTES_LITERAL("/now"))) {
        begin(x);
    } else if (bytes_equal(x->path, BYTES_LITERAL("/later"))) {
        exchange_send(x, begin_later);
    } else {
        x->http_status = 200;
        buf_append_text(&x->reply, "plain");
        exchange_finish(x);
    }
}

static int open_tap(void **state)
{
    (void)state;
    struct fault f;
    tap = (struct tap){.handler.handle = handle, .source = {.read = on_read, .closed = on_closed}};
    network_defaults(&tap.settings);
    tap.settings.handler = &tap.handler;
    tap.settings.loops = 1;
    tap.settings.stall_ms = 400;
    lock_init(&tap.lock, LOCK_TEST);
    signal_init(&tap.changed);
    if (network_open(&tap.settings, &tap.network, &f) != OK)
        fail_msg("network_open: %s", f.text);
    return 0;
}

static int close_tap(void **state)
{
    (void)state;
    network_close(tap.network, 1000);
    assert_true(!tap.began || tap.closed == 1); /* X3 */
    signal_fini(&tap.changed);
    lock_fini(&tap.lock);
    return 0;
}

static struct client asking(const char *path, const char *version)
{
    struct client c;
    char head[128];
    client_open(&c, network_port(tap.network));
    snprintf(head, sizeof(head), "GET %s HTTP/%s\r\nHost: localhost\r\n\r\n", path, version);
    client_send(&c, head);
    lock_take(&tap.lock);
    while (!tap.began)
        assert_true(signal_wait_ms(&tap.changed, &tap.lock, CLIENT_PATIENCE_MS));
    lock_drop(&tap.lock);
    return c;
}

static void on_turn(struct message *m)
{
    (void)m;
    lock_take(&tap.lock);
    tap.flow = tap.next;
    tap.turning = false;
    bool closed = tap.closed > 0;
    signal_all(&tap.changed);
    lock_drop(&tap.lock);
    if (!closed)
        exchange_ready(tap.exchange);
}

static void turn(const char *text, bool flood, int end)
{
    lock_take(&tap.lock);
    while (tap.turning)
        assert_true(signal_wait_ms(&tap.changed, &tap.lock, CLIENT_PATIENCE_MS));
    snprintf(tap.next.text, sizeof(tap.next.text), "%s", text);
    tap.next.flood = flood;
    tap.next.end = end;
    tap.turning = true;
    lock_drop(&tap.lock);
    tap.message.handle = on_turn;
    loop_send(tap.loop, &tap.message);
}

static bool closed_within(unsigned ms)
{
    bool in_time = true;
    lock_take(&tap.lock);
    while (tap.closed == 0 && in_time)
        in_time = signal_wait_ms(&tap.changed, &tap.lock, ms);
    in_time = tap.closed == 1;
    lock_drop(&tap.lock);
    return in_time;
}

static void give_by_pieces(const char *path)
{
    static const char chunked[] = "\r\nTransfer-Encoding: chunked\r\n";
    struct client c = asking(path, "1.1");
    client_read_to(&c, "\r\n\r\n");
    assert_non_null(memmem(c.got.at, c.got.len, chunked, sizeof(chunked) - 1));
    buf_clear(&c.got);
    turn("first", false, 0);
    client_read_to(&c, "5\r\nfirst\r\n");
    turn("and the second", false, 0);
    client_read_to(&c, "E\r\nand the second\r\n");
    turn("", false, SOURCE_END);
    client_read_to(&c, "0\r\n\r\n");
    assert_true(closed_within(CLIENT_PATIENCE_MS));
    buf_clear(&c.got);
    client_post(&c, "/plain", BYTES_LITERAL("")); /* the connection stays */
    client_expect(&c, 200, "plain");
    client_close(&c);
}

static void what_the_source_gives_is_sent_at_once_in_chunks(void **state)
{
    (void)state;
    give_by_pieces("/now");
}

static void a_reply_that_begins_later_goes_on_too(void **state)
{
    (void)state;
    give_by_pieces("/later");
}

static void a_client_without_chunks_gets_bytes_and_an_end(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.0");
    turn("bytes", false, 0);
    client_read_to(&c, "\r\n\r\nbytes");
    turn("", false, SOURCE_END);
    assert_true(client_closed_within(&c, CLIENT_PATIENCE_MS));
    client_close(&c);
}

static void a_broken_source_cuts_the_connection(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.1");
    turn("half", false, 0);
    client_read_to(&c, "4\r\nhalf\r\n");
    turn("", false, SOURCE_BROKEN);
    assert_true(client_closed_within(&c, CLIENT_PATIENCE_MS));
    assert_int_not_equal(memcmp(c.got.at + c.got.len - 5, "0\r\n\r\n", 5), 0);
    assert_true(closed_within(CLIENT_PATIENCE_MS));
    client_close(&c);
}

static void a_client_who_hangs_up_is_noticed_when_there_is_something_to_say(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.1");
    client_close(&c);
    for (int i = 0; i < 100 && !closed_within(20); i++)
        turn("are you there?", false, 0);
    assert_true(closed_within(1));
}

static void a_reader_who_takes_nothing_is_cut_and_one_with_nothing_to_take_is_not(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.1");
    int small = 4096;
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_false(closed_within(1000)); /* at rest, for more than stall_ms */
    turn("", true, 0);
    assert_true(closed_within(5000));
    turn("", false, SOURCE_END);
    client_close(&c);
}

static void a_reader_who_is_slow_is_not_cut(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.1");
    uint8_t bytes[65536];
    turn("", true, 0);
    for (int i = 0; i < 15; i++) {
        assert_true(recv(c.fd, bytes, sizeof(bytes), 0) > 0);
        assert_false(closed_within(100));
    }
    turn("", false, SOURCE_END);
    assert_true(client_closed_within(&c, CLIENT_PATIENCE_MS) || closed_within(1));
    client_close(&c);
}

static void closing_ends_streams_that_rest(void **state)
{
    (void)state;
    struct client c = asking("/now", "1.1");
    turn("last words", false, 0);
    client_read_to(&c, "last words\r\n");
    network_close(tap.network, 5000);
    client_read_to(&c, "0\r\n\r\n");
    assert_true(client_closed_within(&c, CLIENT_PATIENCE_MS));
    assert_true(closed_within(1));
    client_close(&c);
    tap.network = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_tap, close_tap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_source_gives_is_sent_at_once_in_chunks),
        TEST(a_reply_that_begins_later_goes_on_too),
        TEST(a_client_without_chunks_gets_bytes_and_an_end),
        TEST(a_broken_source_cuts_the_connection),
        TEST(a_client_who_hangs_up_is_noticed_when_there_is_something_to_say),
        TEST(a_reader_who_takes_nothing_is_cut_and_one_with_nothing_to_take_is_not),
        TEST(a_reader_who_is_slow_is_not_cut),
        TEST(closing_ends_streams_that_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
