/* log_reuse_test.c: write-ahead logs in files that were used before: a kill never brings back what an
 * earlier segment wrote, spares stay few, and a folder from before there were frames opens. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/store_frame.h"
#include "shards/store_frame_file.h"
#include "shards/store_spares.h"
#include "shards/store_wal.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned appended; /* to log 1; each says its number */

static void append_some(struct log_fixture *x, unsigned count)
{
    struct log *l = driver_open(x->engine, 1, 0);
    for (unsigned i = 0; i < count; i++) {
        char text[3000];
        memset(text, ' ', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        int len = snprintf(text, 32, "r-%u", appended);
        text[len] = ' ';
        must(driver_append(x->engine, l, text, NULL) == OK);
        appended++;
    }
}

static void read_text(void *arg, uint64_t offset, const char *text)
{
    unsigned *seen = arg;
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "r-%u", *seen);
    assert_int_equal(offset, *seen);
    assert_string_equal(text, wanted);
    (*seen)++;
}

/* Exactly what was acknowledged, in order. */
static void assert_all(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    uint64_t next = 0;
    unsigned seen = 0;
    struct fault f = {0};
    enum status st;
    while ((st = driver_read(l, next, &next, read_text, &seen, &f)) == OK)
        continue;
    assert_int_equal(st, END);
    assert_int_equal(seen, appended);
}

struct survey {
    struct frame_scan scan;
    bool stale; /* behind what is the log's own there are blocks of an earlier one */
};

static void note_stale(void *arg, uint32_t at, const uint8_t *block)
{
    struct survey *s = arg;
    struct frame_block b;
    if (at >= s->scan.blocks && frame_block_parse(block, &b) && b.generation != s->scan.generation)
        s->stale = true;
}

/* Whether the largest log stands in a file that was used before. */
static bool is_over_stale_frames(struct log_fixture *x)
{
    struct survey s = {0};
    char path[512];
    off_t len;
    struct fault f;
    must(log_fixture_file(x, ".log", path, &len));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0);
    assert_int_equal(frame_survey(fd, path, &s.scan, &f), OK);
    assert_true(s.scan.framed && !frame_scan_damaged(&s.scan));
    assert_int_equal(frame_each_block(fd, path, UINT32_MAX, note_stale, &s, &f), OK);
    close(fd);
    return s.stale;
}

enum { PER_SEGMENT = 12, STALE_ROUNDS = 6 };

static void cross_segments(struct log_fixture *x)
{
    /* several segments, and a part of one: how much of it changes from round to round */
    append_some(x, 4 * PER_SEGMENT + appended % PER_SEGMENT + 1);
}

static void a_kill_over_stale_frames_brings_nothing_back(void **state)
{
    struct log_fixture *x = *state;
    unsigned stale = 0;
    appended = 0;
    log_fixture_close(x);
    x->settings.segment_bytes = PER_SEGMENT * 3064;
    log_fixture_open(x);
    /* Files wait to be used again when a seal was quick enough: how often, the machine decides. */
    for (unsigned round = 0; round < 100 && stale < STALE_ROUNDS; round++) {
        log_fixture_crash(x, cross_segments);
        stale += is_over_stale_frames(x);
        log_fixture_open(x);
        assert_all(x);
    }
    assert_int_equal(stale, STALE_ROUNDS); /* the files were used before, or this shows nothing */
}

static uint64_t spare_count(const struct log_fixture *x, uint64_t *bytes)
{
    char folder[128];
    uint64_t count = 0;
    snprintf(folder, sizeof(folder), "%s/spares", x->folder);
    DIR *d = opendir(folder);
    must(d);
    *bytes = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[400];
        struct stat facts;
        snprintf(path, sizeof(path), "%s/%.200s", folder, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &facts) != 0)
            continue;
        assert_int_equal(facts.st_mode & 0777, 0600);
        *bytes += (uint64_t)facts.st_size;
        count++;
    }
    closedir(d);
    return count;
}

static void spares_are_bounded_and_do_not_outlive_the_engine(void **state)
{
    struct log_fixture *x = *state;
    uint64_t bytes;
    appended = 0;
    log_fixture_close(x);
    x->settings.segment_bytes = PER_SEGMENT * 3064;
    log_fixture_open(x);
    for (unsigned round = 0; round < 10; round++) {
        append_some(x, 3 * PER_SEGMENT);
        assert_true(spare_count(x, &bytes) <= STORE_SPARES_MAX + 1); /* one may be on its way */
        assert_true(bytes < 5 * 4 * x->settings.segment_bytes);
    }
    log_fixture_close(x);
    assert_int_equal(spare_count(x, &bytes), 0);
    log_fixture_open(x);
    assert_all(x);
}

enum { SMALL_COMMITS = 700, LOG_BYTES_MAX = 1 << 20 }; /* 700 blocks are more than that */
enum { BLOCKS_BESIDES = 10 + 16 };                     /* the commit that filled it; zeros */

