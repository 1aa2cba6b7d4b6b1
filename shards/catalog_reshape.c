/* catalog_reshape.c: what a stream is changed in without its shards: capacity mode, warm throughput, largest record, shard-level metrics.
 *
 * Each is one synced batch and one new view (K1), so the next put goes by the new value. With a state delay the stream stays UPDATING for
 * that long, as on AWS; the new value holds from the beginning. Thread: the catalog's. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"

/* A change in the making: the stream and its view, referenced, and the settings as they will be. */
struct reshaping {
    struct stream *stream;
    struct stream_view *v;
    struct stream_settings settings;
};

/* The stream must be ACTIVE. Ends with `end`, unless it fails. */
static enum status begin(struct catalog *c, struct catalog_command *command, struct reshaping *r)
{
    enum status st = catalog_find(c, command, &r->stream, &r->v);
    if (st != OK)
        return st;
    r->settings = r->v->settings;
    if (r->settings.status == STREAM_ACTIVE)
        return OK;
    st = fault_stream_busy(&command->fault, command->stream, command->scope.account,
                           r->settings.status);
    stream_view_unref(r->v);
    stream_unref(r->stream);
    return st;
}

/* Makes the change if `st` is OK and there is one; hands `st`, or what became of it, on. `dwells`: AWS shows UPDATING for a while. */
static enum status end(struct catalog *c, struct catalog_command *command, struct reshaping *r,
                       enum status st, bool changes, bool dwells)
{
    dwells = dwells && c->settings.state_delay_ms > 0;
    if (dwells)
        r->settings.status = STREAM_UPDATING;
    if (st == OK && changes) {
        st = catalog_change_settings(c, r->stream, r->v, &r->settings, &command->fault);
        if (st == OK && dwells)
            catalog_activate_later(c, r->stream);
    }
    stream_view_unref(r->v);
    stream_unref(r->stream);
    return st;
}

/* A warm throughput of n MiB/s is n shards, and they must be allowed. */
static enum status check_warm(struct catalog *c, const struct stream_view *v, uint32_t mibps,
                              struct fault *f)
{
    const struct catalog_settings *s = &c->settings;
    const struct scope *scope = &v->settings.scope;
    struct stream_totals totals;
    if (mibps > WARM_MIBPS_MAX)
        return fault_warm_most(f, mibps);
    stream_table_totals(s->streams, scope, &totals);
    uint64_t more = mibps > v->open_count ? mibps - v->open_count : 0;
    if (more && totals.claimed_shards + more > s->shard_limit)
        return fault_shard_limit(f, scope->account, scope->region, totals.claimed_shards,
                                 s->shard_limit, more);
    return OK;
}

static enum status check_switch(struct catalog *c, struct catalog_command *command,
                                struct stream_settings *settings)
{
    struct stream_totals totals;
    stream_table_totals(c->settings.streams, &command->scope, &totals);
    if (command->mode.mode == STREAM_ON_DEMAND &&
        catalog_check_on_demand(c, &command->scope, &totals, &command->fault) != OK)
        return LIMIT_EXCEEDED;
    if (reshape_often(settings->reshape.switches_ms, MODE_SWITCHES_MAX,
                      clock_wall_ms(c->settings.clock)))
        return fault_set(&command->fault, LIMIT_EXCEEDED,
                         "Rate exceeded for stream %.*s under account %s. The capacity mode of a "
                         "stream can be switched %d times within 24 hours.",
                         BYTES_ARGS(command->stream), command->scope.account, MODE_SWITCHES_MAX);
    return OK;
}

int catalog_set_mode(struct catalog *c, struct catalog_command *command)
{
    struct reshaping r;
    enum status st = begin(c, command, &r);
    if (st != OK)
        return st;
    bool switches = command->mode.mode != r.settings.mode, warms = command->mode.warm_given;
    if (warms)
        st = check_warm(c, r.v, command->mode.warm_mibps, &command->fault);
    if (st == OK && switches) /* the mode it has already is no change, and is not counted */
        st = check_switch(c, command, &r.settings);
    r.settings.mode = command->mode.mode;
    if (warms || r.settings.mode == STREAM_PROVISIONED) {
        r.settings.warm_given = warms;
        r.settings.warm_mibps = command->mode.warm_mibps;
    }
    return end(c, command, &r, st, switches || warms, true);
}

int catalog_set_warm(struct catalog *c, struct catalog_command *command)
{
    struct reshaping r;
    enum status st = begin(c, command, &r);
    if (st != OK)
        return st;
    if (r.settings.mode != STREAM_ON_DEMAND)
        st = fault_warm_mode(&command->fault);
    if (st == OK)
        st = check_warm(c, r.v, command->warm.mibps, &command->fault);
    r.settings.warm_given = true;
    r.settings.warm_mibps = command->warm.mibps;
    command->warm.open_count = r.v->open_count;
    return end(c, command, &r, st, true, true);
}

int catalog_set_record_size(struct catalog *c, struct catalog_command *command)
{
    struct reshaping r;
    enum status st = begin(c, command, &r);
    if (st != OK)
        return st;
    r.settings.record_kib_given = true;
    r.settings.record_kib_max = command->record_kib;
    return end(c, command, &r, OK, true, true);
}

int catalog_set_shard_metrics(struct catalog *c, struct catalog_command *command)
{
    struct reshaping r;
    enum status st = begin(c, command, &r);
    if (st != OK)
        return st;
    uint32_t before = r.settings.reshape.shard_metrics, named = command->monitoring.metrics;
    uint32_t after = command->monitoring.enable ? before | named : before & ~named;
    command->monitoring.before = before;
    command->monitoring.after = r.settings.reshape.shard_metrics = after;
    return end(c, command, &r, OK, after != before, false);
}
