/* record_test.c: batches and records as stored bytes. */
#include "shards/record.h"

#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static size_t make(uint8_t *out, uint32_t count)
{
    uint8_t *at = out + BATCH_HEADER_BYTES;
    u128 hash = ((u128)7 << 64) | 9;
    for (uint32_t i = 0; i < count; i++)
        at = record_pack(at, BYTES_LITERAL("key"), bytes_of("0123456789", i), i % 2 ? &hash : NULL);
    struct bytes body = bytes_of(out + BATCH_HEADER_BYTES, (size_t)(at - out) - BATCH_HEADER_BYTES);
    struct batch_header h = {.count = count,
                             .body_len = (uint32_t)body.len,
                             .body_crc = crc32c_extend(0, body),
                             .base_offset = 1000,
                             .base_time_ms = 1700000000123};
    batch_header_write(&h, out);
    return (size_t)(at - out);
}

static void what_is_packed_is_walked(void **state)
{
    uint8_t bytes[1024];
    struct batch_header h;
    struct record_walk w;
    struct record r;
    struct fault f;
    (void)state;
    struct bytes batch = bytes_of(bytes, make(bytes, 5));
    assert_int_equal(batch_header_read(batch, &h, &f), OK);
    assert_int_equal(batch_check(batch, &h, &f), OK);
    assert_int_equal(h.count, 5);
    record_walk_init(&w, batch, &h);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(record_walk_next(&w, &r, &f), OK);
        assert_int_equal(r.offset, 1000 + i);
        assert_int_equal(r.time_ms, 1700000000123);
        assert_true(bytes_equal(r.key, BYTES_LITERAL("key")));
        assert_true(bytes_equal(r.data, bytes_of("0123456789", i)));
        assert_int_equal(r.has_explicit_hash, i % 2);
        assert_true(!r.has_explicit_hash || r.explicit_hash == (((u128)7 << 64) | 9));
    }
    assert_int_equal(record_walk_next(&w, &r, &f), END);
}

/* The walk ends before it; its length must fit, and only a stamped batch has one. */
static void a_stamp_is_behind_the_records(void **state)
{
    uint8_t bytes[1024];
    struct batch_header h;
    struct record_walk w;
    struct record r;
    (void)state;
    size_t len = make(bytes, 5);
    memcpy(bytes + len, "stamp", 5);
    struct bytes body = bytes_of(bytes + BATCH_HEADER_BYTES, len + 5 - BATCH_HEADER_BYTES);
    struct batch_header stamped = {.flags = BATCH_STAMPED,
                                   .stamp_len = 5,
                                   .count = 5,
                                   .body_len = (uint32_t)body.len,
                                   .body_crc = crc32c_extend(0, body)};
    batch_header_write(&stamped, bytes);
    struct bytes batch = bytes_of(bytes, len + 5);
    assert_int_equal(batch_header_read(batch, &h, NULL), OK);
    assert_int_equal(batch_check(batch, &h, NULL), OK);
    assert_true(bytes_equal(batch_stamp(batch, &h), BYTES_LITERAL("stamp")));
    record_walk_init(&w, batch, &h);
    for (int i = 0; i < 5; i++)
        assert_int_equal(record_walk_next(&w, &r, NULL), OK);
    assert_int_equal(record_walk_next(&w, &r, NULL), END);
    const struct batch_header wrong[] = {
        {.flags = BATCH_STAMPED, .stamp_len = 0, .count = 5, .body_len = 10},
        {.flags = BATCH_STAMPED, .stamp_len = 11, .count = 5, .body_len = 10},
        {.flags = 0, .stamp_len = 5, .count = 5, .body_len = 10},
        {.flags = BATCH_STAMPED | BATCH_CONTROL, .stamp_len = 5, .count = 1, .body_len = 10},
        {.flags = BATCH_STAMPED | BATCH_SEALS, .stamp_len = 5, .count = 1, .body_len = 10},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        batch_header_write(&wrong[i], bytes);
        assert_int_equal(batch_header_read(batch, &h, NULL), CORRUPT);
    }
}

