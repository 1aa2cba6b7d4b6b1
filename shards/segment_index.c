/* segment_index.c: which segment holds which offsets of which log.
 *
 * One LevelDB, small against the segments: a row for each log in each segment. So memory does not grow with what is retained,
 * and a start does not read it: a log's end is found by one seek when the log is opened.
 *
 *   key                                                          value (little-endian, after format u8 = 1, flags u8, zero[6])
 *   'R' stream u64 | shard u32 | first offset u64  (big-endian)  segment u64 | last u64 | first ms u64 | last ms u64 | bytes u64
 *   'S' segment u64 | stream u64 | shard u32 | first u64         the same: the rows of a segment
 *   'G' segment u64                                              disk bytes u64 | last ms u64;     flags: its state
 *   'F' stream u64 | shard u32                                   begin u64 | last ms u64           a log that lost its oldest ranges
 *   'X' stream u64 | shard u32                                   from u64 | segment u64            a log that is refused
 *   flags of R, S, F: bit 0, the log ends behind it.
 *
 * I1. A change is one synced write: all of it is there after a crash, or none.
 * I2. A failed write closes the index to changes until it was reopened as after a crash; lookups go on.
 *
 * Left to others: what the rows mean. Thread: any; a lookup keeps the database open by counting itself in. */
#include "shards/segment_index_internal.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"
#include "shards/level_internal.h"
#include "shards/wal_internal.h"

enum {
    VALUE_FORMAT = 1,
    FLAG_SEALS = 1,
    HEAD_BYTES = 8,
    RANGE_BYTES = HEAD_BYTES + 40,
    PAIR_BYTES = HEAD_BYTES + 16, /* G, F and X */
    PLACE_BYTES = 12,
    RANGE_KEY_BYTES = 1 + PLACE_BYTES + 8,
    SEGMENT_KEY_BYTES = 1 + 8,
    SEGMENT_RANGE_KEY_BYTES = 1 + 8 + PLACE_BYTES + 8,
    PLACE_KEY_BYTES = 1 + PLACE_BYTES,
    INDEX_MEMTABLE_BYTES = 1 << 20,
    INDEX_BLOCK_BYTES = 4096,
    INDEX_CACHE_BYTES = 1 << 20,
};

struct segment_index {
    char *folder;       /* fixed at birth */
    struct level level; /* fixed at birth */
    struct lock mu;
    struct signal idle;
    leveldb_t *db;      /* under mu; NULL when it could not be reopened */
    unsigned users;     /* under mu: lookups and writes under way */
    bool broken, closed; /* under mu */
};

struct index_change {
    leveldb_writebatch_t *batch;
};

static void put_place(uint8_t *at, struct log_place place)
{
    put_be64(at, place.stream);
    put_be32(at + 8, place.shard);
}

static struct log_place get_place(const uint8_t *at)
{
    return (struct log_place){get_be64(at), get_be32(at + 8)};
}

/* ---- open, close, and the count of who is in ---- */

enum status index_open(const char *folder, struct segment_index **out, struct fault *f)
{
    struct segment_index *ix = MEM_NEW(struct segment_index);
    ix->folder = mem_strdup(folder);
    lock_init(&ix->mu, LOCK_SEGMENT);
    signal_init(&ix->idle);
    level_init(&ix->level, INDEX_MEMTABLE_BYTES, INDEX_BLOCK_BYTES, INDEX_CACHE_BYTES);
    enum status st = folder_make(folder, f);
    if (st == OK)
        st = wal_mend(folder, f);
    if (st == OK)
        st = level_open(&ix->level, folder, true, &ix->db, f);
    if (st == OK)
        st = folder_sync(folder, f);
    if (st != OK) {
        index_close(ix);
        ix = NULL;
    }
    *out = ix;
    return st;
}

