/* store.c: the embedded log engine's door: settings, opening, logs, closing. docs/STORAGE.md tells
 * the whole.
 *
 * Segments are shared by all streams of one retention class (ADR 0001): one write and one sync hold
 * whatever was queued by all of them. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/row_store.h"

#include <stdio.h>
#include <stdlib.h>

void log_leveldb_defaults(struct log_leveldb_settings *s)
{
    *s = (struct log_leveldb_settings){
        .clock = &clock_system,
        .segment_bytes = MIB(32),
        .memtables_bytes_max = MIB(256),
        .tail_bytes_max = MIB(64),
        .queue_bytes_max = MIB(128),
        .producer_bytes_max = PRODUCER_BYTES_MAX,
        .commit_bytes_max = MIB(8),
        .disk_reserve_bytes = MIB(64),
        .committers = 2,
        .readers = 2,
        .open_segments_max = 8,
        .relaxed_ms = 100,
    };
}

/* The class of a period: the next of a grid in which each is at most 25/24 of the one before, so
 * that streams kept together go at one time. */
uint32_t store_class_hours(uint32_t retention_hours)
{
    uint32_t class_hours = RETENTION_HOURS_MIN;
    while (class_hours < retention_hours)
        class_hours += class_hours / 24;
    return class_hours;
}

uint64_t store_seal_age_ms(const struct store *s, uint32_t class_hours)
{
    if (s->settings.seal_age_ms)
        return s->settings.seal_age_ms;
    return (class_hours > 24 ? class_hours / 24 : 1) * UINT64_C(3600000);
}

enum status store_leveldb_fault(char *error, const char *where, struct fault *f)
{
    enum status st = leveldb_status(error);
    if (st == IN_USE) /* our own folder: nobody else's */
        st = IO_FAILED;
    fault_set(f, st, "%s: %s", where, error);
    leveldb_free(error);
    return st;
}

/* ---- logs ---- */

static enum status find_ends(struct store *s, struct store_log *l, struct fault *f)
{
    struct log_bounds bounds;
    enum status st = index_bounds(s, l->log.place, &bounds, f);
    if (st != OK)
        return st;
    tail_log_init(&l->tail, &bounds);
    store_producers_cut(s, l->log.place, bounds.end);
    st = index_damage(s, l->log.place, &l->damage, f);
    l->damaged = st == OK;
    return st == END ? OK : st;
}

static enum status store_log_open(struct log_engine *engine, struct log_place place, uint32_t hours,
                                  struct log **out, struct fault *f)
{
    struct store *s = store_of(engine);
    uint8_t key[SEGMENT_KEY_BYTES];
    segment_key(place, 0, key);
    lock_take(&s->mu);
    struct store_log *l = table_find(&s->logs, bytes_of(key, 12));
    if (l)
        l->uses++;
    lock_drop(&s->mu);
    if (l) {
        *out = &l->log;
        return OK;
    }
    l = MEM_NEW(struct store_log);
    l->log = (struct log){engine, place};
    memcpy(l->key, key, 12);
    l->uses = 1;
    l->class_hours = store_class_hours(hours);
    list_init(&l->commit);
    list_init(&l->commit_node);
    enum status st = find_ends(s, l, f);
    if (st != OK) {
        mem_free(l);
        return st;
    }
    lock_take(&s->mu);
    must(table_set(&s->logs, bytes_of(l->key, 12), l) ==
         NULL); /* one thread opens logs: the catalog's */
    lock_drop(&s->mu);
    *out = &l->log;
    return OK;
}

static void store_set_retention(struct log *log, uint32_t hours)
{
    struct store *s = store_of(log->engine);
    lock_take(&s->mu);
    store_log_of(log)->class_hours = store_class_hours(hours);
    lock_drop(&s->mu);
}

static void log_free(struct store *s, struct store_log *l)
{
    tail_log_fini(&s->tail, &l->tail);
    mem_free(l);
}

/* A log stays known until the store closes: live segments keep rows under its key, and 300 bytes
 * for a deleted shard are cheap. */
static void store_release(struct log *log)
{
    struct store *s = store_of(log->engine);
    lock_take(&s->mu);
    must(store_log_of(log)->uses > 0);
    store_log_of(log)->uses--;
    lock_drop(&s->mu);
}

