/* process_engine_test.c: records that become several, from logs to a bucket, whatever happens on the way: objects begin and end within records. */
/* link: -Wl,-u,support_as_helper -Wl,--wrap=delivery_store_submit -Wl,-u,__wrap_delivery_store_submit -Wl,--wrap=process_cut_all */
#include "delivery/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/process_internal.h"
#include "support/delivery_rig.h"
#include "support/log_driver.h"
#include "unit/base/cmocka_all.h"

#include <sched.h>
#include <stdio.h>
#include <zlib.h>

#define TAKEN_APART                                                                                \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3 ",\"BufferingHints\":{\"SizeInMBs\":1,"      \
    "\"IntervalInSeconds\":300},\"Prefix\":\"main/\",\"ProcessingConfiguration\":{"                \
    "\"Enabled\":true,\"Processors\":[{\"Type\":\"RecordDeAggregation\",\"Parameters\":["          \
    "{\"ParameterName\":\"SubRecordType\",\"ParameterValue\":\"DELIMITED\"},"                      \
    "{\"ParameterName\":\"Delimiter\",\"ParameterValue\":\"IyMjIw==\"}]}]}}"

enum { LOGGED = 4, PARTS = 9, PART_BYTES = 90000 };

/* LOGGED records of PARTS parts, which are words with spaces behind them. */
static void put_all(struct rig *r)
{
    char *text = mem_must((size_t)PARTS * (PART_BYTES + 8) + 1);
    for (unsigned i = 0; i < LOGGED; i++) {
        size_t len = 0;
        uint64_t offset;
        for (unsigned k = 0; k < PARTS; k++)
            len += (size_t)snprintf(text + len, PART_BYTES + 8, "a-%-*u####", PART_BYTES,
                                    i * PARTS + k);
        assert_int_equal(driver_append(r->logs, r->log[0], text, &offset), OK);
    }
    mem_free(text);
}

static void flush(struct rig *r)
{
    assert_true(rig_flushed(r));
}

static void parts_are_delivered_once(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, TAKEN_APART, false, 1);
    put_all(&r);
    flush(&r);
    assert_true(bucket_count() >= 3); /* so borders lie within records */
    assert_true(rig_has_all("main/", "a", LOGGED * PARTS));
    rig_close(&r);
}

#define INFLATED                                                                                   \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3 ",\"BufferingHints\":{\"SizeInMBs\":5,"      \
    "\"IntervalInSeconds\":300},\"Prefix\":\"main/\",\"ProcessingConfiguration\":{"                \
    "\"Enabled\":true,\"Processors\":[{\"Type\":\"Decompression\",\"Parameters\":["                \
    "{\"ParameterName\":\"CompressionFormat\",\"ParameterValue\":\"GZIP\"}]}]}}"

enum { SWOLLEN = 60, SWOLLEN_BYTES = 1 << 20 };

/* 60 KiB that become 60 MiB: more than a batch takes, and than there is memory for. */
static void records_that_swell_are_delivered_once_within_memory(void **state)
{
    (void)state;
    struct rig r = {.memory_max = MIB(24)};
    char *text = mem_must(SWOLLEN_BYTES + 1);
    uint8_t zipped[8192];
    rig_open(&r, INFLATED, false, 1);
    for (unsigned i = 0; i < SWOLLEN; i++) {
        snprintf(text, SWOLLEN_BYTES + 1, "a-%-*u", SWOLLEN_BYTES - 2, i);
        z_stream z = {.next_in = (Bytef *)text, .avail_in = SWOLLEN_BYTES};
        z.next_out = zipped;
        z.avail_out = sizeof(zipped);
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        deflateEnd(&z);
        assert_int_equal(driver_append_bytes(r.logs, r.log[0],
                                             bytes_of(zipped, sizeof(zipped) - z.avail_out), NULL),
                         OK);
    }
    mem_free(text);
    flush(&r);
    assert_true(rig_has_all("main/", "a", SWOLLEN));
    rig_close(&r);
}

