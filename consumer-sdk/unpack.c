/* unpack.c: what a worker does to records, for who reads without one: a batch (fetched.c) under a public name.
 *
 * Thread: any; an unpacked batch is its owner's. */
#include "consumer-sdk/error.h"
#include "consumer-sdk/fetched.h"

static struct fetched *batch_of(const sluice_unpacked *unpacked)
{
    return (struct fetched *)(uintptr_t)unpacked;
}

enum sluice_status sluice_unpack(const struct sluice_kinesis_record *records, uint32_t count,
                                 sluice_unpacked **unpacked, struct sluice_error *error)
{
    const struct sluice_checkpoint_at nothing = {0};
    const struct fetched_rules rules = {&nothing, KEY_RANGE_ALL, false};
    *unpacked = NULL;
    struct fetched *batch = fetched_new(records, count, 0, NULL, NULL);
    if (!batch)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for %u records", count);
    enum sluice_status st = fetched_open(batch, &rules, error);
    if (st == SLUICE_OK)
        *unpacked = (sluice_unpacked *)batch;
    else
        fetched_free(batch);
    return st;
}

const struct sluice_received *sluice_unpacked_records(const sluice_unpacked *unpacked,
                                                      size_t *count)
{
    const struct fetched *batch = batch_of(unpacked);
    *count = batch->count;
    return batch->records;
}

void sluice_unpacked_free(sluice_unpacked *unpacked)
{
    fetched_free(batch_of(unpacked));
}
