/* store_wal_test.c: LevelDB's log told whole from torn from damaged, on logs built here byte by
 * byte. */
#include "shards/store_wal.h"

#include "base/digest.h"
#include "base/must.h"
#include "base/random.h"
#include "shards/bytes_internal.h"
#include "shards/store_frame.h"
#include "shards/store_frame_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fake_log {
    struct buf bytes;
    uint64_t ends[64]; /* of its records */
    unsigned records;
};

static void piece(struct buf *out, uint8_t type, const uint8_t *data, size_t len)
{
    uint8_t head[WAL_HEADER_BYTES];
    uint32_t crc = crc32c_extend(crc32c_extend(0, bytes_of(&type, 1)), bytes_of(data, len));
    put_le32(head, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    put_le16(head + 4, (uint16_t)len);
    head[6] = type;
    buf_append(out, bytes_of(head, sizeof(head)));
    buf_append(out, bytes_of(data, len));
}

/* As LevelDB writes a record: pieces that fill blocks. */
static void add(struct fake_log *l, size_t len)
{
    static uint8_t data[200000];
    size_t at = 0;
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + l->records);
    do {
        size_t left = WAL_BLOCK_BYTES - l->bytes.len % WAL_BLOCK_BYTES;
        if (left < WAL_HEADER_BYTES) {
            buf_append(&l->bytes, bytes_of("\0\0\0\0\0\0", left));
            left = WAL_BLOCK_BYTES;
        }
        size_t room = left - WAL_HEADER_BYTES, take = len - at < room ? len - at : room;
        bool first = at == 0, last = at + take == len;
        piece(&l->bytes, first && last ? 1 : first ? 2 : last ? 4 : 3, data + at, take);
        at += take;
    } while (at < len);
    l->ends[l->records++] = l->bytes.len;
}

static void build(struct fake_log *l)
{
    static const size_t lens[] = {100, 33000, 5, 70000, 12, 400, 32761, 1000, 40000, 60};
    *l = (struct fake_log){0};
    buf_init(&l->bytes, 1 << 20);
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++)
        add(l, lens[i]);
}

struct told {
    unsigned whole, hurt, lost;
};

static void tell(void *arg, enum wal_state state, struct bytes record)
{
    struct told *t = arg;
    (void)record;
    t->whole += state == WAL_WHOLE;
    t->hurt += state == WAL_HURT;
    t->lost += state == WAL_LOST;
}

static struct wal_facts scan(struct bytes bytes, struct told *told)
{
    struct wal_scan s;
    *told = (struct told){0};
    wal_scan_init(&s, tell, told);
    for (size_t at = 0; at <= bytes.len; at += WAL_BLOCK_BYTES) {
        size_t left = bytes.len - at;
        wal_scan_block(&s,
                       bytes_of(bytes.at + at, left < WAL_BLOCK_BYTES ? left : WAL_BLOCK_BYTES));
    }
    wal_scan_end(&s);
    struct wal_facts facts = s.facts;
    wal_scan_fini(&s);
    return facts;
}

static void a_log_without_a_flaw_is_whole(void **state)
{
    struct fake_log l;
    struct told told;
    (void)state;
    build(&l);
    struct wal_facts facts = scan(buf_view(&l.bytes), &told);
    assert_false(facts.flawed);
    assert_int_equal(facts.whole_bytes, l.bytes.len);
    assert_int_equal(facts.records, l.records);
    assert_int_equal(told.whole, l.records);
    buf_fini(&l.bytes);
}

static void a_log_cut_anywhere_is_torn_and_keeps_its_whole_records(void **state)
{
    struct fake_log l;
    struct told told;
    (void)state;
    build(&l);
    for (size_t len = 0; len < l.bytes.len; len += len % 97 == 0 ? 1 : 13) {
        struct wal_facts facts = scan(bytes_of(l.bytes.at, len), &told);
        unsigned whole = 0;
        while (whole < l.records && l.ends[whole] <= len)
            whole++;
        assert_false(wal_is_damaged(&facts));
        assert_int_equal(facts.records, whole);
        assert_int_equal(facts.whole_bytes, whole ? l.ends[whole - 1] : 0);
    }
    buf_fini(&l.bytes);
}

