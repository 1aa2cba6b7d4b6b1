/* forget.c: see forget.h. A file is known by its inode: names change. */
#include "sim/forget.h"

#include "base/must.h"
#include "sim/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 8192, FDS_MAX = 4096, PAGE = 4096, SYNC_US = 150 };

struct file {
    _Atomic uint64_t inode; /* 0: free */
    _Atomic off_t synced;   /* this much is on the disk for good */
};

/* Shared by the processes. */
struct files {
    char folder[128];
    _Atomic uint32_t fall_in; /* syncs; 0: in none */
    struct file at[FILES_MAX];
};
static struct files *files;
static struct file *_Atomic file_of_fd[FDS_MAX];

void forget_init(void)
{
    files = mmap(NULL, sizeof(*files), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(files != MAP_FAILED);
    undo_init();
}

void forget_watch(const char *folder)
{
    memset(files, 0, sizeof(*files));
    undo_clear();
    snprintf(files->folder, sizeof(files->folder), "%s", folder);
}

static struct file *find(uint64_t inode)
{
    for (size_t i = 0, at = inode % FILES_MAX; i < FILES_MAX; i++, at = (at + 1) % FILES_MAX) {
        uint64_t none = 0;
        struct file *f = &files->at[at];
        if (f->inode == inode)
            return f;
        if (f->inode == 0 && atomic_compare_exchange_strong(&f->inode, &none, inode)) {
            f->synced = -1;
            return f;
        }
        if (none == inode)
            return f;
    }
    must(!"more files than are known");
    return NULL;
}

static bool is_watched(const char *path)
{
    return files && files->folder[0] && strncmp(path, files->folder, strlen(files->folder)) == 0;
}

static void note_open(int fd, int flags)
{
    struct stat facts;
    if (fd < 0 || fd >= FDS_MAX)
        return;
    file_of_fd[fd] = NULL;
    if ((flags & O_ACCMODE) == O_RDONLY || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return;
    must(!(flags & O_DSYNC)); /* each write a sync: nobody does that yet */
    struct file *f = find(facts.st_ino);
    if (f->synced < 0 || facts.st_size == 0) { /* new to us, or new */
        f->synced = facts.st_size;
        undo_drop(f->inode, undo_moment());
    }
    file_of_fd[fd] = f;
}

static struct file *file_of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? file_of_fd[fd] : NULL;
}

int open(const char *path, int flags, ...);
int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    note_open(fd, is_watched(path) ? flags : O_RDONLY);
    return fd;
}

/* What it writes over is on the disk until the next sync. */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct file *f = file_of(fd);
    if (f)
        undo_keep(f->inode, fd, at, len, f->synced);
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

void forget_fall_in(uint32_t syncs)
{
    files->fall_in = syncs;
}

static void fall_perhaps(void)
{
    uint32_t left = files->fall_in;
    while (left > 0 && !atomic_compare_exchange_weak(&files->fall_in, &left, left - 1))
        continue;
    if (left == 1)
        kill(getpid(), SIGKILL);
}

/* What was written before the call is on the disk after it. It takes its time, as a disk does: or a kill would hardly find anything
 * between two syncs. */
static int sync_with(int fd, long call)
{
    struct stat facts;
    struct file *f = file_of(fd);
    bool known = f && fstat(fd, &facts) == 0;
    uint64_t moment = undo_moment();
    int outcome = (int)syscall(call, fd);
    if (known)
        usleep(SYNC_US); /* a sleep: the disk's time */
    fall_perhaps();
    if (known && outcome == 0) {
        off_t before = f->synced;
        while (before < facts.st_size &&
               !atomic_compare_exchange_weak(&f->synced, &before, facts.st_size))
            continue;
        undo_drop(f->inode, moment);
    }
    return outcome;
}

int fdatasync(int fd)
{
    return sync_with(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return sync_with(fd, SYS_fsync);
}

int ftruncate(int fd, off_t len)
{
    struct file *f = file_of(fd);
    int outcome = (int)syscall(SYS_ftruncate, fd, len);
    if (outcome == 0 && f && f->synced > len) {
        f->synced = len;
        undo_cut(f->inode, len);
    }
    return outcome;
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        file_of_fd[fd] = NULL;
    return (int)syscall(SYS_close, fd);
}

/* ---- after the kill ---- */

static struct {
    enum forget_manner manner;
    struct random *chance;
    struct forgotten lost;
} fall;

static void lose_pages(const char *path, off_t synced, off_t size)
{
    static const char zeros[PAGE];
    int fd = open(path, O_RDWR);
    must(fd >= 0);
    for (off_t at = synced; at < size;) {
        off_t end = (at / PAGE + 1) * PAGE;
        end = end < size ? end : size;
        if (random_below(fall.chance, 2))
            must(pwrite(fd, zeros, (size_t)(end - at), at) == end - at);
        at = end;
    }
    close(fd);
}

static int visit(const char *path, const struct stat *facts, int kind, struct FTW *ftw)
{
    (void)ftw;
    if (kind != FTW_F)
        return 0;
    struct file *f = find(facts->st_ino);
    off_t synced = f->synced, size = facts->st_size;
    unsigned blocks = synced < 0 ? 0 : undo_apply(f->inode, path, fall.manner, fall.chance);
    fall.lost.blocks += blocks;
    fall.lost.files += blocks || (synced >= 0 && synced < size);
    if (synced < 0 || synced >= size)
        return 0;
    if (fall.manner == FORGET_PAGES)
        lose_pages(path, synced, size);
    off_t stays = fall.manner == FORGET_ALL
                      ? synced
                      : synced + (off_t)random_below(fall.chance, (uint64_t)(size - synced) + 1);
    if (fall.manner != FORGET_PAGES)
        must(truncate(path, stays) == 0);
    return 0;
}

struct forgotten forget_unsynced(enum forget_manner manner, struct random *chance)
{
    char folder[sizeof(files->folder)];
    memcpy(folder, files->folder, sizeof(folder));
    fall.manner = manner;
    fall.chance = chance;
    fall.lost = (struct forgotten){0};
    files->folder[0] = '\0'; /* what is done now is not watched */
    if (manner != FORGET_NOTHING)
        must(nftw(folder, visit, 32, FTW_PHYS) == 0);
    forget_watch(folder);
    return fall.lost;
}
