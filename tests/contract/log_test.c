/* log_test.c: the log contract (shards/log.h, L1 to L8), on the embedded engine. */
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "shards/log_leveldb.h"
#include "support/log_driver.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    struct clock_manual clock;
    struct log_leveldb_settings settings;
    struct log_engine *engine;
};

static void open_engine(struct fixture *x)
{
    struct fault f;
    enum status st = log_leveldb_open(&x->settings, &x->engine, &f);
    if (st != OK)
        fprintf(stderr, "%s\n", f.text);
    assert_int_equal(st, OK);
}

static void reopen(struct fixture *x)
{
    x->engine->ops->close(x->engine);
    open_engine(x);
}

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    snprintf(x->folder, sizeof(x->folder), "/tmp/sluice-log-XXXXXX");
    must(mkdtemp(x->folder));
    clock_manual_init(&x->clock, 1700000000000);
    log_leveldb_defaults(&x->settings);
    x->settings.folder = x->folder;
    x->settings.clock = &x->clock.clock;
    x->settings.segment_bytes = 256 * 1024;
    x->settings.tail_bytes_max = 64 * 1024;
    x->settings.commit_bytes_max = 128 * 1024;
    x->settings.disk_reserve_bytes = 0;
    open_engine(x);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    char command[128];
    if (x->engine)
        x->engine->ops->close(x->engine);
    snprintf(command, sizeof(command), "rm -rf %s", x->folder);
    must(system(command) == 0);
    mem_free(x);
    return 0;
}

static void assert_all(struct log *l, const char *expected)
{
    char *all = driver_all(l);
    assert_string_equal(all, expected);
    mem_free(all);
}

/* prefix-0,prefix-1,... in order, all of them, each once */
static void assert_sequence(struct log *l, const char *prefix, unsigned count)
{
    char *all = driver_all(l), *at = all;
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%s-%u", prefix, i);
        if (strncmp(at, text, (size_t)len) != 0)
            fprintf(stderr, "record %u: %.40s\n", i, at);
        assert_memory_equal(at, text, (size_t)len);
        at += len;
        assert_int_equal(*at, i + 1 == count ? '\0' : ',');
        at++;
    }
    mem_free(all);
}

static void what_was_appended_is_read_in_order(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0), *b = driver_open(x->engine, 1, 1);
    uint64_t offset;
    assert_int_equal(driver_append(x->engine, a, "one", &offset), OK);
    assert_int_equal(offset, 0);
    assert_int_equal(driver_append(x->engine, b, "other", &offset), OK);
    assert_int_equal(offset, 0);
    assert_int_equal(driver_append(x->engine, a, "two", &offset), OK);
    assert_int_equal(offset, 1);
    assert_all(a, "one,two");
    assert_all(b, "other");
}

static void what_was_appended_survives_a_reopening(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0);
    assert_int_equal(driver_append_many(x->engine, a, "r", 100, 0), 100);
    reopen(x);
    a = driver_open(x->engine, 1, 0);
    struct log_bounds bounds;
    log_bounds(a, &bounds);
    assert_int_equal(bounds.end, 100);
    assert_sequence(a, "r", 100);
    uint64_t offset;
    assert_int_equal(driver_append(x->engine, a, "r-100", &offset), OK);
    assert_int_equal(offset, 100);
    assert_sequence(a, "r", 101);
}

static void reads_cross_many_segments(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0), *b = driver_open(x->engine, 2, 7);
    assert_int_equal(driver_append_many(x->engine, a, "a", 3000, 1000),
                     3000); /* some 12 segments */
    assert_int_equal(driver_append_many(x->engine, b, "b", 10, 0), 10);
    assert_sequence(a, "a", 3000);
    assert_sequence(b, "b", 10);
    reopen(x);
    assert_sequence(driver_open(x->engine, 1, 0), "a", 3000);
    assert_sequence(driver_open(x->engine, 2, 7), "b", 10);
    struct log_usage usage;
    x->engine->ops->usage(x->engine, &usage);
    assert_true(usage.segments >= 3);
}

