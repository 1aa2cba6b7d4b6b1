/* store_internal.h: the parts of the embedded engine. docs/STORAGE.md draws the files; log_leveldb.h is the door.
 *
 *   append -> volume queue -> committer: one WriteBatch, one sync (store_commit.c) -> tail + ends -> done
 *   full segment -> sealer: flush, index rows (store_segment.c) -> sealed -> trim drops it (store_trim.c)
 *
 * Locks: `mu` guards queues, volumes and the list of live segments; the tail has its own. No disk is touched under either. */
#ifndef SLUICE_SHARDS_STORE_INTERNAL_H
#define SLUICE_SHARDS_STORE_INTERNAL_H

#include "base/table.h"
#include "base/thread.h"
#include "shards/log_leveldb.h"
#include "shards/producers.h"
#include "shards/record.h"
#include "shards/span_internal.h"
#include "shards/store_env.h"
#include "shards/store_spares.h"
#include "shards/tail_internal.h"

#include <leveldb/c.h>

enum {
    SEGMENT_KEY_BYTES = 20,
    VALUE_BYTES_MERGED = 256 * 1024,
    STORE_THREADS_MAX = 16,
    STORE_PATH_BYTES = 512
};

/* What one segment holds of one log. */
struct store_row {
    struct log_place place;
    uint64_t first, last; /* offsets, inclusive */
    uint64_t first_ms, last_ms;
    uint64_t bytes;
    uint64_t segment;
    bool seals;               /* its last batch does */
    struct store_row *before; /* of the same log in the same live segment, older: the log was
                                 elsewhere in between */
};

/* What is left of a log whose oldest rows went: it begins here, and ends here if it has no row at
 * all. */
struct store_floor {
    struct log_place place;
    uint64_t begin, last_ms;
    bool seals;
};
/* A log that is refused: at this offset damage begins, in this segment. */
struct store_damage {
    struct log_place place;
    uint64_t from, segment;
};

enum segment_state { SEGMENT_ACTIVE, SEGMENT_SEALING, SEGMENT_FAILED, SEGMENT_SEALED };

struct segment {
    _Atomic uint32_t refs;
    uint64_t number;          /* fixed at birth */
    leveldb_t *db;            /* fixed at birth */
    struct list node;         /* under mu: live list, or the cache's */
    enum segment_state state; /* under mu */
    struct volume *volume;    /* under mu; of a live one */
    uint64_t born_us, bytes;  /* under mu */
    uint64_t log_bytes;       /* under mu: what its write-ahead log takes, about */
    struct table rows;        /* under mu: log key -> its newest store_row; of a live one */
    uint64_t used_us;         /* the cache's */
};

/* A segment whose write or flush failed: to be closed and read back as after a crash. The
 * sealer's own, but for `node`. */
struct unread {
    struct list node; /* under mu */
    uint64_t number, bytes;
    struct segment *segment; /* still open, the last reference; or NULL */
    struct volume *volume;   /* refuses appends until it is read back; or NULL */
    uint32_t class_hours;
    bool flush_failed; /* its bytes count as sealing */
};

/* All streams of one retention class: a queue, and the segment that it writes to. At one committer
 * at a time. */
struct volume {
    struct store *store;
    uint32_t class_hours;
    /* under mu */
    struct list node, ready_node;
    struct list queue;      /* log_append.node */
    struct segment *active; /* counted; NULL until the first commit */
    bool ready, busy, failed, damaged;
    uint64_t retry_us; /* failed, with nothing to read back: not tried before */
    bool unsynced;     /* relaxed: written since the last sync */
    enum status failure;
    /* the committer's, while busy */
    bool crowded; /* the last commit held more than one append */
};

struct store_log {
    struct log log;
    struct tail_log tail; /* under the tail's mu */
    char key[12];         /* stream, shard: big-endian; the table's key */
    /* under mu */
    uint32_t uses;
    uint32_t queued; /* appends in the queue or at the committer */
    struct volume *volume;
    uint32_t class_hours;       /* wanted */
    _Atomic bool damaged;       /* set under mu and the tail's; never taken back */
    struct store_damage damage; /* fixed once damaged is set */
    /* the committer's, during a commit */
    struct list commit; /* its appends, in order: append.engine_private holds the link */
    struct list commit_node;
    uint64_t next, last_ms;
    bool sealed;
};

