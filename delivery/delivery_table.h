/* delivery_table.h: all delivery streams: by name within a scope (an account and a region), and by number. As shards/stream_table.h is for
 * streams. Thread: any may look; only delivery-control changes it. */
#ifndef SLUICE_DELIVERY_DELIVERY_TABLE_H
#define SLUICE_DELIVERY_DELIVERY_TABLE_H

#include "delivery/delivery.h"

struct delivery_table;
struct delivery_table *delivery_table_new(void);
void delivery_table_free(struct delivery_table *t);
/* Takes a reference of its own. */
void delivery_table_add(struct delivery_table *t, struct delivery *d);
void delivery_table_remove(struct delivery_table *t, struct delivery *d);
/* Referenced, or NULL. */
struct delivery *delivery_table_find(struct delivery_table *t, const struct scope *scope,
                                     struct bytes name);
struct delivery *delivery_table_find_number(struct delivery_table *t, uint64_t number);
/* The scope's delivery streams whose names come after `after` (absent: from the first), in order of name, at most `most`; each
 * referenced. */
size_t delivery_table_list(struct delivery_table *t, const struct scope *scope, struct bytes after,
                           struct delivery **out, size_t most);
/* Likewise over all scopes, in an order of their own, a page at a time: after `after` (NULL: from the first), which need not be there
 * any more. */
size_t delivery_table_walk(struct delivery_table *t, const struct delivery_view *after,
                           struct delivery **out, size_t most);
/* How many; of one scope, or of all (NULL). */
size_t delivery_table_count(struct delivery_table *t, const struct scope *scope);

#endif
