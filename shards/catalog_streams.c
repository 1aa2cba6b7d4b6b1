/* catalog_streams.c: create, delete, retention, reap.
 *
 *   (none) --create--> CREATING --delay--> ACTIVE --delete--> DELETING --delay--> (none)
 *                                          ACTIVE <--> UPDATING: reshard.c; catalog_activate_later
 *
 * With no delay, create goes straight to ACTIVE and delete straight to none. The disk of a deleted stream comes back by log_trim, for
 * which its number is then unknown. */
#include "shards/catalog_internal.h"
#include "shards/reshard_plan.h"
#include "shards/stream_fault.h"
#include "shards/tags.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

/* A state change that waits for its time. */
struct delay {
    struct list node;
    struct loop_timer timer;
    struct catalog *catalog;
    struct stream *stream; /* referenced */
    void (*then)(struct catalog *, struct stream *);
};

static void delay_free(struct delay *d)
{
    loop_timer_cancel(d->catalog->loop, &d->timer);
    list_remove(&d->node);
    stream_unref(d->stream);
    mem_free(d);
}

static void delay_fire(struct loop_timer *t)
{
    struct delay *d = LIST_OWNER(t, struct delay, timer);
    d->then(d->catalog, d->stream);
    delay_free(d);
}

void catalog_delay_start(struct catalog *c, struct stream *s, uint64_t ms,
                         void (*then)(struct catalog *, struct stream *))
{
    struct delay *d = MEM_NEW(struct delay);
    *d = (struct delay){
        .timer = {.fire = delay_fire}, .catalog = c, .stream = stream_ref(s), .then = then};
    list_append(&c->delays, &d->node);
    loop_timer_set(c->loop, &d->timer, ms);
}

void catalog_delays_close(struct catalog *c)
{
    LIST_EACH(node, keep, &c->delays)
    delay_free(LIST_OWNER(node, struct delay, node));
}

enum { AGAIN_MS = 500 };

uint64_t catalog_dwell_ms(const struct catalog *c, const struct scope *scope)
{
    return scope_is_hidden(scope) ? 0 : c->settings.state_delay_ms;
}

/* ---- create ---- */

static enum status set_status(struct catalog *c, struct stream *stream, enum stream_status status,
                              struct fault *f)
{
    struct stream_view *v = stream_look(stream);
    struct stream_settings settings = v->settings;
    settings.status = status;
    settings.reshape.target_shards = 0;
    enum status st = catalog_change_settings(c, stream, v, &settings, f);
    stream_view_unref(v);
    return st;
}

static enum stream_status status_of(struct stream *stream)
{
    struct stream_view *v = stream_look(stream);
    enum stream_status status = v->settings.status;
    stream_view_unref(v);
    return status;
}

static void activate(struct catalog *c, struct stream *stream)
{
    if (status_of(stream) == STREAM_DELETING)
        return; /* meanwhile */
    struct fault f;
    if (set_status(c, stream, STREAM_ACTIVE, &f) != OK) {
        trace(TRACE_WARN, "catalog", "%s", f.text);
        catalog_delay_start(c, stream, AGAIN_MS, activate);
    }
}

enum status catalog_check_on_demand(const struct catalog *c, const struct scope *scope,
                                    const struct stream_totals *totals, struct fault *f)
{
    const struct catalog_settings *s = &c->settings;
    if (totals->on_demand_streams < s->on_demand_limit)
        return OK;
    return fault_set(f, LIMIT_EXCEEDED,
                     "This request would exceed the on-demand stream limit for the account %s "
                     "in %s. Current "
                     "on-demand stream count for the account: %llu. Limit: %llu.",
                     scope->account, scope->region, (unsigned long long)totals->on_demand_streams,
                     (unsigned long long)s->on_demand_limit);
}

static enum status check_limits(struct catalog *c, const struct catalog_command *command,
                                struct fault *f)
{
    const struct catalog_settings *s = &c->settings;
    const struct scope *scope = &command->scope;
    struct stream_totals totals, all;
    stream_table_totals(s->streams, scope, &totals);
    stream_table_totals(s->streams, NULL, &all);
    if (totals.claimed_shards + command->shard_count > s->shard_limit)
        return fault_shard_limit(f, scope->account, scope->region, totals.claimed_shards,
                                 s->shard_limit, command->shard_count);
    if (command->shard_count > STREAM_SHARDS_MAX)
        return fault_shard_limit(f, scope->account, scope->region, totals.claimed_shards,
                                 STREAM_SHARDS_MAX, command->shard_count);
    if (command->create.mode == STREAM_ON_DEMAND &&
        catalog_check_on_demand(c, scope, &totals, f) != OK)
        return LIMIT_EXCEEDED;
    if (all.streams >= STREAMS_MAX)
        return fault_set(f, LIMIT_EXCEEDED, "This server holds %d streams, the most it can.",
                         STREAMS_MAX);
    return OK;
}

