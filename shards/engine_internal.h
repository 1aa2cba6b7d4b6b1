/* engine_internal.h: the embedded log engine's own structures, and what its files offer each other. See docs/STORAGE.md.
 *
 * Locks: mu (ENGINE) for queues, volumes and what waits for whom; segment_mu (SEGMENT) for which databases are open and used; the tail's
 * for what readers see. Taken in that order. Nobody holds one while at the disk. */
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
    VALUE_BYTES_MAX = 256 << 10,   /* of a stored value that gathers several appends */
    APPEND_BYTES_MAX = 64 << 20,   /* of one append; requests are far smaller */
    ROW_OVERHEAD_BYTES = 128,      /* what a stored value costs in a memtable beside its bytes */
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
    struct engine *engine;    /* fixed at birth */
    uint64_t number;          /* fixed at birth */
    char *path;               /* fixed at birth */
    struct list node;         /* under mu: one of spares, sealing, failed */
    struct volume *volume;    /* under mu: whose writes failed on it, or NULL */
    uint64_t opened_us;       /* under mu: when a volume began to use it */
    uint64_t bytes;           /* under mu: in its memtable */
    bool marked;              /* its committer's own: begins with an empty batch, written relaxed */
    struct list rows;         /* under the tail's mu */
    leveldb_t *db;            /* under segment_mu; NULL: not open now */
    unsigned users;           /* under segment_mu */
    bool busy;                /* under segment_mu: being opened or closed; wait */
    bool live;                /* under segment_mu: not sealed, so never closed to make room */
    bool recovering;          /* under segment_mu: closed for a moment; whoever asks waits */
    uint64_t used_us;         /* under segment_mu */
    struct list open_node;    /* under segment_mu: in engine->open_segments */
};

/* One retention class: where its logs' appends queue up, and the segment that takes them. All under mu. */
struct volume {
    struct engine *engine;
    uint32_t class;
    struct list queue;        /* log_append.node */
    uint64_t queued_bytes;
    struct segment *active;   /* or NULL: the next append makes one */
    bool busy;                /* a committer has it */
    bool waiting;             /* node is in ready or parked */
    struct list node;
    enum status failed;       /* OK, or what every append is refused with until the segment is recovered */
    bool sync_due;            /* durability = relaxed: what was written must be synced */
    bool unsynced;
};

struct engine_log {
    struct log base;                  /* first */
    uint8_t key[12];                  /* in the table */
    struct list rows;                 /* live_row.in_log, newest last; under the tail's mu */
    struct tail_log tail;             /* under the tail's mu */
    struct log_damage damage;         /* written under mu and the tail's; read under either */
    bool damaged;                     /* likewise */
    /* under mu */
    unsigned users;
    uint64_t queued;                  /* in its volume's queue, or in a commit */
    uint64_t row_count;
    struct volume *volume;
    uint32_t class_wanted;
    struct list side;                 /* appends that wait until the log may move to the volume it wants */
    /* its volume's committer's own */
    uint64_t next_offset, last_ms;
    bool sealed;
    struct live_row *row;             /* in the segment row_segment: the one that grows */
    uint64_t row_segment;
    bool row_is_new;
    struct list commit_node;          /* in the commit under way; alone when in none */
    struct list group, fresh;         /* its appends and its spans in that commit */
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
    struct table logs;       /* place to engine_log */
    struct volume *volumes[RETENTION_CLASSES];
    struct list ready;       /* volumes with appends, nobody at them */
    struct list parked;      /* volumes with appends that wait for a spare or for a seal */
    struct list spares, sealing, failed; /* segments */
    unsigned spare_count, sealing_count;
    uint64_t next_segment;
    uint64_t unsealed_bytes; /* in memtables */
    uint64_t queued_bytes;
    uint64_t since_space_check; /* bytes committed */
    uint64_t sealed_disk_bytes, sealed_live_bytes, sealed_count;
    enum status space;       /* OK or NO_SPACE */
    unsigned committers_running;
    bool opening;            /* one log at a time is looked up */
    bool closing, stop_sealer, stop_chores;
    uint64_t recover_at_us, spare_at_us; /* not before; after failures */
    unsigned recover_failures, spare_failures;
    uint64_t trim_cursor;    /* the trimmer's own */

    struct lock segment_mu;
    struct signal segment_idle;
    struct list open_segments; /* under segment_mu */

    struct lock pace_mu_unused;
};

static inline struct engine *engine_of(struct log_engine *e)
{
    return (struct engine *)e;
}
static inline struct engine_log *engine_log_of(struct log *l)
{
    return (struct engine_log *)l;
}

#endif
