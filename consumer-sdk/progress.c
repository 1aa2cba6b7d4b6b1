/* progress.c: which place of a shard may be saved.
 *
 * K1. What is saved never goes back, and never goes beyond what was handed out.
 *
 * Pure. Thread: any, one at a time for each shard. */
#include "consumer-sdk/progress.h"

#include "consumer-sdk/error.h"
#include "groups/checkpoint.h"

_Static_assert(sizeof(struct sluice_checkpoint_at) == sizeof(struct checkpoint) &&
                   offsetof(struct sluice_checkpoint_at, sub_sequence_number) ==
                       offsetof(struct checkpoint, sub),
               "one is read as the other");

static const struct checkpoint *inner(const struct sluice_checkpoint_at *at)
{
    return (const struct checkpoint *)at;
}

int place_compare(const struct sluice_checkpoint_at *a, const struct sluice_checkpoint_at *b)
{
    return checkpoint_compare(inner(a), inner(b));
}

bool place_set(struct sluice_checkpoint_at *at, struct bytes sequence, uint64_t sub)
{
    struct sluice_checkpoint_at set = {.sub_sequence_number = sub};
    if (sequence.len == 0 || sequence.len >= sizeof(set.sequence_number))
        return false;
    memcpy(set.sequence_number, sequence.at, sequence.len);
    if (set.sequence_number[0] < '0' || set.sequence_number[0] > '9' ||
        !checkpoint_is_valid(inner(&set)))
        return false;
    *at = set;
    return true;
}

void progress_init(struct progress *p, const struct sluice_checkpoint_at *saved)
{
    *p = (struct progress){.saved = *saved, .handed = *saved, .handled = *saved};
}

enum sluice_status progress_may_save(const struct progress *p,
                                     const struct sluice_checkpoint_at *at,
                                     struct sluice_error *error)
{
    bool end = checkpoint_is_end(inner(at));
    if (end && !p->whole)
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "the shard has records that were not handled: it cannot be checkpointed "
                         "at its end");
    int order = place_compare(at, &p->saved);
    if (order == 0)
        return SLUICE_END;
    if (order < 0)
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "a checkpoint at %s would go back: it stands at %s", at->sequence_number,
                         p->saved.sequence_number);
    if (!end && place_compare(at, &p->handed) > 0)
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "a checkpoint at %s is beyond what was handed out, up to %s",
                         at->sequence_number, p->handed.sequence_number);
    return SLUICE_OK;
}
