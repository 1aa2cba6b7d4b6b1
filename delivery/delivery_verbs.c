/* delivery_verbs.c: create, update, tags, flush.
 *
 *   (none) --create--> CREATING --delay--> ACTIVE --delete--> DELETING: delivery_ending.c
 *
 * With no delay, create goes straight to ACTIVE. */
#include "delivery/conversion.h"
#include "delivery/conversions.h"
#include "delivery/delivery_check.h"
#include "delivery/delivery_control_internal.h"
#include "delivery/delivery_update.h"
#include "delivery/source.h"

#include "base/limits.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/stream_fault.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- running ---- */

void delivery_run(struct delivery_control *c, struct delivery *d)
{
    const struct columnar_library *library;
    struct fault f;
    struct delivery_view *v = delivery_look(d);
    bool ends = v->status != DELIVERY_ACTIVE; /* deleted meanwhile */
    /* Loaded here: no thread that delivers waits for files. */
    if (!ends && conversion_of(v->config) &&
        conversions_library(c->settings.conversions, &library, &f) != OK)
        trace(TRACE_WARN, "delivery", "%s: %s", v->name, f.text);
    delivery_view_unref(v);
    if (!ends && c->settings.runner.set(c->settings.runner.arg, d) != OK)
        delivery_delay_start(c, d, DELIVERY_AGAIN_MS, delivery_run);
}

void delivery_activate(struct delivery_control *c, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    struct delivery_view values = delivery_view_values(v);
    struct fault f;
    enum status st = OK;
    if (v->status == DELIVERY_CREATING) { /* else deleted meanwhile */
        values.status = DELIVERY_ACTIVE;
        if (values.encryption == DELIVERY_ENCRYPTING)
            values.encryption = DELIVERY_ENCRYPTED;
        if (v->source == DELIVERY_DIRECT_PUT)
            st = delivery_hidden_make(c, v, &f);
        if (st == OK)
            st = delivery_change_to(c, d, &values, v->config, &f);
        if (st == OK) {
            delivery_run(c, d);
        } else {
            trace(TRACE_WARN, "delivery", "%s", f.text);
            delivery_delay_start(c, d, DELIVERY_AGAIN_MS, delivery_activate);
        }
    }
    delivery_view_unref(v);
}

/* ---- create ---- */

/* The stream must be there, and the account's own: access policies do not apply here. */
static enum status check_source(const struct delivery_control *c, const struct delivery_view *v,
                                struct fault *f)
{
    if (v->source == DELIVERY_DIRECT_PUT)
        return OK;
    struct bytes text = v->config->kinesis_stream_source_configuration->kinesis_stream_arn;
    struct bytes name;
    struct scope scope;
    if (!source_of_arn(text, &scope, &name))
        return fault_set(f, INVALID_ARGUMENT, "KinesisStreamARN %.*s is not a valid stream ARN.",
                         BYTES_ARGS(text));
    struct stream *s = scope_equal(&scope, &v->scope) ? source_find(c->settings.streams, v) : NULL;
    stream_unref(s);
    return s ? OK : fault_stream_not_found(f, name, scope.account);
}

static enum status check_room(struct delivery_control *c, const struct delivery_command *command,
                              struct fault *f)
{
    struct delivery *there = delivery_table_find(c->settings.table, &command->scope, command->name);
    delivery_unref(there);
    if (there)
        return fault_set(f, IN_USE, "Firehose %.*s under accountId %s already exists",
                         BYTES_ARGS(command->name), command->scope.account);
    if (delivery_table_count(c->settings.table, &command->scope) >= c->settings.limit)
        return fault_set(f, LIMIT_EXCEEDED,
                         "You have already consumed your firehose quota of %" PRIu64 " hoses.",
                         c->settings.limit);
    return OK;
}

static enum status check_whole(const struct delivery_control *c,
                               const struct firehose_create_delivery_stream_input *config,
                               const struct firehose_create_delivery_stream_input *before,
                               struct fault *f)
{
    const struct delivery_allowed allowed = {.plain_http = c->settings.plain_http,
                                             .transforms = c->settings.transforms};
    return delivery_check(config, before, &allowed, f);
}

/* The table's columns go into the view: an object's bytes are the same whenever it is made anew. */
static enum status take_columns(const struct delivery_control *c,
                                const struct firehose_create_delivery_stream_input *config,
                                struct arena *a, struct bytes *columns, struct fault *f)
{
    const struct firehose_data_format_conversion_configuration *to_columns = conversion_of(config);
    *columns = BYTES_NONE;
    return to_columns ? conversion_check(to_columns, c->settings.conversions, a, columns, f) : OK;
}

