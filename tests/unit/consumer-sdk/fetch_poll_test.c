/* fetch_poll_test.c: GetShardIterator and GetRecords as a shard's source, with a service that answers what the test says. */
/* link: -Wl,--wrap=sluice_start -Wl,--wrap=sluice_call_cancel -Wl,--wrap=sluice_reply_free -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "consumer-sdk/fetch_poll.h"

#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/fetch_error.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"
#include "unit/consumer-sdk/fetch_saw.h"

#include <stdio.h>

/* ---- the service ---- */

static struct {
    struct clock_manual clock;
    struct random chance;
    struct fetch_setting setting;
    struct fetch *fetch;
    sluice_completion *done;
    void *context;
    unsigned locates, reads, cancels, freed;
    int64_t limit;
    char type[32], sequence[32], iterator[32];
    enum sluice_status refuse; /* sluice_start's answer */
} t;

enum sluice_status __wrap_sluice_start(sluice_client *client,
                                       const struct sluice_operation *operation, const void *input,
                                       size_t input_size, const struct sluice_call_options *options,
                                       sluice_completion *done, void *context,
                                       sluice_call_handle **handle, struct sluice_error *error);
void __wrap_sluice_call_cancel(sluice_call_handle *handle);
void __wrap_sluice_reply_free(sluice_reply *reply);

static void keep_text(char to[32], struct sluice_bytes from)
{
    snprintf(to, 32, "%.*s", (int)from.len, from.at ? (const char *)from.at : "");
}

enum sluice_status __wrap_sluice_start(sluice_client *client,
                                       const struct sluice_operation *operation, const void *input,
                                       size_t input_size, const struct sluice_call_options *options,
                                       sluice_completion *done, void *context,
                                       sluice_call_handle **handle, struct sluice_error *error)
{
    (void)client;
    (void)input_size;
    (void)options;
    assert_null(t.done); /* one call at a time */
    if (t.refuse != SLUICE_OK)
        return error_set(error, t.refuse, "not sent");
    if (operation == &sluice_kinesis_get_shard_iterator_operation) {
        const struct sluice_kinesis_get_shard_iterator_input *in = input;
        t.locates++;
        keep_text(t.type, in->shard_iterator_type);
        keep_text(t.sequence, in->starting_sequence_number);
    } else {
        const struct sluice_kinesis_get_records_input *in = input;
        t.reads++;
        t.limit = in->limit.value;
        keep_text(t.iterator, in->shard_iterator);
    }
    t.done = done;
    t.context = context;
    *handle = (sluice_call_handle *)&t;
    return SLUICE_OK;
}

void __wrap_sluice_call_cancel(sluice_call_handle *handle)
{
    assert_ptr_equal(handle, &t);
    t.cancels++;
}

void __wrap_sluice_reply_free(sluice_reply *reply)
{
    t.freed += reply != NULL;
}

static void answer(const void *output, const struct sluice_error *error)
{
    static const struct sluice_error fine = {0};
    sluice_completion *done = t.done;
    assert_non_null(done);
    t.done = NULL;
    done(t.context, output, output ? (sluice_reply *)&t : NULL, error ? error : &fine);
}

static void locate_as(const char *iterator)
{
    const struct sluice_kinesis_get_shard_iterator_output out = {.shard_iterator =
                                                                     sluice_text(iterator)};
    answer(&out, NULL);
}

/* Records first to first + count - 1, of so many bytes. next: NULL at the shard's end. */
static void read_as(uint64_t first, uint32_t count, size_t bytes, int64_t behind_ms,
                    const char *next)
{
    static struct sluice_kinesis_record records[16];
    static char numbers[16][24];
    static uint8_t data[2048];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%llu", (unsigned long long)first + i);
        records[i] = (struct sluice_kinesis_record){.sequence_number = sluice_text(numbers[i]),
                                                    .data = sluice_view(data, bytes)};
    }
    const struct sluice_kinesis_get_records_output out = {
        .records = {.count = count, .present = true, .at = records},
        .next_shard_iterator = sluice_text(next),
        .millis_behind_latest = sluice_int(behind_ms)};
    answer(&out, NULL);
}

static void fail_with(const char *type, const char *message)
{
    struct sluice_error e;
    error_set(&e, SLUICE_SERVICE, "%s", message);
    snprintf(e.type, sizeof(e.type), "%s", type);
    e.http_status = 400;
    answer(NULL, &e);
}

/* ---- the fetch ---- */

static void step(unsigned after_ms)
{
    clock_manual_advance_ms(&t.clock, after_ms);
    fetch_step(t.fetch, clock_mono_us(&t.clock.clock));
}

