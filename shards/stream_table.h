/* stream_table.h: all streams: by name within a scope (an account and a region), and by number.
 * Thread: any may look; only the catalog's changes it. */
#ifndef SLUICE_SHARDS_STREAM_TABLE_H
#define SLUICE_SHARDS_STREAM_TABLE_H

#include "shards/stream.h"

struct stream_table;
struct stream_table *stream_table_new(void);
/* No stream may be in use any more. */
void stream_table_free(struct stream_table *t);
/* Takes a reference of its own. */
void stream_table_add(struct stream_table *t, struct stream *s);
void stream_table_remove(struct stream_table *t, struct stream *s);
/* Referenced, or NULL. */
struct stream *stream_table_find(struct stream_table *t, const struct scope *scope,
                                 struct bytes name);
struct stream *stream_table_find_number(struct stream_table *t, uint64_t number);
/* Views of the scope's streams whose names come after `after` (absent: from the first), in order of
 * name, at most `most`; each referenced. *more says whether others follow. */
size_t stream_table_list(struct stream_table *t, const struct scope *scope, struct bytes after,
                         struct stream_view **out, size_t most, bool *more);
/* The same over all scopes, in an order of their own: after the stream with these settings (NULL:
 * from the first), which need not be there any more. */
size_t stream_table_walk(struct stream_table *t, const struct stream_settings *after,
                         struct stream_view **out, size_t most, bool *more);
/* Every stream's view once, of all scopes, a scope's streams one after the other, a few at a time: `each` runs without the lock
 * and may take its time, so streams made or deleted meanwhile may be among them or not. Ends early when it answers false. */
void stream_table_each(struct stream_table *t, bool (*each)(void *arg, struct stream_view *v),
                       void *arg);

struct stream_totals {
    uint64_t streams, on_demand_streams, open_shards;
    uint64_t claimed_shards; /* stream_view_claimed: what limits count */
};
/* Of one scope, or of all that are not hidden (NULL). */
void stream_table_totals(struct stream_table *t, const struct scope *scope,
                         struct stream_totals *out);

#endif
