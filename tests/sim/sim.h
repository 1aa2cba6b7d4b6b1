/* sim.h: one run: a seed's world, its model, its service. Thread: the run's, which is its process's only one. */
#ifndef SLUICE_TESTS_SIM_SIM_H
#define SLUICE_TESTS_SIM_SIM_H

#include "sim/client.h"
#include "sim/model.h"

enum { SIM_READERS = 16, SIM_PENDING_MAX = 8192 };

/* Someone who reads a shard with GetRecords, page by page. */
struct reader {
    bool live;
    struct model_stream *stream;
    uint32_t generation, shard;
    char after[MODEL_NUMBER_BYTES]; /* has all up to this number */
    char *token;
    uint64_t token_ms; /* when it was given */
};

/* Someone who subscribed to a shard. */
struct watcher {
    bool live;
    struct model_stream *stream;
    uint32_t generation, shard;
    char after[MODEL_NUMBER_BYTES];
    uint64_t since_ms;
};

/* A put that was under way when the service was killed. */
struct pending {
    struct model_stream *stream;
    uint32_t generation;
    struct model_record *record;
};

/* Of the whole run: a run in which nothing happens shows nothing. */
struct tally {
    uint64_t put, read, pushed;
    uint32_t reshards, kills, adopted;
    uint32_t expired; /* shards that went with their records */
};

struct sim {
    uint64_t seed;
    struct random chance; /* of this step: a function of seed and step alone */
    struct diary diary;
    struct client client;
    struct model_stream streams[MODEL_STREAMS];
    uint64_t made; /* records */
    struct reader readers[SIM_READERS];
    struct watcher watchers[HOST_SLOTS];
    struct pending pending[SIM_PENDING_MAX];
    uint32_t pending_count;
    struct tally tally;
};

#define DIFFERS(m, ...) diary_differs(&(m)->diary, __VA_ARGS__)

static inline uint64_t sim_now(const struct sim *m)
{
    return m->client.now_ms;
}
static inline uint64_t draw(struct sim *m, uint64_t below)
{
    return random_below(&m->chance, below);
}
static inline bool one_in(struct sim *m, uint64_t n)
{
    return draw(m, n) == 0;
}

#endif
