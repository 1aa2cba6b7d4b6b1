/* put_answer.c: what became of a put, as PutRecord and PutRecords tell it: sequence numbers of what is stored, and for each record that is not, why. */
#include "api/put_internal.h"

static void put_end(struct put *p)
{
    for (uint32_t i = 0; i < p->routes; i++)
        stream_view_unref(p->views[i]);
    stream_view_unref(p->view);
    stream_unref(p->stream);
}

void put_fail(struct put *p, const struct fault *f)
{
    struct exchange *x = p->exchange;
    put_end(p);
    reply_fault(x, f);
}

/* ---- the answer ---- */

static struct bytes sequence_of(struct put *p, const struct put_record *r)
{
    char text[SEQUENCE_TEXT_BYTES];
    size_t len = shard_sequence_at(r->shard, r->offset, r->time_ms, text);
    return arena_copy(&p->exchange->arena, bytes_of(text, len));
}

static struct bytes shard_id_of(struct put *p, const struct shard *s)
{
    char text[SHARD_ID_BYTES];
    shard_id_print(s->index, text);
    return arena_copy(&p->exchange->arena, bytes_text(text));
}

/* Absent when they were stored plain. */
static struct bytes encryption_type(const struct put *p)
{
    return stream_encryption_epoch(p->view->settings.encryption) ? BYTES_LITERAL("KMS")
                                                                 : BYTES_NONE;
}

/* Why a batch was refused, as a client hears it. */
enum status put_refusal(struct put *p, enum status status, const struct shard *s, struct fault *f)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(s->index, id);
    if (status == THROTTLED || status == SEALED)
        return fault_set(f, THROTTLED, "Rate exceeded for shard %s in stream %s under account %s.",
                         id, p->view->settings.name, p->view->settings.scope.account);
    if (status == CORRUPT)
        return fault_set(
            f, CORRUPT,
            "Shard %s in stream %s is damaged on disk and takes no records; see the server's log.",
            id, p->view->settings.name);
    if (status == NO_SPACE)
        return fault_set(f, NO_SPACE, "The server's disk is full.");
    return fault_set(f, status, "append to %s of %s: %s", id, p->view->settings.name,
                     status_name(status));
}

static void answer_one(struct put *p)
{
    struct put_record *r = &p->records[0];
    struct exchange *x = p->exchange;
    if (!r->stored) {
        struct fault f = {0};
        if (r->error_code)
            fault_set(&f, INVALID_ARGUMENT, "%.*s", BYTES_ARGS(r->error_text));
        else
            put_refusal(p, p->parts[r->part].batch.append.status, p->parts[r->part].batch.shard,
                        &f);
        metric_add(p->service->data.write_throttled, f.status == THROTTLED);
        put_fail(p, &f);
        return;
    }
    struct kinesis_put_record_output out = {
        .shard_id = shard_id_of(p, r->shard),
        .sequence_number = sequence_of(p, r),
        .encryption_type = encryption_type(p),
    };
    put_end(p);
    reply_shape(x, &shape_kinesis_put_record_output, &out);
}

void put_describe_refused(struct put *p, struct put_record *r,
                          struct kinesis_put_records_result_entry *out)
{
    if (!r->error_code) {
        struct fault f = {0};
        enum status st = put_refusal(p, p->parts[r->part].batch.append.status,
                                     p->parts[r->part].batch.shard, &f);
        metric_add(p->service->data.write_throttled, st == THROTTLED);
        r->error_code =
            st == THROTTLED ? "ProvisionedThroughputExceededException" : "InternalFailure";
        r->error_text = st == THROTTLED || st == CORRUPT || st == NO_SPACE
                            ? arena_copy(&p->exchange->arena, bytes_text(f.text))
                            : BYTES_LITERAL("Internal Service Failure");
    }
    out->error_code = bytes_text(r->error_code);
    out->error_message = r->error_text;
}

static void answer_many(struct put *p)
{
    struct exchange *x = p->exchange;
    struct kinesis_put_records_result_entry *entries =
        arena_zero(&x->arena, p->count * sizeof(*entries));
    if (!entries) {
        put_fail(p, &(struct fault){.status = NO_MEMORY});
        return;
    }
    int64_t failed = 0;
    const struct shard *last = NULL;
    struct bytes last_id = BYTES_NONE;
    for (uint32_t i = 0; i < p->count; i++) {
        struct put_record *r = &p->records[i];
        if (!r->stored) {
            put_describe_refused(p, r, &entries[i]);
            failed++;
            continue;
        }
        if (r->shard != last)
            last_id = shard_id_of(p, r->shard);
        last = r->shard;
        entries[i].shard_id = last_id;
        entries[i].sequence_number = sequence_of(p, r);
    }
    struct kinesis_put_records_output out = {
        .failed_record_count = {failed, true},
        .records = {.count = p->count, .present = true, .at = entries},
        .encryption_type = encryption_type(p),
    };
    put_end(p);
    reply_shape(x, &shape_kinesis_put_records_output, &out);
}

void put_answer(struct put *p)
{
    p->one ? answer_one(p) : answer_many(p);
}
