/* catalog_internal.h: what the parts of the catalog share. All of it is the catalog thread's own,
 * but what is fixed at birth. */
#ifndef SLUICE_SHARDS_CATALOG_INTERNAL_H
#define SLUICE_SHARDS_CATALOG_INTERNAL_H

#include "base/loop.h"
#include "base/thread.h"
#include "shards/catalog.h"
#include "shards/catalog_store.h"

struct catalog_key {
    struct list node;
    char *access_key, *secret;
    char account[ACCOUNT_BYTES];
};

struct catalog {
    /* fixed at birth */
    struct catalog_settings settings;
    uint8_t iterator_key[ITERATOR_KEY_BYTES];
    struct loop *loop;
    struct thread thread;
    /* the catalog thread's own */
    struct catalog_store *store;
    uint64_t next_stream;
    struct list keys;     /* as found at start */
    struct list reshards; /* under way: reshard_internal.h */
    struct list delays;   /* state changes waiting for their time */
    bool closing;
};

/* A command not answered yet: `catalog_run` must not call done, someone else will. */
enum { CATALOG_LATER = 2 };

/* Answers a command. */
void catalog_answer(struct catalog *c, struct catalog_command *command, enum status status);

/* The command's stream, referenced, and its view; NOT_FOUND in AWS's words. */
enum status catalog_find(struct catalog *c, struct catalog_command *command, struct stream **stream,
                         struct stream_view **view) MUST_USE;
/* Opens the log of a shard about to be, and makes it. */
enum status catalog_shard_make(struct catalog *c, const struct stream_settings *s,
                               struct shard values, struct shard **out, struct fault *f) MUST_USE;
/* Writes `batch`; on OK publishes a view of `settings` and `shards` (all taken over, also on
 * failure). */
enum status catalog_change(struct catalog *c, struct stream *stream, struct catalog_batch *batch,
                           const struct stream_settings *settings, struct shard **shards,
                           uint32_t count, uint64_t version, struct fault *f) MUST_USE;
/* The same for a change of the settings of `v`, the view in force, alone. */
enum status catalog_change_settings(struct catalog *c, struct stream *stream,
                                    const struct stream_view *v,
                                    const struct stream_settings *settings,
                                    struct fault *f) MUST_USE;
/* References to all shards of a view, with room for `more`. mem_free the array. */
struct shard **catalog_shards_of(const struct stream_view *v, uint32_t more);

/* Stops the thread if it is closing and nothing of ours is still with the logs. */
void catalog_stop_if_idle(struct catalog *c);

/* reshard.c */
int reshard_split(struct catalog *c,
                  struct catalog_command *command); /* a status, or CATALOG_LATER */
int reshard_merge(struct catalog *c, struct catalog_command *command);
void reshard_resume(struct catalog *c,
                    struct stream *stream);          /* K2: at start, and after a failure */
bool reshard_any_under_way(const struct catalog *c); /* a log still holds one of our appends */
void reshard_close(struct catalog *c);

/* catalog_streams.c */
enum status catalog_create_stream(struct catalog *c, struct catalog_command *command);
enum status catalog_delete_stream(struct catalog *c, struct catalog_command *command);
enum status catalog_set_retention(struct catalog *c, struct catalog_command *command);
enum status catalog_reap_shards(struct catalog *c, struct catalog_command *command);
/* K2: a stream found CREATING, DELETING, or UPDATING without a reshard. */
void catalog_resume(struct catalog *c, struct stream *stream);
/* A change is done that makes a stream dwell in UPDATING: makes it ACTIVE after the state delay. */
void catalog_settle_later(struct catalog *c, struct stream *stream);
void catalog_delays_close(struct catalog *c);

/* catalog_attributes.c */
enum status catalog_set_tags(struct catalog *c, struct catalog_command *command);
enum status catalog_set_policy(struct catalog *c, struct catalog_command *command);

/* catalog_encryption.c */
enum status catalog_set_encryption(struct catalog *c, struct catalog_command *command);

#endif