static void store_bounds(struct log *log, struct log_bounds *out)
{
    tail_bounds(&store_of(log->engine)->tail, &store_log_of(log)->tail, out);
}

static void store_wait(struct log *log, uint64_t end, struct log_waiter *w)
{
    tail_wait(&store_of(log->engine)->tail, &store_log_of(log)->tail, end, w);
}

static void store_cancel(struct log *log, struct log_waiter *w)
{
    tail_cancel(&store_of(log->engine)->tail, w);
}

/* ---- closing ---- */

static void stop_threads(struct store *s)
{
    lock_take(&s->mu);
    s->closing = true;
    signal_all(&s->work);
    signal_all(&s->sealing);
    lock_drop(&s->mu);
    for (uint32_t i = 0; i < s->settings.committers; i++)
        thread_join(&s->committers[i]);
    lock_take(&s->readers_mu);
    s->readers_stop = true;
    signal_all(&s->reads_wanted);
    lock_drop(&s->readers_mu);
    for (uint32_t i = 0; i < s->settings.readers; i++)
        thread_join(&s->readers[i]);
    /* Seal what is not empty: the next start then has nothing to replay. What cannot be sealed is
     * recovered then. */
    lock_take(&s->mu);
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        if (v->active && v->active->bytes && !v->failed)
            segment_seal_locked(s, v);
    }
    s->sealer_stop = list_empty(&s->live);
    uint64_t until_us = clock_mono_us(s->settings.clock) + 10000000;
    while (s->sealing_bytes && clock_mono_us(s->settings.clock) < until_us)
        signal_wait_ms(&s->sealing, &s->mu, 100);
    s->sealer_stop = true;
    signal_all(&s->sealing);
    lock_drop(&s->mu);
    thread_join(&s->sealer);
    lock_take(&s->mu);
    s->pacer_stop = true;
    signal_all(&s->pace);
    lock_drop(&s->mu);
    thread_join(&s->pacer);
}

static void free_lists(struct store *s)
{
    LIST_EACH(node, keep, &s->volumes)
    {
        struct volume *v = LIST_OWNER(node, struct volume, node);
        segment_unref(v->active);
        mem_free(v);
    }
    LIST_EACH(node, keep, &s->live)
    {
        list_remove(node);
        segment_unref(LIST_OWNER(node, struct segment, node));
    }
    segment_unref(s->spare);
    store_unread_free(s);
    segment_cache_drop(s, 0, false);
    size_t at = 0;
    void *log;
    while (table_next(&s->logs, &at, &log))
        log_free(s, log);
    table_fini(&s->logs);
    producers_fini(&s->producers);
}

static void store_free(struct store *s)
{
    free_lists(s);
    tail_fini(&s->tail);
    index_close(s);
    leveldb_options_destroy(s->options);
    leveldb_options_destroy(s->index_options);
    leveldb_cache_destroy(s->cache);
    leveldb_readoptions_destroy(s->checked);
    leveldb_readoptions_destroy(s->own_checks);
    leveldb_writeoptions_destroy(s->write_options);
    leveldb_writeoptions_destroy(s->synced);
    store_env_free(s->env);
    store_spares_close(s->spares);
    signal_fini(&s->work);
    signal_fini(&s->sealing);
    signal_fini(&s->pace);
    signal_fini(&s->reads_wanted);
    signal_fini(&s->index_idle);
    lock_fini(&s->index_mu);
    lock_fini(&s->producers_mu);
    lock_fini(&s->producer_rows_mu);
    lock_fini(&s->mu);
    lock_fini(&s->readers_mu);
    lock_fini(&s->cache_mu);
    mem_free(s);
}

static void store_close(struct log_engine *engine)
{
    struct store *s = store_of(engine);
    stop_threads(s);
    store_free(s);
}

/* ---- opening ---- */

