/* process.c: the chain: which steps a delivery stream has, in AWS's order, and a batch's way through them.
 *
 *   process_run -> run_steps -> (a step that calls somebody: process_resume -> run_steps) -> finish -> on_later -> done
 *
 * The order is AWS's, whatever the order of the configuration. Steps that call nobody run at once, in the lane's turn; `done`
 * comes by a timer that is due now, since a lane must not be called back from within its own call, and a timer can be taken back.
 *
 * Records are views all the way where nothing changes them: a chain of KPL alone copies nothing.
 *
 * Thread: the lane's. */
#include "delivery/process_internal.h"

#include "base/mem.h"
#include "delivery/conversion.h"
#include "delivery/error_record.h"
#include "delivery/output_rules.h"
#include "delivery/process_jq.h"
#include "delivery/process_partition.h"
#include "delivery/transform.h"

/* In the order in which they run. */
static const struct process_step_kind *const kinds[] = {
    &process_kpl, &process_inflate,   &process_logs,    &process_split,   &process_transform,
    &process_jq,  &process_partition, &process_delimit, &process_convert,
};
enum { STEPS_MAX = sizeof(kinds) / sizeof(kinds[0]) };

struct process {
    struct process_settings settings;
    struct process_step steps[STEPS_MAX];
    uint32_t step_count;
    struct list working;  /* with a step that calls somebody */
    struct list finished; /* to be told */
    struct loop_timer later;
};

/* ---- what is configured ---- */

static const struct firehose_processing_configuration *processing_of(const struct delivery_view *v)
{
    const struct firehose_create_delivery_stream_input *c = v->config;
    switch (v->kind) {
    case DELIVERY_TO_S3:
        return c->extended_s3_destination_configuration->processing_configuration;
    case DELIVERY_TO_HTTP:
        return c->http_endpoint_destination_configuration->processing_configuration;
    case DELIVERY_TO_SPLUNK:
        return c->splunk_destination_configuration->processing_configuration;
    case DELIVERY_TO_OPENSEARCH:
        return c->amazonopensearchservice_destination_configuration->processing_configuration;
    }
    return NULL;
}

bool processor_is(const struct firehose_processor *p, const char *type)
{
    return bytes_equal(p->type, bytes_text(type));
}

struct bytes processor_parameter(const struct firehose_processor *p, const char *name)
{
    for (uint32_t i = 0; i < p->parameters.count; i++)
        if (bytes_equal(p->parameters.at[i].parameter_name, bytes_text(name)))
            return p->parameters.at[i].parameter_value;
    return BYTES_NONE;
}

static const struct firehose_processor *processor_of(const struct delivery_view *v,
                                                     const char *type)
{
    const struct firehose_processing_configuration *c = processing_of(v);
    for (uint32_t i = 0; c && c->enabled.value && i < c->processors.count; i++)
        if (processor_is(&c->processors.at[i], type))
            return &c->processors.at[i];
    return NULL;
}

/* Whether a view has that step, and by which processor. */
static bool has_step(const struct delivery_view *v, const struct process_step_kind *kind,
                     const struct firehose_processor **processor)
{
    *processor = kind->processor ? processor_of(v, kind->processor) : NULL;
    if (kind == &process_kpl)
        return v->source == DELIVERY_KINESIS;
    if (kind == &process_partition)
        return view_partitions(v);
    if (kind == &process_convert)
        return conversion_of(v->config) != NULL;
    return *processor != NULL;
}

bool process_is_plain(const struct delivery_view *v)
{
    const struct firehose_processor *processor;
    for (size_t i = 0; i < STEPS_MAX; i++)
        if (has_step(v, kinds[i], &processor))
            return false;
    return true;
}

bool process_names_records(const struct delivery_view *v)
{
    return processor_of(v, "Lambda") != NULL || conversion_of(v->config) != NULL;
}

/* ---- items ---- */

