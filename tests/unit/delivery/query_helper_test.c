/* query_helper_test.c: helpers that die of a record, never answer, are killed, or cannot be begun: what it costs, and what not. */
/* link: -Wl,-u,support_as_helper -Wl,--wrap=posix_spawnp -Wl,-u,__wrap_posix_spawnp */
#include "unit/delivery/process_fixture.h"

#include "delivery/query_helper.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define QUERY(query)                                                                               \
    "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" CHAIN_S3              \
    ",\"Prefix\":\"!{partitionKeyFromQuery:k}/\",\"DynamicPartitioningConfiguration\":{"           \
    "\"Enabled\":true},\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" PROCESSOR(  \
        "MetadataExtraction", PARAMETER("MetadataExtractionQuery", query) "," PARAMETER(           \
                                  "JsonParsingEngine", "JQ-1.6")) "]}}}"

enum { RECORDS = 40, BAD = 7, FAR_RECORDS = 20000 };

int __real_posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                        const posix_spawnattr_t *how, char *const words[], char *const env[]);
int __wrap_posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                        const posix_spawnattr_t *how, char *const words[], char *const env[]);

static unsigned begun, fail_first;
static pid_t helper;
int __wrap_posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                        const posix_spawnattr_t *how, char *const words[], char *const env[])
{
    if (begun++ < fail_first)
        return EAGAIN;
    int why = __real_posix_spawnp(pid, path, files, how, words, env);
    helper = *pid;
    return why;
}

static struct chain chain;
static struct process_record records[FAR_RECORDS];
static char texts[FAR_RECORDS][48];

static int set_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAR_RECORDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "{\"n\":%u,\"x\":%s}", i,
                 i == BAD || i == BAD + 1 ? "1e300" : "7");
        records[i] = (struct process_record){
            .offset = i, .time_ms = 1700000000000, .data = bytes_text(texts[i])};
    }
    begun = fail_first = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chain_close(&chain);
    return 0;
}

static void assert_results(const struct process_batch *b, bool bad_fail)
{
    assert_int_equal(b->status, OK);
    assert_int_equal(b->result_count, b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct process_result *r = &b->results[i];
        bool bad = bad_fail && (r->offset == BAD || r->offset == BAD + 1);
        if (r->channel != (bad ? OUTPUT_ERROR : OUTPUT_MAIN))
            fail_msg("%llu: %.*s", (unsigned long long)r->offset, BYTES_ARGS(r->data));
        if (bad && !holds_text(r->data, "DynamicPartitioning.MetadataExtractionFailed"))
            fail_msg("%.*s", BYTES_ARGS(r->data));
    }
}

/* Two records that a helper dies of cost themselves and no other, in batches of any size. */
static void assert_two_are_lost(const char *config)
{
    static const uint32_t sizes[] = {RECORDS, 13, 1};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct process_batch b[RECORDS];
        uint32_t count = 0;
        chain_open(&chain, config, false);
        for (uint32_t at = 0; at < 2 * BAD; at += sizes[k])
            batch_begin(&chain, &b[count++], records + at, sizes[k]);
        batches_wait(&chain);
        for (uint32_t i = 0; i < count; i++) {
            assert_results(&b[i], true);
            batch_free(&b[i]);
        }
        chain_close(&chain);
    }
}

static void a_record_that_it_crashes_over_is_lost_alone(void **state)
{
    (void)state;
    assert_two_are_lost(QUERY("{k:(.x % -1)}")); /* libjq 1.6 dies of SIGFPE over 1e300 % -1 */
}

static void a_record_that_it_never_ends_over_is_lost_alone(void **state)
{
    (void)state;
    struct process_batch b;
    chain_open(&chain, QUERY("{k:(if .x > 7 then def f: f; f else .x end)}"), false);
    batch_begin(&chain, &b, records, RECORDS);
    batches_wait(&chain);
    assert_results(&b, true);
    assert_true(holds_text(b.results[BAD].data, "The query took too much time or memory"));
    batch_free(&b);
}

static void a_record_that_it_takes_all_memory_for_is_lost_alone(void **state)
{
    (void)state;
    struct process_batch b;
    chain_open(&chain, QUERY("{k:([limit(.x * .x * 1e6; repeat(.x))]|length)}"), false);
    for (unsigned i = 0; i < RECORDS; i++)
        if (i != BAD)
            records[i].data = BYTES_LITERAL("{\"x\":0.01}"); /* and BAD + 1 */
    batch_begin(&chain, &b, records, RECORDS);
    batches_wait(&chain);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(b.results[i].channel, i == BAD ? OUTPUT_ERROR : OUTPUT_MAIN);
    batch_free(&b);
}