static void a_sealed_log_stays_sealed(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0);
    assert_int_equal(driver_append(x->engine, a, "last", NULL), OK);
    assert_int_equal(driver_seal(x->engine, a), OK);
    assert_int_equal(driver_append(x->engine, a, "late", NULL), SEALED);
    assert_int_equal(driver_seal(x->engine, a), SEALED);
    reopen(x);
    a = driver_open(x->engine, 1, 0);
    struct log_bounds bounds;
    log_bounds(a, &bounds);
    assert_true(bounds.sealed);
    assert_int_equal(bounds.end, 2);
    assert_int_equal(driver_append(x->engine, a, "late", NULL), SEALED);
    assert_all(a, "last");
}

static void times_never_decrease_and_are_found(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0);
    uint64_t start = 1700000000000;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(driver_append_many(x->engine, a, "t", 50, 500), 50);
        clock_manual_advance_ms(&x->clock, 1000);
    }
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 20; i++) {
            uint64_t offset;
            assert_int_equal(driver_find_time(a, start + i * 1000, &offset), OK);
            assert_int_equal(offset, 50 * i);
            assert_int_equal(driver_find_time(a, start + i * 1000 + 1, &offset),
                             i == 19 ? END : OK);
            assert_int_equal(offset, 50 * (i + 1));
        }
        reopen(x);
        a = driver_open(x->engine, 1, 0);
    }
}

struct keeper {
    struct log_keeper keeper;
    uint64_t begin_ms, deleted;
};

static uint64_t begin_ms(const struct log_keeper *k, uint64_t stream)
{
    const struct keeper *keeper = LIST_OWNER(k, struct keeper, keeper);
    return stream == keeper->deleted ? UINT64_MAX : keeper->begin_ms;
}

static uint64_t disk_bytes(struct fixture *x)
{
    char command[160], line[64] = "";
    snprintf(command, sizeof(command), "du -sb %s/segments", x->folder);
    FILE *p = popen(command, "r");
    must(p && fgets(line, sizeof(line), p));
    pclose(p);
    return strtoull(line, NULL, 10);
}

static void trim_to_the_end(struct fixture *x, const struct keeper *k)
{
    struct fault f;
    enum status st;
    while ((st = x->engine->ops->trim(x->engine, &k->keeper, clock_wall_ms(&x->clock.clock), 50,
                                      &f)) == OK)
        ;
    assert_int_equal(st, END);
}

static void what_is_past_the_horizon_gives_its_disk_back(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0);
    assert_int_equal(driver_append_many(x->engine, a, "old", 2000, 1000), 2000);
    clock_manual_advance_ms(&x->clock, 3600000);
    reopen(x);
    a = driver_open(x->engine, 1, 0);
    assert_int_equal(driver_append_many(x->engine, a, "new", 10, 0), 10);
    struct keeper k = {.keeper = {begin_ms}, .begin_ms = 1700000000001};
    uint64_t before = disk_bytes(x);
    trim_to_the_end(x, &k);
    assert_true(disk_bytes(x) < before / 10);
    struct log_bounds bounds;
    log_bounds(a, &bounds);
    assert_int_equal(bounds.begin, 2000);
    assert_int_equal(bounds.end, 2010);
    assert_sequence(a, "new", 10);
    reopen(x);
    assert_sequence(driver_open(x->engine, 1, 0), "new", 10);
}

static void a_deleted_stream_gives_its_disk_back_and_harms_no_neighbour(void **state)
{
    struct fixture *x = *state;
    struct log *gone = driver_open(x->engine, 1, 0), *kept = driver_open(x->engine, 2, 0);
    for (unsigned i = 0; i < 20; i++) {
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "g%u", i);
        assert_int_equal(driver_append_many(x->engine, gone, prefix, 50, 1000), 50);
    }
    assert_int_equal(driver_append_many(x->engine, kept, "k", 500, 100), 500);
    reopen(x);
    struct keeper k = {.keeper = {begin_ms}, .deleted = 1};
    uint64_t before = disk_bytes(x);
    trim_to_the_end(x, &k);
    assert_true(disk_bytes(x) < before / 3);
    assert_sequence(driver_open(x->engine, 2, 0), "k", 500);
    reopen(x);
    assert_sequence(driver_open(x->engine, 2, 0), "k", 500);
}

