/* web_failures_test.c: calls that fail, are given up, or meet TLS that cannot be trusted. */
#include "unit/wire/web_fixture.h"

#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- failures */

static void a_port_where_nobody_listens(void **state)
{
    (void)state;
    begin();
    struct test_call *c = prepare(0, "POST", "/");
    mem_free((char *)c->call.url);
    c->call.url = mem_strdup("http://127.0.0.1:1/secret?token=secret");
    c->call.headers[0] = (struct web_header){BYTES_LITERAL("X-Key"), BYTES_LITERAL("secret")};
    c->call.header_count = 1;
    start(c);
    run_all();
    expect(&c->call, IO_FAILED, WEB_FAILED_CONNECT);
    assert_non_null(strstr(c->call.fault.text, "127.0.0.1:1"));
    assert_null(strstr(c->call.fault.text, "secret")); /* W4 */
}

static void a_name_that_is_none(void **state)
{
    (void)state;
    begin();
    struct test_call *c = prepare(0, "GET", "/");
    mem_free((char *)c->call.url);
    c->call.url = mem_strdup("http://no.such.host.invalid/");
    start(c);
    run_all();
    expect(&c->call, IO_FAILED, WEB_FAILED_CONNECT);
}

static enum far_next hang_up(struct far_request *r)
{
    if (strcmp(r->target, "/in-the-middle") == 0)
        far_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew");
    return strcmp(r->target, "/reset") == 0 ? FAR_RESET : FAR_CLOSE;
}

static void a_connection_that_ends_too_soon(void **state)
{
    (void)state;
    static const char *const paths[] = {"/at-once", "/reset", "/in-the-middle"};
    far.handle = hang_up;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        struct web_call *c = one("POST", paths[i], BYTES_LITERAL("x"));
        expect(c, IO_FAILED, WEB_FAILED_RESET);
        buf_fini(&c->answer);
    }
}

static enum far_next talk_nonsense(struct far_request *r)
{
    far_printf(r, "SSH-2.0-OpenSSH\r\n");
    return FAR_CLOSE;
}

static void an_answer_that_is_not_http(void **state)
{
    (void)state;
    far.handle = talk_nonsense;
    begin();
    expect(one("GET", "/", BYTES_NONE), IO_FAILED, WEB_FAILED_OTHER);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "nonsense", "",
                                       "http://127.0.0.1/a b"};
    begin();
    for (unsigned i = 0; i < 5; i++) {
        struct test_call *c = prepare(i, "GET", "/");
        mem_free((char *)c->call.url);
        c->call.url = mem_strdup(urls[i]);
        start(c);
    }
    struct test_call *c = prepare(5, "GET", "/");
    c->call.headers[0] = (struct web_header){BYTES_LITERAL("X"), BYTES_LITERAL("a\r\nY: secret")};
    c->call.header_count = 1;
    start(c);
    run_all();
    for (unsigned i = 0; i < 6; i++)
        expect(&calls[i].call, INVALID_ARGUMENT, 0);
    assert_null(strstr(calls[5].call.fault.text, "secret"));
    assert_int_equal(far_requests(&far), 0);
}

static void jump(struct loop_timer *t)
{
    (void)t;
    far_wait_requests(&far, 1);
    jumped_us += 180u * 1000000;
}

static void three_minutes_pass_by_the_loops_clock(void **state)
{
    (void)state;
    far.handle = say_nothing;
    begin();
    struct test_call *c = prepare(0, "POST", "/");
    c->call.timeout_ms = 180000;
    struct loop_timer timer = {.fire = jump};
    loop_timer_set(loop, &timer, 100);
    start(c);
    run_all();
    expect(&c->call, TIMED_OUT, 0);
    assert_non_null(strstr(c->call.fault.text, "180000 ms"));
}

static void waiting_for_a_turn_counts(void **state)
{
    (void)state;
    far.handle = say_nothing;
    far_open(&far);
    open_web("", 1);
    for (unsigned i = 0; i < 3; i++)
        prepare(i, "POST", "/")->call.timeout_ms = 50;
    for (unsigned i = 0; i < 3; i++)
        start(&calls[i]);
    run_all();
    for (unsigned i = 0; i < 3; i++)
        expect(&calls[i].call, TIMED_OUT, 0);
}

/* ---- giving up */

static void cancel_all_and_stop(struct loop_timer *t)
{
    (void)t;
    far_wait_requests(&far, 1);
    for (unsigned i = 0; i < 4; i++) {
        web_cancel(web, &calls[i].call);
        web_cancel(web, &calls[i].call); /* twice is fine */
    }
    loop_stop(loop);
}

static void a_cancelled_call_is_never_done(void **state)
{
    (void)state;
    far.handle = say_nothing;
    far_open(&far);
    open_web("", 1);
    for (unsigned i = 0; i < 3; i++) /* one running, two waiting */
        start(prepare(i, "POST", "/"));
    struct loop_timer timer = {.fire = cancel_all_and_stop};
    loop_timer_set(loop, &timer, 50);
    loop_run(loop);
    start(prepare(3, "POST", "/")); /* before anything happened */
    web_cancel(web, &calls[3].call);
    web_free(web);
    web = NULL;
    pending = 0;
    run_all();
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(calls[i].dones, 0);
}

static void start_and_cancel_others(struct test_call *c)
{
    (void)c;
    web_cancel(web, &calls[1].call);
    pending--;
    start(prepare(2, "POST", "/"));
}

static enum far_next echo_but_for_slow(struct far_request *r)
{
    far_wait_requests(r->far, 2);
    return strcmp(r->target, "/slow") == 0 ? FAR_HANG : echo(r);
}