static leveldb_options_t *options_new(struct store *s, size_t write_buffer)
{
    leveldb_options_t *o = leveldb_options_create();
    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_paranoid_checks(o, 1);
    leveldb_options_set_compression(o, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(o, write_buffer);
    leveldb_options_set_block_size(o, 64 * 1024);
    leveldb_options_set_max_file_size(o, MIB(64));
    leveldb_options_set_cache(o, s->cache);
    return o;
}

static struct store *store_new(const struct log_leveldb_settings *settings)
{
    static const struct log_ops ops = {
        .open = store_log_open,
        .set_retention = store_set_retention,
        .append = store_append,
        .read = store_read,
        .bounds = store_bounds,
        .wait = store_wait,
        .cancel = store_cancel,
        .trim = store_trim,
        .usage = store_usage,
        .take_over = store_take_over,
        .release = store_release,
        .close = store_close,
    };
    struct store *s = MEM_NEW(struct store);
    s->engine.ops = &ops;
    s->settings = *settings;
    must((size_t)snprintf(s->folder, sizeof(s->folder), "%s", settings->folder) <
         sizeof(s->folder) - 64);
    s->cache = leveldb_cache_create_lru(MIB(4));
    /* Far above a segment: LevelDB must never switch memtables by itself. */
    s->options = options_new(s, settings->segment_bytes * 4 + MIB(64));
    s->index_options = options_new(s, MIB(2));
    s->checked = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(s->checked, 1);
    leveldb_readoptions_set_fill_cache(s->checked, 0);
    s->own_checks = leveldb_readoptions_create();
    leveldb_readoptions_set_fill_cache(s->own_checks, 0);
    s->synced = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(s->synced, 1);
    s->write_options = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(s->write_options, !settings->relaxed);
    lock_init(&s->mu, LOCK_ENGINE);
    lock_init(&s->cache_mu, LOCK_SEGMENT);
    lock_init(&s->index_mu, LOCK_SEGMENT);
    lock_init(&s->producer_rows_mu, LOCK_PRODUCER_ROWS);
    lock_init(&s->producers_mu, LOCK_PRODUCERS);
    signal_init(&s->index_idle);
    lock_init(&s->readers_mu, LOCK_READERS);
    signal_init(&s->work);
    signal_init(&s->sealing);
    signal_init(&s->pace);
    signal_init(&s->reads_wanted);
    list_init(&s->ready);
    list_init(&s->volumes);
    list_init(&s->live);
    list_init(&s->reads);
    list_init(&s->cached);
    list_init(&s->unread);
    table_init(&s->logs);
    producers_init(&s->producers, settings->producer_bytes_max);
    tail_init(&s->tail, settings->tail_bytes_max);
    s->next_segment = 1;
    return s;
}

/* What segments see of the disk; the index keeps LevelDB's own. */
static enum status open_spares(struct store *s, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    must(snprintf(path, sizeof(path), "%s/spares", s->settings.folder) < STORE_PATH_BYTES);
    enum status st = store_spares_open(path, &s->spares, f);
    if (st != OK)
        return st;
    s->env = store_env_new(s->spares, s->settings.relaxed);
    store_env_set(s->env, s->options);
    return OK;
}

static enum status open_index(struct store *s, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    must(snprintf(path, sizeof(path), "%s/segments", s->settings.folder) < STORE_PATH_BYTES);
    enum status st = folder_make(path, f);
    return st == OK ? index_open(s, f) : st;
}

enum status log_leveldb_open(const struct log_leveldb_settings *settings, struct log_engine **out,
                             struct fault *f)
{
    must(settings->committers <= STORE_THREADS_MAX && settings->readers <= STORE_THREADS_MAX);
    struct store *s = store_new(settings);
    enum status st = open_spares(s, f);
    if (st == OK)
        st = open_index(s, f);
    if (st == OK)
        st = store_producers_load(s, f);
    if (st == OK)
        st = store_recover_all(s, f);
    if (st != OK) {
        store_free(s);
        return st;
    }
    char name[24];
    for (uint32_t i = 0; i < settings->committers; i++) {
        snprintf(name, sizeof(name), "committer-%u", i % 100);
        thread_start(&s->committers[i], THREAD_COMMITTER, name, store_committer_run, s);
    }
    for (uint32_t i = 0; i < settings->readers; i++) {
        snprintf(name, sizeof(name), "reader-%u", i % 100);
        thread_start(&s->readers[i], THREAD_READER, name, store_reader_run, s);
    }
    thread_start(&s->pacer, THREAD_HOUSEKEEPING, "pacer", store_pacer_run, s);
    thread_start(&s->sealer, THREAD_HOUSEKEEPING, "sealer", store_sealer_run, s);
    *out = &s->engine;
    return OK;
}
