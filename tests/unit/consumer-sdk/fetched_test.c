/* fetched_test.c: stored records opened into those that a program wrote; every allocation failing in turn. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "consumer-sdk/fetched.h"

#include "support/failing.h"
#include "unit/base/cmocka_all.h"
#include "wire/aggregate.h"

/* ---- what is stored ---- */

static uint8_t packed[4096];

/* Three records in one. */
static struct sluice_bytes aggregated(void)
{
    static const char *const texts[] = {"one", "two", "three"};
    struct aggregate_writer w;
    aggregate_writer_init(&w);
    for (size_t i = 0; i < 3; i++) {
        const struct aggregate_record r = {.partition_key = bytes_text(i == 1 ? "b" : "a"),
                                           .explicit_hash_key =
                                               i == 2 ? bytes_text("7") : BYTES_NONE,
                                           .data = bytes_text(texts[i])};
        assert_int_equal(aggregate_add(&w, &r, sizeof(packed)), OK);
    }
    size_t len = aggregate_bytes(&w);
    uint8_t *whole = packed;
    aggregate_write(&w, packed);
    aggregate_seal(&whole, &len, 1);
    aggregate_writer_fini(&w);
    return sluice_view(packed, len);
}

static void fill(struct sluice_kinesis_record stored[3])
{
    static const char *const numbers[] = {"100", "101", "102"};
    for (size_t i = 0; i < 3; i++)
        stored[i] = (struct sluice_kinesis_record){
            .sequence_number = sluice_text(numbers[i]),
            .approximate_arrival_timestamp = sluice_int(1000 + (int64_t)i),
            .data = i == 1 ? aggregated() : sluice_text("plain"),
            .partition_key = sluice_text(i == 1 ? "a" : "k")}; /* the whole's, as the KPL's */
}

static struct fetched *open_after(const char *sequence, uint64_t sub, bool keep)
{
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    struct sluice_checkpoint_at after = {.sub_sequence_number = sub};
    strncpy(after.sequence_number, sequence, sizeof(after.sequence_number) - 1);
    fill(stored);
    struct fetched *b = fetched_copy(stored, 3, 5);
    assert_non_null(b);
    const struct fetched_rules rules = {&after, KEY_RANGE_ALL, keep};
    assert_int_equal(fetched_open(b, &rules, &error), SLUICE_OK);
    return b;
}

static void expect(const struct fetched *b, size_t i, const char *sequence, uint64_t sub,
                   const char *data)
{
    assert_true(i < b->count);
    const struct sluice_received *r = &b->records[i];
    assert_string_equal(r->sequence_number, sequence);
    assert_int_equal(r->sub_sequence_number, sub);
    assert_int_equal(r->data.len, strlen(data));
    assert_memory_equal(r->data.at, data, r->data.len);
}

static void an_aggregated_record_is_taken_apart_in_its_place(void **state)
{
    (void)state;
    struct fetched *b = open_after("", 0, false);
    assert_int_equal(b->count, 5);
    expect(b, 0, "100", 0, "plain");
    expect(b, 1, "101", 0, "one");
    expect(b, 2, "101", 1, "two");
    expect(b, 3, "101", 2, "three");
    expect(b, 4, "102", 0, "plain");
    assert_null(b->records[1].explicit_hash_key.at);
    assert_memory_equal(b->records[2].partition_key.at, "b", 1);
    assert_memory_equal(b->records[3].explicit_hash_key.at, "7", 1);
    assert_int_equal(b->records[3].arrived_ms, 1001);
    fetched_free(b);
}

/* K3 */
static void what_was_handled_before_is_left_out_to_the_sub_sequence_number(void **state)
{
    (void)state;
    struct fetched *b = open_after("101", 1, false);
    assert_int_equal(b->count, 2);
    expect(b, 0, "101", 2, "three");
    expect(b, 1, "102", 0, "plain");
    fetched_free(b);
    b = open_after("102", 0, false);
    assert_int_equal(b->count, 0);
    fetched_free(b);
    b = open_after("99", 9, false);
    assert_int_equal(b->count, 5);
    fetched_free(b);
}

static void aggregated_records_stay_whole_when_asked(void **state)
{
    (void)state;
    struct fetched *b = open_after("100", 0, true);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->records[0].data.len, aggregated().len);
    assert_int_equal(b->records[0].sub_sequence_number, 0);
    fetched_free(b);
    b = open_after("101", 1,
                   true); /* handled in part, before that was asked: it comes again, and further */
    assert_int_equal(b->count, 2);
    assert_int_equal(b->records[0].sub_sequence_number, 2);
    fetched_free(b);
}

