/* store_read.c: reads that memory could not answer, on disk readers' threads.
 *
 *   FROM: tail? -> else find the row that holds the offset: live segments in memory, sealed ones in the index -> iterate its values, checked
 *   -> the next row, until the read is full or the durable end
 *
 * D1. Offsets given follow each other without a gap, or the read ends with CORRUPT that names the segment.
 * D2. Every batch is checked against its CRC before it is given. So LevelDB need not check the block around it: damage to a key there shows
 * as a batch that is missing, or that says another offset than its key (D1). */
#include "shards/store_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- finding ---- */

/* The live row that holds the offset or is the first after it, and its segment, referenced. */
static bool find_live(struct store *s, struct store_log *l, uint64_t offset, struct store_row *out,
                      struct segment **segment)
{
    *segment = NULL;
    lock_take(&s->mu);
    LIST_EACH(node, keep, &s->live)
    {
        struct segment *g = LIST_OWNER(node, struct segment, node);
        const struct store_row *row = table_find(&g->rows, bytes_of(l->key, sizeof(l->key)));
        for (; row; row = row->before) {
            if (row->last < offset || (*segment && row->first >= out->first))
                continue;
            *out = *row;
            *segment = g;
        }
    }
    if (*segment)
        segment_ref(*segment);
    lock_drop(&s->mu);
    return *segment != NULL;
}

/* The row that holds an offset or is the first after it, wherever it is; *g: its segment, referenced, if that is live. A segment may be sealed between
 * the two looks, so the index is asked first only for what is older than all live rows: the live
 * list first, then the index, and the lower of both. */
static enum status find_row(struct store *s, struct store_log *l, uint64_t offset,
                            struct store_row *out, struct segment **g, struct fault *f)
{
    struct store_row live, sealed;
    bool is_live = find_live(s, l, offset, &live, g);
    if (is_live && live.first <= offset) {
        *out = live;
        return OK;
    }
    enum status st = index_find(s, l->log.place, offset, &sealed, f);
    if (st == OK && (!is_live || sealed.first < live.first)) {
        segment_unref(*g);
        *g = NULL;
        *out = sealed;
        return OK;
    }
    if (is_live && (st == OK || st == END)) {
        *out = live;
        return OK;
    }
    return st;
}

/* The segment of the row that find_row found, referenced. */
static enum status hold_segment(struct store *s, const struct store_row *row, struct segment **g,
                                struct fault *f)
{
    return *g ? OK : segment_open_sealed(s, row->segment, g, f);
}

/* ---- reading values ---- */

static enum status damaged(uint64_t segment, const char *why, struct fault *f)
{
    struct fault words = {0};
    fault_set(&words, CORRUPT, "segment %020" PRIu64 " is damaged: %s", segment,
              why); /* why may be f's */
    TRACE_SELDOM(TRACE_ERROR, "store", "%s", words.text);
    *f = words;
    return CORRUPT;
}

static enum status iterator_fault(leveldb_iterator_t *it, uint64_t segment, struct fault *f)
{
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    if (!error)
        return OK;
    char where[64];
    snprintf(where, sizeof(where), "segment %020" PRIu64, segment);
    enum status st = store_leveldb_fault(error, where, f);
    return st == CORRUPT ? damaged(segment, f->text, f) : st;
}

/* Whether the iterator stands at a value of this log; its offset. */
static bool at_log(leveldb_iterator_t *it, struct log_place wanted, uint64_t *offset)
{
    struct log_place place;
    size_t len;
    if (!leveldb_iter_valid(it))
        return false;
    const char *key = leveldb_iter_key(it, &len);
    return segment_key_parse(key, len, &place, offset) && place.stream == wanted.stream &&
           place.shard == wanted.shard;
}

