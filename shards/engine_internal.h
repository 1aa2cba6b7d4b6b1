/* engine_internal.h: the embedded log engine's own structures, and what its files offer each other.
 * See docs/STORAGE.md.
 *
 * Locks: mu (ENGINE) for queues, volumes and what waits for whom; segment_mu (SEGMENT) for which
 * databases are open and used; the tail's for what readers see. Taken in that order. Nobody holds
 * one while at the disk. */
#ifndef SLUICE_SHARDS_ENGINE_INTERNAL_H
#define SLUICE_SHARDS_ENGINE_INTERNAL_H

#include "base/lock.h"
#include "base/table.h"
#include "base/thread.h"
#include "shards/level_internal.h"
#include "shards/log_leveldb.h"
#include "shards/retention_class_internal.h"
#include "shards/segment_index_internal.h"
#include "shards/tail_internal.h"

enum {
    SEGMENT_KEY_LEN = 20,
    VALUE_BYTES_MAX = 256 << 10, /* of a stored value that gathers several appends */
    APPEND_BYTES_MAX = 64 << 20, /* of one append; requests are far smaller */
    ROW_OVERHEAD_BYTES = 128,    /* what a stored value costs in a memtable beside its bytes */
    SPARES = 2,
    COMMITTERS_MAX = 16,
    READERS_MAX = 16,
    SEGMENT_PATH_BYTES = 4096,
};

struct engine;
struct engine_log;

/* Offsets of one log in a segment that is not sealed yet: what will be its row in the index. */
struct live_row {
    struct range range;             /* under the tail's mu */
    struct engine_log *log;         /* fixed at birth; the row keeps the log alive */
    struct list in_log, in_segment; /* under the tail's mu */
};

struct segment {
    struct engine *engine; /* fixed at birth */
    uint64_t number;       /* fixed at birth */
    char *path;            /* fixed at birth */
    struct list node;      /* under mu: one of spares, sealing, failed */
    struct volume *volume; /* under mu: whose writes failed on it, or NULL */
    uint64_t opened_us;    /* under mu: when a volume began to use it */
    uint64_t bytes;        /* under mu: in its memtable */
    bool marked;           /* its committer's own: begins with an empty batch, written relaxed */
    struct list rows;      /* under the tail's mu */
    leveldb_t *db;         /* under segment_mu; NULL: not open now */
    unsigned users;        /* under segment_mu */
    bool busy;             /* under segment_mu: being opened or closed; wait */
    bool live;             /* under segment_mu: not sealed, so never closed to make room */
    uint64_t used_us;      /* under segment_mu */
    struct list open_node; /* under segment_mu: in engine->open_segments */
};

/* One retention class: where its logs' appends queue up, and the segment that takes them. All under
 * mu. */
struct volume {
    struct engine *engine;
    uint32_t class;
    struct list queue; /* log_append.node */
    uint64_t queued_bytes;
    struct segment *active; /* or NULL: the next append makes one */
    bool busy;              /* a committer has it */
    bool waiting;           /* node is in ready or parked */
    struct list node;
    enum status
        failed;    /* OK, or what every append is refused with until the segment is recovered */
    bool sync_due; /* durability = relaxed: what was written must be synced */
    bool unsynced;
};

struct engine_log {
    struct log base;          /* first */
    uint8_t key[12];          /* in the table */
    struct list rows;         /* live_row.in_log, newest last; under the tail's mu */
    struct tail_log tail;     /* under the tail's mu */
    struct log_damage damage; /* written under mu and the tail's; read under either */
    bool damaged;             /* likewise */
    /* under mu */
    unsigned users;
    uint64_t queued; /* in its volume's queue, or in a commit */
    uint64_t row_count;
    struct volume *volume;
    uint32_t class_wanted;
    struct list side; /* appends that wait until the log may move to the volume it wants */
    /* its volume's committer's own */
    uint64_t next_offset, last_ms;
    bool sealed;
    struct live_row *row; /* in the segment row_segment: the one that grows */
    uint64_t row_segment;
    bool row_is_new;
    struct list commit_node;  /* in the commit under way; alone when in none */
    struct list group, fresh; /* its appends and its spans in that commit */
    uint64_t group_count;
};

