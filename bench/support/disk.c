/* disk.c: the file system under a folder. */
#include "bench/support/disk.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SYNCED_BYTES = 4096, READ_BYTES = 1 << 20, SECTOR_BYTES = 512, FOLDERS_OPEN = 16 };
/* At rest: less than this written in that time. The file system's own commits come every 5 s. */
enum { REST_US = 300000, REST_BYTES = 256 * 1024 };

static double seconds_since(uint64_t began_us)
{
    return (double)(clock_mono_us(&clock_system) - began_us) / 1e6;
}

void disk_sync_latency(const char *folder, double seconds, struct latency *out)
{
    static const uint8_t page[SYNCED_BYTES] = {1};
    const char *path = text_of("%s/synced", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die("cannot make %s: %m", path);
    for (uint64_t began_us = clock_mono_us(&clock_system); seconds_since(began_us) < seconds;) {
        uint64_t from_us = clock_mono_us(&clock_system);
        if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fdatasync(fd) != 0)
            die("writing %s: %m", path);
        latency_add(out, clock_mono_us(&clock_system) - from_us);
    }
    close(fd);
    (void)unlink(path);
}

/* ---- every file in a folder: nftw hands its visitor no argument ---- */

static struct {
    uint8_t *buffer;
    uint64_t bytes;
} reading;

static int read_file(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)where;
    if (kind != FTW_F)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("cannot read %s: %m", path);
    for (ssize_t got; (got = read(fd, reading.buffer, READ_BYTES)) > 0;)
        reading.bytes += (uint64_t)got;
    close(fd);
    return 0;
}

double disk_read_rate(const char *folder, uint64_t *bytes)
{
    reading.buffer = mem_must(READ_BYTES);
    reading.bytes = 0;
    uint64_t began_us = clock_mono_us(&clock_system);
    if (nftw(folder, read_file, FOLDERS_OPEN, FTW_PHYS) != 0)
        die("cannot read %s: %m", folder);
    double seconds = seconds_since(began_us);
    mem_free(reading.buffer);
    *bytes = reading.bytes;
    return (double)reading.bytes / seconds;
}

static int forget_file(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)where;
    int fd = kind == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return 0;
}

void disk_forget(const char *folder)
{
    sync(); /* what is dirty cannot be forgotten */
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    bool all = fd >= 0 && write(fd, "1", 1) == 1;
    if (fd >= 0)
        close(fd);
    if (!all)
        (void)nftw(folder, forget_file, FOLDERS_OPEN, FTW_PHYS);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    if (remove(path) != 0 && errno != ENOENT)
        fprintf(stderr, "cannot remove %s: %m\n", path);
    return 0;
}

void disk_remove(const char *folder)
{
    (void)nftw(folder, remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
}

/* ---- the device ---- */

static bool is_disk(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/block/%s/device", name);
    return access(path, F_OK) == 0;
}

uint64_t disk_written(const char *folder)
{
    struct stat facts;
    char line[512], name[65];
    unsigned major_number, minor_number;
    unsigned long long sectors, all = 0;
    FILE *in = fopen("/proc/diskstats", "re");
    if (!in || stat(folder, &facts) != 0)
        die("cannot look at the disk under %s: %m", folder);
    while (fgets(line, sizeof(line), in)) {
        /* name, then: reads, merged, sectors read, ms, writes, merged, sectors written */
        if (sscanf(line, "%u %u %64s %*u %*u %*u %*u %*u %*u %llu", &major_number, &minor_number,
                   name, &sectors) != 4)
            continue;
        if (makedev(major_number, minor_number) == facts.st_dev) {
            fclose(in);
            return sectors * SECTOR_BYTES;
        }
        all += is_disk(name) ? sectors : 0;
    }
    fclose(in);
    return all * SECTOR_BYTES;
}

void disk_settle(const char *folder, double seconds_max)
{
    uint64_t began_us = clock_mono_us(&clock_system), before, after;
    sync();
    do {
        before = disk_written(folder);
        usleep(REST_US);
        after = disk_written(folder);
    } while (after - before >= REST_BYTES && seconds_since(began_us) < seconds_max);
}

uint64_t disk_free(const char *folder)
{
    uint64_t free_bytes, size;
    struct fault f;
    if (disk_space(folder, &free_bytes, &size, &f) != OK)
        die("%s", f.text);
    return free_bytes;
}
