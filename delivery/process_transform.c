/* process_transform.c: the Lambda processor: records go in calls to a transform, and come back changed, dropped or failed.
 *
 *   run -> calls of at most BufferSizeInMBs -> WAITING -> RUNNING -> (transform_answered) -> marked -> process_resume after the last one
 *                                                 ^ RESTING, with back-off <- failed
 *
 * A call that fails is made again NumberOfRetries times; after that its records go to the error output, as on AWS. Of one batch at most
 * TRANSFORM_CALLS_MAX calls (Splunk: 10) run at once, of all batches of the lane too; a resting one keeps its place, so that a transform that is down is not
 * asked more often for it. BufferIntervalInSeconds is not waited for: a call takes what a read gave.
 *
 * Thread: the lane's. */
#include "delivery/transform.h"

#include "base/mem.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RETRIES = 3,
    BUFFER_BYTES = 1024 * 1024,
    BUFFER_BYTES_SPLUNK = 256 * 1024,
    REST_FIRST_MS = 500,
    REST_MOST_MS = 30000,
    TAIL_BYTES = 2
};

struct transform {
    struct process_settings settings;
    struct transform_target target;
    char url[TRANSFORM_URL_BYTES];
    const struct transform_ops *ops;
    void *side;
    struct bytes arn;
    struct partition_names names;
    uint32_t retries;
    size_t buffer_bytes;
    struct list waiting, taken; /* calls; taken: RUNNING and RESTING */
    uint32_t taken_count, calls_max;
    struct random chance;
};

/* ---- what is configured ---- */

enum status process_transform_check(const struct transforms *t, struct bytes arn, struct fault *f)
{
    struct transform_target target;
    char url[TRANSFORM_URL_BYTES];
    struct bytes qualifier;
    if (!bytes_present(transform_name(arn, &qualifier)))
        return fault_set(f, INVALID_ARGUMENT, "LambdaArn %.*s is not the ARN of a function.",
                         BYTES_ARGS(arn));
    if (transforms_find(t, arn, &target, url) == OK)
        return OK;
    return fault_set(f, INVALID_ARGUMENT,
                     "This server does not know the function of LambdaArn %.*s: it is neither in "
                     "--transforms nor is there a --lambda-endpoint.",
                     BYTES_ARGS(arn));
}

/* "0.2" to "3": of megabytes; checked by process_check. */
static size_t buffer_bytes_of(const struct process_parameters *p)
{
    struct bytes text = processor_parameter(p->processor, "BufferSizeInMBs");
    if (!bytes_present(text))
        return p->settings->view->kind == DELIVERY_TO_SPLUNK ? BUFFER_BYTES_SPLUNK : BUFFER_BYTES;
    char copy[16];
    snprintf(copy, sizeof(copy), "%.*s", BYTES_ARGS(text));
    return (size_t)(strtod(copy, NULL) * 1024 * 1024);
}

static uint32_t retries_of(const struct process_parameters *p)
{
    uint64_t n;
    struct bytes text = processor_parameter(p->processor, "NumberOfRetries");
    return bytes_present(text) && bytes_to_u64(text, &n) ? (uint32_t)n : RETRIES;
}

static void close_transform(void *own)
{
    struct transform *t = own;
    if (t->side)
        t->ops->close(t->side);
    mem_free(t);
}

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    struct transform *t = MEM_NEW(struct transform);
    *out = t;
    t->settings = *p->settings;
    t->arn = processor_parameter(p->processor, "LambdaArn");
    t->retries = retries_of(p);
    t->buffer_bytes = buffer_bytes_of(p);
    list_init(&t->waiting);
    list_init(&t->taken);
    random_seed(&t->chance, p->settings->seed);
    enum status st = partition_names_of(view_prefix(p->settings->view), true, &t->names, f);
    if (st == OK && transforms_find(t->settings.transforms, t->arn, &t->target, t->url) != OK)
        st = process_transform_check(t->settings.transforms, t->arn, f);
    if (st != OK)
        return st;
    t->ops = t->target.url ? &transform_http : &transform_command;
    t->calls_max = t->ops->one_by_one                             ? 1
                   : t->settings.view->kind == DELIVERY_TO_SPLUNK ? TRANSFORM_CALLS_MAX_SPLUNK
                                                                  : TRANSFORM_CALLS_MAX;
    return t->ops->open(&t->target, &t->settings, &t->side, f);
}

/* ---- requests ---- */

static void append_member(struct buf *out, const char *name, struct bytes value)
{
    buf_printf(out, ",\"%s\":", name);
    json_append_string(out, value);
}

