/* catalog_encryption_row.h: a stream's encryption as the "encryption" member of its row. */
#ifndef SLUICE_SHARDS_CATALOG_ENCRYPTION_ROW_H
#define SLUICE_SHARDS_CATALOG_ENCRYPTION_ROW_H

#include "shards/stream_encryption.h"

#include <jansson.h>

json_t *encryption_row_make(const struct stream_encryption *e);
/* One reference. False unless it is what encryption_row_make makes. */
bool encryption_row_read(const json_t *row, struct stream_encryption **out);

#endif
