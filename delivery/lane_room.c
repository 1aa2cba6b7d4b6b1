/* lane_room.c: whether a lane may read on: how much it holds, and of how many outputs it knows.
 *
 * Memory (F5): over the budget a lane waits until something of it was delivered, and closes its fullest output when nothing is on its way. Outputs: one that delivered something ahead of the
 * cursor is known, and its mark stored, until the cursor has passed that. An output that fills slowly holds the cursor; so when there are many, those that began in the older half of
 * what is not delivered close, and the lane waits until the cursor has moved. Either way, when all that is left are objects of a former life that lack their end, that is read
 * whatever the rest says: nothing of it could ever go without.
 *
 * Thread: the lane's. */
#include "delivery/pump_internal.h"

enum { OUTPUTS_MAX = 4 * OUTPUT_PARTITIONS_MAX };

/* Something of it is on its way, and will make room. */
static bool will_make_room(const struct lane *l)
{
    LIST_EACH(node, keep, &l->output_list)
    {
        const struct output *o = LIST_OWNER(node, struct output, node);
        LIST_EACH(plan_node, plan_keep, &o->plans)
        {
            if (LIST_OWNER(plan_node, struct plan, node)->state != PLAN_REFILLING)
                return true;
        }
    }
    return false;
}

static enum status close_fullest(struct lane *l, struct fault *f)
{
    struct output *fullest = NULL;
    LIST_EACH(node, keep, &l->output_list)
    {
        struct output *o = LIST_OWNER(node, struct output, node);
        if (o->is_filling && (!fullest || o->memory > fullest->memory))
            fullest = o;
    }
    return fullest ? output_close(fullest, f) : OK;
}

static enum status close_older(struct lane *l, struct fault *f)
{
    uint64_t cursor = lane_cursor(l), middle = cursor + (l->handed - cursor) / 2;
    enum status st = OK;
    LIST_EACH(node, keep, &l->output_list)
    {
        struct output *o = LIST_OWNER(node, struct output, node);
        if (st == OK && o->is_filling && o->filling.first.offset <= middle)
            st = output_close(o, f);
    }
    return st;
}

enum status lane_make_room(struct lane *l, const struct output *o, struct fault *f)
{
    enum status st = OK;
    while (st == OK && o->channel == OUTPUT_MAIN && !o->is_filling &&
           l->partitions >= OUTPUT_PARTITIONS_MAX)
        st = close_fullest(l, f);
    return st;
}

bool lane_has_room(struct lane *l)
{
    struct fault f = {0};
    enum status st = OK;
    bool many = l->output_count > OUTPUTS_MAX;
    l->hungry = many || !engine_may_read(l);
    if (!l->hungry)
        return true;
    bool waits = will_make_room(l);
    if (!waits && l->under_way > 0)
        return true;
    if (many)
        st = close_older(l, &f);
    else if (!waits)
        st = close_fullest(l, &f);
    if (st != OK)
        lane_fail(l, &f);
    l->dirty = l->dirty || many; /* also a cursor alone is worth it */
    lane_save(l);
    engine_look_soon(l->pump->t);
    return false;
}
