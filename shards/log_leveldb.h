/* log_leveldb.h: the embedded log engine: segments of LevelDB under one folder, group commit, a
 * tail in memory. See docs/STORAGE.md. */
#ifndef SLUICE_SHARDS_LOG_LEVELDB_H
#define SLUICE_SHARDS_LOG_LEVELDB_H

#include "shards/log.h"

struct log_leveldb_settings {
    const char *folder; /* must exist; the engine makes index/ and segments/ in it */
    const struct clock *clock;
    uint64_t segment_bytes; /* a segment seals when its memtable holds this much; default 32 MiB */
    uint64_t memtables_bytes_max; /* all active segments together; over it the fullest seals early;
                                     default 256 MiB */
    uint64_t tail_bytes_max;  /* newest batches kept in memory, all logs together; default 64 MiB */
    uint64_t queue_bytes_max; /* appends waiting or in flight, all logs together; more are
                                 THROTTLED; default 128 MiB */
    uint64_t
        producer_bytes_max; /* what is known of producers (log.h L9), all logs together; default 128 MiB */
    uint64_t commit_bytes_max; /* most of one commit; default 8 MiB */
    uint64_t
        disk_reserve_bytes; /* appends are refused (NO_SPACE) while less than this is free, beside
                               what sealing needs; default 64 MiB, at most 2 % of the file system */
    uint32_t committers, readers; /* threads; default 2 and 2 */
    uint32_t open_segments_max;   /* sealed segments open for reading; default 8 */
    uint64_t seal_age_ms;         /* 0: by D4, max(1 hour, 1/24 of the retention); tests set it */
    bool relaxed; /* durability = relaxed: completes after write(), syncs every relaxed_ms */
    uint64_t relaxed_ms;
};
void log_leveldb_defaults(struct log_leveldb_settings *s);
/* Opens or makes the engine: recovers unsealed segments (torn tails dropped, damage refused by log,
 * not by engine). Blocks on the disk. */
enum status log_leveldb_open(const struct log_leveldb_settings *s, struct log_engine **out,
                             struct fault *f) MUST_USE;

#endif
