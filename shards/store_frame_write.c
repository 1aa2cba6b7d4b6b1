/* store_frame_write.c: files of frames, written.
 *
 * What is appended gathers in blocks in memory; a sync writes them in one go, past the page cache
 * (O_DIRECT) where the file system has that, and has the disk flush its own cache. Over blocks that
 * the file has already, that is all that a commit costs: no inode, no map of blocks. The page cache
 * would copy the bytes once more, and keep what nobody reads.
 *
 * A frame larger than the buffer goes out in several writes; it counts once its last block is there.
 * With durability = relaxed a frame is what one flush wrote, through the page cache.
 *
 * Promises: R1 to R4 in store_frame_file.h. Thread: one at a time. */
#include "shards/store_frame_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "shards/store_frame.h"
#include "shards/store_spares.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BLOCKS = 256 };

/* To make a file longer costs the disk two requests more than writing over what is there. So a small frame that has to, as all have in a file's first use,
 * takes zeros along, in the same write, for those that follow it. A large one would write twice what it writes to gain little; and where the kernel writes when
 * it likes (relaxed), nothing waits for that. */
enum { AHEAD_BLOCKS = 16, AHEAD_FRAME_BLOCKS_MAX = 4 };

struct frame_writer {
    /* fixed at birth */
    char *path;
    struct store_spares *spares;
    bool at_flush;
    /* from the first append on */
    int fd;
    bool direct;
    uint64_t generation;
    uint8_t *memory, *buffer; /* as it was allocated, and on a block's border */
    /* of the frame being gathered */
    uint32_t blocks; /* begun in the buffer */
    uint32_t used;   /* bytes of payload in the last of them */
    bool inside;     /* blocks of it were written before those */
    /* of the next block to be written */
    uint32_t block, frame, synced;
    uint32_t reach; /* blocks that the file has */
    uint64_t offset;
    struct fault failed; /* R3: its status is OK until then */
};

static enum status fail(struct frame_writer *w, const char *doing, struct fault *f)
{
    fault_set(&w->failed, status_from_errno(errno), "cannot %s %s: %m", doing, w->path);
    return fault_set(f, w->failed.status, "%s", w->failed.text);
}

static enum status fail_as(struct frame_writer *w, enum status st, struct fault *f)
{
    w->failed = *f;
    w->failed.status = st;
    return st;
}

static enum status refuse(const struct frame_writer *w, struct fault *f)
{
    return fault_set(f, w->failed.status, "%s", w->failed.text);
}

/* ---- the file ---- */

/* Some file systems take O_DIRECT when a file is opened and refuse the write. */
static bool give_up_direct(struct frame_writer *w)
{
    int flags = w->direct && errno == EINVAL ? fcntl(w->fd, F_GETFL) : -1;
    if (flags < 0 || fcntl(w->fd, F_SETFL, flags & ~O_DIRECT) != 0) {
        errno = EINVAL;
        return false;
    }
    w->direct = false;
    return true;
}

/* The first `count` blocks of the buffer, where the file's next ones go; and the `ahead` behind them, if the disk has room for those. */
static enum status write_blocks(struct frame_writer *w, uint32_t count, uint32_t ahead,
                                struct fault *f)
{
    size_t needed = (size_t)count * FRAME_BLOCK_BYTES, done = 0;
    for (size_t len = needed + (size_t)ahead * FRAME_BLOCK_BYTES; done < len;) {
        off_t at = (off_t)w->block * FRAME_BLOCK_BYTES + (off_t)done;
        ssize_t n = pwrite(w->fd, w->buffer + done, len - done, at);
        if (n >= 0)
            done += (size_t)n;
        else if (len > needed && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            len = needed;
        else if (errno != EINTR && !(errno == EINVAL && give_up_direct(w)))
            return fail(w, "write", f);
    }
    uint32_t written = w->block + (uint32_t)(done / FRAME_BLOCK_BYTES);
    w->reach = written > w->reach ? written : w->reach;
    w->block += count;
    return OK;
}

static int open_to_write(const char *path, bool direct)
{
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);
}

/* Both heads, durable, while the file is still nobody's log. */
static enum status write_heads(struct frame_writer *w, const char *taken, struct fault *f)
{
    w->direct = !w->at_flush;
    w->fd = open_to_write(taken, w->direct);
    if (w->fd < 0 && w->direct && errno == EINVAL) {
        w->direct = false;
        w->fd = open_to_write(taken, false);
    }
    struct stat facts;
    if (w->fd < 0 || fstat(w->fd, &facts) != 0)
        return fail(w, "open a file for", f);
    w->reach = (uint32_t)(facts.st_size / FRAME_BLOCK_BYTES);
    for (uint32_t i = 0; i < FRAME_HEADS; i++)
        frame_block_seal(
            w->buffer + i * FRAME_BLOCK_BYTES,
            &(struct frame_block){.generation = w->generation, .block = i, .head = true});
    enum status st = write_blocks(w, FRAME_HEADS, 0, f);
    return st != OK || fsync(w->fd) == 0 ? st : fail(w, "sync", f);
}