enum status item_fail(struct process_work *w, struct process_item *i, const char *code,
                      const char *message)
{
    struct process_failure *why = arena_take(&w->batch->arena, sizeof(*why));
    if (!why)
        return NO_MEMORY;
    *why = (struct process_failure){.code = code, .message = message, .attempts = 1};
    i->failure = why;
    i->fate = ITEM_FAILED;
    return OK;
}

static enum status items_add(struct process_work *w, const struct process_item *item)
{
    if (w->count == w->room) {
        uint32_t room = w->room ? 2 * w->room : 64;
        struct process_item *at = mem_resize_try(w->items, room * sizeof(*at));
        if (!at)
            return NO_MEMORY;
        w->items = at;
        w->room = room;
    }
    bool is_next = w->count > 0 && w->items[w->count - 1].record == item->record;
    w->items[w->count] = *item;
    w->items[w->count].sub = is_next ? w->items[w->count - 1].sub + 1 : 0;
    w->count++;
    return OK;
}

/* An item's parts, or itself. */
static enum status cut_item(struct process_work *to, const struct process_item *item,
                            process_cut_fn *cut, const void *own, struct process_parts *parts)
{
    parts->count = 0;
    enum status st = item->fate == ITEM_GOES_ON ? cut(own, item->data, parts) : MALFORMED;
    if (st == NO_MEMORY)
        return st;
    if (st != OK || parts->count == 0)
        return items_add(to, item);
    st = OK;
    for (uint32_t i = 0; i < parts->count && st == OK; i++) {
        struct process_item part = *item;
        part.data = parts->at[i];
        st = items_add(to, &part);
    }
    return st;
}

enum status process_cut_all(struct process_work *w, process_cut_fn *cut, const void *own)
{
    struct process_parts parts = {0};
    struct process_work to = {0};
    enum status st = OK;
    for (uint32_t i = 0; i < w->count && st == OK; i++)
        st = cut_item(&to, &w->items[i], cut, own, &parts);
    mem_free(parts.at);
    if (st != OK) {
        mem_free(to.items);
        return st;
    }
    mem_free(w->items);
    w->items = to.items;
    w->count = to.count;
    w->room = to.room;
    return OK;
}

void process_take_less(struct process_work *w, uint32_t n)
{
    w->batch->count = w->items[n].record;
    w->count = n;
}

/* ---- results ---- */

static enum status error_line(const struct process_work *w, const struct process_item *i,
                              struct process_result *r)
{
    const struct process_failure *why = i->failure;
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    const struct error_record e = {
        .attempts = why->attempts,
        .arrival_ms = r->time_ms,
        .ended_ms = why->ended_ms ? why->ended_ms : r->time_ms,
        .code = why->code,
        .message = why->message,
        .data = i->data,
        .lambda_arn = why->lambda_arn,
        .schema = why->schema,
        .sequence = why->schema ? item_record(w, i)->sequence : BYTES_NONE,
        .sub = i->sub,
    };
    error_record_append(&e, &line);
    r->channel = OUTPUT_ERROR;
    r->partition = why->schema ? BYTES_LITERAL("format-conversion-failed")
                               : BYTES_LITERAL("processing-failed");
    r->data = line.status == OK ? arena_copy(&w->batch->arena, buf_view(&line)) : BYTES_NONE;
    buf_fini(&line);
    return bytes_present(r->data) ? OK : NO_MEMORY;
}

static enum status make_results(struct process_work *w)
{
    struct process_batch *b = w->batch;
    b->results = arena_take(&b->arena, (w->count + 1) * sizeof(*b->results));
    enum status st = b->results ? OK : NO_MEMORY;
    for (uint32_t n = 0; n < w->count && st == OK; n++) {
        const struct process_item *i = &w->items[n];
        struct process_result *r = &b->results[b->result_count];
        if (i->fate == ITEM_DROPPED) {
            b->dropped++;
            continue;
        }
        *r = (struct process_result){
            .offset = item_record(w, i)->offset,
            .sub = i->sub,
            .time_ms = item_record(w, i)->time_ms,
            .channel = OUTPUT_MAIN,
            .partition = i->partition,
            .data = i->data,
        };
        if (i->fate == ITEM_FAILED)
            st = error_line(w, i, r);
        b->result_count++;
    }
    return st;
}