/* Seeks to the value that holds `offset`, or the first after it. */
static void seek_holding(leveldb_iterator_t *it, struct log_place place, uint64_t offset)
{
    uint8_t key[SEGMENT_KEY_BYTES];
    uint64_t at;
    segment_key(place, offset, key);
    leveldb_iter_seek(it, (const char *)key, SEGMENT_KEY_BYTES);
    if (at_log(it, place, &at) && at == offset)
        return;
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
    if (!at_log(it, place, &at))
        leveldb_iter_seek(it, (const char *)key, SEGMENT_KEY_BYTES);
}

/* Adds values from *next on, out of one segment. OK when it is through with it or the read is full.
 */
static enum status read_values(struct store *s, struct log_read *r, struct segment *g,
                               uint64_t *next, uint64_t end)
{
    leveldb_iterator_t *it = leveldb_create_iterator(g->db, s->own_checks);
    struct log_place place = r->log->place;
    uint64_t at;
    enum status st = OK;
    for (seek_holding(it, place, *next); at_log(it, place, &at) && at < end && !log_read_full(r);
         leveldb_iter_next(it)) {
        size_t len;
        struct log_span *span;
        const char *value = leveldb_iter_value(it, &len);
        st = span_from_value(bytes_of(value, len), &span, &r->fault); /* D2 */
        if (st != OK) {
            st = st == CORRUPT ? damaged(g->number, r->fault.text, &r->fault) : st;
            break;
        }
        if (at > *next || span->first_offset != at ||
            span->first_offset + span->count <= *next) { /* D1 */
            log_span_unref(span);
            if (at + 1 > *next)
                st = damaged(g->number, "batches are missing", &r->fault);
            if (st != OK)
                break;
            continue;
        }
        r->spans[r->span_count++] = span;
        *next = at + span->count;
    }
    enum status error = iterator_fault(it, g->number, &r->fault);
    leveldb_iter_destroy(it);
    return st == OK ? error : st;
}

static uint64_t begin_of(struct store *s, struct store_log *l)
{
    struct log_bounds bounds;
    tail_bounds(&s->tail, &l->tail, &bounds);
    return bounds.begin;
}

static enum status refused(const struct store_log *l, struct fault *f)
{
    return fault_set(f, CORRUPT,
                     "stream %" PRIu64 ", shard %" PRIu32 " is damaged from offset %" PRIu64
                     " on, in segment %020" PRIu64,
                     l->log.place.stream, l->log.place.shard, l->damage.from, l->damage.segment);
}

/* Values from the row that holds *next. */
static enum status read_row(struct store *s, struct store_log *l, struct log_read *r,
                            uint64_t *next, uint64_t end)
{
    struct store_row row;
    struct segment *g = NULL;
    uint64_t before = *next;
    enum status st = find_row(s, l, *next, &row, &g, &r->fault);
    bool holds = st == OK && row.first <= *next;
    if (holds)
        st = hold_segment(s, &row, &g, &r->fault);
    if (holds && st == OK)
        st = read_values(s, r, g, next, row.last < end ? row.last + 1 : end);
    else if (!holds && (st == OK || st == END))
        st = damaged(st == END ? 0 : row.segment, "the batches before its first are missing",
                     &r->fault); /* D1 */
    segment_unref(g);
    if (st == OK && *next == before)
        st = damaged(row.segment, "a batch that the index promises is missing", &r->fault);
    return st;
}

/* More values of this read, where *next stands. END: retention took them meanwhile. */
static enum status read_on(struct store *s, struct store_log *l, struct log_read *r, uint64_t *next,
                           uint64_t end)
{
    uint64_t before = *next, looked;
    enum status st;
    if (l->damaged && *next >= l->damage.from)
        return refused(l, &r->fault);
    do {
        looked = store_unread_generation(s);
        st = read_row(s, l, r, next, end);
    } while (st != OK && *next == before && store_look_again(s, looked, &st, &r->fault));
    return st != OK && begin_of(s, l) > *next ? END : st;
}

