/* progress.h: how far a shard's records are handed out, handled and saved, and which checkpoint may be taken.
 *
 * Places are those of groups/checkpoint.h, in the public struct, which is laid out alike.
 *
 * Pure. Thread: whichever has the shard (shard_reader.h). */
#ifndef SLUICE_CONSUMER_SDK_PROGRESS_H
#define SLUICE_CONSUMER_SDK_PROGRESS_H

#include "base/bytes.h"

#include <sluice/lease_store.h>

/* <0, 0, >0 by place. */
int place_compare(const struct sluice_checkpoint_at *a, const struct sluice_checkpoint_at *b);
/* Whether it is a record's sequence number: decimal, without leading zeros, not too long. */
bool place_is_number(struct bytes sequence);
/* A record's place. false: not a sequence number, or longer than any; then *at is as it was. */
bool place_set(struct sluice_checkpoint_at *at, struct bytes sequence,
               uint64_t sub) SLUICE_MUST_USE;

struct progress {
    struct sluice_checkpoint_at saved;   /* what the store has */
    struct sluice_checkpoint_at handed;  /* the last record that the handler was given */
    struct sluice_checkpoint_at handled; /* the last one that it is done with */
    bool whole;                          /* every record of the shard was handled */
};

/* Where a lease begins: at what was saved. */
void progress_init(struct progress *p, const struct sluice_checkpoint_at *saved);
/* Whether *at may be saved: SLUICE_OK, SLUICE_END (it is saved already), or SLUICE_INVALID_ARGUMENT
 * with words. */
enum sluice_status progress_may_save(const struct progress *p,
                                     const struct sluice_checkpoint_at *at,
                                     struct sluice_error *error) SLUICE_MUST_USE;

#endif
