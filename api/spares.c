/* spares.c: a stack of things for their next use.
 *
 * I1. least <= count <= most.
 *
 * Thread: the loop's own. */
#include "api/spares.h"

void spares_init(struct spares *s, size_t most)
{
    *s = (struct spares){.most = most};
    list_init(&s->list);
}

struct list *spares_take(struct spares *s)
{
    struct list *node = list_first(&s->list);
    if (node == NULL)
        return NULL;
    list_remove(node);
    s->count--;
    if (s->count < s->least)
        s->least = s->count; /* I1 */
    return node;
}

bool spares_give(struct spares *s, struct list *node)
{
    if (s->count >= s->most)
        return false;
    list_prepend(&s->list, node);
    s->count++;
    return true;
}

struct list *spares_trim(struct spares *s)
{
    if (s->least == 0) {
        s->least = s->count;
        return NULL;
    }
    struct list *node = s->list.prev; /* unused the longest */
    list_remove(node);
    s->count--;
    s->least--;
    return node;
}