static enum status make_shards(struct catalog *c, const struct stream_settings *s, uint32_t count,
                               struct catalog_batch *b, struct shard **shards, struct fault *f)
{
    enum status st = OK;
    for (uint32_t i = 0; i < count && st == OK; i++) {
        struct shard values = {
            .index = i,
            .state = SHARD_OPEN,
            .start = plan_even_start(count, i),
            .end = i + 1 == count ? U128_MAX : plan_even_start(count, i + 1) - 1,
            .parent = SHARD_NONE,
            .adjacent = SHARD_NONE,
            .created_s = s->created_ms / 1000,
        };
        st = catalog_shard_make(c, s, values, &shards[i], f);
        if (st == OK)
            catalog_batch_put_shard(b, s->number, shards[i]);
    }
    return st;
}

int catalog_create_stream(struct catalog *c, struct catalog_command *command)
{
    struct fault *f = &command->fault;
    struct stream *there = stream_table_find(c->settings.streams, &command->scope, command->stream);
    if (there) {
        stream_unref(there);
        return fault_stream_exists(f, command->stream, command->scope.account);
    }
    enum status st = check_limits(c, command, f);
    if (st != OK)
        return st;
    uint32_t count = command->shard_count;
    struct stream_settings settings = command->create;
    settings.number = c->next_stream++; /* even if this fails: a number is never used again */
    settings.scope = command->scope;
    settings.created_ms = clock_wall_ms(c->settings.clock);
    settings.retention_hours = RETENTION_HOURS_MIN;
    settings.tag_count = stream_tags_sort(settings.tags, settings.tag_count);
    settings.next_shard = count;
    settings.status = catalog_dwell_ms(c, &settings.scope) ? STREAM_CREATING : STREAM_ACTIVE;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_next_stream(b, c->next_stream);
    catalog_batch_put_stream(b, &settings);
    struct shard **shards = mem_must((count + 1) * sizeof(struct shard *));
    st = make_shards(c, &settings, count, b, shards, f);
    if (st == OK)
        st = catalog_store_commit(c->store, b, f);
    else
        catalog_batch_free(b);
    if (st == OK) {
        struct stream *stream = stream_new(stream_view_new(&settings, shards, count, 1));
        stream_table_add(c->settings.streams, stream);
        if (settings.status == STREAM_CREATING)
            catalog_delay_start(c, stream, c->settings.state_delay_ms, activate);
        stream_unref(stream);
    } else {
        for (uint32_t i = 0; i < count; i++)
            shard_unref(shards[i]);
    }
    mem_free(shards);
    return st;
}

/* ---- delete ---- */

static enum status remove_rows(struct catalog *c, struct stream *stream, struct fault *f)
{
    struct stream_view *v = stream_look(stream);
    struct catalog_batch *b = catalog_batch_new();
    for (uint32_t i = 0; i < v->shard_count; i++)
        catalog_batch_remove_shard(b, v->settings.number, v->shards[i]->index);
    for (uint32_t i = 0; i < consumer_set_count(v->settings.consumers); i++)
        catalog_batch_remove_consumer(b, v->settings.number, v->settings.consumers->at[i]);
    catalog_batch_remove_stream(b, v->settings.number);
    enum status st = catalog_store_commit(c->store, b, f);
    if (st == OK) {
        stream_table_remove(c->settings.streams, stream);
        /* Out of reach; whoever still holds it sees DELETING, and who waits for a newer view is
         * told. */
        struct stream_settings settings = v->settings;
        settings.status = STREAM_DELETING;
        settings.consumers = NULL;
        struct shard **shards = catalog_shards_of(v, 0);
        stream_publish(stream, stream_view_new(&settings, shards, v->shard_count, v->version + 1));
        mem_free(shards);
    }
    stream_view_unref(v);
    return st;
}

static void finish_delete(struct catalog *c, struct stream *stream)
{
    struct fault f;
    if (remove_rows(c, stream, &f) != OK) {
        trace(TRACE_WARN, "catalog", "%s", f.text);
        catalog_delay_start(c, stream, AGAIN_MS, finish_delete);
    }
}