void index_close(struct segment_index *ix)
{
    if (!ix)
        return;
    if (ix->db)
        leveldb_close(ix->db);
    level_fini(&ix->level);
    signal_fini(&ix->idle);
    lock_fini(&ix->mu);
    mem_free(ix->folder);
    mem_free(ix);
}

static enum status enter(struct segment_index *ix, leveldb_t **db, struct fault *f)
{
    lock_take(&ix->mu);
    while (ix->closed)
        signal_wait(&ix->idle, &ix->mu);
    *db = ix->db;
    if (ix->db)
        ix->users++;
    lock_drop(&ix->mu);
    return *db ? OK : fault_set(f, IO_FAILED, "the index %s could not be reopened", ix->folder);
}

static void leave(struct segment_index *ix)
{
    lock_take(&ix->mu);
    must(ix->users > 0);
    if (--ix->users == 0)
        signal_all(&ix->idle);
    lock_drop(&ix->mu);
}

/* I2: as after a crash. Lookups that come meanwhile wait. */
static enum status reopen_if_broken(struct segment_index *ix, struct fault *f)
{
    enum status st = OK;
    lock_take(&ix->mu);
    while (ix->closed)
        signal_wait(&ix->idle, &ix->mu);
    bool mine = ix->broken || !ix->db;
    if (mine) {
        ix->closed = true;
        while (ix->users)
            signal_wait(&ix->idle, &ix->mu);
    }
    lock_drop(&ix->mu);
    if (!mine)
        return OK;
    if (ix->db)
        leveldb_close(ix->db);
    ix->db = NULL;
    st = wal_mend(ix->folder, f);
    if (st == OK)
        st = level_open(&ix->level, ix->folder, false, &ix->db, f);
    lock_take(&ix->mu);
    ix->broken = st != OK;
    ix->closed = false;
    signal_all(&ix->idle);
    lock_drop(&ix->mu);
    return st;
}

/* ---- rows ---- */

static bool value_fits(struct bytes value, size_t len)
{
    return value.len == len && value.at[0] == VALUE_FORMAT;
}

static void range_key(const struct range *r, uint8_t key[RANGE_KEY_BYTES])
{
    key[0] = 'R';
    put_place(key + 1, r->place);
    put_be64(key + 1 + PLACE_BYTES, r->first);
}

static void segment_range_key(const struct range *r, uint8_t key[SEGMENT_RANGE_KEY_BYTES])
{
    key[0] = 'S';
    put_be64(key + 1, r->segment);
    put_place(key + 9, r->place);
    put_be64(key + 9 + PLACE_BYTES, r->first);
}

static void range_value(const struct range *r, uint8_t value[RANGE_BYTES])
{
    memset(value, 0, HEAD_BYTES);
    value[0] = VALUE_FORMAT;
    value[1] = r->seals ? FLAG_SEALS : 0;
    put_le64(value + 8, r->segment);
    put_le64(value + 16, r->last);
    put_le64(value + 24, r->first_ms);
    put_le64(value + 32, r->last_ms);
    put_le64(value + 40, r->bytes);
}

/* `key` points at place and first offset. */
static enum status range_parse(const uint8_t *key, struct bytes value, struct range *out,
                               struct fault *f)
{
    if (!value_fits(value, RANGE_BYTES))
        return fault_set(f, CORRUPT, "a range row of the index is of unknown form");
    *out = (struct range){
        .place = get_place(key),
        .first = get_be64(key + PLACE_BYTES),
        .seals = value.at[1] & FLAG_SEALS,
        .segment = get_le64(value.at + 8),
        .last = get_le64(value.at + 16),
        .first_ms = get_le64(value.at + 24),
        .last_ms = get_le64(value.at + 32),
        .bytes = get_le64(value.at + 40),
    };
    if (out->last < out->first)
        return fault_set(f, CORRUPT, "a range row of the index ends before it begins");
    return OK;
}