static void a_flaw_in_the_last_record_is_torn_and_in_any_other_damage(void **state)
{
    struct fake_log l;
    struct told told;
    struct random chance;
    uint64_t seed = (uint64_t)getpid();
    (void)state;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&chance, seed);
    build(&l);
    for (int i = 0; i < 3000; i++) {
        size_t at = (size_t)random_below(&chance, l.bytes.len);
        uint8_t bit = (uint8_t)(1u << random_below(&chance, 8));
        l.bytes.at[at] ^= bit;
        struct wal_facts facts = scan(buf_view(&l.bytes), &told);
        bool last = at >= l.ends[l.records - 2];
        if (facts.flawed != true || wal_is_damaged(&facts) != !last)
            fprintf(stderr, "byte %zu, bit %u\n", at, bit);
        assert_true(facts.flawed);
        assert_int_equal(wal_is_damaged(&facts), !last);
        assert_true(told.whole >= l.records - 2 || !last); /* what is whole is told */
        assert_true(told.whole < l.records);
        l.bytes.at[at] ^= bit;
    }
    buf_fini(&l.bytes);
}

static void a_relaxed_log_is_damaged_only_before_two_later_syncs(void **state)
{
    struct fake_log l = {0};
    struct told told;
    (void)state;
    buf_init(&l.bytes, 1 << 20);
    add(&l, WAL_BATCH_HEAD_BYTES);
    add(&l, 500);
    add(&l, 500);
    l.bytes.at[l.ends[0] + 100] ^= 1;
    struct wal_facts facts = scan(buf_view(&l.bytes), &told);
    assert_true(facts.relaxed && facts.flawed);
    assert_false(wal_is_damaged(&facts)); /* was not synced yet */
    add(&l, WAL_BATCH_HEAD_BYTES);
    facts = scan(buf_view(&l.bytes), &told);
    assert_false(wal_is_damaged(&facts)); /* that sync may not have ended */
    add(&l, WAL_BATCH_HEAD_BYTES);
    facts = scan(buf_view(&l.bytes), &told);
    assert_true(wal_is_damaged(&facts));
    buf_fini(&l.bytes);
}

struct entries {
    unsigned puts, deletes;
    struct bytes key, value;
};

static void entry(void *arg, const struct wal_entry *e)
{
    struct entries *all = arg;
    all->puts += !e->deleted;
    all->deletes += e->deleted;
    all->key = e->key;
    all->value = e->value;
}

static void a_batch_is_walked_to_its_last_byte_or_not_at_all(void **state)
{
    static const uint8_t batch[] = {1, 0, 0,   0,   0, 0, 0,   0, 2,   0,   0,  0,
                                    0, 2, 'a', 'b', 1, 1, 'k', 3, 'x', 'y', 'z'};
    struct entries all = {0};
    (void)state;
    assert_true(wal_batch_walk(bytes_of(batch, sizeof(batch)), entry, &all));
    assert_int_equal(all.puts, 1);
    assert_int_equal(all.deletes, 1);
    assert_true(bytes_equal(all.key, BYTES_LITERAL("k")));
    assert_true(bytes_equal(all.value, BYTES_LITERAL("xyz")));
    for (size_t len = 0; len < sizeof(batch); len++)
        assert_false(wal_batch_walk(bytes_of(batch, len), entry, &all));
}

static enum status open_as_frames(const char *path)
{
    struct frame_reader *r;
    struct fault f;
    enum status st = frame_reader_open(path, &r, &f);
    if (st == OK)
        frame_reader_close(r);
    return st;
}

static void a_log_of_leveldbs_own_is_no_file_of_frames(void **state)
{
    (void)state;
    /* a record of no bytes, and behind it what looks like a block of frames */
    static const uint8_t record[] = {0x05, 0x2b, 0x28, 0x43, 0, 0, 1};
    uint8_t file[2 * FRAME_BLOCK_BYTES] = {0};
    char path[] = "/tmp/sluice-wal-XXXXXX";
    int fd = mkstemp(path);
    must(fd >= 0);
    assert_int_equal(open_as_frames(path), END); /* nor is an empty one */
    memcpy(file, record, sizeof(record));
    assert_true(wal_begins_sound(bytes_of(file, sizeof(file))));
    for (unsigned head = 0; head < 2; head++) { /* a head's, even: anybody's record may hold it */
        struct frame_block b = {.generation = 1, .block = 1, .head = head};
        frame_block_seal(file + FRAME_BLOCK_BYTES, &b);
        must(pwrite(fd, file, sizeof(file), 0) == (ssize_t)sizeof(file));
        assert_int_equal(open_as_frames(path), END);
    }
    must(close(fd) == 0 && unlink(path) == 0);
    assert_int_equal(open_as_frames(path), NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_without_a_flaw_is_whole),
        cmocka_unit_test(a_log_cut_anywhere_is_torn_and_keeps_its_whole_records),
        cmocka_unit_test(a_flaw_in_the_last_record_is_torn_and_in_any_other_damage),
        cmocka_unit_test(a_relaxed_log_is_damaged_only_before_two_later_syncs),
        cmocka_unit_test(a_log_of_leveldbs_own_is_no_file_of_frames),
        cmocka_unit_test(a_batch_is_walked_to_its_last_byte_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