static enum status make_view(struct delivery_control *c, const struct delivery_command *command,
                             struct delivery_view **out, struct fault *f)
{
    bool dwells = c->settings.state_delay_ms > 0;
    bool encrypted = command->create->delivery_stream_encryption_configuration_input != NULL;
    uint64_t now_ms = clock_wall_ms(c->settings.clock);
    struct delivery_view values = {
        .number = c->next_number,
        .scope = command->scope,
        .status = dwells ? DELIVERY_CREATING : DELIVERY_ACTIVE,
        .version = 1,
        .created_ms = now_ms,
        .updated_ms = now_ms,
        .start_ms = now_ms,
        .encryption = !encrypted ? DELIVERY_PLAIN
                      : dwells   ? DELIVERY_ENCRYPTING
                                 : DELIVERY_ENCRYPTED,
    };
    must(command->name.len <= DELIVERY_NAME_BYTES_MAX);
    memcpy(values.name, command->name.at, command->name.len);
    enum status st =
        delivery_check_given(&shape_firehose_create_delivery_stream_input, command->create, f);
    if (st == OK)
        st = delivery_view_new(&values, command->create, out, f);
    if (st == OK)
        st = check_whole(c, (*out)->config, NULL, f);
    if (st == OK) /* nobody else has it yet */
        st = take_columns(c, (*out)->config, &(*out)->arena, &(*out)->columns, f);
    return st == OK ? check_source(c, *out, f) : st;
}

static enum status write_new(struct delivery_control *c, const struct delivery_view *v,
                             struct fault *f)
{
    struct delivery_change change;
    char next[48];
    int len = snprintf(next, sizeof(next), "{\"number\":%" PRIu64 "}", c->next_number);
    delivery_change_init(&change, NULL);
    delivery_change_put(&change, BYTES_LITERAL("meta/next"), bytes_of(next, (size_t)len));
    enum status st = delivery_put_row(&change, v, f);
    if (st == OK)
        st = delivery_store_write(c->settings.store, &change, f);
    delivery_change_fini(&change);
    return st;
}

/* K3 */
static enum status make_stream(struct delivery_control *c, const struct delivery_view *v,
                               struct fault *f)
{
    if (v->source != DELIVERY_DIRECT_PUT)
        return OK;
    enum status st = delivery_hidden_make(c, v, f);
    if (st == OK && v->config->delivery_stream_encryption_configuration_input)
        st = delivery_encrypt(c, v, f);
    return st;
}

int delivery_create(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault, ignored;
    struct delivery_view *v = NULL;
    enum status st = check_room(c, command, f);
    if (st == OK)
        st = make_view(c, command, &v, f);
    if (st != OK) {
        delivery_view_unref(v);
        return st;
    }
    c->next_number++; /* even if this fails: a number is never used again */
    st = make_stream(c, v, f);
    if (st == OK)
        st = write_new(c, v, f);
    if (st != OK) {
        struct scope hidden = delivery_hidden_scope(&v->scope);
        if (v->source == DELIVERY_DIRECT_PUT &&
            delivery_hidden_remove(c, &hidden, bytes_text(v->name), &ignored) != OK)
            trace(TRACE_WARN, "delivery", "%s", ignored.text); /* the next start's sweep finds it */
        delivery_view_unref(v);
        return st;
    }
    struct delivery *d = delivery_new(v);
    delivery_table_add(c->settings.table, d);
    if (v->status == DELIVERY_CREATING)
        delivery_delay_start(c, d, c->settings.state_delay_ms, delivery_activate);
    else
        delivery_run(c, d);
    delivery_unref(d);
    return OK;
}

/* ---- update ---- */

static enum status check_update(const struct delivery_view *v,
                                const struct firehose_update_destination_input *in, struct fault *f)
{
    char version[24];
    snprintf(version, sizeof(version), "%" PRIu64, v->version);
    enum status st = delivery_must_be_active(v, f);
    if (st != OK)
        return st;
    if (!bytes_equal(in->current_delivery_stream_version_id, bytes_text(version)))
        return fault_set(f, CHANGED,
                         "Cannot update firehose: %s since the current version id: %s and "
                         "specified version id: %.*s do not match",
                         v->name, version, BYTES_ARGS(in->current_delivery_stream_version_id));
    if (!bytes_equal(in->destination_id, BYTES_LITERAL(DESTINATION_ID)))
        return fault_set(f, INVALID_ARGUMENT, "Destination Id %.*s not found",
                         BYTES_ARGS(in->destination_id));
    return delivery_check_given(&shape_firehose_update_destination_input, in, f);
}

