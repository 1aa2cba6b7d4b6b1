/* store_segment.c: a segment's life.
 *
 *   spare --segment_take (its row in the index synced)--> ACTIVE
 *   ACTIVE --full, old, or memory is short--> SEALING
 *   SEALING --sealer: memtable to a table, rows into the index--> SEALED, closed
 *   SEALED --> opened again on demand, in a bounded cache --> dropped (store_trim.c)
 *   ACTIVE --write failed--> FAILED --store_revive--> SEALED
 *
 * G1. A segment's folder is synced into its parent, and its row into the index, before anything in it is acknowledged.
 * G2. Each byte is written twice: to LevelDB's write-ahead log, and once into a table when the segment is sealed. Nothing is compacted.
 * Its write-ahead log is written over one that an earlier segment needed (store_frame.h, store_spares.c).
 * G3. A sealed segment is opened and closed under the cache's lock, so no two have it open: LevelDB would refuse the second.
 *
 * Thread: committers take, the sealer seals, readers open. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"
#include "shards/store_wal.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

void segment_path(const struct store *s, uint64_t number, char out[STORE_PATH_BYTES])
{
    must(snprintf(out, STORE_PATH_BYTES, "%s/segments/%020" PRIu64, s->folder, number) <
         STORE_PATH_BYTES);
}

void segment_key(struct log_place place, uint64_t offset, uint8_t out[SEGMENT_KEY_BYTES])
{
    put_be64(out, place.stream);
    put_be32(out + 8, place.shard);
    put_be64(out + 12, offset);
}

bool segment_key_parse(const char *key, size_t len, struct log_place *place, uint64_t *offset)
{
    if (len != SEGMENT_KEY_BYTES)
        return false;
    place->stream = get_be64((const uint8_t *)key);
    place->shard = get_be32((const uint8_t *)key + 8);
    *offset = get_be64((const uint8_t *)key + 12);
    return true;
}

struct segment *segment_ref(struct segment *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void segment_unref(struct segment *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) != 1)
        return;
    size_t at = 0;
    void *value;
    while (table_next(&g->rows, &at, &value))
        for (struct store_row *row = value, *before; row; row = before) {
            before = row->before;
            mem_free(row);
        }
    table_fini(&g->rows);
    leveldb_close(g->db);
    mem_free(g);
}

static struct segment *segment_new(uint64_t number, leveldb_t *db)
{
    struct segment *g = MEM_NEW(struct segment);
    atomic_store(&g->refs, 1);
    g->number = number;
    g->db = db;
    list_init(&g->node);
    table_init(&g->rows);
    return g;
}

static enum status open_db(struct store *s, uint64_t number, leveldb_t **db, struct fault *f)
{
    char path[STORE_PATH_BYTES], where[64], *error = NULL;
    segment_path(s, number, path);
    snprintf(where, sizeof(where), "segment %020" PRIu64, number);
    *db = leveldb_open(s->options, path, &error);
    return error ? store_leveldb_fault(error, where, f) : OK;
}

/* A log takes its file at the first write: now, in the background, rather than at the first commit. */
static enum status make_log(struct store *s, struct segment *g, struct fault *f)
{
    char *error = NULL;
    leveldb_writebatch_t *nothing = leveldb_writebatch_create();
    leveldb_write(g->db, s->synced, nothing, &error);
    leveldb_writebatch_destroy(nothing);
    return error ? store_leveldb_fault(error, "a segment", f) : OK;
}

enum status segment_create(struct store *s, uint64_t number, struct segment **out, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    leveldb_t *db;
    segment_path(s, number, path);
    enum status st = folder_make(path, f); /* G1: durable in its parent */
    if (st == OK)
        st = open_db(s, number, &db, f);
    if (st != OK)
        return st;
    *out = segment_new(number, db);
    st = make_log(s, *out, f);
    if (st == OK)
        st = folder_sync(path, f); /* G1: LevelDB renames CURRENT without syncing its folder */
    if (st != OK) {
        segment_unref(*out);
        *out = NULL;
    }
    return st;
}

