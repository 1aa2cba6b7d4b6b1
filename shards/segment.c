/* segment.c: segments as open databases.
 *
 * A live segment (spare, written to, or not yet in the index) stays open. A sealed one is opened when somebody reads it and
 * closed when too many are open or nobody came for a while: LevelDB maps its tables, and what is mapped counts as memory.
 *
 * I1. While a segment is used, its database stays open.
 * I2. At most open_segments_max sealed ones are open, beside those in use at this moment.
 * I3. A new segment is durable, folder and all, before anybody may write to it.
 *
 * Left to others: what is in them. Thread: any; nobody holds segment_mu while at the disk. */
#include "shards/engine_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"
#include "shards/wal_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

void segment_key(struct log_place place, uint64_t offset, uint8_t key[SEGMENT_KEY_LEN])
{
    put_be64(key, place.stream);
    put_be32(key + 8, place.shard);
    put_be64(key + 12, offset);
}

void segment_path(const struct engine *e, uint64_t number, char path[SEGMENT_PATH_BYTES])
{
    int len = snprintf(path, SEGMENT_PATH_BYTES, "%s/%020llu", e->segments_folder,
                       (unsigned long long)number);
    must(len > 0 && len < SEGMENT_PATH_BYTES);
}

static struct segment *segment_new(struct engine *e, uint64_t number)
{
    char path[SEGMENT_PATH_BYTES];
    struct segment *s = MEM_NEW(struct segment);
    segment_path(e, number, path);
    s->engine = e;
    s->number = number;
    s->path = mem_strdup(path);
    list_init(&s->node);
    list_init(&s->rows);
    list_init(&s->open_node);
    return s;
}

static void segment_free(struct segment *s)
{
    must(list_empty(&s->rows) && s->users == 0 && !s->db);
    mem_free(s->path);
    mem_free(s);
}

static uint64_t now_us(const struct engine *e)
{
    return clock_mono_us(e->clock);
}

enum status segment_make(struct engine *e, uint64_t number, struct segment **out, struct fault *f)
{
    struct segment *s = segment_new(e, number);
    *out = NULL;
    enum status st = folder_make(s->path, f);
    if (st == OK)
        st = level_open(&e->level, s->path, true, &s->db, f);
    if (st == OK)
        st = folder_sync(s->path, f); /* I3: LevelDB renames CURRENT without syncing its folder */
    if (st != OK) {
        if (s->db)
            leveldb_close(s->db);
        s->db = NULL;
        (void)!folder_remove(s->path, NULL);
        segment_free(s);
        return st;
    }
    s->live = true;
    s->used_us = now_us(e);
    lock_take(&e->segment_mu);
    list_append(&e->open_segments, &s->open_node);
    lock_drop(&e->segment_mu);
    *out = s;
    return OK;
}

static struct segment *find_locked(struct engine *e, uint64_t number)
{
    LIST_EACH (node, keep, &e->open_segments) {
        struct segment *s = LIST_OWNER(node, struct segment, open_node);
        if (s->number == number)
            return s;
    }
    return NULL;
}

/* Closes it with the lock dropped meanwhile, and forgets it. Nobody uses it, nobody else closes it. */
static void close_locked(struct segment *s)
{
    struct engine *e = s->engine;
    must(s->users == 0 && !s->busy);
    s->busy = true;
    lock_drop(&e->segment_mu);
    if (s->db)
        leveldb_close(s->db);
    s->db = NULL;
    lock_take(&e->segment_mu);
    list_remove(&s->open_node);
    signal_all(&e->segment_idle);
    segment_free(s);
}

void segment_close(struct segment *s)
{
    struct engine *e = s->engine;
    lock_take(&e->segment_mu);
    while (s->users || s->busy)
        signal_wait(&e->segment_idle, &e->segment_mu);
    close_locked(s);
    lock_drop(&e->segment_mu);
}

/* The sealed one that nobody uses and that was used longest ago; NULL unless more than `most` are open, or it is older than `until_us`. */
static struct segment *to_close_locked(struct engine *e, unsigned most, uint64_t until_us)
{
    struct segment *oldest = NULL;
    unsigned sealed = 0;
    LIST_EACH (node, keep, &e->open_segments) {
        struct segment *s = LIST_OWNER(node, struct segment, open_node);
        if (s->live)
            continue;
        sealed++;
        if (s->users == 0 && !s->busy && (!oldest || s->used_us < oldest->used_us))
            oldest = s;
    }
    return oldest && (sealed > most || oldest->used_us <= until_us) ? oldest : NULL;
}

