/* store_index.c: where everything is: one LevelDB, so that memory does not grow with what is
 * retained. Keys are big-endian, values little-endian u64.
 *
 *   "I" stream(8) shard(4) first offset(8)              segment, last offset, first ms, last ms, bytes, flags
 *   "T" segment(8) stream(8) shard(4) first offset(8)   the same: the rows of a segment
 *   "S" segment(8)                                      state u8, class u32, count u32, then count x (stream, last ms, bytes)
 *   "F" stream(8) shard(4)                              begin, last ms, flags: a log that lost its oldest rows
 *   "X" stream(8) shard(4)                              from, segment, 0: a log that is refused, from there on
 *   "P" stream(8) shard(4) producer(16) place(8)        a block of numbers that a producer stored: store_producers.c
 *   flags: bit 0, the log ends behind it.
 *
 * X1. A change is one synced write: after a crash all of it is there, or none.
 * X2. After a failed write LevelDB's log may hold half a record, and nothing sound may follow it:
 * the index takes no more changes until it was closed, mended and opened again, which the next
 * change does. Lookups go on, or wait for that moment.
 *
 * Thread: any that may wait for the disk. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"
#include "shards/store_wal.h"

#include <stdio.h>

enum {
    PLACE = 12,
    ROW_KEY = 1 + PLACE + 8,
    PART_KEY = 1 + 8 + PLACE + 8,
    ROW_VALUE = 48,
    SUMMARY_KEY = 9,
    SUMMARY_HEAD = 9,
    SUMMARY_EACH = 24,
    MARK_KEY = 1 + PLACE, /* "F", "X" */
    MARK_VALUE = 24,
};

/* ---- open and closed ---- */

static void index_path(const struct store *s, char out[STORE_PATH_BYTES])
{
    must(snprintf(out, STORE_PATH_BYTES, "%s/index", s->folder) < STORE_PATH_BYTES);
}

enum status index_open(struct store *s, struct fault *f)
{
    char path[STORE_PATH_BYTES], *error = NULL;
    index_path(s, path);
    enum status st = folder_make(path, f);
    if (st == OK)
        st = wal_mend(path, f);
    if (st != OK)
        return st;
    s->index = leveldb_open(s->index_options, path, &error);
    return error ? store_leveldb_fault(error, "the segment index", f) : folder_sync(path, f);
}

void index_close(struct store *s)
{
    if (s->index)
        leveldb_close(s->index);
    s->index = NULL;
}

static enum status enter(struct store *s, leveldb_t **db, struct fault *f)
{
    lock_take(&s->index_mu);
    while (s->index_closed)
        signal_wait(&s->index_idle, &s->index_mu);
    *db = s->index;
    s->index_users += *db != NULL;
    lock_drop(&s->index_mu);
    return *db ? OK : fault_set(f, IO_FAILED, "the segment index could not be opened again");
}

static void leave(struct store *s)
{
    lock_take(&s->index_mu);
    must(s->index_users > 0);
    if (--s->index_users == 0)
        signal_all(&s->index_idle);
    lock_drop(&s->index_mu);
}

/* X2 */
static enum status reopen_if_broken(struct store *s, struct fault *f)
{
    lock_take(&s->index_mu);
    while (s->index_closed)
        signal_wait(&s->index_idle, &s->index_mu);
    bool mine = s->index_broken;
    s->index_closed = mine;
    while (mine && s->index_users)
        signal_wait(&s->index_idle, &s->index_mu);
    lock_drop(&s->index_mu);
    if (!mine)
        return OK;
    index_close(s);
    enum status st = index_open(s, f);
    lock_take(&s->index_mu);
    s->index_broken = st != OK;
    s->index_closed = false;
    signal_all(&s->index_idle);
    lock_drop(&s->index_mu);
    return st;
}

/* ---- rows as bytes ---- */

static void put_words(uint8_t *out, const uint64_t *words, int count)
{
    for (int i = 0; i < count; i++)
        put_le64(out + 8 * i, words[i]);
}

static void place_key(char tag, struct log_place place, uint8_t out[MARK_KEY])
{
    out[0] = (uint8_t)tag;
    put_be64(out + 1, place.stream);
    put_be32(out + 9, place.shard);
}

static void row_key(struct log_place place, uint64_t first, uint8_t out[ROW_KEY])
{
    place_key('I', place, out);
    put_be64(out + MARK_KEY, first);
}

