/* link: -Wl,--wrap=pwrite */
/* store_frame_test.c: files of frames: written by the writer, and read when they are cut, flipped,
 * mixed with what an earlier use of the file left behind, or not frames at all. */
#include "shards/store_frame.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "shards/store_frame_file.h"
#include "shards/store_spares.h"
#include "shards/store_wal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the disk does with the next writes. */
static struct {
    bool no_direct; /* refuses O_DIRECT at the write, as some file systems do */
    bool piecemeal; /* takes 512 bytes at a time */
    bool whole;     /* refuses what does not fit instead of taking a part */
    int error;      /* refuses all with this */
    off_t end;      /* what lies behind does not fit; 0: anything fits */
    unsigned refused;
} disk;

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    int flags = fcntl(fd, F_GETFL);
    int error = disk.error ? disk.error : disk.no_direct && (flags & O_DIRECT) ? EINVAL : 0;
    size_t room = !disk.end ? len : at < disk.end ? (size_t)(disk.end - at) : 0;
    if (!error && room < len && (disk.whole || room == 0))
        error = ENOSPC;
    if (error) {
        disk.refused++;
        errno = error;
        return -1;
    }
    len = room < len ? room : len;
    return __real_pwrite(fd, bytes, disk.piecemeal && len > 512 ? 512 : len, at);
}

enum { FRAMES_MAX = 16, LOG_BYTES_MAX = 4 << 20 };

/* A log in a file, and what was put into it. */
struct fixture {
    char folder[64], path[128];
    struct store_spares *spares;
    struct buf log;              /* all that was appended */
    uint64_t ends[FRAMES_MAX];   /* of frames, in it */
    uint32_t blocks[FRAMES_MAX]; /* of the file, up to there */
    unsigned frames;
    uint8_t seed;
};

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    char spares[128];
    struct fault f;
    snprintf(x->folder, sizeof(x->folder), "/tmp/sluice-frame-XXXXXX");
    must(mkdtemp(x->folder));
    snprintf(x->path, sizeof(x->path), "%s/000003.log", x->folder);
    snprintf(spares, sizeof(spares), "%s/spares", x->folder);
    assert_int_equal(store_spares_open(spares, &x->spares, &f), OK);
    buf_init(&x->log, LOG_BYTES_MAX);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    memset(&disk, 0, sizeof(disk));
    struct fixture *x = *state;
    char command[128];
    store_spares_close(x->spares);
    snprintf(command, sizeof(command), "rm -rf %s", x->folder);
    must(system(command) == 0);
    buf_fini(&x->log);
    mem_free(x);
    return 0;
}

static struct frame_writer *open_log(struct fixture *x, bool at_flush)
{
    struct frame_writer *w;
    struct fault f;
    assert_int_equal(frame_writer_open(x->path, x->spares, at_flush, &w, &f), OK);
    return w;
}

static void append(struct fixture *x, struct frame_writer *w, size_t len)
{
    struct fault f;
    uint8_t *data = mem_must(len + 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + x->log.len + x->seed);
    assert_int_equal(frame_writer_append(w, (const char *)data, len, &f), OK);
    buf_append(&x->log, bytes_of(data, len));
    mem_free(data);
}

static void end(struct fixture *x)
{
    uint64_t begin = x->frames ? x->ends[x->frames - 1] : 0, len = x->log.len - begin;
    uint32_t before = x->frames ? x->blocks[x->frames - 1] : FRAME_HEADS;
    x->ends[x->frames] = x->log.len;
    x->blocks[x->frames++] = before + (uint32_t)((len + FRAME_ROOM - 1) / FRAME_ROOM);
}

/* A log of frames of these lengths, in the file `x->path`; over a spare, if there is one. */
static void write_log(struct fixture *x, const size_t *lens, unsigned count)
{
    struct frame_writer *w;
    struct fault f;
    buf_clear(&x->log);
    x->frames = 0;
    x->seed++;
    w = open_log(x, false);
    for (unsigned i = 0; i < count; i++) {
        append(x, w, lens[i] / 3);
        append(x, w, lens[i] - lens[i] / 3);
        assert_int_equal(frame_writer_flush(w, &f), OK);
        assert_int_equal(frame_writer_sync(w, &f), OK);
        end(x);
    }
    assert_int_equal(frame_writer_close(w, &f), OK);
}

static const size_t few[] = {100, 5000, FRAME_ROOM, 1, 20000, 2 * FRAME_ROOM, 300};
enum { FEW = sizeof(few) / sizeof(*few) };

