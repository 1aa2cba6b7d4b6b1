/* table_test.c: the hash table, against a plain model of it. */
#include "base/random.h"
#include "base/table.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { KEYS = 500 };

struct item {
    char name[32];
    bool in;
};

static struct bytes key_of(const struct item *item)
{
    return bytes_text(item->name);
}

static void fill_names(struct item items[KEYS])
{
    memset(items, 0, KEYS * sizeof(items[0]));
    for (int i = 0; i < KEYS; i++)
        snprintf(items[i].name, sizeof(items[i].name), "%.*s%d", i % 9, "aaaaaaaaa", i);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct table t;
    table_init(&t);
    size_t at = 0;
    void *value;
    assert_null(table_find(&t, BYTES_LITERAL("a")));
    assert_null(table_remove(&t, BYTES_LITERAL("a")));
    assert_false(table_next(&t, &at, &value));
    table_fini(&t);
}

static void what_was_set_is_found_and_what_was_removed_is_not(void **state)
{
    (void)state;
    static struct item items[KEYS];
    fill_names(items);
    struct table t;
    struct random chance;
    table_init(&t);
    random_seed(&chance, 1);
    size_t count = 0;
    for (int step = 0; step < 50000; step++) {
        struct item *item = &items[random_below(&chance, KEYS)];
        if (random_below(&chance, 2) == 0) {
            assert_ptr_equal(table_set(&t, key_of(item), item), item->in ? item : NULL);
            count += !item->in;
            item->in = true;
        } else {
            assert_ptr_equal(table_remove(&t, key_of(item)), item->in ? item : NULL);
            count -= item->in;
            item->in = false;
        }
        assert_int_equal(t.count, count);
        assert_true((t.count + t.dead) * 4 <= t.room * 3);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(table_find(&t, key_of(&items[i])), items[i].in ? &items[i] : NULL);
    assert_true(t.room <= 2048); /* the dead do not make it grow */
    table_fini(&t);
}

static void a_replaced_value_brings_its_own_key(void **state)
{
    (void)state;
    struct table t;
    char old_key[] = "name", new_key[] = "name";
    int old_value, new_value;
    table_init(&t);
    assert_null(table_set(&t, bytes_text(old_key), &old_value));
    assert_ptr_equal(table_set(&t, bytes_text(new_key), &new_value), &old_value);
    memset(old_key, 'x', 4); /* as if it had been freed with its value */
    assert_ptr_equal(table_find(&t, BYTES_LITERAL("name")), &new_value);
    assert_int_equal(t.count, 1);
    table_fini(&t);
}

static void keys_of_any_length_are_told_apart(void **state)
{
    (void)state;
    static uint8_t zeros[40];
    static int values[40];
    struct table t;
    table_init(&t);
    for (size_t len = 0; len < sizeof(zeros); len++)
        assert_null(table_set(&t, bytes_of(zeros, len), &values[len]));
    for (size_t len = 0; len < sizeof(zeros); len++)
        assert_ptr_equal(table_find(&t, bytes_of(zeros, len)), &values[len]);
    table_fini(&t);
}

static void a_walk_meets_each_value_once(void **state)
{
    (void)state;
    static struct item items[KEYS];
    fill_names(items);
    struct table t;
    table_init(&t);
    for (int i = 0; i < KEYS; i++)
        table_set(&t, key_of(&items[i]), &items[i]);
    for (int i = 0; i < KEYS; i += 3)
        table_remove(&t, key_of(&items[i]));
    size_t at = 0, met = 0;
    for (void *value; table_next(&t, &at, &value); met++) {
        struct item *item = value;
        assert_false(item->in);
        item->in = true;
    }
    assert_int_equal(met, t.count);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(items[i].in, i % 3 != 0);
    table_fini(&t);
}

static void two_tables_hash_differently(void **state)
{
    (void)state;
    struct table a, b;
    int value;
    table_init(&a);
    table_init(&b);
    table_set(&a, BYTES_LITERAL("key"), &value);
    table_set(&b, BYTES_LITERAL("key"), &value);
    uint64_t hashes[2] = {0, 0};
    for (size_t i = 0; i < a.room; i++)
        hashes[0] |= a.slots[i].hash;
    for (size_t i = 0; i < b.room; i++)
        hashes[1] |= b.slots[i].hash;
    assert_true(hashes[0] != hashes[1]);
    table_fini(&a);
    table_fini(&b);
}

/* SipHash-1-3 under the key 00 01 .. 0f; the number is what OpenSSL gives (mac SIPHASH, c-rounds 1,
 * d-rounds 3). */
static void the_hash_is_siphash_1_3(void **state)
{
    (void)state;
    struct table t;
    int value;
    table_init(&t);
    for (size_t i = 0; i < 2; i++)
        t.seed[i] = i == 0 ? 0x0706050403020100u : 0x0f0e0d0c0b0a0908u;
    table_set(&t, BYTES_LITERAL("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16"), &value);
    for (size_t i = 0; i < t.room; i++) {
        if (t.slots[i].value != NULL)
            assert_true(t.slots[i].hash == 0xd320d86d2a519956u);
    }
    table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(what_was_set_is_found_and_what_was_removed_is_not),
        cmocka_unit_test(a_replaced_value_brings_its_own_key),
        cmocka_unit_test(keys_of_any_length_are_told_apart),
        cmocka_unit_test(a_walk_meets_each_value_once),
        cmocka_unit_test(two_tables_hash_differently),
        cmocka_unit_test(the_hash_is_siphash_1_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
