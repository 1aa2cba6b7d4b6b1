/* position.c: the words and rules of starting positions.
 *
 * Left to others: looking a time up in the log (its answer may come from the disk); what is past retention when it is read
 * (record_page.c). */
#include "api/position.h"

#include "shards/horizon.h"

static enum status sequence_fault(const struct stream_view *view, const struct shard *shard,
                                  const struct position *p, const char *why, struct fault *f)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(shard->index, id);
    return fault_set(f, INVALID_ARGUMENT,
                     "StartingSequenceNumber %.*s used in %s on shard %s in stream %s under "
                     "account %s is invalid%s.",
                     BYTES_ARGS(p->sequence_number), p->operation, id, view->settings.name,
                     view->settings.scope.account, why);
}

static enum status by_sequence(const struct stream_view *view, const struct shard *shard,
                               const struct position *p, bool after, uint64_t *offset,
                               struct fault *f)
{
    struct sequence sequence;
    bool shard_known;
    enum status st = sequence_parse(p->sequence_number, &sequence, &shard_known);
    if (shard_known && sequence.shard != shard->index) {
        char theirs[SHARD_ID_BYTES], ours[SHARD_ID_BYTES];
        shard_id_print(sequence.shard, theirs);
        shard_id_print(shard->index, ours);
        return fault_set(f, INVALID_ARGUMENT,
                         "Invalid StartingSequenceNumber. It encodes %s, while it was used in a "
                         "call to a shard with %s",
                         theirs, ours);
    }
    if (st != OK)
        return sequence_fault(view, shard, p, "", f);
    if (sequence.created_s != shard->created_s)
        return sequence_fault(view, shard, p, " because it did not come from this stream", f);
    struct log_bounds bounds;
    log_bounds(shard->log, &bounds);
    if (sequence.place == SEQUENCE_PLACE_END) {
        if (after)
            return fault_set(f, INVALID_ARGUMENT,
                             "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, "
                             "SequenceNumber has "
                             "reached max possible value for the shard.");
        *offset = bounds.end;
        return OK;
    }
    if (sequence.place > bounds.end)
        return sequence_fault(view, shard, p, "", f);
    bool behind = after || sequence.behind || sequence.place == 0;
    *offset = behind ? sequence.place : sequence.place - 1;
    return OK;
}

static enum status check_arguments(const struct service *s, const struct position *p, int type,
                                   struct fault *f)
{
    bool wants_number = type == KINESIS_SHARD_ITERATOR_TYPE_AT_SEQUENCE_NUMBER ||
                        type == KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER;
    bool number = bytes_present(p->sequence_number);
    if (type == KINESIS_SHARD_ITERATOR_TYPE_AT_TIMESTAMP) {
        uint64_t now_ms = clock_wall_ms(s->clock);
        if (!p->timestamp.present)
            return fault_set(f, INVALID_ARGUMENT,
                             "Must specify timestampInMillis parameter for iterator of type "
                             "AT_TIMESTAMP. Current "
                             "request has no timestamp parameter.");
        if (p->timestamp.value > (int64_t)now_ms)
            return fault_set(f, INVALID_ARGUMENT,
                             "The timestampInMillis parameter cannot be greater than the "
                             "currentTimestampInMillis. "
                             "timestampInMillis: %lld, currentTimestampInMillis: %llu",
                             (long long)p->timestamp.value, (unsigned long long)now_ms);
    } else if (number != wants_number) {
        return fault_set(f, INVALID_ARGUMENT,
                         "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
                         "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
                         "StartingSequenceNumber. Request "
                         "specified %.*s and %s.",
                         BYTES_ARGS(p->type),
                         number ? "also a StartingSequenceNumber" : "no StartingSequenceNumber");
    }
    return OK;
}

enum status position_find(const struct service *s, const struct stream_view *view,
                          const struct shard *shard, const struct position *p,
                          struct position_found *out, struct fault *f)
{
    *out = (struct position_found){0};
    int type = shape_enum_index(&shape_kinesis_shard_iterator_type, p->type);
    enum status st = check_arguments(s, p, type, f);
    if (st != OK)
        return st;
    struct log_bounds bounds;
    log_bounds(shard->log, &bounds);
    switch (type) {
    case KINESIS_SHARD_ITERATOR_TYPE_AT_SEQUENCE_NUMBER:
    case KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER:
        return by_sequence(view, shard, p,
                           type == KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER, &out->offset,
                           f);
    case KINESIS_SHARD_ITERATOR_TYPE_AT_TIMESTAMP:
        out->by_time = true;
        out->time_ms = p->timestamp.value > 0 ? (uint64_t)p->timestamp.value : 0;
        uint64_t horizon_ms =
            horizon_begin_ms(view->settings.retention_hours, clock_wall_ms(s->clock));
        if (out->time_ms < horizon_ms)
            out->time_ms = horizon_ms;
        return OK;
    case KINESIS_SHARD_ITERATOR_TYPE_LATEST:
        out->offset = bounds.end;
        return OK;
    default:
        out->offset = bounds.begin;
        return OK;
    }
}