struct store {
    struct log_engine engine;
    /* fixed at birth */
    struct log_leveldb_settings settings;
    char folder[STORE_PATH_BYTES];
    struct store_spares *spares;
    struct store_env *env; /* of segments */
    leveldb_options_t *options, *index_options;
    leveldb_cache_t *cache;
    leveldb_readoptions_t *checked;
    leveldb_readoptions_t *
        own_checks; /* for values that are checked by their own CRC: LevelDB's, in plain C, costs four times as much */
    leveldb_writeoptions_t *write_options, *synced;
    struct tail tail;
    struct thread committers[STORE_THREADS_MAX], readers[STORE_THREADS_MAX], sealer, pacer;
    /* under mu */
    struct lock mu;
    struct signal work;    /* committers: a volume is ready */
    struct signal sealing; /* the sealer: a segment to seal; committers: one was */
    struct list ready, volumes, live;
    struct table logs;
    struct segment *spare;
    uint64_t next_segment, queued_bytes, sealing_bytes;
    bool closing, low_space, sealer_stop;
    uint64_t flushing; /* the number of the segment whose table is being written, or 0 */
    bool pacer_stop;
    struct signal pace;
    struct list unread;         /* struct unread: readers of these wait, or are told to try again */
    uint64_t unread_generation; /* grows with every change of that */
    bool reading_back;          /* one of them, right now */
    uint64_t read_back_us;      /* not before */
    /* what is known of those who put with a stamp: under producers_mu; taken to the index by one thread at a time, under producer_rows_mu */
    struct lock producer_rows_mu, producers_mu;
    struct producers producers;
    /* readers' */
    struct lock readers_mu;
    struct signal reads_wanted;
    struct list reads;
    uint32_t reads_waiting;
    bool readers_stop;
    /* the index: under index_mu */
    struct lock index_mu;
    struct signal index_idle;
    leveldb_t *index; /* NULL when it could not be reopened */
    uint32_t index_users;
    bool index_broken, index_closed;
    /* sealed segments open for reading: under cache_mu */
    struct lock cache_mu;
    struct list cached;
    uint32_t cached_count;
};

static inline struct store *store_of(struct log_engine *e)
{
    return LIST_OWNER(e, struct store, engine);
}
static inline struct store_log *store_log_of(struct log *l)
{
    return LIST_OWNER(l, struct store_log, log);
}

/* store.c */
uint32_t store_class_hours(uint32_t retention_hours);
enum status store_leveldb_fault(char *error, const char *where, struct fault *f); /* frees error */
uint64_t store_seal_age_ms(const struct store *s, uint32_t class_hours);

/* store_commit.c */
void store_append(struct log_engine *engine, struct log_append *const *appends, size_t count);
void store_committer_run(void *store);
struct volume *store_volume_locked(struct store *s, uint32_t class_hours);

/* store_segment.c */
void segment_path(const struct store *s, uint64_t number, char out[STORE_PATH_BYTES]);
struct segment *segment_ref(struct segment *g);
void segment_unref(struct segment *g);
enum status segment_create(struct store *s, uint64_t number, struct segment **out,
                           struct fault *f) MUST_USE;
/* The spare, or a new one; its row in the index is synced. Not under mu. */
enum status segment_take(struct store *s, struct volume *v, struct segment **out,
                         struct fault *f) MUST_USE;
/* Hands the volume's active segment to the sealer. Under mu. */
void segment_seal_locked(struct store *s, struct volume *v);
void store_sealer_run(void *store);
/* Whether anything was flushed yet. */
bool segment_has_table(leveldb_t *db);
/* A sealed segment, open: from the cache. Referenced. */
enum status segment_open_sealed(struct store *s, uint64_t number, struct segment **out,
                                struct fault *f) MUST_USE;
