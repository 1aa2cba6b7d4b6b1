/* undo.c: see undo.h. */
#include "sim/undo.h"

#include "base/must.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEPT_MAX = 16384, BLOCK = 4096, SECTOR = 512 };

/* The inode is set last, so a kill leaves no half-kept block to be put back. */
#define BEING_KEPT UINT64_MAX
struct kept {
    _Atomic uint64_t inode; /* 0: free */
    off_t at;
    size_t len;
    uint64_t moment;
};

/* Shared by the processes. */
struct undo {
    _Atomic uint64_t moment;
    _Atomic unsigned used; /* none behind these was ever taken */
    struct kept of[KEPT_MAX];
    char held[KEPT_MAX][BLOCK];
};
static struct undo *undo;

void undo_init(void)
{
    undo = mmap(NULL, sizeof(*undo), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(undo != MAP_FAILED);
}

void undo_clear(void)
{
    for (unsigned i = 0; i < undo->used; i++)
        undo->of[i].inode = 0;
}

uint64_t undo_moment(void)
{
    return ++undo->moment;
}

static bool is_kept(uint64_t inode, off_t at)
{
    for (unsigned i = 0; i < undo->used; i++)
        if (undo->of[i].inode == inode && undo->of[i].at == at)
            return true;
    return false;
}

static unsigned take_free(void)
{
    for (unsigned i = 0; i < KEPT_MAX; i++) {
        uint64_t none = 0;
        if (!atomic_compare_exchange_strong(&undo->of[i].inode, &none, BEING_KEPT))
            continue;
        for (unsigned used = undo->used; used <= i;)
            atomic_compare_exchange_weak(&undo->used, &used, i + 1);
        return i;
    }
    must(!"more is written over without a sync than can be kept");
    return 0;
}

static void keep_block(uint64_t inode, int fd, off_t at, size_t len)
{
    if (is_kept(inode, at))
        return;
    unsigned i = take_free();
    struct kept *k = &undo->of[i];
    k->at = at;
    k->len = len;
    k->moment = undo->moment;
    must(pread(fd, undo->held[i], len, at) == (ssize_t)len);
    k->inode = inode;
}

void undo_keep(uint64_t inode, int fd, off_t at, size_t len, off_t synced)
{
    off_t end = at + (off_t)len < synced ? at + (off_t)len : synced;
    if (at >= end)
        return;
    char same[32]; /* the writer's cannot be read from */
    snprintf(same, sizeof(same), "/proc/self/fd/%d", fd);
    int to_read = open(same, O_RDONLY | O_CLOEXEC);
    must(to_read >= 0);
    for (off_t block = at / BLOCK * BLOCK; block < end; block += BLOCK)
        keep_block(inode, to_read, block,
                   synced - block < BLOCK ? (size_t)(synced - block) : (size_t)BLOCK);
    close(to_read);
}

void undo_drop(uint64_t inode, uint64_t moment)
{
    for (unsigned i = 0; i < undo->used; i++)
        if (undo->of[i].inode == inode && undo->of[i].moment < moment)
            undo->of[i].inode = 0;
}

void undo_cut(uint64_t inode, off_t len)
{
    for (unsigned i = 0; i < undo->used; i++) {
        struct kept *k = &undo->of[i];
        if (k->inode != inode || k->at + (off_t)k->len <= len)
            continue;
        if (k->at >= len)
            k->inode = 0;
        else
            k->len = (size_t)(len - k->at);
    }
}

/* ---- after the kill ---- */

/* Where the blocks begin of which none came to the disk. */
static off_t draw_border(uint64_t inode, struct random *chance)
{
    unsigned count = 0, seen = 0;
    for (unsigned i = 0; i < undo->used; i++)
        count += undo->of[i].inode == inode;
    uint64_t border = random_below(chance, count + 1);
    for (unsigned i = 0; i < undo->used; i++)
        if (undo->of[i].inode == inode && seen++ == border)
            return undo->of[i].at;
    return INT64_MAX;
}

static void put_back(int fd, unsigned i, size_t from, size_t len)
{
    off_t at = undo->of[i].at + (off_t)from;
    must(pwrite(fd, undo->held[i] + from, len, at) == (ssize_t)len);
}

static void put_back_sectors(int fd, unsigned i, struct random *chance)
{
    size_t len = undo->of[i].len;
    for (size_t at = 0; at < len; at += SECTOR)
        if (random_below(chance, 2))
            put_back(fd, i, at, len - at < SECTOR ? len - at : SECTOR);
}

unsigned undo_apply(uint64_t inode, const char *path, enum forget_manner manner,
                    struct random *chance)
{
    off_t border = manner == FORGET_TAILS ? draw_border(inode, chance) : 0;
    unsigned count = 0;
    int fd = -1;
    for (unsigned i = 0; i < undo->used; i++) {
        struct kept *k = &undo->of[i];
        /* by pages: a third stays, a third goes, a third is torn */
        uint64_t lot = manner == FORGET_PAGES ? random_below(chance, 3) : 0;
        if (k->inode != inode || k->at < border || lot == 1)
            continue;
        fd = fd < 0 ? open(path, O_WRONLY) : fd;
        must(fd >= 0);
        if (lot == 0)
            put_back(fd, i, 0, k->len);
        else
            put_back_sectors(fd, i, chance);
        count++;
    }
    if (fd >= 0)
        close(fd);
    return count;
}
