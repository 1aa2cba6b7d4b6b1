/* delivery_store.c: many changes, one sync. As in the log's group commit: while one batch is being synced, further changes gather, and are the
 * next one.
 *
 * T1. `done` says OK only after the batch that holds all rows of the change is synced.
 * T2. Changes are written in the order in which they were submitted.
 * T3. After a failed write the database is opened anew before the next: LevelDB latches what it failed at, and a disk that was full may not be
 *     full any more. Changes meanwhile fail, each by itself.
 *
 * A change that removes by prefix begins a batch: the keys to be removed are looked up when all before it is written.
 *
 * Thread: any may submit; "delivery-store" writes. */
#include "delivery/delivery_store.h"

#include "base/buf.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/trace.h"
#include "shards/row_store.h"

enum { DELIVERY_FORMAT = 1, ROWS_BYTES_MAX = 1 << 30 };

struct delivery_rows {
    leveldb_writebatch_t *batch;
    struct buf prefixes; /* of rows to be removed first: each with its length before it */
    bool waited_for;     /* by delivery_store_write: nobody else is told */
    bool written;        /* under the store's mu */
};

struct delivery_store {
    /* fixed at birth */
    struct thread thread;
    struct lock mu;
    struct signal more, written;
    struct lock rows_mu; /* the disk is waited for under it: never taken by who submits */
    /* under rows_mu; replaced by the store's thread alone, which so may use them without */
    struct row_store rows;
    /* under mu */
    struct list waiting;
    bool closing;
};

/* ---- changes ---- */

void delivery_change_init(struct delivery_change *c, void (*done)(struct delivery_change *))
{
    *c = (struct delivery_change){.done = done, .rows = MEM_NEW(struct delivery_rows)};
    c->rows->batch = leveldb_writebatch_create();
    buf_init(&c->rows->prefixes, 1 << 16);
    list_init(&c->node);
}

void delivery_change_fini(struct delivery_change *c)
{
    if (!c->rows)
        return;
    leveldb_writebatch_destroy(c->rows->batch);
    buf_fini(&c->rows->prefixes);
    mem_free(c->rows);
    c->rows = NULL;
}

void delivery_change_put(struct delivery_change *c, struct bytes key, struct bytes value)
{
    leveldb_writebatch_put(c->rows->batch, (const char *)key.at, key.len, (const char *)value.at,
                           value.len);
}

void delivery_change_remove(struct delivery_change *c, struct bytes key)
{
    leveldb_writebatch_delete(c->rows->batch, (const char *)key.at, key.len);
}

void delivery_change_remove_all(struct delivery_change *c, struct bytes prefix)
{
    struct buf *b = &c->rows->prefixes;
    buf_append(b, bytes_of(&prefix.len, sizeof(prefix.len)));
    buf_append(b, prefix);
    must(b->status == OK);
}

void delivery_store_submit(struct delivery_store *s, struct delivery_change *c)
{
    lock_take(&s->mu);
    list_append(&s->waiting, &c->node);
    signal_one(&s->more);
    lock_drop(&s->mu);
}

/* ---- writing ---- */

/* Deletes, in `batch`, every row whose key begins so. */
static enum status find_all(struct delivery_store *s, struct bytes prefix,
                            leveldb_writebatch_t *batch, struct fault *f)
{
    leveldb_iterator_t *it = leveldb_create_iterator(s->rows.db, s->rows.checked);
    for (leveldb_iter_seek(it, (const char *)prefix.at, prefix.len); leveldb_iter_valid(it);
         leveldb_iter_next(it)) {
        size_t len;
        const char *key = leveldb_iter_key(it, &len);
        if (!bytes_starts_with(bytes_of(key, len), prefix))
            break;
        leveldb_writebatch_delete(batch, key, len);
    }
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    return error ? row_store_fault(&s->rows, error, "it cannot be read", f) : OK;
}

static enum status add_removals(struct delivery_store *s, const struct delivery_rows *rows,
                                leveldb_writebatch_t *batch, struct fault *f)
{
    struct bytes rest = buf_view(&rows->prefixes);
    enum status st = OK;
    while (st == OK && rest.len > 0) {
        size_t len;
        memcpy(&len, rest.at, sizeof(len));
        st = find_all(s, bytes_of(rest.at + sizeof(len), len), batch, f);
        rest = bytes_of(rest.at + sizeof(len) + len, rest.len - sizeof(len) - len);
    }
    return st;
}

/* T3 */
static enum status ready_database(struct delivery_store *s, struct fault *f)
{
    if (s->rows.db)
        return OK;
    lock_take(&s->rows_mu);
    enum status st = row_store_reopen(&s->rows, f);
    lock_drop(&s->rows_mu);
    return st;
}

static void close_database(struct delivery_store *s)
{
    lock_take(&s->rows_mu);
    row_store_close(&s->rows);
    lock_drop(&s->rows_mu);
}

static enum status write_batch(struct delivery_store *s, struct list *changes, struct fault *f)
{
    enum status st = ready_database(s, f);
    if (st != OK)
        return st;
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    LIST_EACH(node, keep, changes)
    {
        const struct delivery_rows *rows = LIST_OWNER(node, struct delivery_change, node)->rows;
        if (st == OK)
            st = add_removals(s, rows, batch, f);
        leveldb_writebatch_append(batch, rows->batch);
    }
    if (st == OK) {
        /* LevelDB would bear readers; ThreadSanitizer, which cannot see into it, would not */
        lock_take(&s->rows_mu);
        st = row_store_write(&s->rows, batch, f);
        lock_drop(&s->rows_mu);
        if (st != OK) {
            trace(TRACE_ERROR, "delivery", "%s", f->text);
            close_database(s);
        }
    }
    leveldb_writebatch_destroy(batch);
    return st;
}

