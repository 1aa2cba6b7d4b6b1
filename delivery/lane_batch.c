/* lane_batch.c: what one read gave: records out of spans, through the chain, results into outputs.
 *
 * Without processing (`process_is_plain`) records are views of the log's memory and are copied once, into their output. Encrypted ones are opened into the batch's
 * arena. Several batches may be in the chain; they are handed over in the order of the log (F4).
 *
 * Thread: the lane's. */
#include "delivery/pump_internal.h"

#include "base/mem.h"
#include "base/trace.h"

/* There was no memory for it: it and those behind it are read again, after a while; what else comes of them now is thrown away. */
static void begin_again(struct lane_batch *first)
{
    struct lane *l = first->lane;
    bool behind = false;
    LIST_EACH(node, keep, &l->batches)
    {
        struct lane_batch *b = LIST_OWNER(node, struct lane_batch, node);
        behind = behind || b == first;
        b->is_void = behind;
    }
    pump_note(l->pump, "there is no memory to process records: they are read again");
    lane_read_again(l, first->from);
}

static void on_processed(struct process_batch *p)
{
    struct lane_batch *b = LIST_OWNER(p, struct lane_batch, process);
    struct lane *l = b->lane;
    struct fault f = {0};
    b->done = true;
    engine_charge(l, &b->memory, b->given + p->arena.used);
    if (lane_settle(l))
        return;
    if (p->status == NO_MEMORY && !b->is_void)
        begin_again(b);
    if (p->status == OK || p->status == CLOSING || b->is_void) {
        lane_hand_over(l);
        lane_step(l);
    } else {
        fault_set(&f, p->status, "records could not be processed");
        lane_fail(l, &f);
    }
}

void lane_batch_free(struct lane_batch *b)
{
    engine_charge(b->lane, &b->memory, 0);
    for (uint32_t i = 0; i < b->span_count; i++)
        log_span_unref(b->spans[i]);
    mem_free(b->spans);
    arena_fini(&b->arena);
    if (!b->lane->rules->plain)
        arena_fini(&b->process.arena);
    list_remove(&b->node);
    b->lane->batch_count--;
    mem_free(b);
}

/* ---- records out of spans ---- */

struct gathering {
    struct lane *lane;
    struct lane_batch *batch;
    struct process_record *records;
    uint32_t count, room;
    struct batch_opener opener;
};

static enum status add_record(struct gathering *g, const struct record *r, struct fault *f)
{
    struct process_record *out = &g->records[g->count++];
    *out = (struct process_record){.offset = r->offset, .time_ms = r->time_ms, .data = r->data};
    struct lane *l = g->lane;
    if (!l->rules->names_records || l->rules->view->source != DELIVERY_KINESIS)
        return OK;
    struct arena *a = &g->batch->arena;
    char *sequence = arena_take(a, SEQUENCE_TEXT_BYTES), *id = arena_take(a, SHARD_ID_BYTES);
    if (!sequence || !id)
        return fault_set(f, NO_MEMORY, "no memory to process records");
    out->key = r->key;
    out->sequence =
        bytes_of(sequence, shard_sequence_at(l->shard, r->offset, r->time_ms, sequence));
    shard_id_print(l->shard->index, id);
    out->shard_id = bytes_text(id);
    return OK;
}

static enum status gather_batch(struct gathering *g, struct bytes bytes,
                                const struct batch_header *h, struct fault *f)
{
    struct lane_batch *b = g->batch;
    struct record_walk walk;
    struct record record;
    struct bytes body;
    enum status st = batch_open(&g->opener, g->lane->shard->index, bytes, h, &b->arena, &body, f);
    if (st != OK)
        return st;
    record_walk_body_init(&walk, body, h);
    while ((st = record_walk_next(&walk, &record, f)) == OK) {
        if (record.offset < b->next)
            continue;
        if (g->count == g->room)
            return fault_set(f, CORRUPT, "a batch holds more records than it says");
        st = add_record(g, &record, f);
        if (st != OK)
            return st;
        b->next = record.offset + 1;
    }
    return st == END ? OK : st;
}

static enum status gather_span(struct gathering *g, const struct log_span *span, struct fault *f)
{
    struct bytes rest = bytes_of(span->bytes, span->len);
    struct lane_batch *b = g->batch;
    while (rest.len) {
        struct batch_header h;
        enum status st = batch_header_read(rest, &h, f);
        if (st != OK)
            return st;
        size_t len = BATCH_HEADER_BYTES + h.body_len;
        uint64_t end = h.base_offset + h.count;
        if (end > b->next && !(h.flags & BATCH_CONTROL))
            st = gather_batch(g, bytes_of(rest.at, len), &h, f);
        if (st != OK)
            return st;
        b->next = end > b->next ? end : b->next;
        rest = bytes_of(rest.at + len, rest.len - len);
    }
    return OK;
}

