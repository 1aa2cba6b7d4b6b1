/* stream_fault.h: what is said of streams and shards that are missing, busy or full, in AWS's own
 * sentences (seen from the real service; see docs/API.md). One place, since the catalog and the
 * operations say the same. Each returns the status it sets. */
#ifndef SLUICE_SHARDS_STREAM_FAULT_H
#define SLUICE_SHARDS_STREAM_FAULT_H

#include "base/bytes.h"
#include "base/status.h"
#include "shards/stream_view.h"

enum status fault_stream_not_found(struct fault *f, struct bytes name, const char *account);
enum status fault_stream_exists(struct fault *f, struct bytes name, const char *account);
/* not ACTIVE */
enum status fault_stream_busy(struct fault *f, struct bytes name, const char *account,
                              enum stream_status status);
/* neither ACTIVE nor UPDATING, where either would do */
enum status fault_stream_unsettled(struct fault *f, const struct stream_settings *s);
enum status fault_shard_not_found(struct fault *f, struct bytes shard_id, struct bytes stream,
                                  const char *account); /* "Could not find shard" */
enum status fault_shard_missing(struct fault *f, uint32_t index, struct bytes stream,
                                const char *account); /* "does not exist" */
/* not deleted with consumers on it, unless EnforceConsumerDeletion says so */
enum status fault_stream_has_consumers(struct fault *f, struct bytes name, const char *account);
/* A consumer that is not registered. */
enum status fault_consumer_not_found(struct fault *f, struct bytes name, struct bytes stream,
                                     const char *account);
enum status fault_shard_limit(struct fault *f, const char *account, const char *region,
                              uint64_t now, uint64_t limit, uint64_t more);
/* more than STREAM_TAGS_MAX */
enum status fault_tags_too_many(struct fault *f, struct bytes stream, const char *account);
/* WarmThroughputMiBps for a stream that is not ON_DEMAND; more of it than there is. Not AWS's own words. */
enum status fault_warm_mode(struct fault *f);
enum status fault_warm_most(struct fault *f, int64_t mibps);
/* Too many calls about a stream, or (absent) of an account. */
enum status fault_rate_exceeded(struct fault *f, struct bytes stream, const char *account);
const char *stream_status_name(enum stream_status status);

#endif
