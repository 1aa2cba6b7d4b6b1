/* transform_answer.c: what a transform says of records.
 *
 *   {"records": [{"recordId": "...", "result": "Ok" | "Dropped" | "ProcessingFailed", "data": base64, "metadata": {"partitionKeys": {...}}}, ...]}
 *
 * A1. Every record is answered exactly once: one that is missing, or answered twice, fails; the others of the call count.
 * A2. An id that was not asked for is no record of ours and counts for nothing.
 * A3. Ok has data; partition keys that the prefix names are there, and not empty. Else the record fails.
 *
 * An id is the record's place, in digits: offset (20) and number within it (10), so ids are in the order of the records.
 *
 * A4. An attempt takes memory of the batch only when it counts: answers are read in its own scratch.
 *
 * Pure. Thread: any. */
#include "delivery/transform.h"

#include "wire/json.h"
#include "wire/model/processing.h"

#include <stdio.h>

enum { OFFSET_DIGITS = 20, SUB_DIGITS = 10 };

void transform_id(const struct process_work *w, const struct process_item *i,
                  char out[TRANSFORM_ID_BYTES])
{
    snprintf(out, TRANSFORM_ID_BYTES, "%0*llu%0*u", OFFSET_DIGITS,
             (unsigned long long)item_record(w, i)->offset, SUB_DIGITS, i->sub);
}

enum status transform_fail(struct transform_reading *r, struct process_item *i, const char *code,
                           const char *message)
{
    struct process_failure *why = arena_take(&r->work->batch->arena, sizeof(*why));
    if (!why)
        return NO_MEMORY;
    *why = (struct process_failure){.code = code,
                                    .message = message,
                                    .attempts = r->attempts,
                                    .ended_ms = r->now_ms,
                                    .lambda_arn = r->arn};
    i->failure = why;
    i->fate = ITEM_FAILED;
    r->failed++;
    return OK;
}

/* ---- one record ---- */

static struct bytes key_of(const struct processing_transformed_record *a, struct bytes name)
{
    const struct processing_record_metadata *m = a->metadata;
    for (uint32_t i = 0; m && i < m->partition_keys.count; i++)
        if (bytes_equal(m->partition_keys.at[i].key, name))
            return m->partition_keys.at[i].value;
    return BYTES_NONE;
}

static enum status take_keys(const struct transform_reading *r, struct process_item *i,
                             const struct processing_transformed_record *a)
{
    struct partition_pairs pairs;
    enum status st = OK;
    partition_init(&pairs);
    for (uint32_t n = 0; n < r->names->count && st == OK; n++)
        st = partition_add(&pairs, true, r->names->at[n], key_of(a, r->names->at[n]));
    if (st == OK)
        st = partition_take(&pairs, r->scratch, &i->from_transform);
    partition_fini(&pairs);
    return st;
}

static enum status mark(struct transform_reading *r, struct process_item *i,
                        const struct processing_transformed_record *a)
{
    if (bytes_equal(a->result, BYTES_LITERAL("Dropped"))) {
        i->fate = ITEM_DROPPED;
        return OK;
    }
    if (bytes_equal(a->result, BYTES_LITERAL("ProcessingFailed")))
        return transform_fail(r, i, "Lambda.ProcessingFailedStatus",
                              "ProcessingFailed status set for record");
    if (!bytes_equal(a->result, BYTES_LITERAL("Ok")) || !bytes_present(a->data))
        return transform_fail(r, i, "Lambda.JsonProcessingException",
                              "The function's answer for the record has no valid result and data");
    enum status st = take_keys(r, i, a);
    if (st == MALFORMED)
        return transform_fail(r, i, "DynamicPartitioning.MetadataExtractionFailed",
                              "partitionKeys values must not be null or empty");
    i->data = a->data;
    return st;
}

/* What counts of an answer goes where the batch's results are; the rest goes with the attempt. */
static enum status keep(const struct transform_reading *r)
{
    struct arena *a = &r->work->batch->arena;
    for (uint32_t n = 0; n < r->count; n++) {
        struct process_item *i = r->items[n];
        if (i->fate != ITEM_GOES_ON)
            continue;
        i->data = arena_copy(a, i->data);
        if (i->from_transform.len > 0)
            i->from_transform = arena_copy(a, i->from_transform);
        if (!bytes_present(i->data) || (i->from_transform.len > 0 && !i->from_transform.at))
            return NO_MEMORY;
    }
    return OK;
}

/* ---- a body ---- */