/* ---- a batch's way ---- */

static void finish(struct process_work *w, enum status st)
{
    struct process *p = w->chain;
    w->batch->status = st == OK ? make_results(w) : st;
    list_append(&p->finished, &w->node);
    if (!p->later.armed)
        loop_timer_set(p->settings.loop, &p->later, 0);
}

/* Tells the owner; the chain may be gone after that. */
static void tell(struct process_work *w, enum status st)
{
    struct process_batch *b = w->batch;
    if (st != OK) {
        b->status = st;
        b->result_count = 0;
    }
    list_remove(&w->node);
    mem_free(w->items);
    mem_free(w);
    b->done(b);
}

static void on_later(struct loop_timer *t)
{
    struct process *p = LIST_OWNER(t, struct process, later);
    struct process_work *w = LIST_OWNER(list_first(&p->finished), struct process_work, node);
    if (p->finished.next != p->finished.prev)
        loop_timer_set(p->settings.loop, &p->later, 0);
    tell(w, OK);
}

static void run_steps(struct process_work *w)
{
    struct process *p = w->chain;
    enum status st = OK;
    while (st == OK && w->step < p->step_count) {
        const struct process_step *s = &p->steps[w->step++];
        st = s->kind->run(s->own, w);
    }
    if (st == END)
        list_append(&p->working, &w->node);
    else
        finish(w, st);
}

void process_resume(struct process_work *w, enum status st)
{
    list_remove(&w->node);
    if (st == OK)
        run_steps(w);
    else
        finish(w, st);
}

void process_run(struct process *p, struct process_batch *b)
{
    struct process_work *w = MEM_NEW(struct process_work);
    w->chain = p;
    w->batch = b;
    list_init(&w->node);
    arena_init(&b->arena, SIZE_MAX / 2);
    b->results = NULL;
    b->result_count = b->dropped = 0;
    enum status st = OK;
    for (uint32_t i = 0; i < b->count && st == OK; i++)
        st = items_add(w, &(struct process_item){.record = i, .data = b->records[i].data});
    if (st == OK)
        run_steps(w);
    else
        finish(w, st);
}

/* ---- life ---- */

enum status process_new(const struct process_settings *s, struct process **out, struct fault *f)
{
    struct process *p = MEM_NEW(struct process);
    p->settings = *s;
    list_init(&p->working);
    list_init(&p->finished);
    p->later.fire = on_later;
    enum status st = OK;
    for (size_t i = 0; i < STEPS_MAX && st == OK; i++) {
        struct process_parameters with = {.settings = &p->settings};
        if (!has_step(s->view, kinds[i], &with.processor))
            continue;
        struct process_step *step = &p->steps[p->step_count++];
        step->kind = kinds[i];
        if (step->kind->open)
            st = step->kind->open(&with, &step->own, f);
    }
    if (st != OK) {
        process_free(p);
        p = NULL;
    }
    *out = p;
    return st;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    struct list *first;
    loop_timer_cancel(p->settings.loop, &p->later);
    while ((first = list_first(&p->working)) != NULL) {
        struct process_work *w = LIST_OWNER(first, struct process_work, node);
        const struct process_step *s = &p->steps[w->step - 1];
        s->kind->cancel(s->own, w);
        tell(w, CLOSING);
    }
    while ((first = list_first(&p->finished)) != NULL)
        tell(LIST_OWNER(first, struct process_work, node), CLOSING);
    for (uint32_t i = 0; i < p->step_count; i++)
        if (p->steps[i].kind->close && p->steps[i].own)
            p->steps[i].kind->close(p->steps[i].own);
    mem_free(p);
}
