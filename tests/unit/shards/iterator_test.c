/* iterator_test.c: what is sealed opens, and nothing else does. */
#include "shards/iterator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const uint8_t key[ITERATOR_KEY_BYTES] = "0123456789abcdef0123456789abcde";

static struct iterator sample(void)
{
    struct iterator it = {.kind = ITERATOR_SHARD,
                          .shard = 7,
                          .made_ms = 123456,
                          .stream = 42,
                          .offset = 1ull << 40,
                          .extra = {3, 4}};
    memset(it.name, 'n', STREAM_NAME_BYTES_MAX);
    return it;
}

static void a_sealed_position_opens_to_what_it_was(void **state)
{
    (void)state;
    struct iterator it = sample(), back;
    uint8_t sealed[ITERATOR_BYTES];
    iterator_seal(&it, key, sealed);
    assert_int_equal(iterator_open(bytes_of(sealed, sizeof(sealed)), ITERATOR_SHARD, key, &back),
                     OK);
    assert_int_equal(back.shard, it.shard);
    assert_int_equal(back.made_ms, it.made_ms);
    assert_int_equal(back.stream, it.stream);
    assert_int_equal(back.offset, it.offset);
    assert_int_equal(back.extra[0], 3);
    assert_int_equal(back.extra[1], 4);
    assert_string_equal(back.name, it.name);
}

static void two_seals_of_one_position_differ(void **state)
{
    (void)state;
    struct iterator it = sample();
    uint8_t a[ITERATOR_BYTES], b[ITERATOR_BYTES];
    iterator_seal(&it, key, a);
    iterator_seal(&it, key, b);
    assert_memory_not_equal(a, b, ITERATOR_BYTES);
}

static void any_changed_byte_is_refused(void **state)
{
    (void)state;
    struct iterator it = sample(), back;
    uint8_t sealed[ITERATOR_BYTES];
    iterator_seal(&it, key, sealed);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_int_equal(
            iterator_open(bytes_of(sealed, sizeof(sealed)), ITERATOR_SHARD, key, &back),
            INVALID_ARGUMENT);
        sealed[i] ^= 1;
    }
    for (size_t len = 0; len < sizeof(sealed); len++)
        assert_int_equal(iterator_open(bytes_of(sealed, len), ITERATOR_SHARD, key, &back),
                         INVALID_ARGUMENT);
}

static void another_key_or_another_kind_is_refused(void **state)
{
    (void)state;
    struct iterator it = sample(), back;
    uint8_t sealed[ITERATOR_BYTES], other[ITERATOR_KEY_BYTES];
    memcpy(other, key, sizeof(other));
    other[0] ^= 1;
    iterator_seal(&it, key, sealed);
    assert_int_equal(iterator_open(bytes_of(sealed, sizeof(sealed)), ITERATOR_SHARD, other, &back),
                     INVALID_ARGUMENT);
    assert_int_equal(
        iterator_open(bytes_of(sealed, sizeof(sealed)), ITERATOR_LIST_SHARDS, key, &back),
        INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_position_opens_to_what_it_was),
        cmocka_unit_test(two_seals_of_one_position_differ),
        cmocka_unit_test(any_changed_byte_is_refused),
        cmocka_unit_test(another_key_or_another_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
