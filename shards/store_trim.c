/* store_trim.c: gives the disk back.
 *
 * T1. A segment goes whole once everything in it is past its stream's horizon, or of deleted
 * streams. Its index rows go first, in one synced change with its state "dropping"; then its
 * folder: a crash between is finished at the next start. T2. A sealed segment of which deleted
 * streams hold more than 20 % is purged of them: keys deleted and compacted away. T3. A live
 * segment that holds much of deleted streams is sealed early, so that T1 and T2 can have it.
 * Thread: housekeeping. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trace.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PURGE_PERCENT = 20, LIVE_DEAD_BYTES = 1 << 20 };

/* The log's begin moves past what was dropped. */
static void move_begin(struct store *s, const struct store_row *row)
{
    uint8_t key[SEGMENT_KEY_BYTES];
    segment_key(row->place, 0, key);
    lock_take(&s->mu);
    struct store_log *l = table_find(&s->logs, bytes_of(key, 12));
    lock_take(&s->tail.mu);
    if (l && l->tail.bounds.begin <= row->last)
        l->tail.bounds.begin = row->last + 1;
    lock_drop(&s->tail.mu);
    lock_drop(&s->mu);
}

/* Which rows go: all of a segment, or those of dead streams. */
struct dropping {
    struct store *store;
    leveldb_writebatch_t *batch;
    const struct log_keeper *keeper;
    bool dead_only;
    leveldb_writebatch_t *keys; /* of the segment; with dead_only */
    struct store_row row;
    bool any;
};

static void end_row(struct dropping *d)
{
    if (!d->any)
        return;
    index_remove_row(d->batch, &d->row);
    move_begin(d->store, &d->row);
    d->any = false;
}

static enum status drop_value(void *arg, const struct store_row *value, struct fault *f)
{
    struct dropping *d = arg;
    (void)f;
    if (d->dead_only && d->keeper->begin_ms(d->keeper, value->place.stream) != UINT64_MAX)
        return OK;
    if (d->keys) {
        uint8_t key[SEGMENT_KEY_BYTES];
        segment_key(value->place, value->first, key);
        leveldb_writebatch_delete(d->keys, (const char *)key, SEGMENT_KEY_BYTES);
    }
    if (d->any && d->row.place.stream == value->place.stream &&
        d->row.place.shard == value->place.shard) {
        d->row.last = value->last;
        return OK;
    }
    end_row(d);
    d->row = *value;
    d->any = true;
    return OK;
}

static enum status drop_segment(struct store *s, const struct segment_summary *m,
                                const struct log_keeper *k, struct fault *f)
{
    struct segment *g;
    struct dropping d = {.store = s, .keeper = k, .batch = leveldb_writebatch_create()};
    enum status st = segment_open_sealed(s, m->number, &g, f);
    if (st == OK) {
        st = segment_walk(s, g, drop_value, &d, f);
        end_row(&d);
        segment_unref(g);
    }
    if (st != OK) {
        leveldb_writebatch_destroy(d.batch);
        return st;
    }
    struct segment_summary dropping = {
        .number = m->number, .state = 2, .class_hours = m->class_hours};
    index_put_summary(d.batch, &dropping);
    st = index_commit(s, d.batch, f); /* T1 */
    if (st != OK)
        return st;
    char path[STORE_PATH_BYTES];
    segment_cache_drop(s, m->number, false);
    segment_path(s, m->number, path);
    st = folder_remove(path, f); /* a reader in it keeps its files until it is through */
    if (st != OK)
        return st;
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    index_remove_summary(b, m->number);
    return index_commit(s, b, f);
}

static enum status purge_segment(struct store *s, struct segment_summary *m,
                                 const struct log_keeper *k, struct fault *f)
{
    struct segment *g;
    struct dropping d = {.store = s, .keeper = k, .dead_only = true};
    enum status st = segment_open_sealed(s, m->number, &g, f);
    if (st != OK)
        return st;
    d.batch = leveldb_writebatch_create();
    d.keys = leveldb_writebatch_create();
    st = segment_walk(s, g, drop_value, &d, f);
    end_row(&d);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->streams; i++)
        if (k->begin_ms(k, m->of[i].stream) != UINT64_MAX)
            m->of[kept++] = m->of[i];
    m->streams = kept;
    index_put_summary(d.batch, m);
    if (st == OK) {
        char *error = NULL;
        leveldb_write(g->db, s->synced, d.keys, &error);
        st = error ? store_leveldb_fault(error, "a purge", f) : OK;
    }
    leveldb_writebatch_destroy(d.keys);
    if (st == OK) {
        leveldb_compact_range(g->db, NULL, 0, NULL, 0);
        st = index_commit(s, d.batch, f);
    } else {
        leveldb_writebatch_destroy(d.batch);
    }
    segment_unref(g);
    return st;
}

