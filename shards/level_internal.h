/* level_internal.h: LevelDB as the log engine uses it: options, opening, and its errors as ours. */
#ifndef SLUICE_SHARDS_LEVEL_INTERNAL_H
#define SLUICE_SHARDS_LEVEL_INTERNAL_H

#include "base/status.h"

#include <leveldb/c.h>
#include <stdbool.h>
#include <stdint.h>

/* What all databases of one kind share. */
struct level {
    leveldb_cache_t *cache;
    leveldb_options_t *existing, *making;
    leveldb_readoptions_t *reading;                /* checks every block */
    leveldb_writeoptions_t *synced, *unsynced;
};

/* memtable_bytes: LevelDB switches its memtable by itself only above this. */
void level_init(struct level *l, uint64_t memtable_bytes, uint64_t block_bytes, uint64_t cache_bytes);
void level_fini(struct level *l);
/* Opens, or makes it with `make`. CORRUPT, IO_FAILED, NO_SPACE. */
enum status level_open(const struct level *l, const char *folder, bool make, leveldb_t **out,
                       struct fault *f) MUST_USE;
/* Takes LevelDB's error text (NULL: OK) and frees it. */
enum status level_status(char *error, const char *doing, const char *folder, struct fault *f)
    MUST_USE;
/* The same for an iterator that became invalid: OK when it merely came to its end. */
enum status level_iterator_status(const leveldb_iterator_t *it, const char *folder, struct fault *f)
    MUST_USE;
enum status level_write(const struct level *l, leveldb_t *db, leveldb_writebatch_t *batch, bool sync,
                        const char *folder, struct fault *f) MUST_USE;
/* Whether anything was flushed into a table yet. */
bool level_has_tables(leveldb_t *db);

#endif
