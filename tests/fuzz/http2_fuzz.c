/* http2_fuzz.c: any bytes as what an HTTP/2 client sends, to a session without a socket: it must end, hold what it promises, and give everything back.
 *
 * The input is a script: a byte says how many of the next are sent at once, and in the same byte what happens then: held exchanges are finished, the
 * output is taken or not, time passes. The preface and an empty SETTINGS are sent before it unless its first byte is 0.
 *
 * The handler answers by the path's second byte: at once, later, with a reply that goes on, with a large one. */
#include "api/http2_session.h"
#include "base/limits.h"
#include "base/must.h"
#include "base/thread.h"

#include <string.h>

enum { HELD_MAX = HTTP2_REQUESTS_MAX + 1, LARGE = 300000, STEP_US = 50000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exchange *held[HELD_MAX];
static size_t held_count, sources_open;
static size_t finished, handled;
static struct clock_manual wall;

static ptrdiff_t source_read(struct exchange_source *source, uint8_t *at, size_t room)
{
    (void)source;
    static unsigned turn;
    size_t len = room < 100 ? room : 100;
    memset(at, 'x', len);
    switch (turn++ % 5) {
    case 0:
        return 0;
    case 1:
        return turn % 3 == 0 ? SOURCE_BROKEN : SOURCE_END;
    default:
        return (ptrdiff_t)len;
    }
}

static void source_closed(struct exchange_source *source)
{
    (void)source;
    must(sources_open-- > 0);
}

static void finish(struct exchange *x)
{
    static struct exchange_source source = {source_read, source_closed};
    uint8_t kind = x->path.len > 1 ? x->path.at[1] : 0;
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "text/plain");
    x->close_after = kind == 'c';
    finished++;
    if (kind % 4 == 1) {
        sources_open++;
        exchange_stream(x, &source);
        return;
    }
    buf_append(&x->reply, bytes_of(x->body, x->body_len));
    if (kind % 4 == 2) {
        uint8_t *at = buf_reserve(&x->reply, LARGE);
        must(at != NULL);
        memset(at, 'y', LARGE);
        buf_add(&x->reply, LARGE);
    }
    exchange_finish(x);
}

static void handle(struct exchange_handler *handler, struct exchange *x)
{
    (void)handler;
    handled++;
    must(x->header_count <= EXCHANGE_HEADERS_MAX && bytes_present(x->path));
    if (x->path.len > 1 && x->path.at[1] % 3 == 0) {
        must(held_count < HELD_MAX);
        held[held_count++] = x;
        return;
    }
    finish(x);
}

static void release(void)
{
    while (held_count > 0)
        finish(held[--held_count]);
}

static void on_wake(struct http2_session *s)
{
    must(s->core != NULL);
}

static void take_output(struct http2_session *s)
{
    static uint8_t room[HTTP2_OUTPUT_BYTES];
    for (int i = 0; i < 16; i++) {
        struct http2_output out = {.at = room, .room = sizeof(room)};
        http2_session_pull(s, &out);
        if (out.len == 0)
            return;
    }
}

struct fixture {
    struct exchange_handler handler;
    struct network_settings settings;
    struct network_counts counts;
    struct loop *loop;
    struct http2_core core;
    struct http2_session session;
    struct bytes script;
};

static void play(struct fixture *f)
{
    struct http2_session *s = &f->session;
    struct bytes script = f->script;
    while (script.len > 0 && !http2_session_is_over(s)) {
        uint8_t step = script.at[0];
        script = bytes_of(script.at + 1, script.len - 1);
        size_t len = (size_t)(step & 0x1f) * 8;
        len = len < script.len ? len : script.len;
        http2_session_receive(s, bytes_of(script.at, len));
        script = bytes_of(script.at + len, script.len - len);
        must(s->request_count <= HTTP2_REQUESTS_MAX);
        if ((step & 0x20) != 0)
            release();
        if ((step & 0x40) == 0)
            take_output(s);
        if ((step & 0x80) != 0)
            f->core.now_us += STEP_US;
    }
}

/* As a message would: on the loop's own thread, while it runs. */
struct run {
    struct message message;
    struct fixture *fixture;
};

static void on_run(struct message *m)
{
    struct fixture *f = LIST_OWNER(m, struct run, message)->fixture;
    struct http2_session *s = &f->session;
    must(http2_session_init(s, &f->core, on_wake) == OK);
    bool greets = f->script.at[0] != 0;
    if (greets)
        http2_session_receive(s,
                              BYTES_LITERAL("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
    play(f);
    http2_session_end(s);
    release();
    must(s->request_count == 0 && sources_open == 0 && handled == finished); /* X1, X3 */
    loop_stop(f->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    struct fault fault;
    if (size == 0)
        return 0;
    thread_assume(THREAD_LOOP);
    clock_manual_init(&wall, UINT64_C(1700000000000));
    f = (struct fixture){.handler.handle = handle, .script = bytes_of(data, size)};
    network_defaults(&f.settings);
    f.settings.handler = &f.handler;
    f.settings.clock = &wall.clock;
    network_counts_init(&f.counts, MIB(8));
    must(loop_new(&f.loop, &clock_system, &fault) == OK);
    must(http2_core_open(&f.core, &f.settings, &f.counts, f.loop, &fault) == OK);
    handled = finished = 0;
    struct run run = {.message.handle = on_run, .fixture = &f};
    loop_send(f.loop, &run.message);
    loop_run(f.loop);
    http2_core_close(&f.core);
    loop_free(f.loop);
    must(atomic_load(&f.counts.bodies.used) == 0 && atomic_load(&f.counts.replies.used) == 0);
    return 0;
}