static void append_record(const struct process_work *w, const struct process_item *i,
                          struct buf *out)
{
    const struct process_record *r = item_record(w, i);
    char id[TRANSFORM_ID_BYTES];
    transform_id(w, i, id);
    buf_printf(out, "{\"recordId\":\"%s\",\"approximateArrivalTimestamp\":%llu,\"data\":\"", id,
               (unsigned long long)r->time_ms);
    base64_append(out, i->data);
    buf_append_byte(out, '"');
    if (bytes_present(r->sequence)) {
        buf_printf(out, ",\"kinesisRecordMetadata\":{\"approximateArrivalTimestamp\":%llu",
                   (unsigned long long)r->time_ms);
        append_member(out, "shardId", r->shard_id);
        append_member(out, "partitionKey", r->key);
        append_member(out, "sequenceNumber", r->sequence);
        buf_printf(out, ",\"subsequenceNumber\":\"%u\"}", i->sub);
    }
    buf_append_byte(out, '}');
}

static void append_head(const struct transform *t, struct buf *out)
{
    const struct delivery_view *v = t->settings.view;
    char arn[DELIVERY_ARN_BYTES], id[UUID_BYTES];
    delivery_arn(&v->scope, v->name, arn);
    uuid_make(id);
    buf_printf(out, "{\"invocationId\":\"%s\"", id);
    append_member(out, "deliveryStreamArn", bytes_text(arn));
    const struct firehose_kinesis_stream_source_configuration *source =
        v->config->kinesis_stream_source_configuration;
    if (source && bytes_present(source->kinesis_stream_arn))
        append_member(out, "sourceKinesisStreamArn", source->kinesis_stream_arn);
    append_member(out, "region", bytes_text(v->scope.region));
    buf_append_text(out, ",\"records\":[");
}

/* One record more in the call's request, if there is room for it with the tail. False: there is not, and nothing was added; a lone record always
 * goes in, since TRANSFORM_RECORD_BYTES_MAX is less than a request may have. */
static bool request_add(struct transform_call *c, const struct process_item *i)
{
    const struct transform *t = c->transform;
    struct buf *out = &c->request;
    size_t before = out->len;
    if (c->count == 0 && !t->ops->lines)
        append_head(t, out);
    else if (!t->ops->lines)
        buf_append_byte(out, ',');
    append_record(c->work, i, out);
    if (t->ops->lines)
        buf_append_byte(out, '\n');
    if (c->count == 0 || out->status != OK || out->len <= TRANSFORM_BODY_BYTES_MAX - TAIL_BYTES)
        return true;
    out->len = before;
    return false;
}

static enum status request_end(struct transform_call *c)
{
    if (!c->transform->ops->lines)
        buf_append_text(&c->request, "]}");
    return c->request.status == OK ? OK : NO_MEMORY;
}

/* ---- calls ---- */

static void start(struct transform_call *c)
{
    struct transform *t = c->transform;
    c->state = CALL_RUNNING;
    c->attempts++;
    c->code = NULL;
    c->began_us = clock_mono_us(t->settings.clock);
    buf_clear(&c->answer);
    delivery_counters(t->settings.delivery)->process_calls++;
    t->ops->start(t->side, c);
}

static void start_waiting(struct transform *t)
{
    struct list *first;
    while (t->taken_count < t->calls_max && (first = list_first(&t->waiting)) != NULL) {
        list_remove(first);
        list_append(&t->taken, first);
        t->taken_count++;
        start(LIST_OWNER(first, struct transform_call, node));
    }
}

static void call_free(struct transform_call *c)
{
    loop_timer_cancel(c->transform->settings.loop, &c->again);
    list_remove(&c->node);
    buf_fini(&c->request);
    buf_fini(&c->answer);
    mem_free(c);
}

static void call_end(struct transform_call *c, enum status st)
{
    struct transform *t = c->transform;
    struct process_work *w = c->work;
    call_free(c);
    t->taken_count--;
    w->calls_status = w->calls_status == OK ? st : w->calls_status;
    w->calls--;
    start_waiting(t);
    if (w->calls == 0)
        process_resume(w, w->calls_status);
}

static struct transform_reading reading_of(const struct transform_call *c)
{
    const struct transform *t = c->transform;
    return (struct transform_reading){
        .work = c->work,
        .items = c->items,
        .count = c->count,
        .names = &t->names,
        .attempts = c->attempts,
        .now_ms = clock_wall_ms(t->settings.clock),
        .arn = t->arn,
    };
}

static enum status fail_all(struct transform_call *c)
{
    struct transform_reading r = reading_of(c);
    struct bytes code = arena_copy(&c->work->batch->arena, bytes_text(c->code));
    struct bytes why = arena_copy(&c->work->batch->arena, bytes_text(c->why));
    enum status st = bytes_present(code) && bytes_present(why) ? OK : NO_MEMORY;
    for (uint32_t i = 0; i < c->count && st == OK; i++)
        st = transform_fail(&r, c->items[i], (const char *)code.at, (const char *)why.at);
    return st;
}

