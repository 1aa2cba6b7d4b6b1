/* catalog_store_reshape_test.c: the member "reshape" of a stream's row: there and back, old rows, bad rows. */
#include "shards/catalog_store_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static bool reads(const char *text, struct stream_reshape *out)
{
    json_t *object = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(object);
    bool fine = stream_reshape_read(object, out);
    json_decref(object);
    return fine;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct stream_reshape before = {.target_shards = 7,
                                    .shard_metrics = 1 << SHARD_METRIC_ITERATOR_AGE,
                                    .recounts_ms = {1700000000002, 1700000000001},
                                    .switches_ms = {1700000000000}},
                          after;
    json_t *object = stream_reshape_json(&before);
    assert_true(stream_reshape_read(object, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    json_decref(object);
}

static void a_row_without_one_says_that_nothing_happened(void **state)
{
    (void)state;
    struct stream_reshape none = {0}, out = {.target_shards = 5};
    assert_true(stream_reshape_read(NULL, &out));
    assert_memory_equal(&none, &out, sizeof(out));
}

static void lists_of_another_length_are_taken(void **state)
{
    (void)state;
    struct stream_reshape out;
    assert_true(reads("{\"target_shards\":0,\"shard_metrics\":0,\"recounts_ms\":[5],"
                      "\"switches_ms\":[9,8,7,6]}",
                      &out));
    assert_int_equal(out.recounts_ms[0], 5);
    assert_int_equal(out.recounts_ms[1], 0);
    assert_int_equal(out.switches_ms[MODE_SWITCHES_MAX - 1], 8);
}

static void what_cannot_be_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "7",
        "{}",
        "{\"target_shards\":-1,\"shard_metrics\":0,\"recounts_ms\":[],\"switches_ms\":[]}",
        "{\"target_shards\":20001,\"shard_metrics\":0,\"recounts_ms\":[],\"switches_ms\":[]}",
        "{\"target_shards\":0,\"shard_metrics\":128,\"recounts_ms\":[],\"switches_ms\":[]}",
        "{\"target_shards\":0,\"shard_metrics\":0,\"recounts_ms\":[-5],\"switches_ms\":[]}",
        "{\"target_shards\":0,\"shard_metrics\":0,\"recounts_ms\":[],\"switches_ms\":[\"a\"]}",
        "{\"target_shards\":0,\"shard_metrics\":0,\"recounts_ms\":{},\"switches_ms\":[]}",
    };
    struct stream_reshape out;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(reads(bad[i], &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_row_without_one_says_that_nothing_happened),
        cmocka_unit_test(lists_of_another_length_are_taken),
        cmocka_unit_test(what_cannot_be_understood_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