static void a_packed_length_is_what_packing_takes(void **state)
{
    uint8_t bytes[256];
    u128 hash = 1;
    (void)state;
    for (size_t key = 0; key < 20; key += 3)
        for (size_t data = 0; data < 50; data += 7) {
            struct bytes k = bytes_of("kkkkkkkkkkkkkkkkkkkk", key), d = bytes_of(bytes + 200, data);
            assert_ptr_equal(record_pack(bytes, k, d, NULL),
                             bytes + record_packed_len(key, data, false));
            assert_ptr_equal(record_pack(bytes, k, d, &hash),
                             bytes + record_packed_len(key, data, true));
        }
}

static void any_flipped_bit_is_seen(void **state)
{
    uint8_t bytes[1024];
    struct batch_header h;
    struct fault f;
    (void)state;
    size_t len = make(bytes, 4);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct bytes batch = bytes_of(bytes, len);
        enum status st = batch_header_read(batch, &h, &f);
        if (st == OK)
            st = batch_check(batch, &h, &f);
        assert_int_equal(st, CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_batch_cut_anywhere_is_seen(void **state)
{
    uint8_t bytes[1024];
    struct batch_header h;
    struct fault f;
    (void)state;
    size_t len = make(bytes, 4);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(batch_header_read(bytes_of(bytes, cut), &h, &f), CORRUPT);
}

/* CRCs that fit, and a body that does not hold what its header says. */
static void a_body_that_lies_about_its_records_is_refused(void **state)
{
    uint8_t bytes[1024];
    struct batch_header h;
    struct record_walk w;
    struct record r;
    struct fault f;
    (void)state;
    size_t len = make(bytes, 4);
    for (int wrong = -2; wrong <= 2; wrong++) {
        assert_int_equal(batch_header_read(bytes_of(bytes, len), &h, &f), OK);
        h.count = (uint32_t)(4 + wrong);
        record_walk_init(&w, bytes_of(bytes, len), &h);
        enum status st;
        while ((st = record_walk_next(&w, &r, &f)) == OK)
            continue;
        assert_int_equal(st, wrong ? CORRUPT : END);
    }
}

/* An encrypted batch names its key, no other does, and a control batch is never encrypted. */
static void flags_and_epoch_must_fit(void **state)
{
    static const struct {
        uint8_t flags;
        uint32_t epoch;
        enum status expected;
    } cases[] = {
        {0, 0, OK},
        {BATCH_ENCRYPTED, 1, OK},
        {BATCH_ENCRYPTED, UINT32_MAX, OK},
        {0, 1, CORRUPT},
        {BATCH_ENCRYPTED, 0, CORRUPT},
        {BATCH_CONTROL | BATCH_ENCRYPTED, 1, CORRUPT},
        {BATCH_CONTROL | BATCH_SEALS | BATCH_ENCRYPTED, 1, CORRUPT},
        {BATCH_CONTROL | BATCH_SEALS, 1, CORRUPT},
        {8, 0, CORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t bytes[BATCH_HEADER_BYTES];
        struct fault f;
        struct batch_header back,
            h = {.flags = cases[i].flags, .count = 1, .key_epoch = cases[i].epoch};
        batch_header_write(&h, bytes);
        assert_int_equal(batch_header_read(bytes_of(bytes, sizeof(bytes)), &back, &f),
                         cases[i].expected);
        if (cases[i].expected == OK) {
            assert_int_equal(back.key_epoch, cases[i].epoch);
            assert_int_equal(back.flags, cases[i].flags);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_walked),
        cmocka_unit_test(a_stamp_is_behind_the_records),
        cmocka_unit_test(a_packed_length_is_what_packing_takes),
        cmocka_unit_test(any_flipped_bit_is_seen),
        cmocka_unit_test(a_batch_cut_anywhere_is_seen),
        cmocka_unit_test(a_body_that_lies_about_its_records_is_refused),
        cmocka_unit_test(flags_and_epoch_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