static void open_at(struct fetch_from from, unsigned spacing_ms)
{
    memset(&t, 0, sizeof(t));
    memset(&saw, 0, sizeof(saw));
    clock_manual_init(&t.clock, 1000);
    clock_manual_advance_ms(&t.clock, 1000);
    random_seed(&t.chance, 3);
    t.setting = (struct fetch_setting){.clock = &t.clock.clock,
                                       .random = &t.chance,
                                       .stream_arn = "arn",
                                       .records_max = 5000,
                                       .poll_ms = 200,
                                       .spacing_ms = spacing_ms};
    t.fetch = fetch_poll_open(&t.setting, "shard", &from);
    assert_non_null(t.fetch);
    t.fetch->sink = &saw_sink;
    t.fetch->wanted = true;
    step(0);
}

/* At its first iterator, reading. */
static void open_reading(unsigned spacing_ms)
{
    open_at((struct fetch_from){.place = FETCH_HORIZON}, spacing_ms);
    locate_as("i1");
    step(spacing_ms);
    assert_int_equal(t.reads, 1);
}

static void finish(void)
{
    fetch_close(t.fetch);
    if (t.done) {
        struct sluice_error e;
        error_set(&e, SLUICE_CANCELLED, "cancelled");
        assert_int_equal(t.cancels, 1);
        answer(NULL, &e);
    }
}

/* ---- tests ---- */

