/* store_wal.h: LevelDB's write-ahead log as stored bytes: told whole from torn from
 * damaged, and read past damage. As a file of its own, or in frames (store_frame.h).
 *
 * LevelDB itself either refuses a log with a bad record or, without paranoid checks, drops what is
 * bad in silence. Neither tells a write that was cut short by a crash (never acknowledged) from
 * damage to what was acknowledged. */
#ifndef SLUICE_SHARDS_STORE_WAL_H
#define SLUICE_SHARDS_STORE_WAL_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum { WAL_BLOCK_BYTES = 32768, WAL_HEADER_BYTES = 7, WAL_BATCH_HEAD_BYTES = 12 };

/* How a record came out of the log. */
enum wal_state {
    WAL_WHOLE, /* every check passed */
    WAL_HURT,  /* all bytes are there by their lengths, some fail their check */
    WAL_LOST,  /* a stretch in which no record can be made out; bytes are absent */
};
typedef void wal_record_fn(void *arg, enum wal_state state, struct bytes record);

struct wal_facts {
    uint64_t whole_bytes;        /* the log up to here has no flaw; of frames: of the log in them */
    uint64_t records;            /* whole ones */
    bool flawed;                 /* something behind whole_bytes is not a whole record */
    uint64_t starts_after_flaw;  /* records that begin, intact, behind the first flaw */
    uint64_t markers_after_flaw; /* of these, empty batches: each is the beginning of a sync */
    bool relaxed; /* the first record is an empty batch: written with durability = relaxed */
    bool framed;  /* frames say themselves what was durable: */
    bool lost;    /* something that was is missing or flawed */
};

/* A log fed block by block. Facts hold after wal_scan_end. */
struct wal_scan {
    struct wal_facts facts;
    uint64_t at;        /* of the next block in the file */
    uint64_t record_at; /* where the record being read began */
    bool inside, hurt;  /* between FIRST and LAST; some of it failed its check */
    struct buf record;  /* what was gathered of it, if there is somebody to tell */
    uint64_t record_bytes;
    wal_record_fn *tell; /* or NULL */
    void *arg;
};
void wal_scan_init(struct wal_scan *s, wal_record_fn *tell, void *arg);
/* Every block but the last has WAL_BLOCK_BYTES. */
void wal_scan_block(struct wal_scan *s, struct bytes block);
void wal_scan_end(struct wal_scan *s);
void wal_scan_fini(struct wal_scan *s);
/* Whether the first piece of a log's first block is sound. */
bool wal_begins_sound(struct bytes block);

/* What was acknowledged is damaged, by the facts (else a flaw is a torn last write). */
bool wal_is_damaged(const struct wal_facts *facts);

/* Reads the file through. Each record is told, if tell is not NULL. IO_FAILED, NO_MEMORY,
 * NOT_FOUND; CORRUPT when it cannot be told what of the file is the log. */
enum status wal_read(const char *path, wal_record_fn *tell, void *arg, struct wal_facts *out,
                     struct fault *f) MUST_USE;
/* Cuts torn last writes off all logs in the folder, durably. CORRUPT, with the file named, when one
 * is damaged. Fine if there is no folder. */
enum status wal_mend(const char *folder, struct fault *f) MUST_USE;
/* Cuts every log in the folder at its first flaw, torn or not. For logs that hold nothing
 * acknowledged. */
enum status wal_cut(const char *folder, struct fault *f) MUST_USE;
/* Calls `file` with the path of each log in the folder that is not empty, lowest number first,
 * until it fails. */
enum status wal_each_file(const char *folder,
                          enum status (*file)(void *arg, const char *path, struct fault *f),
                          void *arg, struct fault *f) MUST_USE;

/* Walks the puts and deletes of a batch (a log's record). false: it does not parse, to its last
 * byte and its own count. */
struct wal_entry {
    bool deleted;
    struct bytes key, value;
};
bool wal_batch_walk(struct bytes record, void (*entry)(void *arg, const struct wal_entry *),
                    void *arg);

#endif
