/* lane_send.c: stored plans go to their destination, a few at a time: so many of a lane, so many of a thread, those of a lane in the order in which they
 * were stored, the lanes in turn. What only waits for its next attempt takes no place of its thread; and a lane always may have one under way, whatever the
 * others' destinations do with theirs (F6).
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
    t->sending -= !p->waits;
    p->waits = false;
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

static struct plan_place *place_of(struct plan *p)
{
    return p->facts.failure.is ? &p->facts.failure.place : &p->facts.place;
}

/* An update that corrects a bucket helps what is being tried again: it goes, under its name, to the bucket that is configured by now. */
static void follow_bucket(struct plan *p)
{
    const struct pump_rules *newest = p->output->lane->pump->rules;
    enum output_channel c = p->facts.failure.is ? OUTPUT_ERROR : p->facts.channel;
    const struct output_rules *rules = &newest->of[c];
    struct plan_place *place = place_of(p);
    struct arena *a = &p->facts.arena;
    if (!p->parcel.bucket || newest->view->kind != p->rules->view->kind ||
        (c == OUTPUT_BACKUP && !newest->backs_up))
        return;
    if (bytes_equal(rules->bucket, bytes_text(place->bucket)) &&
        bytes_equal(rules->kms_key, bytes_text(place->kms_key ? place->kms_key : "")))
        return;
    struct bytes bucket = arena_copy(a, rules->bucket), key = arena_copy(a, rules->kms_key);
    if (!bytes_present(bucket) || !bytes_present(key))
        return; /* the next attempt, perhaps */
    place->bucket = p->parcel.bucket = (const char *)bucket.at;
    place->kms_key = p->parcel.kms_key = key.len ? (const char *)key.at : NULL;
}

static void on_waits(struct parcel *parcel, bool waits)
{
    struct plan *p = LIST_OWNER(parcel, struct plan, parcel);
    struct engine_thread *t = p->output->lane->pump->t;
    p->waits = waits;
    if (waits) {
        t->sending--;
        if (!list_empty(&t->senders))
            engine_look_soon(t); /* not from within send */
    } else {
        t->sending++;
        follow_bucket(p);
    }
}

static bool send(struct plan *p)
{
    struct lane *l = p->output->lane;
    const struct plan_facts *facts = &p->facts;
    bool to_s3 = facts->to_s3 || facts->failure.is;
    const struct plan_place *place = place_of(p);
    struct destination *d =
        pump_destination(l->pump, to_s3 ? DELIVERY_TO_S3 : p->rules->view->kind);
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
        .waits = on_waits,
    };
    p->state = PLAN_SENDING;
    l->sending++;
    l->pump->t->sending++;
    d->ops->send(d, &p->parcel);
    return true;
}

static bool may_send(const struct lane *l)
{
    return !l->ending &&
           l->sending < (l->pump->t->sending < THREAD_SENDS_MAX ? LANE_SENDS_MAX : 1u);
}

void thread_send(struct engine_thread *t)
{
    bool any = true;
    while (any) { /* one of each lane a turn */
        any = false;
        LIST_EACH(node, keep, &t->senders)
        {
            struct lane *l = LIST_OWNER(node, struct lane, sender);
            struct plan *p = LIST_OWNER(list_first(&l->ready), struct plan, ready);
            if (!may_send(l) || !send(p))
                continue;
            any = true;
            list_remove(&p->ready);
            list_remove(&l->sender);
            if (!list_empty(&l->ready))
                list_append(&t->senders, &l->sender);
        }
    }
}

/* One that was refused in a former life holds the records again as they were; now they become error records. */
void plan_send_ready(struct plan *p)
{
    struct fault f = {0};
    struct lane *l = p->output->lane;
    struct engine_thread *t = l->pump->t;
    if (p->facts.failure.is && !p->as_errors && refused_cargo(p, &f) != OK) {
        lane_fail(l, &f);
        return;
    }
    p->again = p->again || p->state == PLAN_REFILLING;
    p->state = PLAN_READY;
    if (list_empty(&l->ready))
        list_append(&t->senders, &l->sender);
    list_append(&l->ready, &p->ready);
    thread_send(t);
}
