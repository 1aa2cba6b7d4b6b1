/* catalog_store.h: the catalog's rows on disk: one LevelDB of small JSON objects. A change is one synced batch.
 *
 *   meta/format                      {"format": 2}: of the whole data folder; 1 is read, too
 *   meta/next-stream                 {"number": 7}
 *   meta/iterator-key                {"hex": "..."}
 *   stream/<number, 20 digits>       a stream's settings; without "account" and "region": the default ones; "policy": its text;
 *                                    "encryption": catalog_encryption_row.c
 *   shard/<number>/<index, 10>       a shard
 *   consumer/<number>/<name>         a registered consumer
 *   account/<account>/<region>       {"started_ms": ..., "ends_ms": ...}: its billing commitment
 *   key/<access key id>              {"secret": "...", "created_ms": ..., "account": "..." (none: the default)}
 *
 * Thread: one at a time (the catalog's, or a command line's with no server running). Blocks on the disk. */
#ifndef SLUICE_SHARDS_CATALOG_STORE_H
#define SLUICE_SHARDS_CATALOG_STORE_H

#include "shards/commitment.h"
#include "shards/stream_view.h"

struct catalog_store;
/* Makes it if there is none. IN_USE when another process has it open; CORRUPT or UNSUPPORTED when
 * it is not ours to read. */
enum status catalog_store_open(const char *folder, struct catalog_store **out,
                               struct fault *f) MUST_USE;
void catalog_store_close(struct catalog_store *s);

/* A change being put together; commit frees it, whatever the outcome. */
struct catalog_batch;
struct catalog_batch *catalog_batch_new(void);
void catalog_batch_free(struct catalog_batch *b);
void catalog_batch_put_stream(struct catalog_batch *b, const struct stream_settings *s);
void catalog_batch_remove_stream(struct catalog_batch *b, uint64_t number);
void catalog_batch_put_shard(struct catalog_batch *b, uint64_t stream, const struct shard *s);
void catalog_batch_remove_shard(struct catalog_batch *b, uint64_t stream, uint32_t index);
void catalog_batch_put_consumer(struct catalog_batch *b, uint64_t stream,
                                const struct consumer *consumer);
void catalog_batch_remove_consumer(struct catalog_batch *b, uint64_t stream,
                                   const struct consumer *consumer);
void catalog_batch_put_next_stream(struct catalog_batch *b, uint64_t number);
void catalog_batch_put_iterator_key(struct catalog_batch *b, const uint8_t *key, size_t len);
void catalog_batch_put_key(struct catalog_batch *b, struct bytes access_key, struct bytes secret,
                           struct bytes account, /* absent: the default one */
                           uint64_t created_ms);
void catalog_batch_remove_key(struct catalog_batch *b, struct bytes access_key);
void catalog_batch_put_account(struct catalog_batch *b, const struct scope *scope,
                               const struct commitment *commitment);
enum status catalog_store_commit(struct catalog_store *s, struct catalog_batch *b,
                                 struct fault *f) MUST_USE;

/* What is there, row by row, streams before their shards and consumers. A callback's failure ends the walk. Pointers
 * last for the call. */
struct catalog_reader {
    enum status (*stream)(struct catalog_reader *, const struct stream_settings *, struct fault *);
    enum status (*shard)(struct catalog_reader *, uint64_t stream, const struct shard *,
                         struct fault *); /* log is NULL */
    enum status (*key)(struct catalog_reader *, const char *access_key, const char *secret,
                       const char *account /* "": the default one */, uint64_t created_ms,
                       struct fault *);
    enum status (*next_stream)(struct catalog_reader *, uint64_t number, struct fault *);
    enum status (*iterator_key)(struct catalog_reader *, const uint8_t *key, size_t len,
                                struct fault *);
    enum status (*account)(struct catalog_reader *, const struct scope *, const struct commitment *,
                           struct fault *);
    enum status (*consumer)(struct catalog_reader *, uint64_t stream, const struct consumer *,
                            struct bytes policy, /* its text; absent: none */
                            struct fault *);
};
/* A NULL callback skips its rows. CORRUPT names the row that cannot be read. */
enum status catalog_store_read(struct catalog_store *s, struct catalog_reader *r,
                               struct fault *f) MUST_USE;

#endif