/* Moves what can be one batch, all of it unless somebody removes by prefix. Under mu. */
static void take_batch(struct delivery_store *s, struct list *out)
{
    LIST_EACH(node, keep, &s->waiting)
    {
        const struct delivery_change *c = LIST_OWNER(node, struct delivery_change, node);
        if (c->rows->prefixes.len > 0 && !list_empty(out))
            return;
        list_remove(node);
        list_append(out, node);
    }
}

/* Whose change it is may free it. */
static void tell(struct delivery_store *s, struct delivery_change *c)
{
    if (!c->rows->waited_for) {
        c->done(c);
        return;
    }
    lock_take(&s->mu);
    c->rows->written = true;
    signal_all(&s->written);
    lock_drop(&s->mu);
}

static void run(void *arg)
{
    struct delivery_store *s = arg;
    struct fault f;
    for (;;) {
        struct list changes;
        list_init(&changes);
        lock_take(&s->mu);
        while (list_empty(&s->waiting) && !s->closing)
            signal_wait(&s->more, &s->mu);
        take_batch(s, &changes);
        lock_drop(&s->mu);
        if (list_empty(&changes))
            return; /* closing */
        enum status st = write_batch(s, &changes, &f);
        LIST_EACH(node, keep, &changes)
        {
            struct delivery_change *c = LIST_OWNER(node, struct delivery_change, node);
            list_remove(node);
            c->status = st;
            if (st != OK)
                c->fault = f;
            tell(s, c); /* T1 */
        }
    }
}

enum status delivery_store_write(struct delivery_store *s, struct delivery_change *c,
                                 struct fault *f)
{
    c->rows->waited_for = true;
    delivery_store_submit(s, c);
    lock_take(&s->mu);
    while (!c->rows->written)
        signal_wait(&s->written, &s->mu);
    lock_drop(&s->mu);
    if (c->status != OK)
        *f = c->fault;
    return c->status;
}

/* ---- reading ---- */

enum status delivery_store_each(struct delivery_store *s, struct bytes prefix,
                                enum status (*each)(void *arg, struct bytes key, struct bytes value,
                                                    struct fault *f),
                                void *arg, struct fault *f)
{
    struct buf rows; /* copied, so that `each` runs without the lock */
    buf_init(&rows, ROWS_BYTES_MAX);
    lock_take(&s->rows_mu);
    leveldb_iterator_t *it =
        s->rows.db ? leveldb_create_iterator(s->rows.db, s->rows.checked) : NULL;
    if (it)
        leveldb_iter_seek(it, (const char *)prefix.at, prefix.len);
    for (; it && leveldb_iter_valid(it); leveldb_iter_next(it)) {
        size_t key_len, value_len;
        const char *key = leveldb_iter_key(it, &key_len);
        if (!bytes_starts_with(bytes_of(key, key_len), prefix))
            break;
        const char *value = leveldb_iter_value(it, &value_len);
        buf_append(&rows, bytes_of(&key_len, sizeof(key_len)));
        buf_append(&rows, bytes_of(&value_len, sizeof(value_len)));
        buf_append(&rows, bytes_of(key, key_len));
        buf_append(&rows, bytes_of(value, value_len));
    }
    char *error = NULL;
    if (it) {
        leveldb_iter_get_error(it, &error);
        leveldb_iter_destroy(it);
    }
    lock_drop(&s->rows_mu);
    enum status st = it ? rows.status : IO_FAILED;
    if (error)
        st = row_store_fault(&s->rows, error, "it cannot be read", f);
    else if (st != OK)
        fault_set(f, st, "delivery store: %s", it ? "too many rows" : "it is being opened anew");
    for (struct bytes rest = buf_view(&rows); st == OK && rest.len > 0;) {
        size_t len[2];
        memcpy(len, rest.at, sizeof(len));
        const uint8_t *key = rest.at + sizeof(len);
        st = each(arg, bytes_of(key, len[0]), bytes_of(key + len[0], len[1]), f);
        rest = bytes_of(key + len[0] + len[1], rest.len - sizeof(len) - len[0] - len[1]);
    }
    buf_fini(&rows);
    return st;
}

/* ---- life ---- */

enum status delivery_store_open(const char *folder, struct delivery_store **out, struct fault *f)
{
    struct delivery_store *s = MEM_NEW(struct delivery_store);
    lock_init(&s->mu, LOCK_DELIVERY_STORE);
    lock_init(&s->rows_mu, LOCK_DELIVERY_ROWS);
    signal_init(&s->more);
    signal_init(&s->written);
    list_init(&s->waiting);
    enum status st = row_store_open(&s->rows, "delivery store", folder, f);
    if (st == OK)
        st = row_store_check_format(&s->rows, DELIVERY_FORMAT, f);
    if (st == OK)
        thread_start(&s->thread, THREAD_DELIVERY_STORE, "delivery-store", run, s);
    else
        delivery_store_close(s);
    *out = st == OK ? s : NULL;
    return st;
}

void delivery_store_close(struct delivery_store *s)
{
    if (!s)
        return;
    lock_take(&s->mu);
    s->closing = true;
    signal_one(&s->more);
    lock_drop(&s->mu);
    thread_join(&s->thread);
    row_store_fini(&s->rows);
    signal_fini(&s->more);
    signal_fini(&s->written);
    lock_fini(&s->rows_mu);
    lock_fini(&s->mu);
    mem_free(s);
}
