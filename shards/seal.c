/* seal.c: full segments become tables.
 *
 * Sealing forces a segment's memtable out into one table: every byte is then written twice in all, as log and as table, and
 * never again. Its rows go into the index in one synced write; only after that do they leave memory.
 *
 * LevelDB writes the table as fast as it can and then syncs it; the whole of it at once beside the commits' small syncs would
 * make those wait. So a second thread, the pacer, follows the table as it grows and has it written out a piece at a time.
 *
 * I1. A segment's rows are in memory until they are in the index: a reader finds them in one of the two.
 * I2. A flush that failed loses nothing: the log it came from is still there. The segment is recovered like one whose write
 *     failed.
 *
 * Left to others: when to seal (group_commit.c, chores.c), failures (recover.c).
 * Thread: the sealer, one segment at a time, oldest first; the pacer beside it. */
#include "shards/engine_internal.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/must.h"
#include "base/trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct metric *seal_seconds, *unsealed_gauge;

void segment_to_sealer(struct segment *s)
{
    struct engine *e = s->engine;
    must(lock_is_mine(&e->mu));
    list_append(&e->sealing, &s->node);
    e->sealing_count++;
    signal_all(&e->seal_work);
}

/* What the index must hold for this segment. */
static struct index_change *change_of(struct segment *s, struct segment_row *row)
{
    struct engine *e = s->engine;
    struct index_change *c = index_change_new();
    *row = (struct segment_row){s->number, SEGMENT_SEALED, segment_disk_bytes(s->path), 0};
    lock_take(&e->tail.mu);
    LIST_EACH (node, keep, &s->rows) {
        const struct range *r = &LIST_OWNER(node, struct live_row, in_segment)->range;
        index_put_range(c, r);
        if (r->last_ms > row->last_ms)
            row->last_ms = r->last_ms;
    }
    lock_drop(&e->tail.mu);
    index_put_segment(c, row);
    return c;
}

static enum status flush(struct segment *s, struct fault *f)
{
    leveldb_compact_range(s->db, NULL, 0, NULL, 0);
    if (!level_has_tables(s->db)) /* it does not say whether it succeeded */
        return fault_set(f, IO_FAILED, "segment %s could not be flushed", s->path);
    return OK;
}

static enum status seal(struct segment *s, struct segment_row *row, struct fault *f)
{
    struct engine *e = s->engine;
    enum status st = flush(s, f);
    if (st != OK)
        return st;
    struct index_change *c = change_of(s, row);
    st = index_apply(e->index, c, f);
    index_change_free(c);
    return st;
}

void segment_rows_leave(struct segment *s)
{
    struct engine *e = s->engine;
    must(lock_is_mine(&e->mu));
    lock_take(&e->tail.mu);
    struct list rows;
    list_init(&rows);
    list_splice(&rows, &s->rows);
    LIST_EACH (node, keep, &rows)
        list_remove(&LIST_OWNER(node, struct live_row, in_segment)->in_log);
    lock_drop(&e->tail.mu);
    LIST_EACH (node, keep, &rows) {
        struct live_row *row = LIST_OWNER(node, struct live_row, in_segment);
        row->log->row_count--;
        log_put(e, row->log);
        mem_free(row);
    }
}

void segment_is_indexed(struct segment *s, const struct segment_row *row, uint64_t live_bytes)
{
    struct engine *e = s->engine;
    must(lock_is_mine(&e->mu));
    e->unsealed_bytes -= s->bytes;
    s->bytes = 0;
    e->sealed_count++;
    e->sealed_disk_bytes += row->disk_bytes;
    e->sealed_live_bytes += live_bytes;
    metric_set(unsealed_gauge, (int64_t)e->unsealed_bytes);
    volumes_unpark(e);
    signal_all(&e->progress);
}

static uint64_t rows_bytes(struct segment *s)
{
    uint64_t sum = 0;
    lock_take(&s->engine->tail.mu);
    LIST_EACH (node, keep, &s->rows)
        sum += LIST_OWNER(node, struct live_row, in_segment)->range.bytes;
    lock_drop(&s->engine->tail.mu);
    return sum;
}

static void finish(struct segment *s, enum status st, const struct segment_row *row)
{
    struct engine *e = s->engine;
    uint64_t live_bytes = rows_bytes(s);
    lock_take(&e->mu);
    list_remove(&s->node);
    e->sealing_count--;
    if (st == OK) {
        segment_is_indexed(s, row, live_bytes);
        segment_rows_leave(s);
    } else {
        list_append(&e->failed, &s->node); /* I2 */
        signal_all(&e->chore);
    }
    lock_drop(&e->mu);
    if (st == OK)
        segment_now_sealed(s);
}

static void seal_and_finish(struct segment *s)
{
    const struct clock *clock = s->engine->clock;
    uint64_t begin_us = clock_mono_us(clock);
    struct segment_row row;
    struct fault fault;
    enum status st = seal(s, &row, &fault);
    if (st != OK)
        trace(TRACE_ERROR, "log", "sealing failed, to be tried again: %s", fault.text);
    metric_observe_us(seal_seconds, clock_mono_us(clock) - begin_us);
    finish(s, st, &row);
    malloc_trim(0); /* a memtable's memory goes back to the system */
}

static void sealer_run(void *arg)
{
    struct engine *e = (struct engine *)arg;
    thread_must_be(THREAD_HOUSEKEEPING);
    /* LevelDB's own background thread, made at the first flush, inherits this. */
    (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), 5);
    lock_take(&e->mu);
    for (;;) {
        struct list *first = list_first(&e->sealing);
        if (first) {
            lock_drop(&e->mu);
            seal_and_finish(LIST_OWNER(first, struct segment, node));
            lock_take(&e->mu);
        } else if (e->stop_sealer) {
            break;
        } else {
            signal_wait(&e->seal_work, &e->mu);
        }
    }
    lock_drop(&e->mu);
}

void sealer_start(struct engine *e)
{
    seal_seconds = metric_histogram("sluice_log_seal_seconds", "Time to seal a segment.", "");
    unsealed_gauge =
        metric_gauge("sluice_log_memtable_bytes", "Bytes in segments not sealed yet.", "");
    thread_start(&e->sealer, THREAD_HOUSEKEEPING, "log-seal", sealer_run, e);
}

void sealer_stop(struct engine *e)
{
    lock_take(&e->mu);
    e->stop_sealer = true;
    signal_all(&e->seal_work);
    lock_drop(&e->mu);
    thread_join(&e->sealer);
}
