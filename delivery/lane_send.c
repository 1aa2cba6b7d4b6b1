/* lane_send.c: stored plans go to their destination, a few at a time: so many of a lane, so many of a thread, in the order in which they were stored.
 *
 *   PLAN_READY --a place is free--> PLAN_SENDING --agreed--> PLAN_SENT
 *                                        |--refused--> its error records get a name: PLAN_NEW again, as `failed`, to the error output
 *
 * What was refused stays one plan: its row tells why, and the error object's name; so after a crash the same records make the same error object.
 *
 * Thread: the lane's. */
#include "delivery/pump_internal.h"

#include "base/mem.h"
#include "delivery/refused.h"

static void count_sent(const struct plan *p)
{
    const struct parcel *parcel = &p->parcel;
    struct delivery_counters *c = delivery_counters(p->output->lane->pump->delivery);
    if (p->facts.failure.is || p->facts.channel == OUTPUT_ERROR) {
        c->failed_records += p->facts.failure.only ? p->facts.failure.only_count : p->cargo.count;
    } else if (p->facts.channel == OUTPUT_BACKUP) {
        c->backup_bytes += parcel->body.len;
        c->backup_records += p->cargo.count;
        c->backup_objects++;
    } else if (parcel->outcome == PARCEL_SENT) {
        c->delivered_bytes += p->cargo.bytes;
        c->delivered_records += p->cargo.count;
        c->delivered_objects++;
    }
}

/* The destination will never take it: what is to be kept of it goes to the error output. */
static void redirect(struct plan *p)
{
    struct fault f = {0};
    struct lane *l = p->output->lane;
    enum status st = refused_plan(p, &f);
    if (st == OK)
        st = refused_cargo(p, &f);
    if (st != OK) {
        lane_fail(l, &f);
        return;
    }
    p->state = PLAN_NEW;
}

static void on_done(struct parcel *parcel)
{
    struct plan *p = LIST_OWNER(parcel, struct plan, parcel);
    struct lane *l = p->output->lane;
    struct engine_thread *t = l->pump->t;
    struct delivery_counters *c = delivery_counters(l->pump->delivery);
    t->sending--;
    l->sending--;
    c->delivery_attempts += parcel->attempts;
    if (parcel->outcome == PARCEL_STOPPED) {
        p->state = PLAN_READY;
    } else if (parcel->outcome == PARCEL_REFUSED) {
        redirect(p);
    } else {
        c->delivery_successes++;
        count_sent(p);
        p->state = PLAN_SENT;
        cargo_fini(&p->cargo);
        plan_charge(p);
    }
    if (!lane_settle(l)) {
        lane_save(l);
        lane_step(l);
    }
    thread_send(t);
}

static bool send(struct plan *p)
{
    struct lane *l = p->output->lane;
    const struct plan_facts *facts = &p->facts;
    bool to_s3 = facts->to_s3 || facts->failure.is;
    const struct plan_place *place = facts->failure.is ? &facts->failure.place : &facts->place;
    struct destination *d = pump_destination(l->pump, to_s3);
    if (!d)
        return false;
    p->parcel = (struct parcel){
        .view = p->rules->view,
        .name = place->name,
        .bucket = place->bucket,
        .kms_key = place->kms_key,
        .body = cargo_body(&p->cargo),
        .records = to_s3 ? NULL : p->cargo.records,
        .record_count = p->cargo.count,
        .first_ms = facts->first_ms,
        .again = p->again,
        .done = on_done,
    };
    p->state = PLAN_SENDING;
    l->sending++;
    l->pump->t->sending++;
    d->ops->send(d, &p->parcel);
    return true;
}

void thread_send(struct engine_thread *t)
{
    LIST_EACH(node, keep, &t->ready)
    {
        struct plan *p = LIST_OWNER(node, struct plan, ready);
        struct lane *l = p->output->lane;
        if (t->sending >= THREAD_SENDS_MAX)
            return;
        if (l->ending || l->sending >= LANE_SENDS_MAX)
            continue;
        if (send(p))
            list_remove(&p->ready);
    }
}

/* One that was refused in a former life holds the records again as they were; now they become error records. */
void plan_send_ready(struct plan *p)
{
    struct fault f = {0};
    if (p->facts.failure.is && !p->as_errors && refused_cargo(p, &f) != OK) {
        lane_fail(p->output->lane, &f);
        return;
    }
    p->again = p->again || p->state == PLAN_REFILLING;
    p->state = PLAN_READY;
    list_append(&p->output->lane->pump->t->ready, &p->ready);
    thread_send(p->output->lane->pump->t);
}
