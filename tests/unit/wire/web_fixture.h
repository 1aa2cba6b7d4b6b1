/* web_fixture.h: calls and what became of them, for the tests of web.c: one far side, one loop, one web. */
#ifndef SLUICE_TESTS_UNIT_WIRE_WEB_FIXTURE_H
#define SLUICE_TESTS_UNIT_WIRE_WEB_FIXTURE_H

#include "base/mem.h"
#include "support/far_side.h"
#include "unit/base/cmocka_all.h"
#include "wire/web.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLS_MAX = 128 };

static struct far_side far;
static struct loop *loop;
static struct web *web;

struct test_call {
    struct web_call call; /* first */
    unsigned dones;
    void (*then)(struct test_call *);
};
static struct test_call calls[CALLS_MAX];
static unsigned pending;

static void call_done(struct web_call *call)
{
    struct test_call *c = (struct test_call *)call;
    c->dones++;
    if (c->then != NULL)
        c->then(c);
    if (--pending == 0)
        loop_stop(loop);
}

/* A time that goes on, and jumps when a test says so. */
static _Atomic uint64_t jumped_us;
static uint64_t jumpy_wall(const struct clock *c)
{
    (void)c;
    return clock_wall_ms(&clock_system) + jumped_us / 1000;
}
static uint64_t jumpy_mono(const struct clock *c)
{
    (void)c;
    return clock_mono_us(&clock_system) + jumped_us;
}
static const struct clock jumpy = {jumpy_wall, jumpy_mono};

static void open_web(const char *ca_file, uint32_t connections_max)
{
    struct fault f;
    assert_int_equal(web_new(&(struct web_settings){.loop = loop,
                                                    .ca_file = ca_file,
                                                    .connections_max = connections_max},
                             &web, &f),
                     OK);
}

static enum far_next echo(struct far_request *r)
{
    far_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nETag: \"tag\"\r\n\r\n", r->body.len);
    far_write(r, r->body);
    return FAR_KEEP;
}

static int set_up(void **state)
{
    (void)state;
    jumped_us = 0;
    pending = 0;
    memset(calls, 0, sizeof(calls));
    far_init(&far);
    far.handle = echo;
    return loop_new(&loop, &jumpy, NULL) == OK ? 0 : -1;
}

static void begin(void)
{
    far_open(&far);
    open_web(far.tls ? far.ca_path : "", 0);
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CALLS_MAX; i++)
        buf_fini(&calls[i].call.answer);
    web_free(web);
    web = NULL;
    loop_free(loop);
    far_close(&far);
    return 0;
}

static struct test_call *prepare(unsigned i, const char *method, const char *path)
{
    struct test_call *c = &calls[i];
    *c = (struct test_call){.call = {.method = method,
                                     .url = mem_strdup(far_url(&far, path)),
                                     .answer_bytes_max = 1 << 20,
                                     .timeout_ms = 20000,
                                     .done = call_done}};
    return c;
}

static void start(struct test_call *c)
{
    pending++;
    web_start(web, &c->call);
    assert_int_equal(c->dones, 0); /* W1 */
}

static void run_all(void)
{
    if (pending > 0)
        loop_run(loop);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        assert_in_range(calls[i].dones, 0, 1); /* W1 */
        mem_free((char *)calls[i].call.url);
        calls[i].call.url = NULL;
    }
}

static struct web_call *one(const char *method, const char *path, struct bytes body)
{
    struct test_call *c = prepare(0, method, path);
    c->call.body = body;
    start(c);
    run_all();
    return &c->call;
}

static void expect(const struct web_call *c, enum status status, enum web_failure why)
{
    if (c->status != status || (status == IO_FAILED && c->why != why))
        fail_msg("%s (%d): %s", status_name(c->status), c->why, c->fault.text);
    if (status != OK) {
        assert_int_equal(c->fault.status, status);
        assert_true(strlen(c->fault.text) > 5);
    }
}

static enum far_next say_nothing(struct far_request *r)
{
    (void)r;
    return FAR_HANG;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