enum status __real_process_cut_all(struct process_work *w, process_cut_fn *cut, const void *own);
enum status __wrap_process_cut_all(struct process_work *w, process_cut_fn *cut, const void *own);

static _Atomic unsigned without_memory; /* so many times */
enum status __wrap_process_cut_all(struct process_work *w, process_cut_fn *cut, const void *own)
{
    if (without_memory == 0)
        return __real_process_cut_all(w, cut, own);
    without_memory--;
    return NO_MEMORY;
}

static void what_there_was_no_memory_for_is_read_again(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, TAKEN_APART, false, 1);
    without_memory = 2;
    put_all(&r);
    flush(&r);
    assert_int_equal(without_memory, 0);
    assert_true(rig_has_all("main/", "a", LOGGED * PARTS));
    rig_close(&r);
}

static void a_crash_anywhere_loses_and_doubles_no_part(void **state)
{
    (void)state;
    for (unsigned step = 1;; step++) {
        struct rig r = {0};
        rig_open(&r, TAKEN_APART, false, 1);
        bucket_crash_after(step);
        put_all(&r);
        bool crashed = rig_run_until_crash(&r);
        rig_stop(&r);
        bucket_crash_after(0);
        rig_start(&r);
        flush(&r);
        if (!rig_has_all("main/", "a", LOGGED * PARTS))
            fail_msg("after step %u", step);
        rig_close(&r);
        if (!crashed)
            break;
    }
}

#define PARTITIONED                                                                                \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3 "," RIG_HINTS(                               \
        64,                                                                                        \
        900) ",\"Prefix\":\"main/!{partitionKeyFromQuery:k}/\",\"ErrorOutputPrefix\":\"err/\","    \
             "\"DynamicPartitioningConfiguration\":{\"Enabled\":true},"                            \
             "\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[{\"Type\":"            \
             "\"MetadataExtraction\",\"Parameters\":[{\"ParameterName\":"                          \
             "\"MetadataExtractionQuery\",\"ParameterValue\":\"{k:.k}\"},{\"ParameterName\":"      \
             "\"JsonParsingEngine\",\"ParameterValue\":\"JQ-1.6\"}]}]}}"

/* A lane looks at what it knows between reads; one brings 1 MiB and the rest of its last value, so that few of these records come with it. */
enum { KEYS = 4000, DELIVERED = 3400, OUTPUTS_SEEN_MAX = 2600, PAD_BYTES = 4000 };

static void put_keys(struct rig *r, unsigned from, unsigned to)
{
    char text[PAD_BYTES + 64];
    uint64_t offset;
    for (unsigned k = from; k < to; k++) {
        snprintf(text, sizeof(text), "{\"k\":%u,\"pad\":\"%-*s\"}", k, k ? PAD_BYTES : 1, "");
        assert_int_equal(driver_append(r->logs, r->log[0], text, &offset), OK);
    }
}

/* The first partition is the smallest, so it would stay, and hold the cursor; each of the others leaves a mark ahead of that. */
static void partitions_that_come_and_go_leave_a_bounded_number_of_marks(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PARTITIONED, false, 1);
    put_keys(&r, 0, KEYS);
    rig_wait_delivered(&r, DELIVERED);
    assert_true(rig_rows(&r, "mark/") < OUTPUTS_SEEN_MAX);
    assert_true(rig_flushed(&r));
    assert_int_equal(bucket_count(), KEYS);
    while (rig_rows(&r, "mark/") > 0)
        sched_yield(); /* the last of them go with the cursor, just behind the flush */
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_delivered_once),
        cmocka_unit_test(records_that_swell_are_delivered_once_within_memory),
        cmocka_unit_test(what_there_was_no_memory_for_is_read_again),
        cmocka_unit_test(a_crash_anywhere_loses_and_doubles_no_part),
        cmocka_unit_test(partitions_that_come_and_go_leave_a_bounded_number_of_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
