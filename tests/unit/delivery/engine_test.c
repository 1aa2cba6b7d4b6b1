/* engine_test.c: from logs to a bucket: everything once, in order, whatever happens on the way. */
/* link: -Wl,--wrap=delivery_store_submit -Wl,-u,__wrap_delivery_store_submit */
#include "delivery/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/delivery_rig.h"
#include "support/log_driver.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define PLAIN(mb, s)                                                                               \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3 "," RIG_HINTS(mb, s) ",\"Prefix\":\"main/"   \
                                                                           "\"}"
#define BACKED_UP                                                                                  \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3                                              \
    "," RIG_HINTS(1, 300) ",\"Prefix\":\"main/"                                                    \
                          "\",\"S3BackupMode\":\"Enabled\",\"S3BackupConfiguration\":{" RIG_S3     \
                          "," RIG_HINTS(2, 300) ",\"Prefix\":\"backup/\"}}"
#define HTTP(backup)                                                                               \
    "\"HttpEndpointDestinationConfiguration\":{\"EndpointConfiguration\":{\"Url\":\"https://x\"}," \
    "\"BufferingHints\":{\"SizeInMBs\":1,\"IntervalInSeconds\":300},\"S3BackupMode\":\"" backup    \
    "\",\"S3Configuration\":{" RIG_S3 ",\"Prefix\":\"main/\"}}"

enum { FLUSH_MS = 20000, BIG = 90000 };

static void flush(struct rig *r)
{
    assert_true(rig_flushed(r));
}

static void what_was_put_is_delivered_in_order(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(1, 300), false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 60, BIG), 60);
    flush(&r);
    assert_true(bucket_count() >= 5); /* by size */
    assert_true(rig_has_all("main/", "a", 60));
    struct delivery_counters *c = delivery_counters(r.delivery);
    assert_int_equal(c->delivered_records, 60);
    assert_int_equal(c->delivered_objects, bucket_count());
    rig_close(&r);
}

static void a_zero_interval_delivers_at_once(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(5, 0), false, 1);
    uint64_t offset;
    assert_int_equal(driver_append(r.logs, r.log[0], "a-0 ", &offset), OK);
    bucket_wait(1);
    assert_true(rig_has_all("main/", "a", 1));
    rig_close(&r);
}

static void put_and_wait(struct rig *r, const char *text, uint64_t count)
{
    uint64_t offset;
    assert_int_equal(driver_append(r->logs, r->log[0], text, &offset), OK);
    rig_wait_read(r, count);
}

/* Behind it outputs wait for size and age again. */
static void a_flush_ends_where_it_was_asked_for(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(5, 300), false, 1);
    put_and_wait(&r, "a-0 ", 1);
    flush(&r);
    assert_int_equal(bucket_count(), 1);
    put_and_wait(&r, "a-1 ", 2);
    put_and_wait(&r, "a-2 ", 3);
    flush(&r);
    assert_int_equal(bucket_count(), 2);
    assert_true(rig_has_all("main/", "a", 3));
    rig_close(&r);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, BACKED_UP, false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 30, BIG), 30);
    flush(&r);
    rig_stop(&r);
    size_t before = bucket_count();
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 30, BIG), 30);
    rig_start(&r);
    flush(&r);
    assert_true(bucket_count() > before);
    assert_int_equal(bucket_repeats(), 0);
    assert_true(rig_has_all("main/", "a", 30) && rig_has_all("main/", "b", 30));
    assert_true(rig_has_all("backup/", "a", 30) && rig_has_all("backup/", "b", 30));
    rig_close(&r);
}

/* F3: after each single step that leaves a trace outside, the world ends for this engine; the next one makes it whole. */
static void crash_everywhere(const char *config, bool kinesis, uint32_t shards, const char *where)
{
    for (unsigned step = 1;; step++) {
        struct rig r = {0};
        rig_open(&r, config, kinesis, shards);
        bucket_crash_after(step);
        for (uint32_t i = 0; i < shards; i++)
            assert_int_equal(driver_append_many(r.logs, r.log[i], i ? "b" : "a", 40, BIG), 40);
        bool crashed = rig_run_until_crash(&r);
        rig_stop(&r);
        bucket_crash_after(0);
        /* More of them, so that what is gathered anew does not fall into the old borders by itself. */
        assert_int_equal(driver_append_many(r.logs, r.log[0], "c", 5, BIG), 5);
        rig_start(&r);
        flush(&r);
        if (!rig_has_all(where, "a", 40) || (shards > 1 && !rig_has_all(where, "b", 40)) ||
            !rig_has_all(where, "c", 5))
            fail_msg("after step %u", step);
        rig_close(&r);
        if (!crashed)
            break;
    }
}

