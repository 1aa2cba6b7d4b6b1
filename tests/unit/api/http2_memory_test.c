/* http2_memory_test.c: HTTP/2 while the loop gets no memory: each allocation in turn fails, once, but for those of nghttp2 (http2_session.c, F3). */
#include "api/network.h"

#include "base/mem.h"
#include "support/flows.h"
#include "support/http2_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>

/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */

/* Counts down in the loop's thread; the one that finds 1 fails. 0: none does. */
static _Atomic unsigned countdown;
static _Atomic unsigned failed;

void *__real_mem_try(size_t size);
void *__real_mem_resize_try(void *old, size_t size);
void *__wrap_mem_try(size_t size);
void *__wrap_mem_resize_try(void *old, size_t size);

static bool fails(void)
{
    if (thread_role() != THREAD_LOOP || atomic_load(&countdown) == 0)
        return false;
    bool mine = atomic_fetch_sub(&countdown, 1) == 1;
    if (mine)
        atomic_fetch_add(&failed, 1);
    return mine;
}

void *__wrap_mem_try(size_t size)
{
    return fails() ? NULL : __real_mem_try(size);
}

void *__wrap_mem_resize_try(void *old, size_t size)
{
    return fails() ? NULL : __real_mem_resize_try(old, size);
}

/* Closed, reset, refused or served: any is right, as long as it is over soon. */
static void try_one(struct echo *e, const char *path, struct bytes body)
{
    struct http2_client c;
    struct http2_call call = {0};
    http2_client_open(&c, echo_port(e), NULL, false);
    http2_start(&c, &call, "POST", path, body, "x-test", "not packed before");
    while (!c.ended && !call.closed && !call.ended)
        assert_true(http2_pump(&c, CLIENT_PATIENCE_MS));
    if (call.ended && call.status == 200 && path[1] != 'f') {
        assert_int_equal(call.reply.len, body.len);
        assert_memory_equal(call.reply.at, body.at, body.len);
    }
    http2_call_end(&call);
    http2_client_close(&c);
}

/* A fresh network, whose n-th allocation fails. False when it needs fewer. */
static bool run_with_failure(unsigned n, const char *path, struct bytes body)
{
    static struct echo e;
    static struct flows flows;
    struct http2_client c;
    unsigned before = atomic_load(&failed);
    echo_init(&e);
    flows_init(&flows, &e);
    echo_open(&e);
    atomic_store(&countdown, n);
    try_one(&e, path, body);
    atomic_store(&countdown, 0);
    http2_client_open(&c, echo_port(&e), NULL, false);
    http2_expect(&c, "POST", "/later", BYTES_LITERAL("still here"), 200, "still here");
    http2_client_close(&c);
    echo_close(&e, 1000);
    assert_int_equal(atomic_load(&flows.opened), atomic_load(&flows.closed));
    return atomic_load(&failed) > before;
}

static void each_allocation_may_fail_and_service_goes_on(void **state)
{
    (void)state;
    enum { LARGE = 300000 };
    static const char *const paths[] = {"/sync", "/later", "/flow?100000"};
    uint8_t *bytes = mem_must(LARGE);
    struct bytes bodies[] = {bytes_of("small", 5), bytes_of(bytes, LARGE)};
    for (size_t kind = 0; kind < 6; kind++) {
        unsigned n = 1;
        while (run_with_failure(n, paths[kind % 3], bodies[kind / 3]))
            assert_in_range(++n, 1, 300);
        assert_in_range(n, 4, 300); /* the request, its headers, its body, its reply */
    }
    mem_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail_and_service_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