static void part_key(const struct store_row *row, uint8_t out[PART_KEY])
{
    out[0] = 'T';
    put_be64(out + 1, row->segment);
    segment_key(row->place, row->first, out + 9);
}

static void put(leveldb_writebatch_t *b, const uint8_t *key, size_t key_len, const uint8_t *value,
                size_t len)
{
    leveldb_writebatch_put(b, (const char *)key, key_len, (const char *)value, len);
}

void index_put_row(leveldb_writebatch_t *b, const struct store_row *row)
{
    uint8_t key[ROW_KEY], part[PART_KEY], value[ROW_VALUE];
    const uint64_t words[] = {row->segment, row->last,  row->first_ms,
                              row->last_ms, row->bytes, row->seals};
    row_key(row->place, row->first, key);
    part_key(row, part);
    put_words(value, words, 6);
    put(b, key, ROW_KEY, value, ROW_VALUE);
    put(b, part, PART_KEY, value, ROW_VALUE);
}

void index_remove_row(leveldb_writebatch_t *b, const struct store_row *row)
{
    uint8_t key[ROW_KEY], part[PART_KEY];
    row_key(row->place, row->first, key);
    part_key(row, part);
    leveldb_writebatch_delete(b, (const char *)key, ROW_KEY);
    leveldb_writebatch_delete(b, (const char *)part, PART_KEY);
}

void index_put_summary(leveldb_writebatch_t *b, const struct segment_summary *m)
{
    uint8_t key[SUMMARY_KEY] = {'S'};
    size_t len = SUMMARY_HEAD + (size_t)m->streams * SUMMARY_EACH;
    uint8_t *value = mem_must(len);
    put_be64(key + 1, m->number);
    value[0] = m->state;
    put_le32(value + 1, m->class_hours);
    put_le32(value + 5, m->streams);
    for (uint32_t i = 0; i < m->streams; i++) {
        const uint64_t words[] = {m->of[i].stream, m->of[i].last_ms, m->of[i].bytes};
        put_words(value + SUMMARY_HEAD + i * SUMMARY_EACH, words, 3);
    }
    put(b, key, SUMMARY_KEY, value, len);
    mem_free(value);
}

void index_remove_summary(leveldb_writebatch_t *b, uint64_t number)
{
    uint8_t key[SUMMARY_KEY] = {'S'};
    put_be64(key + 1, number);
    leveldb_writebatch_delete(b, (const char *)key, SUMMARY_KEY);
}

static void put_mark(leveldb_writebatch_t *b, char tag, struct log_place place,
                     const uint64_t words[3])
{
    uint8_t key[MARK_KEY], value[MARK_VALUE];
    place_key(tag, place, key);
    put_words(value, words, 3);
    put(b, key, MARK_KEY, value, MARK_VALUE);
}

static void remove_mark(leveldb_writebatch_t *b, char tag, struct log_place place)
{
    uint8_t key[MARK_KEY];
    place_key(tag, place, key);
    leveldb_writebatch_delete(b, (const char *)key, MARK_KEY);
}

void index_put_floor(leveldb_writebatch_t *b, const struct store_floor *floor)
{
    put_mark(b, 'F', floor->place, (uint64_t[]){floor->begin, floor->last_ms, floor->seals});
}

void index_remove_floor(leveldb_writebatch_t *b, struct log_place place)
{
    remove_mark(b, 'F', place);
}

void index_put_damage(leveldb_writebatch_t *b, const struct store_damage *damage)
{
    put_mark(b, 'X', damage->place, (uint64_t[]){damage->from, damage->segment, 0});
}

void index_remove_damage(leveldb_writebatch_t *b, struct log_place place)
{
    remove_mark(b, 'X', place);
}

enum status index_commit(struct store *s, leveldb_writebatch_t *b, struct fault *f)
{
    char *error = NULL;
    leveldb_t *db;
    enum status st = reopen_if_broken(s, f);
    if (st == OK)
        st = enter(s, &db, f);
    if (st == OK) {
        leveldb_write(db, s->synced, b, &error); /* X1 */
        leave(s);
    }
    leveldb_writebatch_destroy(b);
    if (!error)
        return st;
    lock_take(&s->index_mu);
    s->index_broken = true;
    lock_drop(&s->index_mu);
    return store_leveldb_fault(error, "the segment index", f);
}

/* ---- lookups ---- */

static enum status begin(struct store *s, leveldb_iterator_t **it, const uint8_t *key,
                         size_t key_len, struct fault *f)
{
    leveldb_t *db;
    enum status st = enter(s, &db, f);
    if (st != OK)
        return st;
    *it = leveldb_create_iterator(db, s->checked);
    leveldb_iter_seek(*it, (const char *)key, key_len);
    return OK;
}

