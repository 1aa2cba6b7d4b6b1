/* log_test.c: the embedded log engine while the disk refuses: each call that writes, syncs, makes,
 * renames or cuts a file under the engine's folder fails, one run a call, until a run comes through
 * without.
 *
 * The calls are this program's own here: the dynamic linker finds them before libc's, so LevelDB
 * uses them, too. Each run is a process of its own, several at once.
 *
 * What must hold in every run: what was acknowledged is readable, once, in order, at the offset
 * that was told; in place, and after reopening; and the engine serves again by itself. */
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "support/in_turn.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the disk ---- */

enum manner {
    FAIL_ONCE, /* EIO, then all is well */
    TORN_ONCE, /* a write writes half, then EIO */
    DISK_FULL, /* ENOSPC from here on, until there is room again */
    MANNERS,
};
enum { FDS_MAX = 1024 };

static struct {
    char folder[64]; /* what is under it may fail; empty: nothing */
    _Atomic bool ours[FDS_MAX];
    _Atomic long calls, fail_at; /* 0: never */
    _Atomic bool full, failed;
    enum manner manner;
} disk;

/* 0, or the errno of this call. */
static int verdict(bool takes_room)
{
    if (disk.full && takes_room)
        return ENOSPC;
    if (!disk.fail_at || ++disk.calls != disk.fail_at)
        return 0;
    disk.failed = true;
    if (disk.manner != DISK_FULL)
        return EIO;
    disk.full = takes_room;
    return takes_room ? ENOSPC : 0;
}

static bool under(const char *path)
{
    size_t len = strlen(disk.folder);
    return len && strncmp(path, disk.folder, len) == 0;
}

static bool ours(int fd)
{
    return fd >= 0 && fd < FDS_MAX && disk.ours[fd];
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

int open(const char *path, int flags, ...);
int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    bool writes = under(path) && (flags & (O_WRONLY | O_RDWR | O_CREAT));
    int error = writes ? verdict(flags & O_CREAT) : 0;
    if (error)
        return refuse(error);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && fd < FDS_MAX)
        disk.ours[fd] = under(path);
    return fd;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    int error = ours(fd) ? verdict(true) : 0;
    if (error && disk.manner == TORN_ONCE && len > 1)
        (void)!syscall(SYS_write, fd, bytes, len / 2);
    return error ? refuse(error) : syscall(SYS_write, fd, bytes, len);
}

/* Half of it is not whole blocks: what O_DIRECT takes of it is written. */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    int error = ours(fd) ? verdict(true) : 0;
    if (error && disk.manner == TORN_ONCE && len > 1)
        (void)!syscall(SYS_pwrite64, fd, bytes, len / 2 / 512 * 512, at);
    return error ? refuse(error) : syscall(SYS_pwrite64, fd, bytes, len, at);
}

