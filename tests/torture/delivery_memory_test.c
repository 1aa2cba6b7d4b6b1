/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
/* delivery_memory_test.c: delivery while memory is short: each allocation of a delivery thread that may fail does, one run an allocation, until a run
 * comes through without. A lane may stand still; after a restart everything is delivered, once. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/delivery_rig.h"
#include "support/log_driver.h"
#include "unit/base/cmocka_all.h"

#define FAILING_HERE (thread_role() == THREAD_DELIVERY)
#include "support/failing.h"

#define GZIPPED                                                                                    \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3                                              \
    "," RIG_HINTS(1, 300) ",\"Prefix\":\"main/\",\"S3BackupMode\":\"Enabled\","                    \
                          "\"S3BackupConfiguration\":{" RIG_S3                                     \
                          ",\"CompressionFormat\":\"GZIP\",\"Prefix\":\"backup/\"}}"
#define HTTP                                                                                       \
    "\"HttpEndpointDestinationConfiguration\":{\"EndpointConfiguration\":{\"Url\":\"https://x\"}," \
    "\"S3Configuration\":{" RIG_S3 ",\"Prefix\":\"main/\"}}"

enum { RECORDS = 30, PAD = 90000, WITHIN_MS = 60, STEPS_MAX = 5000 };

static void each_allocation_fails(const char *config, bool refused)
{
    long step = 1;
    for (bool failed = true; failed; step++) {
        struct rig r = {.threads = 1};
        struct fault f;
        assert_true(step < STEPS_MAX);
        rig_open(&r, config, false, 1);
        bucket_refuse(refused);
        failing_begin(step);
        assert_int_equal(driver_append_many(r.logs, r.log[0], "a", RECORDS, PAD), RECORDS);
        enum status st = rig_flush(&r, WITHIN_MS, &f);
        failed = failing_end();
        if (st != OK && !failed)
            st = rig_flush(&r, 20 * 1000, &f);
        assert_true(st == OK || failed);
        rig_stop(&r);
        bucket_refuse(0);
        rig_start(&r);
        if (!rig_flushed(&r) || (!refused && !rig_has_all("main/", "a", RECORDS)))
            fail_msg("with allocation %ld", step);
        rig_close(&r);
    }
    print_message("%ld allocations\n", step);
}

static void without_memory_nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    each_allocation_fails(GZIPPED, false);
}

static void nor_is_what_was_refused(void **state)
{
    (void)state;
    each_allocation_fails(HTTP, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_lost_or_doubled),
        cmocka_unit_test(nor_is_what_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
