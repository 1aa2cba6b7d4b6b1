/* process_jq.c: MetadataExtraction: a record's partition keys, by a query that libjq compiled once for the chain.
 *
 * The result must be one object whose values are strings, numbers or booleans, none of them empty; else the record fails, as on AWS.
 * Of its keys those go on that the Prefix names: others would make outputs that write under the same prefix.
 *
 * What may be run is bounded before (process_query.h), and so is a record's size.
 *
 * Thread: the lane's; process_jq_check: any. */
#include "delivery/process_jq.h"

#include "base/mem.h"
#include "delivery/output_rules.h"
#include "delivery/process_partition.h"
#include "delivery/process_query.h"

#include <jq.h>
#include <math.h>

#define FAILED "DynamicPartitioning.MetadataExtractionFailed"

/* libjq would write to stderr. */
static void ignore(void *arg, jv message)
{
    (void)arg;
    jv_free(message);
}

static jq_state *compile(struct bytes query)
{
    jq_state *jq = jq_init();
    if (!jq)
        return NULL;
    jq_set_error_cb(jq, ignore, NULL);
    char *text = mem_must(query.len + 1);
    memcpy(text, query.at, query.len);
    int ok = jq_compile(jq, text);
    mem_free(text);
    if (!ok)
        jq_teardown(&jq);
    return jq;
}

enum status process_jq_check(struct bytes query, struct bytes prefix, struct fault *f)
{
    struct query_keys keys;
    struct partition_names names;
    enum status st = query_scan(query, &keys, f);
    if (st == OK)
        st = partition_names_of(prefix, false, &names, f);
    if (st != OK)
        return st;
    for (uint32_t i = 0; i < names.count; i++) {
        bool made = false;
        for (uint32_t k = 0; k < keys.count; k++)
            made = made || bytes_equal(keys.at[k], names.at[i]);
        if (!made)
            return fault_set(f, INVALID_ARGUMENT,
                             "MetadataExtractionQuery does not make the key %.*s of the Prefix.",
                             BYTES_ARGS(names.at[i]));
    }
    jq_state *jq = compile(query);
    if (!jq)
        return fault_set(f, INVALID_ARGUMENT,
                         "MetadataExtractionQuery is not a valid JQ 1.6 expression.");
    jq_teardown(&jq);
    return OK;
}

/* ---- the step ---- */

struct extraction {
    jq_state *jq;
    struct partition_names names;
};

static void close_extraction(void *own)
{
    struct extraction *e = own;
    if (e->jq)
        jq_teardown(&e->jq);
    mem_free(e);
}

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    struct extraction *e = MEM_NEW(struct extraction);
    *out = e;
    enum status st = partition_names_of(view_prefix(p->settings->view), false, &e->names, f);
    if (st != OK)
        return st;
    e->jq = compile(processor_parameter(p->processor, "MetadataExtractionQuery"));
    return e->jq ? OK
                 : fault_set(f, INVALID_ARGUMENT, "MetadataExtractionQuery cannot be compiled");
}

/* The query's one result, or an invalid value. */
static jv evaluate(jq_state *jq, struct bytes data)
{
    jv input = jv_parse_sized((const char *)data.at, (int)data.len);
    if (!jv_is_valid(input))
        return input;
    jq_start(jq, input, 0);
    jv result = jq_next(jq);
    if (!jv_is_valid(result))
        return result;
    jv more = jq_next(jq);
    bool only = !jv_is_valid(more) && !jv_invalid_has_msg(jv_copy(more));
    jv_free(more);
    if (only)
        return result;
    jv_free(result);
    return jv_invalid();
}

/* A value as text; an invalid one when it cannot be a key. Takes v over. */
static jv text_of(jv v)
{
    switch (jv_get_kind(v)) {
    case JV_KIND_STRING:
        if (jv_string_length_bytes(jv_copy(v)) > 0)
            return v;
        break;
    case JV_KIND_NUMBER:
        if (!isnan(jv_number_value(v))) /* libjq reads nan, and writes it as null */
            return jv_dump_string(v, 0);
        break;
    case JV_KIND_TRUE:
    case JV_KIND_FALSE:
        return jv_dump_string(v, 0);
    default:
        break;
    }
    jv_free(v);
    return jv_invalid();
}

static bool all_are_texts(jv object)
{
    bool all = true;
    jv_object_foreach(object, key, value)
    {
        jv text = text_of(value);
        all = all && jv_is_valid(text);
        jv_free(text);
        jv_free(key);
    }
    return all;
}

/* The pairs that the prefix names; MALFORMED: one of them is not there. */
static enum status take_pairs(const struct extraction *e, jv object, struct partition_pairs *pairs)
{
    enum status st = OK;
    for (uint32_t i = 0; i < e->names.count && st == OK; i++) {
        struct bytes name = e->names.at[i];
        jv text = text_of(
            jv_object_get(jv_copy(object), jv_string_sized((const char *)name.at, (int)name.len)));
        if (jv_is_valid(text))
            st = partition_add(
                pairs, false, name,
                bytes_of(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text))));
        else
            st = MALFORMED;
        jv_free(text);
    }
    return st;
}

static enum status extract(const struct extraction *e, struct process_work *w,
                           struct process_item *i)
{
    if (i->data.len > QUERY_INPUT_BYTES_MAX)
        return item_fail(w, i, FAILED, "The record is too large for a query");
    jv result = evaluate(e->jq, i->data);
    struct partition_pairs pairs;
    enum status st = MALFORMED;
    partition_init(&pairs);
    const char *why = "The query failed, or its result is not one JSON object";
    if (jv_get_kind(result) == JV_KIND_OBJECT) {
        why = "partitionKeys values must not be null or empty";
        st = all_are_texts(result) ? take_pairs(e, result, &pairs) : MALFORMED;
    }
    jv_free(result);
    if (st == OK)
        st = partition_take(&pairs, &w->batch->arena, &i->from_query);
    partition_fini(&pairs);
    return st == OK || st == NO_MEMORY ? st : item_fail(w, i, FAILED, why);
}

static enum status run(void *own, struct process_work *w)
{
    enum status st = OK;
    for (uint32_t i = 0; i < w->count && st == OK; i++)
        if (w->items[i].fate == ITEM_GOES_ON)
            st = extract(own, w, &w->items[i]);
    return st;
}

const struct process_step_kind process_jq = {
    .processor = "MetadataExtraction", .open = open, .close = close_extraction, .run = run};