int unlink(const char *path)
{
    int error = under(path) ? verdict(false) : 0;
    return error ? refuse(error) : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int fdatasync(int fd)
{
    int error = ours(fd) ? verdict(false) : 0;
    return error ? refuse(error) : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    int error = ours(fd) ? verdict(false) : 0;
    return error ? refuse(error) : (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t len)
{
    int error = ours(fd) ? verdict(false) : 0;
    return error ? refuse(error) : (int)syscall(SYS_ftruncate, fd, len);
}

int rename(const char *from, const char *to)
{
    int error = under(from) ? verdict(true) : 0;
    return error ? refuse(error) : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    int error = under(path) ? verdict(true) : 0;
    return error ? refuse(error) : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        disk.ours[fd] = false;
    return (int)syscall(SYS_close, fd);
}

/* ---- a clock that runs twenty times too fast: waits for the engine's retries are short ---- */

static uint64_t fast_us(const struct clock *c)
{
    (void)c;
    return 20 * clock_mono_us(&clock_system);
}

static uint64_t steady_ms(const struct clock *c)
{
    (void)c;
    return LOG_FIXTURE_START_MS;
}

static const struct clock fast = {steady_ms, fast_us};

/* ---- one run ---- */

enum { LOGS = 4, STAMPED = 3 /* the log whose records have numbers */, RECORDS_MAX = 200 };

struct run {
    struct log_fixture x;
    struct log *logs[LOGS];
    bool acked[LOGS][RECORDS_MAX]; /* at this offset stands the text of this number */
    unsigned texts[LOGS][RECORDS_MAX];
    unsigned next_text;
    uint64_t next_number;
    uint64_t seen; /* while checking */
    unsigned log;
};

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "call %ld, manner %d: ", (long)disk.fail_at, (int)disk.manner);        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void open_engine(struct run *r)
{
    for (int tries = 0; !r->x.engine; tries++) {
        struct fault f = {0};
        enum status st = log_leveldb_open(&r->x.settings, &r->x.engine, &f);
        CHECK(st == OK || disk.failed, "the engine does not open: %s", f.text);
        CHECK(st == OK || tries < 3, "the engine does not open again: %s", f.text);
        if (st != OK)
            disk.full = false;
    }
    for (uint32_t i = 0; i < LOGS; i++)
        r->logs[i] = driver_open(r->x.engine, i + 1, i);
}

/* The same number until it is known to be stored: number n is the record at offset n, or the log tells of what it did twice, or not at all. */
static enum status append_number(struct run *r)
{
    struct driver_put put = {
        .log = r->logs[STAMPED], .producer = "p", .epoch = 1, .first = r->next_number, .count = 1};
    driver_put_all(r->x.engine, &put, 1);
    if (put.status == REPEATED) {
        CHECK(put.answers[0].state == NUMBER_STORED, "number %llu is forgotten",
              (unsigned long long)put.first);
        put.offset = put.answers[0].offset;
        put.status = OK;
    }
    if (put.status != OK)
        return put.status;
    CHECK(put.offset == r->next_number, "number %llu stands at offset %llu",
          (unsigned long long)r->next_number, (unsigned long long)put.offset);
    CHECK(put.offset < RECORDS_MAX, "offset %llu", (unsigned long long)put.offset);
    r->acked[STAMPED][r->next_number++] = true;
    return OK;
}

static void see_number(uint64_t offset, const char *text)
{
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "p-1-%llu", (unsigned long long)offset);
    CHECK(strcmp(text, wanted) == 0, "offset %llu: %.20s", (unsigned long long)offset, text);
}

static enum status append(struct run *r, unsigned log)
{
    if (log == STAMPED)
        return append_number(r);
    char text[400];
    uint64_t offset;
    unsigned number = r->next_text++;
    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    int len = snprintf(text, 16, "%u", number);
    text[len] = log % 2 ? '\0' : ' '; /* long ones and short ones */
    enum status st = driver_append(r->x.engine, r->logs[log], text, &offset);
    if (st == OK) {
        CHECK(offset < RECORDS_MAX, "offset %llu", (unsigned long long)offset);
        CHECK(!r->acked[log][offset], "offset %llu was given twice", (unsigned long long)offset);
        r->acked[log][offset] = true;
        r->texts[log][offset] = number;
    }
    return st;
}

static void see(void *arg, uint64_t offset, const char *text)
{
    struct run *r = arg;
    CHECK(offset == r->seen, "log %u: offset %llu follows %llu", r->log, (unsigned long long)offset,
          (unsigned long long)r->seen);
    r->seen = offset + 1;
    if (r->log == STAMPED)
        see_number(offset, text);
    else if (r->acked[r->log][offset])
        CHECK(strtoul(text, NULL, 10) == r->texts[r->log][offset],
              "log %u, offset %llu: %.10s, not %u", r->log, (unsigned long long)offset, text,
              r->texts[r->log][offset]);
}

/* All that was acknowledged is there. While the disk is at fault a read of it may fail, but never
 * lie. */
