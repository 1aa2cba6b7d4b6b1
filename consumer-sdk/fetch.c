/* fetch.c: places to read from. Pure. Thread: any. */
#include "consumer-sdk/fetch.h"

#include "consumer-sdk/progress.h"

bool fetch_after(struct fetch_from *from, struct sluice_bytes sequence)
{
    struct sluice_checkpoint_at at;
    if (!place_set(&at, bytes_of(sequence.at, sequence.len), 0))
        return false;
    from->place = FETCH_AFTER;
    memcpy(from->sequence, at.sequence_number, sizeof(from->sequence));
    return true;
}

void fetch_position(const struct fetch_from *from, struct sluice_kinesis_starting_position *out)
{
    static const char *const types[] = {
        [FETCH_HORIZON] = "TRIM_HORIZON",        [FETCH_LATEST] = "LATEST",
        [FETCH_TIME] = "AT_TIMESTAMP",           [FETCH_AT] = "AT_SEQUENCE_NUMBER",
        [FETCH_AFTER] = "AFTER_SEQUENCE_NUMBER",
    };
    *out = (struct sluice_kinesis_starting_position){.type = sluice_text(types[from->place])};
    if (from->place == FETCH_AT || from->place == FETCH_AFTER)
        out->sequence_number = sluice_text(from->sequence);
    if (from->place == FETCH_TIME)
        out->timestamp = sluice_int(from->time_ms);
}
