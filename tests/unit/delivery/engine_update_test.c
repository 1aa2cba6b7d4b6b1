/* engine_update_test.c: UpdateDestination while records are under way, and crashes around it: each record goes the way of one version. */
/* link: -Wl,-u,support_as_helper */
#include "delivery/engine.h"

#include "base/limits.h"
#include "base/mem.h"
#include "support/delivery_rig.h"
#include "support/log_driver.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define S3(more)                                                                                   \
    "\"ExtendedS3DestinationConfiguration\":{" RIG_S3                                              \
    "," RIG_HINTS(1, 300) ",\"Prefix\":\"main/\",\"ErrorOutputPrefix\":\"err/\"" more "}"
#define PLAIN S3("")
/* Records that are no JSON fail. */
#define PICKY                                                                                      \
    S3(",\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[{\"Type\":"                 \
       "\"MetadataExtraction\",\"Parameters\":[{\"ParameterName\":\"MetadataExtractionQuery\","    \
       "\"ParameterValue\":\"{k:.k}\"},{\"ParameterName\":\"JsonParsingEngine\","                  \
       "\"ParameterValue\":\"JQ-1.6\"}]}]}")
#define OTHER(name, rest)                                                                          \
    "\"" name "DestinationConfiguration\":{" rest                                                  \
    "," RIG_HINTS(1, 300) ",\"S3BackupMode\":\"FailedDataOnly\",\"S3Configuration\":{" RIG_S3      \
                          ",\"Prefix\":\"back/\"}}"
#define HTTP OTHER("HttpEndpoint", "\"EndpointConfiguration\":{\"Url\":\"https://x\"}")
#define SPLUNK                                                                                     \
    "\"SplunkDestinationConfiguration\":{\"HECEndpoint\":\"https://x\",\"HECEndpointType\":"       \
    "\"Raw\",\"HECToken\":\"t\",\"S3Configuration\":{" RIG_S3 ",\"Prefix\":\"back/\"}}"

enum { RECORDS = 40, PAD = 90000, BAD_EVERY = 9, QUIET_MS = 100 };

static bool is_bad(unsigned i)
{
    return i % BAD_EVERY == 1;
}

/* Large ones are JSON; the others, small, are not. */
static void put_all(struct rig *r)
{
    char *text = mem_must(PAD + 64);
    for (unsigned i = 0; i < RECORDS; i++) {
        uint64_t offset;
        snprintf(text, PAD + 64,
                 is_bad(i) ? "<w-%06u>" : "{\"k\":1,\"w\":\"<w-%06u>\",\"p\":\"%-*s\"}", i, PAD,
                 "");
        assert_int_equal(driver_append(r->logs, r->log[0], text, &offset), OK);
    }
    mem_free(text);
}

/* How often the record's word stands in objects whose names begin so; in error records it is in base64. */
static unsigned times_in(const char *prefix, unsigned i)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char word[16], coded[32];
    size_t len = (size_t)snprintf(word, sizeof(word), "<w-%06u>", i), to = 0;
    for (size_t at = 0; at + 2 < len; at += 3) { /* all whole groups are enough to tell it */
        uint32_t v = (uint32_t)(uint8_t)word[at] << 16 | (uint32_t)(uint8_t)word[at + 1] << 8 |
                     (uint8_t)word[at + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            coded[to++] = base64[v >> shift & 63];
    }
    unsigned times = 0;
    for (size_t n = 0; n < bucket_count(); n++) {
        const char *name;
        struct bytes body;
        bucket_object(n, &name, &body);
        bool errors = strncmp(name, "err/", 4) == 0;
        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        const char *wanted = errors ? coded : word;
        size_t wanted_len = errors ? to : len;
        const uint8_t *at;
        while ((at = memmem(body.at, body.len, wanted, wanted_len)) != NULL) {
            times++;
            body = bytes_of(at + wanted_len, (size_t)(body.at + body.len - at) - wanted_len);
        }
    }
    return times;
}

static void assert_each_once(const char *when)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        unsigned in_main = times_in("main/", i), failed = times_in("err/", i);
        if (in_main + failed != 1)
            fail_msg("%s: record %u is %u times in main, %u times in errors", when, i, in_main,
                     failed);
    }
}

/* Behind the marks of what was delivered there are failures in an output that is still open. */
static void a_restart_under_other_processing_loses_nothing(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, PICKY, false, 1);
    put_all(&r);
    rig_wait_delivered(&r, 2);
    rig_stop(&r);
    rig_update(&r, PLAIN);
    rig_start(&r);
    assert_true(rig_flushed(&r));
    assert_each_once("after the restart");
    rig_close(&r);
}

