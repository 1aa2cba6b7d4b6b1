/* store_env.h: what LevelDB sees of the disk, when it opens a segment: write-ahead logs are frames
 * (store_frame.h) in files that were used before; all else is as it would be.
 *
 * For C++, too. */
#ifndef SLUICE_SHARDS_STORE_ENV_H
#define SLUICE_SHARDS_STORE_ENV_H

#include "base/status.h"

#include <leveldb/c.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct store_env;
struct store_spares;

/* at_flush: what is written without a sync outlives the process (R4), at the price of a write each.
 * Never fails; dies if this is not the LevelDB it was made for. The spares stay the caller's. */
struct store_env *store_env_new(struct store_spares *spares, bool at_flush);
/* After every database that was opened with it is closed. */
void store_env_free(struct store_env *e); /* NULL is fine */
/* Databases opened with these options see it. */
void store_env_set(struct store_env *e, leveldb_options_t *options);

#ifdef __cplusplus
}
#endif

#endif
