/* catalog_store_internal.h: parts of rows that are made and read in files of their own. */
#ifndef SLUICE_SHARDS_CATALOG_STORE_INTERNAL_H
#define SLUICE_SHARDS_CATALOG_STORE_INTERNAL_H

#include "shards/stream_reshape.h"

#include <jansson.h>
#include <stdbool.h>

/* The member "reshape" of a stream's row; a new reference. */
json_t *stream_reshape_json(const struct stream_reshape *r);
/* And back. NULL (a row written before there was one): nothing ever happened. false when it cannot be understood. */
bool stream_reshape_read(const json_t *object, struct stream_reshape *out);

#endif