static uint8_t *read_file(const char *path, size_t *len)
{
    struct stat facts;
    FILE *file = fopen(path, "rb");
    must(file && stat(path, &facts) == 0);
    uint8_t *all = mem_must((size_t)facts.st_size + 1);
    *len = fread(all, 1, (size_t)facts.st_size, file);
    fclose(file);
    return all;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    must(file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

/* As LevelDB reads it: what comes, or the status that opening it answered. */
static enum status read_log(const char *path, struct buf *out, size_t at_once)
{
    struct frame_reader *r;
    struct fault f;
    size_t got = at_once;
    char *piece = mem_must(at_once);
    enum status st = frame_reader_open(path, &r, &f);
    buf_clear(out);
    while (st == OK && got == at_once) {
        st = frame_reader_read(r, piece, at_once, &got, &f);
        buf_append(out, bytes_of(piece, got));
    }
    if (st == OK)
        frame_reader_close(r);
    mem_free(piece);
    return st;
}

static void assert_log_up_to(struct fixture *x, uint64_t len)
{
    struct buf got;
    buf_init(&got, LOG_BYTES_MAX);
    assert_int_equal(read_log(x->path, &got, 32768), OK);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.at, x->log.at, len);
    buf_fini(&got);
}

static void append_and_sync(struct fixture *x, struct frame_writer *w, size_t len)
{
    struct fault f;
    append(x, w, len);
    assert_int_equal(frame_writer_sync(w, &f), OK);
    assert_log_up_to(x, x->log.len);
}

static void what_was_synced_is_read(void **state)
{
    struct fixture *x = *state;
    struct buf got;
    struct stat facts;
    write_log(x, few, FEW);
    assert_log_up_to(x, x->log.len);
    assert_int_equal(stat(x->path, &facts), 0);
    assert_true(facts.st_size >= (off_t)x->blocks[FEW - 1] * FRAME_BLOCK_BYTES);
    assert_int_equal(facts.st_mode & 0777, 0600);
    buf_init(&got, LOG_BYTES_MAX);
    for (size_t at_once = 1; at_once < 9000; at_once += 1111) { /* in any pieces */
        assert_int_equal(read_log(x->path, &got, at_once), OK);
        assert_true(bytes_equal(buf_view(&got), buf_view(&x->log)));
    }
    buf_fini(&got);
}

static void a_frame_larger_than_the_buffer_is_read(void **state)
{
    struct fixture *x = *state;
    static const size_t lens[] = {256 * FRAME_ROOM, 256 * FRAME_ROOM + 1, 7, 1200000};
    write_log(x, lens, 4);
    assert_log_up_to(x, x->log.len);
    assert_int_equal(x->log.len, lens[0] + lens[1] + lens[2] + lens[3]);
}

static void a_log_without_an_append_is_no_file(void **state)
{
    struct fixture *x = *state;
    write_file(x->path, (const uint8_t *)"old", 3);
    write_log(x, NULL, 0);
    assert_int_equal(access(x->path, F_OK), -1);
}

static void what_was_never_synced_is_absent_or_whole(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w = open_log(x, false);
    struct fault f;
    append_and_sync(x, w, 100);
    append(x, w, 5000);
    assert_int_equal(frame_writer_flush(w, &f), OK);
    assert_log_up_to(x, 100);
    assert_int_equal(frame_writer_close(w, &f), OK); /* hands it to the kernel */
    assert_log_up_to(x, 5100);
}

static void a_relaxed_flush_is_in_the_file(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w = open_log(x, true);
    struct fault f;
    for (int i = 0; i < 3; i++) {
        append(x, w, 5000);
        assert_int_equal(frame_writer_flush(w, &f), OK);
        assert_log_up_to(x, x->log.len);
    }
    assert_int_equal(frame_writer_close(w, &f), OK);
}

static void a_disk_without_direct_writes_and_one_that_takes_pieces_will_do(void **state)
{
    struct fixture *x = *state;
    disk.no_direct = true;
    write_log(x, few, FEW);
    assert_log_up_to(x, x->log.len);
    disk.piecemeal = true;
    write_log(x, few, FEW);
    assert_log_up_to(x, x->log.len);
    disk.no_direct = false;
    write_log(x, few, FEW);
    assert_log_up_to(x, x->log.len);
}

static uint32_t blocks_of_file(const struct fixture *x)
{
    struct stat facts;
    assert_int_equal(stat(x->path, &facts), 0);
    assert_int_equal(facts.st_size % FRAME_BLOCK_BYTES, 0);
    return (uint32_t)(facts.st_size / FRAME_BLOCK_BYTES);
}

static void a_file_grows_once_for_many_small_frames(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w = open_log(x, false);
    struct fault f;
    for (uint32_t i = 0; i < 40; i++) {
        append_and_sync(x, w, 100);
        assert_int_equal(blocks_of_file(x), FRAME_HEADS + (i / 16 + 1) * 16);
    }
    append_and_sync(x, w, 4 * FRAME_ROOM); /* there was room for all of it */
    assert_int_equal(blocks_of_file(x), FRAME_HEADS + 48);
    append_and_sync(x, w, 8 * FRAME_ROOM); /* and for a half */
    assert_int_equal(blocks_of_file(x), FRAME_HEADS + 52);
    assert_int_equal(frame_writer_close(w, &f), OK);
    assert_log_up_to(x, x->log.len);
}

static void a_full_disk_takes_what_fits_without_the_zeros(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w;
    struct fault f;
    for (int whole = 0; whole < 2; whole++) {
        buf_clear(&x->log);
        memset(&disk, 0, sizeof(disk));
        w = open_log(x, false);
        disk.whole = whole;
        disk.end = (FRAME_HEADS + 2) * FRAME_BLOCK_BYTES;
        append_and_sync(x, w, 100);
        append_and_sync(x, w, 100);
        assert_int_equal(blocks_of_file(x), FRAME_HEADS + 2);
        append(x, w, 100);
        assert_int_equal(frame_writer_sync(w, &f), NO_SPACE);
        assert_int_equal(frame_writer_close(w, &f), OK);
        assert_log_up_to(x, 200);
    }
    assert_true(disk.refused > 0);
}

/* R3 */
static void nothing_is_written_after_a_failure(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w = open_log(x, false);
    struct fault f;
    append_and_sync(x, w, 100);
    disk.error = ENOSPC;
    append(x, w, 5000);
    assert_int_equal(frame_writer_sync(w, &f), NO_SPACE);
    assert_non_null(strstr(f.text, "No space left"));
    disk.error = 0;
    assert_int_equal(frame_writer_append(w, "x", 1, &f), NO_SPACE);
    assert_int_equal(frame_writer_flush(w, &f), NO_SPACE);
    assert_int_equal(frame_writer_sync(w, &f), NO_SPACE);
    assert_int_equal(frame_writer_close(w, &f), OK);
    assert_int_equal(disk.refused, 1);
    assert_log_up_to(x, 100);
    disk.error = EIO; /* and one that cannot even be begun */
    w = open_log(x, false);
    assert_int_equal(frame_writer_append(w, "x", 1, &f), IO_FAILED);
    disk.error = 0;
    assert_int_equal(frame_writer_sync(w, &f), IO_FAILED);
    assert_int_equal(frame_writer_close(w, &f), OK);
    assert_int_equal(access(x->path, F_OK), -1);
}

/* Frames whose last block ends at or before this byte of the file. */
static uint64_t log_within(const struct fixture *x, size_t file_bytes)
{
    uint64_t len = 0;
    for (unsigned i = 0; i < x->frames; i++)
        if ((size_t)x->blocks[i] * FRAME_BLOCK_BYTES <= file_bytes)
            len = x->ends[i];
    return len;
}

static void a_file_cut_at_any_byte_is_torn_never_damaged(void **state)
{
    struct fixture *x = *state;
    size_t len;
    write_log(x, few, FEW);
    uint8_t *all = read_file(x->path, &len);
    for (size_t cut = len; cut >= 2 * FRAME_BLOCK_BYTES; cut -= cut % 512 == 1 ? 1 : 73) {
        must(truncate(x->path, (off_t)cut) == 0);
        /* what is cut off may have been zeros */
        uint64_t wanted = log_within(x, cut);
        struct buf got;
        buf_init(&got, LOG_BYTES_MAX);
        assert_int_equal(read_log(x->path, &got, 32768), OK);
        assert_true(got.len >= wanted);
        assert_memory_equal(got.at, x->log.at, got.len);
        bool at_an_end = got.len == 0;
        for (unsigned i = 0; i < x->frames; i++)
            at_an_end = at_an_end || x->ends[i] == got.len;
        assert_true(at_an_end);
        buf_fini(&got);
    }
    mem_free(all);
}

/* What an earlier use left, and how much of the file a later one writes over. */
static void stale_frames_never_come_back(void **state)
{
    struct fixture *x = *state;
    struct fault f;
    static const size_t old[] = {3000, 9000, 40000, 50, 4000, 70000, 12, FRAME_ROOM};
    for (unsigned count = 0; count <= 40; count++) {
        size_t lens[FRAMES_MAX];
        write_log(x, old, 8);
        assert_int_equal(store_spares_keep(x->spares, x->path, &f), OK);
        assert_int_equal(access(x->path, F_OK), -1);
        for (unsigned i = 0; i < FRAMES_MAX; i++)
            lens[i] = 1 + i * 37 + (count % 5) * FRAME_ROOM;
        write_log(x, lens, count % FRAMES_MAX);
        if (count % FRAMES_MAX == 0)
            continue; /* no file */
        assert_log_up_to(x, x->log.len);
        struct stat facts;
        assert_int_equal(stat(x->path, &facts), 0);
        assert_true(facts.st_size >= 30 * FRAME_BLOCK_BYTES); /* it was written over */
        assert_int_equal(store_spares_keep(x->spares, x->path, &f), OK);
    }
}

/* A kill before anything was synced: the heads alone make the old frames void. */
static void a_file_whose_use_has_just_begun_holds_nothing(void **state)
{
    struct fixture *x = *state;
    struct frame_writer *w;
    struct fault f;
    write_log(x, few, FEW);
    assert_int_equal(store_spares_keep(x->spares, x->path, &f), OK);
    w = open_log(x, false);
    append(x, w, 10000);
    assert_log_up_to(x, 0);
    assert_int_equal(frame_writer_close(w, &f), OK);
}

/* A last frame of which any part reached the disk, over an old one at every border of sectors. */
static void a_last_frame_torn_over_stale_ones_is_dropped(void **state)
{
    struct fixture *x = *state;
    struct fault f;
    size_t len, old_len;
    static const size_t old[] = {FRAME_ROOM, FRAME_ROOM, 60000, FRAME_ROOM};
    write_log(x, old, 4);
    uint8_t *stale = read_file(x->path, &old_len);
    assert_int_equal(store_spares_keep(x->spares, x->path, &f), OK);
    static const size_t lens[] = {FRAME_ROOM, 3 * FRAME_ROOM};
    write_log(x, lens, 2);
    uint8_t *all = read_file(x->path, &len);
    assert_int_equal(len, old_len);
    size_t from = (size_t)x->blocks[0] * FRAME_BLOCK_BYTES,
           to = (size_t)x->blocks[1] * FRAME_BLOCK_BYTES;
    uint8_t *mixed = mem_must(len);
    for (size_t cut = from; cut < to; cut += 512) {
        memcpy(mixed, all, len);
        memcpy(mixed + cut, stale + cut, to - cut);
        write_file(x->path, mixed, len);
        assert_log_up_to(x, x->ends[0]);
        /* and the other way round: its end alone arrived */
        memcpy(mixed, all, len);
        memcpy(mixed + from, stale + from, cut + 512 - from);
        write_file(x->path, mixed, len);
        assert_log_up_to(x, x->ends[0]);
    }
    mem_free(mixed);
    mem_free(stale);
    mem_free(all);
}

static void a_flipped_bit_is_found_and_told_apart(void **state)
{
    struct fixture *x = *state;
    struct random chance;
    size_t len;
    uint64_t seed = (uint64_t)getpid();
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&chance, seed);
    write_log(x, few, FEW);
    uint8_t *all = read_file(x->path, &len);
    struct buf got;
    buf_init(&got, LOG_BYTES_MAX);
    for (int i = 0; i < 1500; i++) {
        size_t at = (size_t)random_below(&chance, len);
        uint8_t bit = (uint8_t)(1u << random_below(&chance, 8));
        all[at] ^= bit;
        write_file(x->path, all, len);
        enum status st = read_log(x->path, &got, 32768);
        bool head = at < FRAME_HEADS * FRAME_BLOCK_BYTES,
             last = at >= (size_t)x->blocks[FEW - 2] * FRAME_BLOCK_BYTES;
        assert_true(st == OK || (st == CORRUPT && !head && !last));
        if (st == OK && got.len != x->log.len) /* but for padding, which nobody reads */
            assert_true(last && got.len == x->ends[FEW - 2]);
        assert_memory_equal(got.at, x->log.at, got.len);
        all[at] ^= bit;
    }
    buf_fini(&got);
    mem_free(all);
}