void segment_cache_drop(struct store *s, uint64_t number, bool idle_only);
/* A descriptor of the segment's newest table; -1: there is none yet. */
int segment_table_open(const struct store *s, uint64_t number);
void segment_key(struct log_place place, uint64_t offset, uint8_t out[SEGMENT_KEY_BYTES]);
bool segment_key_parse(const char *key, size_t len, struct log_place *place, uint64_t *offset);

/* store_index.c */

struct segment_summary {
    uint64_t number;
    uint8_t state; /* 0 live, 1 sealed, 2 dropping, 3 damaged */
    uint32_t class_hours;
    uint32_t streams;
    struct {
        uint64_t stream, last_ms, bytes;
    } * of;
};
/* Opens it, or makes it: a torn last write is cut off first. */
enum status index_open(struct store *s, struct fault *f) MUST_USE;
void index_close(struct store *s);
void index_put_row(leveldb_writebatch_t *b, const struct store_row *row);
void index_remove_row(leveldb_writebatch_t *b, const struct store_row *row);
void index_put_summary(leveldb_writebatch_t *b, const struct segment_summary *m);
void index_remove_summary(leveldb_writebatch_t *b, uint64_t number);
void index_put_floor(leveldb_writebatch_t *b, const struct store_floor *floor);
void index_remove_floor(leveldb_writebatch_t *b, struct log_place place);
void index_put_damage(leveldb_writebatch_t *b, const struct store_damage *damage);
void index_remove_damage(leveldb_writebatch_t *b, struct log_place place);
/* All of it durable, or none. After a failure the index is closed and opened again, as after a
 * crash, at the next commit; lookups go on. Frees b. */
enum status index_commit(struct store *s, leveldb_writebatch_t *b, struct fault *f) MUST_USE;
/* The row that holds `offset` or the first after it; END when there is none. */
enum status index_find(struct store *s, struct log_place place, uint64_t offset,
                       struct store_row *out, struct fault *f) MUST_USE;
/* The last row that begins at or below `offset`; END when there is none. */
enum status index_before(struct store *s, struct log_place place, uint64_t offset,
                         struct store_row *out, struct fault *f) MUST_USE;
/* Where a log begins and ends by the index: rows and floor together. */
enum status index_bounds(struct store *s, struct log_place place, struct log_bounds *out,
                         struct fault *f) MUST_USE;
/* END when there is none. */
enum status index_floor(struct store *s, struct log_place place, struct store_floor *out,
                        struct fault *f) MUST_USE;
enum status index_damage(struct store *s, struct log_place place, struct store_damage *out,
                         struct fault *f) MUST_USE;
/* The first floor at or behind `from`; END when there is none. */
enum status index_next_floor(struct store *s, struct log_place from, struct store_floor *out,
                             struct fault *f) MUST_USE;
/* Summaries with a number above `after`; END at the end. mem_free out->of. */
enum status index_next_summary(struct store *s, uint64_t after, struct segment_summary *out,
                               struct fault *f) MUST_USE;
/* The rows whose key begins so, in order, until `each` answers other than OK. It may look into the index, not change it. */
enum status index_each(struct store *s, struct bytes prefix,
                       enum status (*each)(void *, struct bytes key, struct bytes value,
                                           struct fault *),
                       void *arg, struct fault *f) MUST_USE;
/* The rows of a segment, by log and offset, until `each` answers other than OK. It may look into
 * the index, not change it. */
enum status index_each_row(struct store *s, uint64_t segment,
                           enum status (*each)(void *, const struct store_row *, struct fault *),
                           void *arg, struct fault *f) MUST_USE;

/* store_read.c */
void store_read(struct log_read *r);
void store_reader_run(void *store);
/* The rows of a segment that is recovered, by walking its keys; stamps are replayed. */
enum status segment_walk(struct store *s, struct segment *g,
                         enum status (*each)(void *, const struct store_row *, struct fault *),
                         void *arg, struct fault *f) MUST_USE;

