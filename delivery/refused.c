/* refused.c: see the header. The lines are those of error_record.h; their facts are in the plan, so that they are the same after a restart (F3). */
#include "delivery/refused.h"

#include "base/mem.h"
#include "delivery/bulk.h"
#include "delivery/error_record.h"
#include "delivery/object_key.h"
#include "delivery/pump_internal.h"
#include "delivery/search_config.h"

#include <stdio.h>
static struct lane *lane_of(const struct plan *p)
{
    return p->output->lane;
}

static const char *copy(struct arena *a, const char *text)
{
    return (const char *)arena_copy(a, bytes_text(text ? text : "")).at;
}

/* The name of the error object: of the same identity as the request, in the error output. */
static enum status name_it(struct plan *p, struct fault *f)
{
    const struct lane *l = lane_of(p);
    const struct delivery_view *v = p->rules->view;
    const struct output_rules *rules = &p->rules->of[OUTPUT_ERROR];
    struct arena *a = &p->facts.arena;
    struct plan_place *place = &p->facts.failure.place;
    const struct object_identity identity = {
        .delivery = v->number,
        .stream = l->stream,
        .shard = l->shard->index,
        .output = p->output->name,
        .first_offset = p->facts.first.offset,
        .first_sub = p->facts.first.sub,
        .last_offset = p->facts.last.offset,
        .last_sub = p->facts.last.sub,
    };
    struct object_key key = {
        .prefix = rules->prefix,
        .error_prefix = rules->error_prefix,
        .is_error = true,
        .error_type = view_failure_type(v),
        .time_ms = p->facts.first_ms,
        .zone = p->rules->zone,
        .delivery_name = bytes_text(v->name),
        .version = v->version,
        .extension = rules->extension,
    };
    object_identity_digest(&identity, key.digest);
    struct buf name;
    buf_init(&name, 4 * OBJECT_KEY_BYTES_MAX);
    enum status st = object_key_print(&key, &name, f);
    *place = (struct plan_place){
        .name = (const char *)arena_copy(a, buf_view(&name)).at,
        .bucket = (const char *)arena_copy(a, rules->bucket).at,
        .kms_key = rules->kms_key.len ? (const char *)arena_copy(a, rules->kms_key).at : NULL,
        .compression = rules->compression,
    };
    buf_fini(&name);
    return st;
}

enum status refused_plan(struct plan *p, struct fault *f)
{
    const struct parcel *parcel = &p->parcel;
    struct arena *a = &p->facts.arena;
    struct plan_failure *failure = &p->facts.failure;
    *failure = (struct plan_failure){
        .is = true,
        .code = copy(a, parcel->code),
        .text = copy(a, parcel->fault.text),
        .attempts = parcel->attempts,
        .ended_ms = parcel->ended_ms,
        .only_count = parcel->refusals ? parcel->refusal_count : 0,
    };
    if (parcel->refusals) {
        size_t bytes = (parcel->refusal_count + 1) * sizeof(struct parcel_refusal);
        struct parcel_refusal *only = arena_zero(a, bytes);
        for (uint32_t i = 0; only && i < parcel->refusal_count; i++) {
            only[i] = parcel->refusals[i];
            only[i].code = copy(a, parcel->refusals[i].code);
        }
        failure->only = only;
    }
    return name_it(p, f);
}

static void write_line(const struct plan *p, const struct parcel_record *r, const char *code,
                       const char *text, struct buf *line)
{
    const struct plan_failure *failure = &p->facts.failure;
    const struct delivery_view *v = p->rules->view;
    char sequence[SEQUENCE_TEXT_BYTES], id[SEQUENCE_TEXT_BYTES + 12];
    char document[DOCUMENT_ID_BYTES], index[BULK_INDEX_BYTES];
    size_t len = shard_sequence_at(lane_of(p)->shard, r->offset, r->time_ms, sequence);
    snprintf(id, sizeof(id), "%s.%u", sequence, r->sub);
    struct error_record e = {
        .attempts = failure->attempts,
        .arrival_ms = r->time_ms,
        .ended_ms = failure->ended_ms,
        .code = code,
        .message = text,
        .data = bytes_of(cargo_body(&p->cargo).at + r->at, r->len),
        .sub = r->sub,
    };
    if (v->kind == DELIVERY_TO_SPLUNK) {
        e.event_id = bytes_text(id);
    } else if (v->kind == DELIVERY_TO_OPENSEARCH) {
        const struct search_config c = search_config_of(v);
        search_document_id(&c, p->facts.place.name, r, document);
        bulk_index_name(c.index, c.rotation, r->time_ms, index);
        e.document_id = bytes_text(document);
        e.index_name = bytes_text(index);
        e.type_name = bytes_present(c.type) ? c.type : BYTES_LITERAL("");
    } else {
        e.sequence = bytes_of(sequence, len);
    }
    buf_clear(line);
    error_record_append(&e, line);
}

static enum status add_line(const struct plan *p, uint32_t record, const char *code,
                            const char *text, struct cargo *errors, struct buf *line)
{
    const struct parcel_record *r = &p->cargo.records[record];
    write_line(p, r, code, text, line);
    if (line->status != OK)
        return line->status;
    return cargo_add(errors, (struct position){r->offset, r->sub}, r->time_ms, buf_view(line));
}

enum status refused_cargo(struct plan *p, struct fault *f)
{
    const struct plan_failure *failure = &p->facts.failure;
    struct cargo errors;
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    cargo_init(&errors, failure->place.compression, false, bytes_text(p->facts.entry));
    uint32_t count = failure->only ? failure->only_count : p->cargo.count;
    enum status st = OK;
    for (uint32_t i = 0; i < count && st == OK; i++) {
        const struct parcel_refusal *only = failure->only ? &failure->only[i] : NULL;
        uint32_t record = only ? only->record : i;
        if (record < p->cargo.count)
            st = add_line(p, record, only ? only->code : failure->code,
                          only ? only->text : failure->text, &errors, &line);
    }
    buf_fini(&line);
    if (st == OK)
        st = cargo_close(&errors);
    if (st != OK) {
        cargo_fini(&errors);
        return fault_set(f, st, "no memory for the error records of %s", p->rules->view->name);
    }
    cargo_fini(&p->cargo);
    p->cargo = errors;
    p->as_errors = true;
    plan_charge(p);
    return OK;
}
