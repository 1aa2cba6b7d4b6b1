/* catalog_reshape.c: what a stream is changed in without its shards: capacity mode, warm throughput, largest record, shard-level metrics.
 *
 * Each is one synced batch and one new view (K1), so the next put goes by the new value. With a state delay the stream stays UPDATING for
 * that long, as on AWS; the new value holds from the beginning. Thread: the catalog's. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"

/* Publishes the view with changed settings. `dwells`: AWS shows UPDATING for a while. */
static enum status change(struct catalog *c, struct stream *stream, struct stream_view *v,
                          struct stream_settings *settings, bool dwells, struct fault *f)
{
    dwells = dwells && c->settings.state_delay_ms > 0;
    if (dwells)
        settings->status = STREAM_UPDATING;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_stream(b, settings);
    enum status st = catalog_change(c, stream, b, settings, catalog_shards_of(v, 0), v->shard_count,
                                    v->version + 1, f);
    if (st == OK && dwells)
        catalog_activate_later(c, stream);
    return st;
}

/* The stream, referenced, if it is ACTIVE. */
static enum status find_active(struct catalog *c, struct catalog_command *command,
                               struct stream **stream, struct stream_view **v)
{
    enum status st = catalog_find(c, command->stream, stream, v, &command->fault);
    if (st != OK || (*v)->settings.status == STREAM_ACTIVE)
        return st;
    st = fault_stream_busy(&command->fault, command->stream, c->settings.account,
                           (*v)->settings.status);
    stream_view_unref(*v);
    stream_unref(*stream);
    return st;
}

/* A warm throughput of n MiB/s is n shards, and they must be allowed. */
static enum status check_warm(struct catalog *c, const struct stream_view *v, uint32_t mibps,
                              struct fault *f)
{
    const struct catalog_settings *s = &c->settings;
    struct stream_totals totals;
    if (mibps > WARM_MIBPS_MAX)
        return fault_warm_most(f, mibps);
    stream_table_totals(s->streams, &totals);
    uint64_t more = mibps > v->open_count ? mibps - v->open_count : 0;
    if (more && totals.open_shards + more > s->shard_limit)
        return fault_shard_limit(f, s->account, s->region, totals.open_shards, s->shard_limit,
                                 more);
    return OK;
}

static enum status check_switch(struct catalog *c, struct catalog_command *command,
                                struct stream_settings *settings)
{
    struct stream_totals totals;
    stream_table_totals(c->settings.streams, &totals);
    if (command->mode.mode == STREAM_ON_DEMAND &&
        catalog_check_on_demand(c, &totals, &command->fault) != OK)
        return LIMIT_EXCEEDED;
    if (reshape_often(settings->reshape.switches_ms, MODE_SWITCHES_MAX,
                      clock_wall_ms(c->settings.clock)))
        return fault_set(&command->fault, LIMIT_EXCEEDED,
                         "Rate exceeded for stream %.*s under account %s. The capacity mode of a "
                         "stream can be switched %d times within 24 hours.",
                         BYTES_ARGS(command->stream), c->settings.account, MODE_SWITCHES_MAX);
    return OK;
}

int catalog_set_mode(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_active(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    bool switches = command->mode.mode != settings.mode;
    if (command->mode.warm_given)
        st = check_warm(c, v, command->mode.warm_mibps, &command->fault);
    if (st == OK && switches) /* the mode it has already is no change, and is not counted */
        st = check_switch(c, command, &settings);
    settings.mode = command->mode.mode;
    if (command->mode.warm_given || settings.mode == STREAM_PROVISIONED) {
        settings.warm_given = command->mode.warm_given;
        settings.warm_mibps = command->mode.warm_mibps;
    }
    if (st == OK && (switches || command->mode.warm_given))
        st = change(c, stream, v, &settings, true, &command->fault);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

int catalog_set_warm(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_active(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    if (settings.mode != STREAM_ON_DEMAND)
        st = fault_warm_mode(&command->fault);
    if (st == OK)
        st = check_warm(c, v, command->warm.mibps, &command->fault);
    settings.warm_given = true;
    settings.warm_mibps = command->warm.mibps;
    command->warm.open_count = v->open_count;
    if (st == OK)
        st = change(c, stream, v, &settings, true, &command->fault);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

int catalog_set_record_size(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_active(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    settings.record_kib_given = true;
    settings.record_kib_max = command->record_kib;
    st = change(c, stream, v, &settings, true, &command->fault);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

int catalog_set_shard_metrics(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_active(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    uint32_t before = settings.reshape.shard_metrics, named = command->monitoring.metrics;
    uint32_t after = command->monitoring.enable ? before | named : before & ~named;
    command->monitoring.before = before;
    command->monitoring.after = settings.reshape.shard_metrics = after;
    if (after != before)
        st = change(c, stream, v, &settings, false, &command->fault);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
