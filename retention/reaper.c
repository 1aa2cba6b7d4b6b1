/* reaper.c: a command to the catalog for each stream that has something to remove; the catalog
 * checks again and does it. */
#include "retention/reaper.h"

#include "base/mem.h"
#include "base/trace.h"
#include "shards/horizon.h"

struct reaping {
    struct catalog_command command;
    char name[STREAM_NAME_BYTES_MAX + 1];
};

static void reaped(struct catalog_command *command)
{
    if (command->status != OK)
        trace(TRACE_WARN, "reaper", "%s", command->fault.text);
    mem_free(LIST_OWNER(command, struct reaping, command));
}

static bool has_drained(const struct stream_view *v, uint64_t closed_before_ms)
{
    for (uint32_t i = 0; i < v->shard_count; i++)
        if (v->shards[i]->state == SHARD_CLOSED && v->shards[i]->closed_ms < closed_before_ms)
            return true;
    return false;
}

static bool reap(const struct reaper *r, const struct stream_view *v)
{
    uint64_t before_ms = horizon_begin_ms(v->settings.retention_hours, clock_wall_ms(r->clock));
    if (v->settings.status != STREAM_ACTIVE || !has_drained(v, before_ms))
        return false;
    struct reaping *reaping = MEM_NEW(struct reaping);
    memcpy(reaping->name, v->settings.name, sizeof(reaping->name));
    reaping->command = (struct catalog_command){
        .verb = CATALOG_REAP_SHARDS,
        .scope = v->settings.scope,
        .stream = bytes_text(reaping->name),
        .reap = {.closed_before_ms = before_ms},
        .done = reaped,
    };
    catalog_submit(r->catalog, &reaping->command);
    return true;
}

struct reaper_turn {
    const struct reaper *reaper;
    unsigned asked;
};

static bool reap_one(void *arg, struct stream_view *v)
{
    struct reaper_turn *turn = arg;
    turn->asked += reap(turn->reaper, v);
    return true;
}

unsigned reaper_turn(const struct reaper *r)
{
    struct reaper_turn turn = {.reaper = r};
    stream_table_each(r->streams, reap_one, &turn);
    return turn.asked;
}
