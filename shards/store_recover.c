/* store_recover.c: from folders to a working store again: after a crash, and after a failed write.
 *
 * An unsealed segment (state 0 in the index, or a folder the index does not know) is opened by
 * LevelDB, which replays its write-ahead log into a table; its keys are walked into index rows, and
 * it is sealed. Writing goes on in a new segment.
 *
 * B1. What was acknowledged is in the replayed log: every commit was synced. A torn last write was
 * never acknowledged, and LevelDB drops it. B2. A segment that cannot be read is set aside in the
 * index as damaged, by name, and every log of its retention class refuses appends: where they end
 * is no longer known. Reads of all other segments, and other classes, go on. Thread: the opener's,
 * or the sealer's. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

struct gathering {
    leveldb_writebatch_t *batch;
    struct segment_summary summary;
    uint32_t room;
    struct store_row row; /* the one being put together: keys come sorted by log */
    bool any;
};

static void end_row(struct gathering *g)
{
    if (!g->any)
        return;
    index_put_row(g->batch, &g->row);
    struct segment_summary *m = &g->summary;
    if (m->streams == 0 || m->of[m->streams - 1].stream != g->row.place.stream) {
        if (m->streams == g->room) {
            uint32_t room = g->room ? 2 * g->room : 16;
            void *grown = mem_resize_try(m->of, room * sizeof(*m->of));
            must(grown);
            m->of = grown;
            g->room = room;
        }
        m->of[m->streams++] = (__typeof__(*m->of)){.stream = g->row.place.stream};
    }
    m->of[m->streams - 1].bytes += g->row.bytes;
    if (g->row.last_ms > m->of[m->streams - 1].last_ms)
        m->of[m->streams - 1].last_ms = g->row.last_ms;
}

static enum status gather_value(void *arg, const struct store_row *value, struct fault *f)
{
    struct gathering *g = arg;
    bool same = g->any && g->row.place.stream == value->place.stream &&
                g->row.place.shard == value->place.shard;
    if (same && value->first != g->row.last + 1)
        return fault_set(f, CORRUPT, "batches are missing between offsets %" PRIu64 " and %" PRIu64,
                         g->row.last, value->first);
    if (!same) {
        end_row(g);
        g->row = *value;
        g->any = true;
        return OK;
    }
    g->row.last = value->last;
    g->row.last_ms = value->last_ms;
    g->row.bytes += value->bytes;
    g->row.seals = value->seals;
    return OK;
}

static enum status set_aside(struct store *s, uint64_t number, uint32_t class_hours,
                             struct fault *f)
{
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    index_put_summary(
        b, &(struct segment_summary){.number = number, .state = 3, .class_hours = class_hours});
    return index_commit(s, b, f);
}

/* An empty segment leaves nothing. */
static enum status drop_empty(struct store *s, uint64_t number, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    index_remove_summary(b, number);
    enum status st = index_commit(s, b, f);
    segment_path(s, number, path);
    segment_cache_drop(s, number, false);
    return st == OK ? folder_remove(path, f) : st;
}

enum status store_recover_segment(struct store *s, uint64_t number, uint32_t class_hours,
                                  struct fault *f)
{
    struct segment *g = NULL;
    struct gathering all = {.batch = leveldb_writebatch_create(),
                            .summary = {.number = number, .state = 1, .class_hours = class_hours}};
    enum status st = segment_open_sealed(s, number, &g, f);
    if (st == OK)
        st = segment_walk(s, g, gather_value, &all, f);
    segment_unref(g);
    if (st == OK) {
        end_row(&all);
        index_put_summary(all.batch, &all.summary);
        st = all.any ? index_commit(s, all.batch, f)
                     : (leveldb_writebatch_destroy(all.batch), drop_empty(s, number, f));
    } else {
        leveldb_writebatch_destroy(all.batch);
    }
    mem_free(all.summary.of);
    if (st != CORRUPT)
        return st;
    trace(TRACE_ERROR, "store",
          "segment %020" PRIu64
          " is damaged and set aside; puts to streams kept %u hours are refused: %s",
          number, class_hours, f->text);
    return set_aside(s, number, class_hours, f); /* B2 */
}

static void mark_damaged(struct store *s, uint32_t class_hours)
{
    lock_take(&s->mu);
    store_volume_locked(s, class_hours)->damaged = true;
    lock_drop(&s->mu);
}

static enum status finish_drop(struct store *s, const struct segment_summary *m, struct fault *f)
{
    return drop_empty(s, m->number, f); /* its rows went with the change to "dropping" */
}

