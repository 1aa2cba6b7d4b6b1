/* group_keeper_rows.c: the groups' database:
 *
 *   meta/format                                       {"format": 1}
 *   group/<stream, 20 digits>/<group>/head            group_json.h says what is in these
 *   group/<stream>/<group>/member/<member>            behind the head, as the keys sort
 *   group/<stream>/<group>/shard/<shard>              behind the members, who own them
 *
 * A stream's number is never used again, so rows of one that is gone can be removed at any time. A row that cannot be understood is refused
 * by name. After a failed write the database is opened anew before the next: LevelDB latches what it failed at. */
#include "api/group_keeper_internal.h"

#include "base/json_text.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "groups/group_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS_FORMAT = 1, KEY_BYTES = 512 };

/* ---- writing ---- */

struct target {
    struct group_keeper *keeper;
    const struct kept_group *group;
    bool remove;
};

static void print_key(const struct kept_group *g, const struct group_row *row, char out[KEY_BYTES])
{
    int len = snprintf(out, KEY_BYTES, "group/%020" PRIu64 "/%s/", g->stream->number, g->name);
    size_t room = KEY_BYTES - (size_t)len;
    if (row->kind == GROUP_ROW_HEAD)
        snprintf(out + len, room, "head");
    else if (row->kind == GROUP_ROW_MEMBER)
        snprintf(out + len, room, "member/%s", row->member.name);
    else
        snprintf(out + len, room, "shard/%s", row->lease.shard_id);
}

/* What is known only while the server runs is left out. */
static struct group_row durable_part(const struct group_row *row)
{
    struct group_row kept = *row;
    if (row->kind == GROUP_ROW_MEMBER)
        kept.member.heartbeat_ms = 0;
    if (row->kind == GROUP_ROW_LEASE)
        kept.lease.revoked = false;
    return kept;
}

static enum status write_row(void *arg, const struct group_row *row)
{
    const struct target *to = arg;
    char key[KEY_BYTES];
    print_key(to->group, row, key);
    if (row->gone || to->remove) {
        leveldb_writebatch_delete(to->keeper->batch, key, strlen(key));
        return OK;
    }
    struct group_row kept = durable_part(row);
    json_t *object = group_row_json(&kept);
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    must(json_text_append(object, JSON_COMPACT | JSON_SORT_KEYS, &text) == OK);
    leveldb_writebatch_put(to->keeper->batch, key, strlen(key), (const char *)text.at, text.len);
    buf_fini(&text);
    json_decref(object);
    return OK;
}

static void save(struct group_keeper *k, struct kept_group *g, enum group_which which, bool remove)
{
    struct target to = {.keeper = k, .group = g, .remove = remove};
    must(group_rows(g->group, which, write_row, &to) == OK);
    list_remove(&g->stream->pending);
    list_append(&k->pending, &g->stream->pending);
}

void group_rows_save(struct group_keeper *k, struct kept_group *g)
{
    save(k, g, GROUP_CHANGED, false);
}

void group_rows_remove(struct group_keeper *k, struct kept_group *g)
{
    save(k, g, GROUP_CHANGED, true); /* what is gone already */
    save(k, g, GROUP_ALL, true);
}

enum status group_rows_write(struct group_keeper *k, struct fault *f)
{
    enum status st = k->rows.db ? OK : row_store_reopen(&k->rows, f);
    if (st == OK) {
        st = row_store_write(&k->rows, k->batch, f);
        if (st != OK)
            row_store_close(&k->rows);
    }
    leveldb_writebatch_clear(k->batch);
    if (st != OK)
        trace(TRACE_ERROR, "groups", "%s", f->text);
    return st;
}

/* ---- reading ---- */

/* Walks the rows whose keys begin with `prefix`. */
static enum status each_row(struct group_keeper *k, const char *prefix,
                            enum status (*each)(void *arg, struct bytes key, struct bytes value,
                                                struct fault *f),
                            void *arg, struct fault *f)
{
    enum status st = k->rows.db ? OK : row_store_reopen(&k->rows, f);
    if (st != OK)
        return st;
    leveldb_iterator_t *it = leveldb_create_iterator(k->rows.db, k->rows.checked);
    for (leveldb_iter_seek(it, prefix, strlen(prefix)); st == OK && leveldb_iter_valid(it);
         leveldb_iter_next(it)) {
        struct bytes key, value;
        key.at = (const uint8_t *)leveldb_iter_key(it, &key.len);
        if (!bytes_starts_with(key, bytes_text(prefix)))
            break;
        value.at = (const uint8_t *)leveldb_iter_value(it, &value.len);
        st = each(arg, key, value, f);
    }
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    return error ? row_store_fault(&k->rows, error, "it cannot be read", f) : st;
}

