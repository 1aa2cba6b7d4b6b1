/* intake_test.c: where puts come in: copies, in order, and never more memory than was agreed. */
#include "consumer-sdk/intake.h"

#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { MOST = 200 * 1024, RESERVE = 25 * 1024 };

static enum status put(struct intake *in, unsigned i, size_t bytes)
{
    static uint8_t data[MOST];
    char key[16];
    memset(data, (int)i, bytes);
    snprintf(key, sizeof(key), "key-%u", i);
    const struct parcel one = {.partition_key = bytes_text(key),
                               .explicit_hash_key = i % 2 ? BYTES_LITERAL("7") : BYTES_NONE,
                               .data = bytes_of(data, bytes)};
    lock_take(&in->mu);
    enum status st = intake_put(in, &one);
    assert_true(in->held <= MOST - RESERVE);
    lock_drop(&in->mu);
    memset(key, 'x', sizeof(key)); /* it was copied, or the test sees it */
    return st;
}

static void free_all(struct intake *in, struct list *parcels)
{
    LIST_EACH(node, keep, parcels)
    {
        list_remove(node);
        parcel_free(parcel_of(node), in);
    }
}

static void take_all(struct intake *in, struct list *out)
{
    lock_take(&in->mu);
    struct chunk *detached = intake_detach(in);
    lock_drop(&in->mu);
    intake_take(detached, out);
}

static size_t held(struct intake *in)
{
    lock_take(&in->mu);
    intake_settle(in);
    size_t now = in->held;
    lock_drop(&in->mu);
    return now;
}

static void what_is_put_is_taken_in_its_order(void **state)
{
    (void)state;
    struct intake in;
    struct list taken;
    unsigned count = 0;
    intake_init(&in, MOST, RESERVE);
    list_init(&taken);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(put(&in, i, i * 13), OK);
    take_all(&in, &taken);
    LIST_EACH(node, keep, &taken)
    {
        char key[16];
        const struct parcel *p = parcel_of(node);
        snprintf(key, sizeof(key), "key-%u", count);
        assert_true(bytes_equal(p->partition_key, bytes_text(key)));
        assert_int_equal(bytes_present(p->explicit_hash_key), count % 2);
        assert_int_equal(p->data.len, count * 13);
        assert_true(!count || p->data.at[count * 13 - 1] == count);
        assert_int_equal(p->order, ++count);
    }
    assert_int_equal(count, 100);
    free_all(&in, &taken);
    assert_int_equal(held(&in), 0);
    intake_fini(&in);
}

static void it_is_full_before_it_holds_too_much(void **state)
{
    (void)state;
    struct intake in;
    struct list taken;
    intake_init(&in, MOST, RESERVE);
    list_init(&taken);
    for (int round = 0; round < 3; round++) {
        unsigned count = 0;
        enum status st;
        while ((st = put(&in, count, 1000)) == OK)
            count++;
        assert_int_equal(st, THROTTLED);
        assert_true(count > 120); /* most of the room is for records */
        size_t bytes = MOST - held(&in) + 1;
        assert_null(intake_take_memory(&in, &bytes));
        bytes = RESERVE;
        void *packed = intake_take_memory(&in, &bytes); /* what puts left */
        assert_non_null(packed);
        assert_int_equal(bytes, RESERVE);
        assert_null(intake_take_memory(&in, &bytes));
        intake_return(&in, packed, bytes);
        take_all(&in, &taken);
        free_all(&in, &taken);
        lock_take(&in.mu);
        in.roomier = false;
        intake_settle(&in);
        assert_true(in.roomier);
        lock_drop(&in.mu);
        assert_int_equal(held(&in), 0);
    }
    intake_fini(&in);
}

static void what_will_never_fit_is_told_from_what_does_not_fit_now(void **state)
{
    (void)state;
    struct intake in;
    intake_init(&in, MOST, RESERVE);
    assert_int_equal(put(&in, 1, MOST - RESERVE), TOO_LARGE);
    assert_int_equal(put(&in, 1, 100 * 1024), OK); /* a chunk of its own */
    assert_int_equal(put(&in, 1, 100 * 1024), THROTTLED);
    assert_int_equal(put(&in, 1, 1000), OK);
    intake_fini(&in); /* what was not taken goes with it */
}

/* What came back last is used first, and what lies there free counts as memory, too. */
static void blocks_are_used_again(void **state)
{
    (void)state;
    enum { BLOCKS = 3, BLOCK = 54 * 1024 };
    struct intake in;
    void *memory[BLOCKS];
    size_t bytes[BLOCKS];
    intake_init(&in, MOST, RESERVE);
    for (unsigned i = 0; i < BLOCKS; i++) {
        bytes[i] = 50 * 1024;
        memory[i] = intake_take_memory(&in, &bytes[i]);
        assert_non_null(memory[i]);
        assert_int_equal(bytes[i], BLOCK);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        intake_return(&in, memory[i], bytes[i]);
    assert_int_equal(held(&in), 0);
    assert_int_equal(in.spare_count, BLOCKS);
    assert_ptr_equal(intake_take_memory(&in, &bytes[0]), memory[BLOCKS - 1]);
    intake_return(&in, memory[BLOCKS - 1], bytes[0]);
    assert_int_equal(held(&in), 0);
    size_t most = MOST - BLOCK; /* leaves room for one of them */
    void *large = intake_take_memory(&in, &most);
    assert_non_null(large);
    assert_int_equal(in.spare_count, 1);
    intake_return(&in, large, most);
    assert_int_equal(held(&in), 0);
    assert_int_equal(put(&in, 1, 100), OK); /* as a chunk */
    assert_int_equal(in.spare_count, 0);
    assert_int_equal(held(&in), BLOCK);
    intake_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_taken_in_its_order),
        cmocka_unit_test(it_is_full_before_it_holds_too_much),
        cmocka_unit_test(what_will_never_fit_is_told_from_what_does_not_fit_now),
        cmocka_unit_test(blocks_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