static void a_crash_anywhere_loses_and_doubles_nothing(void **state)
{
    (void)state;
    crash_everywhere(PLAIN(1, 300), false, 1, "main/");
}

static void nor_with_a_backup(void **state)
{
    (void)state;
    crash_everywhere(BACKED_UP, false, 1, "main/");
}

static void nor_with_two_shards(void **state)
{
    (void)state;
    crash_everywhere(PLAIN(1, 300), true, 2, "main/");
}

static void children_are_delivered_and_a_closed_shard_not_twice(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(1, 300), true, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 20, BIG), 20);
    rig_split(&r, 0);
    assert_int_equal(driver_append_many(r.logs, r.log[1], "b", 20, BIG), 20);
    assert_int_equal(driver_append_many(r.logs, r.log[2], "c", 20, BIG), 20);
    while (!(rig_flush(&r, FLUSH_MS, &(struct fault){0}) == OK && bucket_count() >= 6))
        ; /* until the change was seen */
    rig_stop(&r);
    rig_start(&r);
    flush(&r);
    assert_int_equal(bucket_repeats(), 0);
    assert_true(rig_has_all("main/", "a", 20) && rig_has_all("main/", "b", 20) &&
                rig_has_all("main/", "c", 20));
    rig_close(&r);
}

/* Its offsets begin again at 0: the old cursor, marks and plans are another stream's. */
static void a_source_made_anew_under_its_name_begins_anew(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(1, 300), true, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 30, BIG), 30);
    flush(&r);
    rig_recreate(&r);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 20, BIG), 20);
    rig_wait_read(&r, 50);
    flush(&r);
    assert_true(rig_has_all("main/", "a", 30) && rig_has_all("main/", "b", 20));
    rig_stop(&r);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "c", 5, BIG), 5);
    rig_start(&r);
    flush(&r);
    assert_true(rig_has_all("main/", "b", 20) && rig_has_all("main/", "c", 5));
    rig_recreate(&r); /* also while nobody looks */
    rig_close(&r);
}

static unsigned words_in_the_bucket(void)
{
    char *words = rig_words("");
    unsigned count = 0;
    for (const char *at = words; *at; at++)
        count += *at == ' ';
    mem_free(words);
    return count;
}

/* Objects 0..11, 12..23 and 24..29 are there, but were never agreed to. Retention takes 0..14: the first is given up; what is left of
 * the second, and the third behind it, come anew, under other names. */
static void what_retention_took_is_not_waited_for(void **state)
{
    (void)state;
    struct rig r = {0};
    struct fault f = {0};
    rig_open(&r, PLAIN(1, 300), false, 1);
    bucket_hold(true);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 30, BIG), 30);
    while (bucket_count() < 3)
        (void)rig_flush(&r, 20, &f);
    rig_stop(&r);
    assert_int_equal(words_in_the_bucket(), 30);
    log_memory_forget(r.log[0], 15);
    bucket_hold(false);
    rig_start(&r);
    flush(&r);
    assert_int_equal(bucket_repeats(), 0);
    assert_int_equal(words_in_the_bucket(), 30 + 15);
    rig_stop(&r);
    log_memory_forget(r.log[0], 30);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 3, BIG), 3);
    log_memory_forget(r.log[0], 33);
    rig_start(&r);
    flush(&r); /* of what is not there any more */
    assert_int_equal(driver_append_many(r.logs, r.log[0], "c", 3, BIG), 3);
    flush(&r);
    assert_true(rig_has_all("main/", "c", 3));
    rig_close(&r);
}

enum { TWO_OBJECTS = 70, REFILLED = 24 }; /* two reads of the log are so many records */

/* Objects 0..58 and 59..69 are planned; after a restart 0..23 are read again, and then retention takes all below `begin`. */
static void half_a_plan_is_gone(struct rig *r, bool arrived, uint64_t begin)
{
    struct fault f = {0};
    rig_open(r, PLAIN(5, 300), false, 1);
    bucket_hold(arrived);
    bucket_missing(arrived ? NULL : "b");
    assert_int_equal(driver_append_many(r->logs, r->log[0], "a", TWO_OBJECTS, BIG), TWO_OBJECTS);
    do
        (void)rig_flush(r, 50, &f);
    while (arrived ? bucket_count() < 2 : rig_rows(r, "plan/") < 2);
    rig_stop(r);
    bucket_hold(false);
    bucket_missing(NULL);
    log_memory_answer_reads(r->logs, 2);
    rig_start(r);
    rig_wait_read(r, TWO_OBJECTS + REFILLED);
    log_memory_forget(r->log[0], begin);
    log_memory_answer_reads(r->logs, LOG_MEMORY_ALL);
    flush(r);
}

