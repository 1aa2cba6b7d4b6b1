/* store_frame_read.c: files of frames, read.
 *
 * A file is read twice: first through, for where its whole frames end cannot be told before all
 * blocks behind them were seen (F3); then as the log.
 *
 * Files are read in pieces, not mapped: a sector that cannot be read is then an error, not the end
 * of the program. Thread: any. */
#include "shards/store_frame_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "shards/store_frame.h"
#include "shards/store_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE_BLOCKS = 64, PIECE_BYTES = PIECE_BLOCKS * FRAME_BLOCK_BYTES };

static enum status failed(const char *doing, const char *path, struct fault *f)
{
    return fault_set(f, status_from_errno(errno), "cannot %s %s: %m", doing, path);
}

enum status frame_each_block(int fd, const char *path, uint32_t blocks_max, frame_block_fn *see,
                             void *arg, struct fault *f)
{
    uint8_t *piece = (uint8_t *)mem_try(PIECE_BYTES);
    size_t got = PIECE_BYTES;
    enum status st = piece ? OK : fault_set(f, NO_MEMORY, "no memory to read %s", path);
    for (uint32_t at = 0; st == OK && got == PIECE_BYTES && at < blocks_max; at += PIECE_BLOCKS) {
        st = file_read_at(fd, path, (uint64_t)at * FRAME_BLOCK_BYTES, piece, PIECE_BYTES, &got, f);
        memset(piece + got, 0, PIECE_BYTES - got);
        uint32_t blocks = (uint32_t)((got + FRAME_BLOCK_BYTES - 1) / FRAME_BLOCK_BYTES);
        for (uint32_t i = 0; st == OK && i < blocks && at + i < blocks_max; i++)
            see(arg, at + i, piece + i * FRAME_BLOCK_BYTES);
    }
    mem_free(piece);
    return st;
}

static void scan_block(void *arg, uint32_t at, const uint8_t *block)
{
    (void)at;
    frame_scan_block((struct frame_scan *)arg, block);
}

/* Whether it begins as LevelDB's own logs do. No head does; but bytes in somebody's record may look like a block of frames. */
static enum status begins_raw(int fd, const char *path, bool *raw, struct fault *f)
{
    size_t got = 0;
    uint8_t *block = (uint8_t *)mem_try(WAL_BLOCK_BYTES);
    enum status st = block ? file_read_at(fd, path, 0, block, WAL_BLOCK_BYTES, &got, f)
                           : fault_set(f, NO_MEMORY, "no memory to read %s", path);
    *raw = st == OK && wal_begins_sound(bytes_of(block, got));
    mem_free(block);
    return st;
}

enum status frame_survey(int fd, const char *path, struct frame_scan *out, struct fault *f)
{
    bool raw;
    *out = (struct frame_scan){0};
    enum status st = begins_raw(fd, path, &raw, f);
    return st == OK && !raw ? frame_each_block(fd, path, UINT32_MAX, scan_block, out, f) : st;
}

/* ---- the log in them ---- */

struct frame_reader {
    const char *path;
    int fd;
    struct frame_scan scan;
    uint32_t at;       /* the next block */
    struct bytes rest; /* of the payload of the one before */
    uint8_t block[FRAME_BLOCK_BYTES];
};

enum status frame_reader_open(const char *path, struct frame_reader **out, struct fault *f)
{
    struct frame_reader *r = MEM_NEW(struct frame_reader);
    r->path = mem_strdup(path);
    r->at = FRAME_HEADS;
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status st = r->fd < 0 ? failed("open", path, f) : frame_survey(r->fd, path, &r->scan, f);
    if (st == OK && frame_scan_damaged(&r->scan))
        st = fault_set(f, CORRUPT, "%s is damaged behind byte %llu", path,
                       (unsigned long long)r->scan.blocks * FRAME_BLOCK_BYTES);
    else if (st == OK && !r->scan.framed)
        st = END;
    if (st != OK) {
        frame_reader_close(r);
        return st;
    }
    *out = r;
    return OK;
}

/* What was whole a moment ago is checked again. */
static enum status next_block(struct frame_reader *r, struct fault *f)
{
    size_t got;
    struct frame_block b;
    enum status st = file_read_at(r->fd, r->path, (uint64_t)r->at * FRAME_BLOCK_BYTES, r->block,
                                  FRAME_BLOCK_BYTES, &got, f);
    if (st != OK)
        return st;
    memset(r->block + got, 0, FRAME_BLOCK_BYTES - got);
    if (!frame_is_ours(&r->scan, r->at, r->block, &b) || !frame_block_whole(r->block, &b))
        return fault_set(f, CORRUPT, "%s: block %u has changed", r->path, r->at);
    r->at++;
    r->rest = frame_block_payload(r->block, &b);
    return OK;
}

enum status frame_reader_read(struct frame_reader *r, char *to, size_t len, size_t *got,
                              struct fault *f)
{
    *got = 0;
    while (*got < len) {
        if (r->rest.len == 0) {
            enum status st = r->at < r->scan.blocks ? next_block(r, f) : END;
            if (st != OK)
                return st == END ? OK : st;
        }
        size_t n = len - *got < r->rest.len ? len - *got : r->rest.len;
        if (to)
            memcpy(to + *got, r->rest.at, n);
        r->rest = bytes_of(r->rest.at + n, r->rest.len - n);
        *got += n;
    }
    return OK;
}

void frame_reader_close(struct frame_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    mem_free((void *)r->path);
    mem_free(r);
}
