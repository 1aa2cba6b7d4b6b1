/* group_keeper_internal.h: the parts of the keeper: group_keeper.c (thread, turns, life), group_keeper_rows.c (the database),
 * group_keeper_verbs.c (commands). All of it is the keeper thread's own. */
#ifndef SLUICE_API_GROUP_KEEPER_INTERNAL_H
#define SLUICE_API_GROUP_KEEPER_INTERNAL_H

#include "api/group_keeper.h"
#include "base/loop.h"
#include "base/table.h"
#include "base/thread.h"
#include "shards/row_store.h"

struct kept_group {
    struct list node; /* of its stream's, by name */
    char name[GROUP_MEMBER_BYTES];
    struct group *group;
    uint64_t version; /* of the stream's view that its shards are from; 0: none yet */
    struct kept_stream *stream;
    struct list touched; /* of the keeper's: this turn may have changed it */
};
struct kept_stream {
    uint64_t number;
    struct list groups;
    size_t group_count;
    bool read;           /* what is in the database is in memory */
    struct list pending; /* of the keeper's: rows of it are in this turn's batch */
};

struct group_keeper {
    /* fixed at birth */
    struct group_keeper_settings settings;
    struct loop *loop;
    struct thread thread;
    /* the thread's own */
    struct row_store rows;
    struct table streams; /* those with groups, or asked for, by number */
    /* of this turn */
    leveldb_writebatch_t *batch;
    struct list touched, pending; /* groups, streams */
    struct list answers;          /* commands carried out */
    struct loop_timer sweep;
};

/* ---- group_keeper.c ---- */

uint64_t group_keeper_now_ms(const struct group_keeper *k);
struct kept_stream *kept_stream_make(struct group_keeper *k, uint64_t number);
struct kept_group *kept_group_find(const struct kept_stream *s, const char *name);
/* NULL: no memory. Takes the group over. */
struct kept_group *kept_group_add(struct kept_stream *s, const char *name, struct group *group);
/* From memory alone. */
void kept_group_forget(struct kept_group *g);
void kept_stream_forget(struct kept_stream *s);
void kept_group_touch(struct group_keeper *k, struct kept_group *g);

/* ---- group_keeper_rows.c ---- */

/* Reads everything, and removes what belongs to streams that are gone. */
enum status group_rows_open(struct group_keeper *k, struct fault *f) MUST_USE;
void group_rows_close(struct group_keeper *k);
/* All groups of one stream. After a failure it has none in memory. */
enum status group_rows_read(struct group_keeper *k, struct kept_stream *s,
                            struct fault *f) MUST_USE;
/* Into the turn's batch: what changed; and that all of it goes. */
void group_rows_save(struct group_keeper *k, struct kept_group *g);
void group_rows_remove(struct group_keeper *k, struct kept_group *g);
/* Writes the turn's batch, which is empty then. */
enum status group_rows_write(struct group_keeper *k, struct fault *f) MUST_USE;

/* ---- group_keeper_verbs.c ---- */

/* Changes memory; sets the answer. */
enum status group_command_run(struct group_keeper *k, struct group_command *c);
/* Its stream is gone: so are its groups. */
void group_keeper_drop_stream(struct group_keeper *k, struct kept_stream *s);

#endif
