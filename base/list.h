/* list.h: intrusive doubly linked lists. A node is a member of what it links; a list is a node that
 * links to itself. */
#ifndef SLUICE_BASE_LIST_H
#define SLUICE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* `next` is kept, so that the loop's body may remove `it`. */
#define LIST_EACH(it, keep, head)                                                                  \
    for (struct list *it = (head)->next, *keep = it->next; it != (head); it = keep, keep = it->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_insert_before(struct list *where, struct list *node)
{
    node->next = where;
    node->prev = where->prev;
    where->prev->next = node;
    where->prev = node;
}
static inline void list_append(struct list *l, struct list *node)
{
    list_insert_before(l, node);
}
static inline void list_prepend(struct list *l, struct list *node)
{
    list_insert_before(l->next, node);
}
/* The node then links to itself: removing twice does nothing. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
static inline struct list *list_first(const struct list *l)
{
    return l->next == l ? NULL : l->next;
}
/* Moves all of `from` to the end of `to`, in order. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