/* What a live segment holds, copied out from under the lock: the keeper takes locks of its own. */
struct holding {
    uint64_t segment, bytes;
    size_t count;
    struct held {
        uint64_t stream, bytes;
    } * of;
};

static bool look_locked(struct volume *v, struct holding *out)
{
    if (!v->active || v->busy || v->failed)
        return false;
    struct segment *g = v->active;
    *out = (struct holding){.segment = g->number, .bytes = g->bytes};
    out->of = mem_must((g->rows.count + 1) * sizeof(*out->of));
    size_t at = 0;
    void *value;
    while (table_next(&g->rows, &at, &value)) {
        const struct store_row *row = value;
        out->of[out->count++] = (struct held){row->place.stream, row->bytes};
    }
    return true;
}

static bool holds_much_dead(const struct holding *h, const struct log_keeper *k)
{
    uint64_t dead = 0;
    for (size_t i = 0; i < h->count; i++)
        if (k->begin_ms(k, h->of[i].stream) == UINT64_MAX)
            dead += h->of[i].bytes;
    return dead > LIVE_DEAD_BYTES || dead * 100 > h->bytes * PURGE_PERCENT;
}

/* T3. Volumes are never freed while the store is open, so the walk may let go of the lock. */
static void seal_dead(struct store *s, const struct log_keeper *k)
{
    lock_take(&s->mu);
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        struct holding h;
        if (!look_locked(v, &h))
            continue;
        lock_drop(&s->mu);
        bool much = holds_much_dead(&h, k);
        mem_free(h.of);
        lock_take(&s->mu);
        if (much && v->active && v->active->number == h.segment && !v->busy && !v->failed)
            segment_seal_locked(s, v);
    }
    lock_drop(&s->mu);
}

static enum status trim_one(struct store *s, struct segment_summary *m, const struct log_keeper *k,
                            bool *changed, struct fault *f)
{
    uint64_t dead = 0, all = 0;
    bool past = true;
    for (uint32_t i = 0; i < m->streams; i++) {
        uint64_t begin_ms = k->begin_ms(k, m->of[i].stream);
        all += m->of[i].bytes;
        dead += begin_ms == UINT64_MAX ? m->of[i].bytes : 0;
        past = past && m->of[i].last_ms < begin_ms;
    }
    *changed = past || (dead > 0 && dead * 100 >= all * PURGE_PERCENT);
    if (past)
        return drop_segment(s, m, k, f);
    return *changed ? purge_segment(s, m, k, f) : OK;
}

enum status store_trim(struct log_engine *engine, const struct log_keeper *k, uint64_t now_ms,
                       uint64_t budget_ms, struct fault *f)
{
    struct store *s = store_of(engine);
    uint64_t until_us = clock_mono_us(s->settings.clock) + budget_ms * 1000;
    struct segment_summary m;
    uint64_t after = 0;
    enum status st;
    (void)now_ms;
    seal_dead(s, k);
    while ((st = index_next_summary(s, after, &m, f)) == OK) {
        bool changed = false;
        after = m.number;
        if (m.state == 1)
            st = trim_one(s, &m, k, &changed, f);
        mem_free(m.of);
        if (st != OK) {
            TRACE_SELDOM(TRACE_WARN, "store", "segment %020" PRIu64 " could not be trimmed: %s",
                         after, f->text);
            return st;
        }
        if (changed && clock_mono_us(s->settings.clock) > until_us)
            return OK;
    }
    return st;
}

void store_usage(struct log_engine *engine, struct log_usage *out)
{
    struct store *s = store_of(engine);
    struct segment_summary m;
    struct fault f;
    uint64_t after = 0;
    *out = (struct log_usage){.tail_bytes = tail_bytes(&s->tail)};
    while (index_next_summary(s, after, &m, &f) == OK) {
        after = m.number;
        for (uint32_t i = 0; i < m.streams; i++)
            out->live_bytes += m.of[i].bytes;
        out->segments++;
        mem_free(m.of);
    }
    lock_take(&s->mu);
    out->queued_bytes = s->queued_bytes;
    LIST_EACH(node, keep, &s->live)
    out->memory_bytes += LIST_OWNER(node, struct segment, node)->bytes;
    lock_drop(&s->mu);
    out->disk_bytes = out->live_bytes + out->memory_bytes;
}