static enum status record_birth(struct store *s, uint64_t number, uint32_t class_hours,
                                struct fault *f)
{
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    index_put_summary(b, &(struct segment_summary){.number = number, .class_hours = class_hours});
    return index_commit(s, b, f);
}

enum status segment_take(struct store *s, struct volume *v, struct segment **out, struct fault *f)
{
    lock_take(&s->mu);
    struct segment *g = s->spare;
    s->spare = NULL;
    uint64_t number = g ? g->number : s->next_segment++;
    signal_all(&s->sealing); /* the sealer makes another */
    lock_drop(&s->mu);
    enum status st = g ? OK : segment_create(s, number, &g, f);
    if (st == OK)
        st = record_birth(s, number, v->class_hours, f); /* G1 */
    if (st != OK) {
        segment_unref(g);
        return st;
    }
    lock_take(&s->mu);
    g->state = SEGMENT_ACTIVE;
    g->volume = v;
    g->born_us = clock_mono_us(s->settings.clock);
    list_append(&s->live, &g->node);
    v->active = segment_ref(g);
    lock_drop(&s->mu);
    *out = segment_ref(g); /* one for the list, one for the volume, one for the caller */
    return OK;
}

void segment_seal_locked(struct store *s, struct volume *v)
{
    struct segment *g = v->active;
    if (!g)
        return;
    v->active = NULL;
    g->state = SEGMENT_SEALING;
    s->sealing_bytes += g->bytes;
    signal_all(&s->sealing);
    segment_unref(g); /* the volume's; the list holds another */
}

/* ---- sealed segments, open for reading ---- */

enum { IDLE_US = 10000000 };

static struct segment *cache_find(struct store *s, uint64_t number)
{
    LIST_EACH(node, keep, &s->cached)
    {
        struct segment *g = LIST_OWNER(node, struct segment, node);
        if (g->number == number)
            return g;
    }
    return NULL;
}

/* G3: closed under the lock. LevelDB lets a folder be open once: whoever finds a segment absent here may open it. */
static void cache_remove_locked(struct store *s, struct segment *g)
{
    list_remove(&g->node);
    s->cached_count--;
    segment_unref(g);
}

/* Makes room for one more; those in use stay. */
static void cache_evict_locked(struct store *s)
{
    struct segment *oldest = NULL;
    if (s->cached_count < s->settings.open_segments_max)
        return;
    LIST_EACH(node, keep, &s->cached)
    {
        struct segment *g = LIST_OWNER(node, struct segment, node);
        if (atomic_load(&g->refs) == 1)
            oldest = g;
    }
    if (oldest)
        cache_remove_locked(s, oldest);
}

/* Takes over the reference. */
static void cache_add_locked(struct store *s, struct segment *g)
{
    g->used_us = clock_mono_us(s->settings.clock);
    list_prepend(&s->cached, &g->node);
    s->cached_count++;
}

/* What a crash left torn at the end of its write-ahead log is cut off; LevelDB would refuse it. */
static enum status open_mended(struct store *s, uint64_t number, leveldb_t **db, struct fault *f)
{
    char path[STORE_PATH_BYTES], current[STORE_PATH_BYTES + 16];
    segment_path(s, number, path);
    snprintf(current, sizeof(current), "%s/CURRENT", path);
    enum status st = wal_mend(path, f);
    if (st == OK && !file_exists(current)) /* LevelDB would make an empty one in its place */
        st = fault_set(f, CORRUPT, "segment %020" PRIu64 " is not there", number);
    return st == OK ? open_db(s, number, db, f) : st;
}

enum status segment_open_sealed(struct store *s, uint64_t number, struct segment **out,
                                struct fault *f)
{
    /* Opening under the lock: LevelDB lets a folder be open once, and readers of one segment want
     * it at once. */
    lock_take(&s->cache_mu);
    struct segment *g = cache_find(s, number);
    leveldb_t *db;
    enum status st = g ? OK : open_mended(s, number, &db, f);
    if (st == OK && !g) {
        g = segment_new(number, db);
        g->state = SEGMENT_SEALED;
        cache_evict_locked(s);
        cache_add_locked(s, g);
    }
    if (st == OK) {
        g->used_us = clock_mono_us(s->settings.clock);
        list_remove(&g->node);
        list_prepend(&s->cached, &g->node);
        *out = segment_ref(g);
    }
    lock_drop(&s->cache_mu);
    return st;
}