static enum status read_from(struct store *s, struct log_read *r)
{
    struct store_log *l = store_log_of(r->log);
    struct log_bounds bounds;
    tail_bounds(&s->tail, &l->tail, &bounds);
    uint64_t next = r->from > bounds.begin ? r->from : bounds.begin;
    r->offset = next;
    if (l->damaged && next >= l->damage.from)
        return refused(l, &r->fault);
    if (next >= bounds.end)
        return END;
    while (next < bounds.end && !log_read_full(r)) {
        enum status st = read_on(s, l, r, &next, bounds.end);
        if (st == OK)
            continue;
        if (st != END || r->span_count)
            return r->span_count ? OK : st; /* what is whole is given first */
        r->offset = next = begin_of(s, l);
    }
    return r->span_count ? OK : END;
}

/* ---- by time ---- */

/* The first offset in this row whose batch's time is at least time_ms: by halves. */
static enum status find_in_row(struct store *s, struct log_read *r, struct segment *g,
                               const struct store_row *row)
{
    leveldb_iterator_t *it = leveldb_create_iterator(g->db, s->checked);
    uint64_t low = row->first, high = row->last; /* the value wanted begins in low .. high */
    struct log_span *span = NULL;
    enum status st = OK;
    while (low < high && st == OK) {
        uint64_t middle = low + (high - low) / 2, at;
        seek_holding(it, row->place, middle);
        struct batch_header h;
        size_t len = 0;
        const char *value = at_log(it, row->place, &at) ? leveldb_iter_value(it, &len) : NULL;
        struct span_facts facts;
        st = value ? span_survey(bytes_of(value, len), false, &facts, &r->fault) : CORRUPT;
        (void)h;
        if (st != OK)
            break;
        if (facts.last_ms < r->time_ms)
            low = at + facts.count;
        else
            high = at < high ? at : middle;
        if (at <= low && facts.last_ms >= r->time_ms)
            break;
    }
    if (st == OK) {
        uint64_t at;
        size_t len;
        seek_holding(it, row->place, low);
        const char *value = at_log(it, row->place, &at) ? leveldb_iter_value(it, &len) : NULL;
        st = value ? span_from_value(bytes_of(value, len), &span, &r->fault) : CORRUPT;
    }
    if (st == OK) {
        st = span_find_time(span, r->time_ms, &r->offset);
        log_span_unref(span);
    }
    enum status error = iterator_fault(it, g->number, &r->fault);
    leveldb_iter_destroy(it);
    if (st == CORRUPT)
        st = damaged(g->number, "its times cannot be read", &r->fault);
    return error == OK ? st : error;
}

/* The first row that is not wholly older: by halves, since a log may have very many. END: all are. */
static enum status find_young_row(struct store *s, struct store_log *l, struct log_read *r,
                                  uint64_t end, struct store_row *out)
{
    uint64_t low = begin_of(s, l), high = end;
    bool found = false;
    while (low < high) {
        struct store_row row;
        struct segment *g = NULL;
        uint64_t middle = low + (high - low) / 2;
        enum status st = find_row(s, l, middle, &row, &g, &r->fault);
        segment_unref(g);
        uint64_t begin = begin_of(s, l);
        if (begin > low) { /* retention took some meanwhile */
            low = begin;
            continue;
        }
        if (st == END)
            return damaged(0, "the batches behind its last are missing", &r->fault);
        if (st != OK)
            return st;
        if (row.last_ms < r->time_ms) {
            low = row.last + 1;
            continue;
        }
        *out = row;
        found = true;
        high = row.first < middle ? row.first : middle;
    }
    return found ? OK : END;
}

/* One look. */
static enum status look_for_time(struct store *s, struct store_log *l, struct log_read *r)
{
    struct log_bounds bounds;
    struct store_row row;
    struct segment *g = NULL;
    tail_bounds(&s->tail, &l->tail, &bounds);
    enum status st = find_young_row(s, l, r, bounds.end, &row);
    if (st == OK)
        st = find_row(s, l, row.first, &row, &g,
                      &r->fault); /* again, for its segment: it may have been sealed since */
    if (st == OK)
        st = hold_segment(s, &row, &g, &r->fault);
    if (st == OK)
        st = find_in_row(s, r, g, &row);
    segment_unref(g);
    if (st == END)
        r->offset = bounds.end;
    return st;
}

