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

/* An idle one costs its names, twice, and its mark. */
static void output_charge(struct output *o)
{
    engine_charge(o->lane, &o->memory,
                  sizeof(*o) + 3 * (strlen(o->name) + o->partition.len) +
                      (o->is_filling ? cargo_memory(&o->filling) : 0));
}

/* Takes the name over. */
static struct output *output_new(struct lane *l, enum output_channel channel,
                                 struct bytes partition, struct buf *name)
{
    struct output *o = MEM_NEW(struct output);
    o->lane = l;
    o->channel = channel;
    size_t len;
    o->name = (char *)buf_take(name, &len);
    uint8_t *copy = mem_must(partition.len + 1);
    if (partition.len)
        memcpy(copy, partition.at, partition.len);
    o->partition = bytes_of(copy, partition.len);
    o->age.fire = on_age;
    list_init(&o->plans);
    table_set(&l->outputs, bytes_text(o->name), o);
    list_append(&l->output_list, &o->node);
    l->output_count++;
    output_charge(o);
    return o;
}

struct output *output_of(struct lane *l, enum output_channel channel, struct bytes partition,
                         struct fault *f)
{
    struct output *o = l->latest;
    if (o && o->channel == channel && bytes_equal(o->partition, partition))
        return o;
    struct buf name;
    buf_init(&name, SIZE_MAX / 2);
    output_name(channel, partition, &name);
    buf_append_byte(&name, 0);
    if (name.status == OK) {
        o = table_find(&l->outputs, bytes_of(name.at, name.len - 1));
        l->latest = o ? o : output_new(l, channel, partition, &name);
    } else {
        l->latest = NULL;
        fault_set(f, NO_MEMORY, "no memory for an output of %s", l->rules->view->name);
    }
    buf_fini(&name);
    return l->latest;
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
    l->output_count--;
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

/* Not in its output's row yet. */
static struct plan *plan_new(struct output *o)
{
    struct plan *p = MEM_NEW(struct plan);
    p->output = o;
    p->rules = pump_rules_ref(o->lane->rules);
    list_init(&p->node);
    list_init(&p->ready);
    o->lane->under_way++;
    return p;
}

/* ---- closing ---- */

static enum status no_memory(const struct lane *l, struct fault *f)
{
    return fault_set(f, NO_MEMORY, "no memory for an object of %s", l->rules->view->name);
}

bool plan_keep(struct plan *p, struct bytes text, const char **out)
{
    struct bytes copy = arena_copy(&p->facts.arena, text);
    *out = (const char *)copy.at;
    return bytes_present(copy);
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
        .zone = v->zone,
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
    if (st == OK && !plan_keep(p, buf_view(&text), name))
        st = no_memory(p->output->lane, f);
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
        return plan_keep(p, bytes_text(uuid), &p->facts.place.name) ? OK : no_memory(o->lane, f);
    }
    key.is_error = o->channel == OUTPUT_ERROR;
    key.error_type = o->channel == OUTPUT_ERROR ? o->partition : BYTES_NONE;
    key.partition = o->channel == OUTPUT_MAIN ? o->partition : BYTES_NONE;
    return plan_key_text(p, &key, &p->facts.place.name, f);
}

/* What is stored of it. */
static enum status describe(struct plan *p, const struct cargo *cargo, struct fault *f)
{
    const struct output *o = p->output;
    const struct pump_rules *all = p->rules;
    const struct output_rules *rules = &all->of[o->channel];
    struct plan_facts *facts = &p->facts;
    facts->first = cargo->first;
    facts->last = cargo->last;
    facts->channel = o->channel;
    facts->partition = arena_copy(&facts->arena, o->partition);
    facts->to_s3 = rules->to_s3;
    facts->first_ms = cargo->first_ms;
    facts->place.compression = rules->compression;
    if (!bytes_present(facts->partition) ||
        !plan_keep(p, bytes_text(all->view->name), &facts->entry) ||
        (rules->to_s3 && !plan_keep(p, rules->bucket, &facts->place.bucket)) ||
        (rules->kms_key.len && !plan_keep(p, rules->kms_key, &facts->place.kms_key)))
        return no_memory(o->lane, f);
    return name_it(p, rules, f);
}

