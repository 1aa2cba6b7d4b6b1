/* store_trim.c: gives the disk back.
 *
 * T1. A segment goes whole once everything in it is past its stream's horizon, or of deleted
 * streams. Its index rows go first, in one synced change with its state "dropping"; then its
 * folder: a crash between is finished at the next start.
 * T2. A sealed segment of which deleted
 * streams hold more than 20 % is purged of them: keys deleted and compacted away.
 * T3. A live
 * segment that holds much of deleted streams is sealed early, so that T1 and T2 can have it.
 * T4. A
 * log that lost rows keeps a floor in the index: where it begins, and, if it has no row left, where
 * it ended and whether it is sealed. So no offset is ever given twice.
 * Thread: housekeeping. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trace.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PURGE_PERCENT = 20, LIVE_DEAD_BYTES = 1 << 20 };

/* Which rows go: all of a segment, or those of dead streams. */
struct dropping {
    struct store *store;
    const struct log_keeper *keeper;
    bool dead_only;
    struct store_row *rows;
    size_t count, room;
};

static bool is_dead(const struct log_keeper *k, uint64_t stream)
{
    return k->begin_ms(k, stream) == UINT64_MAX;
}

static enum status choose_row(void *arg, const struct store_row *row, struct fault *f)
{
    struct dropping *d = arg;
    if (d->dead_only && !is_dead(d->keeper, row->place.stream))
        return OK;
    if (d->count == d->room) {
        size_t room = d->room ? 2 * d->room : 64;
        struct store_row *grown = mem_resize_try(d->rows, room * sizeof(*grown));
        if (!grown)
            return fault_set(f, NO_MEMORY, "no memory to trim a segment");
        d->rows = grown;
        d->room = room;
    }
    d->rows[d->count++] = *row;
    return OK;
}

/* The log's begin moves past what goes; T4: the index remembers it, and where the log ended. */
static enum status raise_floor(struct dropping *d, const struct store_row *row,
                               leveldb_writebatch_t *b, struct fault *f)
{
    struct store_floor old, floor = {row->place, row->last + 1, row->last_ms, row->seals};
    index_remove_row(b, row);
    if (is_dead(d->keeper, row->place.stream)) {
        index_remove_floor(b, row->place);
        index_remove_damage(b, row->place);
        return OK;
    }
    enum status st = index_floor(d->store, row->place, &old, f);
    if (st != OK && st != END)
        return st;
    if (st == END || old.begin < floor.begin)
        index_put_floor(b, &floor);
    return OK;
}

/* What the index must forget. NULL: it failed. */
static leveldb_writebatch_t *change_of(struct dropping *d, struct fault *f, enum status *st)
{
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    *st = OK;
    /* Several rows of a log: the last one decides, and comes last. */
    for (size_t i = 0; i < d->count && *st == OK; i++)
        *st = raise_floor(d, &d->rows[i], b, f);
    return b;
}

static void move_begins(struct store *s, const struct dropping *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct store_row *row = &d->rows[i];
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
}

static enum status remove_segment(struct store *s, uint64_t number, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    segment_cache_drop(s, number, false);
    segment_path(s, number, path);
    enum status st =
        folder_remove(path, f); /* a reader in it keeps its files until it is through */
    if (st != OK)
        return st;
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    index_remove_summary(b, number);
    return index_commit(s, b, f);
}

/* Commits b, if all went well until now. */
static enum status commit_change(struct store *s, struct dropping *d, leveldb_writebatch_t *b,
                                 enum status st, struct fault *f)
{
    if (st != OK) {
        leveldb_writebatch_destroy(b);
        return st;
    }
    st = index_commit(s, b, f); /* T1 */
    if (st == OK)
        move_begins(s, d);
    return st;
}

static enum status drop_segment(struct store *s, const struct segment_summary *m,
                                const struct log_keeper *k, struct fault *f)
{
    struct dropping d = {.store = s, .keeper = k};
    enum status st = index_each_row(s, m->number, choose_row, &d, f);
    if (st == OK) {
        leveldb_writebatch_t *b = change_of(&d, f, &st);
        struct segment_summary dropping = {
            .number = m->number, .state = 2, .class_hours = m->class_hours};
        index_put_summary(b, &dropping);
        st = commit_change(s, &d, b, st, f);
    }
    mem_free(d.rows);
    return st == OK ? remove_segment(s, m->number, f) : st;
}

