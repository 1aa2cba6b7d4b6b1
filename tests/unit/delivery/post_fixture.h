/* post_fixture.h: a destination that posts, a far side, a parcel; and a clock that jumps to the end of each wait, and remembers how long it was. */
#ifndef SLUICE_TESTS_UNIT_DELIVERY_POST_FIXTURE_H
#define SLUICE_TESTS_UNIT_DELIVERY_POST_FIXTURE_H

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/post.h"
#include "support/delivery_config.h"
#include "support/far_side.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAITS_MAX = 256, RECORDS_MAX = 8 };

static struct far_side far;
static struct loop *loop;
static struct web *web;
static struct delivery *delivery;
static struct destination *destination;
static struct delivery_engine_settings engine;
static struct parcel_record records[RECORDS_MAX];
static struct parcel parcel;
static unsigned dones;
static uint64_t waits_ms[WAITS_MAX];
static unsigned wait_count;
static void (*on_wait)(void); /* before the jump */

static _Atomic uint64_t jumped_us;
static uint64_t jumpy_wall(const struct clock *c)
{
    (void)c;
    return 1700000000000 +
           jumped_us / 1000; /* stands still but for jumps: bodies can be foreseen */
}
static uint64_t jumpy_mono(const struct clock *c)
{
    (void)c;
    return clock_mono_us(&clock_system) + jumped_us;
}
static const struct clock jumpy = {jumpy_wall, jumpy_mono};

/* Jumps to the end of a wait: when no call is under way and the next timer is not due. */
static uint64_t jump_over_wait(void *arg)
{
    (void)arg;
    struct post_side *side = (struct post_side *)destination;
    struct list *first = side == NULL ? NULL : list_first(&side->posts);
    if (first == NULL)
        return UINT64_MAX;
    struct post *p = LIST_OWNER(first, struct post, node);
    uint64_t now_us = clock_mono_us(&jumpy);
    if (p->call.transfer != NULL || !p->timer.armed || p->timer.due_us <= now_us + 100000)
        return 1;
    if (on_wait != NULL)
        on_wait();
    assert_true(wait_count < WAITS_MAX);
    waits_ms[wait_count++] = (p->timer.due_us - now_us + 999) / 1000;
    jumped_us += p->timer.due_us - now_us;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    jumped_us = 0;
    dones = wait_count = 0;
    on_wait = NULL;
    destination = NULL;
    engine = (struct delivery_engine_settings){.http_endpoint_plain = true,
                                               .s3_access_key = "",
                                               .s3_secret_key = "",
                                               .s3_region = "eu-west-1"};
    far_init(&far);
    assert_int_equal(loop_new(&loop, &jumpy, NULL), OK);
    loop_set_after_turn(loop, jump_over_wait, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (destination != NULL)
        destination->ops->close(destination);
    delivery_view_unref(parcel.view);
    delivery_unref(delivery);
    web_free(web);
    loop_free(loop);
    far_close(&far);
    memset(&parcel, 0, sizeof(parcel));
    return 0;
}

static void parcel_done(struct parcel *p)
{
    assert_ptr_equal(p, &parcel);
    dones++;
    loop_stop(loop);
}

/* Opens all for that configuration; its parcel has three records: "one\n", "two\n", "three\n". */
static void begin(const struct destination_ops *ops, const char *config)
{
    struct fault f;
    assert_int_equal(
        web_new(&(struct web_settings){.loop = loop, .ca_file = far.tls ? far.ca_path : ""}, &web,
                &f),
        OK);
    delivery = delivery_new(delivery_view_of(config, 1, false));
    assert_int_equal(
        ops->open(
            &(struct destination_settings){
                .engine = &engine, .delivery = delivery, .loop = loop, .web = web, .clock = &jumpy},
            &destination, &f),
        OK);
    records[0] = (struct parcel_record){10, 1700000000001, 0, 0, 4};
    records[1] = (struct parcel_record){11, 1700000000002, 0, 4, 4};
    records[2] = (struct parcel_record){11, 1700000000002, 1, 8, 6};
    parcel = (struct parcel){.view = delivery_look(delivery),
                             .name = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f",
                             .body = BYTES_LITERAL("one\ntwo\nthree\n"),
                             .records = records,
                             .record_count = 3,
                             .first_ms = 1700000000001,
                             .done = parcel_done};
}

static void send_it(void)
{
    destination->ops->send(destination, &parcel);
    assert_int_equal(dones, 0); /* D1 */
    loop_run(loop);
    assert_int_equal(dones, 1);
}

static void assert_refused(enum parcel_outcome outcome, const char *code, const char *words)
{
    assert_int_equal(parcel.outcome, outcome);
    assert_string_equal(parcel.code, code);
    if (strstr(parcel.fault.text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, parcel.fault.text);
}

/* Once with each failure the wait doubles, 15 % more or less. */
static void assert_backoff(unsigned from, unsigned count)
{
    uint64_t base = 1000;
    for (unsigned i = 0; i < count; i++) {
        assert_in_range(waits_ms[from + i], base * 85 / 100 - 150, base * 115 / 100 + 1);
        base = base * 2 < 120000 ? base * 2 : 120000;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