static void places_are_asked_for_in_awss_words(void **state)
{
    (void)state;
    static const struct {
        struct fetch_from from;
        const char *type, *sequence;
    } rows[] = {{{.place = FETCH_HORIZON}, "TRIM_HORIZON", ""},
                {{.place = FETCH_LATEST}, "LATEST", ""},
                {{.place = FETCH_TIME, .time_ms = 7}, "AT_TIMESTAMP", ""},
                {{.place = FETCH_AT, .sequence = "12"}, "AT_SEQUENCE_NUMBER", "12"},
                {{.place = FETCH_AFTER, .sequence = "13"}, "AFTER_SEQUENCE_NUMBER", "13"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        open_at(rows[i].from, 0);
        assert_string_equal(t.type, rows[i].type);
        assert_string_equal(t.sequence, rows[i].sequence);
        finish();
    }
}

static void more_is_read_at_once_and_the_tip_after_a_while(void **state)
{
    (void)state;
    open_reading(0);
    assert_string_equal(t.iterator, "i1");
    read_as(1, 3, 10, 500, "i2");
    step(0);
    assert_int_equal(t.reads, 2);
    assert_string_equal(t.iterator, "i2");
    read_as(4, 0, 0, 0, "i3");
    step(199);
    assert_int_equal(t.reads, 2);
    step(1);
    assert_int_equal(t.reads, 3);
    assert_int_equal(saw.records, 3);
    assert_string_equal(t.fetch->from.sequence, "3"); /* F2 */
    finish();
    assert_int_equal(t.freed, 3);
}

static void calls_are_kept_apart_where_reads_are_counted(void **state)
{
    (void)state;
    open_reading(200);
    read_as(1, 3, 10, 500, "i2");
    step(199);
    assert_int_equal(t.reads, 1);
    step(1);
    assert_int_equal(t.reads, 2);
    finish();
}

static void a_throttle_teaches_to_keep_calls_apart(void **state)
{
    (void)state;
    open_reading(0);
    fail_with("ProvisionedThroughputExceededException", "Rate exceeded for shard");
    step(2000);
    assert_int_equal(t.reads, 2);
    assert_int_equal(t.locates, 1); /* the iterator is still good */
    read_as(1, 1, 10, 500, "i2");
    step(100);
    assert_int_equal(t.reads, 2);
    step(100);
    assert_int_equal(t.reads, 3);
    finish();
}

static void what_is_not_wanted_is_not_asked_for(void **state)
{
    (void)state;
    open_reading(0);
    t.fetch->wanted = false;
    read_as(1, 1, 10, 500, "i2");
    step(1000);
    assert_int_equal(t.reads, 1);
    t.fetch->wanted = true;
    step(0);
    assert_int_equal(t.reads, 2);
    finish();
}

static void an_expired_iterator_is_replaced_from_the_last_record(void **state)
{
    (void)state;
    open_reading(0);
    read_as(41, 2, 10, 500, "i2");
    step(0);
    fail_with("ExpiredIteratorException", "Iterator expired.");
    step(0);
    assert_int_equal(t.locates, 2);
    assert_string_equal(t.type, "AFTER_SEQUENCE_NUMBER");
    assert_string_equal(t.sequence, "42");
    locate_as("i9");
    step(0);
    assert_string_equal(t.iterator, "i9");
    fail_with("ExpiredIteratorException", "Iterator expired."); /* again: not in haste */
    step(0);
    assert_int_equal(t.locates, 2);
    step(2000);
    assert_int_equal(t.locates, 3);
    assert_false(saw.failed);
    finish();
}

static void the_end_of_the_shard_is_told_after_its_last_records(void **state)
{
    (void)state;
    open_reading(0);
    read_as(1, 2, 10, 0, NULL);
    assert_int_equal(saw.records, 2);
    assert_true(saw.ended);
    step(1000);
    assert_int_equal(t.reads, 1);
    finish();
}

static void answers_are_asked_for_that_fit_the_caches(void **state)
{
    (void)state;
    open_reading(0);
    assert_int_equal(t.limit, 5000);
    read_as(1, 10, 1024, 500, "i2");
    step(0);
    assert_int_equal(t.limit, 1024);
    read_as(11, 10, 10, 500, "i3");
    step(0);
    assert_int_equal(t.limit, 5000);
    finish();
}

static void failures_that_pass_are_tried_again_and_told_once(void **state)
{
    (void)state;
    struct sluice_error e;
    open_reading(0);
    for (unsigned i = 0; i < 5; i++) {
        error_set(&e, SLUICE_TRANSPORT, "no connection");
        answer(NULL, &e);
        step(2000);
    }
    assert_int_equal(t.reads, 6);
    assert_int_equal(saw.notices, 1);
    t.refuse = SLUICE_NO_MEMORY;
    read_as(1, 1, 10, 500, "i2");
    step(0);
    t.refuse = SLUICE_OK;
    step(2000);
    assert_int_equal(t.reads, 7);
    assert_false(saw.failed);
    finish();
}

static void failures_that_do_not_pass_end_it(void **state)
{
    (void)state;
    static const struct {
        const char *type, *message;
        enum fetch_trouble trouble;
    } rows[] = {
        {"ResourceNotFoundException", "Shard s in stream x under account 1 does not exist",
         FETCH_GONE},
        {"ResourceNotFoundException", "Stream Shard-x under account 1 not found.", FETCH_HOPELESS},
        {"AccessDeniedException", "no", FETCH_HOPELESS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        open_reading(0);
        fail_with(rows[i].type, rows[i].message);
        assert_true(saw.failed);
        assert_int_equal(saw.trouble, rows[i].trouble);
        step(10000);
        assert_int_equal(t.reads, 1);
        finish();
    }
}

static void a_time_that_is_still_to_come_is_the_latest(void **state)
{
    (void)state;
    open_at((struct fetch_from){.place = FETCH_TIME, .time_ms = 7}, 0);
    fail_with("InvalidArgumentException", "The timestampInMillis parameter cannot be greater than "
                                          "the currentTimestampInMillis.");
    step(0);
    assert_string_equal(t.type, "LATEST");
    finish();
}

/* F4 */
static void after_it_was_closed_nothing_is_handed_over(void **state)
{
    (void)state;
    open_reading(0);
    fetch_close(t.fetch);
    read_as(1, 2, 10, 0, "i2"); /* the answer was on its way */
    assert_int_equal(saw.batches, 0);
    assert_int_equal(t.freed, 2);
    assert_int_equal(t.cancels, 1);
}

static void without_memory_for_a_batch_it_is_read_again(void **state)
{
    (void)state;
    open_reading(0);
    read_as(1, 1, 10, 500, "i2");
    step(0);
    failing_begin(1);
    read_as(2, 2, 10, 500, "i3");
    assert_true(failing_end());
    assert_int_equal(saw.records, 1);
    assert_int_equal(t.freed, 3);
    step(2000);
    assert_string_equal(t.type, "AFTER_SEQUENCE_NUMBER");
    assert_string_equal(t.sequence, "1");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_asked_for_in_awss_words),
        cmocka_unit_test(more_is_read_at_once_and_the_tip_after_a_while),
        cmocka_unit_test(calls_are_kept_apart_where_reads_are_counted),
        cmocka_unit_test(a_throttle_teaches_to_keep_calls_apart),
        cmocka_unit_test(what_is_not_wanted_is_not_asked_for),
        cmocka_unit_test(an_expired_iterator_is_replaced_from_the_last_record),
        cmocka_unit_test(the_end_of_the_shard_is_told_after_its_last_records),
        cmocka_unit_test(answers_are_asked_for_that_fit_the_caches),
        cmocka_unit_test(failures_that_pass_are_tried_again_and_told_once),
        cmocka_unit_test(failures_that_do_not_pass_end_it),
        cmocka_unit_test(a_time_that_is_still_to_come_is_the_latest),
        cmocka_unit_test(after_it_was_closed_nothing_is_handed_over),
        cmocka_unit_test(without_memory_for_a_batch_it_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