static void pair_value(uint8_t flags, uint64_t a, uint64_t b, uint8_t value[PAIR_BYTES])
{
    memset(value, 0, HEAD_BYTES);
    value[0] = VALUE_FORMAT;
    value[1] = flags;
    put_le64(value + 8, a);
    put_le64(value + 16, b);
}

static void place_key(uint8_t tag, struct log_place place, uint8_t key[PLACE_KEY_BYTES])
{
    key[0] = tag;
    put_place(key + 1, place);
}

/* ---- lookups ---- */

static struct bytes iterator_key(const leveldb_iterator_t *it)
{
    size_t len;
    const char *at = leveldb_iter_key(it, &len);
    return bytes_of(at, len);
}

static struct bytes iterator_value(const leveldb_iterator_t *it)
{
    size_t len;
    const char *at = leveldb_iter_value(it, &len);
    return bytes_of(at, len);
}

enum status index_range_at(struct segment_index *ix, struct log_place place, uint64_t offset,
                           struct range *out, struct fault *f)
{
    leveldb_t *db;
    uint8_t key[RANGE_KEY_BYTES];
    enum status st = enter(ix, &db, f);
    if (st != OK)
        return st;
    leveldb_iterator_t *it = leveldb_create_iterator(db, ix->level.reading);
    struct range wanted = {.place = place, .first = offset};
    range_key(&wanted, key);
    leveldb_iter_seek(it, (const char *)key, sizeof key);
    if (!leveldb_iter_valid(it))
        leveldb_iter_seek_to_last(it);
    else if (!bytes_equal(iterator_key(it), bytes_of(key, sizeof key)))
        leveldb_iter_prev(it);
    struct bytes prefix = bytes_of(key, 1 + PLACE_BYTES);
    bool found = leveldb_iter_valid(it) && bytes_starts_with(iterator_key(it), prefix) &&
                 iterator_key(it).len == sizeof key;
    st = level_iterator_status(it, ix->folder, f);
    if (st == OK && found)
        st = range_parse(iterator_key(it).at + 1, iterator_value(it), out, f);
    else if (st == OK)
        st = NOT_FOUND;
    leveldb_iter_destroy(it);
    leave(ix);
    return st;
}

/* One F or X row. */
static enum status pair_get(struct segment_index *ix, uint8_t tag, struct log_place place,
                            uint8_t value[PAIR_BYTES], struct fault *f)
{
    leveldb_t *db;
    uint8_t key[PLACE_KEY_BYTES];
    char *error = NULL;
    size_t len = 0;
    enum status st = enter(ix, &db, f);
    if (st != OK)
        return st;
    place_key(tag, place, key);
    char *got = leveldb_get(db, ix->level.reading, (const char *)key, sizeof key, &len, &error);
    st = level_status(error, "reading", ix->folder, f);
    if (st == OK && !got)
        st = NOT_FOUND;
    else if (st == OK && !value_fits(bytes_of(got, len), PAIR_BYTES))
        st = fault_set(f, CORRUPT, "a row of the index is of unknown form");
    else if (st == OK)
        memcpy(value, got, PAIR_BYTES);
    leveldb_free(got);
    leave(ix);
    return st;
}

enum status index_floor(struct segment_index *ix, struct log_place place, struct log_floor *out,
                        struct fault *f)
{
    uint8_t value[PAIR_BYTES];
    enum status st = pair_get(ix, 'F', place, value, f);
    if (st == OK)
        *out = (struct log_floor){place, get_le64(value + 8), get_le64(value + 16),
                                  value[1] & FLAG_SEALS};
    return st;
}

enum status index_damage(struct segment_index *ix, struct log_place place, struct log_damage *out,
                         struct fault *f)
{
    uint8_t value[PAIR_BYTES];
    enum status st = pair_get(ix, 'X', place, value, f);
    if (st == OK)
        *out = (struct log_damage){place, get_le64(value + 8), get_le64(value + 16)};
    return st;
}

