/* plan.h: what is stored of an object under way: which results, and under which name (F3).
 *
 *   plan/<number>/<shard>/<output>/<first offset>.<first sub>     one LevelDB row
 *   {"first": [offset, sub], "last": [offset, sub], "channel": "main", "partition": "...", "name": "...", "bucket": "...", "kms": "...",
 *    "compression": "GZIP", "s3": true, "first_ms": n, "entry": "...",
 *    "failed": {"name": "...", "bucket": "...", "kms": "...", "compression": "...", "code": "...", "text": "...", "attempts": n, "ended_ms": n,
 *               "only": [[record, code, text], ...]}}
 *
 * Texts that may hold any bytes are escaped as in URIs. `failed`: the destination refused it, and what it refused is under way to the error output, under that name.
 * Thread: any. */
#ifndef SLUICE_DELIVERY_PLAN_H
#define SLUICE_DELIVERY_PLAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "delivery/compress.h"
#include "delivery/delivery_store.h"
#include "delivery/destination.h"
#include "delivery/position.h"
#include "delivery/process.h"

/* Where an object goes. Texts are NUL-terminated. */
struct plan_place {
    const char *name, *bucket;
    const char *kms_key; /* NULL: none */
    enum compression compression;
};
struct plan_failure {
    bool is; /* it was refused */
    struct plan_place place;
    const char *code, *text;
    uint32_t attempts;
    uint64_t ended_ms;
    const struct parcel_refusal *only; /* NULL: all records */
    uint32_t only_count;
};
struct plan_facts {
    struct arena arena; /* of all below; its owner ends it */
    struct position first, last;
    enum output_channel channel;
    struct bytes partition;
    bool to_s3;
    struct plan_place place;
    uint64_t first_ms;
    const char *entry; /* a ZIP's entry: the delivery stream's name */
    struct plan_failure failure;
};

/* "main", "main:<partition, escaped>", "error:processing-failed", "backup". */
void output_name(enum output_channel channel, struct bytes partition, struct buf *out);

/* Back again; the partition is in the arena. */
enum status output_parse(struct bytes name, enum output_channel *channel, struct bytes *partition,
                         struct arena *a) MUST_USE;

/* Keys of rows. A shard's rows of one kind begin with plan_rows_prefix's. */
enum delivery_row { ROW_CURSOR, ROW_MARK, ROW_PLAN, ROW_RULES, ROW_KINDS };
void row_prefix(enum delivery_row kind, uint64_t number, struct buf *out); /* of all shards */
void row_key(enum delivery_row kind, uint64_t number, uint32_t shard, const char *output,
             struct position first, struct buf *out);
/* The shard and the output (a view, absent of a cursor and of rules) that a key names. False: it is no such key. */
bool row_key_parse(enum delivery_row kind, struct bytes key, uint32_t *shard, struct bytes *output);

/* Into a change: all rows of these kinds go, of one shard, or of all (NULL). */
void rows_remove(struct delivery_change *c, uint64_t number, const uint32_t *shard);

enum status plan_write(const struct plan_facts *p, struct buf *out) MUST_USE;
/* CORRUPT. On success the caller ends out->arena. */
enum status plan_read(struct bytes row, struct plan_facts *out, struct fault *f) MUST_USE;

/* {"next": offset, "sub": n, "stream": number}: of a cursor and of a mark. `stream` is the source's number: a stream made anew under a name begins anew. */
struct place_row {
    struct position next;
    uint64_t stream;
};
void place_write(const struct place_row *p, struct buf *out);
enum status place_read(struct bytes row, struct place_row *out, struct fault *f) MUST_USE;

#endif