/* Checked with its defaults in it, before anything is written. */
static enum status check_next(const struct delivery_control *c, const struct delivery_view *v,
                              const struct firehose_create_delivery_stream_input *config,
                              struct arena *a, struct bytes *columns, struct fault *f)
{
    struct delivery_view *next;
    struct delivery_view values = delivery_view_values(v);
    enum status st = delivery_view_new(&values, config, &next, f);
    if (st != OK)
        return st;
    st = check_whole(c, next->config, v->config, f);
    if (st == OK)
        st = take_columns(c, next->config, a, columns, f);
    delivery_view_unref(next);
    return st;
}

int delivery_update_destination(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault;
    struct delivery *d;
    struct delivery_view *v;
    struct arena arena;
    struct firehose_create_delivery_stream_input *config;
    struct bytes columns = BYTES_NONE;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    arena_init(&arena, DELIVERY_VIEW_BYTES_MAX);
    st = check_update(v, command->update, f);
    if (st == OK)
        st = delivery_update(v, command->update, &arena, &config, f);
    if (st == OK)
        st = check_next(c, v, config, &arena, &columns, f);
    if (st == OK) {
        struct delivery_view values = delivery_view_values(v);
        values.columns = columns;
        values.version++;
        values.updated_ms = clock_wall_ms(c->settings.clock);
        st = delivery_change_to(c, d, &values, config, f);
    }
    if (st == OK) /* one that could not begin yet is set again anyway: delivery_run */
        (void)c->settings.runner.set(c->settings.runner.arg, d);
    arena_fini(&arena);
    delivery_view_unref(v);
    delivery_unref(d);
    return st;
}

/* ---- tags ---- */

/* Puts one into the sorted set, replacing that of its key; without a value it is removed. */
static void change_tag(struct firehose_tag_delivery_stream_input_tag_list *set, struct bytes key,
                       const struct firehose_tag *tag)
{
    uint32_t i = 0;
    while (i < set->count && bytes_compare(set->at[i].key, key) < 0)
        i++;
    bool there = i < set->count && bytes_equal(set->at[i].key, key);
    if (tag && !there) {
        memmove(&set->at[i + 1], &set->at[i], (set->count - i) * sizeof(*set->at));
        set->count++;
    }
    if (tag)
        set->at[i] = *tag;
    if (!tag && there) {
        set->count--;
        memmove(&set->at[i], &set->at[i + 1], (set->count - i) * sizeof(*set->at));
    }
}

int delivery_set_tags(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault;
    struct delivery *d;
    struct delivery_view *v;
    struct arena arena;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    arena_init(&arena, DELIVERY_VIEW_BYTES_MAX);
    struct firehose_create_delivery_stream_input config = *v->config;
    struct firehose_tag_delivery_stream_input_tag_list *tags = &config.tags;
    tags->at = arena_zero(&arena, (tags->count + command->tags.put_count + 1) * sizeof(*tags->at));
    st = tags->at ? delivery_must_be_active(v, f)
                  : fault_set(f, NO_MEMORY, "no memory for the tags");
    if (st == OK) {
        tags->count = 0;
        tags->present = true;
        for (uint32_t i = 0; i < v->config->tags.count; i++)
            change_tag(tags, v->config->tags.at[i].key, &v->config->tags.at[i]);
        for (uint32_t i = 0; i < command->tags.put_count; i++)
            change_tag(tags, command->tags.put[i].key, &command->tags.put[i]);
        for (uint32_t i = 0; i < command->tags.removed_count; i++)
            change_tag(tags, command->tags.removed[i], NULL);
        if (tags->count > STREAM_TAGS_MAX)
            st = fault_set(f, LIMIT_EXCEEDED,
                           "Firehose %s under account %s cannot have more than %d tags.", v->name,
                           v->scope.account, STREAM_TAGS_MAX);
    }
    if (st == OK) {
        struct delivery_view values = delivery_view_values(v);
        st = delivery_change_to(c, d, &values, &config, f);
    }
    arena_fini(&arena);
    delivery_view_unref(v);
    delivery_unref(d);
    return st;
}

/* ---- flush ---- */

/* Thread: any. */
static void flushed(void *arg, enum status st, const struct fault *f)
{
    struct delivery_command *command = arg;
    if (st != OK)
        fault_set(&command->fault, TIMED_OUT, "%s", f->text);
    delivery_answer(command, st == OK || st == CLOSING ? st : TIMED_OUT);
}

int delivery_flush(struct delivery_control *c, struct delivery_command *command)
{
    const struct delivery_runner *runner = &c->settings.runner;
    struct delivery *d;
    struct delivery_view *v;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    st = delivery_must_be_active(v, &command->fault);
    if (st == OK)
        runner->flush(runner->arg, d, command->within_ms, flushed, command);
    delivery_view_unref(v);
    delivery_unref(d);
    return st == OK ? DELIVERY_LATER : (int)st;
}
