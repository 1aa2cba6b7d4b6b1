/* delivery.c: views of a delivery stream, stored and read back; the view in force, counters, the last error.
 *
 * A stored view is two lines of JSON: what it is, and its configuration in the service's own form, secrets included (the folder is its
 * owner's alone). The second is what a client sent with every default in it, so it is read by the tables that read requests; reading fills
 * in defaults again, which gives rows of an older program those it did not know.
 *
 *   {"account":"000000000000","created_ms":1764000000000,"encryption":0,"name":"d","region":"us-east-1","status":2,...}
 *   {"DeliveryStreamName":"d","DeliveryStreamType":"DirectPut","ExtendedS3DestinationConfiguration":{...}}
 *
 * The lock of a delivery stream is held for a pointer and a count, or a sentence. */
#include "delivery/delivery.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "delivery/delivery_defaults.h"
#include "delivery/output_rules.h"
#include "delivery/time_zone.h"
#include "wire/json.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- views ---- */

struct delivery_view *delivery_view_ref(struct delivery_view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void delivery_view_unref(struct delivery_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    time_zone_free(v->zone);
    arena_fini(&v->arena);
    mem_free(v);
}

static enum delivery_kind kind_of(const struct firehose_create_delivery_stream_input *c)
{
    if (c->http_endpoint_destination_configuration)
        return DELIVERY_TO_HTTP;
    if (c->splunk_destination_configuration)
        return DELIVERY_TO_SPLUNK;
    return c->extended_s3_destination_configuration ? DELIVERY_TO_S3 : DELIVERY_TO_OPENSEARCH;
}

/* A new zone that is unknown is refused by delivery_check; one that was known once and is not any more must not keep the rest from being read. */
static void open_zone(struct delivery_view *v)
{
    struct bytes name = view_time_zone(v);
    struct fault f = {0};
    if (bytes_present(name) && time_zone_open(name, &v->zone, &f) != OK)
        trace(TRACE_ERROR, "delivery", "%s: %s: UTC is taken", v->name, f.text);
}

/* The view with what the text of its configuration says; `text` is the arena's, to be decoded in place. */
static enum status take_config(struct delivery_view *v, struct bytes text, struct fault *f)
{
    struct firehose_create_delivery_stream_input *config = arena_zero(&v->arena, sizeof(*config));
    if (!config || !bytes_present(text))
        return fault_set(f, NO_MEMORY, "no memory for a delivery stream's configuration");
    enum status st = json_decode(&shape_firehose_create_delivery_stream_input,
                                 (uint8_t *)(uintptr_t)text.at, text.len, &v->arena, config, f);
    if (st == OK)
        st = delivery_defaults(config, &v->old_name, &v->arena, f);
    if (st != OK)
        return st;
    v->config = config;
    v->kind = kind_of(config);
    v->source = bytes_equal(config->delivery_stream_type, BYTES_LITERAL("KinesisStreamAsSource"))
                    ? DELIVERY_KINESIS
                    : DELIVERY_DIRECT_PUT;
    open_zone(v);
    return OK;
}

struct delivery_view delivery_view_values(const struct delivery_view *v)
{
    struct delivery_view values = {
        .number = v->number,
        .scope = v->scope,
        .status = v->status,
        .version = v->version,
        .created_ms = v->created_ms,
        .updated_ms = v->updated_ms,
        .start_ms = v->start_ms,
        .encryption = v->encryption,
        .old_name = v->old_name,
        .failure_type = v->failure_type,
        .failure_details = v->failure_details,
        .columns = v->columns,
    };
    memcpy(values.name, v->name, sizeof(values.name));
    return values;
}

static struct delivery_view *copy_values(const struct delivery_view *values)
{
    struct delivery_view *v = MEM_NEW(struct delivery_view);
    *v = delivery_view_values(values);
    atomic_store(&v->refs, 1);
    arena_init(&v->arena, DELIVERY_VIEW_BYTES_MAX);
    if (bytes_present(v->failure_type))
        v->failure_type = arena_copy(&v->arena, v->failure_type);
    if (bytes_present(v->failure_details))
        v->failure_details = arena_copy(&v->arena, v->failure_details);
    if (bytes_present(v->columns))
        v->columns = arena_copy(&v->arena, v->columns);
    return v;
}

enum status delivery_view_new(const struct delivery_view *values,
                              const struct firehose_create_delivery_stream_input *config,
                              struct delivery_view **out, struct fault *f)
{
    struct buf text;
    buf_init(&text, DELIVERY_VIEW_BYTES_MAX);
    json_encode(&shape_firehose_create_delivery_stream_input, config, &text);
    enum status st = text.status;
    struct delivery_view *v = copy_values(values);
    if (st == OK)
        st = take_config(v, arena_copy(&v->arena, buf_view(&text)), f);
    else
        fault_set(f, st, "a delivery stream's configuration is too large");
    buf_fini(&text);
    if (st != OK) {
        delivery_view_unref(v);
        v = NULL;
    }
    *out = v;
    return st;
}

enum status delivery_view_write(const struct delivery_view *v, struct buf *out)
{
    json_t *row =
        json_pack("{s:s s:s s:s s:i s:I s:I s:I s:I s:i s:b}", "account", v->scope.account,
                  "region", v->scope.region, "name", v->name, "status", (int)v->status, "version",
                  (json_int_t)v->version, "created_ms", (json_int_t)v->created_ms, "updated_ms",
                  (json_int_t)v->updated_ms, "start_ms", (json_int_t)v->start_ms, "encryption",
                  (int)v->encryption, "old_name", (int)v->old_name);
    must(row);
    if (bytes_present(v->failure_type) && bytes_present(v->failure_details)) {
        must(json_object_set_new(
                 row, "failure_type",
                 json_stringn((const char *)v->failure_type.at, v->failure_type.len)) == 0);
        must(json_object_set_new(
                 row, "failure_details",
                 json_stringn((const char *)v->failure_details.at, v->failure_details.len)) == 0);
    }
    if (bytes_present(v->columns))
        must(json_object_set_new(row, "columns",
                                 json_stringn((const char *)v->columns.at, v->columns.len)) == 0);
    enum status st = json_text_append(row, JSON_COMPACT | JSON_SORT_KEYS, out);
    json_decref(row);
    if (st != OK)
        return st;
    buf_append_byte(out, '\n');
    json_encode(&shape_firehose_create_delivery_stream_input, v->config, out);
    return out->status;
}

static bool take_number(const json_t *row, const char *name, uint64_t most, uint64_t *out)
{
    const json_t *value = json_object_get(row, name);
    json_int_t number = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
    if ((!json_is_integer(value) && !json_is_boolean(value)) || number < 0 ||
        (uint64_t)number > most)
        return false;
    *out = (uint64_t)number;
    return true;
}

/* False: the line is not one of ours. Texts are views of the row. */
static bool take_row(const json_t *row, struct delivery_view *values)
{
    const char *name = json_string_value(json_object_get(row, "name"));
    const char *account = json_string_value(json_object_get(row, "account"));
    const char *region = json_string_value(json_object_get(row, "region"));
    uint64_t status, encryption, old_name;
    bool fine = name && strlen(name) <= DELIVERY_NAME_BYTES_MAX && account && region &&
                scope_set(&values->scope, bytes_text(account), bytes_text(region)) &&
                take_number(row, "status", DELIVERY_DELETING_FAILED, &status) &&
                take_number(row, "encryption", DELIVERY_DECRYPTING, &encryption) &&
                take_number(row, "old_name", 1, &old_name) &&
                take_number(row, "version", INT64_MAX, &values->version) &&
                take_number(row, "created_ms", INT64_MAX, &values->created_ms) &&
                take_number(row, "updated_ms", INT64_MAX, &values->updated_ms) &&
                take_number(row, "start_ms", INT64_MAX, &values->start_ms);
    if (!fine)
        return false;
    snprintf(values->name, sizeof(values->name), "%s", name);
    values->status = (enum delivery_status)status;
    values->encryption = (enum delivery_encryption)encryption;
    values->old_name = old_name != 0;
    const json_t *type = json_object_get(row, "failure_type");
    const json_t *details = json_object_get(row, "failure_details");
    values->failure_type = bytes_of(json_string_value(type), json_string_length(type));
    values->failure_details = bytes_of(json_string_value(details), json_string_length(details));
    const json_t *columns = json_object_get(row, "columns");
    values->columns = bytes_of(json_string_value(columns), json_string_length(columns));
    return true;
}

enum status delivery_view_read(uint64_t number, struct bytes stored, struct delivery_view **out,
                               struct fault *f)
{
    struct delivery_view values = {.number = number};
    const uint8_t *end = stored.len ? memchr(stored.at, '\n', stored.len) : NULL;
    size_t head = end ? (size_t)(end - stored.at) : 0;
    json_t *row = json_loadb((const char *)stored.at, head, JSON_REJECT_DUPLICATES, NULL);
    struct delivery_view *v = NULL;
    struct fault why = {.text = ""};
    enum status st = CORRUPT;
    if (row && take_row(row, &values)) {
        v = copy_values(&values);
        struct bytes config = bytes_of(stored.at + head + 1, stored.len - head - 1);
        st = take_config(v, arena_copy(&v->arena, config), &why);
    }
    json_decref(row);
    *out = v;
    if (st == OK)
        return OK;
    delivery_view_unref(v);
    *out = NULL;
    return fault_set(f, st == NO_MEMORY ? st : CORRUPT,
                     "delivery: the row of delivery stream number %llu cannot be read. %.200s",
                     (unsigned long long)number, why.text);
}

/* ---- the delivery stream ---- */

struct delivery {
    _Atomic uint32_t refs;
    struct delivery_counters counters;
    struct delivery_quota quota;
    struct lock mu;
    /* under mu */
    struct delivery_view *view;
    char error[DELIVERY_ERROR_BYTES];
};

struct delivery *delivery_new(struct delivery_view *first)
{
    struct delivery *d = MEM_NEW(struct delivery);
    atomic_store(&d->refs, 1);
    lock_init(&d->mu, LOCK_DELIVERY);
    d->view = first;
    return d;
}

struct delivery *delivery_ref(struct delivery *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void delivery_unref(struct delivery *d)
{
    if (!d || atomic_fetch_sub(&d->refs, 1) != 1)
        return;
    delivery_view_unref(d->view);
    lock_fini(&d->mu);
    mem_free(d);
}

struct delivery_view *delivery_look(struct delivery *d)
{
    lock_take(&d->mu);
    struct delivery_view *v = delivery_view_ref(d->view);
    lock_drop(&d->mu);
    return v;
}

void delivery_publish(struct delivery *d, struct delivery_view *next)
{
    lock_take(&d->mu);
    struct delivery_view *before = d->view;
    d->view = next;
    lock_drop(&d->mu);
    delivery_view_unref(before);
}

struct delivery_counters *delivery_counters(struct delivery *d)
{
    return &d->counters;
}

struct delivery_quota *delivery_quota(struct delivery *d)
{
    return &d->quota;
}

void delivery_note_error(struct delivery *d, const char *text)
{
    lock_take(&d->mu);
    snprintf(d->error, sizeof(d->error), "%s", text);
    lock_drop(&d->mu);
}

void delivery_last_error(struct delivery *d, char out[DELIVERY_ERROR_BYTES])
{
    lock_take(&d->mu);
    memcpy(out, d->error, sizeof(d->error));
    lock_drop(&d->mu);
}

/* ---- names ---- */

const char *delivery_status_name(enum delivery_status status)
{
    static const char *const names[] = {"CREATING", "CREATING_FAILED", "ACTIVE", "DELETING",
                                        "DELETING_FAILED"};
    return names[status];
}

struct scope delivery_hidden_scope(const struct scope *s)
{
    return scope_hidden(s);
}

void delivery_arn(const struct scope *s, const char *name, char out[DELIVERY_ARN_BYTES])
{
    snprintf(out, DELIVERY_ARN_BYTES, "arn:aws:firehose:%s:%s:deliverystream/%s", s->region,
             s->account, name);
}