static void many_small_commits(struct log_fixture *x)
{
    struct log *l = driver_open(x->engine, 1, 0);
    for (unsigned i = 0; i < SMALL_COMMITS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "r-%u", i);
        must(driver_append(x->engine, l, text, NULL) == OK);
    }
}

/* A commit takes a block of the log, however small it is. */
static void small_commits_do_not_make_a_log_grow_without_end(void **state)
{
    struct log_fixture *x = *state;
    char path[512];
    off_t len;
    log_fixture_crash(x, many_small_commits);
    must(log_fixture_file(x, ".log", path, &len));
    assert_in_range(len, 10 * FRAME_BLOCK_BYTES,
                    LOG_BYTES_MAX + BLOCKS_BESIDES * FRAME_BLOCK_BYTES);
    log_fixture_open(x);
    assert_log_is(driver_open(x->engine, 1, 0), "r", SMALL_COMMITS);
}

/* ---- before there were frames ---- */

static void some_rounds(struct log_fixture *x)
{
    appended = 0;
    append_some(x, 40);
}

static void put_entry(void *arg, const struct wal_entry *e)
{
    leveldb_writebatch_put(arg, (const char *)e->key.at, e->key.len, (const char *)e->value.at,
                           e->value.len);
}

struct unframing {
    leveldb_t *db;
    leveldb_writeoptions_t *write;
};

static void put_record(void *arg, enum wal_state state, struct bytes record)
{
    struct unframing *u = arg;
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    char *error = NULL;
    assert_int_equal(state, WAL_WHOLE);
    assert_true(wal_batch_walk(record, put_entry, b));
    if (record.len > WAL_BATCH_HEAD_BYTES) /* not the empty one, that makes the file */
        leveldb_write(u->db, u->write, b, &error);
    assert_null(error);
    leveldb_writebatch_destroy(b);
}

/* The same commits, written by LevelDB itself as before there were frames. */
static void unframe(struct log_fixture *x, const char *path)
{
    struct wal_facts facts;
    struct fault f;
    char raw[128], command[800], *error = NULL;
    leveldb_options_t *o = leveldb_options_create();
    struct unframing u = {NULL, leveldb_writeoptions_create()};
    snprintf(raw, sizeof(raw), "%s/raw", x->folder);
    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_write_buffer_size(o, 64 << 20);
    u.db = leveldb_open(o, raw, &error);
    assert_null(error);
    assert_int_equal(wal_read(path, put_record, &u, &facts, &f), OK);
    assert_true(facts.framed);
    leveldb_close(u.db);
    leveldb_writeoptions_destroy(u.write);
    leveldb_options_destroy(o);
    snprintf(command, sizeof(command), "mv %s/000003.log %s && rm -r %s", raw, path, raw);
    must(system(command) == 0);
    assert_int_equal(wal_read(path, NULL, NULL, &facts, &f), OK);
    assert_false(facts.framed || facts.flawed);
}

static void a_folder_from_before_frames_opens(void **state)
{
    struct log_fixture *x;
    for (int manner = 0; manner < 3; manner++) { /* whole, torn, damaged */
        char path[512];
        off_t len;
        uint64_t next = 0;
        unsigned seen = 0;
        struct fault f = {0};
        enum status st;
        log_fixture_teardown(state);
        log_fixture_setup(state);
        x = *state;
        log_fixture_crash(x, some_rounds);
        must(log_fixture_file(x, ".log", path, &len));
        unframe(x, path);
        must(log_fixture_file(x, ".log", path, &len));
        if (manner == 1)
            must(truncate(path, len - 100) == 0);
        if (manner == 2)
            log_fixture_flip(path, len / 2);
        log_fixture_open(x);
        struct log *l = driver_open(x->engine, 1, 0);
        while ((st = driver_read(l, next, &next, read_text, &seen, &f)) == OK)
            continue;
        assert_int_equal(st, manner == 2 ? CORRUPT : END);
        assert_true(manner == 2 ? seen < 30 && seen > 10 : seen == 40u - (unsigned)manner);
        appended = seen;
        if (manner == 2)
            continue;
        append_some(x, 5);
        log_fixture_reopen(x);
        assert_all(x);
    }
}

/* ---- durability = relaxed ---- */

static void a_kill_with_relaxed_durability_loses_nothing(void **state)
{
    struct log_fixture *x = *state;
    appended = 0;
    log_fixture_close(x);
    x->settings.segment_bytes = PER_SEGMENT * 3064;
    x->settings.relaxed = true;
    x->settings.relaxed_ms = 1000000; /* nothing is synced by itself */
    log_fixture_open(x);
    for (unsigned round = 0; round < 6; round++) {
        log_fixture_crash(x, cross_segments);
        log_fixture_open(x);
        assert_all(x);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_setup, log_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_kill_over_stale_frames_brings_nothing_back),
        TEST(spares_are_bounded_and_do_not_outlive_the_engine),
        TEST(small_commits_do_not_make_a_log_grow_without_end),
        TEST(a_folder_from_before_frames_opens),
        TEST(a_kill_with_relaxed_durability_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
