/* store_index.c: where everything is: one LevelDB, so that memory does not grow with what is
 * retained.
 *
 *   "I" stream(8) shard(4) first offset(8), big-endian -> segment, last offset, first ms, last ms,
 * bytes, flags: six u64 "S" segment(8)                                      -> state u8, class u32,
 * count u32, then count x (stream, last ms, bytes) u64
 *
 * Thread: any that may wait for the disk. */
#include "shards/store_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"

enum { ROW_KEY = 21, ROW_VALUE = 48, SUMMARY_KEY = 9, SUMMARY_HEAD = 9, SUMMARY_EACH = 24 };

static void row_key(struct log_place place, uint64_t first, uint8_t out[ROW_KEY])
{
    out[0] = 'I';
    segment_key(place, first, out + 1);
}

void index_put_row(leveldb_writebatch_t *b, const struct store_row *row)
{
    uint8_t key[ROW_KEY], value[ROW_VALUE];
    const uint64_t words[] = {row->segment, row->last,  row->first_ms,
                              row->last_ms, row->bytes, row->seals};
    row_key(row->place, row->first, key);
    for (int i = 0; i < 6; i++)
        put_le64(value + 8 * i, words[i]);
    leveldb_writebatch_put(b, (const char *)key, ROW_KEY, (const char *)value, ROW_VALUE);
}

void index_remove_row(leveldb_writebatch_t *b, const struct store_row *row)
{
    uint8_t key[ROW_KEY];
    row_key(row->place, row->first, key);
    leveldb_writebatch_delete(b, (const char *)key, ROW_KEY);
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
        put_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH, m->of[i].stream);
        put_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH + 8, m->of[i].last_ms);
        put_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH + 16, m->of[i].bytes);
    }
    leveldb_writebatch_put(b, (const char *)key, SUMMARY_KEY, (const char *)value, len);
    mem_free(value);
}

void index_remove_summary(leveldb_writebatch_t *b, uint64_t number)
{
    uint8_t key[SUMMARY_KEY] = {'S'};
    put_be64(key + 1, number);
    leveldb_writebatch_delete(b, (const char *)key, SUMMARY_KEY);
}

enum status index_commit(struct store *s, leveldb_writebatch_t *b, struct fault *f)
{
    char *error = NULL;
    leveldb_write(s->index, s->synced, b, &error);
    leveldb_writebatch_destroy(b);
    return error ? store_leveldb_fault(error, "the segment index", f) : OK;
}

static bool parse_row(leveldb_iterator_t *it, struct log_place place, struct store_row *out)
{
    size_t key_len, len;
    const char *key = leveldb_iter_key(it, &key_len);
    const uint8_t *value = (const uint8_t *)leveldb_iter_value(it, &len);
    if (key_len != ROW_KEY || key[0] != 'I' || len != ROW_VALUE ||
        !segment_key_parse(key + 1, key_len - 1, &out->place, &out->first))
        return false;
    out->segment = get_le64(value);
    out->last = get_le64(value + 8);
    out->first_ms = get_le64(value + 16);
    out->last_ms = get_le64(value + 24);
    out->bytes = get_le64(value + 32);
    out->seals = get_le64(value + 40) & 1;
    return out->place.stream == place.stream && out->place.shard == place.shard;
}

static enum status finish(leveldb_iterator_t *it, enum status st, struct fault *f)
{
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    return error ? store_leveldb_fault(error, "the segment index", f) : st;
}

enum status index_find(struct store *s, struct log_place place, uint64_t offset,
                       struct store_row *out, struct fault *f)
{
    uint8_t key[ROW_KEY];
    row_key(place, offset, key);
    leveldb_iterator_t *it = leveldb_create_iterator(s->index, s->checked);
    leveldb_iter_seek(it, (const char *)key, ROW_KEY);
    /* The row before it may hold the offset. */
    struct store_row at = {0};
    bool here = leveldb_iter_valid(it) && parse_row(it, place, &at);
    if (here && at.first == offset) {
        *out = at;
        return finish(it, OK, f);
    }
    struct store_row before = {0};
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
    /* Summaries sort behind the rows. */
    while (leveldb_iter_valid(it)) {
        size_t key_len;
        const char *k = leveldb_iter_key(it, &key_len);
        if (key_len && k[0] != 'S')
            break;
        leveldb_iter_prev(it);
    }
    if (leveldb_iter_valid(it) && parse_row(it, place, &before) && before.last >= offset) {
        *out = before;
        return finish(it, OK, f);
    }
    *out = at;
    return finish(it, here ? OK : END, f);
}

enum status index_last(struct store *s, struct log_place place, struct store_row *out,
                       struct fault *f)
{
    struct store_row found;
    enum status st = index_find(s, place, UINT64_MAX, &found, f);
    if (st == OK) {
        *out = found;
        return OK;
    }
    if (st != END)
        return st;
    /* The last row lies before: step back once from the end of this log's rows. */
    uint8_t key[ROW_KEY];
    row_key(place, UINT64_MAX, key);
    leveldb_iterator_t *it = leveldb_create_iterator(s->index, s->checked);
    leveldb_iter_seek(it, (const char *)key, ROW_KEY);
    if (leveldb_iter_valid(it))
        leveldb_iter_prev(it);
    else
        leveldb_iter_seek_to_last(it);
    bool there = leveldb_iter_valid(it) && parse_row(it, place, out);
    return finish(it, there ? OK : END, f);
}

enum status index_next_summary(struct store *s, uint64_t after, struct segment_summary *out,
                               struct fault *f)
{
    uint8_t key[SUMMARY_KEY] = {'S'};
    put_be64(key + 1, after + 1);
    leveldb_iterator_t *it = leveldb_create_iterator(s->index, s->checked);
    leveldb_iter_seek(it, (const char *)key, SUMMARY_KEY);
    if (!leveldb_iter_valid(it))
        return finish(it, END, f);
    size_t key_len, len;
    const uint8_t *k = (const uint8_t *)leveldb_iter_key(it, &key_len);
    const uint8_t *value = (const uint8_t *)leveldb_iter_value(it, &len);
    if (key_len != SUMMARY_KEY || k[0] != 'S' || len < SUMMARY_HEAD ||
        len != SUMMARY_HEAD + (size_t)get_le32(value + 5) * SUMMARY_EACH)
        return finish(it, fault_set(f, CORRUPT, "the segment index has a row that cannot be read"),
                      f);
    *out = (struct segment_summary){.number = get_be64(k + 1),
                                    .state = value[0],
                                    .class_hours = get_le32(value + 1),
                                    .streams = get_le32(value + 5)};
    out->of = mem_must((out->streams + 1) * sizeof(*out->of));
    for (uint32_t i = 0; i < out->streams; i++) {
        out->of[i].stream = get_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH);
        out->of[i].last_ms = get_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH + 8);
        out->of[i].bytes = get_le64(value + SUMMARY_HEAD + i * SUMMARY_EACH + 16);
    }
    return finish(it, OK, f);
}
