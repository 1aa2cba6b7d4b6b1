/* process_kpl.c: records that the Kinesis Producer Library put together, taken apart again (wire/aggregate.h).
 *
 * Whatever is not exactly its format passes as it is: it may be somebody's own data that begins alike. A record that is not
 * aggregated costs a look at four bytes.
 *
 * Pure. Thread: the lane's. */
#include "delivery/process_internal.h"
#include "wire/aggregate.h"

enum status kpl_cut(const void *own, struct bytes data, struct process_parts *parts)
{
    (void)own;
    struct bytes message;
    enum status st = aggregate_open(data, &message);
    while (st == OK) {
        struct aggregate_entry e;
        st = aggregate_next(&message, &e);
        if (st == OK && parts->count == KPL_RECORDS_MAX)
            return TOO_LARGE;
        if (st == OK)
            st = parts_add(parts, e.data);
    }
    return st == END ? OK : st;
}

static enum status run(void *own, struct process_work *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (aggregate_is(w->items[i].data))
            return process_cut_all(w, kpl_cut, own);
    return OK;
}

const struct process_step_kind process_kpl = {.run = run};
