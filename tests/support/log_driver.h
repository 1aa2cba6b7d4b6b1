/* log_driver.h: drives a log engine as a test wants it: appends and reads that wait for their end,
 * records as short texts. */
#ifndef SLUICE_TESTS_SUPPORT_LOG_DRIVER_H
#define SLUICE_TESTS_SUPPORT_LOG_DRIVER_H

#include "shards/log.h"

/* Appends one batch of one record whose data is `text`, and waits. */
enum status driver_append(struct log_engine *e, struct log *l, const char *text, uint64_t *offset);
enum status driver_append_bytes(struct log_engine *e, struct log *l, struct bytes data,
                                uint64_t *offset);
enum status driver_seal(struct log_engine *e, struct log *l);
/* `count` records "prefix-0", "prefix-1", ... in as many appends, all in flight at once; returns
 * how many were acknowledged. */
unsigned driver_append_many(struct log_engine *e, struct log *l, const char *prefix, unsigned count,
                            size_t pad);
/* One batch with a stamp: a record "producer-epoch-number" for each number. */
enum { DRIVER_NUMBERS_MAX = 500 };
struct driver_put {
    struct log *log;
    const char *producer; /* up to 15 letters */
    uint64_t epoch, first;
    uint32_t count;
    const uint64_t *numbers; /* NULL: first, first + 1, ... */
    /* what came of it: */
    enum status status;
    uint64_t offset, time_ms, newest_epoch;
    struct log_number answers[DRIVER_NUMBERS_MAX];
};
/* All in flight at once; waits. */
void driver_put_all(struct log_engine *e, struct driver_put *puts, unsigned count);
/* Reads from `from` on and waits; calls `each` with every data record in order. Returns the read's
 * status. */
enum status driver_read(struct log *l, uint64_t from, uint64_t *next,
                        void (*each)(void *, uint64_t offset, const char *text), void *arg,
                        struct fault *f);
/* `count` reads in flight at once, each from the next multiple of `step` on; how many of them were answered with records. */
unsigned driver_read_many(struct log *l, unsigned count, uint64_t step);
/* Everything there is, joined by commas: mem_free it. */
char *driver_all(struct log *l);
/* The bytes of all batches as they are stored: mem_free them. */
uint8_t *driver_raw(struct log *l, size_t *len);
enum status driver_find_time(struct log *l, uint64_t time_ms, uint64_t *offset);
struct log *driver_open(struct log_engine *e, uint64_t stream, uint32_t shard);

#endif
