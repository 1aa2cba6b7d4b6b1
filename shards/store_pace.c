/* store_pace.c: a table is written out while it grows, not all at once when it is done.
 *
 * LevelDB writes a sealing segment's table into the page cache as fast as it can, then syncs it.
 * That sync hands the disk tens of megabytes in one go, and the commits' small syncs queue behind
 * them. So while a segment is flushed, this thread follows the table and asks for each new piece to
 * be written, waiting for the one before: the final sync finds little left to do.
 *
 * Nothing depends on it: a piece not written here is written by that sync. Thread: housekeeping
 * ("pacer"), one. */
#include "shards/store_internal.h"

#include "base/must.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 512 * 1024, LOOK_AGAIN_MS = 1 };

/* Writes what has grown behind *written, a piece at a time. */
static void write_out(int fd, off_t *written)
{
    struct stat facts;
    while (fstat(fd, &facts) == 0 && facts.st_size - *written >= PIECE_BYTES) {
        (void)!sync_file_range(fd, *written, PIECE_BYTES,
                               SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                   SYNC_FILE_RANGE_WAIT_AFTER);
        *written += PIECE_BYTES;
    }
}

void store_pacer_run(void *arg)
{
    struct store *s = arg;
    int fd = -1;
    off_t written = 0;
    lock_take(&s->mu);
    while (!s->pacer_stop) {
        uint64_t flushing = s->flushing;
        if (!flushing) {
            signal_wait(&s->pace, &s->mu);
            continue;
        }
        lock_drop(&s->mu);
        if (fd < 0)
            fd = segment_table_open(s, flushing);
        if (fd >= 0)
            write_out(fd, &written);
        lock_take(&s->mu);
        if (s->flushing == flushing)
            signal_wait_ms(&s->pace, &s->mu, LOOK_AGAIN_MS);
        if (s->flushing != flushing) {
            if (fd >= 0)
                close(fd);
            fd = -1;
            written = 0;
        }
    }
    lock_drop(&s->mu);
}

void store_flush(struct store *s, struct segment *g)
{
    lock_take(&s->mu);
    s->flushing = g->number;
    signal_all(&s->pace);
    lock_drop(&s->mu);
    leveldb_compact_range(g->db, NULL, 0, NULL, 0);
    lock_take(&s->mu);
    s->flushing = 0;
    signal_all(&s->pace);
    lock_drop(&s->mu);
}
