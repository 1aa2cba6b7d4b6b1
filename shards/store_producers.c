/* store_producers.c: what the engine knows of producers (producers.h), and the rows that keep it.
 *
 *   "P" stream(8) shard(4) producer(16) place(8)   format u8 = 1 | epoch u64 | floor u64 | through u64 | last seen, ms u64 | runs: a block of producer_window.h
 *
 * A stamp is part of its batch, so it is durable with it. Rows of the index only spare reading the past: whenever a segment becomes a sealed one, the rows
 * of all windows that changed go into the same batch as its own; stamps of unsealed segments are replayed over them after a crash. A window that changed
 * costs its last block anew (300 bytes), and each block that was filled meanwhile once. So a window outlives the segments that it was made of.
 *
 * P1. When a segment is sealed in the index, all that its stamps say is in the rows. What rows say beyond that is durable too, but for relaxed durability: what a log that
 * is opened does not reach is cut off.
 * P2. Rows are written by one thread at a time: newer never goes before older.
 *
 * Everything is in memory, so no append waits for a row. Thread: as each says. */
#include "shards/store_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"

enum { PRODUCER_ROW_KEY = 1 + PRODUCER_KEY_BYTES + 8, PRODUCER_ROW_HEAD = 33, ROW_FORMAT = 1 };

/* ---- rows ---- */

static void row_key(const uint8_t key[PRODUCER_KEY_BYTES], uint64_t place,
                    uint8_t out[PRODUCER_ROW_KEY])
{
    out[0] = 'P';
    memcpy(out + 1, key, PRODUCER_KEY_BYTES);
    put_be64(out + 1 + PRODUCER_KEY_BYTES, place);
}

static void delete_rows(leveldb_writebatch_t *b, const uint8_t key[PRODUCER_KEY_BYTES],
                        uint64_t begin, uint64_t end)
{
    uint8_t at[PRODUCER_ROW_KEY];
    for (uint64_t place = begin; place < end; place++) {
        row_key(key, place, at);
        leveldb_writebatch_delete(b, (const char *)at, PRODUCER_ROW_KEY);
    }
}

static void put_block(leveldb_writebatch_t *b, const struct producer *r,
                      const struct window_block *block)
{
    uint8_t key[PRODUCER_ROW_KEY], value[PRODUCER_ROW_HEAD + WINDOW_BLOCK_BYTES];
    const uint64_t words[] = {r->window.epoch, r->window.floor, r->through, r->used_ms};
    row_key(r->key, block->place, key);
    value[0] = ROW_FORMAT;
    for (size_t i = 0; i < 4; i++)
        put_le64(value + 1 + 8 * i, words[i]);
    memcpy(value + PRODUCER_ROW_HEAD, block->bytes, block->len);
    leveldb_writebatch_put(b, (const char *)key, PRODUCER_ROW_KEY, (const char *)value,
                           PRODUCER_ROW_HEAD + block->len);
}

/* The last block may still grow: its row is not final. */
static void put_window(leveldb_writebatch_t *b, struct producer *r)
{
    const struct window_block *first = window_first(&r->window), *last = window_last(&r->window);
    uint64_t begin = first ? first->place : r->window.next_place;
    delete_rows(b, r->key, r->rows_begin, begin < r->rows_end ? begin : r->rows_end);
    LIST_EACH(node, keep, &r->window.blocks)
    {
        const struct window_block *block = LIST_OWNER(node, struct window_block, node);
        if (block->place >= r->rows_kept)
            put_block(b, r, block);
    }
    r->writing_begin = begin;
    r->writing_kept = last ? last->place : r->window.next_place;
    r->rows_end = r->window.next_place; /* from now on they may be there */
}

/* Under producers_mu. Deletions first: who was forgotten may be back, with rows of the same places. */
static void collect_locked(struct producers *p, leveldb_writebatch_t *b)
{
    list_splice(&p->going, &p->gone);
    LIST_EACH(node, keep, &p->going)
    {
        const struct producer_gone *gone = LIST_OWNER(node, struct producer_gone, node);
        delete_rows(b, gone->key, gone->rows_begin, gone->rows_end);
    }
    LIST_EACH(node, keep, &p->changed)
    {
        struct producer *r = LIST_OWNER(node, struct producer, changed);
        put_window(b, r);
        list_remove(&r->changed);
        list_append(&p->writing, &r->writing);
    }
}

