/* store_recover.c: from folders to a working store again: after a crash, and after a failed write.
 *
 * An unsealed segment (state 0 in the index, or a folder the index does not know) is opened by
 * LevelDB, which replays its write-ahead log into a table; its keys are walked into index rows, and
 * it is sealed. Writing goes on in a new segment.
 *
 * B1. What was acknowledged is in the replayed log: every commit was synced. A torn last write was
 * never acknowledged, and LevelDB drops it. (A last write torn by the machine's failure is cut off
 * before LevelDB sees it.)
 * B2. A log with damage before its last write is salvaged
 * (store_salvage.c): only the logs that are hurt are refused.
 * B3. A segment that cannot be read
 * even so is set aside in the index as damaged, by name, and every log of its retention class
 * refuses appends: where they end is no longer known. Reads of all other segments, and other
 * classes, go on.
 * B4. The offsets of each log found must go on where the index ends: a log with a
 * gap is refused from there on.
 *
 * Thread: the opener's, or the sealer's. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

/* The rows of a segment, found again. */
struct gathering {
    struct store_row *rows;
    size_t count, room;
};

/* Keys come sorted by log and offset: what follows grows the last row, all else begins one. */
static enum status gather_value(void *arg, const struct store_row *value, struct fault *f)
{
    struct gathering *g = arg;
    struct store_row *row = g->count ? &g->rows[g->count - 1] : NULL;
    if (row && row->place.stream == value->place.stream && row->place.shard == value->place.shard &&
        row->last + 1 == value->first) {
        row->last = value->last;
        row->last_ms = value->last_ms;
        row->bytes += value->bytes;
        row->seals = value->seals;
        return OK;
    }
    if (g->count == g->room) {
        size_t room = g->room ? 2 * g->room : 64;
        struct store_row *grown = mem_resize_try(g->rows, room * sizeof(*grown));
        if (!grown)
            return fault_set(f, NO_MEMORY, "no memory for %zu rows of a segment", room);
        g->rows = grown;
        g->room = room;
    }
    g->rows[g->count++] = *value;
    return OK;
}

/* What the index must hold of the segment. */
static leveldb_writebatch_t *change_of(const struct gathering *g, uint64_t number,
                                       uint32_t class_hours)
{
    struct segment_summary m = {.number = number, .state = 1, .class_hours = class_hours};
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    m.of = mem_must((g->count + 1) * sizeof(*m.of));
    for (size_t i = 0; i < g->count; i++) {
        const struct store_row *row = &g->rows[i];
        index_put_row(b, row);
        if (m.streams == 0 || m.of[m.streams - 1].stream != row->place.stream)
            m.of[m.streams++] = (__typeof__(*m.of)){.stream = row->place.stream};
        m.of[m.streams - 1].bytes += row->bytes;
        if (row->last_ms > m.of[m.streams - 1].last_ms)
            m.of[m.streams - 1].last_ms = row->last_ms;
    }
    index_put_summary(b, &m);
    mem_free(m.of);
    return b;
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

/* B2 */
static enum status open_salvaged(struct store *s, uint64_t number, struct segment **out,
                                 struct fault *f)
{
    enum status st = segment_open_sealed(s, number, out, f);
    if (st != CORRUPT)
        return st;
    st = store_salvage(s, number, f);
    return st == OK ? segment_open_sealed(s, number, out, f) : st;
}

enum status store_recover_segment(struct store *s, uint64_t number, uint32_t class_hours,
                                  struct fault *f)
{
    struct segment *g = NULL;
    struct gathering all = {0};
    enum status st = open_salvaged(s, number, &g, f);
    if (st == OK)
        st = segment_walk(s, g, gather_value, &all, f);
    segment_unref(g);
    if (st == OK && all.count)
        st = store_producers_commit(s, change_of(&all, number, class_hours), f);
    else if (st == OK)
        st = drop_empty(s, number, f);
    mem_free(all.rows);
    if (st != CORRUPT)
        return st;
    trace(TRACE_ERROR, "store",
          "segment %020" PRIu64
          " is damaged and set aside; puts to streams kept %u hours are refused: %s",
          number, class_hours, f->text);
    return set_aside(s, number, class_hours, f); /* B3 */
}

/* ---- the links between segments ---- */

/* B4: where the log must have come from, when this row begins. */
static enum status check_link(struct store *s, const struct store_row *row, leveldb_writebatch_t *b,
                              struct fault *f)
{
    struct store_row before;
    struct store_floor floor;
    struct store_damage damage = {row->place, 0, row->segment}, known;
    enum status st = row->first ? index_before(s, row->place, row->first - 1, &before, f) : END;
    if (st == OK)
        damage.from = before.last + 1;
    else if (st != END)
        return st;
    st = index_floor(s, row->place, &floor, f);
    if (st == OK && floor.begin > damage.from)
        damage.from = floor.begin;
    if (st < 0 || damage.from >= row->first)
        return st < 0 ? st : OK;
    st = index_damage(s, row->place, &known, f);
    if (st < 0 || (st == OK && known.from <= damage.from))
        return st < 0 ? st : OK;
    index_put_damage(b, &damage);
    trace(TRACE_ERROR, "store",
          "stream %" PRIu64 ", shard %" PRIu32 ": offset %" PRIu64 " follows %" PRIu64
          " in segment %020" PRIu64 ": refused from there on",
          row->place.stream, row->place.shard, row->first, damage.from, row->segment);
    return OK;
}

static enum status check_links(struct store *s, uint64_t number, struct fault *f)
{
    struct gathering all = {0};
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    enum status st = index_each_row(s, number, gather_value, &all, f);
    for (size_t i = 0; i < all.count && st == OK; i++)
        st = check_link(s, &all.rows[i], b, f);
    mem_free(all.rows);
    if (st == OK)
        return index_commit(s, b, f);
    leveldb_writebatch_destroy(b);
    return st;
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

/* What crashes left of salvages; before anything is opened. */
static enum status resume_salvages(struct store *s, struct fault *f)
{
    struct segment_summary m;
    uint64_t after = 0;
    enum status st;
    while ((st = index_next_summary(s, after, &m, f)) == OK) {
        after = m.number;
        mem_free(m.of);
        if (m.state == 0)
            st = store_salvage_resume(s, m.number, f);
        if (st != OK)
            return st;
    }
    return st == END ? OK : st;
}

/* One by one: sealed again, finished being dropped, or known to be damaged. `recovered` takes the
 * numbers of the first kind. */
static enum status recover_each(struct store *s, struct gathering *recovered, struct fault *f)
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
        if (st == OK && m.state == 0)
            st = gather_value(recovered, &(struct store_row){.segment = m.number}, f);
        if (st != OK)
            return st;
    }
    return st == END ? OK : st;
}

static enum status mark_all_damaged(struct store *s, struct fault *f)
{
    struct segment_summary m;
    uint64_t after = 0;
    enum status st;
    while ((st = index_next_summary(s, after, &m, f)) == OK) {
        after = m.number;
        mem_free(m.of);
        if (m.state == 3)
            mark_damaged(s, m.class_hours);
    }
    return st == END ? OK : st;
}

enum status store_recover_all(struct store *s, struct fault *f)
{
    struct gathering recovered = {0}; /* only the numbers of segments */
    enum status st = resume_salvages(s, f);
    if (st == OK)
        st = recover_each(s, &recovered, f);
    for (size_t i = 0; i < recovered.count && st == OK; i++)
        st = check_links(s, recovered.rows[i].segment, f);
    mem_free(recovered.rows);
    if (st == OK)
        st = mark_all_damaged(s, f);
    return st == OK ? remove_strays(s, f) : st;
}