void segment_cache_drop(struct store *s, uint64_t number, bool idle_only)
{
    lock_take(&s->cache_mu);
    uint64_t now_us = clock_mono_us(s->settings.clock); /* now: the wait may have been long */
    LIST_EACH(node, keep, &s->cached)
    {
        struct segment *g = LIST_OWNER(node, struct segment, node);
        bool wanted =
            idle_only ? now_us - g->used_us > IDLE_US : number == 0 || g->number == number;
        if (wanted && atomic_load(&g->refs) == 1)
            cache_remove_locked(s, g);
    }
    lock_drop(&s->cache_mu);
}

/* ---- the sealer ---- */

static void add_stream(struct segment_summary *m, const struct store_row *row)
{
    for (uint32_t i = 0; i < m->streams; i++) {
        if (m->of[i].stream != row->place.stream)
            continue;
        m->of[i].bytes += row->bytes;
        m->of[i].last_ms = row->last_ms > m->of[i].last_ms ? row->last_ms : m->of[i].last_ms;
        return;
    }
    m->of[m->streams].stream = row->place.stream;
    m->of[m->streams].last_ms = row->last_ms;
    m->of[m->streams++].bytes = row->bytes;
}

static enum status write_rows(struct store *s, struct segment *g, struct fault *f)
{
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    struct segment_summary m = {
        .number = g->number, .state = 1, .class_hours = g->volume->class_hours};
    m.of = mem_must((g->rows.count + 1) * sizeof(*m.of));
    size_t at = 0;
    void *value;
    while (table_next(&g->rows, &at, &value))
        for (const struct store_row *row = value; row; row = row->before) {
            index_put_row(b, row);
            add_stream(&m, row);
        }
    index_put_summary(b, &m);
    mem_free(m.of);
    return store_producers_commit(s, b, f);
}

bool segment_has_table(leveldb_t *db)
{
    for (int level = 0; level < 7; level++) {
        char name[40];
        snprintf(name, sizeof(name), "leveldb.num-files-at-level%d", level);
        char *count = leveldb_property_value(db, name);
        bool some = count && strcmp(count, "0") != 0;
        leveldb_free(count);
        if (some)
            return true;
    }
    return false;
}

/* Nobody writes to it any more: its rows stand still. */
static void seal(struct store *s, struct segment *g)
{
    struct fault f = {0};
    store_flush(s, g);               /* G2 */
    if (!segment_has_table(g->db)) { /* it does not say that it failed */
        store_flush_failed(s, g);
        return;
    }
    enum status st = write_rows(s, g, &f);
    lock_take(
        &s->cache_mu); /* before mu, which puts wait for: files are opened and closed under it */
    cache_evict_locked(s);
    lock_take(&s->mu);
    if (st == OK) {
        g->state = SEGMENT_SEALED;
        s->sealing_bytes -= g->bytes;
        list_remove(&g->node);
        cache_add_locked(s, g); /* stays open for those who read what is new, until it is idle */
    }
    signal_all(&s->sealing);
    lock_drop(&s->mu);
    lock_drop(&s->cache_mu);
    if (st == OK) {
        malloc_trim(
            0); /* the memtable's pages, where the C library's allocator serves; jemalloc gives them back itself */
    } else {
        TRACE_SELDOM(TRACE_WARN, "store", "segment %020" PRIu64 " is not sealed yet: %s", g->number,
                     f.text);
    }
}

/* Relaxed durability: what was written is synced every relaxed_ms, by an empty write that asks for
 * it. */
static void sync_relaxed(struct store *s)
{
    struct segment *g = NULL;
    lock_take(&s->mu);
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        if (g || !v->unsynced || !v->active || v->failed)
            continue;
        v->unsynced = false;
        g = segment_ref(v->active);
    }
    lock_drop(&s->mu);
    if (!g)
        return;
    leveldb_writebatch_t *nothing = leveldb_writebatch_create();
    char *error = NULL;
    struct fault f = {0};
    leveldb_write(g->db, s->synced, nothing, &error);
    leveldb_writebatch_destroy(nothing);
    if (error && store_leveldb_fault(error, "a sync", &f) != OK)
        trace(TRACE_ERROR, "store", "relaxed durability: %s",
              f.text); /* the next commit meets the same error, and fails the volume */
    segment_unref(g);
}