static void find_file(const char *folder, const char *ending, char out[512], off_t least)
{
    char segments[128];
    snprintf(segments, sizeof(segments), "%s/segments", folder);
    DIR *d = opendir(segments);
    must(d);
    struct dirent *e;
    out[0] = '\0';
    while ((e = readdir(d))) {
        char inner[400];
        snprintf(inner, sizeof(inner), "%s/%s", segments, e->d_name);
        DIR *i = e->d_name[0] == '.' ? NULL : opendir(inner);
        struct dirent *file;
        while (i && (file = readdir(i))) {
            char path[512];
            struct stat st;
            snprintf(path, sizeof(path), "%.250s/%.200s", inner, file->d_name);
            size_t len = strlen(path);
            if (len > strlen(ending) && strcmp(path + len - strlen(ending), ending) == 0 &&
                stat(path, &st) == 0 && st.st_size > least)
                memcpy(out, path, sizeof(path));
        }
        if (i)
            closedir(i);
    }
    closedir(d);
}

static void flip(const char *path, off_t at)
{
    FILE *f = fopen(path, "r+b");
    must(f && fseeko(f, at, SEEK_SET) == 0);
    int c = fgetc(f);
    must(fseeko(f, at, SEEK_SET) == 0 && fputc(c ^ 0x40, f) != EOF && fclose(f) == 0);
}

static void ignore(void *arg, uint64_t offset, const char *text)
{
    (void)arg, (void)offset, (void)text;
}

static void damage_stops_its_own_log_only_and_names_the_segment(void **state)
{
    struct fixture *x = *state;
    struct log *a = driver_open(x->engine, 1, 0), *b = driver_open(x->engine, 2, 0);
    assert_int_equal(driver_append_many(x->engine, a, "a", 150, 1000), 150);
    assert_int_equal(driver_append_many(x->engine, b, "b", 50, 10), 50);
    x->engine->ops->close(x->engine);
    char table[512];
    find_file(x->folder, ".ldb", table, 100000);
    assert_true(table[0] != '\0');
    flip(table, 50000);
    open_engine(x);
    a = driver_open(x->engine, 1, 0);
    b = driver_open(x->engine, 2, 0);
    struct fault f;
    uint64_t next = 0;
    enum status st;
    while ((st = driver_read(a, next, &next, ignore, NULL, &f)) == OK)
        ;
    assert_int_equal(st, CORRUPT);
    assert_non_null(strstr(f.text, "segment 0000000000000000000"));
    assert_sequence(b, "b", 50);
    assert_int_equal(driver_append(x->engine, b, "b-50", NULL), OK);
    assert_sequence(b, "b", 51);
}

/* A process of its own, this program again: appends, and says by its standard output what was
 * acknowledged; killed at a random moment. */
static int child(const char *folder)
{
    struct fixture *x = MEM_NEW(struct fixture);
    struct fault f;
    log_leveldb_defaults(&x->settings);
    x->settings.folder = folder;
    x->settings.segment_bytes = 16 * 1024;
    x->settings.disk_reserve_bytes = 0;
    if (log_leveldb_open(&x->settings, &x->engine, &f) != OK)
        return 3;
    struct log *logs[4];
    uint64_t ends[4];
    for (uint32_t i = 0; i < 4; i++) {
        struct log_bounds bounds;
        logs[i] = driver_open(x->engine, 9, i);
        log_bounds(logs[i], &bounds);
        ends[i] = bounds.end;
    }
    for (;;) {
        for (uint32_t i = 0; i < 4; i++) {
            char text[64];
            uint64_t offset;
            snprintf(text, sizeof(text), "c-%llu", (unsigned long long)ends[i]);
            if (driver_append(x->engine, logs[i], text, &offset) != OK || offset != ends[i])
                _exit(4);
            ends[i]++;
            if (write(STDOUT_FILENO, &(uint64_t[]){i, offset}, 16) != 16)
                _exit(5);
        }
    }
}