/* K4 */
static void an_aggregated_record_with_a_key_of_another_shard_is_left_out_whole(void **state)
{
    (void)state;
    const u128 half = (u128)1 << 127; /* "a" is below, "b" above, and the third says 7 */
    const struct key_range ranges[] = {{0, half - 1}, {half, U128_MAX}, {8, U128_MAX}};
    const struct key_range fits = {7, U128_MAX};
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    const struct sluice_checkpoint_at after = {0};
    fill(stored);
    for (size_t i = 0; i < 4; i++) {
        const struct fetched_rules rules = {&after, i < 3 ? ranges[i] : fits, false};
        struct fetched *b = fetched_copy(stored, 3, 0);
        assert_int_equal(fetched_open(b, &rules, &error), SLUICE_OK);
        assert_int_equal(b->strays, i < 3);
        assert_int_equal(b->count, i < 3 ? 2 : 5);
        expect(b, b->count - 1, "102", 0,
               "plain"); /* one by itself lies where the service put it */
        fetched_free(b);
    }
    stored[1].partition_key = sluice_text("k"); /* another's, who sends nothing again */
    const struct fetched_rules rules = {&after, ranges[0], false};
    struct fetched *b = fetched_copy(stored, 3, 0);
    assert_int_equal(fetched_open(b, &rules, &error), SLUICE_OK);
    assert_int_equal(b->count, 5);
    fetched_free(b);
}

static void what_only_looks_aggregated_passes_as_it_is(void **state)
{
    (void)state;
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    const struct sluice_checkpoint_at after = {0};
    const struct fetched_rules rules = {&after, KEY_RANGE_ALL, false};
    fill(stored);
    packed[stored[1].data.len - 1] ^= 1;
    struct fetched *b = fetched_copy(stored, 3, 0);
    assert_int_equal(fetched_open(b, &rules, &error), SLUICE_OK);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->records[1].data.len, stored[1].data.len);
    fetched_free(b);
}

static void a_sequence_number_that_is_none_is_refused(void **state)
{
    (void)state;
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    const struct sluice_checkpoint_at after = {0};
    const struct fetched_rules rules = {&after, KEY_RANGE_ALL, false};
    fill(stored);
    stored[2].sequence_number = sluice_text("SHARD_END");
    struct fetched *b = fetched_copy(stored, 3, 0);
    assert_int_equal(fetched_open(b, &rules, &error), SLUICE_PROTOCOL);
    assert_int_equal(b->count, 0);
    fetched_free(b);
}

static void without_memory_a_batch_stays_as_it_was(void **state)
{
    (void)state;
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    const struct sluice_checkpoint_at after = {0};
    const struct fetched_rules rules = {&after, KEY_RANGE_ALL, false};
    fill(stored);
    for (long i = 0; i < 2; i++) {
        failing_begin(i + 1);
        assert_null(fetched_copy(stored, 3, 0));
    }
    (void)failing_end();
    struct fetched *b = fetched_copy(stored, 3, 0);
    long i = 0;
    for (enum sluice_status st = SLUICE_NO_MEMORY; st != SLUICE_OK; i++) {
        failing_begin(i + 1);
        st = fetched_open(b, &rules, &error);
        assert_int_equal(b->count, st == SLUICE_OK ? 5 : 0);
        assert_true(st == SLUICE_OK || st == SLUICE_NO_MEMORY);
    }
    assert_false(failing_end());
    assert_true(i > 2);
    fetched_free(b);
}

/* ---- the same for programs ---- */

static void a_program_has_its_records_taken_apart(void **state)
{
    (void)state;
    struct sluice_kinesis_record stored[3];
    struct sluice_error error;
    sluice_unpacked *u;
    size_t count;
    fill(stored);
    for (long i = 1;; i++) {
        failing_begin(i);
        enum sluice_status st = sluice_unpack(stored, 3, &u, &error);
        if (!failing_end())
            break;
        assert_int_equal(st, SLUICE_NO_MEMORY);
        assert_int_equal(error.status, st);
        assert_null(u);
    }
    const struct sluice_received *r = sluice_unpacked_records(u, &count);
    assert_int_equal(count, 5);
    assert_string_equal(r[2].sequence_number, "101");
    assert_int_equal(r[2].sub_sequence_number, 1);
    assert_memory_equal(r[2].data.at, "two", 3);
    assert_ptr_equal(r[4].data.at, stored[2].data.at);
    assert_int_equal(r[4].arrived_ms, 1002);
    sluice_unpacked_free(u);
    sluice_unpacked_free(NULL);
    assert_int_equal(sluice_unpack(stored, 0, &u, &error), SLUICE_OK);
    (void)sluice_unpacked_records(u, &count);
    assert_int_equal(count, 0);
    sluice_unpacked_free(u);
    stored[1].sequence_number = sluice_text("no number");
    assert_int_equal(sluice_unpack(stored, 3, &u, &error), SLUICE_PROTOCOL);
    assert_null(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aggregated_record_is_taken_apart_in_its_place),
        cmocka_unit_test(what_was_handled_before_is_left_out_to_the_sub_sequence_number),
        cmocka_unit_test(aggregated_records_stay_whole_when_asked),
        cmocka_unit_test(an_aggregated_record_with_a_key_of_another_shard_is_left_out_whole),
        cmocka_unit_test(what_only_looks_aggregated_passes_as_it_is),
        cmocka_unit_test(a_sequence_number_that_is_none_is_refused),
        cmocka_unit_test(without_memory_a_batch_stays_as_it_was),
        cmocka_unit_test(a_program_has_its_records_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
