/* aggregate_test.c: aggregated records: byte for byte what AWS's own library writes; read back; refused when damaged anywhere. */
#include "wire/aggregate.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

/* What aws-kinesis-agg 1.2.3 (PyPI, on Google's protobuf) makes of the records below. */
static const char golden_hex[] =
    "f3899ac20a06757365722d310a06757365722d320a06757365722d330a05c3a9e4b8ad12273334303238"
    "323336363932303933383436333436333337343630373433313736383231313435351201301a0708001a"
    "036f6e651a09080110001a0374776f1a0908001a0574687265651a06080210011a001a8901080010011a"
    "820178787878787878787878787878787878787878787878787878787878787878787878787878787878"
    "787878787878787878787878787878787878787878787878787878787878787878787878787878787878"
    "787878787878787878787878787878787878787878787878787878787878787878787878787878787878"
    "7878787878781a0908031a05000102030487cb876806883acd5c90c71e35bcfecf";
static uint8_t xs[130];

static struct aggregate_record golden(unsigned i)
{
    memset(xs, 'x', sizeof(xs));
    const struct aggregate_record records[] = {
        {BYTES_LITERAL("user-1"), BYTES_NONE, BYTES_LITERAL("one")},
        {BYTES_LITERAL("user-2"), BYTES_LITERAL("340282366920938463463374607431768211455"),
         BYTES_LITERAL("two")},
        {BYTES_LITERAL("user-1"), BYTES_NONE, BYTES_LITERAL("three")},
        {BYTES_LITERAL("user-3"), BYTES_LITERAL("0"), BYTES_LITERAL("")},
        {BYTES_LITERAL("user-1"), BYTES_LITERAL("0"), bytes_of(xs, sizeof(xs))},
        {BYTES_LITERAL("\xc3\xa9\xe4\xb8\xad"), BYTES_NONE, BYTES_LITERAL("\0\1\2\3\4")},
    };
    return records[i];
}
enum { GOLDEN = 6, BIG = 1 << 20 };

static struct bytes whole(const struct aggregate_writer *w)
{
    size_t len = aggregate_bytes(w);
    uint8_t *at = mem_must(len);
    aggregate_write(w, at);
    aggregate_seal(&at, &len, 1);
    return bytes_of(at, len);
}

static struct bytes golden_whole(void)
{
    struct aggregate_writer w;
    aggregate_writer_init(&w);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct aggregate_record r = golden(i);
        assert_int_equal(aggregate_add(&w, &r, BIG), OK);
    }
    struct bytes made = whole(&w);
    aggregate_writer_fini(&w);
    return made;
}

static void what_is_written_is_what_aws_writes(void **state)
{
    (void)state;
    struct bytes made = golden_whole();
    uint8_t expected[sizeof(golden_hex) / 2];
    assert_int_equal(made.len, sizeof(expected));
    assert_true(hex_parse(bytes_text(golden_hex), expected, sizeof(expected)));
    assert_memory_equal(made.at, expected, made.len);
    mem_free((void *)made.at);
}

static void assert_same(struct bytes a, struct bytes b)
{
    assert_int_equal(bytes_present(a), bytes_present(b));
    assert_true(bytes_equal(a, b));
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct bytes made = golden_whole();
    struct arena a;
    struct aggregate_record *records;
    uint32_t count;
    arena_init(&a, MIB(1));
    assert_int_equal(aggregate_read(made, GOLDEN, &a, &records, &count), OK);
    assert_int_equal(count, GOLDEN);
    for (unsigned i = 0; i < GOLDEN; i++) {
        struct aggregate_record r = golden(i);
        assert_same(records[i].partition_key, r.partition_key);
        assert_same(records[i].explicit_hash_key, r.explicit_hash_key);
        assert_same(records[i].data, r.data);
    }
    assert_int_equal(aggregate_read(made, GOLDEN - 1, &a, &records, &count), TOO_LARGE);
    arena_fini(&a);
    mem_free((void *)made.at);
}

static void one_changed_or_missing_byte_makes_it_somebody_elses_data(void **state)
{
    (void)state;
    struct bytes made = golden_whole();
    struct bytes message;
    for (size_t i = 0; i < made.len; i++) {
        ((uint8_t *)made.at)[i] ^= 0x10;
        assert_int_equal(aggregate_open(made, &message), MALFORMED);
        ((uint8_t *)made.at)[i] ^= 0x10;
        assert_int_equal(aggregate_open(bytes_of(made.at, i), &message), MALFORMED);
    }
    assert_int_equal(aggregate_open(made, &message), OK);
    mem_free((void *)made.at);
}