int catalog_delete_stream(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    enum stream_status status = v->settings.status;
    bool consumers = consumer_set_count(v->settings.consumers) > 0;
    stream_view_unref(v);
    if (status == STREAM_UPDATING || status == STREAM_DELETING) {
        st = fault_stream_busy(&command->fault, command->stream, command->scope.account, status);
    } else if (consumers && !command->remove.consumers_too) {
        st = fault_stream_has_consumers(&command->fault, command->stream, command->scope.account);
    } else if (catalog_dwell_ms(c, &command->scope) == 0) {
        st = remove_rows(c, stream, &command->fault);
    } else {
        st = set_status(c, stream, STREAM_DELETING, &command->fault);
        if (st == OK)
            catalog_delay_start(c, stream, c->settings.state_delay_ms, finish_delete);
    }
    stream_unref(stream);
    return st;
}

void catalog_resume(struct catalog *c, struct stream *stream)
{
    catalog_delay_start(c, stream, 0,
                        status_of(stream) == STREAM_DELETING ? finish_delete : activate);
}

void catalog_activate_later(struct catalog *c, struct stream *stream)
{
    catalog_delay_start(c, stream, c->settings.state_delay_ms, activate);
}

/* ---- retention ---- */

static enum status check_retention(const struct stream_settings *s, bool increase, int64_t hours,
                                   struct fault *f)
{
    if (hours < RETENTION_HOURS_MIN)
        return fault_set(f, INVALID_ARGUMENT,
                         "Minimum allowed retention period is %d hours. Requested retention period "
                         "(%lld hours) is "
                         "too short.",
                         RETENTION_HOURS_MIN, (long long)hours);
    if (hours > RETENTION_HOURS_MAX)
        return fault_set(f, INVALID_ARGUMENT,
                         "Maximum allowed retention period is %d hours. Requested retention period "
                         "(%lld hours) is "
                         "too long.",
                         RETENTION_HOURS_MAX, (long long)hours);
    if (increase && hours < s->retention_hours)
        return fault_set(f, INVALID_ARGUMENT,
                         "Requested retention period (%lld hours) for stream %s can not be shorter "
                         "than existing "
                         "retention period (%u hours). Use DecreaseRetentionPeriod API.",
                         (long long)hours, s->name, s->retention_hours);
    if (!increase && hours > s->retention_hours)
        return fault_set(
            f, INVALID_ARGUMENT,
            "Requested retention period (%lld hours) for stream %s can not be longer than existing "
            "retention period (%u hours). Use IncreaseRetentionPeriod API.",
            (long long)hours, s->name, s->retention_hours);
    return OK;
}

int catalog_set_retention(struct catalog *c, struct catalog_command *command)
{
    struct fault *f = &command->fault;
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    if (settings.status != STREAM_ACTIVE)
        st = fault_stream_busy(f, command->stream, command->scope.account, settings.status);
    if (st == OK)
        st = check_retention(&settings, command->retention.increase, command->retention.hours, f);
    if (st == OK && command->retention.hours != settings.retention_hours) {
        settings.retention_hours = (uint32_t)command->retention.hours;
        st = catalog_change_settings(c, stream, v, &settings, f);
        for (uint32_t i = 0; st == OK && i < v->shard_count; i++)
            c->settings.logs->ops->set_retention(v->shards[i]->log, settings.retention_hours);
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

/* ---- reap: closed shards that nobody can read any more ---- */

int catalog_reap_shards(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct catalog_batch *b = catalog_batch_new();
    struct shard **kept = mem_must((v->shard_count + 1) * sizeof(struct shard *));
    uint32_t count = 0;
    for (uint32_t i = 0; i < v->shard_count; i++) {
        const struct shard *s = v->shards[i];
        if (s->state == SHARD_CLOSED && s->closed_ms < command->reap.closed_before_ms)
            catalog_batch_remove_shard(b, v->settings.number, s->index);
        else
            kept[count++] = shard_ref(v->shards[i]);
    }
    if (count == v->shard_count || v->settings.status != STREAM_ACTIVE) {
        for (uint32_t i = 0; i < count; i++)
            shard_unref(kept[i]);
        mem_free(kept);
        catalog_batch_free(b);
    } else {
        st = catalog_change(c, stream, b, &v->settings, kept, count, v->version + 1,
                            &command->fault);
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