static enum status gather(struct lane_batch *b, struct fault *f)
{
    struct lane *l = b->lane;
    struct gathering g = {.lane = l, .batch = b};
    const struct delivery_engine_settings *s = &l->pump->t->engine->settings;
    for (uint32_t i = 0; i < b->span_count; i++)
        g.room += b->spans[i]->count;
    g.records = arena_take(&b->arena, (g.room + 1) * sizeof(*g.records));
    if (!g.records)
        return fault_set(f, NO_MEMORY, "no memory to process records");
    enum status st = OK;
    batch_opener_init(&g.opener, l->source, s->streams, s->master_keys);
    for (uint32_t i = 0; i < b->span_count && st == OK; i++)
        st = gather_span(&g, b->spans[i], f);
    batch_opener_fini(&g.opener);
    b->process.records = g.records;
    b->process.count = g.count;
    return st;
}

/* Takes the read's spans over. */
struct lane_batch *lane_batch_new(struct lane *l, struct fault *f)
{
    struct log_read *read = &l->read;
    struct lane_batch *b = MEM_NEW(struct lane_batch);
    b->lane = l;
    b->from = b->next = read->offset > l->next ? read->offset : l->next;
    b->spans = mem_must(read->span_count * sizeof(struct log_span *) + 1);
    b->span_count = read->span_count;
    memcpy(b->spans, read->spans, read->span_count * sizeof(struct log_span *));
    read->span_count = 0;
    read->status = END;
    arena_init(&b->arena, SIZE_MAX / 2);
    b->process.done = on_processed;
    list_append(&l->batches, &b->node);
    l->batch_count++;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < b->span_count; i++)
        bytes += b->spans[i]->len;
    if (gather(b, f) == OK) {
        b->given = bytes + b->arena.used;
        engine_charge(l, &b->memory, b->given);
        return b;
    }
    lane_batch_free(b);
    return NULL;
}

void lane_batch_process(struct lane_batch *b)
{
    uint32_t count = b->process.count;
    process_run(b->lane->chain, &b->process);
    if (b->process.count < count)
        b->next = b->process.records[b->process.count].offset;
    engine_charge(b->lane, &b->memory, b->given + b->process.arena.used);
}

/* ---- results into outputs ---- */

/* The records as they are. */
static enum status hand_records(struct lane_batch *b, enum output_channel channel, struct fault *f)
{
    enum status st = OK;
    for (uint32_t i = 0; i < b->process.count && st == OK; i++) {
        const struct process_record *r = &b->process.records[i];
        struct output *o = output_of(b->lane, channel, BYTES_NONE, f);
        st = o ? output_add(o, (struct position){r->offset, 0}, r->time_ms, r->data, f) : NO_MEMORY;
    }
    return st;
}

static enum status hand_results(struct lane_batch *b, struct fault *f)
{
    struct lane *l = b->lane;
    enum status st = OK;
    for (uint32_t i = 0; i < b->process.result_count && st == OK; i++) {
        const struct process_result *r = &b->process.results[i];
        struct output *o = output_of(l, r->channel, r->partition, f);
        st = o ? lane_make_room(l, o, f) : NO_MEMORY;
        if (st == OK)
            st = output_add(o, (struct position){r->offset, r->sub}, r->time_ms, r->data, f);
    }
    delivery_counters(l->pump->delivery)->dropped_records += b->process.dropped;
    return st;
}

static enum status hand_batch(struct lane_batch *b, struct fault *f)
{
    struct lane *l = b->lane;
    enum status st = l->rules->backs_up ? hand_records(b, OUTPUT_BACKUP, f) : OK;
    if (st == OK)
        st = l->rules->plain ? hand_records(b, OUTPUT_MAIN, f) : hand_results(b, f);
    if (st != OK)
        return st;
    l->handed = b->next;
    LIST_EACH(node, keep, &l->output_list)
    {
        if (st == OK)
            st = output_refilled(LIST_OWNER(node, struct output, node), l->handed, f);
    }
    return st == OK ? lane_close_due(l, f) : st;
}

/* A failure is final: these records are not read again, and part of them may be in outputs. What is stored says so, and the next start takes it from there. */
void lane_hand_over(struct lane *l)
{
    struct list *first;
    struct fault f = {0};
    bool any = false;
    while (!l->failed && (first = list_first(&l->batches)) != NULL) {
        struct lane_batch *b = LIST_OWNER(first, struct lane_batch, node);
        if (!b->done || (b->process.status != OK && !b->is_void))
            break;
        any = any || !b->is_void;
        if (!b->is_void && hand_batch(b, &f) != OK)
            lane_fail(l, &f);
        lane_batch_free(b);
    }
    if (any && !l->failed) {
        lane_save(l);
        lane_save_later(l);
    }
}