/* A whole block is another's, or gone: a later frame says that its frame was durable. */
static void a_missing_block_before_the_last_frame_is_damage(void **state)
{
    struct fixture *x = *state;
    size_t len;
    struct buf got;
    buf_init(&got, LOG_BYTES_MAX);
    write_log(x, few, FEW);
    uint8_t *all = read_file(x->path, &len);
    for (uint32_t block = FRAME_HEADS; block < x->blocks[FEW - 1]; block++) {
        uint8_t *one = all + (size_t)block * FRAME_BLOCK_BYTES, kept[FRAME_BLOCK_BYTES];
        memcpy(kept, one, FRAME_BLOCK_BYTES);
        for (int manner = 0; manner < 2; manner++) {
            if (manner == 0)
                memset(one, 0, FRAME_BLOCK_BYTES);
            else /* a write that went astray: sound, and not in its place */
                memcpy(one, block > FRAME_HEADS ? one - FRAME_BLOCK_BYTES : one + FRAME_BLOCK_BYTES,
                       FRAME_BLOCK_BYTES);
            write_file(x->path, all, len);
            enum status st = read_log(x->path, &got, 32768);
            assert_int_equal(st, block < x->blocks[FEW - 2] ? CORRUPT : OK);
            memcpy(one, kept, FRAME_BLOCK_BYTES);
        }
    }
    buf_fini(&got);
    mem_free(all);
}

