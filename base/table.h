/* table.h: a hash table from bytes to a pointer. Open addressing, SipHash-1-3 keyed by chance (keys
 * come from the network). Keys are borrowed: they live in the value. Not for threads. */
#ifndef SLUICE_BASE_TABLE_H
#define SLUICE_BASE_TABLE_H

#include "base/bytes.h"

struct table_slot {
    uint64_t hash;
    struct bytes key;
    void *value;
};
struct table {
    struct table_slot *slots;
    size_t room, count, dead;
    uint64_t seed[2];
};

void table_init(struct table *t);
void table_fini(struct table *t); /* does not touch the values */
void *table_find(const struct table *t, struct bytes key);
/* Adds, or replaces and returns what stood there (NULL if nothing). Dies when there is no memory:
 * callers bound their counts. */
void *table_set(struct table *t, struct bytes key, void *value);
void *table_remove(struct table *t, struct bytes key);
/* Walks in no order: start with *at = 0; false at the end. The table must not change meanwhile. */
bool table_next(const struct table *t, size_t *at, void **value);

#endif
