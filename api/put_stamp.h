/* put_stamp.h: idempotent puts: the opt-in header of PutRecord and PutRecords, read, and the stamps of the batches that their records become.
 *
 *   x-sluice-producer: <producer id: 32 hex digits>;<epoch: decimal>;<numbers>
 *   numbers:           <first>                              record i of the request has number first + i
 *                      <first>+<count>,<first>+<count>,...  likewise, in ranges that cover the records in order: 100+3,110+497
 *
 * A record whose number is stored already is answered with where that is (shards/log.h L9). Without the header none of this runs. Thread: the exchange's loop. */
#ifndef SLUICE_API_PUT_STAMP_H
#define SLUICE_API_PUT_STAMP_H

#include "api/put_batch.h"

#define PRODUCER_HEADER "x-sluice-producer"

/* Who puts, and each record's number. In the exchange's arena. */
struct put_stamper {
    uint8_t producer[PRODUCER_ID_BYTES];
    uint64_t epoch;
    uint32_t count;
    uint64_t *numbers;
};

/* *out is NULL when there is no header (an absent view). INVALID_ARGUMENT, NO_MEMORY. */
enum status put_stamper_read(struct bytes header, uint32_t count, struct arena *arena,
                             struct put_stamper **out, struct fault *f) MUST_USE;

/* After put_batch_count of all its records, before put_batch_begin: batch->stamp, with room for as many numbers; then put_stamp_number for each place in the batch;
 * then put_stamp_end. NO_MEMORY. */
enum status put_stamp_begin(const struct put_stamper *s, struct put_batch *batch,
                            struct arena *arena, struct fault *f) MUST_USE;
void put_stamp_number(struct put_batch *batch, uint32_t place, uint64_t number);
void put_stamp_end(struct put_batch *batch);

/* Why a record is refused whose batch is FENCED, or whose number is forgotten: the sentence for the client. INVALID_ARGUMENT. */
enum status put_stamp_fault(const struct put_batch *batch, uint32_t place,
                            const struct stream_settings *settings, struct fault *f);

#endif
