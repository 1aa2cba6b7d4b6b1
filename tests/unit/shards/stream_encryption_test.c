/* stream_encryption_test.c: epochs made, kept, dropped, bound to their stream, wrapped anew. */
#include "shards/stream_encryption.h"

#include "shards/catalog_encryption_row.h"
#include "support/key_file.h"
#include "unit/base/cmocka_all.h"

#define TWO_KEYS KEY_A " alias/a enabled " BITS_1 "\n" KEY_B " alias/b enabled " BITS_2 "\n"
#define BITS_3   "3333333333333333333333333333333333333333333333333333333333333333"
#define HOUR_MS  UINT64_C(3600000)
#define NOW_MS   UINT64_C(1700000000000)

static const struct encryption_owner owner = {"s", {"111111111111", "eu-west-1"}, 7};

struct subject {
    struct key_file file;
    struct stream_encryption *e;
    uint64_t now_ms;
    struct fault f;
};

static int setup(void **state)
{
    static struct subject s;
    s = (struct subject){.now_ms = NOW_MS};
    key_file_open(&s.file, TWO_KEYS);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct subject *s = *state;
    stream_encryption_unref(s->e);
    key_file_close(&s->file);
    return 0;
}

static enum status change(struct subject *s, bool start, const char *key_id)
{
    struct stream_encryption *next;
    enum status st = start ? stream_encryption_start(s->e, s->file.keys, &owner, bytes_text(key_id),
                                                     s->now_ms, &next, &s->f)
                           : stream_encryption_stop(s->e, s->file.keys, &owner, bytes_text(key_id),
                                                    s->now_ms, &next, &s->f);
    if (st == OK) {
        stream_encryption_unref(s->e);
        s->e = next;
    }
    return st;
}

static enum status key_of(struct subject *s, uint32_t epoch, uint8_t key[AEAD_KEY_BYTES])
{
    return stream_encryption_key(s->e, s->file.keys, &owner, epoch, key, &s->f);
}

static void starts_under_another_key_or_version_make_an_epoch(void **state)
{
    struct subject *s = *state;
    uint8_t keys[5][AEAD_KEY_BYTES], again[AEAD_KEY_BYTES];
    assert_int_equal(stream_encryption_epoch(s->e), 0);
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 1);
    struct stream_encryption *before = s->e;
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_ptr_equal(s->e, before); /* nothing changed */
    assert_int_equal(change(s, true, KEY_A), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 1); /* only its name */
    assert_string_equal(s->e->key_id, KEY_A);
    assert_int_equal(s->e->starts.count, 1);
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 2);
    key_file_set(&s->file, TWO_KEYS KEY_B " alias/b enabled " BITS_3 "\n");
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 3);
    assert_int_equal(change(s, false, "alias/b"), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 0);
    assert_int_equal(change(s, false, "alias/b"), OK); /* nothing to stop */
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(stream_encryption_epoch(s->e), 4);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_int_equal(key_of(s, i, keys[i]), OK);
        for (uint32_t k = 1; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], AEAD_KEY_BYTES);
    }
    assert_int_equal(key_of(s, 5, again), CORRUPT);
    assert_int_equal(key_of(s, 0, again), CORRUPT);
}

static void a_stop_names_the_key_and_does_not_need_it(void **state)
{
    struct subject *s = *state;
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(change(s, false, "alias/b"), INVALID_ARGUMENT);
    assert_int_equal(change(s, false, KEY_B), INVALID_ARGUMENT);
    assert_int_equal(change(s, false, KEY_A), OK); /* the same by its other name */
    assert_int_equal(change(s, true, "alias/a"), OK);
    key_file_set(&s->file, "");
    assert_int_equal(change(s, true, "alias/a"), KEY_NOT_FOUND);
    assert_int_equal(change(s, false, KEY_A), INVALID_ARGUMENT);
    assert_int_equal(change(s, false, "alias/a"), OK);
    uint8_t key[AEAD_KEY_BYTES];
    assert_int_equal(key_of(s, 1, key), KEY_NOT_FOUND);
}