static void forget_dead(struct segment_summary *m, const struct log_keeper *k)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->streams; i++)
        if (!is_dead(k, m->of[i].stream))
            m->of[kept++] = m->of[i];
    m->streams = kept;
}

/* Deletes the keys of the chosen rows, and has LevelDB write the segment anew without them. */
static enum status purge_keys(struct store *s, struct segment *g, const struct dropping *d,
                              struct fault *f)
{
    char *error = NULL;
    leveldb_writebatch_t *keys = leveldb_writebatch_create();
    leveldb_iterator_t *it = leveldb_create_iterator(g->db, s->checked);
    for (size_t i = 0; i < d->count; i++) {
        uint8_t first[SEGMENT_KEY_BYTES], last[SEGMENT_KEY_BYTES];
        segment_key(d->rows[i].place, d->rows[i].first, first);
        segment_key(d->rows[i].place, d->rows[i].last, last);
        for (leveldb_iter_seek(it, (const char *)first, SEGMENT_KEY_BYTES); leveldb_iter_valid(it);
             leveldb_iter_next(it)) {
            size_t len;
            const char *key = leveldb_iter_key(it, &len);
            if (len != SEGMENT_KEY_BYTES || memcmp(key, last, len) > 0)
                break;
            leveldb_writebatch_delete(keys, key, len);
        }
    }
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    if (!error)
        leveldb_write(g->db, s->synced, keys, &error);
    leveldb_writebatch_destroy(keys);
    if (error)
        return store_leveldb_fault(error, "a purge", f);
    leveldb_compact_range(g->db, NULL, 0, NULL, 0);
    return OK;
}

/* The keys go first: done twice, after a crash between the two, it does no harm. */
static enum status purge_segment(struct store *s, struct segment_summary *m,
                                 const struct log_keeper *k, struct fault *f)
{
    struct segment *g = NULL;
    struct dropping d = {.store = s, .keeper = k, .dead_only = true};
    enum status st = index_each_row(s, m->number, choose_row, &d, f);
    if (st == OK)
        st = segment_open_sealed(s, m->number, &g, f);
    if (st == OK)
        st = purge_keys(s, g, &d, f);
    segment_unref(g);
    if (st == OK) {
        leveldb_writebatch_t *b = change_of(&d, f, &st);
        forget_dead(m, k);
        index_put_summary(b, m);
        st = commit_change(s, &d, b, st, f);
    }
    mem_free(d.rows);
    return st;
}

/* T4: floors of streams that were deleted after retention had taken all of theirs. */
static enum status sweep_floors(struct store *s, const struct log_keeper *k, struct fault *f)
{
    struct store_floor floor = {0};
    struct log_place from = {0, 0};
    bool any = false;
    enum status st;
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    while ((st = index_next_floor(s, from, &floor, f)) == OK) {
        if (is_dead(k, floor.place.stream)) {
            any = true;
            index_remove_floor(b, floor.place);
            index_remove_damage(b, floor.place);
        }
        from = (struct log_place){floor.place.stream + (floor.place.shard == UINT32_MAX),
                                  floor.place.shard + 1};
    }
    if (st == END && any)
        return index_commit(s, b, f);
    leveldb_writebatch_destroy(b);
    return st == END ? OK : st;
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
        else if (m.state == 2)
            st = remove_segment(s, m.number, f); /* it failed before */
        mem_free(m.of);
        if (st != OK) /* the others must not wait for it */
            TRACE_SELDOM(TRACE_WARN, "store", "segment %020" PRIu64 " could not be trimmed: %s",
                         after, f->text);
        else if (changed && clock_mono_us(s->settings.clock) > until_us)
            return OK;
    }
    if (st == END)
        st = sweep_floors(s, k, f);
    if (st == OK)
        st = store_producers_sweep(s, k, f);
    return st == OK ? END : st;
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
    store_producers_usage(s, out);
    lock_take(&s->mu);
    out->queued_bytes = s->queued_bytes;
    LIST_EACH(node, keep, &s->live)
    out->memory_bytes += LIST_OWNER(node, struct segment, node)->bytes;
    lock_drop(&s->mu);
    out->disk_bytes = out->live_bytes + out->memory_bytes + store_spares_bytes(s->spares);
}