/* Calls `row` for each key from `key` on that begins with its first `prefix` bytes, until it answers END or fails. */
static enum status walk(struct segment_index *ix, struct bytes key, size_t prefix,
                        enum status (*row)(void *, struct bytes key, struct bytes value,
                                           struct fault *f),
                        void *arg, struct fault *f)
{
    leveldb_t *db;
    enum status st = enter(ix, &db, f);
    if (st != OK)
        return st;
    leveldb_iterator_t *it = leveldb_create_iterator(db, ix->level.reading);
    leveldb_iter_seek(it, (const char *)key.at, key.len);
    while (st == OK && leveldb_iter_valid(it) &&
           bytes_starts_with(iterator_key(it), bytes_of(key.at, prefix))) {
        st = row(arg, iterator_key(it), iterator_value(it), f);
        leveldb_iter_next(it);
    }
    if (st == OK)
        st = level_iterator_status(it, ix->folder, f);
    leveldb_iter_destroy(it);
    leave(ix);
    return st == END ? OK : st;
}

/* The visitor of a walk, and its argument. */
struct visit {
    bool (*segment)(void *, const struct segment_row *);
    bool (*range)(void *, const struct range *);
    bool (*floor)(void *, const struct log_floor *);
    void *arg;
};

static enum status visit_segment(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct visit *v = (struct visit *)arg;
    if (key.len != SEGMENT_KEY_BYTES || !value_fits(value, PAIR_BYTES))
        return fault_set(f, CORRUPT, "a segment row of the index is of unknown form");
    struct segment_row row = {get_be64(key.at + 1), (enum segment_state)value.at[1],
                              get_le64(value.at + 8), get_le64(value.at + 16)};
    return v->segment(v->arg, &row) ? OK : END;
}

enum status index_each_segment(struct segment_index *ix, uint64_t from,
                               bool (*visit)(void *, const struct segment_row *), void *arg,
                               struct fault *f)
{
    uint8_t key[SEGMENT_KEY_BYTES] = {'G'};
    struct visit v = {.segment = visit, .arg = arg};
    put_be64(key + 1, from);
    return walk(ix, bytes_of(key, sizeof key), 1, visit_segment, &v, f);
}

static enum status visit_range(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct visit *v = (struct visit *)arg;
    struct range range;
    if (key.len != SEGMENT_RANGE_KEY_BYTES)
        return fault_set(f, CORRUPT, "a range row of the index is of unknown form");
    enum status st = range_parse(key.at + 9, value, &range, f);
    return st != OK ? st : v->range(v->arg, &range) ? OK : END;
}

enum status index_each_range(struct segment_index *ix, uint64_t segment,
                             bool (*visit)(void *, const struct range *), void *arg,
                             struct fault *f)
{
    uint8_t key[SEGMENT_KEY_BYTES] = {'S'};
    struct visit v = {.range = visit, .arg = arg};
    put_be64(key + 1, segment);
    return walk(ix, bytes_of(key, sizeof key), sizeof key, visit_range, &v, f);
}

static enum status visit_floor(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct visit *v = (struct visit *)arg;
    if (key.len != PLACE_KEY_BYTES || !value_fits(value, PAIR_BYTES))
        return fault_set(f, CORRUPT, "a floor row of the index is of unknown form");
    struct log_floor row = {get_place(key.at + 1), get_le64(value.at + 8), get_le64(value.at + 16),
                            value.at[1] & FLAG_SEALS};
    return v->floor(v->arg, &row) ? OK : END;
}

enum status index_each_floor(struct segment_index *ix, struct log_place from,
                             bool (*visit)(void *, const struct log_floor *), void *arg,
                             struct fault *f)
{
    uint8_t key[PLACE_KEY_BYTES];
    struct visit v = {.floor = visit, .arg = arg};
    place_key('F', from, key);
    return walk(ix, bytes_of(key, sizeof key), 1, visit_floor, &v, f);
}

/* ---- changes ---- */

