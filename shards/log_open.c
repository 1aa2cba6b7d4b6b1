/* log_open.c: logs by place: found, made, counted, let go.
 *
 * A log lives as long as somebody uses it, appends of it are queued, or a segment that is not sealed yet holds some of it.
 * So when there is none in memory, all of it is in the index, and a few seeks there tell where it begins and ends.
 *
 * I1. There is never more than one log of a place.
 * I2. A log's end is where its last durable batch ended, also when retention has taken all of it (a floor row remembers).
 *
 * Thread: any; opening blocks on the disk, one log at a time. */
#include "shards/engine_internal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"

static void log_key(struct log_place place, uint8_t key[12])
{
    put_be64(key, place.stream);
    put_be32(key + 8, place.shard);
}

struct engine_log *log_find(struct engine *e, struct log_place place)
{
    uint8_t key[12];
    log_key(place, key);
    return (struct engine_log *)table_find(&e->logs, bytes_of(key, sizeof key));
}

/* What the index knows of a log. */
struct known {
    struct log_bounds bounds;
    struct log_damage damage;
    bool damaged;
};

static enum status look_up(struct engine *e, struct log_place place, struct known *k,
                           struct fault *f)
{
    struct range last;
    struct log_floor floor;
    *k = (struct known){0};
    enum status st = index_floor(e->index, place, &floor, f);
    if (st == OK)
        k->bounds =
            (struct log_bounds){floor.begin, floor.begin, floor.last_ms, floor.seals};
    else if (st != NOT_FOUND)
        return st;
    st = index_range_at(e->index, place, UINT64_MAX, &last, f);
    if (st == OK && last.last >= k->bounds.end) {
        k->bounds.end = last.last + 1;
        k->bounds.last_ms = last.last_ms;
        k->bounds.sealed = last.seals;
    } else if (st != OK && st != NOT_FOUND) {
        return st;
    }
    st = index_damage(e->index, place, &k->damage, f);
    k->damaged = st == OK;
    return st == NOT_FOUND ? OK : st;
}

static struct engine_log *log_new(struct engine *e, struct log_place place, uint32_t hours,
                                  const struct known *k)
{
    struct engine_log *l = MEM_NEW(struct engine_log);
    l->base = (struct log){.engine = &e->base, .place = place};
    log_key(place, l->key);
    list_init(&l->rows);
    list_init(&l->side);
    list_init(&l->commit_node);
    list_init(&l->group);
    list_init(&l->fresh);
    tail_log_init(&l->tail, &k->bounds);
    log_roll_back_locked(l);
    l->damage = k->damage;
    l->damaged = k->damaged;
    l->class_wanted = retention_class(hours);
    l->volume = volume_of_class(e, l->class_wanted);
    l->row_segment = UINT64_MAX;
    table_set(&e->logs, bytes_of(l->key, sizeof l->key), l);
    return l;
}

enum status engine_open_log(struct log_engine *base, struct log_place place, uint32_t hours,
                            struct log **out, struct fault *f)
{
    struct engine *e = engine_of(base);
    struct known known;
    enum status st = OK;
    lock_take(&e->mu);
    while (e->opening) /* I1, and nobody may append and let go between look and make */
        signal_wait(&e->progress, &e->mu);
    struct engine_log *l = log_find(e, place);
    if (!l) {
        e->opening = true;
        lock_drop(&e->mu);
        st = look_up(e, place, &known, f);
        lock_take(&e->mu);
        e->opening = false;
        signal_all(&e->progress);
        if (st == OK)
            l = log_new(e, place, hours, &known);
    }
    if (l) {
        l->users++;
        *out = &l->base;
    }
    lock_drop(&e->mu);
    return st;
}

void log_put(struct engine *e, struct engine_log *l)
{
    if (l->users || l->queued || l->row_count || !list_empty(&l->side))
        return;
    table_remove(&e->logs, bytes_of(l->key, sizeof l->key));
    tail_log_fini(&e->tail, &l->tail);
    mem_free(l);
}

void engine_release_log(struct log *base)
{
    struct engine_log *l = engine_log_of(base);
    struct engine *e = engine_of(base->engine);
    lock_take(&e->mu);
    must(l->users > 0);
    l->users--;
    log_put(e, l);
    lock_drop(&e->mu);
}
