/* store_wal_file.c: the log files of a LevelDB folder: read through, and cut where a crash left
 * them torn.
 *
 * Files are read in pieces, not mapped: a sector that cannot be read is then an error, not the end
 * of the program.
 *
 * I1. A log is cut only at the end of a whole record, and the cut is durable before anybody opens
 * the database.
 *
 * Left to others: telling torn from damaged (store_wal.c). Thread: any. */
#include "shards/store_wal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status failed(const char *doing, const char *path, struct fault *f)
{
    return fault_set(f, status_from_errno(errno), "cannot %s %s: %m", doing, path);
}

/* Fills the block unless the file ends first. */
static enum status read_block(int fd, const char *path, uint8_t *block, size_t *len,
                              struct fault *f)
{
    *len = 0;
    while (*len < WAL_BLOCK_BYTES) {
        ssize_t n = read(fd, block + *len, WAL_BLOCK_BYTES - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("read", path, f);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return OK;
}

enum status wal_read(const char *path, wal_record_fn *tell, void *arg, struct wal_facts *out,
                     struct fault *f)
{
    struct wal_scan scan;
    size_t len = WAL_BLOCK_BYTES;
    enum status st = OK;
    uint8_t *block = (uint8_t *)mem_try(WAL_BLOCK_BYTES);
    int fd = -1;
    wal_scan_init(&scan, tell, arg);
    if (!block)
        st = fault_set(f, NO_MEMORY, "no memory to read %s", path);
    if (st == OK && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        st = failed("open", path, f);
    while (st == OK && len == WAL_BLOCK_BYTES) {
        st = read_block(fd, path, block, &len, f);
        if (st == OK)
            wal_scan_block(&scan, bytes_of(block, len));
    }
    wal_scan_end(&scan);
    if (st == OK && scan.record.status != OK)
        st = fault_set(f, scan.record.status, "no memory for a record of %s", path);
    *out = scan.facts;
    if (fd >= 0)
        close(fd);
    wal_scan_fini(&scan);
    mem_free(block);
    return st;
}

static enum status cut_file(const char *path, uint64_t len, struct fault *f)
{
    enum status st = OK;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path, f);
    if (ftruncate(fd, (off_t)len) != 0 || fsync(fd) != 0)
        st = failed("cut", path, f);
    if (close(fd) != 0 && st == OK)
        st = failed("close", path, f);
    if (st == OK)
        trace(TRACE_WARN, "wal", "cut a torn last write off %s, at byte %llu", path,
              (unsigned long long)len);
    return st;
}

static enum status mend_file(void *arg, const char *path, struct fault *f)
{
    const bool *cut_damage = (const bool *)arg;
    struct wal_facts facts;
    enum status st = wal_read(path, NULL, NULL, &facts, f);
    if (st != OK || !facts.flawed)
        return st;
    if (wal_is_damaged(&facts) && !*cut_damage)
        return fault_set(f, CORRUPT, "%s is damaged behind byte %llu, before its last write", path,
                         (unsigned long long)facts.whole_bytes);
    return cut_file(path, facts.whole_bytes, f);
}

enum status wal_mend(const char *folder, struct fault *f)
{
    bool cut_damage = false;
    return wal_each_file(folder, mend_file, &cut_damage, f);
}

enum status wal_cut(const char *folder, struct fault *f)
{
    bool cut_damage = true;
    return wal_each_file(folder, mend_file, &cut_damage, f);
}

static int is_log(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".log") == 0;
}

/* The numbers have leading zeros: their order is that of their names. */
enum status wal_each_file(const char *folder,
                          enum status (*file)(void *arg, const char *path, struct fault *f),
                          void *arg, struct fault *f)
{
    struct dirent **names = NULL;
    enum status st = OK;
    int count = scandir(folder, &names, is_log, alphasort);
    if (count < 0)
        return errno == ENOENT ? OK : failed("read", folder, f);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat facts;
        must(snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name) < PATH_MAX);
        if (st == OK && stat(path, &facts) != 0)
            st = failed("look at", path, f);
        if (st == OK && facts.st_size > 0)
            st = file(arg, path, f);
        mem_free(names[i]);
    }
    mem_free(names);
    return st;
}
