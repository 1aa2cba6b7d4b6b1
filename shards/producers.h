/* producers.h: what an engine knows of those who put with a stamp: for each log and producer a window of numbers (producer_window.h).
 *
 *   append --admit--> pending --synced: stored--> in the window --> a row of the index, with the next segment that is sealed (store_producers.c)
 *                        +------failed: cancel--> forgotten; what turns out to be durable all the same comes back by replay
 *
 * P1. Of two appends that bring the same number, the second is not admitted, from the moment that the first was.
 * P2. What is admitted changes no window before it is stored.
 * P3. Replaying what a window knows already does nothing; segments may be replayed in any order.
 * P4. A log knows at most PRODUCERS_MAX producers, all logs together at most bytes_max: who was not seen for longest is forgotten first. Who has something pending is
 * not forgotten.
 *
 * Everything is under the caller's lock. */
#ifndef SLUICE_SHARDS_PRODUCERS_H
#define SLUICE_SHARDS_PRODUCERS_H

#include "base/table.h"
#include "shards/producer_window.h"
#include "shards/record.h"

enum { PRODUCER_KEY_BYTES = 12 + PRODUCER_ID_BYTES }; /* stream, shard: big-endian; id */

/* Of one log. Windows' blocks stand in the index under their places. */
struct producer {
    uint8_t key[PRODUCER_KEY_BYTES];
    struct producer_log *log;
    struct producer_window window;
    uint64_t through;             /* of its log: behind all that is in the window */
    struct producer_window *late; /* replayed, and from before that; NULL: nothing */
    uint64_t used_ms;             /* when it was last seen */
    size_t counted;               /* bytes, in producers.bytes */
    struct list by_use, by_use_in_log;
    struct list pending; /* log_stamp.pending, in log order */
    uint64_t pending_epoch, pending_lowest,
        pending_highest; /* of that epoch; while there are any */
    /* the index's */
    struct list changed, writing, replayed /* has something late */;
    uint64_t rows_begin, rows_end; /* rows may be there of these places */
    uint64_t rows_kept;            /* those below this one are there, and final */
    uint64_t writing_begin,
        writing_kept; /* what becomes of them when the write under way succeeds */
};

/* Rows that are to be deleted: of who was forgotten. */
struct producer_gone {
    struct list node;
    uint8_t key[PRODUCER_KEY_BYTES];
    uint64_t rows_begin, rows_end;
};

struct producers {
    struct table by_key, logs;
    struct list by_use; /* the longest unseen first */
    size_t bytes, bytes_max;
    struct list changed, writing; /* differ from the index; are being written to it */
    struct list gone, going;      /* struct producer_gone: likewise */
    struct list replayed;
};

void producers_init(struct producers *p, size_t bytes_max);
void producers_fini(struct producers *p);

/* OK: pending, to be ended by stored or cancel. REPEATED, FENCED: not admitted (L9). The append is a stamped one. */
enum status producers_admit(struct producers *p, struct log_append *a, uint64_t now_ms) MUST_USE;
/* Fills the answers of one that was REPEATED, by what is stored and what is pending: those must have been synced, with their offsets set. */
void producers_answer(struct producers *p, struct log_append *a);
void producers_stored(struct producers *p, struct log_append *a);
void producers_cancel(struct producers *p, struct log_append *a);
/* A stamped batch that was read back; of one segment in the order of the log, then producers_replayed. CORRUPT when the stamp cannot be read: then nothing is
 * changed. */
enum status producers_replay(struct producers *p, struct log_place place,
                             const struct batch_header *h, struct bytes stamp,
                             struct fault *f) MUST_USE;
void producers_replayed(struct producers *p);
/* What the parents know is the children's now. */
void producers_move(struct producers *p, const struct log_place *parents, size_t parent_count,
                    const struct log_place *children, size_t child_count);
/* The log ends there: what windows say beyond was lost with the machine (relaxed durability). */
void producers_cut(struct producers *p, struct log_place place, uint64_t end);
/* Forgets all of one log, but for those with something pending. */
void producers_forget_log(struct producers *p, struct log_place place);
/* The logs that know any: at most `room` of them; returns how many. */
size_t producers_logs(const struct producers *p, struct log_place *out, size_t room);
/* The producer, made if it is not known; for loading. */
struct producer *producers_find_or_make(struct producers *p, const uint8_t key[PRODUCER_KEY_BYTES]);
/* After loading: order by when they were seen, bytes, bounds. */
void producers_loaded(struct producers *p);

#endif
