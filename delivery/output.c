/* output.c: results of one channel and partition, gathered until they are many or old enough.
 *
 *   add -> filling --size, age, flush, memory--> close: a plan --> lane_save.c --> lane_send.c
 *
 * After a restart an output begins with the plans that were under way (`output_restore_plan`), in order. The lane reads from its cursor; each result goes, by its place, past
 * the mark (skipped), into the plan that it belongs to, or, behind the last of them, into a new filling. A plan is whole when a result behind it came, or
 * when the lane has handed over all that lies below its end.
 *
 * Thread: its lane's. */
#include "delivery/pump_internal.h"

#include "base/mem.h"
#include "base/trace.h"

static void on_age(struct loop_timer *timer)
{
    struct output *o = LIST_OWNER(timer, struct output, age);
    struct fault f = {0};
    if (output_close(o, &f) != OK)
        lane_fail(o->lane, &f);
    else
        lane_save(o->lane);
}

struct output *output_of(struct lane *l, enum output_channel channel, struct bytes partition)
{
    struct output *o = l->latest;
    if (o && o->channel == channel && bytes_equal(o->partition, partition))
        return o;
    struct buf name;
    buf_init(&name, SIZE_MAX / 2);
    output_name(channel, partition, &name);
    o = table_find(&l->outputs, buf_view(&name));
    if (!o) {
        o = MEM_NEW(struct output);
        o->lane = l;
        o->channel = channel;
        buf_append_byte(&name, 0);
        size_t len;
        o->name = (char *)buf_take(&name, &len);
        uint8_t *copy = mem_must(partition.len + 1);
        if (partition.len)
            memcpy(copy, partition.at, partition.len);
        o->partition = bytes_of(copy, partition.len);
        o->age.fire = on_age;
        list_init(&o->plans);
        table_set(&l->outputs, bytes_text(o->name), o);
        list_append(&l->output_list, &o->node);
    }
    buf_fini(&name);
    l->latest = o;
    return o;
}

void output_free(struct output *o)
{
    struct lane *l = o->lane;
    LIST_EACH(node, keep, &o->plans)
    plan_free(LIST_OWNER(node, struct plan, node));
    if (o->is_filling) {
        cargo_fini(&o->filling);
        l->partitions -= o->channel == OUTPUT_MAIN;
    }
    engine_charge(l, &o->memory, 0);
    loop_timer_cancel(l->pump->t->loop, &o->age);
    table_remove(&l->outputs, bytes_text(o->name));
    list_remove(&o->node);
    if (l->latest == o)
        l->latest = NULL;
    mem_free((void *)(uintptr_t)o->partition.at);
    mem_free(o->name);
    mem_free(o);
}

bool output_is_idle(const struct output *o)
{
    return !o->is_filling && list_empty(&o->plans) && !o->mark_stored;
}

void plan_free(struct plan *p)
{
    struct lane *l = p->output->lane;
    list_remove(&p->node);
    list_remove(&p->ready);
    engine_charge(l, &p->memory, 0);
    cargo_fini(&p->cargo);
    arena_fini(&p->facts.arena);
    pump_rules_unref(p->rules);
    l->under_way--;
    mem_free(p);
}

/* What is sent holds its own facts only, until its row is removed. */
void plan_charge(struct plan *p)
{
    engine_charge(p->output->lane, &p->memory,
                  sizeof(*p) + p->facts.arena.used + cargo_memory(&p->cargo));
}

static struct plan *plan_new(struct output *o)
{
    struct plan *p = MEM_NEW(struct plan);
    p->output = o;
    p->rules = pump_rules_ref(o->lane->rules);
    list_init(&p->ready);
    list_append(&o->plans, &p->node);
    o->lane->under_way++;
    return p;
}

/* ---- closing ---- */

static const char *text_of(struct arena *a, struct bytes text)
{
    return text.len ? (const char *)arena_copy(a, text).at : NULL;
}

