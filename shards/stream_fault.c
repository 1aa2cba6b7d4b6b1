/* stream_fault.c: AWS's sentences, to the letter: clients match on them. */
#include "shards/stream_fault.h"

const char *stream_status_name(enum stream_status status)
{
    static const char *const names[] = {"CREATING", "ACTIVE", "UPDATING", "DELETING"};
    return names[status];
}

enum status fault_stream_not_found(struct fault *f, struct bytes name, const char *account)
{
    return fault_set(f, NOT_FOUND, "Stream %.*s under account %s not found.", BYTES_ARGS(name),
                     account);
}

enum status fault_stream_exists(struct fault *f, struct bytes name, const char *account)
{
    return fault_set(f, IN_USE, "Stream %.*s under account %s already exists.", BYTES_ARGS(name),
                     account);
}

enum status fault_stream_busy(struct fault *f, struct bytes name, const char *account,
                              enum stream_status status)
{
    return fault_set(f, IN_USE, "Stream %.*s under account %s not ACTIVE, instead in state %s",
                     BYTES_ARGS(name), account, stream_status_name(status));
}

enum status fault_stream_unsettled(struct fault *f, const struct stream_settings *s)
{
    return fault_set(f, IN_USE,
                     "Stream %s under account %s not ACTIVE or UPDATING, instead in state %s",
                     s->name, s->scope.account, stream_status_name(s->status));
}

enum status fault_shard_not_found(struct fault *f, struct bytes shard_id, struct bytes stream,
                                  const char *account)
{
    return fault_set(f, NOT_FOUND, "Could not find shard %.*s in stream %.*s under account %s.",
                     BYTES_ARGS(shard_id), BYTES_ARGS(stream), account);
}

enum status fault_shard_missing(struct fault *f, uint32_t index, struct bytes stream,
                                const char *account)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(index, id);
    return fault_set(f, NOT_FOUND, "Shard %s in stream %.*s under account %s does not exist", id,
                     BYTES_ARGS(stream), account);
}

enum status fault_stream_has_consumers(struct fault *f, struct bytes name, const char *account)
{
    return fault_set(f, IN_USE,
                     "DeleteStream can't delete %s:%.*s because there are consumers associated "
                     "with this data stream. To delete %.*s anyway, set the "
                     "EnforceConsumerDeletion parameter to true to force the deletion of all the "
                     "consumers that are associated with it.",
                     account, BYTES_ARGS(name), BYTES_ARGS(name));
}

enum status fault_consumer_not_found(struct fault *f, struct bytes name, struct bytes stream,
                                     const char *account)
{
    return fault_set(f, NOT_FOUND, "Consumer %.*s under stream %.*s not found for account %s.",
                     BYTES_ARGS(name), BYTES_ARGS(stream), account);
}

enum status fault_tags_too_many(struct fault *f, struct bytes stream, const char *account)
{
    return fault_set(f, INVALID_ARGUMENT,
                     "Failed to add tags to stream %.*s under account %s because a given stream "
                     "cannot have more than %d tags associated with it.",
                     BYTES_ARGS(stream), account, STREAM_TAGS_MAX);
}

enum status fault_shard_limit(struct fault *f, const char *account, const char *region,
                              uint64_t now, uint64_t limit, uint64_t more)
{
    return fault_set(f, LIMIT_EXCEEDED,
                     "This request would exceed the shard limit for the account %s in %s. Current "
                     "shard count for the "
                     "account: %llu. Limit: %llu. Number of additional shards that would have "
                     "resulted from this "
                     "request: %llu. Refer to the AWS Service Limits page "
                     "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for "
                     "current limits and "
                     "how to request higher limits.",
                     account, region, (unsigned long long)now, (unsigned long long)limit,
                     (unsigned long long)more);
}

enum status fault_warm_mode(struct fault *f)
{
    return fault_set(f, INVALID_VALUE,
                     "WarmThroughputMiBps can be given only for a stream in ON_DEMAND mode.");
}

enum status fault_warm_most(struct fault *f, int64_t mibps)
{
    return fault_set(f, INVALID_VALUE,
                     "WarmThroughputMiBps can be at most %d. Specified value was %lld",
                     WARM_MIBPS_MAX, (long long)mibps);
}

enum status fault_rate_exceeded(struct fault *f, struct bytes stream, const char *account)
{
    if (!bytes_present(stream))
        return fault_set(f, LIMIT_EXCEEDED, "Rate exceeded for account %s.", account);
    return fault_set(f, LIMIT_EXCEEDED, "Rate exceeded for stream %.*s under account %s.",
                     BYTES_ARGS(stream), account);
}