static void done_may_start_and_cancel_calls(void **state)
{
    (void)state;
    far.handle = echo_but_for_slow;
    begin();
    start(prepare(0, "POST", "/"));
    calls[0].then = start_and_cancel_others;
    start(prepare(1, "POST", "/slow"));
    run_all();
    expect(&calls[0].call, OK, 0);
    assert_int_equal(calls[1].dones, 0);
    expect(&calls[2].call, OK, 0);
}

static void start_again(struct test_call *c)
{
    static unsigned again;
    if (again++ < 3) {
        c->dones = 0;
        pending++;
        buf_fini(&c->call.answer);
        web_start(web, &c->call);
    }
}

static void the_end_is_told_to_all(void **state)
{
    (void)state;
    far.handle = say_nothing;
    begin();
    for (unsigned i = 0; i < 10; i++)
        start(prepare(i, "POST", "/"));
    calls[9].then = start_again; /* someone who does not see that it is over */
    web_free(web);
    web = NULL;
    loop_run(loop); /* stopped already */
    pending = 0;
    run_all();
    for (unsigned i = 0; i < 10; i++)
        expect(&calls[i].call, CLOSING, 0);
}

/* ---- names */

/* Stands for the C library's: no name exists, and one takes as long as `held` says. */
static _Atomic bool held;
static _Atomic unsigned resolving;
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    (void)service, (void)hints;
    atomic_fetch_add(&resolving, 1);
    while (atomic_load(&held) && strcmp(name, "slow.test") == 0)
        usleep(1000); /* a thread of libcurl's: there is nothing of ours to wait for */
    *out = NULL;
    atomic_fetch_sub(&resolving, 1);
    return EAI_NONAME;
}

static void cancel_first_and_stop(struct loop_timer *t)
{
    (void)t;
    if (atomic_load(&resolving) == 0) {
        loop_timer_set(loop, t, 1);
        return;
    }
    web_cancel(web, &calls[0].call); /* must not wait for the thread */
    pending--;
    start(prepare(1, "POST", "/"));
}

static void a_name_that_resolves_slowly_holds_up_nobody(void **state)
{
    (void)state;
    begin();
    atomic_store(&held, true);
    struct test_call *c = prepare(0, "GET", "/");
    mem_free((char *)c->call.url);
    c->call.url = mem_strdup("http://slow.test/");
    start(c);
    struct loop_timer timer = {.fire = cancel_first_and_stop};
    loop_timer_set(loop, &timer, 1);
    run_all();
    assert_int_equal(atomic_load(&resolving), 1); /* still at it */
    assert_int_equal(calls[0].dones, 0);
    expect(&calls[1].call, OK, 0);
    atomic_store(&held, false);
    while (atomic_load(&resolving) > 0)
        usleep(1000); /* likewise */
}

/* ---- TLS */

static void tls_with_a_ca_of_ours(void **state)
{
    (void)state;
    far.tls = true;
    begin();
    for (unsigned i = 0; i < 2; i++) {
        struct web_call *c = one("POST", "/", BYTES_LITERAL("x"));
        expect(c, OK, 0);
        buf_fini(&c->answer);
    }
    assert_int_equal(far_connections(&far), 1);
}

static void tls_with_a_ca_of_nobodys(void **state)
{
    (void)state;
    far.tls = true;
    far_open(&far);
    open_web("", 0);
    expect(one("POST", "/", BYTES_LITERAL("x")), IO_FAILED, WEB_FAILED_CERTIFICATE);
    assert_int_equal(far_requests(&far), 0);
}

static void tls_for_another_name(void **state)
{
    (void)state;
    far.tls = true;
    begin();
    struct test_call *c = prepare(0, "POST", "/");
    mem_free((char *)c->call.url);
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.2:%u/", far.port);
    c->call.url = mem_strdup(url);
    start(c);
    run_all();
    if (c->call.why != WEB_FAILED_CONNECT) /* it listens on 127.0.0.1 */
        expect(&c->call, IO_FAILED, WEB_FAILED_CERTIFICATE);
}

static void tls_that_is_none(void **state)
{
    (void)state;
    far.bad_tls = true;
    begin();
    expect(one("POST", "/", BYTES_LITERAL("x")), IO_FAILED, WEB_FAILED_TLS);
}

static void a_ca_file_that_is_not_there(void **state)
{
    (void)state;
    begin();
    struct web *other;
    struct fault f;
    assert_int_equal(
        web_new(&(struct web_settings){.loop = loop, .ca_file = "/no/such/file"}, &other, &f),
        NOT_FOUND);
    assert_null(other);
}

int main(void)
{
    far_prepare_process();
    static const struct CMUnitTest tests[] = {
        TEST(a_port_where_nobody_listens),
        TEST(a_name_that_is_none),
        TEST(a_connection_that_ends_too_soon),
        TEST(an_answer_that_is_not_http),
        TEST(what_cannot_be_sent_is_refused),
        TEST(three_minutes_pass_by_the_loops_clock),
        TEST(waiting_for_a_turn_counts),
        TEST(a_cancelled_call_is_never_done),
        TEST(done_may_start_and_cancel_calls),
        TEST(the_end_is_told_to_all),
        TEST(a_name_that_resolves_slowly_holds_up_nobody),
        TEST(tls_with_a_ca_of_ours),
        TEST(tls_with_a_ca_of_nobodys),
        TEST(tls_for_another_name),
        TEST(tls_that_is_none),
        TEST(a_ca_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