/* From here on the log is there, empty. */
static enum status begin(struct frame_writer *w, struct fault *f)
{
    char taken[SPARE_PATH_BYTES];
    size_t room = ((size_t)BUFFER_BLOCKS + 1) * FRAME_BLOCK_BYTES;
    w->memory = (uint8_t *)mem_must(room); /* pages never touched cost nothing */
    w->buffer = w->memory +
                (FRAME_BLOCK_BYTES - (uintptr_t)w->memory % FRAME_BLOCK_BYTES) % FRAME_BLOCK_BYTES;
    random_bytes(&w->generation, sizeof(w->generation));
    store_spares_take(w->spares, taken);
    enum status st = write_heads(w, taken, f);
    if (st == OK) {
        st = store_spares_place(w->spares, taken, w->path, f);
        st = st == OK ? OK : fail_as(w, st, f);
    }
    if (st != OK)
        (void)!unlink(taken);
    return st;
}

/* ---- frames ---- */

static void seal_blocks(struct frame_writer *w, bool ends)
{
    for (uint32_t i = 0; i < w->blocks; i++) {
        bool last = i + 1 == w->blocks;
        uint8_t *block = w->buffer + (size_t)i * FRAME_BLOCK_BYTES;
        struct frame_block b = {
            .generation = w->generation,
            .offset = w->offset,
            .block = w->block + i,
            .frame = w->frame,
            .synced = w->synced,
            .used = (uint16_t)(last ? w->used : FRAME_ROOM),
            .begins = i == 0 && !w->inside,
            .ends = last && ends,
        };
        memset(block + FRAME_HEAD_BYTES + b.used, 0, (size_t)FRAME_ROOM - b.used);
        frame_block_seal(block, &b);
        w->offset += b.used;
    }
}

/* How many blocks of zeros, now in the buffer, go out behind the frame. */
static uint32_t lay_ahead(struct frame_writer *w)
{
    bool grows = w->block + w->blocks > w->reach;
    if (!grows || w->at_flush || w->inside || w->blocks > AHEAD_FRAME_BLOCKS_MAX)
        return 0;
    uint32_t ahead = AHEAD_BLOCKS - w->blocks;
    memset(w->buffer + (size_t)w->blocks * FRAME_BLOCK_BYTES, 0, (size_t)ahead * FRAME_BLOCK_BYTES);
    return ahead;
}

static enum status write_out(struct frame_writer *w, bool ends, struct fault *f)
{
    seal_blocks(w, ends);
    enum status st = write_blocks(w, w->blocks, lay_ahead(w), f);
    w->blocks = 0;
    w->used = 0;
    w->inside = !ends;
    w->frame += ends;
    return st;
}

static enum status end_frame(struct frame_writer *w, struct fault *f)
{
    if (w->failed.status != OK)
        return refuse(w, f);
    return w->blocks ? write_out(w, true, f) : OK;
}

enum status frame_writer_open(const char *path, struct store_spares *spares, bool at_flush,
                              struct frame_writer **out, struct fault *f)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return fault_set(f, status_from_errno(errno), "cannot remove %s: %m", path);
    struct frame_writer *w = MEM_NEW(struct frame_writer);
    w->path = mem_strdup(path);
    w->spares = spares;
    w->at_flush = at_flush;
    w->fd = -1;
    *out = w;
    return OK;
}

enum status frame_writer_append(struct frame_writer *w, const char *data, size_t len,
                                struct fault *f)
{
    enum status st = w->failed.status != OK ? refuse(w, f) : w->buffer ? OK : begin(w, f);
    while (st == OK && len > 0) {
        if (w->blocks == 0 || w->used == FRAME_ROOM) {
            if (w->blocks == BUFFER_BLOCKS)
                st = write_out(w, false, f);
            w->blocks++;
            w->used = 0;
            continue;
        }
        size_t n = len < FRAME_ROOM - w->used ? len : FRAME_ROOM - w->used;
        uint8_t *block = w->buffer + (size_t)(w->blocks - 1) * FRAME_BLOCK_BYTES;
        memcpy(block + FRAME_HEAD_BYTES + w->used, data, n);
        w->used += (uint32_t)n;
        data += n;
        len -= n;
    }
    return st;
}

enum status frame_writer_flush(struct frame_writer *w, struct fault *f)
{
    if (w->at_flush)
        return end_frame(w, f); /* R4 */
    return w->failed.status != OK ? refuse(w, f) : OK;
}

enum status frame_writer_sync(struct frame_writer *w, struct fault *f)
{
    enum status st = end_frame(w, f);
    if (st != OK || w->fd < 0)
        return st;
    if (fdatasync(w->fd) != 0)
        return fail(w, "sync", f);
    w->synced = w->frame;
    return OK;
}

enum status frame_writer_close(struct frame_writer *w, struct fault *f)
{
    enum status st = w->failed.status != OK ? OK : end_frame(w, f);
    if (w->fd >= 0 && close(w->fd) != 0 && errno != EINTR && st == OK)
        st = fault_set(f, status_from_errno(errno), "cannot close %s: %m", w->path);
    mem_free(w->memory);
    mem_free(w->path);
    mem_free(w);
    return st;
}
