/* reply_test.c: memory of replies, kept for the next. */
#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/reply.h"
#include "unit/base/cmocka_all.h"

#include <pthread.h>

enum { LARGE = 1 << 20 };

/* As call.c makes it. */
static sluice_reply *given(struct reply_spares *spares, size_t bytes)
{
    sluice_reply *r = reply_new(spares, bytes);
    assert_non_null(r);
    if (r->body == NULL) {
        r->body = mem_must(bytes);
        r->room = bytes;
    }
    assert_true(r->room >= bytes);
    memset(r->body, 'x', bytes);
    r->output = arena_take(&r->arena, 100000);
    assert_non_null(r->output);
    return r;
}

static void a_freed_one_serves_the_next(void **state)
{
    (void)state;
    struct reply_spares *s = reply_spares_new();
    sluice_reply *r = given(s, LARGE), *other = given(s, LARGE);
    assert_ptr_not_equal(r, other);
    uint8_t *body = r->body;
    sluice_reply_free(r);
    r = given(s, LARGE - 5);
    assert_ptr_equal(r->body, body);
    assert_int_equal(r->room, LARGE);
    sluice_reply_free(other);
    sluice_reply_free(r);
    r = given(s, LARGE); /* the latest */
    assert_ptr_equal(r->body, body);
    other = given(s, LARGE + 1); /* larger than what is kept */
    assert_int_equal(other->room, LARGE + 1);
    sluice_reply_free(other);
    sluice_reply_free(r);
    reply_spares_close(s);
}

static void what_it_held_before_is_not_seen(void **state)
{
    (void)state;
    struct reply_spares *s = reply_spares_new();
    sluice_reply_free(given(s, LARGE));
    sluice_reply *r = reply_new(s, LARGE);
    assert_non_null(r->body);
    assert_null(r->output);
    assert_null(sluice_reply_output(r));
    sluice_reply_free(r);
    reply_spares_close(s);
}

static void small_ones_are_not_kept(void **state)
{
    (void)state;
    struct reply_spares *s = reply_spares_new();
    sluice_reply *r = given(s, REPLY_KEPT_BYTES_MIN - 1);
    assert_null(r->spares);
    sluice_reply_free(r);
    r = given(NULL, LARGE);
    assert_null(r->spares);
    sluice_reply_free(r);
    sluice_reply_free(NULL);
    reply_spares_close(s);
    reply_spares_close(NULL);
}

static unsigned kept_of(struct reply_spares *s, sluice_reply **all, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        all[i] = reply_new(s, REPLY_KEPT_BYTES_MIN);
        assert_non_null(all[i]);
        kept += all[i]->body != NULL;
    }
    for (unsigned i = 0; i < count; i++)
        sluice_reply_free(all[i]);
    return kept;
}

/* R2; leaks and what is freed too early are ASan's to find. */
static void the_count_and_the_bytes_of_those_kept_are_bounded(void **state)
{
    (void)state;
    enum { MANY = REPLIES_KEPT_MAX + 5 };
    sluice_reply *all[MANY];
    struct reply_spares *s = reply_spares_new();
    for (unsigned i = 0; i < MANY; i++)
        all[i] = given(s, REPLY_KEPT_BYTES_MIN);
    for (unsigned i = 0; i < MANY; i++)
        sluice_reply_free(all[i]);
    assert_int_equal(kept_of(s, all, MANY), REPLIES_KEPT_MAX);
    sluice_reply_free(given(s, REPLIES_KEPT_BYTES_MAX)); /* with its arena it is over the bound */
    assert_int_equal(kept_of(s, all, MANY), REPLIES_KEPT_MAX);
    sluice_reply_free(given(s, REPLIES_KEPT_BYTES_MAX - MIB(1))); /* the others make room */
    assert_in_range(kept_of(s, all, MANY), 1, 8);
    reply_spares_close(s);
}

static void *free_it(void *reply)
{
    sluice_reply_free(reply);
    return NULL;
}

/* R1 */
static void a_reply_may_outlive_its_client_on_another_thread(void **state)
{
    (void)state;
    pthread_t threads[4];
    sluice_reply *replies[4];
    struct reply_spares *s = reply_spares_new();
    for (unsigned i = 0; i < 4; i++)
        replies[i] = given(s, LARGE);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, free_it, replies[i]), 0);
    reply_spares_close(s);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_one_serves_the_next),
        cmocka_unit_test(what_it_held_before_is_not_seen),
        cmocka_unit_test(small_ones_are_not_kept),
        cmocka_unit_test(the_count_and_the_bytes_of_those_kept_are_bounded),
        cmocka_unit_test(a_reply_may_outlive_its_client_on_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