static bool digits_of(struct bytes text, size_t from, size_t count, uint64_t *out)
{
    return text.len == OFFSET_DIGITS + SUB_DIGITS &&
           bytes_to_u64(bytes_of(text.at + from, count), out);
}

/* Which of the call's records has that id; `count`: none. */
static uint32_t place_of(const struct transform_reading *r, struct bytes id)
{
    uint64_t offset, sub;
    if (!digits_of(id, 0, OFFSET_DIGITS, &offset) ||
        !digits_of(id, OFFSET_DIGITS, SUB_DIGITS, &sub))
        return r->count;
    uint32_t low = 0, high = r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct process_item *i = r->items[middle];
        uint64_t at = item_record(r->work, i)->offset;
        if (at == offset && i->sub == sub)
            return middle;
        if (at < offset || (at == offset && i->sub < sub))
            low = middle + 1;
        else
            high = middle;
    }
    return r->count;
}

static enum status mark_unanswered(struct transform_reading *r, const uint32_t *answers)
{
    enum status st = OK;
    for (uint32_t i = 0; i < r->count && st == OK; i++) {
        if (answers[i] == 0)
            st = transform_fail(r, r->items[i], "Lambda.MissingRecordId",
                                "One or more record Ids were not returned");
        else if (answers[i] > 1)
            st = transform_fail(r, r->items[i], "Lambda.DuplicatedRecordId",
                                "Multiple records were returned with the same record ID");
    }
    return st;
}

enum status transform_read_body(struct transform_reading *r, struct bytes answer)
{
    struct arena *a = r->scratch;
    struct processing_transform_answer said;
    struct fault f;
    struct bytes body = arena_copy(a, answer);
    uint32_t *answers = arena_zero(a, (r->count + 1) * sizeof(*answers));
    if (!bytes_present(body) || !answers)
        return NO_MEMORY;
    enum status st = json_decode(&shape_processing_transform_answer, (uint8_t *)(uintptr_t)body.at,
                                 body.len, a, &said, &f);
    if (st != OK || !said.records.present)
        return st == NO_MEMORY ? st : MALFORMED;
    for (uint32_t i = 0; i < said.records.count; i++)
        answers[place_of(r, said.records.at[i].record_id)]++; /* A2: the last of them is nobody's */
    st = mark_unanswered(r, answers);
    for (uint32_t i = 0; i < said.records.count && st == OK; i++) {
        uint32_t at = place_of(r, said.records.at[i].record_id);
        if (at < r->count && answers[at] == 1)
            st = mark(r, r->items[at], &said.records.at[i]);
    }
    return st == OK ? keep(r) : st;
}

/* ---- lines ---- */

static enum status read_line(struct transform_reading *r, struct process_item *i, struct bytes line)
{
    struct arena *a = r->scratch;
    struct processing_transformed_record said;
    struct fault f;
    char id[TRANSFORM_ID_BYTES];
    struct bytes copy = arena_copy(a, line);
    if (!bytes_present(copy))
        return NO_MEMORY;
    enum status st = json_decode(&shape_processing_transformed_record,
                                 (uint8_t *)(uintptr_t)copy.at, copy.len, a, &said, &f);
    if (st == NO_MEMORY)
        return st;
    if (st != OK)
        return transform_fail(r, i, "Lambda.JsonProcessingException",
                              "The transform's line for the record is not valid");
    transform_id(r->work, i, id);
    return bytes_equal(said.record_id, bytes_text(id)) ? mark(r, i, &said) : MALFORMED;
}

static enum status read_lines(struct transform_reading *r, struct bytes answer)
{
    enum status st = OK;
    for (uint32_t i = 0; i < r->count && st == OK; i++) {
        const uint8_t *end = answer.len ? memchr(answer.at, '\n', answer.len) : NULL;
        if (!end)
            return MALFORMED;
        size_t len = (size_t)(end - answer.at);
        st = read_line(r, r->items[i], bytes_of(answer.at, len));
        answer = bytes_of(end + 1, answer.len - len - 1);
    }
    return st == OK && answer.len > 0 ? MALFORMED : st;
}

enum status transform_read_lines(struct transform_reading *r, struct bytes answer)
{
    struct process_item *before = arena_take(r->scratch, (r->count + 1) * sizeof(*before));
    if (!before)
        return NO_MEMORY;
    for (uint32_t i = 0; i < r->count; i++)
        before[i] = *r->items[i];
    enum status st = read_lines(r, answer);
    for (uint32_t i = 0; i < r->count && st == MALFORMED; i++)
        *r->items[i] = before[i];
    r->failed = st == MALFORMED ? 0 : r->failed;
    return st == OK ? keep(r) : st;
}
