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
#include "shards/store_frame.h"
#include "shards/store_frame_file.h"

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

/* ---- a log in a file of its own ---- */

static enum status scan_raw(int fd, const char *path, struct wal_scan *scan, struct fault *f)
{
    size_t len = WAL_BLOCK_BYTES;
    uint8_t *block = (uint8_t *)mem_try(WAL_BLOCK_BYTES);
    enum status st = block ? OK : fault_set(f, NO_MEMORY, "no memory to read %s", path);
    for (uint64_t at = 0; st == OK && len == WAL_BLOCK_BYTES; at += len) {
        st = file_read_at(fd, path, at, block, WAL_BLOCK_BYTES, &len, f);
        if (st == OK)
            wal_scan_block(scan, bytes_of(block, len));
    }
    mem_free(block);
    return st;
}

/* ---- a log in frames ---- */

/* Blocks of the file become blocks of the log. */
struct unframing {
    const struct frame_scan *frames;
    struct wal_scan *scan;
    uint8_t *block; /* WAL_BLOCK_BYTES */
    size_t len;
    uint64_t offset; /* in the log: of the end of what is in the block */
};

/* With at == NULL: what was lost, as zeros: no piece of a log is made of those. */
static void unframe(struct unframing *u, const uint8_t *at, uint64_t len)
{
    while (len > 0) {
        size_t n = WAL_BLOCK_BYTES - u->len < len ? WAL_BLOCK_BYTES - u->len : (size_t)len;
        if (at)
            memcpy(u->block + u->len, at, n);
        else
            memset(u->block + u->len, 0, n);
        u->len += n;
        u->offset += n;
        len -= n;
        at = at ? at + n : NULL;
        if (u->len == WAL_BLOCK_BYTES) {
            wal_scan_block(u->scan, bytes_of(u->block, u->len));
            u->len = 0;
        }
    }
}

/* A payload that fails its check is shown, too: the log has checks of its own, and what of it is
 * whole must not be lost with the rest. */
static void unframe_block(void *arg, uint32_t at, const uint8_t *block)
{
    struct unframing *u = (struct unframing *)arg;
    struct frame_block b;
    if (!frame_is_ours(u->frames, at, block, &b) || b.offset < u->offset)
        return;
    unframe(u, NULL, b.offset - u->offset);
    unframe(u, block + FRAME_HEAD_BYTES, b.used);
}

static enum status scan_frames(int fd, const char *path, const struct frame_scan *frames,
                               struct wal_scan *scan, struct fault *f)
{
    struct unframing u = {.frames = frames, .scan = scan};
    bool damaged = frame_scan_damaged(frames);
    if (frames->strange)
        return fault_set(f, CORRUPT,
                         "%s: its heads are damaged: what of it is the log cannot be told", path);
    u.block = (uint8_t *)mem_try(WAL_BLOCK_BYTES);
    if (!u.block)
        return fault_set(f, NO_MEMORY, "no memory to read %s", path);
    enum status st =
        frame_each_block(fd, path, damaged ? UINT32_MAX : frames->blocks, unframe_block, &u, f);
    if (st == OK)
        wal_scan_block(scan, bytes_of(u.block, u.len));
    mem_free(u.block);
    return st;
}

/* Where the first frame ends that holds the log up to `whole`. */
struct border {
    const struct frame_scan *frames;
    uint64_t whole, bytes;
};

static void find_border(void *arg, uint32_t at, const uint8_t *block)
{
    struct border *border = (struct border *)arg;
    struct frame_block b;
    if (border->bytes == 0 && frame_is_ours(border->frames, at, block, &b) && b.ends &&
        b.offset + b.used >= border->whole)
        border->bytes = ((uint64_t)at + 1) * FRAME_BLOCK_BYTES;
}

static enum status open_log(const char *path, int flags, int *fd, struct fault *f)
{
    *fd = open(path, flags | O_CLOEXEC);
    return *fd < 0 ? failed("open", path, f) : OK;
}

/* The file up to there holds the log up to `whole`, and no flaw. */
static enum status find_cut(const char *path, uint64_t whole, uint64_t *bytes, struct fault *f)
{
    struct frame_scan frames;
    int fd;
    enum status st = open_log(path, O_RDONLY, &fd, f);
    if (st != OK)
        return st;
    st = frame_survey(fd, path, &frames, f);
    struct border border = {&frames, whole, 0};
    if (st == OK && frames.framed && whole == 0)
        border.bytes = FRAME_HEADS * FRAME_BLOCK_BYTES;
    else if (st == OK && frames.framed)
        st = frame_each_block(fd, path, frames.blocks, find_border, &border, f);
    close(fd);
    *bytes = frames.framed ? border.bytes : whole;
    return st;
}

/* ---- both ---- */

enum status wal_read(const char *path, wal_record_fn *tell, void *arg, struct wal_facts *out,
                     struct fault *f)
{
    struct wal_scan scan;
    struct frame_scan frames = {0};
    int fd;
    wal_scan_init(&scan, tell, arg);
    enum status st = open_log(path, O_RDONLY, &fd, f);
    if (st == OK)
        st = frame_survey(fd, path, &frames, f);
    if (st == OK)
        st = frames.framed || frames.strange ? scan_frames(fd, path, &frames, &scan, f)
                                             : scan_raw(fd, path, &scan, f);
    wal_scan_end(&scan);
    if (st == OK && scan.record.status != OK)
        st = fault_set(f, scan.record.status, "no memory for a record of %s", path);
    *out = scan.facts;
    out->framed = frames.framed;
    out->lost = frame_scan_damaged(&frames);
    out->flawed = out->flawed || out->lost || frames.more;
    if (fd >= 0)
        close(fd);
    wal_scan_fini(&scan);
    return st;
}

static enum status cut_file(const char *path, uint64_t whole, struct fault *f)
{
    uint64_t len;
    int fd;
    enum status st = find_cut(path, whole, &len, f);
    if (st == OK)
        st = open_log(path, O_WRONLY, &fd, f);
    if (st != OK)
        return st;
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
        return fault_set(f, CORRUPT,
                         "%s is damaged behind byte %llu of the log, before its last write", path,
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
