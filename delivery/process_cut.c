/* process_cut.c: parts, as they are gathered. */
#include "delivery/process_cut.h"

#include "base/mem.h"

enum status parts_add(struct process_parts *p, struct bytes part)
{
    if (p->count == p->room) {
        uint32_t room = p->room ? 2 * p->room : 64;
        struct bytes *at = mem_resize_try(p->at, room * sizeof(*at));
        if (!at)
            return NO_MEMORY;
        p->at = at;
        p->room = room;
    }
    p->at[p->count++] = part;
    return OK;
}