static void on_kill(struct loop_timer *t)
{
    (void)t;
    kill(helper, SIGKILL);
}

static void a_helper_that_is_killed_costs_nothing(void **state)
{
    (void)state;
    struct process_batch b[4];
    struct loop_timer kills[4];
    chain_open(&chain, QUERY("{k:(.n%50)}"), false);
    for (unsigned i = 0; i < 4; i++) {
        kills[i] = (struct loop_timer){.fire = on_kill};
        loop_timer_set(chain.loop, &kills[i], 5 + 40 * i);
        batch_begin(&chain, &b[i], records + 5000 * i, 5000);
    }
    batches_wait(&chain);
    for (unsigned i = 0; i < 4; i++) {
        loop_timer_cancel(chain.loop, &kills[i]);
        assert_results(&b[i], false);
        for (unsigned n = 0; n < 5000; n++) {
            char pair[32];
            int len = snprintf(pair, sizeof(pair), "query:k%c%u", 0, (i * 5000 + n) % 50) + 1;
            assert_true(bytes_equal(b[i].results[n].partition, bytes_of(pair, (size_t)len)));
        }
        batch_free(&b[i]);
    }
    assert_in_range(begun, 2, 5);
}

static void a_helper_that_cannot_be_begun_costs_nothing(void **state)
{
    (void)state;
    struct process_batch b;
    char why[DELIVERY_ERROR_BYTES];
    fail_first = 3;
    chain_open(&chain, QUERY("{k:.n}"), false);
    batch_begin(&chain, &b, records, RECORDS);
    batches_wait(&chain);
    assert_results(&b, false);
    delivery_last_error(chain.delivery, why);
    assert_non_null(strstr(why, "cannot be started"));
    assert_int_equal(begun, 4);
    batch_free(&b);
}

static void a_chain_that_ends_takes_its_batches_back(void **state)
{
    (void)state;
    struct process_batch b[3];
    chain_open(&chain, QUERY("{k:.n}"), false);
    for (int i = 0; i < 3; i++)
        batch_begin(&chain, &b[i], records, RECORDS);
    process_free(chain.process);
    chain.process = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b[i].status, CLOSING);
        batch_free(&b[i]);
    }
}

static void it_sees_nothing_of_the_server(void **state)
{
    (void)state;
    struct process_batch b;
    setenv("SLUICE_S3_SECRET_KEY", "secret", 1);
    /* what query_scan refuses, since a later libjq may know it by other names */
    chain_open(&chain, QUERY("{k:\\\"\\\\(env|keys) \\\\($ENV|length)\\\"}"), false);
    batch_begin(&chain, &b, records, 1);
    batches_wait(&chain);
    unsetenv("SLUICE_S3_SECRET_KEY");
    assert_false(holds_text(b.results[0].partition, "SLUICE"));
    assert_true(holds_text(b.results[0].partition, "TZ"));
    batch_free(&b);
}

static void a_frame_is_whole_or_none(void **state)
{
    (void)state;
    struct buf out;
    struct bytes frame;
    buf_init(&out, 1000);
    frame_append(&out, BYTES_LITERAL("four"));
    frame_append(&out, BYTES_LITERAL(""));
    for (size_t len = 0; len < 8; len++) {
        struct bytes rest = bytes_of(out.at, len);
        assert_int_equal(frame_take(&rest, 4, &frame), END);
        assert_int_equal(rest.len, len);
    }
    struct bytes rest = buf_view(&out);
    assert_int_equal(frame_take(&rest, 3, &frame), TOO_LARGE);
    assert_int_equal(frame_take(&rest, 4, &frame), OK);
    assert_text(frame, "four");
    assert_int_equal(frame_take(&rest, 4, &frame), OK);
    assert_int_equal(frame.len + rest.len, 0);
    buf_fini(&out);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(a_record_that_it_crashes_over_is_lost_alone),
        TEST(a_record_that_it_never_ends_over_is_lost_alone),
        TEST(a_record_that_it_takes_all_memory_for_is_lost_alone),
        TEST(a_helper_that_is_killed_costs_nothing),
        TEST(a_helper_that_cannot_be_begun_costs_nothing),
        TEST(a_chain_that_ends_takes_its_batches_back),
        TEST(it_sees_nothing_of_the_server),
        TEST(a_frame_is_whole_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
