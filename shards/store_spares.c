/* store_spares.c: write-ahead logs that nobody needs any more, kept to be written over.
 *
 * A write to blocks that a file has already is one request to the disk and one flush; one that makes
 * the file longer also has to write where the new blocks are. So a log whose segment is sealed is not
 * removed: it waits here to become another segment's log.
 *
 *   segments/N/000003.log --store_spares_keep--> spares/K.log --store_spares_take, heads written, store_spares_place--> segments/M/000003.log
 *
 * Promises: U1 to U4 in the header. Left to others: why old content does no harm (store_frame.c). */
#include "shards/store_spares.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct spare {
    uint64_t number, bytes;
};

struct store_spares {
    char folder[SPARE_PATH_BYTES - 32]; /* fixed at birth */
    struct lock mu;
    /* under mu */
    bool allowed;
    uint32_t count;
    uint64_t next, bytes;
    struct spare of[STORE_SPARES_MAX];
};

static void spare_path(const struct store_spares *s, uint64_t number, char out[SPARE_PATH_BYTES])
{
    must(snprintf(out, SPARE_PATH_BYTES, "%s/%020" PRIu64 ".log", s->folder, number) <
         SPARE_PATH_BYTES);
}

/* The folder of a path, durable. */
static enum status sync_folder_of(const char *path, struct fault *f)
{
    char folder[SPARE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    must(slash && (size_t)(slash - path) < sizeof(folder));
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return folder_sync(folder, f);
}

enum status store_spares_open(const char *folder, struct store_spares **out, struct fault *f)
{
    enum status st = folder_remove(folder, f); /* U3: what an earlier run kept */
    if (st == OK)
        st = folder_make(folder, f);
    if (st != OK)
        return st;
    struct store_spares *s = MEM_NEW(struct store_spares);
    must((size_t)snprintf(s->folder, sizeof(s->folder), "%s", folder) < sizeof(s->folder));
    lock_init(&s->mu, LOCK_SPARES);
    s->allowed = true;
    s->next = 1;
    *out = s;
    return OK;
}

void store_spares_close(struct store_spares *s)
{
    if (!s)
        return;
    store_spares_allow(s, false);
    lock_fini(&s->mu);
    mem_free(s);
}

bool store_spares_take(struct store_spares *s, char path[SPARE_PATH_BYTES])
{
    lock_take(&s->mu);
    bool kept = s->count > 0;
    uint64_t number = kept ? s->of[--s->count].number : s->next++;
    s->bytes -= kept ? s->of[s->count].bytes : 0;
    lock_drop(&s->mu);
    spare_path(s, number, path);
    return kept;
}

enum status store_spares_place(struct store_spares *s, const char *taken, const char *path,
                               struct fault *f)
{
    if (rename(taken, path) != 0)
        return fault_set(f, status_from_errno(errno), "cannot rename %s to %s: %m", taken, path);
    enum status st = sync_folder_of(path, f);
    return st == OK ? folder_sync(s->folder, f) : st; /* U1 */
}

/* A place for a file of so many bytes; 0: there is none. */
static uint64_t reserve(struct store_spares *s, uint64_t bytes)
{
    lock_take(&s->mu);
    bool room = s->allowed && s->count < STORE_SPARES_MAX && bytes > 0 &&
                s->bytes + bytes <= STORE_SPARES_BYTES_MAX;
    uint64_t number = room ? s->next++ : 0;
    lock_drop(&s->mu);
    return number;
}

/* false: others were quicker. */
static bool list_spare(struct store_spares *s, uint64_t number, uint64_t bytes)
{
    lock_take(&s->mu);
    bool room =
        s->allowed && s->count < STORE_SPARES_MAX && s->bytes + bytes <= STORE_SPARES_BYTES_MAX;
    if (room) {
        s->of[s->count++] = (struct spare){number, bytes};
        s->bytes += bytes;
    }
    lock_drop(&s->mu);
    return room;
}

static enum status remove_file(const char *path, struct fault *f)
{
    if (unlink(path) == 0)
        return OK;
    return fault_set(f, status_from_errno(errno), "cannot remove %s: %m", path);
}

enum status store_spares_keep(struct store_spares *s, const char *path, struct fault *f)
{
    char spare[SPARE_PATH_BYTES];
    struct stat facts;
    struct fault why = {0};
    bool usable = lstat(path, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1 &&
                  (facts.st_mode & 0777) == 0600; /* U1 */
    uint64_t bytes = usable ? (uint64_t)facts.st_blocks * 512 : 0;
    uint64_t number = reserve(s, bytes);
    if (number == 0)
        return remove_file(path, f);
    spare_path(s, number, spare);
    if (rename(path, spare) != 0)
        return remove_file(path, f);
    enum status st = sync_folder_of(path, &why); /* U2 */
    if (st == OK && list_spare(s, number, bytes))
        return OK;
    if (st != OK)
        TRACE_SELDOM(TRACE_WARN, "store", "a log is not kept to be used again: %s", why.text);
    return remove_file(spare, f);
}

void store_spares_allow(struct store_spares *s, bool allowed)
{
    struct spare gone[STORE_SPARES_MAX];
    lock_take(&s->mu);
    uint32_t count = allowed ? 0 : s->count;
    memcpy(gone, s->of, sizeof(gone));
    s->count -= count;
    s->bytes = allowed ? s->bytes : 0;
    s->allowed = allowed;
    lock_drop(&s->mu);
    for (uint32_t i = 0; i < count; i++) {
        char path[SPARE_PATH_BYTES];
        spare_path(s, gone[i].number, path);
        (void)!unlink(path); /* U4: the next start removes it */
    }
}

uint64_t store_spares_bytes(struct store_spares *s)
{
    lock_take(&s->mu);
    uint64_t bytes = s->bytes;
    lock_drop(&s->mu);
    return bytes;
}
