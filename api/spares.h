/* spares.h: things kept for their next use, by their list node; what lay unused is given up. Thread: the loop's own. */
#ifndef SLUICE_API_SPARES_H
#define SLUICE_API_SPARES_H

#include "base/list.h"

struct spares {
    struct list list; /* the last given is the first taken: it is still in the caches */
    size_t count, most;
    size_t least; /* the lowest count since the last trim: so many were of no use */
};

void spares_init(struct spares *s, size_t most);
/* NULL when there is none. */
struct list *spares_take(struct spares *s);
/* False, and nothing kept, when there are enough. */
bool spares_give(struct spares *s, struct list *node);
/* One that nobody wanted since the last trim, for the caller to free; NULL: that was all, and the next count begins. Called until then,
 * every second or so. */
struct list *spares_trim(struct spares *s);

#endif