static void failed(struct transform_call *c)
{
    struct transform *t = c->transform;
    char text[DELIVERY_ERROR_BYTES];
    snprintf(text, sizeof(text), "%s: %s", c->code, c->why);
    delivery_note_error(t->settings.delivery, text);
    if (c->attempts > t->retries) {
        call_end(c, fail_all(c));
        return;
    }
    c->state = CALL_RESTING;
    loop_timer_set(t->settings.loop, &c->again, backoff_next_ms(&c->backoff, &t->chance));
}

static void on_again(struct loop_timer *timer)
{
    start(LIST_OWNER(timer, struct transform_call, again));
}

void transform_answered(struct transform_call *c)
{
    struct transform *t = c->transform;
    struct delivery_counters *counters = delivery_counters(t->settings.delivery);
    counters->process_ms += (clock_mono_us(t->settings.clock) - c->began_us) / 1000;
    if (c->code) {
        failed(c);
        return;
    }
    struct transform_reading r = reading_of(c);
    struct arena scratch;
    arena_init(&scratch, SIZE_MAX / 2);
    r.scratch = &scratch;
    enum status st = t->ops->lines ? transform_read_lines(&r, buf_view(&c->answer))
                                   : transform_read_body(&r, buf_view(&c->answer));
    arena_fini(&scratch);
    if (st == MALFORMED) {
        c->code = "Lambda.JsonProcessingException";
        snprintf(c->why, sizeof(c->why), "The function's answer is not what Firehose expects");
        if (t->ops->distrust)
            t->ops->distrust(t->side);
        failed(c);
        return;
    }
    counters->process_successes++;
    call_end(c, st);
}

/* ---- a batch ---- */

static struct transform_call *call_new(struct transform *t, struct process_work *w,
                                       struct process_item **items)
{
    struct transform_call *c = MEM_NEW(struct transform_call);
    c->transform = t;
    c->work = w;
    c->items = items;
    c->backoff = (struct backoff){.first_ms = REST_FIRST_MS, .most_ms = REST_MOST_MS};
    c->again.fire = on_again;
    buf_init(&c->request, 2 * TRANSFORM_BODY_BYTES_MAX);
    buf_init(&c->answer, 2 * TRANSFORM_BODY_BYTES_MAX);
    list_append(&t->waiting, &c->node);
    w->calls++;
    return c;
}

/* Ends the call before, if there is one. */
static enum status next_call(struct transform *t, struct process_work *w,
                             struct process_item **items, struct transform_call **c)
{
    enum status st = *c ? request_end(*c) : OK;
    *c = call_new(t, w, items);
    return st;
}

/* A call ends with BufferSizeInMBs of data, or with what a request may have: of records without data, kilobytes may be megabytes there. */
static enum status gather_calls(struct transform *t, struct process_work *w,
                                struct process_item **items)
{
    struct transform_call *c = NULL;
    size_t bytes = 0;
    uint32_t at = 0;
    enum status st = OK;
    for (uint32_t n = 0; n < w->count && st == OK; n++) {
        struct process_item *i = &w->items[n];
        if (i->fate != ITEM_GOES_ON)
            continue;
        if (i->data.len > TRANSFORM_RECORD_BYTES_MAX) {
            st = item_fail(w, i, "Lambda.RequestTooLarge",
                           "The record is too large for a call of the function");
            continue;
        }
        if (!c || bytes + i->data.len > t->buffer_bytes || !request_add(c, i)) {
            st = next_call(t, w, items + at, &c);
            (void)request_add(c, i);
            bytes = 0;
        }
        bytes += i->data.len;
        items[at++] = i;
        c->count++;
    }
    return st == OK && c ? request_end(c) : st;
}

static void cancel(void *own, struct process_work *w)
{
    struct transform *t = own;
    struct list *const lists[] = {&t->waiting, &t->taken};
    for (int k = 0; k < 2; k++) {
        LIST_EACH(node, keep, lists[k])
        {
            struct transform_call *c = LIST_OWNER(node, struct transform_call, node);
            if (c->work != w)
                continue;
            if (c->state == CALL_RUNNING)
                t->ops->cancel(t->side, c);
            t->taken_count -= c->state != CALL_WAITING;
            call_free(c);
        }
    }
    w->calls = 0;
}

static enum status run(void *own, struct process_work *w)
{
    struct transform *t = own;
    w->calls = 0;
    w->calls_status = OK;
    struct process_item **items =
        arena_take(&w->batch->arena, (w->count + 1) * sizeof(struct process_item *));
    enum status st = items ? gather_calls(t, w, items) : NO_MEMORY;
    if (st != OK) {
        cancel(t, w);
        return st;
    }
    if (w->calls == 0)
        return OK;
    start_waiting(t);
    return END;
}

const struct process_step_kind process_transform = {
    .processor = "Lambda", .open = open, .close = close_transform, .run = run, .cancel = cancel};
