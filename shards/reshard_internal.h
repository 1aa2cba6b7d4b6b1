/* reshard_internal.h: what the parts of resharding share. All of it is the catalog thread's own. */
#ifndef SLUICE_SHARDS_RESHARD_INTERNAL_H
#define SLUICE_SHARDS_RESHARD_INTERNAL_H

#include "shards/catalog_internal.h"
#include "shards/control.h"

/* ACTIVE, and in the mode that may be resharded by who asks. */
enum status reshard_check_stream(struct catalog_command *command,
                                 const struct stream_view *v) MUST_USE;
/* The children of a split or a merge, PENDING, with no log yet; `next` is the first index free. */
void reshard_split_children(const struct shard *parent, u128 at, uint32_t next, uint64_t now_s,
                            struct shard children[CONTROL_CHILDREN_MAX]);
void reshard_merge_child(const struct shard *left, const struct shard *right, uint32_t next,
                         uint64_t now_s, struct shard *child);

/* Writes `settings` as UPDATING and the children as PENDING, publishes that, and sets the machine going. Takes over the stream and the
 * view. A status, or CATALOG_LATER. */
int reshard_begin(struct catalog *c, struct catalog_command *command, struct stream *stream,
                  struct stream_view *v, struct stream_settings settings,
                  const struct shard *children, uint32_t child_count);

/* reshard_count.c: the next step of a recount: how many children it has; 0: none is under way, or it has come to its end. `open` are the
 * open shards in the order of their keys. */
uint32_t recount_children(const struct stream_settings *settings, struct shard *const *open,
                          uint32_t count, uint64_t now_s,
                          struct shard children[CONTROL_CHILDREN_MAX]);

#endif