static struct segment *to_seal_locked(struct store *s)
{
    LIST_EACH(node, keep, &s->live)
    {
        struct segment *g = LIST_OWNER(node, struct segment, node);
        if (g->state == SEGMENT_SEALING)
            return segment_ref(g);
    }
    return NULL;
}

/* By age, and the fullest when all of them take too much memory. */
static void choose_locked(struct store *s)
{
    uint64_t now_us = clock_mono_us(s->settings.clock), total = 0;
    struct volume *fullest = NULL;
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        if (!v->active || v->busy || v->failed)
            continue;
        if (now_us - v->active->born_us > store_seal_age_ms(s, v->class_hours) * 1000) {
            segment_seal_locked(s, v);
            continue;
        }
        total += v->active->bytes;
        if (!fullest || v->active->bytes > fullest->active->bytes)
            fullest = v;
    }
    if (fullest && total > s->settings.memtables_bytes_max)
        segment_seal_locked(s, fullest);
}

static void make_spare(struct store *s)
{
    lock_take(&s->mu);
    bool wanted = !s->spare && !s->closing && !s->low_space;
    uint64_t number = wanted ? s->next_segment++ : 0;
    lock_drop(&s->mu);
    struct segment *g = NULL;
    struct fault f = {0};
    if (!wanted)
        return;
    if (segment_create(s, number, &g, &f) != OK) {
        TRACE_SELDOM(TRACE_WARN, "store", "%s", f.text);
        return;
    }
    lock_take(&s->mu);
    s->spare = g;
    lock_drop(&s->mu);
}

/* Puts are refused before the disk is so full that sealing could not end. Spares go before that. */
static void check_space(struct store *s)
{
    uint64_t free_bytes, size;
    struct fault f;
    if (disk_space(s->folder, &free_bytes, &size, &f) != OK)
        return;
    uint64_t reserve =
        s->settings.disk_reserve_bytes < size / 50 ? s->settings.disk_reserve_bytes : size / 50;
    lock_take(&s->mu);
    uint64_t owed = reserve;
    LIST_EACH(node, keep, &s->live)
    owed += LIST_OWNER(node, struct segment, node)->bytes / 8 * 9;
    lock_drop(&s->mu);
    store_spares_allow(s->spares, free_bytes >= owed + STORE_SPARES_BYTES_MAX);
    if (free_bytes < owed && disk_space(s->folder, &free_bytes, &size, &f) != OK)
        return;
    bool low = free_bytes < owed;
    lock_take(&s->mu);
    bool changed = low != s->low_space;
    s->low_space = low;
    lock_drop(&s->mu);
    if (changed)
        trace(low ? TRACE_ERROR : TRACE_INFO, "store",
              low ? "the disk is nearly full (%" PRIu64 " bytes free): puts are refused"
                  : "puts are taken again: %" PRIu64 " bytes free",
              free_bytes);
}

void store_sealer_run(void *arg)
{
    struct store *s = arg;
    enum { TICK_MS = 200, NICE = 10 };
    /* LevelDB's own background thread, made at the first flush, inherits it: commits go before
     * flushes. */
    (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    bool quick = s->settings.relaxed && s->settings.relaxed_ms < TICK_MS;
    uint64_t tick_ms = quick ? s->settings.relaxed_ms : TICK_MS;
    for (;;) {
        check_space(s);
        store_revive(s);
        sync_relaxed(s);
        make_spare(s);
        segment_cache_drop(s, 0, true);
        lock_take(&s->mu);
        choose_locked(s);
        struct segment *g = to_seal_locked(s);
        bool stop = s->sealer_stop;
        if (!g && !stop)
            signal_wait_ms(&s->sealing, &s->mu, tick_ms);
        lock_drop(&s->mu);
        if (g)
            seal(s, g);
        segment_unref(g);
        if (stop)
            return;
    }
}