static void a_data_key_is_bound_to_its_stream(void **state)
{
    struct subject *s = *state;
    uint8_t key[AEAD_KEY_BYTES];
    struct fault f;
    assert_int_equal(change(s, true, "alias/a"), OK);
    struct encryption_owner others[] = {
        {"s", {"111111111111", "eu-west-1"}, 8},
        {"s", {"111111111112", "eu-west-1"}, 7},
        {"s", {"111111111111", "eu-west-2"}, 7},
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(stream_encryption_key(s->e, s->file.keys, &others[i], 1, key, &f),
                         KEY_INVALID);
    s->e->keys[0].epoch = 2;
    assert_int_equal(key_of(s, 2, key), KEY_INVALID);
    s->e->keys[0].epoch = 1;
    memcpy(s->e->keys[0].master.id, KEY_B, sizeof(KEY_B));
    assert_int_equal(key_of(s, 1, key), KEY_INVALID);
}

static void changes_are_limited_in_any_24_hours(void **state)
{
    struct subject *s = *state;
    for (int i = 0; i < ENCRYPTION_CHANGES_MAX; i++) {
        assert_int_equal(change(s, true, "alias/a"), OK);
        assert_int_equal(change(s, false, "alias/a"), OK);
        s->now_ms += HOUR_MS / 2;
    }
    assert_int_equal(change(s, true, "alias/a"), LIMIT_EXCEEDED);
    s->now_ms = NOW_MS + 24 * HOUR_MS - 1;
    assert_int_equal(change(s, true, "alias/a"), LIMIT_EXCEEDED);
    s->now_ms++;
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(change(s, false, "alias/a"), OK);
    assert_int_equal(change(s, true, "alias/a"), LIMIT_EXCEEDED); /* the second is not a day old */
}

static void data_keys_go_only_when_no_record_can_be_left(void **state)
{
    struct subject *s = *state;
    uint8_t key[AEAD_KEY_BYTES];
    assert_int_equal(change(s, true, "alias/a"), OK);
    s->now_ms += HOUR_MS;
    assert_int_equal(change(s, true, "alias/b"), OK); /* retires epoch 1 */
    s->now_ms += RETENTION_HOURS_MAX * HOUR_MS;
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(key_of(s, 1, key), OK);
    s->now_ms += 3 * HOUR_MS;
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(key_of(s, 1, key), CORRUPT);
    assert_int_equal(key_of(s, 2, key), OK); /* in use until 3 hours ago */
    assert_int_equal(stream_encryption_epoch(s->e), 4);
}

static void data_keys_are_bounded(void **state)
{
    struct subject *s = *state;
    for (int i = 0; i < STREAM_DATA_KEYS_MAX; i++) {
        assert_int_equal(change(s, true, i % 2 ? "alias/a" : "alias/b"), OK);
        s->now_ms += HOUR_MS;
    }
    assert_int_equal(change(s, true, "alias/b"), LIMIT_EXCEEDED);
    s->now_ms += RETENTION_HOURS_MAX * HOUR_MS;
    assert_int_equal(change(s, true, "alias/b"), OK);
}

static void wrapping_anew_lets_the_old_version_go(void **state)
{
    struct subject *s = *state;
    uint8_t before[2][AEAD_KEY_BYTES], after[AEAD_KEY_BYTES];
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(key_of(s, 1, before[0]), OK);
    assert_int_equal(key_of(s, 2, before[1]), OK);
    struct stream_encryption *next = stream_encryption_rewrap(s->e, s->file.keys, &owner);
    assert_ptr_equal(next, s->e); /* all is current */
    stream_encryption_unref(next);
    key_file_set(&s->file, TWO_KEYS KEY_A " alias/a enabled " BITS_3 "\n");
    next = stream_encryption_rewrap(s->e, s->file.keys, &owner);
    assert_ptr_not_equal(next, s->e);
    stream_encryption_unref(s->e);
    s->e = next;
    key_file_set(&s->file, KEY_A " alias/a enabled " BITS_3 "\n");
    assert_int_equal(key_of(s, 1, after), OK);
    assert_memory_equal(after, before[0], AEAD_KEY_BYTES);
    assert_int_equal(key_of(s, 2, after), KEY_NOT_FOUND);
    assert_int_equal(change(s, true, "alias/a"),
                     OK); /* made anew, though wrapped by this version */
    assert_int_equal(stream_encryption_epoch(s->e), 3);
}

static void a_row_says_all_of_it(void **state)
{
    struct subject *s = *state;
    uint8_t before[AEAD_KEY_BYTES], after[AEAD_KEY_BYTES];
    assert_int_equal(change(s, true, "alias/a"), OK);
    assert_int_equal(change(s, false, "alias/a"), OK);
    assert_int_equal(change(s, true, "alias/b"), OK);
    assert_int_equal(key_of(s, 2, before), OK);
    json_t *row = encryption_row_make(s->e);
    struct stream_encryption *back;
    assert_true(encryption_row_read(row, &back));
    stream_encryption_unref(s->e);
    s->e = back;
    json_t *again = encryption_row_make(s->e);
    assert_true(json_equal(row, again));
    assert_int_equal(key_of(s, 2, after), OK);
    assert_memory_equal(before, after, AEAD_KEY_BYTES);
    json_decref(again);
    static const char *const members[] = {"key_id", "next_epoch", "starts_ms", "stops_ms",
                                          "data_keys"};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        json_t *without = json_copy(row);
        json_object_del(without, members[i]);
        assert_false(encryption_row_read(without, &back));
        json_decref(without);
    }
    json_object_set_new(row, "next_epoch", json_integer(2)); /* one that was used: E1 */
    assert_false(encryption_row_read(row, &back));
    json_decref(row);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(starts_under_another_key_or_version_make_an_epoch),
        TEST(a_stop_names_the_key_and_does_not_need_it),
        TEST(a_data_key_is_bound_to_its_stream),
        TEST(changes_are_limited_in_any_24_hours),
        TEST(data_keys_go_only_when_no_record_can_be_left),
        TEST(data_keys_are_bounded),
        TEST(wrapping_anew_lets_the_old_version_go),
        TEST(a_row_says_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
