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

unsigned reaper_turn(const struct reaper *r)
{
    enum { PAGE = 64 };
    struct stream_view *page[PAGE];
    struct stream_view *last = NULL;
    unsigned asked = 0;
    bool more = true;
    while (more) {
        size_t count =
            stream_table_walk(r->streams, last ? &last->settings : NULL, page, PAGE, &more);
        for (size_t i = 0; i < count; i++) {
            stream_view_unref(last);
            last = page[i];
            asked += reap(r, last);
        }
    }
    stream_view_unref(last);
    return asked;
}