/* Something queued for a disk reader. */
struct readers {
    struct lock mu;
    struct signal work;
    struct list queue; /* log_read.node; under mu */
    size_t waiting;    /* under mu */
    bool stop;         /* under mu */
    struct thread threads[READERS_MAX];
};

struct engine {
    struct log_engine base; /* first */
    struct log_leveldb_settings set;
    const struct clock *clock;
    char *segments_folder;
    struct level level;
    struct segment_index *index;
    struct tail tail;
    struct readers readers;
    struct thread committers[COMMITTERS_MAX], sealer, pacer, chores;

    struct lock mu;
    struct signal work;      /* a volume is ready */
    struct signal seal_work; /* a segment waits for the sealer */
    struct signal chore;     /* housekeeping has something to do at once */
    struct signal progress;  /* an opening ended, a seal ended, a volume came to rest */
    /* under mu */
    struct table logs; /* place to engine_log */
    struct volume *volumes[RETENTION_CLASSES];
    struct list ready;  /* volumes with appends, nobody at them */
    struct list parked; /* volumes with appends that wait for a spare or for a seal */
    struct list spares, sealing, failed; /* segments */
    unsigned spare_count, sealing_count;
    uint64_t next_segment;
    uint64_t unsealed_bytes; /* in memtables */
    uint64_t queued_bytes;
    uint64_t since_space_check; /* bytes committed */
    uint64_t sealed_disk_bytes, sealed_live_bytes, sealed_count;
    enum status space; /* OK or NO_SPACE */
    unsigned committers_running;
    bool opening; /* one log at a time is looked up */
    bool closing, stop_sealer, stop_chores;
    uint64_t recover_at_us, spare_at_us; /* not before; after failures */
    unsigned recover_failures, spare_failures;
    uint64_t trim_cursor; /* the trimmer's own */

    struct lock segment_mu;
    struct signal segment_idle;
    struct list open_segments; /* under segment_mu */
};

static inline struct engine *engine_of(struct log_engine *e)
{
    return (struct engine *)e;
}
static inline struct engine_log *engine_log_of(struct log *l)
{
    return (struct engine_log *)l;
}

/* ---- segment.c: segments as open databases ---- */

/* "<stream><shard><offset>", big-endian: sorts by log, then offset. */
void segment_key(struct log_place place, uint64_t offset, uint8_t key[SEGMENT_KEY_LEN]);
void segment_path(const struct engine *e, uint64_t number, char path[SEGMENT_PATH_BYTES]);
/* An empty one, durable, open and live. Blocks on the disk. */
enum status segment_make(struct engine *e, uint64_t number, struct segment **out,
                         struct fault *f) MUST_USE;
/* Closes and forgets one that nobody uses; its folder stays. */
void segment_close(struct segment *s);
/* The segment of this number, opened if it is not; *db stays open until segment_unuse. Blocks. */
enum status segment_use(struct engine *e, uint64_t number, struct segment **out, leveldb_t **db,
                        struct fault *f) MUST_USE;
void segment_unuse(struct segment *s);
/* Waits until nobody uses it; newcomers wait until segment_include. */
void segment_exclude(struct segment *s);
void segment_include(struct segment *s);
/* It is in the index now: may be closed whenever there is need. */
void segment_now_sealed(struct segment *s);
/* Closes a sealed one for good, if it is open, after its users. */
void segment_forget(struct engine *e, uint64_t number);
/* Closes sealed ones that nobody used for a while, or (idle_us 0) all that nobody uses. */
void segment_close_idle(struct engine *e, uint64_t idle_us);
uint64_t segment_disk_bytes(const char *path);

