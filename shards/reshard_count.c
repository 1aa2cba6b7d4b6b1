/* reshard_count.c: UpdateShardCount: the checks, and which step comes next.
 *
 * The machine of reshard.c does one split or merge at a time. The stream's row says to how many shards it is to come (target_shards);
 * reshard_plan.c says, from the shards that are open, which step that takes next. So nothing of a plan is stored: what is there is the plan.
 *
 * Left to others: doing it (reshard.c). Thread: the catalog's. */
#include "shards/reshard_internal.h"
#include "shards/reshard_plan.h"
#include "shards/stream_fault.h"

#include "base/mem.h"

/* A list of the latest times, newest first. */
static uint32_t count_since(const uint64_t *times_ms, uint32_t room, uint64_t since_ms)
{
    uint32_t count = 0;
    while (count < room && times_ms[count] > since_ms)
        count++;
    return count;
}

bool reshape_often(uint64_t *times_ms, uint32_t room, uint64_t now_ms)
{
    uint64_t since_ms = now_ms > RESHAPE_PERIOD_MS ? now_ms - RESHAPE_PERIOD_MS : 0;
    if (count_since(times_ms, room, since_ms) == room)
        return true;
    memmove(times_ms + 1, times_ms, (room - 1) * sizeof(*times_ms));
    times_ms[0] = now_ms;
    return false;
}

uint32_t recount_children(const struct stream_settings *settings, struct shard *const *open,
                          uint32_t count, uint64_t now_s,
                          struct shard children[CONTROL_CHILDREN_MAX])
{
    struct plan_step step = {.kind = PLAN_DONE};
    if (settings->reshape.target_shards == 0)
        return 0;
    u128 *starts = mem_must(count * sizeof(*starts));
    for (uint32_t i = 0; i < count; i++)
        starts[i] = open[i]->start;
    plan_even_step(starts, count, settings->reshape.target_shards, &step);
    mem_free(starts);
    if (step.kind == PLAN_DONE)
        return 0;
    if (step.kind == PLAN_MERGE) {
        reshard_merge_child(open[step.place], open[step.place + 1], settings->next_shard, now_s,
                            &children[0]);
        return 1;
    }
    reshard_split_children(open[step.place], step.at, settings->next_shard, now_s, children);
    return 2;
}

/* AWS's limits, in AWS's words where they are known. */
static enum status check_count(struct catalog *c, const struct scope *scope, uint32_t now,
                               uint32_t target, struct fault *f)
{
    const struct catalog_settings *s = &c->settings;
    struct stream_totals totals;
    if (target > 2 * now)
        return fault_set(f, LIMIT_EXCEEDED,
                         "UpdateShardCount cannot scale up over double your current open shard "
                         "count. Current open shard count: %u Target shard count: %u",
                         now, target);
    if (target < now && 2 * target < now)
        return fault_set(f, LIMIT_EXCEEDED,
                         "UpdateShardCount cannot scale down below half your current open shard "
                         "count. Current open shard count: %u Target shard count: %u",
                         now, target);
    stream_table_totals(s->streams, scope, &totals);
    if (target > now && totals.claimed_shards + (target - now) > s->shard_limit)
        return fault_shard_limit(f, scope->account, scope->region, totals.claimed_shards,
                                 s->shard_limit, target - now);
    if (target > RECOUNT_SHARDS_MAX)
        return fault_set(f, LIMIT_EXCEEDED,
                         "UpdateShardCount cannot scale a stream to more than %d shards. Current "
                         "open shard count: %u Target shard count: %u",
                         RECOUNT_SHARDS_MAX, now, target);
    return OK;
}

static enum status check_often(struct catalog *c, struct catalog_command *command,
                               struct stream_reshape *r)
{
    if (!reshape_often(r->recounts_ms, RECOUNTS_MAX, clock_wall_ms(c->settings.clock)))
        return OK;
    return fault_set(
        &command->fault, LIMIT_EXCEEDED,
        "Rate exceeded for stream %.*s under account %s. UpdateShardCount can be called "
        "%d times in a rolling 24 hours.",
        BYTES_ARGS(command->stream), command->scope.account, RECOUNTS_MAX);
}

int reshard_recount(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    struct shard children[CONTROL_CHILDREN_MAX];
    uint32_t child_count = 0;
    st = reshard_check_stream(command, v);
    if (st == OK)
        st = check_count(c, &command->scope, v->open_count, command->recount.target,
                         &command->fault);
    if (st == OK) {
        command->recount.before = v->open_count;
        settings.reshape.target_shards = command->recount.target;
        child_count = recount_children(&settings, v->open, v->open_count,
                                       clock_wall_ms(c->settings.clock) / 1000, children);
    }
    if (child_count > 0) /* what is even already costs nothing, and is not counted */
        st = check_often(c, command, &settings.reshape);
    if (st == OK && child_count > 0)
        return reshard_begin(c, command, stream, v, settings, children, child_count);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
