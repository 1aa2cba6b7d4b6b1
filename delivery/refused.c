/* refused.c: see the header. The lines are those of error_record.h; their facts are in the plan, so that they are the same after a restart (F3). */
#include "delivery/refused.h"

#include "base/mem.h"
#include "delivery/bulk.h"
#include "delivery/error_record.h"
#include "delivery/pump_internal.h"
#include "delivery/search_config.h"

#include <stdio.h>

static struct lane *lane_of(const struct plan *p)
{
    return p->output->lane;
}

/* NULL becomes "". */
static bool keep(struct plan *p, const char *text, const char **out)
{
    return plan_keep(p, bytes_text(text ? text : ""), out);
}

/* The name of the error object: of the same identity as the request, in the error output. */
static enum status name_it(struct plan *p, struct fault *f)
{
    const struct output_rules *rules = &p->rules->of[OUTPUT_ERROR];
    struct plan_place *place = &p->facts.failure.place;
    struct object_key key;
    plan_key(p, rules, &key);
    key.is_error = true;
    key.error_type = view_failure_type(p->rules->view);
    place->compression = rules->compression;
    if (!plan_keep(p, rules->bucket, &place->bucket) ||
        (rules->kms_key.len && !plan_keep(p, rules->kms_key, &place->kms_key)))
        return NO_MEMORY;
    return plan_key_text(p, &key, &place->name, f);
}

/* Those that were refused one by one. */
static enum status keep_refusals(struct plan *p)
{
    const struct parcel *parcel = &p->parcel;
    size_t bytes = (parcel->refusal_count + 1) * sizeof(struct parcel_refusal);
    struct parcel_refusal *only = arena_zero(&p->facts.arena, bytes);
    if (!only)
        return NO_MEMORY;
    for (uint32_t i = 0; i < parcel->refusal_count; i++) {
        only[i] = parcel->refusals[i];
        if (!keep(p, parcel->refusals[i].code, &only[i].code))
            return NO_MEMORY;
    }
    p->facts.failure.only = only;
    p->facts.failure.only_count = parcel->refusal_count;
    return OK;
}

enum status refused_plan(struct plan *p, struct fault *f)
{
    const struct parcel *parcel = &p->parcel;
    struct plan_failure *failure = &p->facts.failure;
    *failure = (struct plan_failure){
        .is = true,
        .attempts = parcel->attempts,
        .ended_ms = parcel->ended_ms,
    };
    enum status st =
        keep(p, parcel->code, &failure->code) && keep(p, parcel->fault.text, &failure->text)
            ? OK
            : NO_MEMORY;
    if (st == OK && parcel->refusals)
        st = keep_refusals(p);
    if (st == OK)
        st = name_it(p, f);
    return st == NO_MEMORY ? fault_set(f, st, "no memory for what was refused") : st;
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
