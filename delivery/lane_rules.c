/* lane_rules.c: under which version of its delivery stream's settings a lane works, and how it comes to the next one.
 *
 *   under one version --there is a newer one--> drains: closes and delivers what it has, reads nothing more --nothing is left--> under the newest
 *
 * What of a record was delivered, and what is planned, are places among the results that one version makes of it. Under another version the same places may be other results, in other
 * outputs: some would be skipped that were never delivered. So:
 *
 * R1. Whatever a lane read it processes, names and delivers under one version. It changes only when nothing of what it read is left.
 * R2. The version's settings are stored, whole, for each lane, in the same change as the first row that came of them. After a crash a lane begins under those, whatever the
 *     newest are, and reads again what lies below its marks and the ends of its plans before it drains.
 *
 * Thread: the lane's. */
#include "delivery/pump_internal.h"

bool lane_drains(const struct lane *l)
{
    return l->rules != l->pump->rules;
}

static bool output_owes(const struct output *o, uint64_t next)
{
    LIST_EACH(node, keep, &o->plans)
    {
        const struct plan *p = LIST_OWNER(node, struct plan, node);
        if (p->state == PLAN_REFILLING && p->facts.last.offset >= next)
            return true;
    }
    return o->mark.offset >= next && (o->mark.offset > 0 || o->mark.sub > 0);
}

bool lane_owes(const struct lane *l)
{
    LIST_EACH(node, keep, &l->output_list)
    {
        if (output_owes(LIST_OWNER(node, struct output, node), l->next))
            return true;
    }
    return false;
}

/* Everything that was read is delivered. */
static bool is_drained(const struct lane *l)
{
    return l->batch_count == 0 && !l->reading && !lane_owes(l) && l->under_way == 0 &&
           lane_cursor(l) == l->handed;
}

static void take_rules(struct lane *l, struct pump_rules *rules)
{
    pump_rules_unref(l->rules);
    l->rules = pump_rules_ref(rules);
    l->rules_stored = false;
}

static enum status open_chain(struct lane *l, struct fault *f)
{
    struct engine_thread *t = l->pump->t;
    const struct process_settings settings = {
        .view = l->rules->view,
        .delivery = l->pump->delivery,
        .loop = t->loop,
        .web = t->web,
        .clock = t->engine->settings.clock,
        .transforms = t->engine->settings.transforms,
        .conversion = l->rules->conversion,
        .no_conversion = l->rules->no_conversion,
        .seed = l->rules->view->number << 20 ^ l->shard->index,
    };
    return l->rules->plain ? OK : process_new(&settings, &l->chain, f);
}

static enum status drain(struct lane *l, struct fault *f)
{
    enum status st = lane_close_outputs(l, UINT64_MAX, f);
    if (st != OK || !is_drained(l))
        return st;
    process_free(l->chain);
    l->chain = NULL;
    take_rules(l, l->pump->rules);
    return open_chain(l, f);
}

void lane_adopt(struct lane *l)
{
    struct fault f = {0};
    if (!lane_drains(l))
        return;
    if (drain(l, &f) != OK)
        lane_fail(l, &f);
    else
        lane_save(l);
}

/* ---- at the start ---- */

/* Referenced. The lane before this one very likely works under the same version. */
static struct pump_rules *rules_of_row(struct lane *l, struct delivery_view *v)
{
    struct pump *p = l->pump;
    const struct lane *before =
        l->node.prev != &p->lanes ? LIST_OWNER(l->node.prev, struct lane, node) : NULL;
    struct pump_rules *same = p->rules->view->version == v->version                  ? p->rules
                              : before && before->rules->view->version == v->version ? before->rules
                                                                                     : NULL;
    return same ? pump_rules_ref(same)
                : pump_rules_new(delivery_view_ref(v), p->t->engine->settings.conversions);
}

void lane_rules_restore(struct lane *l, struct delivery_view *v)
{
    struct pump_rules *rules = rules_of_row(l, v);
    take_rules(l, rules);
    pump_rules_unref(rules);
    l->rules_stored = true;
}

enum status lane_rules_begin(struct lane *l, struct fault *f)
{
    if (lane_drains(l) && is_drained(l)) /* an old chain may be one that cannot be made any more */
        take_rules(l, l->pump->rules);
    return open_chain(l, f);
}
