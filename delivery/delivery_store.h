/* delivery_store.h: the rows of delivery on disk: one LevelDB. A change is one synced batch.
 *
 *   meta/format                                   {"format": 1}
 *   meta/next                                     {"number": 7}
 *   delivery/<number, 20 digits>                  delivery_view_write's
 *   cursor/<number>/<shard, 10 digits>            {"next": offset, "sub": 0, "stream": number of the source}
 *   mark/<number>/<shard>/<output>                {"next": offset, "sub": n, "stream": number}     output: channel and partition, as output_name prints them
 *   plan/<number>/<shard>/<output>/<first>        what plan.c wrote; first: offset (20 digits) . sub (10)
 *   rules/<number>/<shard>                        delivery_view_write's: the settings that the shard's other rows came of (lane_rules.c)
 *
 * Many lanes write at once: their rows gather while a batch is being synced, and are the next one.
 * Thread: any; `done` on the store's own. */
#ifndef SLUICE_DELIVERY_DELIVERY_STORE_H
#define SLUICE_DELIVERY_DELIVERY_STORE_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/status.h"

struct delivery_store;
/* Makes it if there is none. IN_USE, CORRUPT, UNSUPPORTED, IO_FAILED. Blocks on the disk; starts the thread. */
enum status delivery_store_open(const char *folder, struct delivery_store **out,
                                struct fault *f) MUST_USE;
/* What was submitted is written first. */
void delivery_store_close(struct delivery_store *s);

/* Rows of one change, written together or not at all. Lives in its owner until `done`. */
struct delivery_change {
    void (*done)(struct delivery_change *); /* Thread: the store's. Must not block */
    enum status status; /* before done: OK means synced; IO_FAILED, NO_SPACE, CLOSING */
    struct fault fault;
    struct delivery_rows *rows; /* the store's own */
    struct list node;
};
void delivery_change_init(struct delivery_change *c, void (*done)(struct delivery_change *));
void delivery_change_put(struct delivery_change *c, struct bytes key,
                         struct bytes value); /* copies */
void delivery_change_remove(struct delivery_change *c, struct bytes key);
/* Removes every row whose key begins so, before the change's other rows are written. */
void delivery_change_remove_all(struct delivery_change *c, struct bytes prefix);
void delivery_store_submit(struct delivery_store *s, struct delivery_change *c);
/* Frees the rows; after done. */
void delivery_change_fini(struct delivery_change *c);
/* Submits and waits; nobody is told by `done`, which may be NULL. Thread: one that may block. */
enum status delivery_store_write(struct delivery_store *s, struct delivery_change *c,
                                 struct fault *f) MUST_USE;

/* Every row whose key begins with `prefix`, in order of key; what `each` answers other than OK ends it. Blocks on the disk. */
enum status delivery_store_each(struct delivery_store *s, struct bytes prefix,
                                enum status (*each)(void *arg, struct bytes key, struct bytes value,
                                                    struct fault *f),
                                void *arg, struct fault *f) MUST_USE;

#endif
