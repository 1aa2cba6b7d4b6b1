/* process_logs.c: CloudWatchLogProcessing: what CloudWatch Logs sends, and only that.
 *
 *   {"messageType": "DATA_MESSAGE", "owner": ..., "logGroup": ..., "logEvents": [{"id": ..., "timestamp": ..., "message": ...}, ...]}
 *
 * With DataMessageExtraction the record becomes its messages, each with a newline between; without, it stays as it is. A
 * CONTROL_MESSAGE, by which CloudWatch Logs tries whether somebody is there, is dropped. Anything else fails.
 *
 * Thread: the lane's. */
#include "base/mem.h"
#include "delivery/process_internal.h"
#include "wire/json.h"
#include "wire/model/processing.h"

enum status logs_messages(struct bytes body, struct arena *a, struct bytes *out)
{
    struct processing_logs_data d;
    struct fault f;
    enum status st = json_decode(&shape_processing_logs_data, (uint8_t *)(uintptr_t)body.at,
                                 body.len, a, &d, &f);
    if (st != OK)
        return st;
    if (bytes_equal(d.message_type, BYTES_LITERAL("CONTROL_MESSAGE")))
        return END;
    if (!bytes_equal(d.message_type, BYTES_LITERAL("DATA_MESSAGE")) || !d.log_events.present)
        return MALFORMED;
    size_t len = 0;
    for (uint32_t i = 0; i < d.log_events.count; i++)
        len += d.log_events.at[i].message.len + 1;
    uint8_t *at = arena_take(a, len + 1);
    if (!at)
        return NO_MEMORY;
    *out = bytes_of(at, len ? len - 1 : 0);
    for (uint32_t i = 0; i < d.log_events.count; i++) {
        struct bytes message = d.log_events.at[i].message;
        if (message.len)
            memcpy(at, message.at, message.len);
        at[message.len] = '\n';
        at += message.len + 1;
    }
    return OK;
}

/* ---- the step ---- */

struct logs {
    bool extracts;
};

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    (void)f;
    struct logs *l = MEM_NEW(struct logs);
    struct bytes value = processor_parameter(p->processor, "DataMessageExtraction");
    l->extracts = bytes_equal_ignore_case(value, BYTES_LITERAL("true"));
    *out = l;
    return OK;
}

static enum status run_item(const struct logs *l, struct process_work *w, struct process_item *i)
{
    struct arena *a = &w->batch->arena;
    struct bytes copy = arena_copy(a, i->data), messages;
    if (!bytes_present(copy))
        return NO_MEMORY;
    enum status st = logs_messages(copy, a, &messages);
    if (st == END)
        i->fate = ITEM_DROPPED;
    else if (st == OK && l->extracts)
        i->data = messages;
    else if (st == MALFORMED)
        return item_fail(w, i, "CloudWatchLogProcessing.InvalidSource",
                         "The record is not data of CloudWatch Logs");
    return st == NO_MEMORY || st == TOO_LARGE ? NO_MEMORY : OK;
}

static enum status run(void *own, struct process_work *w)
{
    enum status st = OK;
    for (uint32_t i = 0; i < w->count && st == OK; i++)
        if (w->items[i].fate == ITEM_GOES_ON)
            st = run_item(own, w, &w->items[i]);
    return st;
}

const struct process_step_kind process_logs = {
    .processor = "CloudWatchLogProcessing", .open = open, .close = mem_free, .run = run};
