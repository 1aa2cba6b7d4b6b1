/* delivery_defaults.h: a CreateDeliveryStreamInput made whole: what AWS fills in and shows, filled in. Pure. */
#ifndef SLUICE_DELIVERY_DELIVERY_DEFAULTS_H
#define SLUICE_DELIVERY_DELIVERY_DEFAULTS_H

#include "base/arena.h"
#include "base/status.h"
#include "wire/model/firehose.h"

#include <stdbool.h>

/* Fills *config, which must be the caller's to change, down to its nested structures: a plain S3DestinationConfiguration becomes an
 * extended one, an Elasticsearch one an OpenSearch one (then *old_name is set), tags stand by key, and every default stands. What it makes is the
 * arena's. Does not look at what was given. INVALID_ARGUMENT: not exactly one destination, or one that is not served; NO_MEMORY. */
enum status delivery_defaults(struct firehose_create_delivery_stream_input *config, bool *old_name,
                              struct arena *arena, struct fault *f) MUST_USE;

#endif