/* store_ahead.c */
/* What a reader will ask for after `r`; nothing (no bytes) when it was small, or failed. */
struct read_ahead {
    struct log_place place;
    uint64_t from, bytes;
};
struct read_ahead read_ahead_of(const struct log_read *r);
/* Has it fetched. Thread: disk readers. */
void store_read_ahead(struct store *s, const struct read_ahead *a);

/* store_recover.c */
/* Brings an unsealed segment (after a crash or a failure) into the index as a sealed one. The
 * segment must not be open. */
enum status store_recover_segment(struct store *s, uint64_t number, uint32_t class_hours,
                                  struct fault *f) MUST_USE;
enum status store_recover_all(struct store *s, struct fault *f) MUST_USE;

/* store_producers.c */

/* What the index holds; before anything is recovered. */
enum status store_producers_load(struct store *s, struct fault *f) MUST_USE;
/* OK, and pending; or REPEATED, FENCED. Thread: a committer. */
enum status store_producers_admit(struct store *s, struct log_append *a) MUST_USE;
/* Both lists are of log_stamp.node, in log order; they are empty then. The commit is durable: answers go to those that were repeated, and what was admitted is
 * known. */
void store_producers_settle(struct store *s, struct list *admitted, struct list *repeated);
/* The commit failed. */
void store_producers_cancel(struct store *s, struct list *admitted, struct list *repeated);
/* The stamps of a stored value that was read back; once a segment is through, store_producers_replayed. */
enum status store_producers_replay(struct store *s, struct log_place place, struct bytes value,
                                   struct fault *f) MUST_USE;
void store_producers_replayed(struct store *s);
/* index_commit, and with it every row that differs from what is known now: so a segment becomes a sealed one together with what its stamps said. */
enum status store_producers_commit(struct store *s, leveldb_writebatch_t *b,
                                   struct fault *f) MUST_USE;
enum status store_take_over(struct log_engine *engine, struct log *const *parents,
                            size_t parent_count, struct log *const *children, size_t child_count,
                            struct fault *f);
/* A log that is opened ends there. */
void store_producers_cut(struct store *s, struct log_place place, uint64_t end);
/* Forgets those of deleted streams. Thread: housekeeping. */
enum status store_producers_sweep(struct store *s, const struct log_keeper *k,
                                  struct fault *f) MUST_USE;
void store_producers_usage(struct store *s, struct log_usage *out);

/* store_salvage.c */

/* An unsealed segment that LevelDB refuses is made one that it takes; logs that are hurt are
 * refused by the index from now on. Not open. */
enum status store_salvage(struct store *s, uint64_t number, struct fault *f) MUST_USE;
/* Finishes, or throws away, what a crash interrupted. */
enum status store_salvage_resume(struct store *s, uint64_t number, struct fault *f) MUST_USE;

/* store_pace.c */
void store_pacer_run(void *store);
/* The memtable becomes a table, written out as it grows. Whether it did is for segment_has_table.
 */
void store_flush(struct store *s, struct segment *g);

/* store_revive.c */

/* After a failure: reads back what failed, and lets the volumes serve again. Thread: the sealer's.
 */
void store_revive(struct store *s);
/* The flush of a sealing segment failed. Thread: the sealer's. */
void store_flush_failed(struct store *s, struct segment *g);
/* Closing: what is not read back yet is recovered at the next start. */
void store_unread_free(struct store *s);
/* What a reader misses may be in a segment that is being read back. Asked before it looks; if it
 * found nothing, store_look_again waits while one is read, and answers whether to look once more.
 * Else *status may have become IO_FAILED: not readable now. */
uint64_t store_unread_generation(struct store *s);
bool store_look_again(struct store *s, uint64_t looked, enum status *status, struct fault *f);

/* store_trim.c */
enum status store_trim(struct log_engine *engine, const struct log_keeper *k, uint64_t now_ms,
                       uint64_t budget_ms, struct fault *f);
void store_usage(struct log_engine *engine, struct log_usage *out);

#endif
