/* sluice/lease_store.h: where a group's leases and checkpoints live.
 *
 * Two are built in: the service's own groups (Sluice), and a file for workers of one machine (AWS, or any other service, without a
 * second database). A program may bring a third: the contract is this struct.
 *
 * L1. A lease has an epoch that grows with each change of owner. commit with an older epoch is SLUICE_FENCED, and changes nothing.
 * L2. What commit answered SLUICE_OK survives a crash of the store.
 * L3. No shard is handed out before all its parents that are known are checkpointed at their end.
 *
 * Every function may wait (a file's lock, a call); the worker calls them from its own thread only, one at a time. */
#ifndef SLUICE_LEASE_STORE_H
#define SLUICE_LEASE_STORE_H

#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Checkpoints that are no sequence numbers: a shard that is done; one to be begun at its oldest record (it appeared after its group); one to
 * be begun at a time (sub_sequence_number: milliseconds since 1970). */
#define SLUICE_SHARD_END       "SHARD_END"
#define SLUICE_AT_TRIM_HORIZON "TRIM_HORIZON"
#define SLUICE_AT_TIME         "AT_TIMESTAMP"

enum { SLUICE_SHARD_ID_BYTES = 129, SLUICE_SEQUENCE_BYTES = 130 };

struct sluice_checkpoint_at {
    char sequence_number[SLUICE_SEQUENCE_BYTES]; /* "": none yet; or one of the words above */
    uint64_t sub_sequence_number;
};
struct sluice_lease {
    char shard_id[SLUICE_SHARD_ID_BYTES];
    uint64_t epoch;
    bool revoked; /* finish, checkpoint, and give it back in the next heartbeat */
    struct sluice_checkpoint_at checkpoint;
};
/* A shard of the stream, as ListShards gives it: so that a store knows what there is to share out. */
struct sluice_lease_shard {
    const char *shard_id, *parent_id, *adjacent_parent_id; /* "" : none */
};
struct sluice_lease_member {
    const char *stream_arn, *group, *member;
    unsigned session_timeout_ms, handover_ms, leases_max;
};

typedef struct sluice_lease_store sluice_lease_store;
struct sluice_lease_store {
    size_t size;
    void *self;
    /* The service keeps the list of shards itself; for others the worker passes it to each heartbeat. */
    bool wants_shards;
    enum sluice_status (*join)(void *self, const struct sluice_lease_member *member,
                               struct sluice_error *error);
    /* Says that this member lives, what it lets go of, and learns what it has now: `leases` has room for *count, which is set; when
     * there are more, SLUICE_FULL and *count says how many. SLUICE_FENCED: the session had expired: join again; all leases are lost. */
    enum sluice_status (*heartbeat)(void *self, const struct sluice_lease_member *member,
                                    const struct sluice_lease_shard *shards, size_t shard_count,
                                    const struct sluice_lease *released, size_t released_count,
                                    struct sluice_lease *leases, size_t *count,
                                    struct sluice_error *error);
    enum sluice_status (*commit)(void *self, const struct sluice_lease_member *member,
                                 const struct sluice_lease *lease,
                                 const struct sluice_checkpoint_at *at, struct sluice_error *error);
    enum sluice_status (*leave)(void *self, const struct sluice_lease_member *member,
                                struct sluice_error *error);
};

/* One JSON file, replaced whole and synced with each change, under flock(2): for workers of one machine. Made when it is not there
 * (0600), with PATH.lock beside it. Each worker has its own handle; groups of several streams may share a file. The clock is the machine's wall clock.
 * SLUICE_IO, SLUICE_NO_MEMORY, SLUICE_PROTOCOL (a file that is not one of ours). */
SLUICE_API enum sluice_status sluice_file_leases_new(const char *path, sluice_lease_store **store,
                                                     struct sluice_error *error) SLUICE_MUST_USE;
/* Closes nothing and forgets nothing: the file stays. NULL is fine. Not while a worker uses it. */
SLUICE_API void sluice_file_leases_free(sluice_lease_store *store);

#ifdef __cplusplus
}
#endif
#endif