/* Magic and digest around a message that was written by hand. */
static enum status read_message(const char *message, size_t len, uint32_t *count)
{
    uint8_t at[256] = "\xF3\x89\x9A\xC2";
    memcpy(at + AGGREGATE_MAGIC_BYTES, message, len);
    digest_md5(bytes_of(message, len), at + AGGREGATE_MAGIC_BYTES + len);
    struct arena a;
    struct aggregate_record *records;
    arena_init(&a, MIB(1));
    enum status st =
        aggregate_read(bytes_of(at, AGGREGATE_FRAME_BYTES + len), 100, &a, &records, count);
    arena_fini(&a);
    return st;
}

static void a_message_that_breaks_the_format_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        enum status status;
        uint32_t count;
    } cases[] = {
#define MESSAGE(text, status, count) {text, sizeof(text) - 1, status, count}
        MESSAGE("", OK, 0), MESSAGE("\x0a\x01k\x1a\x05\x08\x00\x1a\x01v", OK, 1),
        /* tags, and fields that nobody knows, are passed over */
        MESSAGE("\x0a\x01k\x1a\x0a\x08\x00\x1a\x01v\x22\x03\x0a\x01t\x2a\x01z\x31"
                "12345678\x3d"
                "1234\x40\x01",
                OK, 1),
        MESSAGE("\x1a\x05\x08\x00\x1a\x01v\x0a\x01k", OK, 1),                /* any order */
        MESSAGE("\x0a\x01k\x1a\x03\x1a\x01v", MALFORMED, 0),                 /* no key */
        MESSAGE("\x0a\x01k\x1a\x02\x08\x00", MALFORMED, 0),                  /* no data */
        MESSAGE("\x0a\x01k\x1a\x05\x08\x01\x1a\x01v", MALFORMED, 0),         /* key 1 of 1 */
        MESSAGE("\x0a\x01k\x1a\x07\x08\x00\x10\x00\x1a\x01v", MALFORMED, 0), /* hash key 0 of 0 */
        MESSAGE("\x0a\x02k", MALFORMED, 0),                                  /* beyond its end */
        MESSAGE("\x0b", MALFORMED, 0), /* a kind that is not */
        MESSAGE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", MALFORMED, 0), /* endless number */
#undef MESSAGE
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t count = 0;
        assert_int_equal(read_message(cases[i].text, cases[i].len, &count), cases[i].status);
        assert_int_equal(count, cases[i].count);
    }
}

/* Until it is full: as many keys as there is room for, and repeated ones. */
static void fill(struct aggregate_writer *w, struct random *r, size_t bytes_max, unsigned keys)
{
    static char texts[20000][16];
    static const uint8_t data[300] = {1};
    aggregate_writer_clear(w);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned k = (unsigned)random_below(r, keys);
        snprintf(texts[n], sizeof(texts[n]), "k%u", k);
        struct aggregate_record record = {
            .partition_key = bytes_text(texts[n]),
            .explicit_hash_key = k % 3 ? BYTES_NONE : bytes_text(texts[n] + 1),
            .data = bytes_of(data, random_below(r, sizeof(data))),
        };
        size_t before = aggregate_bytes(w);
        enum status st = aggregate_add(w, &record, bytes_max);
        if (st != OK) {
            assert_int_equal(st, TOO_LARGE);
            assert_int_equal(aggregate_bytes(w), before);
            return;
        }
        assert_true(aggregate_bytes(w) <= bytes_max);
    }
}

static void it_never_grows_over_its_limit_and_its_size_is_exact(void **state)
{
    (void)state;
    struct aggregate_writer w = {0};
    struct random r;
    random_seed(&r, 7);
    for (unsigned round = 0; round < 60; round++) {
        fill(&w, &r, 100 + random_below(&r, 60000), round % 2 ? 5 : 5000);
        struct bytes made = whole(&w); /* a block of exactly its size: the sanitizer counts */
        struct arena a;
        struct aggregate_record *records;
        uint32_t count;
        arena_init(&a, MIB(8));
        assert_int_equal(aggregate_read(made, UINT32_MAX, &a, &records, &count), OK);
        assert_int_equal(count, w.count);
        for (uint32_t i = 0; i < count; i++)
            assert_true(bytes_equal(records[i].data, w.records[i].data));
        for (uint32_t i = 1; i < w.keys.count; i++) /* each key once */
            assert_false(bytes_equal(w.keys.at[i], w.keys.at[i - 1]));
        arena_fini(&a);
        mem_free((void *)made.at);
    }
    aggregate_writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_aws_writes),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(one_changed_or_missing_byte_makes_it_somebody_elses_data),
        cmocka_unit_test(a_message_that_breaks_the_format_is_malformed),
        cmocka_unit_test(it_never_grows_over_its_limit_and_its_size_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