static void one_head_is_enough_and_none_is_damage(void **state)
{
    struct fixture *x = *state;
    size_t len;
    struct buf got;
    buf_init(&got, LOG_BYTES_MAX);
    write_log(x, few, FEW);
    uint8_t *all = read_file(x->path, &len);
    for (size_t head = 0; head < FRAME_HEADS; head++) {
        memset(all + head * FRAME_BLOCK_BYTES, 0xee, FRAME_BLOCK_BYTES);
        write_file(x->path, all, len);
        if (head == 0)
            assert_log_up_to(x, x->log.len);
        else
            assert_int_equal(read_log(x->path, &got, 32768), CORRUPT);
    }
    struct wal_facts facts;
    struct fault f;
    assert_int_equal(wal_read(x->path, NULL, NULL, &facts, &f), CORRUPT);
    buf_fini(&got);
    mem_free(all);
}

/* Frames that never were all durable: with durability = relaxed any of them may be missing. */
static void a_gap_behind_what_was_durable_is_torn(void **state)
{
    uint8_t file[8][FRAME_BLOCK_BYTES] = {{0}};
    struct frame_scan s = {0};
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        struct frame_block b = {.generation = 5, .block = i, .head = i < FRAME_HEADS};
        if (i >= FRAME_HEADS) {
            b = (struct frame_block){.generation = 5,
                                     .block = i,
                                     .frame = i - FRAME_HEADS,
                                     .synced = i > 3 ? 2 : 0,
                                     .offset = (i - FRAME_HEADS) * 10,
                                     .used = 10,
                                     .begins = true,
                                     .ends = true};
        }
        frame_block_seal(file[i], &b);
    }
    for (uint32_t gone = FRAME_HEADS; gone < 8; gone++) {
        s = (struct frame_scan){0};
        for (uint32_t i = 0; i < 8; i++)
            frame_scan_block(&s, i == gone ? (const uint8_t[FRAME_BLOCK_BYTES]){0} : file[i]);
        assert_int_equal(s.frames, gone - FRAME_HEADS);
        assert_int_equal(s.more, gone < 7);
        assert_int_equal(frame_scan_damaged(&s), gone - FRAME_HEADS < 2);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_synced_is_read),
        TEST(a_frame_larger_than_the_buffer_is_read),
        TEST(a_log_without_an_append_is_no_file),
        TEST(what_was_never_synced_is_absent_or_whole),
        TEST(a_relaxed_flush_is_in_the_file),
        TEST(a_disk_without_direct_writes_and_one_that_takes_pieces_will_do),
        TEST(a_file_grows_once_for_many_small_frames),
        TEST(a_full_disk_takes_what_fits_without_the_zeros),
        TEST(nothing_is_written_after_a_failure),
        TEST(a_file_cut_at_any_byte_is_torn_never_damaged),
        TEST(stale_frames_never_come_back),
        TEST(a_file_whose_use_has_just_begun_holds_nothing),
        TEST(a_last_frame_torn_over_stale_ones_is_dropped),
        TEST(a_flipped_bit_is_found_and_told_apart),
        TEST(a_missing_block_before_the_last_frame_is_damage),
        TEST(one_head_is_enough_and_none_is_damage),
        TEST(a_gap_behind_what_was_durable_is_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
