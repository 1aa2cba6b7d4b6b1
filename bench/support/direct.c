/* direct.c: what LevelDB takes without a server.
 *
 * One thread writes, as fast as it can; a second makes databases ahead of time and flushes those that
 * are full. That is how Sluice keeps segments (shards/store_segment.c), with the same options; all
 * that it does beside is left out: the index, reading, the pace of flushes.
 *
 *   spare --writer: take--> active --writer: full--> full --flusher: memtable to a table, close--> gone
 *
 * Threads: main writes; "flusher". */
#include "bench/support/direct.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "bench/support/bench.h"
#include "bench/support/disk.h"

#include <leveldb/c.h>
#include <pthread.h>

enum { POOL_BYTES = 16 << 20, POOL_STEP = 4099, KEY_BYTES = 20, FULL_MAX = 64 };

struct direct {
    /* fixed at birth */
    const char *folder;
    const struct direct_plan *plan;
    leveldb_options_t *options;
    leveldb_writeoptions_t *synced;
    uint8_t *pool; /* random data; values are pieces of it */
    /* the writer's */
    leveldb_t *active;
    uint64_t active_bytes, calls;
    /* under mu */
    pthread_mutex_t mu;
    pthread_cond_t changed;
    leveldb_t *spare, *full[FULL_MAX];
    unsigned full_count, opened;
    bool stop;
};

static void leveldb_must(char *error)
{
    if (error)
        die("LevelDB: %s", error);
}

static leveldb_t *open_next(struct direct *d)
{
    const char *path = text_of("%s/%08u", d->folder, d->opened++);
    struct fault f;
    char *error = NULL;
    enum status st = folder_make(path, &f);
    leveldb_t *db = st == OK ? leveldb_open(d->options, path, &error) : NULL;
    leveldb_must(error);
    if (st == OK)
        st = folder_sync(path, &f);
    if (st != OK)
        die("%s", f.text);
    return db;
}

static void *flush_all(void *arg)
{
    struct direct *d = arg;
    pthread_mutex_lock(&d->mu);
    for (;;) {
        leveldb_t *full = d->full_count > 0 ? d->full[0] : NULL;
        if (!d->spare && !d->stop) {
            pthread_mutex_unlock(&d->mu);
            leveldb_t *spare = open_next(d);
            pthread_mutex_lock(&d->mu);
            d->spare = spare;
            pthread_cond_broadcast(&d->changed);
        } else if (full) {
            pthread_mutex_unlock(&d->mu);
            leveldb_compact_range(full, NULL, 0, NULL, 0);
            leveldb_close(full);
            pthread_mutex_lock(&d->mu);
            memmove(d->full, d->full + 1, --d->full_count * sizeof(d->full[0]));
            pthread_cond_broadcast(&d->changed);
        } else if (d->stop) {
            break;
        } else {
            pthread_cond_wait(&d->changed, &d->mu);
        }
    }
    pthread_mutex_unlock(&d->mu);
    return NULL;
}

static void take_spare(struct direct *d)
{
    pthread_mutex_lock(&d->mu);
    while (!d->spare || d->full_count > d->plan->sealing_max)
        pthread_cond_wait(&d->changed, &d->mu);
    if (d->active)
        d->full[d->full_count++] = d->active;
    d->active = d->spare;
    d->active_bytes = 0;
    d->spare = NULL;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->mu);
}

static void put_be(uint8_t *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        out[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void write_batch(struct direct *d)
{
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    size_t value_bytes = d->plan->value_bytes;
    char *error = NULL;
    for (unsigned i = 0; i < d->plan->keys; i++) {
        uint8_t key[KEY_BYTES]; /* stream, shard, offset: as a segment's */
        size_t from =
            (size_t)((d->calls * d->plan->keys + i) * POOL_STEP) % (POOL_BYTES - value_bytes);
        put_be(key, 1, 8);
        put_be(key + 8, i, 4);
        put_be(key + 12, d->calls, 8);
        leveldb_writebatch_put(batch, (const char *)key, sizeof(key), (const char *)d->pool + from,
                               value_bytes);
    }
    leveldb_write(d->active, d->synced, batch, &error);
    leveldb_must(error);
    leveldb_writebatch_destroy(batch);
    d->calls++;
    d->active_bytes += d->plan->keys * value_bytes;
    if (d->active_bytes >= d->plan->segment_bytes)
        take_spare(d);
}

static void direct_init(struct direct *d, const char *folder, const struct direct_plan *plan)
{
    struct fault f;
    must(plan->sealing_max < FULL_MAX - 1 && plan->value_bytes < POOL_BYTES);
    if (folder_make(folder, &f) != OK)
        die("%s", f.text);
    *d = (struct direct){.folder = folder,
                         .plan = plan,
                         .options = leveldb_options_create(),
                         .synced = leveldb_writeoptions_create(),
                         .pool = mem_must(POOL_BYTES),
                         .mu = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER};
    random_bytes(d->pool, POOL_BYTES);
    leveldb_options_set_create_if_missing(d->options, 1);
    leveldb_options_set_paranoid_checks(d->options, 1);
    leveldb_options_set_compression(d->options, leveldb_no_compression);
    /* far above a segment: LevelDB must not switch memtables by itself */
    leveldb_options_set_write_buffer_size(d->options, plan->segment_bytes * 4 + MIB(64));
    leveldb_options_set_block_size(d->options, 64 * 1024);
    leveldb_options_set_max_file_size(d->options, MIB(64));
    leveldb_writeoptions_set_sync(d->synced, 1);
}

static void direct_fini(struct direct *d)
{
    leveldb_close(d->active);
    if (d->spare)
        leveldb_close(d->spare);
    leveldb_options_destroy(d->options);
    leveldb_writeoptions_destroy(d->synced);
    mem_free(d->pool);
    disk_remove(d->folder);
}

double direct_write_rate(const char *folder, const struct direct_plan *plan, double seconds)
{
    struct direct d;
    pthread_t flusher;
    direct_init(&d, folder, plan);
    must(pthread_create(&flusher, NULL, flush_all, &d) == 0);
    take_spare(&d);
    uint64_t began_us = clock_mono_us(&clock_system), now_us = began_us;
    while ((double)(now_us - began_us) < seconds * 1e6) {
        write_batch(&d);
        now_us = clock_mono_us(&clock_system);
    }
    pthread_mutex_lock(&d.mu);
    d.stop = true;
    pthread_cond_broadcast(&d.changed);
    pthread_mutex_unlock(&d.mu);
    must(pthread_join(flusher, NULL) == 0);
    direct_fini(&d);
    return (double)d.calls * 1e6 / (double)(now_us - began_us);
}