enum status output_close(struct output *o, struct fault *f)
{
    if (!o->is_filling || o->filling.closed) /* closed: and then it failed */
        return OK;
    struct lane *l = o->lane;
    loop_timer_cancel(l->pump->t->loop, &o->age);
    enum status st = cargo_close(&o->filling);
    if (st != OK)
        return no_memory(l, f);
    struct plan *p = plan_new(o);
    p->state = PLAN_NEW;
    arena_init(&p->facts.arena, SIZE_MAX / 2);
    st = describe(p, &o->filling, f);
    if (st != OK) {
        plan_free(p);
        return st;
    }
    p->cargo = o->filling;
    o->is_filling = false;
    l->partitions -= o->channel == OUTPUT_MAIN;
    output_charge(o);
    list_append(&o->plans, &p->node);
    plan_charge(p);
    return OK;
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

enum status lane_close_due(struct lane *l, struct fault *f)
{
    bool flushing = l->flush_to > 0 && l->handed >= l->flush_to;
    if (flushing)
        l->flush_to = 0;
    return lane_close_outputs(l, flushing || lane_drains(l) ? UINT64_MAX : 0, f);
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
        o->filling.columnar = rules->columnar;
        o->is_filling = true;
        l->partitions += o->channel == OUTPUT_MAIN;
        if (rules->interval_ms > 0)
            loop_timer_set(l->pump->t->loop, &o->age, rules->interval_ms);
    }
    if (cargo_add(&o->filling, at, time_ms, data) != OK)
        return no_memory(l, f);
    output_charge(o);
    bool full = o->filling.bytes >= rules->bytes_max || o->filling.count >= rules->records_max;
    return full ? output_close(o, f) : OK;
}

/* ---- plans of a former life ---- */

static void give_up(struct plan *p)
{
    p->given_up = true;
    p->state = PLAN_SENT;
    p->output->lane->dirty = true;
}

void output_restore_plan(struct output *o, struct plan_facts *facts)
{
    struct plan *p = plan_new(o);
    list_append(&o->plans, &p->node);
    p->facts = *facts;
    p->state = PLAN_REFILLING;
    if (!facts->to_s3 && o->lane->rules->of[facts->channel].to_s3)
        give_up(p); /* nobody is there to take it */
    cargo_init(&p->cargo, p->facts.place.compression, !p->facts.to_s3,
               bytes_text(p->facts.entry ? p->facts.entry : ""));
    p->cargo.columnar = p->rules->of[o->channel].columnar;
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
    if (cargo_close(&p->cargo) != OK)
        return no_memory(l, f);
    plan_charge(p);
    plan_send_ready(p);
    return OK;
}

/* What came of it before the rest was gone is an object of its own, under its own name: that of the whole one, which may be there already, is not for it. */
static enum status keep_what_came(struct plan *p, struct fault *f)
{
    struct output *o = p->output;
    p->facts.last = p->cargo.last;
    p->facts.failure = (struct plan_failure){.is = false};
    if (cargo_close(&p->cargo) != OK)
        return no_memory(o->lane, f);
    enum status st = name_it(p, &p->rules->of[o->channel], f);
    if (st != OK)
        return st;
    plan_charge(p);
    p->state = PLAN_NEW;
    o->lane->dirty = true;
    return OK;
}

/* All that lies below `begin` and did not come is gone. An object that lacks its beginning is given up, and those behind it too, since an output's plans are in order:
 * what is left of all of them gathers anew. */
enum status output_lost_below(struct output *o, uint64_t begin, struct fault *f)
{
    enum status st = OK;
    bool lost = false;
    LIST_EACH(node, keep, &o->plans)
    {
        struct plan *p = LIST_OWNER(node, struct plan, node);
        bool hurt = p->facts.first.offset < begin, more = p->facts.last.offset >= begin;
        if (p->state != PLAN_REFILLING || st != OK)
            continue;
        lost = lost || (hurt && more);
        if (p->cargo.count > 0)
            st = keep_what_came(p, f);
        else if (lost)
            give_up(p);
    }
    return st;
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
    return st == OK ? OK : no_memory(o->lane, f);
}