/* Folders that the index does not know: a spare never taken, or a drop cut off. */
static enum status remove_strays(struct store *s, struct fault *f)
{
    char path[STORE_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/segments", s->folder);
    DIR *dir = opendir(path);
    if (!dir)
        return fault_set(f, IO_FAILED, "%s: %m", path);
    struct dirent *entry;
    enum status st = OK;
    while (st == OK && (entry = readdir(dir))) {
        uint64_t number;
        if (strlen(entry->d_name) != 20 || !bytes_to_u64(bytes_text(entry->d_name), &number))
            continue;
        struct segment_summary m;
        enum status found = number ? index_next_summary(s, number - 1, &m, f) : END;
        bool known = found == OK && m.number == number;
        if (found == OK)
            mem_free(m.of);
        if (number >= s->next_segment)
            s->next_segment = number + 1;
        segment_path(s, number, path);
        if (!known)
            st = found < 0 ? found : folder_remove(path, f);
    }
    closedir(dir);
    return st;
}

enum status store_recover_all(struct store *s, struct fault *f)
{
    struct segment_summary m;
    uint64_t after = 0;
    enum status st;
    while ((st = index_next_summary(s, after, &m, f)) == OK) {
        after = m.number;
        s->next_segment = m.number + 1;
        mem_free(m.of);
        m.of = NULL;
        if (m.state == 0)
            st = store_recover_segment(s, m.number, m.class_hours, f);
        else if (m.state == 2)
            st = finish_drop(s, &m, f);
        else if (m.state == 3)
            mark_damaged(s, m.class_hours);
        if (st != OK)
            return st;
    }
    if (st != END)
        return st;
    after = 0; /* those set aside just now */
    while ((st = index_next_summary(s, after, &m, f)) == OK) {
        after = m.number;
        mem_free(m.of);
        if (m.state == 3)
            mark_damaged(s, m.class_hours);
    }
    return st == END ? remove_strays(s, f) : st;
}

/* ---- after a failed write ---- */

/* Where each log of the volume ends by the index; what is beyond in memory was never durable. */
static enum status reload_ends(struct store *s, struct volume *v, struct fault *f)
{
    struct store_log *logs[64];
    struct list gone;
    size_t at = 0, count;
    list_init(&gone);
    enum status st = OK;
    do {
        count = 0;
        void *value;
        lock_take(&s->mu);
        while (count < 64 && table_next(&s->logs, &at, &value)) {
            struct store_log *l = value;
            if (l->volume == v)
                logs[count++] = l;
        }
        lock_drop(&s->mu);
        for (size_t i = 0; i < count && st == OK; i++) {
            struct store_row row;
            st = index_last(s, logs[i]->log.place, &row, f);
            bool any = st == OK;
            if (!any && st != END)
                break;
            st = OK;
            lock_take(&s->tail.mu);
            uint64_t end = any ? row.last + 1 : 0;
            if (end != logs[i]->tail.bounds.end) {
                must(end > logs[i]->tail.bounds.end ||
                     logs[i]->tail.bounds.end == 0); /* acknowledged is never lost */
                tail_forget_locked(&s->tail, &logs[i]->tail, &gone);
                logs[i]->tail.bounds.end = end;
                logs[i]->tail.bounds.last_ms = any ? row.last_ms : 0;
                logs[i]->tail.bounds.sealed = any && row.seals;
                tail_wake_locked(&logs[i]->tail);
            }
            lock_drop(&s->tail.mu);
        }
    } while (count == 64 && st == OK);
    tail_release(&gone);
    return st;
}

static bool detach(struct store *s, struct volume *v, struct segment **out)
{
    lock_take(&s->mu);
    struct segment *g = v->active;
    bool alone = !g || atomic_load(&g->refs) == 2; /* the list's and the volume's */
    if (alone && g) {
        list_remove(&g->node);
        v->active = NULL;
    }
    lock_drop(&s->mu);
    *out = alone ? g : NULL;
    return alone;
}

void store_revive(struct store *s, struct volume *v)
{
    struct segment *g;
    struct fault f = {0};
    enum status st = OK;
    if (!detach(s, v, &g))
        return; /* a reader is in it: at the next tick */
    if (g) {
        uint64_t number = g->number;
        segment_unref(g);
        segment_unref(g); /* closed: now it can be opened as after a crash */
        st = store_recover_segment(s, number, v->class_hours, &f);
        v->unrecovered = st == OK ? 0 : number;
    } else if (v->unrecovered) {
        st = store_recover_segment(s, v->unrecovered, v->class_hours, &f);
        v->unrecovered = st == OK ? 0 : v->unrecovered;
    }
    if (st == OK)
        st = reload_ends(s, v, &f);
    lock_take(&s->mu);
    v->failed = st != OK;
    v->retry_us = clock_mono_us(s->settings.clock) + 1000000;
    lock_drop(&s->mu);
    if (st == OK)
        trace(TRACE_INFO, "store", "puts are taken again");
    else
        TRACE_SELDOM(TRACE_WARN, "store", "not back yet: %s", f.text);
}