static enum status row_fault(struct bytes key, struct fault *f)
{
    return fault_set(f, CORRUPT, "group store: the row %.*s cannot be read", BYTES_ARGS(key));
}

static enum status parse_row(struct bytes key, struct bytes value, struct group_row *row,
                             struct fault *f)
{
    json_t *object = json_loadb((const char *)value.at, value.len, JSON_REJECT_DUPLICATES, NULL);
    bool fine = group_row_of_json(object, row);
    json_decref(object);
    return fine ? OK : row_fault(key, f);
}

enum { NUMBER_AT = 6, NAME_AT = NUMBER_AT + 20 + 1 }; /* of a key */

/* The group of a row, behind "group/" and the stream's number. */
static bool take_name(struct bytes key, char out[GROUP_MEMBER_BYTES])
{
    if (key.len <= NAME_AT)
        return false;
    struct bytes rest = bytes_of(key.at + NAME_AT, key.len - NAME_AT);
    const uint8_t *slash = memchr(rest.at, '/', rest.len);
    size_t len = slash ? (size_t)(slash - rest.at) : 0;
    if (len == 0 || len >= GROUP_MEMBER_BYTES)
        return false;
    memcpy(out, rest.at, len);
    out[len] = '\0';
    return true;
}

struct reading {
    struct group_keeper *keeper;
    struct kept_stream *stream;
};

static enum status take_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    const struct reading *r = arg;
    char name[GROUP_MEMBER_BYTES];
    struct group_row row;
    if (!take_name(key, name))
        return row_fault(key, f);
    enum status st = parse_row(key, value, &row, f);
    if (st != OK)
        return st;
    struct kept_group *g = kept_group_find(r->stream, name);
    if ((g == NULL) != (row.kind == GROUP_ROW_HEAD))
        return row_fault(key, f);
    if (!g)
        g = kept_group_add(r->stream, name, group_new(0));
    if (!g)
        return fault_set(f, NO_MEMORY, "no memory for a consumer group");
    if (row.kind == GROUP_ROW_MEMBER)
        row.member.heartbeat_ms = group_keeper_now_ms(r->keeper); /* K2 */
    st = group_load(g->group, &row, f);
    return st == CORRUPT ? row_fault(key, f) : st;
}

enum status group_rows_read(struct group_keeper *k, struct kept_stream *s, struct fault *f)
{
    char prefix[64];
    struct reading r = {.keeper = k, .stream = s};
    snprintf(prefix, sizeof(prefix), "group/%020" PRIu64 "/", s->number);
    kept_stream_forget(s);
    enum status st = each_row(k, prefix, take_row, &r, f);
    if (st != OK)
        kept_stream_forget(s);
    s->read = st == OK;
    return st;
}

/* ---- opening ---- */

/* Of a stream that is there: it is read when its first row is met. Of one that is not: it is removed. */
static enum status sort_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct group_keeper *k = arg;
    uint64_t number;
    (void)value;
    if (key.len <= NAME_AT || !bytes_to_u64(bytes_of(key.at + NUMBER_AT, 20), &number))
        return row_fault(key, f);
    struct stream *stream = stream_table_find_number(k->settings.streams, number);
    struct kept_stream *s = stream ? kept_stream_make(k, number) : NULL;
    enum status st = s && !s->read ? group_rows_read(k, s, f) : OK;
    if (!stream)
        leveldb_writebatch_delete(k->batch, (const char *)key.at, key.len);
    stream_unref(stream);
    return st;
}

enum status group_rows_open(struct group_keeper *k, struct fault *f)
{
    k->batch = leveldb_writebatch_create();
    enum status st = row_store_open(&k->rows, "group store", k->settings.folder, f);
    if (st == OK)
        st = row_store_check_format(&k->rows, GROUPS_FORMAT, f);
    if (st == OK)
        st = each_row(k, "group/", sort_row, k, f);
    return st == OK ? group_rows_write(k, f) : st;
}

void group_rows_close(struct group_keeper *k)
{
    leveldb_writebatch_destroy(k->batch);
    row_store_fini(&k->rows);
}