/* F3: what a name is made of is a function of what the plan holds. */
void plan_key(const struct plan *p, const struct output_rules *rules, struct object_key *key)
{
    const struct lane *l = p->output->lane;
    const struct delivery_view *v = p->rules->view;
    const struct object_identity identity = {
        .delivery = v->number,
        .stream = l->stream,
        .shard = l->shard->index,
        .output = p->output->name,
        .first_offset = p->facts.first.offset,
        .first_sub = p->facts.first.sub,
        .last_offset = p->facts.last.offset,
        .last_sub = p->facts.last.sub,
    };
    *key = (struct object_key){
        .prefix = rules->prefix,
        .error_prefix = rules->error_prefix,
        .time_ms = p->facts.first_ms,
        .zone = p->rules->zone,
        .delivery_name = bytes_text(v->name),
        .version = v->version,
        .extension = rules->extension,
    };
    object_identity_digest(&identity, key->digest);
}

enum status plan_key_text(struct plan *p, const struct object_key *key, const char **name,
                          struct fault *f)
{
    struct buf text;
    buf_init(&text, 4 * OBJECT_KEY_BYTES_MAX);
    enum status st = object_key_print(key, &text, f);
    *name = text_of(&p->facts.arena, buf_view(&text));
    buf_fini(&text);
    return st;
}

/* Of a request it is its id. */
static enum status name_it(struct plan *p, const struct output_rules *rules, struct fault *f)
{
    const struct output *o = p->output;
    struct object_key key;
    plan_key(p, rules, &key);
    if (!rules->to_s3) {
        char uuid[UUID_BYTES];
        object_uuid(key.digest, uuid);
        p->facts.place.name = text_of(&p->facts.arena, bytes_text(uuid));
        return OK;
    }
    key.is_error = o->channel == OUTPUT_ERROR;
    key.error_type = o->channel == OUTPUT_ERROR ? o->partition : BYTES_NONE;
    key.partition = o->channel == OUTPUT_MAIN ? o->partition : BYTES_NONE;
    return plan_key_text(p, &key, &p->facts.place.name, f);
}

enum status output_close(struct output *o, struct fault *f)
{
    if (!o->is_filling)
        return OK;
    struct lane *l = o->lane;
    const struct output_rules *rules = &l->rules->of[o->channel];
    loop_timer_cancel(l->pump->t->loop, &o->age);
    enum status st = cargo_close(&o->filling);
    if (st != OK)
        return fault_set(f, st, "no memory for an object of %s", l->rules->view->name);
    struct plan *p = plan_new(o);
    p->state = PLAN_NEW;
    p->cargo = o->filling;
    o->is_filling = false;
    l->partitions -= o->channel == OUTPUT_MAIN;
    engine_charge(l, &o->memory, 0);
    arena_init(&p->facts.arena, SIZE_MAX / 2);
    p->facts.first = p->cargo.first;
    p->facts.last = p->cargo.last;
    p->facts.channel = o->channel;
    p->facts.partition = arena_copy(&p->facts.arena, o->partition);
    p->facts.to_s3 = rules->to_s3;
    p->facts.first_ms = p->cargo.first_ms;
    p->facts.entry = text_of(&p->facts.arena, bytes_text(l->rules->view->name));
    p->facts.place.bucket = text_of(&p->facts.arena, rules->bucket);
    p->facts.place.kms_key = text_of(&p->facts.arena, rules->kms_key);
    p->facts.place.compression = rules->compression;
    st = name_it(p, rules, f);
    plan_charge(p);
    return st;
}

enum status lane_close_outputs(struct lane *l, uint64_t interval_ms_max, struct fault *f)
{
    enum status st = OK;
    LIST_EACH(node, keep, &l->output_list)
    {
        struct output *o = LIST_OWNER(node, struct output, node);
        if (st == OK && o->is_filling && l->rules->of[o->channel].interval_ms <= interval_ms_max)
            st = output_close(o, f);
    }
    return st;
}

void lane_close_fullest(struct lane *l)
{
    struct output *fullest = NULL;
    LIST_EACH(node, keep, &l->output_list)
    {
        struct output *o = LIST_OWNER(node, struct output, node);
        if (o->is_filling && (!fullest || o->memory > fullest->memory))
            fullest = o;
    }
    struct fault f = {0};
    if (fullest && output_close(fullest, &f) != OK)
        lane_fail(l, &f);
}

/* ---- filling ---- */