/* ---- segment_read.c ---- */

/* Adds spans of the log from the one that holds `from` on, none that begins past `last`, to r.
 * *next is one past the last one added. CORRUPT when offsets do not follow, with the segment named.
 */
enum status segment_read_from(struct engine *e, const struct range *range, uint64_t from,
                              struct log_read *r, uint64_t *next, struct fault *f) MUST_USE;
/* The first offset within the range whose time is at least time_ms; the range has one. */
enum status segment_find_time(struct engine *e, const struct range *range, uint64_t time_ms,
                              uint64_t *offset, struct fault *f) MUST_USE;
/* Walks all keys of a database and tells the ranges they make, in order; adjacent spans of one log
 * are one range. */
typedef enum status range_fn(void *arg, const struct range *range, struct fault *f);
enum status segment_survey(struct engine *e, leveldb_t *db, uint64_t number, const char *path,
                           range_fn *tell, void *arg, struct fault *f) MUST_USE;

/* ---- log_reader.c: disk readers ---- */

void readers_start(struct engine *e);
/* Finishes what is queued. */
void readers_stop(struct engine *e);
void engine_read(struct log_read *r);

/* ---- volume.c: queues of appends ---- */

void engine_append(struct log_engine *base, struct log_append *const *appends, size_t count);
void engine_set_retention(struct log *base, uint32_t hours);
struct volume *volume_of_class(struct engine *e, uint32_t class);
/* Under mu. Makes the volume ready if it has something to do and nobody is at it. */
void volume_ready(struct volume *v);
void volume_park(struct volume *v);
void volumes_unpark(struct engine *e);
/* Under mu: its segment, if it holds anything, goes to the sealer; the next append makes another.
 */
void volume_seal(struct volume *v);
/* Under mu: refuses all that waits in the volume; those appends go to `refused`, for complete_all.
 */
void volume_refuse(struct volume *v, enum status st, struct list *refused);
/* Under mu: one append less in its log's volume; moves the log when it is due. */
void log_unqueue(struct engine_log *l, uint64_t count);
/* No lock held. */
void complete_all(struct list *appends);
/* Under mu, and maybe the tail's: what its committer believes of the log is what is durable. */
void log_roll_back_locked(struct engine_log *l);
/* Under mu: frees the log if nobody and nothing needs it. */
void log_put(struct engine *e, struct engine_log *l);

/* ---- group_commit.c ---- */

void committers_start(struct engine *e);
/* Under mu: gives memory back by sealing the fullest volume that nobody is at. */
void engine_seal_fullest(struct engine *e);
/* Finishes what is queued. */
void committers_stop(struct engine *e);

/* ---- seal.c ---- */

void sealer_start(struct engine *e);
/* Seals what waits, then ends. */
void sealer_stop(struct engine *e);
/* Under mu: to the sealer. */
void segment_to_sealer(struct segment *s);

/* ---- chores.c: housekeeping ---- */

void chores_start(struct engine *e);
void chores_stop(struct engine *e);
/* Asks the file system, sets e->space. Thread: any, no lock held. */
void space_check(struct engine *e);

/* ---- recover.c ---- */

/* Everything that was not sealed when the engine stopped. */
enum status recover_all(struct engine *e, struct fault *f) MUST_USE;
/* One whose write or flush failed: closed, recovered as after a crash, put into the index. */
enum status recover_live(struct segment *s, struct fault *f) MUST_USE;

/* ---- log_open.c ---- */

enum status engine_open_log(struct log_engine *base, struct log_place place, uint32_t hours,
                            struct log **out, struct fault *f);
void engine_release_log(struct log *base);
struct engine_log *log_find(struct engine *e, struct log_place place); /* under mu */

/* ---- trim.c ---- */

enum status engine_trim(struct log_engine *base, const struct log_keeper *keeper, uint64_t now_ms,
                        uint64_t budget_ms, struct fault *f);

#endif
