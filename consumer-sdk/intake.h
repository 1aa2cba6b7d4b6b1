/* intake.h: where puts come in: bounded memory, and the copy.
 *
 * One lock for all who put, held for the time of one copy, or of an allocation. The thread that works takes everything at once.
 *
 * P2. What is held, for records as they were put and as they are packed, never exceeds `most`. Puts leave a part of it free (`reserve`):
 *     so packing finds room while putting threads wait for some, and what is packed becomes free sooner.
 *
 * Most of it comes and goes in blocks of one size, chunks as well as packed records. A few free ones are kept, within `most` too, the
 * latest on top: what was just packed, and is in the cache, is where the next is put.
 *
 * Thread: any; but what takes or gives back memory for packed records, and intake_settle, is whoever turns the producer. */
#ifndef SLUICE_SDK_INTAKE_H
#define SLUICE_SDK_INTAKE_H

#include "base/lock.h"
#include "base/status.h"
#include "consumer-sdk/parcel.h"

/* A free block. */
struct intake_spare {
    struct intake_spare *next;
};

struct intake {
    struct lock mu;
    /* under mu */
    struct chunk *oldest, *newest;
    size_t held, waiting; /* bytes: of everything; of what was not taken yet */
    uint64_t order;       /* of the last put */
    uint64_t first_us;    /* when the oldest that was not taken was put */
    bool roomier;         /* since whoever waits was told last */
    struct intake_spare *spares;
    uint32_t spare_count;
    /* fixed at birth */
    size_t most, reserve;
    /* the turning thread's */
    size_t returned; /* free already, but not given back yet */
    struct intake_spare *returned_spares,
        *first_returned; /* the latest, and the end of that list */
    uint32_t returned_count;
};

void intake_init(struct intake *in, size_t most, size_t reserve);
/* Frees what was not taken. */
void intake_fini(struct intake *in);

/* Copies the record: its views lie in the intake afterwards. THROTTLED: no room now; TOO_LARGE: there never will be; NO_MEMORY.
 * Under mu. */
enum status intake_put(struct intake *in, const struct parcel *record) MUST_USE;
/* All that has been put, in its order: under mu, for a moment; then, without it, to the end of `out`. */
struct chunk *intake_detach(struct intake *in);
void intake_take(struct chunk *detached, struct list *out);

/* Memory for something that is packed, or NULL; it counts for *bytes, which may be more than was asked for. Takes mu. */
void *intake_take_memory(struct intake *in, size_t *bytes) MUST_USE;
/* Back again. It counts as free once intake_settle has seen it: a lock a turn, not one a record. */
void intake_return(struct intake *in, void *memory, size_t bytes);
/* Under mu. */
void intake_settle(struct intake *in);

/* A chunk for so many bytes of parcels that were taken apart again; counted when there is room, else NULL. Takes mu. */
struct chunk *intake_chunk(struct intake *in, size_t bytes) MUST_USE;
/* The next parcel of the chunk, with its own copy of what the record views. There must be room: parcel_room each. */
struct parcel *chunk_add(struct chunk *c, const struct parcel *record);
size_t parcel_room(const struct parcel *record);

#endif
