/* delivery_hidden.c: the streams that DirectPut delivery streams own, by way of the catalog: one shard, 24 hours, in the scope that no client can
 * name.
 *
 * The thread waits for the catalog's answer: it has nothing else to do for its command, and the catalog never waits for it. */
#include "delivery/delivery_control_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/trace.h"

#include <stdio.h>

struct call {
    struct catalog_command command;
    struct delivery_control *control;
    bool done; /* under the control's mu */
};

/* Thread: the catalog's. */
static void answered(struct catalog_command *command)
{
    struct call *call = LIST_OWNER(command, struct call, command);
    struct delivery_control *c = call->control;
    lock_take(&c->mu);
    call->done = true;
    signal_one(&c->answered);
    lock_drop(&c->mu);
}

static enum status carry_out(struct delivery_control *c, struct call *call, struct fault *f)
{
    call->control = c;
    call->command.done = answered;
    catalog_submit(c->settings.catalog, &call->command);
    lock_take(&c->mu);
    while (!call->done)
        signal_wait(&c->answered, &c->mu);
    lock_drop(&c->mu);
    if (call->command.status != OK)
        *f = call->command.fault;
    return call->command.status;
}

static bool exists(struct delivery_control *c, const struct scope *hidden, struct bytes name)
{
    struct stream *s = stream_table_find(c->settings.streams, hidden, name);
    stream_unref(s);
    return s != NULL;
}

enum status delivery_hidden_make(struct delivery_control *c, const struct delivery_view *v,
                                 struct fault *f)
{
    struct call call = {.command = {.verb = CATALOG_CREATE_STREAM,
                                    .scope = delivery_hidden_scope(&v->scope),
                                    .stream = bytes_text(v->name),
                                    .shard_count = 1}};
    if (exists(c, &call.command.scope, call.command.stream)) /* of a delivery stream that is gone */
        return OK;
    call.command.create.mode = STREAM_PROVISIONED;
    call.command.create.record_kib_max = RECORD_KIB_DEFAULT;
    snprintf(call.command.create.name, sizeof(call.command.create.name), "%s", v->name);
    return carry_out(c, &call, f);
}

enum status delivery_hidden_remove(struct delivery_control *c, const struct scope *hidden,
                                   struct bytes name, struct fault *f)
{
    struct call call = {
        .command = {.verb = CATALOG_DELETE_STREAM, .scope = *hidden, .stream = name}};
    call.command.remove.consumers_too = true;
    return exists(c, hidden, name) ? carry_out(c, &call, f) : OK;
}

enum status delivery_hidden_encrypt(struct delivery_control *c, const struct delivery_view *v,
                                    bool start, struct bytes key_id, struct fault *f)
{
    struct call call = {.command = {.verb = CATALOG_SET_ENCRYPTION,
                                    .scope = delivery_hidden_scope(&v->scope),
                                    .stream = bytes_text(v->name)}};
    call.command.encryption.start = start;
    call.command.encryption.key_id = key_id;
    return carry_out(c, &call, f);
}

/* Removes the first orphan; false: there is none. The walk begins again behind each, as the table has changed. */
struct sweep {
    struct delivery_control *control;
    struct stream_view *orphan; /* referenced */
};

static bool find_orphan(void *arg, struct stream_view *v)
{
    struct sweep *s = arg;
    struct scope scope = v->settings.scope;
    if (!scope_is_hidden(&scope))
        return true;
    if (!scope_set(&scope, bytes_text(v->settings.scope.account),
                   bytes_text(scope_region(&v->settings.scope))))
        return true;
    struct delivery *d =
        delivery_table_find(s->control->settings.table, &scope, bytes_text(v->settings.name));
    delivery_unref(d);
    if (!d)
        s->orphan = stream_view_ref(v);
    return d != NULL;
}

void delivery_hidden_sweep(struct delivery_control *c)
{
    enum status st = OK;
    while (st == OK) {
        struct sweep sweep = {.control = c};
        struct fault f;
        stream_table_each(c->settings.streams, find_orphan, &sweep);
        if (!sweep.orphan)
            return;
        const struct stream_settings *s = &sweep.orphan->settings;
        st = delivery_hidden_remove(c, &s->scope, bytes_text(s->name), &f);
        trace(st == OK ? TRACE_INFO : TRACE_WARN, "delivery",
              "the records of %s, which is no delivery stream, %s", s->name,
              st == OK ? "are removed" : f.text);
        stream_view_unref(sweep.orphan);
    }
}
