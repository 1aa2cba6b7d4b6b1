/* worker_internal.h: a worker, as its files share it: worker.c (options, the loop), worker_leases.c (the group), worker_stream.c (what
 * it must know of the stream). All on the thread that runs it. */
#ifndef SLUICE_CONSUMER_SDK_WORKER_INTERNAL_H
#define SLUICE_CONSUMER_SDK_WORKER_INTERNAL_H

#include "consumer-sdk/fetch_poll.h"
#include "consumer-sdk/shard_reader.h"

enum { WORKER_ARN_BYTES = 2049, WORKER_NAME_BYTES = 129 };

/* A shard of the stream, as it is listed. */
struct worker_shard {
    char id[SLUICE_SHARD_ID_BYTES], parent[SLUICE_SHARD_ID_BYTES],
        adjacent_parent[SLUICE_SHARD_ID_BYTES];
    struct key_range keys;
};

struct sluice_worker {
    struct shard_host host; /* first: what the shards know of the worker */

    /* fixed at birth */
    struct sluice_worker_options options;
    char stream[WORKER_ARN_BYTES], group[WORKER_NAME_BYTES], member_name[WORKER_NAME_BYTES];
    sluice_client *client;
    sluice_lease_store *own_store; /* the service's groups, when the program gave none */
    const sluice_lease_store *store;

    _Atomic bool stop; /* any thread's */

    /* the running thread's */
    bool running, joined, told;
    enum sluice_status failed; /* why it stops, unless it was asked to */
    struct sluice_error error;
    char stream_arn[WORKER_ARN_BYTES], consumer_arn[WORKER_ARN_BYTES];
    struct fetch_setting fetch;
    struct sluice_lease_member member;
    struct list shards;    /* of struct sluice_shard */
    uint64_t heartbeat_us; /* when the next is due */
    uint64_t alive_us;     /* when the last that was answered was sent */
    struct sluice_lease *released, *leases;
    size_t released_count, released_room, leases_room;
    struct worker_shard
        *listed; /* the stream's shards, for their keys, and for stores that want them */
    struct sluice_lease_shard *listed_views;
    size_t listed_count;
    uint64_t listed_us; /* when they are to be listed again */
};

static inline uint64_t worker_now_us(const struct sluice_worker *w)
{
    return clock_mono_us(w->host.clock);
}
static inline bool worker_stops(const struct sluice_worker *w)
{
    return w->stop || w->failed != SLUICE_OK;
}
void worker_note(struct sluice_worker *w, const char *shard_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something does not pass: all shards are let go, and sluice_worker_run answers with it. The first counts. */
void worker_fail(struct sluice_worker *w, const struct sluice_error *error);
/* Of a call that failed: whether it is to be tried again. Otherwise worker_fail has been called. Says so once, until *told is false again. */
bool worker_may_retry(struct sluice_worker *w, const char *what, const struct sluice_error *error);
/* Turns the client for so long, or until it stops. */
void worker_wait(struct sluice_worker *w, unsigned ms);

/* ---- worker_stream.c ---- */

/* The stream's ARN; waits until the service answers. false: it stops. */
bool worker_find_stream(struct sluice_worker *w);
/* Registers the group's consumer, and waits until it is active. Without one, there is no push. */
void worker_find_consumer(struct sluice_worker *w);
/* Lists the shards, when they are not known or it is time. */
void worker_list_shards(struct sluice_worker *w);
/* The shard's hash keys: all, of one that is not listed (any more), or when listing is refused. Lists the shards when it is not known.
 * false: they could not be listed; ask again later. */
bool worker_keys_of(struct sluice_worker *w, const char *shard_id, struct key_range *keys);

/* ---- worker_leases.c ---- */

/* Joins, or says that the worker lives, when that is due, and takes in what the group says. */
void worker_beat(struct sluice_worker *w, uint64_t now_us);
/* The shard is over: its lease is given back with the next heartbeat, and it is freed. false: no memory; later again. */
bool worker_let_go(struct sluice_worker *w, struct sluice_shard *s);
void worker_leave(struct sluice_worker *w);

#endif
