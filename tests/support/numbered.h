/* numbered.h: a stream of records that tell their order: each has a key, and its number among those of that key. What a reader sees is held
 * against it: nothing lost, in order for each key. Wrong answers of the service fail the test. */
#ifndef SLUICE_TESTS_SUPPORT_NUMBERED_H
#define SLUICE_TESTS_SUPPORT_NUMBERED_H

#include <sluice/client.h>
#include <sluice/consumer.h>

enum { NUMBERED_KEYS = 64 };

struct numbered {
    sluice_client *client;
    const char *stream;
    uint64_t next[NUMBERED_KEYS]; /* the number of the key's next record */
    uint64_t total;
};

/* Makes the stream, and waits until it is active. */
void numbered_make(struct numbered *n, sluice_client *client, const char *stream, int64_t shards);
/* Puts so many, in turn over the keys, in the order of their numbers. */
void numbered_put(struct numbered *n, uint64_t count);
/* Splits the shard in the middle, or merges two; waits until it is done. */
void numbered_split(struct numbered *n, const char *shard);
void numbered_merge(struct numbered *n, const char *shard, const char *adjacent);

/* What was seen. `order` fails: a number that is not the next one, and was not seen before. */
struct numbered_seen {
    uint64_t next[NUMBERED_KEYS];
    uint64_t records, repeats, out_of_order;
};
void numbered_see(struct numbered_seen *seen, const struct sluice_batch *batch);

#endif
