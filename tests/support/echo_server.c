/* echo_server.c: answers what it is told to, when it is told to. */
#include "support/echo_server.h"

#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void finish(struct exchange *x)
{
    struct echo *e = x->operation;
    x->http_status = 200;
    exchange_reply_header(x, "Content-Type", "application/octet-stream");
    exchange_reply_header(x, "x-amzn-RequestId", "00000000-0000-4000-8000-000000000000");
    atomic_fetch_add(&e->finished, 1);
    exchange_finish(x);
}

static void echo_body(struct exchange *x)
{
    buf_append(&x->reply, bytes_of(x->body, x->body_len));
    finish(x);
}

static void on_loop(struct message *m)
{
    echo_body(LIST_OWNER(m, struct exchange, message));
}

static void on_worker(struct message *m)
{
    exchange_send(LIST_OWNER(m, struct exchange, message), on_loop);
}

static void hold(struct echo *e, struct exchange *x)
{
    lock_take(&e->lock);
    assert_true(e->held_count < sizeof(e->held) / sizeof(e->held[0]));
    e->held[e->held_count++] = x;
    signal_all(&e->changed);
    lock_drop(&e->lock);
}

static void big(struct exchange *x)
{
    size_t len = 0;
    assert_int_equal(sscanf((const char *)x->query.at, "%zu", &len), 1);
    uint8_t *at = buf_reserve(&x->reply, len);
    assert_non_null(at);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)('a' + i % 26);
    buf_add(&x->reply, len);
    finish(x);
}

static void seen(struct exchange *x)
{
    struct bytes test = exchange_header(x, "x-test");
    buf_printf(&x->reply, "%.*s|%.*s|%.*s|%s|%.*s|%zu", BYTES_ARGS(x->method), BYTES_ARGS(x->path),
               BYTES_ARGS(x->query), x->tls ? "tls" : "plain", BYTES_ARGS(test), x->body_len);
    assert_true(bytes_starts_with(x->peer, BYTES_LITERAL("127.0.0.1:")));
    finish(x);
}

static void handle(struct exchange_handler *handler, struct exchange *x)
{
    struct echo *e = (struct echo *)handler;
    thread_must_be(THREAD_LOOP);
    atomic_fetch_add(&e->handled, 1);
    x->operation = e;
    if (bytes_equal(x->path, BYTES_LITERAL("/later"))) {
        x->message.handle = on_worker;
        loop_send(e->worker_loop, &x->message);
    } else if (bytes_equal(x->path, BYTES_LITERAL("/held"))) {
        hold(e, x);
    } else if (bytes_equal(x->path, BYTES_LITERAL("/big"))) {
        big(x);
    } else if (bytes_equal(x->path, BYTES_LITERAL("/host"))) {
        buf_append(&x->reply, exchange_header(x, "Host"));
        finish(x);
    } else if (bytes_starts_with(x->path, BYTES_LITERAL("/seen"))) {
        seen(x);
    } else {
        if (bytes_equal(x->path, BYTES_LITERAL("/chatty"))) {
            exchange_reply_header(x, "Connection", "keep-alive");
            exchange_reply_header(x, "Keep-Alive", "timeout=5");
        }
        x->close_after = bytes_equal(x->path, BYTES_LITERAL("/close"));
        x->lost = bytes_equal(x->path, BYTES_LITERAL("/lost"));
        if (bytes_equal(x->path, BYTES_LITERAL("/unlucky")))
            x->reply.status = TOO_LARGE;
        echo_body(x);
    }
}

static void work(void *arg)
{
    struct echo *e = arg;
    loop_run(e->worker_loop);
}

void echo_init(struct echo *e)
{
    *e = (struct echo){.handler.handle = handle};
    network_defaults(&e->settings);
    e->settings.handler = &e->handler;
    e->settings.loops = 2;
    lock_init(&e->lock, LOCK_TEST);
    signal_init(&e->changed);
}

void echo_open(struct echo *e)
{
    struct fault f;
    assert_int_equal(loop_new(&e->worker_loop, &clock_system, &f), OK);
    thread_start(&e->worker, THREAD_COMMITTER, "worker", work, e);
    if (network_open(&e->settings, &e->network, &f) != OK)
        fail_msg("network_open: %s", f.text);
}

void echo_close(struct echo *e, uint64_t grace_ms)
{
    network_close(e->network, grace_ms);
    loop_stop(e->worker_loop);
    thread_join(&e->worker);
    loop_free(e->worker_loop);
    assert_int_equal(atomic_load(&e->handled), atomic_load(&e->finished)); /* X1 */
    lock_take(&e->lock); /* who let the last held one go may still be inside echo_release */
    lock_drop(&e->lock);
    signal_fini(&e->changed);
    lock_fini(&e->lock);
}

uint16_t echo_port(const struct echo *e)
{
    return network_port(e->network);
}

void echo_wait_held(struct echo *e, unsigned count)
{
    lock_take(&e->lock);
    while (e->held_count < count) {
        if (!signal_wait_ms(&e->changed, &e->lock, 20000))
            fail_msg("%u of %u requests arrived", e->held_count, count);
    }
    lock_drop(&e->lock);
}

void echo_release(struct echo *e)
{
    lock_take(&e->lock);
    while (e->held_count > 0)
        exchange_send(e->held[--e->held_count], on_loop);
    lock_drop(&e->lock);
}

void echo_wait_connections(struct echo *e, uint64_t count)
{
    for (int ms = 0; network_connections(e->network) != count; ms++) {
        if (ms > 20000)
            fail_msg("%llu connections are open, not %llu",
                     (unsigned long long)network_connections(e->network),
                     (unsigned long long)count);
        struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL); /* a sleep: the count has no condition to wait for */
    }
}