static enum status finish(struct store *s, leveldb_iterator_t *it, enum status st, struct fault *f)
{
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    leave(s);
    return error ? store_leveldb_fault(error, "the segment index", f) : st;
}

static struct bytes key_of(leveldb_iterator_t *it)
{
    size_t len;
    const char *at = leveldb_iter_key(it, &len);
    return bytes_of(at, len);
}

static struct bytes value_of(leveldb_iterator_t *it)
{
    size_t len;
    const char *at = leveldb_iter_value(it, &len);
    return bytes_of(at, len);
}

static enum status unreadable(struct fault *f)
{
    return fault_set(f, CORRUPT, "the segment index has a row that cannot be read");
}

static struct log_place get_place(const uint8_t *at)
{
    return (struct log_place){get_be64(at), get_be32(at + 8)};
}

/* `key` points at place and first offset. */
static bool parse_row(const uint8_t *key, struct bytes value, struct store_row *out)
{
    if (value.len != ROW_VALUE)
        return false;
    *out = (struct store_row){.place = get_place(key),
                              .first = get_be64(key + PLACE),
                              .segment = get_le64(value.at),
                              .last = get_le64(value.at + 8),
                              .first_ms = get_le64(value.at + 16),
                              .last_ms = get_le64(value.at + 24),
                              .bytes = get_le64(value.at + 32),
                              .seals = get_le64(value.at + 40) & 1};
    return out->last >= out->first;
}

/* END unless the iterator stands at a row of this log. */
static enum status row_at(leveldb_iterator_t *it, struct log_place place, struct store_row *out,
                          struct fault *f)
{
    uint8_t prefix[ROW_KEY];
    row_key(place, 0, prefix);
    if (!leveldb_iter_valid(it) || key_of(it).len != ROW_KEY ||
        !bytes_starts_with(key_of(it), bytes_of(prefix, MARK_KEY)))
        return END;
    return parse_row(key_of(it).at + 1, value_of(it), out) ? OK : unreadable(f);
}

enum status index_before(struct store *s, struct log_place place, uint64_t offset,
                         struct store_row *out, struct fault *f)
{
    uint8_t key[ROW_KEY];
    leveldb_iterator_t *it;
    row_key(place, offset, key);
    enum status st = begin(s, &it, key, ROW_KEY, f);
    if (st != OK)
        return st;
    if (!leveldb_iter_valid(it))
        leveldb_iter_seek_to_last(it);
    else if (!bytes_equal(key_of(it), bytes_of(key, ROW_KEY)))
        leveldb_iter_prev(it);
    return finish(s, it, row_at(it, place, out, f), f);
}

enum status index_find(struct store *s, struct log_place place, uint64_t offset,
                       struct store_row *out, struct fault *f)
{
    uint8_t key[ROW_KEY];
    leveldb_iterator_t *it;
    enum status st = index_before(s, place, offset, out, f);
    if ((st == OK && out->last >= offset) || (st != OK && st != END))
        return st;
    row_key(place, offset, key);
    st = begin(s, &it, key, ROW_KEY, f);
    return st == OK ? finish(s, it, row_at(it, place, out, f), f) : st;
}

/* The three words of a mark. */
static enum status find_mark(struct store *s, char tag, struct log_place place, uint64_t words[3],
                             struct fault *f)
{
    uint8_t key[MARK_KEY];
    leveldb_iterator_t *it;
    place_key(tag, place, key);
    enum status st = begin(s, &it, key, MARK_KEY, f);
    if (st != OK)
        return st;
    if (!leveldb_iter_valid(it) || !bytes_equal(key_of(it), bytes_of(key, MARK_KEY)))
        st = END;
    else if (value_of(it).len != MARK_VALUE)
        st = unreadable(f);
    for (int i = 0; st == OK && i < 3; i++)
        words[i] = get_le64(value_of(it).at + 8 * i);
    return finish(s, it, st, f);
}

enum status index_floor(struct store *s, struct log_place place, struct store_floor *out,
                        struct fault *f)
{
    uint64_t words[3];
    enum status st = find_mark(s, 'F', place, words, f);
    if (st == OK)
        *out = (struct store_floor){place, words[0], words[1], words[2] & 1};
    return st;
}

