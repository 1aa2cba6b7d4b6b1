/* catalog_internal.h: what the parts of the catalog share. All of it is the catalog thread's own,
 * but what is fixed at birth. */
#ifndef SLUICE_SHARDS_CATALOG_INTERNAL_H
#define SLUICE_SHARDS_CATALOG_INTERNAL_H

#include "base/loop.h"
#include "base/table.h"
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
    struct list keys;      /* as found at start */
    struct table accounts; /* those that have settings, by scope: catalog_accounts.c */
    struct list reshards;  /* under way: reshard_internal.h */
    struct list delays;    /* state changes waiting for their time */
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

/* A verb: returns a status, or CATALOG_LATER. */
typedef int catalog_verb_fn(struct catalog *, struct catalog_command *);

/* reshard.c */
catalog_verb_fn reshard_split, reshard_merge;
/* K2: at start. false: the stream has no step under way. */
bool reshard_resume(struct catalog *c, struct stream *stream);
bool reshard_any_under_way(const struct catalog *c); /* a log still holds one of our appends */
void reshard_close(struct catalog *c);
/* reshard_count.c */
catalog_verb_fn reshard_recount;
/* Whether something has been done `room` times in the rolling day, by the latest times (newest first). If not, it now has once more. */
bool reshape_often(uint64_t *times_ms, uint32_t room, uint64_t now_ms);

/* catalog_reshape.c */
catalog_verb_fn catalog_set_mode, catalog_set_warm, catalog_set_record_size,
    catalog_set_shard_metrics;

/* catalog_streams.c */
catalog_verb_fn catalog_create_stream, catalog_delete_stream, catalog_set_retention,
    catalog_reap_shards;
/* LIMIT_EXCEEDED when one more stream may not be ON_DEMAND. */
enum status catalog_check_on_demand(const struct catalog *c, const struct scope *scope,
                                    const struct stream_totals *totals, struct fault *f) MUST_USE;
/* How long changes of state last in that scope: those of hidden streams are seen by nobody, and last no longer than they must. */
uint64_t catalog_dwell_ms(const struct catalog *c, const struct scope *scope);
/* A stream that is UPDATING becomes ACTIVE after the state delay. */
void catalog_activate_later(struct catalog *c, struct stream *stream);
/* Runs `then` on the catalog's thread in `ms`; dropped when the catalog closes. */
void catalog_delay_start(struct catalog *c, struct stream *stream, uint64_t ms,
                         void (*then)(struct catalog *, struct stream *));
/* K2: a stream found CREATING or DELETING, or UPDATING with nothing under way. */
void catalog_resume(struct catalog *c, struct stream *stream);
void catalog_delays_close(struct catalog *c);

/* catalog_accounts.c */
catalog_verb_fn catalog_settle_account;
/* In memory alone. */
void catalog_set_commitment(struct catalog *c, const struct scope *scope,
                            const struct commitment *commitment);
struct commitment catalog_commitment(const struct catalog *c, const struct scope *scope);
void catalog_accounts_close(struct catalog *c);

/* catalog_consumers.c */
catalog_verb_fn catalog_register_consumer, catalog_deregister_consumer;
/* Makes `made` (taken over) one of the stream's consumers, in place of the one of its name. */
enum status catalog_put_consumer(struct catalog *c, struct stream *stream,
                                 const struct stream_view *v, struct consumer *made,
                                 struct fault *f) MUST_USE;
/* Ends what was found CREATING or DELETING, or whose time has come (K2). */
void catalog_settle_consumers(struct catalog *c, struct stream *stream);

/* catalog_attributes.c */
catalog_verb_fn catalog_set_tags, catalog_set_policy;

/* catalog_encryption.c */
catalog_verb_fn catalog_set_encryption;

#endif
