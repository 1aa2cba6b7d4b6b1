/* http1_memory_test.c: requests while the loops get no memory: each allocation in turn fails, once.
 */
#include "api/network.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>

/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */

/* Counts down in the loops' threads; the one that finds 1 fails. 0: none does. */
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

/* Closed without an answer, refused, or served: any is right, as long as it is over soon. */
static void try_one(struct echo *e, const char *path, struct bytes body)
{
    struct client c;
    client_open(&c, echo_port(e));
    client_post(&c, path, body);
    while (c.got.len == 0 && !client_closed_within(&c, 10)) {
    }
    if (c.got.len > 0) {
        struct client_reply r;
        client_read(&c, &r, false);
        assert_true(r.status == 200 || r.status == 400 || r.status == 500);
        if (r.status == 200)
            assert_memory_equal(r.body, body.at, body.len);
        client_reply_end(&r);
    }
    client_close(&c);
}

/* A fresh network, whose n-th allocation for a request fails. False when it needs fewer. */
static bool run_with_failure(unsigned n, const char *path, struct bytes body)
{
    struct echo e;
    unsigned before = atomic_load(&failed);
    echo_init(&e);
    e.settings.loops = 1;
    echo_open(&e);
    atomic_store(&countdown, n);
    try_one(&e, path, body);
    atomic_store(&countdown, 0);
    struct client c;
    client_open(&c, echo_port(&e));
    client_post(&c, "/later", BYTES_LITERAL("still here"));
    client_expect(&c, 200, "still here");
    client_close(&c);
    echo_close(&e, 1000);
    return atomic_load(&failed) > before;
}

static void each_allocation_may_fail_and_service_goes_on(void **state)
{
    (void)state;
    enum { LARGE = 300000 };
    static const char *const paths[] = {"/sync", "/later"};
    uint8_t *bytes = mem_must(LARGE);
    struct bytes bodies[] = {bytes_of("small", 5), bytes_of(bytes, LARGE)};
    for (size_t kind = 0; kind < 4; kind++) {
        unsigned n = 1;
        while (run_with_failure(n, paths[kind % 2], bodies[kind / 2]))
            assert_in_range(++n, 1, 100);
        assert_in_range(n, 4, 100); /* the request, its line, its body, its reply */
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
