/* flows.c: sources that give what they are told to. */
#include "support/flows.h"

#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static ptrdiff_t flow_read(struct exchange_source *source, uint8_t *at, size_t room)
{
    struct flow *f = (struct flow *)source;
    assert_true(room >= 1 && !f->is_closed); /* X3 */
    uint64_t left = f->until - f->at;
    size_t len = left < room ? (size_t)left : room;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)('a' + (f->at + i) % 26);
    f->at += len;
    atomic_fetch_add(&f->flows->asked, len);
    if (len > 0)
        return (ptrdiff_t)len;
    if (f->breaks)
        return SOURCE_BROKEN;
    return f->rests && !f->ends ? 0 : SOURCE_END;
}

static void flow_closed(struct exchange_source *source)
{
    struct flow *f = (struct flow *)source;
    assert_false(f->is_closed); /* X3 */
    f->is_closed = true;
    atomic_fetch_add(&f->flows->closed, 1);
}

static void begin(struct flows *all, struct exchange *x, const char *kind)
{
    unsigned n = atomic_load(&all->opened);
    assert_in_range(n, 0, FLOWS_MAX - 1);
    struct flow *f = &all->flows[n];
    *f = (struct flow){
        .source = {flow_read, flow_closed}, .flows = all, .exchange = x, .loop = x->loop};
    f->rests = kind[1] == 'r';
    f->breaks = kind[1] == 'b';
    if (f->breaks)
        f->until = 10;
    else if (!f->rests)
        assert_int_equal(sscanf((const char *)x->query.at, "%llu", (unsigned long long *)&f->until),
                         1);
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "application/octet-stream");
    atomic_fetch_add(&all->echo->finished, 1);
    exchange_stream(x, &f->source);
    atomic_store(&all->opened, n + 1);
}

static void handle(struct exchange_handler *handler, struct exchange *x)
{
    static const char *const kinds[] = {"/flow", "/rest", "/broken"};
    struct flows *f = (struct flows *)handler;
    for (size_t i = 0; i < 3; i++) {
        if (bytes_equal(x->path, bytes_text(kinds[i]))) {
            atomic_fetch_add(&f->echo->handled, 1);
            begin(f, x, kinds[i]);
            return;
        }
    }
    f->echo->handler.handle(&f->echo->handler, x);
}

void flows_init(struct flows *f, struct echo *e)
{
    *f = (struct flows){.handler.handle = handle, .echo = e};
    e->settings.handler = &f->handler;
    e->settings.loops = 1; /* flows are counted without a lock */
}

static void on_feed(struct message *m)
{
    struct flow *f = LIST_OWNER(m, struct flow, message);
    if (f->is_closed)
        return;
    f->until += f->fed;
    exchange_ready(f->exchange);
}

static void on_end(struct message *m)
{
    struct flow *f = LIST_OWNER(m, struct flow, message);
    f->ends = true;
    if (!f->is_closed)
        exchange_ready(f->exchange);
}

static void wait_for(_Atomic unsigned *count, unsigned wanted)
{
    for (int ms = 0; atomic_load(count) < wanted; ms++) {
        if (ms > 20000)
            fail_msg("%u of %u", atomic_load(count), wanted);
        struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL); /* a sleep: the count has no condition to wait for */
    }
}

static void send_to(struct flow *f, void (*handler)(struct message *))
{
    f->message.handle = handler;
    loop_send(f->loop, &f->message);
}

void flows_feed(struct flows *f, unsigned n, uint64_t bytes)
{
    f->flows[n].fed = bytes;
    send_to(&f->flows[n], on_feed);
}

void flows_end(struct flows *f, unsigned n)
{
    send_to(&f->flows[n], on_end);
}

void flows_wait_opened(struct flows *f, unsigned count)
{
    wait_for(&f->opened, count);
}

void flows_wait_closed(struct flows *f, unsigned count)
{
    wait_for(&f->closed, count);
}
