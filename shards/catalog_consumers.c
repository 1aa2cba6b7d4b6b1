/* catalog_consumers.c: registers and deregisters consumers.
 *
 *   (none) --register--> CREATING --delay--> ACTIVE --deregister--> DELETING --delay--> (none)
 *
 * With no delay, register goes straight to ACTIVE and deregister straight to none. Consumers come and go whatever a reshard does
 * meanwhile: each change starts from the view in force. All of a stream's consumers go with it (catalog_streams.c).
 *
 * Thread: the catalog's own. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"

#include "base/must.h"
#include "base/trace.h"

#include <stdio.h>

enum { AGAIN_MS = 500 };

/* Makes `set` (taken over) the stream's, together with the rows in `b` (taken over). */
static enum status change(struct catalog *c, struct stream *stream, const struct stream_view *v,
                          struct consumer_set *set, struct catalog_batch *b, struct fault *f)
{
    struct stream_settings settings = v->settings;
    settings.consumers = set;
    enum status st = catalog_change(c, stream, b, &settings, catalog_shards_of(v, 0),
                                    v->shard_count, v->version + 1, f);
    consumer_set_unref(set);
    return st;
}

enum status catalog_put_consumer(struct catalog *c, struct stream *stream,
                                 const struct stream_view *v, struct consumer *made,
                                 struct fault *f)
{
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_consumer(b, v->settings.number, made);
    return change(c, stream, v, consumer_set_with(v->settings.consumers, made), b, f);
}

static enum status take_out(struct catalog *c, struct stream *stream, const struct stream_view *v,
                            const struct consumer *gone, struct fault *f)
{
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_remove_consumer(b, v->settings.number, gone);
    return change(c, stream, v, consumer_set_without(v->settings.consumers, bytes_text(gone->name)),
                  b, f);
}

static enum status put_status(struct catalog *c, struct stream *stream, const struct stream_view *v,
                              const struct consumer *consumer, enum consumer_status status,
                              uint64_t settles_us, struct fault *f)
{
    struct consumer values = consumer_values(consumer);
    values.status = status;
    values.settles_us = settles_us;
    return catalog_put_consumer(c, stream, v, consumer_new(&values), f);
}

/* ---- what waits for its time ---- */

static enum status settle_one(struct catalog *c, struct stream *stream, const struct stream_view *v,
                              const struct consumer *consumer, struct fault *f)
{
    if (consumer->status == CONSUMER_DELETING)
        return take_out(c, stream, v, consumer, f);
    return put_status(c, stream, v, consumer, CONSUMER_ACTIVE, 0, f);
}

/* Every consumer whose delay is over. Each change makes another view, so it looks anew after each. */
void catalog_settle_consumers(struct catalog *c, struct stream *stream)
{
    struct fault f;
    enum status st = OK;
    bool more = true;
    while (st == OK && more) {
        struct stream_view *v = stream_look(stream);
        const struct consumer_set *set = v->settings.consumers;
        uint64_t now_us = clock_mono_us(c->settings.clock);
        more = false;
        for (uint32_t i = 0; i < consumer_set_count(set) && !more; i++) {
            const struct consumer *one = set->at[i];
            more = one->status != CONSUMER_ACTIVE && one->settles_us <= now_us;
            if (more)
                st = settle_one(c, stream, v, one, &f);
        }
        stream_view_unref(v);
    }
    if (st != OK) {
        trace(TRACE_WARN, "catalog", "%s", f.text);
        catalog_delay_start(c, stream, AGAIN_MS, catalog_settle_consumers);
    }
}

static uint64_t settles_us(const struct catalog *c)
{
    return clock_mono_us(c->settings.clock) + c->settings.state_delay_ms * 1000;
}

/* ---- register ---- */

static uint32_t consumers_max(const struct catalog *c, const struct stream_settings *s)
{
    struct commitment commitment = catalog_commitment(c, &s->scope);
    bool committed =
        commitment_status(&commitment, clock_wall_ms(c->settings.clock)) != COMMITMENT_DISABLED;
    return committed && s->mode == STREAM_ON_DEMAND ? CONSUMERS_COMMITTED_MAX : CONSUMERS_MAX;
}

static enum status check_room(const struct catalog *c, const struct stream_settings *s,
                              struct fault *f)
{
    uint32_t creating = 0, count = consumer_set_count(s->consumers), most = consumers_max(c, s);
    for (uint32_t i = 0; i < count; i++)
        creating += s->consumers->at[i]->status == CONSUMER_CREATING;
    if (count >= most)
        return fault_set(f, LIMIT_EXCEEDED,
                         "This request would exceed the limit of %u registered consumers for "
                         "stream %s under account %s. Current consumer count: %u.",
                         most, s->name, s->scope.account, count);
    if (creating >= CONSUMERS_CREATING_MAX)
        return fault_set(f, LIMIT_EXCEEDED,
                         "Stream %s under account %s has %u consumers in CREATING status. At most "
                         "%d can be created at the same time.",
                         s->name, s->scope.account, creating, CONSUMERS_CREATING_MAX);
    return OK;
}

static enum status check_register(const struct catalog *c, const struct catalog_command *command,
                                  const struct stream_settings *s, struct fault *f)
{
    if (s->status != STREAM_ACTIVE && s->status != STREAM_UPDATING)
        return fault_stream_unsettled(f, s);
    if (consumer_set_find(s->consumers, command->consumer.name))
        return fault_set(f, IN_USE, "Consumer %.*s under stream %s already exists for account %s.",
                         BYTES_ARGS(command->consumer.name), s->name, command->scope.account);
    return check_room(c, s, f);
}

int catalog_register_consumer(struct catalog *c, struct catalog_command *command)
{
    struct fault *f = &command->fault;
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    st = check_register(c, command, &v->settings, f);
    if (st == OK) {
        bool dwells = c->settings.state_delay_ms > 0;
        struct consumer values = {
            .created_s = clock_wall_ms(c->settings.clock) / 1000,
            .status = dwells ? CONSUMER_CREATING : CONSUMER_ACTIVE,
            .settles_us = settles_us(c),
            .tag_count = command->consumer.tag_count,
            .tags = command->consumer.tags,
        };
        must(command->consumer.name.len <= CONSUMER_NAME_BYTES_MAX);
        snprintf(values.name, sizeof(values.name), "%.*s", BYTES_ARGS(command->consumer.name));
        struct consumer *made = consumer_new(&values);
        command->consumer.made = consumer_ref(made);
        st = catalog_put_consumer(c, stream, v, made, f);
        if (st == OK && dwells)
            catalog_delay_start(c, stream, c->settings.state_delay_ms, catalog_settle_consumers);
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

/* ---- deregister ---- */

int catalog_deregister_consumer(struct catalog *c, struct catalog_command *command)
{
    struct fault *f = &command->fault;
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    const struct consumer *gone = consumer_set_find(v->settings.consumers, command->consumer.name);
    uint64_t created_s = command->consumer.created_s;
    if (!gone || (created_s && gone->created_s != created_s)) {
        st = fault_consumer_not_found(f, command->consumer.name, command->stream,
                                      command->scope.account);
    } else if (c->settings.state_delay_ms == 0) {
        st = take_out(c, stream, v, gone, f);
    } else if (gone->status != CONSUMER_DELETING) {
        st = put_status(c, stream, v, gone, CONSUMER_DELETING, settles_us(c), f);
        if (st == OK)
            catalog_delay_start(c, stream, c->settings.state_delay_ms, catalog_settle_consumers);
    }
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