static void every_acknowledged_append_survives_a_kill(void **state)
{
    struct fixture *x = *state;
    uint64_t acknowledged[4] = {0};
    struct random r;
    uint64_t seed = (uint64_t)getpid();
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    x->engine->ops->close(x->engine);
    x->engine = NULL;
    x->settings.segment_bytes = 16 * 1024;
    for (int round = 0; round < 8; round++) {
        int ends[2];
        must(pipe(ends) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            execl("/proc/self/exe", "log_test", x->folder, (char *)NULL);
            _exit(6);
        }
        close(ends[1]);
        uint64_t ack[2], wanted = 1 + random_below(&r, 400);
        bool killed = false;
        while (read(ends[0], ack, 16) == 16) {
            acknowledged[ack[0]] = ack[1] + 1;
            if (!killed && --wanted == 0)
                killed = kill(pid, SIGKILL) == 0;
        }
        close(ends[0]);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
    }
    open_engine(x);
    for (uint32_t i = 0; i < 4; i++) {
        struct log *l = driver_open(x->engine, 9, i);
        struct log_bounds bounds;
        log_bounds(l, &bounds);
        assert_true(bounds.end >= acknowledged[i]);
        assert_sequence(l, "c", (unsigned)bounds.end);
    }
}

struct waiting {
    struct log_waiter waiter;
    struct log *log;
    _Atomic unsigned woken;
};

static void on_wake(struct log_waiter *w)
{
    atomic_fetch_add(&LIST_OWNER(w, struct waiting, waiter)->woken, 1);
}

static void wait_for(struct waiting *w, struct log *l, uint64_t end)
{
    *w = (struct waiting){.waiter.wake = on_wake, .log = l};
    l->engine->ops->wait(l, end, &w->waiter);
}

static void who_waits_is_woken_once_by_what_is_durable(void **state)
{
    struct fixture *x = *state;
    struct log *l = driver_open(x->engine, 1, 0), *other = driver_open(x->engine, 1, 1);
    struct waiting late, first, second, elsewhere, gone;
    uint64_t offset;
    assert_int_equal(driver_append(x->engine, l, "a", &offset), OK);
    wait_for(&late, l, 0); /* the end is past it already */
    assert_int_equal(late.woken, 1);
    wait_for(&first, l, 1);
    wait_for(&second, l, 1);
    wait_for(&elsewhere, other, 0);
    wait_for(&gone, l, 1);
    l->engine->ops->cancel(l, &gone.waiter);
    assert_int_equal(first.woken, 0);
    assert_int_equal(driver_append(x->engine, l, "b", &offset), OK);
    assert_int_equal(driver_append(x->engine, l, "c", &offset),
                     OK); /* another commit: the one before is over */
    assert_int_equal(driver_seal(x->engine, l), OK);
    assert_true(first.woken == 1 && second.woken == 1 && gone.woken == 0);
    assert_int_equal(elsewhere.woken, 0);
    wait_for(&first, l, 2); /* the seal's end is past it */
    assert_int_equal(first.woken, 1);
    other->engine->ops->cancel(other, &elsewhere.waiter);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return child(argv[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_appended_is_read_in_order),
        TEST(what_was_appended_survives_a_reopening),
        TEST(reads_cross_many_segments),
        TEST(a_sealed_log_stays_sealed),
        TEST(who_waits_is_woken_once_by_what_is_durable),
        TEST(times_never_decrease_and_are_found),
        TEST(what_is_past_the_horizon_gives_its_disk_back),
        TEST(a_deleted_stream_gives_its_disk_back_and_harms_no_neighbour),
        TEST(damage_stops_its_own_log_only_and_names_the_segment),
        TEST(every_acknowledged_append_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