/* Whether the rows were written or not cannot be told after a failure: then all is written again. */
static void settle_locked(struct producers *p, bool written)
{
    LIST_EACH(node, keep, &p->writing)
    {
        struct producer *r = LIST_OWNER(node, struct producer, writing);
        list_remove(&r->writing);
        if (written) {
            r->rows_begin = r->writing_begin;
            r->rows_kept = r->writing_kept;
        } else if (list_empty(&r->changed)) {
            list_append(&p->changed, &r->changed);
        }
    }
    if (!written)
        list_splice(&p->gone, &p->going);
    LIST_EACH(node, keep, &p->going)
    {
        list_remove(node);
        mem_free(LIST_OWNER(node, struct producer_gone, node));
    }
}

enum status store_producers_commit(struct store *s, leveldb_writebatch_t *b, struct fault *f)
{
    lock_take(&s->producer_rows_mu); /* P2 */
    lock_take(&s->producers_mu);
    collect_locked(&s->producers, b);
    lock_drop(&s->producers_mu);
    enum status st = index_commit(s, b, f);
    lock_take(&s->producers_mu);
    settle_locked(&s->producers, st == OK);
    lock_drop(&s->producers_mu);
    lock_drop(&s->producer_rows_mu);
    return st;
}

static enum status load_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct producers *p = arg;
    if (key.len != PRODUCER_ROW_KEY || value.len < PRODUCER_ROW_HEAD || value.at[0] != ROW_FORMAT)
        return fault_set(f, CORRUPT, "the segment index has a producer's row that cannot be read");
    struct producer *r = producers_find_or_make(p, key.at + 1);
    struct producer_window *w = &r->window;
    uint64_t place = get_be64(key.at + 1 + PRODUCER_KEY_BYTES);
    uint64_t words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = get_le64(value.at + 1 + 8 * i);
    if (!w->begun) {
        window_begin(w, words[0]);
        r->rows_begin = r->rows_end = r->rows_kept = place;
    }
    enum status st = w->epoch == words[0] ? OK : CORRUPT;
    if (st != OK)
        return fault_set(f, st, "the segment index has rows of a producer's two epochs");
    st = window_load(w, place,
                     bytes_of(value.at + PRODUCER_ROW_HEAD, value.len - PRODUCER_ROW_HEAD), f);
    w->floor = words[1] > w->floor ? words[1] : w->floor;
    r->through = words[2] > r->through ? words[2] : r->through;
    r->used_ms = words[3] > r->used_ms ? words[3] : r->used_ms;
    r->rows_kept = place;
    r->rows_end = place + 1;
    return st;
}

enum status store_producers_load(struct store *s, struct fault *f)
{
    enum status st = index_each(s, BYTES_LITERAL("P"), load_row, &s->producers, f);
    lock_take(&s->producers_mu);
    if (st == OK)
        producers_loaded(&s->producers);
    lock_drop(&s->producers_mu);
    return st;
}

/* ---- commits ---- */

enum status store_producers_admit(struct store *s, struct log_append *a)
{
    lock_take(&s->producers_mu);
    enum status st = producers_admit(&s->producers, a, clock_wall_ms(s->settings.clock));
    lock_drop(&s->producers_mu);
    return st;
}

static struct log_append *append_at(struct list *node)
{
    return LIST_OWNER(node, struct log_stamp, node)->append;
}

void store_producers_settle(struct store *s, struct list *admitted, struct list *repeated)
{
    if (list_empty(admitted) && list_empty(repeated))
        return;
    lock_take(&s->producers_mu);
    LIST_EACH(node, keep, repeated)
    {
        list_remove(node);
        if (append_at(node)->status == REPEATED)
            producers_answer(&s->producers, append_at(node));
    }
    LIST_EACH(node, keep, admitted)
    {
        list_remove(node);
        producers_stored(&s->producers, append_at(node));
    }
    lock_drop(&s->producers_mu);
}

