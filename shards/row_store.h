/* row_store.h: one LevelDB of small rows, each change synced: what the catalog's and delivery's are made of.
 *
 * In its owner's memory, who may also read by `db` and `checked`. Blocks on the disk. Thread: one at a time. */
#ifndef SLUICE_SHARDS_ROW_STORE_H
#define SLUICE_SHARDS_ROW_STORE_H

#include "base/status.h"

#include <leveldb/c.h>

struct row_store {
    leveldb_t *db;                  /* NULL: closed */
    leveldb_readoptions_t *checked; /* for readers */
    /* its own */
    char *folder;
    const char *what; /* "catalog": faults begin so */
    leveldb_options_t *options;
    leveldb_writeoptions_t *synced;
};

/* Makes the folder if there is none, and cuts off what a crash left torn: it was never answered. IN_USE when another process has it open; CORRUPT,
 * NO_SPACE, IO_FAILED. `what` must outlive it. End it in any case. */
enum status row_store_open(struct row_store *r, const char *what, const char *folder,
                           struct fault *f) MUST_USE;
void row_store_fini(struct row_store *r);
/* LevelDB latches a failed write: closed and opened again, it takes more. */
void row_store_close(struct row_store *r);
enum status row_store_reopen(struct row_store *r, struct fault *f) MUST_USE;
/* OK: all of the batch is durable; otherwise some of it may turn out to be. */
enum status row_store_write(struct row_store *r, leveldb_writebatch_t *batch,
                            struct fault *f) MUST_USE;
/* The row meta/format: written when there is none. UNSUPPORTED when it is another's than `format`. */
enum status row_store_check_format(struct row_store *r, int format, struct fault *f) MUST_USE;
/* What LevelDB said, as a status: NO_SPACE, CORRUPT, NO_MEMORY, IN_USE (open elsewhere), IO_FAILED; and as a fault, which frees it. */
enum status leveldb_status(const char *error);
enum status row_store_fault(const struct row_store *r, char *error, const char *what,
                            struct fault *f);

#endif
