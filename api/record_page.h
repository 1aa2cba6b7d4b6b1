/* record_page.h: the records that one answer or event holds: walked out of the spans that a log gave, within bounds.
 *
 * P1. Nothing older than the stream's retention gets in, whether its bytes are still there or not.
 * P2. `next` says exactly where what got in ends: none is skipped, none comes twice.
 * P3. Encrypted records are decrypted into the arena, here on the network's thread. When their key is away, what stands before them gets in first.
 * Thread: the owner's. */
#ifndef SLUICE_API_RECORD_PAGE_H
#define SLUICE_API_RECORD_PAGE_H

#include "api/service.h"
#include "base/arena.h"
#include "wire/model/kinesis.h"

struct record_page {
    /* set before */
    const struct service *service;
    const struct stream_view *view;
    const struct shard *shard;
    struct arena *arena;
    uint64_t horizon_ms;  /* older records are past retention */
    uint32_t records_max; /* at least 1 */
    size_t bytes_max;     /* of data and keys; the first record gets in whatever its size */
    uint64_t next;        /* offset: where the page begins, and then where it ends */
    /* gathered */
    struct kinesis_record *records; /* views of the spans, or of the arena */
    uint32_t count, room;
    size_t bytes;
    uint64_t last_ms; /* time of the last record in it */
};

/* Adds what the read gave. The records are views of its spans: release them after the page is encoded. CORRUPT; KEY_* and
 * NO_MEMORY when not even one record got in. */
enum status record_page_fill(struct record_page *p, const struct log_read *read,
                             struct fault *f) MUST_USE;
/* The shards that came of `shard`, as far as the arena lasts. */
struct kinesis_child_shard_list children_describe(const struct stream_view *v,
                                                  const struct shard *shard, struct arena *a);

#endif