struct index_change *index_change_new(void)
{
    struct index_change *c = MEM_NEW(struct index_change);
    c->batch = leveldb_writebatch_create();
    return c;
}

void index_change_free(struct index_change *c)
{
    if (!c)
        return;
    leveldb_writebatch_destroy(c->batch);
    mem_free(c);
}

static void put(struct index_change *c, const uint8_t *key, size_t key_len, const uint8_t *value,
                size_t value_len)
{
    leveldb_writebatch_put(c->batch, (const char *)key, key_len, (const char *)value, value_len);
}

static void drop(struct index_change *c, const uint8_t *key, size_t key_len)
{
    leveldb_writebatch_delete(c->batch, (const char *)key, key_len);
}

void index_put_range(struct index_change *c, const struct range *r)
{
    uint8_t by_log[RANGE_KEY_BYTES], by_segment[SEGMENT_RANGE_KEY_BYTES], value[RANGE_BYTES];
    range_key(r, by_log);
    segment_range_key(r, by_segment);
    range_value(r, value);
    put(c, by_log, sizeof by_log, value, sizeof value);
    put(c, by_segment, sizeof by_segment, value, sizeof value);
}

void index_remove_range(struct index_change *c, const struct range *r)
{
    uint8_t by_log[RANGE_KEY_BYTES], by_segment[SEGMENT_RANGE_KEY_BYTES];
    range_key(r, by_log);
    segment_range_key(r, by_segment);
    drop(c, by_log, sizeof by_log);
    drop(c, by_segment, sizeof by_segment);
}

static void segment_key(uint64_t segment, uint8_t key[SEGMENT_KEY_BYTES])
{
    key[0] = 'G';
    put_be64(key + 1, segment);
}

void index_put_segment(struct index_change *c, const struct segment_row *row)
{
    uint8_t key[SEGMENT_KEY_BYTES], value[PAIR_BYTES];
    segment_key(row->segment, key);
    pair_value((uint8_t)row->state, row->disk_bytes, row->last_ms, value);
    put(c, key, sizeof key, value, sizeof value);
}

void index_remove_segment(struct index_change *c, uint64_t segment)
{
    uint8_t key[SEGMENT_KEY_BYTES];
    segment_key(segment, key);
    drop(c, key, sizeof key);
}

static void put_pair(struct index_change *c, uint8_t tag, struct log_place place, uint8_t flags,
                     uint64_t a, uint64_t b)
{
    uint8_t key[PLACE_KEY_BYTES], value[PAIR_BYTES];
    place_key(tag, place, key);
    pair_value(flags, a, b, value);
    put(c, key, sizeof key, value, sizeof value);
}

void index_put_floor(struct index_change *c, const struct log_floor *floor)
{
    put_pair(c, 'F', floor->place, floor->seals ? FLAG_SEALS : 0, floor->begin, floor->last_ms);
}

void index_put_damage(struct index_change *c, const struct log_damage *damage)
{
    put_pair(c, 'X', damage->place, 0, damage->from, damage->segment);
}

void index_remove_floor(struct index_change *c, struct log_place place)
{
    uint8_t key[PLACE_KEY_BYTES];
    place_key('F', place, key);
    drop(c, key, sizeof key);
}

void index_remove_damage(struct index_change *c, struct log_place place)
{
    uint8_t key[PLACE_KEY_BYTES];
    place_key('X', place, key);
    drop(c, key, sizeof key);
}

enum status index_apply(struct segment_index *ix, struct index_change *c, struct fault *f)
{
    leveldb_t *db;
    enum status st = reopen_if_broken(ix, f);
    if (st == OK)
        st = enter(ix, &db, f);
    if (st != OK)
        return st;
    st = level_write(&ix->level, db, c->batch, true, ix->folder, f);
    if (st != OK) {
        lock_take(&ix->mu);
        ix->broken = true;
        lock_drop(&ix->mu);
    }
    leave(ix);
    return st;
}
