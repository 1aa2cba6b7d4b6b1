/* exchange_test.c: one request and its reply, without a transport. */
#include "api/exchange.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

static unsigned finished;

static void on_finished(struct exchange *x)
{
    finished++;
    assert_true(x->transport == &finished);
}

static void headers_are_found_whatever_their_case(void **state)
{
    (void)state;
    struct exchange x;
    exchange_init(&x, NULL, on_finished, NULL);
    struct sigv4_header headers[] = {
        {BYTES_LITERAL("Host"), BYTES_LITERAL("localhost")},
        {BYTES_LITERAL("X-Amz-Target"), BYTES_LITERAL("Kinesis_20131202.PutRecord")},
        {BYTES_LITERAL("x-amz-target"), BYTES_LITERAL("second")},
        {BYTES_LITERAL("X-Empty"), BYTES_LITERAL("")},
    };
    x.headers = headers;
    x.header_count = 4;
    assert_true(bytes_equal(exchange_header(&x, "x-aMz-target"),
                            BYTES_LITERAL("Kinesis_20131202.PutRecord")));
    assert_true(bytes_present(exchange_header(&x, "x-empty")));
    assert_int_equal(exchange_header(&x, "x-empty").len, 0);
    assert_false(bytes_present(exchange_header(&x, "x-amz")));
    assert_false(bytes_present(exchange_header(&x, "X-Amz-Targets")));
    exchange_fini(&x);
}

static void finishing_calls_the_transport_once(void **state)
{
    (void)state;
    struct exchange x;
    finished = 0;
    exchange_init(&x, NULL, on_finished, &finished);
    x.http_status = 200;
    exchange_finish(&x);
    assert_int_equal(finished, 1);
    assert_true(x.is_finished);
    exchange_fini(&x);
}

static void finish_twice(void *arg)
{
    struct exchange *x = arg;
    exchange_finish(x);
    exchange_finish(x);
}

static void finishing_twice_ends_the_program(void **state)
{
    (void)state;
    struct exchange x;
    exchange_init(&x, NULL, on_finished, &finished);
    x.http_status = 200;
    assert_true(child_breaks(finish_twice, &x, "is_finished"));
    exchange_fini(&x);
}

static void finishing_without_a_status_ends_the_program(void **state)
{
    (void)state;
    struct exchange x;
    exchange_init(&x, NULL, on_finished, &finished);
    assert_true(child_breaks(finish_twice, &x, "http_status"));
    exchange_fini(&x);
}

static void reset_forgets_the_request_and_keeps_a_little_memory(void **state)
{
    (void)state;
    struct exchange x;
    exchange_init(&x, NULL, on_finished, &finished);
    x.http_status = 400;
    x.close_after = true;
    x.method = BYTES_LITERAL("POST");
    exchange_reply_header(&x, "A", "b");
    buf_append_text(&x.reply, "answer");
    assert_non_null(arena_take(&x.arena, 100));
    assert_non_null(arena_take(&x.arena, 100000));
    exchange_finish(&x);
    const uint8_t *reply = x.reply.at;
    exchange_reset(&x);
    assert_false(x.is_finished);
    assert_false(x.close_after);
    assert_int_equal(x.http_status, 0);
    assert_int_equal(x.reply_header_count, 0);
    assert_false(bytes_present(x.method));
    assert_ptr_equal(x.reply.at, reply);
    assert_int_equal(x.reply.len, 0);
    assert_int_equal(x.reply.status, OK);
    assert_true(x.arena.used <= 4096);
    assert_true(x.finished == on_finished);
    exchange_fini(&x);
}

static void reset_gives_a_large_reply_back(void **state)
{
    (void)state;
    struct exchange x;
    exchange_init(&x, NULL, on_finished, NULL);
    assert_non_null(buf_reserve(&x.reply, 65537));
    exchange_reset(&x);
    assert_null(x.reply.at);
    assert_int_equal(x.reply.ceiling, REPLY_BYTES_MAX);
    exchange_fini(&x);
}

static bool handled_on_loop;

static void on_message(struct message *m)
{
    struct exchange *x = LIST_OWNER(m, struct exchange, message);
    handled_on_loop = loop_is_mine(x->loop) && thread_role() == THREAD_LOOP;
    loop_stop(x->loop);
}

static void run(void *arg)
{
    loop_run(arg);
}

static void sending_runs_the_message_on_the_exchanges_own_loop(void **state)
{
    (void)state;
    struct loop *loop;
    struct fault f;
    assert_int_equal(loop_new(&loop, &clock_system, &f), OK);
    struct exchange x;
    exchange_init(&x, loop, on_finished, NULL);
    struct thread t = {0};
    thread_start(&t, THREAD_LOOP, "loop", run, loop);
    exchange_send(&x, on_message);
    thread_join(&t);
    assert_true(handled_on_loop);
    exchange_fini(&x);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_whatever_their_case),
        cmocka_unit_test(finishing_calls_the_transport_once),
        cmocka_unit_test(finishing_twice_ends_the_program),
        cmocka_unit_test(finishing_without_a_status_ends_the_program),
        cmocka_unit_test(reset_forgets_the_request_and_keeps_a_little_memory),
        cmocka_unit_test(reset_gives_a_large_reply_back),
        cmocka_unit_test(sending_runs_the_message_on_the_exchanges_own_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