static void what_came_of_a_plan_before_retention_did_is_delivered(void **state)
{
    (void)state;
    struct rig r = {0};
    half_a_plan_is_gone(&r, false, 30);
    assert_int_equal(words_in_the_bucket(), REFILLED + TWO_OBJECTS - 30);
    rig_close(&r);
    half_a_plan_is_gone(&r, false, 60);
    assert_int_equal(words_in_the_bucket(), REFILLED + TWO_OBJECTS - 60);
    rig_close(&r);
}

/* The bucket holds the test to that: no other bytes under a name. */
static void and_not_in_the_place_of_the_whole(void **state)
{
    (void)state;
    struct rig r = {0};
    half_a_plan_is_gone(&r, true, 60);
    assert_int_equal(words_in_the_bucket(), TWO_OBJECTS + REFILLED + TWO_OBJECTS - 60);
    rig_close(&r);
}

static void an_update_closes_what_is_open_and_goes_on_under_the_new_name(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PLAIN(5, 300), false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 10, 10), 10);
    rig_wait_read(&r, 10);
    assert_int_equal(bucket_count(), 0);
    rig_update(&r, "\"ExtendedS3DestinationConfiguration\":{" RIG_S3
                   "," RIG_HINTS(5, 300) ",\"Prefix\":\"new/\"}");
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 10, 10), 10);
    flush(&r);
    assert_true(rig_has_all("main/", "a", 10));
    assert_true(rig_has_all("new/", "b", 10));
    rig_close(&r);
}

/* F5: over the budget outputs close early, and nothing more is read until something was delivered. */
static void memory_is_bounded_while_the_destination_is_down(void **state)
{
    (void)state;
    struct rig r = {.memory_max = MIB(4)};
    rig_open(&r, PLAIN(128, 900), false, 1);
    bucket_hold(true);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 300, BIG), 300);
    struct fault f = {0};
    assert_int_equal(rig_flush(&r, 500, &f), TIMED_OUT);
    assert_true(delivery_counters(r.delivery)->read_records * BIG <= r.memory_max);
    bucket_hold(false);
    flush(&r);
    assert_true(rig_has_all("main/", "a", 300));
    rig_close(&r);
}

static void what_is_refused_becomes_error_records_also_after_a_restart(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, HTTP("FailedDataOnly"), false, 1);
    bucket_refuse(1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 3, 1), 3);
    flush(&r);
    assert_int_equal(bucket_count(), 1);
    const char *name;
    struct bytes body;
    bucket_object(0, &name, &body);
    assert_true(bytes_starts_with(bytes_text(name), BYTES_LITERAL("main/http-endpoint-failed")));
    char text[1024];
    snprintf(text, sizeof(text), "%.*s", BYTES_ARGS(body));
    assert_non_null(
        strstr(text, "\"errorCode\":\"HttpEndpoint.DestinationException\","
                     "\"errorMessage\":\"it said \\\"no\\\"\",\"attemptEndingTimestamp\":1234,"
                     "\"rawData\":\"YS0xIA==\",\"subsequenceNumber\":0"));
    assert_int_equal(delivery_counters(r.delivery)->failed_records, 3);
    rig_close(&r);
}

static void all_data_is_backed_up_where_it_is_wished(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, HTTP("AllData"), false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 30, 100), 30);
    flush(&r);
    assert_true(rig_has_all("main/", "a", 30));
    assert_int_equal(delivery_counters(r.delivery)->backup_records, 30);
    assert_int_equal(delivery_counters(r.delivery)->delivered_records, 30);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_delivered_in_order),
        cmocka_unit_test(a_zero_interval_delivers_at_once),
        cmocka_unit_test(a_flush_ends_where_it_was_asked_for),
        cmocka_unit_test(a_restart_goes_on_where_it_was),
        cmocka_unit_test(a_crash_anywhere_loses_and_doubles_nothing),
        cmocka_unit_test(nor_with_a_backup),
        cmocka_unit_test(nor_with_two_shards),
        cmocka_unit_test(children_are_delivered_and_a_closed_shard_not_twice),
        cmocka_unit_test(a_source_made_anew_under_its_name_begins_anew),
        cmocka_unit_test(what_retention_took_is_not_waited_for),
        cmocka_unit_test(what_came_of_a_plan_before_retention_did_is_delivered),
        cmocka_unit_test(and_not_in_the_place_of_the_whole),
        cmocka_unit_test(an_update_closes_what_is_open_and_goes_on_under_the_new_name),
        cmocka_unit_test(memory_is_bounded_while_the_destination_is_down),
        cmocka_unit_test(what_is_refused_becomes_error_records_also_after_a_restart),
        cmocka_unit_test(all_data_is_backed_up_where_it_is_wished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
