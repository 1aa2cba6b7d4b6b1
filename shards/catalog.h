/* catalog.h: makes metadata durable: streams, shards, access keys. A change is a command, carried
 * out on the catalog's own thread: checked against the state, turned into a new view, written as
 * one synced batch, and only then published. The data plane reads views and never waits.
 *
 * K1. A command answers OK only after its batch is durable and its view published.
 * K2. A stream found UPDATING, CREATING or DELETING at start is brought to its end: a reshard is
 * completed, never half there. */
#ifndef SLUICE_SHARDS_CATALOG_H
#define SLUICE_SHARDS_CATALOG_H

#include "shards/commitment.h"
#include "shards/iterator.h"
#include "shards/stream_table.h"

struct catalog;

struct catalog_settings {
    const char *folder;
    struct log_engine *logs;
    struct stream_table *streams;
    const struct clock *clock;
    struct master_keys *master_keys;       /* NULL: none */
    struct scope home;                     /* of rows that name none */
    uint64_t shard_limit, on_demand_limit; /* of each scope */
    uint64_t
        state_delay_ms; /* how long CREATING, UPDATING and DELETING last; 0: as short as can be */
};

enum catalog_verb {
    CATALOG_CREATE_STREAM,
    CATALOG_DELETE_STREAM,
    CATALOG_SET_RETENTION,
    CATALOG_SPLIT_SHARD,
    CATALOG_MERGE_SHARDS,
    CATALOG_SET_SHARD_COUNT,
    CATALOG_SET_STREAM_MODE,
    CATALOG_SET_WARM_THROUGHPUT,
    CATALOG_SET_RECORD_SIZE,
    CATALOG_SET_SHARD_METRICS,
    CATALOG_REAP_SHARDS,
    CATALOG_REGISTER_CONSUMER,
    CATALOG_DEREGISTER_CONSUMER,
    CATALOG_SET_TAGS,
    CATALOG_SET_POLICY,
    CATALOG_SET_ENCRYPTION,
    CATALOG_SETTLE_ACCOUNT,
    CATALOG_PUT_KEY,
    CATALOG_REMOVE_KEY,
    CATALOG_VERBS
};

enum commitment_wish { COMMITMENT_LOOK, COMMITMENT_ENABLE, COMMITMENT_DISABLE };

struct catalog_command {
    enum catalog_verb verb;
    struct scope scope; /* the stream's, or the account's */
    struct bytes
        stream; /* name; all but the verbs of keys and accounts. Views must last until done */
    union {
        struct stream_settings create; /* name, mode, record_kib_*, warm_*, tags */
        struct {
            bool consumers_too; /* else a stream that has consumers stays */
        } remove;
        struct {
            struct bytes name;
            uint64_t created_s; /* deregister: only that very one; 0: whichever has the name */
            uint32_t tag_count;
            struct stream_tag *tags;
            struct consumer *made; /* register: a reference, for whoever gets OK */
        } consumer;
        struct {
            bool increase;
            int64_t hours;
        } retention;
        struct {
            uint32_t shard;
            u128 at;
        } split;
        struct {
            uint32_t left, right;
        } merge;
        struct {
            uint32_t target, before; /* before: of the answer, how many were open */
        } recount;
        struct {
            enum stream_mode mode;
            bool warm_given;
            uint32_t warm_mibps;
        } mode;
        struct {
            uint32_t mibps;
            uint32_t open_count; /* of the answer */
        } warm;
        uint32_t record_kib;
        struct {
            uint32_t metrics; /* mask of enum shard_metric */
            bool enable;
            uint32_t before, after; /* of the answer: masks */
        } monitoring;
        struct {
            uint64_t closed_before_ms;
        } reap; /* removes shards closed before it */
        struct {
            const struct stream_tag *at; /* one without a value is removed */
            uint32_t count;
        } tags;
        struct {
            struct bytes text; /* absent: the policy there is goes */
        } policy;
        struct {
            bool start; /* or stop */
            struct bytes key_id;
        } encryption;
        struct {
            enum commitment_wish wish;
            struct commitment commitment; /* as it is then; set before done */
        } account;
        struct {
            struct bytes access_key, secret, account; /* no account: the default one */
        } key;
    };
    struct {
        struct bytes name; /* absent: of the stream itself */
        uint64_t created_s;
    } of_consumer;        /* set tags, set policy */
    uint32_t shard_count; /* create */
    bool by_scaler;       /* split, merge: of an ON_DEMAND stream, which nobody else may reshard */
    void (*done)(
        struct catalog_command *); /* Thread: the catalog's. Must not block; may free the command */
    enum status status; /* set before done; NOT_FOUND, IN_USE, LIMIT_EXCEEDED, INVALID_ARGUMENT,
                           INVALID_VALUE, KEY_*, IO_FAILED, NO_SPACE, CLOSING */
    struct fault fault;
};

/* Reads everything, opens the logs of every shard, resumes what was under way (K2), starts the
 * thread. Blocks on the disk. */
enum status catalog_open(const struct catalog_settings *s, struct catalog **out,
                         struct fault *f) MUST_USE;
/* Commands not yet begun are answered CLOSING. Removes all streams from the table. */
void catalog_close(struct catalog *c);
/* Thread: any. */
void catalog_submit(struct catalog *c, struct catalog_command *command);
/* Wraps anew, one stream after the other, what is wrapped by an old version of a master key: after these were read anew. Thread:
 * any. */
void catalog_rewrap(struct catalog *c);
/* Fixed at birth. */
const uint8_t *catalog_iterator_key(const struct catalog *c);
/* The access keys found at start. Call between open and the first command. */
void catalog_each_key(const struct catalog *c,
                      void (*each)(void *arg, const char *access_key, const char *secret,
                                   const char *account), /* "": the default one */
                      void *arg);

#endif