void store_producers_cancel(struct store *s, struct list *admitted, struct list *repeated)
{
    LIST_EACH(node, keep, repeated)
    list_remove(node);
    if (list_empty(admitted))
        return;
    lock_take(&s->producers_mu);
    LIST_EACH(node, keep, admitted)
    {
        list_remove(node);
        producers_cancel(&s->producers, append_at(node));
    }
    lock_drop(&s->producers_mu);
}

/* ---- recovery ---- */

enum status store_producers_replay(struct store *s, struct log_place place, struct bytes value,
                                   struct fault *f)
{
    struct batch_header h;
    enum status st = OK;
    for (size_t at = 0; at < value.len && st == OK; at += BATCH_HEADER_BYTES + h.body_len) {
        struct bytes batch = bytes_of(value.at + at, value.len - at);
        st = batch_header_read(batch, &h, f);
        /* A body that is damaged is told to who reads it. */
        if (st != OK || !(h.flags & BATCH_STAMPED) || batch_check(batch, &h, NULL) != OK)
            continue;
        lock_take(&s->producers_mu);
        st = producers_replay(&s->producers, place, &h, batch_stamp(batch, &h), f);
        lock_drop(&s->producers_mu);
    }
    return st;
}

void store_producers_replayed(struct store *s)
{
    lock_take(&s->producers_mu);
    producers_replayed(&s->producers);
    lock_drop(&s->producers_mu);
}

void store_producers_cut(struct store *s, struct log_place place, uint64_t end)
{
    lock_take(&s->producers_mu);
    producers_cut(&s->producers, place, end);
    lock_drop(&s->producers_mu);
}

/* ---- reshards, deleted streams ---- */

enum { MOVED_LOGS_MAX = 4 };

static size_t places_of(struct log *const *logs, size_t count, struct log_place *out)
{
    for (size_t i = 0; i < count && i < MOVED_LOGS_MAX; i++)
        out[i] = logs[i]->place;
    return count < MOVED_LOGS_MAX ? count : MOVED_LOGS_MAX;
}

enum status store_take_over(struct log_engine *engine, struct log *const *parents,
                            size_t parent_count, struct log *const *children, size_t child_count,
                            struct fault *f)
{
    struct store *s = store_of(engine);
    struct log_place from[MOVED_LOGS_MAX], to[MOVED_LOGS_MAX];
    must(parent_count <= MOVED_LOGS_MAX && child_count <= MOVED_LOGS_MAX);
    size_t from_count = places_of(parents, parent_count, from);
    size_t to_count = places_of(children, child_count, to);
    lock_take(&s->producers_mu);
    producers_move(&s->producers, from, from_count, to, to_count);
    /* Also after it was moved and could not be written. */
    bool known = !list_empty(&s->producers.changed) || !list_empty(&s->producers.gone);
    lock_drop(&s->producers_mu);
    return known ? store_producers_commit(s, leveldb_writebatch_create(), f) : OK;
}

enum status store_producers_sweep(struct store *s, const struct log_keeper *k, struct fault *f)
{
    lock_take(&s->producers_mu);
    size_t count = s->producers.logs.count;
    struct log_place *logs = count ? mem_must(count * sizeof(*logs)) : NULL;
    count = producers_logs(&s->producers, logs, count);
    lock_drop(&s->producers_mu);
    bool any = false;
    for (size_t i = 0; i < count; i++) { /* the keeper takes locks of its own */
        if (k->begin_ms(k, logs[i].stream) != UINT64_MAX)
            continue;
        any = true;
        lock_take(&s->producers_mu);
        producers_forget_log(&s->producers, logs[i]);
        lock_drop(&s->producers_mu);
    }
    mem_free(logs);
    return any ? store_producers_commit(s, leveldb_writebatch_create(), f) : OK;
}

void store_producers_usage(struct store *s, struct log_usage *out)
{
    lock_take(&s->producers_mu);
    out->producers = s->producers.by_key.count;
    out->producer_bytes = s->producers.bytes;
    lock_drop(&s->producers_mu);
}