enum status index_damage(struct store *s, struct log_place place, struct store_damage *out,
                         struct fault *f)
{
    uint64_t words[3];
    enum status st = find_mark(s, 'X', place, words, f);
    if (st == OK)
        *out = (struct store_damage){place, words[0], words[1]};
    return st;
}

enum status index_bounds(struct store *s, struct log_place place, struct log_bounds *out,
                         struct fault *f)
{
    struct store_floor floor;
    struct store_row row;
    *out = (struct log_bounds){0};
    enum status st = index_floor(s, place, &floor, f);
    if (st == OK)
        *out = (struct log_bounds){floor.begin, floor.begin, floor.last_ms, floor.seals};
    else if (st != END)
        return st;
    st = index_before(s, place, UINT64_MAX, &row, f);
    if (st == OK && row.last >= out->end) {
        out->end = row.last + 1;
        out->last_ms = row.last_ms;
        out->sealed = row.seals;
    }
    return st == END ? OK : st;
}

enum status index_next_floor(struct store *s, struct log_place from, struct store_floor *out,
                             struct fault *f)
{
    uint8_t key[MARK_KEY];
    leveldb_iterator_t *it;
    place_key('F', from, key);
    enum status st = begin(s, &it, key, MARK_KEY, f);
    if (st != OK)
        return st;
    if (!leveldb_iter_valid(it) || key_of(it).at[0] != 'F')
        return finish(s, it, END, f);
    if (key_of(it).len != MARK_KEY || value_of(it).len != MARK_VALUE)
        return finish(s, it, unreadable(f), f);
    const uint8_t *value = value_of(it).at;
    *out = (struct store_floor){get_place(key_of(it).at + 1), get_le64(value), get_le64(value + 8),
                                get_le64(value + 16) & 1};
    return finish(s, it, OK, f);
}

enum status index_next_summary(struct store *s, uint64_t after, struct segment_summary *out,
                               struct fault *f)
{
    uint8_t key[SUMMARY_KEY] = {'S'};
    leveldb_iterator_t *it;
    put_be64(key + 1, after + 1);
    enum status st = begin(s, &it, key, SUMMARY_KEY, f);
    if (st != OK)
        return st;
    if (!leveldb_iter_valid(it) || key_of(it).at[0] != 'S')
        return finish(s, it, END, f);
    struct bytes k = key_of(it), value = value_of(it);
    if (k.len != SUMMARY_KEY || value.len < SUMMARY_HEAD ||
        value.len != SUMMARY_HEAD + (size_t)get_le32(value.at + 5) * SUMMARY_EACH)
        return finish(s, it, unreadable(f), f);
    *out = (struct segment_summary){.number = get_be64(k.at + 1),
                                    .state = value.at[0],
                                    .class_hours = get_le32(value.at + 1),
                                    .streams = get_le32(value.at + 5)};
    out->of = mem_must((out->streams + 1) * sizeof(*out->of));
    for (uint32_t i = 0; i < out->streams; i++) {
        const uint8_t *words = value.at + SUMMARY_HEAD + i * SUMMARY_EACH;
        out->of[i].stream = get_le64(words);
        out->of[i].last_ms = get_le64(words + 8);
        out->of[i].bytes = get_le64(words + 16);
    }
    return finish(s, it, OK, f);
}

enum status index_each(struct store *s, struct bytes prefix,
                       enum status (*each)(void *, struct bytes key, struct bytes value,
                                           struct fault *),
                       void *arg, struct fault *f)
{
    leveldb_iterator_t *it;
    enum status st = begin(s, &it, prefix.at, prefix.len, f);
    if (st != OK)
        return st;
    for (; st == OK && leveldb_iter_valid(it) && bytes_starts_with(key_of(it), prefix);
         leveldb_iter_next(it))
        st = each(arg, key_of(it), value_of(it), f);
    return finish(s, it, st, f);
}

struct rows_of {
    enum status (*each)(void *, const struct store_row *, struct fault *);
    void *arg;
};

static enum status each_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    const struct rows_of *k = arg;
    struct store_row row;
    if (key.len != PART_KEY || !parse_row(key.at + 9, value, &row))
        return unreadable(f);
    return k->each(k->arg, &row, f);
}

enum status index_each_row(struct store *s, uint64_t segment,
                           enum status (*each)(void *, const struct store_row *, struct fault *),
                           void *arg, struct fault *f)
{
    uint8_t prefix[9] = {'T'};
    put_be64(prefix + 1, segment);
    struct rows_of k = {each, arg};
    return index_each(s, bytes_of(prefix, sizeof prefix), each_row, &k, f);
}