static enum status find_time(struct store *s, struct log_read *r)
{
    struct store_log *l = store_log_of(r->log);
    enum status st;
    uint64_t looked;
    do {
        looked = store_unread_generation(s);
        st = look_for_time(s, l, r);
    } while (st < 0 && store_look_again(s, looked, &st, &r->fault));
    uint64_t begin = begin_of(s, l);
    if (st == OK && r->offset < begin)
        r->offset = begin;
    if (st >= 0 && l->damaged && r->offset >= l->damage.from)
        return refused(l, &r->fault);
    return st;
}

/* ---- the readers ---- */

void store_read(struct log_read *r)
{
    struct store *s = store_of(r->log->engine);
    struct store_log *l = store_log_of(r->log);
    r->span_count = 0;
    if (!l->damaged && tail_read(&s->tail, &l->tail, r)) {
        r->done(r);
        return;
    }
    enum { READS_WAITING_MAX = 4096 };
    lock_take(&s->readers_mu);
    bool taken = !s->readers_stop && s->reads_waiting < READS_WAITING_MAX;
    r->status = s->readers_stop ? CLOSING : THROTTLED;
    if (taken) {
        s->reads_waiting++;
        list_append(&s->reads, &r->node);
        signal_one(&s->reads_wanted);
    }
    lock_drop(&s->readers_mu);
    if (!taken)
        r->done(r);
}

void store_reader_run(void *arg)
{
    struct store *s = arg;
    lock_take(&s->readers_mu);
    for (;;) {
        while (list_empty(&s->reads) && !s->readers_stop)
            signal_wait(&s->reads_wanted, &s->readers_mu);
        struct list *first = list_first(&s->reads);
        if (!first)
            break;
        struct log_read *r = LIST_OWNER(first, struct log_read, node);
        list_remove(first);
        s->reads_waiting--;
        lock_drop(&s->readers_mu);
        r->status = r->kind == LOG_READ_FROM ? read_from(s, r) : find_time(s, r);
        if (r->status == NO_SPACE) /* LevelDB writes to open a database, also for reading */
            r->status = IO_FAILED;
        const struct read_ahead ahead = read_ahead_of(r);
        r->done(r); /* its owner's from here on */
        store_read_ahead(s, &ahead);
        lock_take(&s->readers_mu);
    }
    lock_drop(&s->readers_mu);
}

/* ---- walking a segment ---- */

enum status segment_walk(struct store *s, struct segment *g,
                         enum status (*each)(void *, const struct store_row *, struct fault *),
                         void *arg, struct fault *f)
{
    leveldb_iterator_t *it = leveldb_create_iterator(g->db, s->checked);
    enum status st = OK;
    for (leveldb_iter_seek_to_first(it); st == OK && leveldb_iter_valid(it);
         leveldb_iter_next(it)) {
        size_t key_len, len;
        struct span_facts facts;
        struct store_row row = {.segment = g->number};
        const char *key = leveldb_iter_key(it, &key_len), *value = leveldb_iter_value(it, &len);
        if (!segment_key_parse(key, key_len, &row.place, &row.first))
            st = fault_set(f, CORRUPT, "a key cannot be read");
        else
            st = span_survey(bytes_of(value, len), false, &facts, f);
        if (st == OK && facts.stamped)
            st = store_producers_replay(s, row.place, bytes_of(value, len), f);
        if (st == OK) {
            row.last = row.first + facts.count - 1;
            row.first_ms = facts.first_ms;
            row.last_ms = facts.last_ms;
            row.bytes = len;
            row.seals = facts.seals;
            st = each(arg, &row, f);
        }
    }
    store_producers_replayed(s);
    if (st == CORRUPT)
        st = damaged(g->number, f->text, f);
    enum status error = iterator_fault(it, g->number, f);
    leveldb_iter_destroy(it);
    return st == OK ? error : st;
}