/* I2 */
static void make_room_locked(struct engine *e)
{
    struct segment *s;
    while ((s = to_close_locked(e, e->set.open_segments_max, 0)))
        close_locked(s);
}

void segment_close_idle(struct engine *e, uint64_t idle_us)
{
    struct segment *s;
    uint64_t now = now_us(e);
    lock_take(&e->segment_mu);
    while ((s = to_close_locked(e, UINT32_MAX, now > idle_us ? now - idle_us : 0)))
        close_locked(s);
    lock_drop(&e->segment_mu);
}

/* Opens a sealed one that nobody has open. The lock is dropped meanwhile; others who want it wait. */
static enum status open_locked(struct engine *e, uint64_t number, struct segment **out,
                               struct fault *f)
{
    struct segment *s = segment_new(e, number);
    s->busy = true;
    list_append(&e->open_segments, &s->open_node);
    lock_drop(&e->segment_mu);
    /* only a purge writes to a sealed segment: what its log holds are deletions, to be made again */
    enum status st = wal_cut(s->path, f);
    if (st == OK)
        st = level_open(&e->level, s->path, false, &s->db, f);
    lock_take(&e->segment_mu);
    s->busy = false;
    signal_all(&e->segment_idle);
    if (st != OK) {
        list_remove(&s->open_node);
        segment_free(s);
        return st;
    }
    *out = s;
    return OK;
}

enum status segment_use(struct engine *e, uint64_t number, struct segment **out, leveldb_t **db,
                        struct fault *f)
{
    enum status st = OK;
    struct segment *s;
    lock_take(&e->segment_mu);
    while ((s = find_locked(e, number)) && s->busy)
        signal_wait(&e->segment_idle, &e->segment_mu);
    if (!s)
        st = open_locked(e, number, &s, f);
    else if (!s->db)
        st = fault_set(f, IO_FAILED, "segment %s could not be reopened yet", s->path);
    if (st == OK) {
        s->users++;
        s->used_us = now_us(e);
        *out = s;
        *db = s->db;
        make_room_locked(e);
    }
    lock_drop(&e->segment_mu);
    return st;
}

void segment_unuse(struct segment *s)
{
    struct engine *e = s->engine;
    lock_take(&e->segment_mu);
    must(s->users > 0);
    if (--s->users == 0)
        signal_all(&e->segment_idle);
    make_room_locked(e);
    lock_drop(&e->segment_mu);
}

void segment_exclude(struct segment *s)
{
    struct engine *e = s->engine;
    lock_take(&e->segment_mu);
    while (s->busy)
        signal_wait(&e->segment_idle, &e->segment_mu);
    s->busy = true;
    while (s->users)
        signal_wait(&e->segment_idle, &e->segment_mu);
    lock_drop(&e->segment_mu);
}

void segment_include(struct segment *s)
{
    struct engine *e = s->engine;
    lock_take(&e->segment_mu);
    must(s->busy);
    s->busy = false;
    signal_all(&e->segment_idle);
    lock_drop(&e->segment_mu);
}

void segment_now_sealed(struct segment *s)
{
    struct engine *e = s->engine;
    lock_take(&e->segment_mu);
    s->live = false;
    s->used_us = now_us(e);
    make_room_locked(e);
    lock_drop(&e->segment_mu);
}

void segment_forget(struct engine *e, uint64_t number)
{
    struct segment *s;
    lock_take(&e->segment_mu);
    while ((s = find_locked(e, number)) && (s->busy || s->users))
        signal_wait(&e->segment_idle, &e->segment_mu);
    if (s)
        close_locked(s);
    lock_drop(&e->segment_mu);
}

uint64_t segment_disk_bytes(const char *path)
{
    uint64_t sum = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct stat facts;
        if (fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode))
            sum += (uint64_t)facts.st_blocks * 512;
    }
    closedir(folder);
    return sum;
}
