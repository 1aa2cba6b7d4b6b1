/* learn.h: the shards that a stream shows, against those it must have; and what a reshard made of them. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_LEARN_H
#define SLUICE_TESTS_SIM_LEARN_H

#include "sim/sim.h"

/* "shardId-000000000007": 7 */
uint32_t learn_index(struct sim *m, const char *id);
u128 learn_key(struct sim *m, const json_t *range, const char *member);
/* All that ListShards says without a filter: mem_free'd by json_decref. */
json_t *learn_list(struct sim *m, const struct model_stream *s, json_t *filter);
/* Asks until the stream is ACTIVE. False: there is no such stream. */
bool learn_wait_active(struct sim *m, const struct model_stream *s, json_t **summary);
/* Compares all shards. If they may have changed, takes what a reshard made into the model: whatever it was, children tile their parents,
 * parents are closed, and the open shards tile the space of keys. */
void learn_shards(struct sim *m, struct model_stream *s, bool may_change);

#endif