static enum status fill(struct output *o, struct position at, uint64_t time_ms, struct bytes data,
                        struct fault *f)
{
    struct lane *l = o->lane;
    const struct output_rules *rules = &l->rules->of[o->channel];
    if (!o->is_filling) {
        cargo_init(&o->filling, rules->compression, !rules->to_s3,
                   bytes_text(l->rules->view->name));
        o->is_filling = true;
        l->partitions += o->channel == OUTPUT_MAIN;
        if (rules->interval_ms > 0)
            loop_timer_set(l->pump->t->loop, &o->age, rules->interval_ms);
    }
    enum status st = cargo_add(&o->filling, at, time_ms, data);
    if (st != OK)
        return fault_set(f, st, "no memory for an object of %s", l->rules->view->name);
    engine_charge(l, &o->memory, cargo_memory(&o->filling));
    bool full = o->filling.bytes >= rules->bytes_max || o->filling.count >= rules->records_max;
    return full ? output_close(o, f) : OK;
}

/* ---- plans of a former life ---- */

void output_restore_plan(struct output *o, struct plan_facts *facts)
{
    struct plan *p = plan_new(o);
    p->facts = *facts;
    p->state = PLAN_REFILLING;
    if (facts->to_s3 != o->lane->rules->of[facts->channel].to_s3) { /* nobody is there to take it */
        p->given_up = true;
        p->state = PLAN_SENT;
        o->lane->dirty = true;
    }
    cargo_init(&p->cargo, p->facts.place.compression, !p->facts.to_s3,
               bytes_text(p->facts.entry ? p->facts.entry : ""));
}

static struct plan *refilling(const struct output *o)
{
    LIST_EACH(node, keep, &o->plans)
    {
        struct plan *p = LIST_OWNER(node, struct plan, node);
        if (p->state == PLAN_REFILLING)
            return p;
    }
    return NULL;
}

/* Its results came all, or will not come any more. An empty one has nothing to be sent: retention took it. */
static enum status refilled(struct plan *p, struct fault *f)
{
    struct lane *l = p->output->lane;
    if (p->cargo.count == 0) {
        trace(TRACE_ERROR, "delivery", "%s: what %s was to hold is gone from the log",
              l->rules->view->name, p->facts.place.name);
        p->state = PLAN_SENT;
        l->dirty = true;
        return OK;
    }
    enum status st = cargo_close(&p->cargo);
    if (st != OK)
        return fault_set(f, st, "no memory for an object of %s", l->rules->view->name);
    plan_charge(p);
    plan_send_ready(p);
    return OK;
}

/* An object that lacks its beginning must not take the place of the whole one, which may be there already. It is given up, and those behind it too, since an output's
 * plans are in order: what is left of all of them gathers anew. */
void output_lost_below(struct output *o, uint64_t begin)
{
    bool lost = false;
    LIST_EACH(node, keep, &o->plans)
    {
        struct plan *p = LIST_OWNER(node, struct plan, node);
        if (p->state != PLAN_REFILLING || p->facts.last.offset < begin)
            continue;
        lost = lost || p->facts.first.offset < begin;
        if (!lost)
            continue;
        p->given_up = true;
        p->state = PLAN_SENT;
        o->lane->dirty = true;
    }
}

enum status output_refilled(struct output *o, uint64_t handed, struct fault *f)
{
    enum status st = OK;
    struct plan *p;
    while (st == OK && (p = refilling(o)) != NULL && p->facts.last.offset < handed)
        st = refilled(p, f);
    return st;
}

enum status output_add(struct output *o, struct position at, uint64_t time_ms, struct bytes data,
                       struct fault *f)
{
    if (position_before(at, o->mark))
        return OK;
    struct plan *p;
    enum status st = OK;
    while (st == OK && (p = refilling(o)) != NULL && position_before(p->facts.last, at))
        st = refilled(p, f);
    if (st != OK || !p)
        return st != OK ? st : fill(o, at, time_ms, data, f);
    st = cargo_add(&p->cargo, at, time_ms, data);
    plan_charge(p);
    return st == OK ? OK
                    : fault_set(f, st, "no memory for an object of %s", o->lane->rules->view->name);
}