static void a_crash_at_any_step_of_an_update_loses_nothing(void **state)
{
    (void)state;
    for (unsigned step = 1;; step++) {
        struct rig r = {0};
        char when[32];
        rig_open(&r, PICKY, false, 1);
        put_all(&r);
        rig_wait_delivered(&r, 2);
        bucket_crash_after(step);
        rig_update(&r, PLAIN);
        bool crashed = rig_run_until_crash(&r);
        rig_stop(&r);
        bucket_crash_after(0);
        rig_start(&r);
        assert_true(rig_flushed(&r));
        snprintf(when, sizeof(when), "after step %u", step);
        assert_each_once(when);
        rig_close(&r);
        if (!crashed)
            break;
    }
}

/* What is put after it was adopted is of the new version, also behind a restart. */
static void a_lane_comes_to_the_newest_version(void **state)
{
    (void)state;
    struct rig r = {0};
    uint64_t offset;
    rig_open(&r, PICKY, false, 1);
    put_all(&r);
    rig_update(&r, S3(",\"FileExtension\":\".txt\""));
    rig_update(&r, PLAIN);
    assert_true(rig_flushed(&r));
    assert_each_once("after two updates");
    unsigned before = times_in("main/", 1);
    rig_stop(&r);
    rig_start(&r);
    assert_int_equal(driver_append(r.logs, r.log[0], "<w-000001>", &offset), OK);
    assert_true(rig_flushed(&r));
    assert_int_equal(times_in("main/", 1), before + 1);
    rig_close(&r);
}

static void from_to(const char *one, const char *other)
{
    struct rig r = {0};
    struct fault f = {0};
    rig_open(&r, one, false, 1);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 20, PAD), 20);
    rig_wait_delivered(&r, 1);
    rig_update(&r, other);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "b", 20, PAD), 20);
    assert_true(rig_flushed(&r));
    rig_stop(&r);
    rig_start(&r);
    rig_update(&r, one);
    bucket_hold(true);
    assert_int_equal(driver_append_many(r.logs, r.log[0], "c", 20, PAD), 20);
    assert_int_equal(rig_flush(&r, QUIET_MS, &f), TIMED_OUT);
    rig_stop(&r);
    bucket_hold(false);
    rig_update(&r, other); /* with plans of the one stored */
    rig_start(&r);
    assert_true(rig_flushed(&r));
    assert_int_equal(delivery_counters(r.delivery)->delivered_records, 60);
    assert_true(rig_has_all("", "a", 20) && rig_has_all("", "b", 20) && rig_has_all("", "c", 20));
    rig_close(&r);
}

static void another_kind_of_destination_gets_what_comes_after(void **state)
{
    (void)state;
    from_to(HTTP, SPLUNK);
    from_to(HTTP, PLAIN);
    from_to(PLAIN, SPLUNK);
}

static void forget_the_rules(struct rig *r)
{
    struct delivery_store *store;
    struct delivery_change c;
    struct fault f;
    assert_int_equal(delivery_store_open(r->folder, &store, &f), OK);
    delivery_change_init(&c, NULL);
    delivery_change_remove_all(&c, BYTES_LITERAL("rules/"));
    assert_int_equal(delivery_store_write(store, &c, &f), OK);
    delivery_change_fini(&c);
    delivery_store_close(store);
}

/* As a store from before rules were in it may have them. */
static void plans_that_nobody_is_there_to_take_gather_anew(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, HTTP, false, 1);
    bucket_crash_after(1);
    assert_true(bucket_step()); /* from here on nothing arrives */
    assert_int_equal(driver_append_many(r.logs, r.log[0], "a", 20, PAD), 20);
    bucket_wait_lost(1); /* so its plan is stored */
    rig_stop(&r);
    assert_int_equal(bucket_count(), 0);
    bucket_crash_after(0);
    forget_the_rules(&r);
    rig_update(&r, PLAIN);
    rig_start(&r);
    assert_true(rig_flushed(&r));
    assert_true(rig_has_all("", "a", 20));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_under_other_processing_loses_nothing),
        cmocka_unit_test(a_crash_at_any_step_of_an_update_loses_nothing),
        cmocka_unit_test(a_lane_comes_to_the_newest_version),
        cmocka_unit_test(another_kind_of_destination_gets_what_comes_after),
        cmocka_unit_test(plans_that_nobody_is_there_to_take_gather_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