static void check(struct run *r, bool must_be_whole)
{
    for (r->log = 0; r->log < LOGS; r->log++) {
        uint64_t next = 0, last = 0;
        struct fault f = {0};
        enum status st;
        r->seen = 0;
        for (int tries = 0; tries < 500;) {
            st = driver_read(r->logs[r->log], next, &next, see, r, &f);
            if (st == OK)
                continue;
            if (st != IO_FAILED || !must_be_whole)
                break;
            disk.full = false;
            usleep(10000); /* the engine tries again by its own clock */
            tries++;
        }
        CHECK(st != CORRUPT, "log %u is called damaged: %s", r->log, f.text);
        CHECK(st == END || !must_be_whole, "log %u cannot be read: %s", r->log, f.text);
        for (uint64_t i = 0; i < RECORDS_MAX; i++)
            last = r->acked[r->log][i] ? i + 1 : last;
        CHECK(r->seen >= last || st != END, "log %u ends at %llu, acknowledged to %llu", r->log,
              (unsigned long long)r->seen, (unsigned long long)last);
    }
}

static void append_some(struct run *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        enum status st = append(r, i % LOGS);
        CHECK(st == OK || disk.failed, "append: %s", status_name(st));
        CHECK(st == OK || st == IO_FAILED || st == NO_SPACE, "append: %s", status_name(st));
    }
}

static void make_room(struct run *r)
{
    for (unsigned log = 0; log < LOGS; log++) {
        enum status st = OK;
        disk.full = false;
        for (int tries = 0; tries < 500 && (st = append(r, log)) != OK; tries++) {
            usleep(10000); /* the engine tries again by its own clock */
            disk.full = false;
        }
        CHECK(st == OK, "log %u is not served again: %s", log, status_name(st));
    }
}

static void trim(struct run *r)
{
    struct fault f;
    struct log_fixture_keeper k = log_fixture_keep(0, 99);
    while (r->x.engine->ops->trim(r->x.engine, &k.keeper, LOG_FIXTURE_START_MS, 50, &f) == OK)
        continue;
}

static void live(struct run *r)
{
    open_engine(r);
    append_some(r, 12);
    trim(r);
    for (unsigned i = 0; i < LOGS; i++)
        r->x.engine->ops->set_retention(r->logs[i], 48);
    append_some(r, 12);
    if (disk.failed)
        check(r, false);
    make_room(r);
    check(r, true);
    log_fixture_close(&r->x);
    open_engine(r);
    make_room(r);
    check(r, true);
    log_fixture_close(&r->x);
    disk.fail_at = 0;
    open_engine(r);
    check(r, true);
    log_fixture_close(&r->x);
}

static bool run(int manner, long fail_at)
{
    struct run *r = MEM_NEW(struct run);
    char command[128];
    trace_set_level(getenv("TORTURE_TRACE") ? TRACE_DEBUG : TRACE_ERROR - 1);
    snprintf(r->x.folder, sizeof(r->x.folder), "/tmp/sluice-torture-XXXXXX");
    must(mkdtemp(r->x.folder));
    memcpy(disk.folder, r->x.folder, sizeof(disk.folder));
    disk.manner = (enum manner)manner;
    disk.fail_at = fail_at;
    log_leveldb_defaults(&r->x.settings);
    r->x.settings.folder = r->x.folder;
    r->x.settings.clock = &fast;
    r->x.settings.segment_bytes = 2000;
    r->x.settings.tail_bytes_max = 2000;
    r->x.settings.disk_reserve_bytes = 0;
    live(r);
    bool failed = disk.failed;
    disk.folder[0] = '\0';
    snprintf(command, sizeof(command), "rm -rf %s", r->x.folder);
    must(system(command) == 0);
    mem_free(r);
    return failed;
}

/* ---- all runs ---- */

static void each_call_fails_in_turn(enum manner manner)
{
    const struct in_turn t = {.run = run, .manner = (int)manner, .at_once = 12, .at_most = 5000};
    in_turn(&t);
}

static void each_call_that_fails_once_loses_nothing(void **state)
{
    (void)state;
    each_call_fails_in_turn(FAIL_ONCE);
}

static void each_write_cut_in_half_loses_nothing(void **state)
{
    (void)state;
    each_call_fails_in_turn(TORN_ONCE);
}

static void a_disk_full_from_any_call_on_loses_nothing(void **state)
{
    (void)state;
    each_call_fails_in_turn(DISK_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_fails_once_loses_nothing),
        cmocka_unit_test(each_write_cut_in_half_loses_nothing),
        cmocka_unit_test(a_disk_full_from_any_call_on_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
