/* model.h: what AWS promises of streams, as plain as it can be said: streams have shards, shards have parents, ranges and records in order.
 * It knows nothing of logs, offsets, segments or batches.
 *
 * A record is there from when it was acknowledged until its period is over. Between the period in force and the longest that ever was in force
 * it may be there or not (it was past retention for a while, and may be gone), but if one is there, all younger ones are.
 * Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_MODEL_H
#define SLUICE_TESTS_SIM_MODEL_H

#include "base/u128.h"

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_STREAMS = 3, MODEL_NUMBER_BYTES = 64, MODEL_NONE = -1 };
#define MODEL_HOUR_MS 3600000ull

struct model_record {
    uint64_t id; /* its data begins with it, and follows from it */
    uint32_t size;
    const char *key;
    bool by_hash; /* an ExplicitHashKey, which is `hash` */
    u128 hash;
    uint32_t step;
    /* once acknowledged, or seen */
    char number[MODEL_NUMBER_BYTES]; /* sequence number; "": not yet */
    uint64_t ms;                     /* arrival */
    bool encrypted;
};

struct model_shard {
    uint32_t index;
    u128 low, high;
    int64_t parents[2]; /* ascending by range; MODEL_NONE */
    bool open;
    bool gone;            /* removed, past retention */
    uint32_t closed_step; /* of the run */
    uint64_t opened_ms, closed_ms;
    char first[MODEL_NUMBER_BYTES], last[MODEL_NUMBER_BYTES];
    struct model_record **records; /* by number */
    uint32_t count, room;
};

struct model_stream {
    char name[16];
    bool exists;
    uint32_t generation; /* grows with each that is made under this name */
    bool on_demand;
    uint64_t created_ms;
    uint32_t hours;
    uint64_t past_floor_ms; /* what was past retention under earlier periods */
    bool encrypted;
    char consumer[160]; /* its ARN */
    uint32_t recounts;  /* asked for since it was made */
    struct model_shard *shards;
    uint32_t count, room;
};

void model_stream_begin(struct model_stream *s, uint64_t now_ms, bool on_demand);
void model_stream_end(struct model_stream *s);

/* What is older is not served, whatever is left of it; what is younger than the floor must be. */
uint64_t model_horizon(const struct model_stream *s, uint64_t now_ms);
uint64_t model_floor(const struct model_stream *s, uint64_t now_ms);
void model_set_hours(struct model_stream *s, uint32_t hours, uint64_t now_ms);

/* Room for one more is made: pointers to shards last until the next. */
struct model_shard *model_shard_add(struct model_stream *s);
struct model_shard *model_shard_find(const struct model_stream *s, uint32_t index);
uint32_t model_open_count(const struct model_stream *s);
/* The n-th open shard in the order of ranges. */
struct model_shard *model_open_at(const struct model_stream *s, uint32_t n);
bool model_owns(const struct model_shard *h, u128 hash);
/* What ListShards shows without a filter. */
bool model_is_listed(const struct model_stream *s, const struct model_shard *h, uint64_t now_ms);
/* Open at that time: from just after its parents closed (always, if they are gone) until it closed itself. */
bool model_was_open(const struct model_stream *s, const struct model_shard *h, uint64_t ms);
/* What is past retention and closed goes; how many shards more did. */
uint32_t model_tidy(struct model_stream *s, uint64_t now_ms);

u128 model_hash(const char *key);
struct model_record *model_record_new(uint64_t id, uint32_t size, const char *key);
/* The data in base64: mem_free it. */
char *model_data(const struct model_record *r);
uint64_t model_data_bytes(const struct model_record *r);
/* The first place behind that number ("": the first of all). */
uint32_t model_place(const struct model_shard *h, const char *number);
/* NULL: there is none. */
struct model_record *model_record_at(const struct model_shard *h, const char *number);
/* Takes the record over; false when its number is taken. */
bool model_accept(struct model_shard *h, struct model_record *r);

#endif
