/* engine_trouble_test.c: destinations that are down, hang or are another by now: what is theirs waits, what is others' goes on (F6). */
/* link: -Wl,--wrap=delivery_store_submit -Wl,-u,__wrap_delivery_store_submit */
#include "delivery/engine.h"

#include "base/limits.h"
#include "support/delivery_rig.h"
#include "support/log_driver.h"
#include "unit/base/cmocka_all.h"

#define TO_MB(mb, bucket, prefix)                                                                  \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3_IN(bucket) "," RIG_HINTS(                    \
        mb, 300) ",\"Prefix\":\"" prefix "/\"}"
#define TO(bucket, prefix) TO_MB(1, bucket, prefix)

enum { FLUSH_MS = 20000, BIG = 90000, SHARDS = 5 };

static void put_into_all_shards(struct rig *r)
{
    for (uint32_t i = 0; i < r->shards; i++)
        assert_int_equal(
            driver_append_many(r->logs, r->log[i], (char[]){(char)('a' + i), 0}, 60, BIG), 60);
}

/* Every attempt of the one hangs; more of them than the thread has places. */
static void one_that_hangs_does_not_stop_another_on_its_thread(void **state)
{
    (void)state;
    struct rig r = {.threads = 1};
    struct fault f = {0};
    rig_open(&r, TO("b", "dead"), true, SHARDS);
    bucket_hang("dead/");
    put_into_all_shards(&r);
    while (bucket_count() < 16)
        (void)rig_flush(&r, 20, &f);
    rig_add(&r, TO("b", "alive"));
    assert_int_equal(rig_flush_of(&r, r.other, FLUSH_MS, &f), OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_true(rig_has_all("alive/", (char[]){(char)('a' + i), 0}, 60));
    bucket_hang(NULL);
    assert_true(rig_flushed(&r));
    rig_close(&r);
}

/* What waits for its next attempt takes nobody's place: the other has all its own at once. */
static void one_that_waits_leaves_its_places_to_others(void **state)
{
    (void)state;
    struct rig r = {.threads = 1, .memory_max = MIB(256)};
    struct fault f = {0};
    rig_open(&r, TO("gone", "dead"), true, SHARDS);
    bucket_missing("gone");
    put_into_all_shards(&r);
    while (delivery_counters(r.delivery)->read_records < SHARDS * 60)
        (void)rig_flush(&r, 20, &f);
    bucket_hang("alive/");
    rig_add(&r, TO("b", "alive"));
    while (bucket_count() < 16)
        (void)rig_flush_of(&r, r.other, 20, &f);
    bucket_hang(NULL);
    assert_int_equal(rig_flush_of(&r, r.other, FLUSH_MS, &f), OK);
    rig_close(&r);
}

static void correct_the_bucket(bool while_it_runs)
{
    struct rig r = {0};
    struct fault f = {0};
    rig_open(&r, TO("gone", "main"), false, 1);
    bucket_missing("gone");
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 40, BIG), 40);
    assert_int_equal(rig_flush(&r, 50, &f), TIMED_OUT);
    if (!while_it_runs)
        rig_stop(&r);
    rig_update(&r, TO("b", "main"));
    if (!while_it_runs)
        rig_start(&r);
    assert_true(rig_flushed(&r));
    assert_true(rig_has_all("main/", "a", 40));
    rig_close(&r);
}

static void a_bucket_that_is_corrected_gets_what_waits(void **state)
{
    (void)state;
    correct_the_bucket(true);
}

/* The plans still name the old one. */
static void also_while_nobody_ran(void **state)
{
    (void)state;
    correct_the_bucket(false);
}

/* Of a plan that is larger than the memory there is now, all must be read before any of it can go. */
static void a_plan_is_read_whole_however_little_memory_there_is(void **state)
{
    (void)state;
    struct rig r = {.memory_max = MIB(64)};
    struct fault f = {0};
    rig_open(&r, TO_MB(16, "b", "main"), false, 1);
    bucket_hold(true);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 100, BIG), 100);
    (void)rig_flush(&r, 20, &f);
    bucket_wait(1);
    rig_stop(&r);
    bucket_hold(false);
    r.memory_max = MIB(4);
    rig_start(&r);
    assert_true(rig_flushed(&r));
    assert_true(rig_has_all("main/", "a", 100));
    rig_close(&r);
}

static void change_row(struct rig *r, const char *value)
{
    struct delivery_change c;
    struct fault f;
    struct bytes key = BYTES_LITERAL("cursor/00000000000000000100/odd"); /* of "d" */
    delivery_change_init(&c, NULL);
    if (value)
        delivery_change_put(&c, key, bytes_text(value));
    else
        delivery_change_remove(&c, key);
    assert_int_equal(delivery_store_write(r->store, &c, &f), OK);
    delivery_change_fini(&c);
}

/* It does not run as if there were none, but begins as soon as they can. */
static void one_whose_rows_cannot_be_read_begins_when_they_can(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, TO("b", "main"), false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 20, BIG), 20);
    assert_true(rig_flushed(&r));
    change_row(&r, "x");
    rig_stop(&r);
    rig_start(&r);
    assert_int_equal(r.set, CORRUPT);
    assert_int_equal(delivery_engine_set(r.engine, r.delivery), CORRUPT);
    change_row(&r, NULL);
    assert_int_equal(delivery_engine_set(r.engine, r.delivery), OK);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 20, BIG), 20);
    assert_true(rig_flushed(&r));
    assert_int_equal(bucket_repeats(), 0);
    assert_true(rig_has_all("main/", "a", 20) && rig_has_all("main/", "b", 20));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_hangs_does_not_stop_another_on_its_thread),
        cmocka_unit_test(one_that_waits_leaves_its_places_to_others),
        cmocka_unit_test(a_bucket_that_is_corrected_gets_what_waits),
        cmocka_unit_test(also_while_nobody_ran),
        cmocka_unit_test(one_whose_rows_cannot_be_read_begins_when_they_can),
        cmocka_unit_test(a_plan_is_read_whole_however_little_memory_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
