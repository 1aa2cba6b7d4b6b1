/* level.c: LevelDB as the log engine uses it.
 *
 * LevelDB answers with a text. Three things in it matter to us: damage (its text begins with "Corruption"), a full disk (the
 * system's own words for ENOSPC stand in it) and everything else.
 *
 * I1. Paranoid checks are on and every block is verified on read: LevelDB never passes on what fails its check.
 *
 * Left to others: what stands in the databases. Thread: any. */
#include "shards/level_internal.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    FILES_OPEN_MAX = 74, /* the least that LevelDB takes */
    LEVELS = 7,
};

static leveldb_options_t *options_new(const struct level *l, uint64_t memtable_bytes,
                                      uint64_t block_bytes)
{
    leveldb_options_t *o = leveldb_options_create();
    leveldb_options_set_cache(o, l->cache);
    leveldb_options_set_paranoid_checks(o, 1); /* I1 */
    leveldb_options_set_compression(o, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(o, memtable_bytes);
    leveldb_options_set_block_size(o, block_bytes);
    leveldb_options_set_max_open_files(o, FILES_OPEN_MAX);
    return o;
}

void level_init(struct level *l, uint64_t memtable_bytes, uint64_t block_bytes,
                uint64_t cache_bytes)
{
    l->cache = leveldb_cache_create_lru(cache_bytes);
    l->existing = options_new(l, memtable_bytes, block_bytes);
    l->making = options_new(l, memtable_bytes, block_bytes);
    leveldb_options_set_create_if_missing(l->making, 1);
    l->reading = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(l->reading, 1);
    l->synced = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(l->synced, 1);
    l->unsynced = leveldb_writeoptions_create();
}

void level_fini(struct level *l)
{
    if (!l->cache)
        return;
    leveldb_options_destroy(l->existing);
    leveldb_options_destroy(l->making);
    leveldb_cache_destroy(l->cache);
    leveldb_readoptions_destroy(l->reading);
    leveldb_writeoptions_destroy(l->synced);
    leveldb_writeoptions_destroy(l->unsynced);
    l->cache = NULL;
}

enum status level_status(char *error, const char *doing, const char *folder, struct fault *f)
{
    enum status st = IO_FAILED;
    if (!error)
        return OK;
    if (strstr(error, strerror(ENOSPC)) || strstr(error, strerror(EDQUOT)))
        st = NO_SPACE;
    else if (strstr(error, "Corruption") || strstr(error, "orrupted"))
        st = CORRUPT;
    fault_set(f, st, "%s %s: %s", doing, folder, error);
    leveldb_free(error);
    return st;
}

enum status level_open(const struct level *l, const char *folder, bool make, leveldb_t **out,
                       struct fault *f)
{
    char *error = NULL;
    *out = leveldb_open(make ? l->making : l->existing, folder, &error);
    return level_status(error, "opening", folder, f);
}

enum status level_iterator_status(const leveldb_iterator_t *it, const char *folder, struct fault *f)
{
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    return level_status(error, "reading", folder, f);
}

enum status level_write(const struct level *l, leveldb_t *db, leveldb_writebatch_t *batch,
                        bool sync, const char *folder, struct fault *f)
{
    char *error = NULL;
    leveldb_write(db, sync ? l->synced : l->unsynced, batch, &error);
    return level_status(error, "writing", folder, f);
}

bool level_has_tables(leveldb_t *db)
{
    for (int level = 0; level < LEVELS; level++) {
        char name[64];
        snprintf(name, sizeof name, "leveldb.num-files-at-level%d", level);
        char *text = leveldb_property_value(db, name);
        bool some = text && bytes_equal(bytes_text(text), BYTES_LITERAL("0")) == false;
        leveldb_free(text);
        if (some)
            return true;
    }
    return false;
}
