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

/* Eight at once: each byte's high half is 3, and still is when 6 is added. */
static bool eight_are_digits(const uint8_t *at)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), three = UINT64_C(0x3030303030303030);
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return (word & high) == three && ((word + UINT64_C(0x0606060606060606)) & high) == three;
}

bool place_is_number(struct bytes sequence)
{
    bool digits = sequence.len > 0 && sequence.len < SLUICE_SEQUENCE_BYTES &&
                  (sequence.at[0] != '0' || sequence.len == 1);
    size_t i = 0;
    for (; digits && sequence.len - i >= sizeof(uint64_t); i += sizeof(uint64_t))
        digits = eight_are_digits(sequence.at + i);
    for (; digits && i < sequence.len; i++)
        digits = sequence.at[i] >= '0' && sequence.at[i] <= '9';
    return digits;
}

bool place_set(struct sluice_checkpoint_at *at, struct bytes sequence, uint64_t sub)
{
    if (!place_is_number(sequence))
        return false;
    memcpy(at->sequence_number, sequence.at, sequence.len);
    memset(at->sequence_number + sequence.len, 0, sizeof(at->sequence_number) - sequence.len);
    at->sub_sequence_number = sub;
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
