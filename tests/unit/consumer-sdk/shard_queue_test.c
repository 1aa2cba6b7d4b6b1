/* shard_queue_test.c: what waits for a shard knows who comes some places behind it, whatever was taken and returned meanwhile. */
#include "consumer-sdk/shard_queue.h"

#include "base/mem.h"
#include "base/random.h"
#include "consumer-sdk/intake.h"
#include "unit/base/cmocka_all.h"

enum { ROUNDS = 3000, MOST = 1 << 20 };

struct fixture {
    struct shard_queue *queue;
    struct intake intake;
    struct list away; /* taken, and neither returned nor freed yet */
    uint64_t order;
    unsigned linked, waited; /* seen */
};

static int set_up(void **state)
{
    static const struct shard_range range;
    struct fixture *x = MEM_NEW(struct fixture);
    x->queue = shard_queue_new(&range);
    intake_init(&x->intake, MOST, 0);
    list_init(&x->away);
    *state = x;
    return 0;
}

static void free_all(struct fixture *x, struct list *parcels)
{
    LIST_EACH(node, keep, parcels)
    {
        list_remove(node);
        parcel_free(parcel_of(node), &x->intake);
    }
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    shard_queue_empty(x->queue, &x->away);
    free_all(x, &x->away);
    shard_queue_free(x->queue);
    intake_fini(&x->intake);
    mem_free(x);
    return 0;
}

/* Completed: the others will be returned. */
static void free_every_other(struct fixture *x)
{
    struct list gone;
    bool goes = false;
    list_init(&gone);
    LIST_EACH(node, keep, &x->away)
    {
        goes = !goes;
        if (!goes)
            continue;
        list_remove(node);
        list_append(&gone, node);
    }
    free_all(x, &gone);
}

/* Of memory of its own, so that a sanitizer sees whoever writes to one that is no more. */
static void append(struct fixture *x)
{
    size_t bytes = sizeof(struct parcel);
    struct parcel *p = intake_take_memory(&x->intake, &bytes);
    assert_non_null(p);
    *p = (struct parcel){.order = ++x->order, .bytes = bytes, .count = 1};
    list_init(&p->numbered_node);
    shard_queue_put(x->queue, p, 0, &x->intake);
}

static void look(struct fixture *x)
{
    for (struct list *node = x->queue->ready.next; node != &x->queue->ready; node = node->next) {
        const struct parcel *p = parcel_of(node);
        const struct list *behind = node;
        for (unsigned i = 0; i < PARCELS_AHEAD && behind != &x->queue->ready; i++)
            behind = behind->next;
        x->waited++;
        x->linked += p->ahead != NULL;
        if (p->ahead)
            assert_ptr_equal(&p->ahead->node, behind);
    }
}

static void each_knows_who_comes_behind(void **state)
{
    struct fixture *x = *state;
    for (unsigned i = 0; i < 3 * PARCELS_AHEAD; i++)
        append(x);
    look(x);
    assert_int_equal(x->linked, 2 * PARCELS_AHEAD);
}

/* The latest of those that were appended are gone, and as many as they were came back in front of where they stood. */
static void one_that_is_gone_is_told_of_nobody(void **state)
{
    struct fixture *x = *state;
    struct list gone;
    list_init(&gone);
    for (unsigned i = 0; i < 2 * PARCELS_AHEAD; i++)
        append(x);
    for (unsigned i = 0; i < 2 * PARCELS_AHEAD; i++)
        list_append(i < PARCELS_AHEAD ? &x->away : &gone, &shard_queue_take(x->queue)->node);
    free_all(x, &gone);
    shard_queue_return(x->queue, &x->away);
    append(x); /* under a sanitizer */
    look(x);
    assert_int_equal(x->linked, 0);
    assert_int_equal(x->waited, PARCELS_AHEAD + 1);
}

static void nobody_else_is_named_whatever_comes_and_goes(void **state)
{
    struct fixture *x = *state;
    struct random r;
    random_seed(&r, 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t what = random_below(&r, 8);
        for (uint64_t n = random_below(&r, 2 * PARCELS_AHEAD); what < 4 && n; n--)
            append(x);
        for (uint64_t n = random_below(&r, 2 * PARCELS_AHEAD);
             what >= 4 && what < 6 && n && x->queue->ready_count; n--)
            list_append(&x->away, &shard_queue_take(x->queue)->node);
        if (what == 6)
            shard_queue_return(x->queue, &x->away);
        else if (what == 7)
            free_every_other(x);
        if (i % 100 == 99) {
            shard_queue_empty(x->queue, &x->away);
            free_all(x, &x->away);
        }
        look(x);
    }
    assert_true(x->linked > x->waited / 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_knows_who_comes_behind),
        TEST(one_that_is_gone_is_told_of_nobody),
        TEST(nobody_else_is_named_whatever_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
