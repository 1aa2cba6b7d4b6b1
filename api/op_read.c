/* op_read.c: GetShardIterator and GetRecords.
 *
 * A position is (stream, shard, next offset), sealed into a token (iterator.h). Nothing is kept for a reader between calls.
 *
 *   GetRecords: open the token -> log_read (memory answers at once, the disk later) -> past retention? find the horizon, read again
 *   -> walk the batches into records -> reply, with a new token
 *
 * G1. Nothing older than the stream's retention is served, whether its bytes are still there or not.
 * G2. The token handed out says exactly where the records given end: none is skipped, none comes twice.
 * G3. A closed shard's reader gets no next token, and its children, only after its last record and once the children are there to be read.
 *
 * Thread: the exchange's loop; read_done also on a disk reader's. */
#include "api/inject_gate.h"
#include "api/operations.h"

#include "base/mem.h"
#include "shards/horizon.h"
#include "shards/record.h"
#include "shards/stream_fault.h"
#include "wire/base64.h"

struct reading {
    struct service *service;
    struct exchange *exchange;
    struct stream_view *view; /* referenced */
    struct shard *shard;      /* the view's */
    struct iterator position;
    uint32_t limit;
    uint64_t horizon_ms;
    bool at_horizon; /* the horizon was looked up already */
    struct log_read read;
    void (*then)(struct reading *);
    /* what the answer gathers */
    struct kinesis_record *records;
    uint32_t count, room;
    size_t bytes;
    uint64_t next;    /* offset */
    uint64_t last_ms; /* time of the last record given */
};

static void reading_fail(struct reading *r, const struct fault *f)
{
    stream_view_unref(r->view);
    reply_fault(r->exchange, f);
}

static struct bytes token_of(struct exchange *x, const struct service *s, const struct iterator *it)
{
    uint8_t sealed[ITERATOR_BYTES];
    iterator_seal(it, catalog_iterator_key(s->catalog), sealed);
    size_t len = base64_encoded_len(sizeof(sealed));
    uint8_t *text = arena_take(&x->arena, len);
    if (text)
        base64_encode(bytes_of(sealed, sizeof(sealed)), text);
    return text ? bytes_of(text, len) : BYTES_NONE;
}

/* ---- logs, asked on our loop and answered on it ---- */

static void read_back(struct message *m)
{
    struct reading *r = LIST_OWNER(m, struct exchange, message)->operation;
    r->then(r);
}

/* Thread: ours when memory could answer, else a disk reader's. */
static void read_done(struct log_read *read)
{
    struct reading *r = LIST_OWNER(read, struct reading, read);
    if (loop_is_mine(r->exchange->loop))
        r->then(r);
    else
        exchange_send(r->exchange, read_back);
}

static void find_time(struct reading *r, uint64_t time_ms, void (*then)(struct reading *))
{
    r->then = then;
    r->read = (struct log_read){
        .log = r->shard->log, .kind = LOG_FIND_TIME, .time_ms = time_ms, .done = read_done};
    log_read(&r->read);
}

static void read_from(struct reading *r, uint64_t offset, void (*then)(struct reading *))
{
    r->then = then;
    r->read = (struct log_read){
        .log = r->shard->log,
        .kind = LOG_READ_FROM,
        .from = offset,
        .bytes_max = READ_BYTES_MAX,
        .count_max = r->limit,
        .done = read_done,
    };
    log_read(&r->read);
}

static struct reading *reading_new(struct service *s, struct exchange *x)
{
    struct reading *r = arena_zero(&x->arena, sizeof(*r));
    if (!r) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return NULL;
    }
    r->service = s;
    r->exchange = x;
    x->operation = r;
    return r;
}

/* A log's own failure, as the client hears it. */
static void reading_fail_log(struct reading *r)
{
    struct fault f = r->read.fault;
    f.status = r->read.status;
    if (f.status == THROTTLED) {
        char id[SHARD_ID_BYTES];
        shard_id_print(r->shard->index, id);
        fault_set(&f, THROTTLED, "Rate exceeded for Shard - %s/%s/%s",
                  r->view->settings.scope.account, r->view->settings.name, id);
    }
    reading_fail(r, &f);
}

/* ---- GetRecords ---- */

static enum status add_record(struct reading *r, const struct record *record)
{
    struct arena *a = &r->exchange->arena;
    if (r->count == r->room) {
        uint32_t room = r->room ? 4 * r->room : 256;
        room = room > r->limit ? r->limit : room;
        struct kinesis_record *grown = arena_take(a, room * sizeof(*grown));
        if (!grown)
            return NO_MEMORY;
        if (r->count)
            memcpy(grown, r->records, r->count * sizeof(*grown));
        r->records = grown;
        r->room = room;
    }
    char *text = arena_take(a, SEQUENCE_TEXT_BYTES);
    if (!text)
        return NO_MEMORY;
    size_t len = shard_sequence_at(r->shard, record->offset, record->time_ms, text);
    r->records[r->count++] = (struct kinesis_record){
        .sequence_number = bytes_of(text, len),
        .approximate_arrival_timestamp = {(int64_t)record->time_ms, true},
        .data = record->data,
        .partition_key = record->key,
    };
    r->bytes += record->data.len + record->key.len;
    r->last_ms = record->time_ms;
    return OK;
}

/* END when the answer is full. */
static enum status walk_batch(struct reading *r, struct bytes batch, const struct batch_header *h,
                              struct fault *f)
{
    if (h->flags & BATCH_CONTROL) {
        r->next = h->base_offset + h->count;
        return OK;
    }
    struct record_walk walk;
    struct record record;
    record_walk_init(&walk, batch, h);
    enum status st;
    while ((st = record_walk_next(&walk, &record, f)) == OK) {
        if (record.offset < r->next)
            continue;
        if (record.time_ms >= r->horizon_ms) { /* G1 */
            size_t more = record.data.len + record.key.len;
            if (r->count == r->limit || (r->count && r->bytes + more > READ_BYTES_MAX))
                return END;
            if (add_record(r, &record) != OK)
                return r->count ? END : fault_set(f, NO_MEMORY, "no memory for the answer");
        }
        r->next = record.offset + 1; /* G2 */
    }
    return st == END ? OK : st;
}

/* The batches of one stored value; they were checked when it was read. */
static enum status walk_span(struct reading *r, const struct log_span *span, struct fault *f)
{
    struct bytes rest = bytes_of(span->bytes, span->len);
    enum status st = OK;
    while (st == OK && rest.len) {
        struct batch_header h;
        st = batch_header_read(rest, &h, f);
        if (st != OK)
            return st;
        size_t len = BATCH_HEADER_BYTES + h.body_len;
        if (h.base_offset + h.count > r->next)
            st = walk_batch(r, bytes_of(rest.at, len), &h, f);
        rest = bytes_of(rest.at + len, rest.len - len);
    }
    return st;
}

/* The shards that came of this one, if it is closed; NULL at the end of its memory. */
static void describe_children(struct reading *r, struct kinesis_get_records_output *out)
{
    struct arena *a = &r->exchange->arena;
    const struct stream_view *v = r->view;
    struct kinesis_child_shard *children = arena_zero(a, 2 * sizeof(*children));
    uint32_t count = 0;
    for (uint32_t i = 0; children && i < v->shard_count && count < 2; i++) {
        const struct shard *s = v->shards[i];
        if (s->parent != r->shard->index && s->adjacent != r->shard->index)
            continue;
        struct bytes *parents = arena_zero(a, 2 * sizeof(*parents));
        char id[SHARD_ID_BYTES];
        if (!parents)
            return;
        uint32_t parent_count = 0;
        const int64_t both[] = {s->parent, s->adjacent};
        for (int p = 0; p < 2; p++) {
            if (both[p] == SHARD_NONE)
                continue;
            shard_id_print((uint32_t)both[p], id);
            parents[parent_count++] = arena_copy(a, bytes_text(id));
        }
        shard_id_print(s->index, id);
        children[count++] = (struct kinesis_child_shard){
            .shard_id = arena_copy(a, bytes_text(id)),
            .parent_shards = {.count = parent_count, .present = true, .at = parents},
            .hash_key_range = hash_range_describe(s, a),
        };
    }
    out->child_shards.count = count;
    out->child_shards.present = true;
    out->child_shards.at = children;
}

static void answer_records(struct reading *r)
{
    struct exchange *x = r->exchange;
    const struct service *s = r->service;
    uint64_t now_ms = clock_wall_ms(s->clock);
    struct log_bounds bounds;
    log_bounds(r->shard->log, &bounds);
    /* A seal takes the last offset: behind the last record of a sealed log nothing more will come.
     */
    bool at_end = r->next + (bounds.sealed ? 1 : 0) >= bounds.end;
    uint64_t behind = 0;
    if (!at_end) {
        uint64_t last_ms = r->count ? r->last_ms : bounds.last_ms;
        behind = now_ms > last_ms ? now_ms - last_ms : 1;
    }
    struct kinesis_get_records_output out = {
        .records = {.count = r->count, .present = true, .at = r->records},
        .millis_behind_latest = {(int64_t)behind, true},
    };
    if (at_end && bounds.sealed && r->shard->state == SHARD_CLOSED) {
        describe_children(r, &out); /* G3 */
    } else {
        struct iterator next = r->position;
        next.offset = r->next;
        next.made_ms = now_ms;
        out.next_shard_iterator = token_of(x, s, &next);
    }
    metric_add(s->data.outgoing_bytes, r->bytes);
    metric_add(s->data.outgoing_records, r->count);
    metric_set(s->data.iterator_age_ms, (int64_t)behind);
    stream_view_unref(r->view);
    reply_shape(x, &shape_kinesis_get_records_output, &out);
}

static void after_horizon(struct reading *r);

static void after_read(struct reading *r)
{
    if (r->read.status == END) {
        r->next = r->read.offset > r->next ? r->read.offset : r->next;
        answer_records(r);
        return;
    }
    if (r->read.status != OK) {
        reading_fail_log(r);
        return;
    }
    if (r->read.offset > r->next)
        r->next = r->read.offset; /* the log begins later by now */
    if (!r->at_horizon && r->read.spans[0]->last_ms < r->horizon_ms) {
        log_read_release(&r->read);
        find_time(r, r->horizon_ms,
                  after_horizon); /* G1, without walking through what is past it */
        return;
    }
    struct fault f = {0};
    enum status st = OK;
    for (uint32_t i = 0; i < r->read.span_count && st == OK; i++)
        st = walk_span(r, r->read.spans[i], &f);
    struct log_read read = r->read; /* the records are views of its spans until they are encoded */
    if (st < 0) {
        reading_fail(r, &f);
    } else {
        answer_records(r);
    }
    log_read_release(&read);
}

static void after_horizon(struct reading *r)
{
    r->at_horizon = true;
    if (r->read.status == END || r->read.status == OK) {
        r->next = r->read.offset > r->next ? r->read.offset : r->next;
        read_from(r, r->next, after_read);
    } else {
        reading_fail_log(r);
    }
}

static void begin_ms_text(uint64_t made_ms, uint64_t now_ms, struct fault *f)
{
    char made[CLOCK_TEXT_BYTES], now[CLOCK_TEXT_BYTES];
    clock_print_aws(made_ms, made);
    clock_print_aws(now_ms, now);
    fault_set(f, EXPIRED_ITERATOR,
              "Iterator expired. The iterator was created at time %s while right now it is %s "
              "which is further in the "
              "future than the tolerated delay of %d milliseconds.",
              made, now, ITERATOR_LIFE_MS);
}

enum status shard_iterator_open(const struct service *s, struct bytes text, struct iterator *out)
{
    uint8_t sealed[512 + 8];
    size_t len = 0;
    if (text.len >= 2 && text.at[0] == '"' &&
        text.at[text.len - 1] == '"') /* AWS takes it in quotes too */
        text = bytes_of(text.at + 1, text.len - 2);
    if (text.len > 512 || base64_decode(text, sealed, &len, NULL) != OK)
        return INVALID_ARGUMENT;
    return iterator_open(bytes_of(sealed, len), ITERATOR_SHARD, catalog_iterator_key(s->catalog),
                         out);
}

static enum status open_token(const struct service *s, struct bytes text, struct iterator *out,
                              struct fault *f)
{
    if (shard_iterator_open(s, text, out) != OK)
        return fault_set(f, INVALID_ARGUMENT, "Invalid ShardIterator.");
    uint64_t now_ms = clock_wall_ms(s->clock);
    if (now_ms > out->made_ms + ITERATOR_LIFE_MS) {
        begin_ms_text(out->made_ms, now_ms, f);
        return EXPIRED_ITERATOR;
    }
    return OK;
}

void op_get_records(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_get_records_input *in = input;
    struct fault f = {0};
    struct reading *r = reading_new(s, x);
    if (!r)
        return;
    enum status st = open_token(s, in->shard_iterator, &r->position, &f);
    if (st == OK)
        st = request_stream_number(s, x, &r->position, &r->view, &f);
    if (st == OK) {
        r->shard = stream_view_shard(r->view, r->position.shard);
        if (r->shard && inject_is_on(s) && inject_throttles_shard(s, x, r->view, r->shard)) {
            r->read.status = THROTTLED;
            reading_fail_log(r);
            return;
        }
        if (!r->shard)
            st = fault_shard_missing(&f, r->position.shard, bytes_text(r->position.name),
                                     r->view->settings.scope.account);
    }
    if (st != OK) {
        reading_fail(r, &f);
        return;
    }
    r->limit = in->limit.present ? (uint32_t)in->limit.value : READ_RECORDS_MAX;
    r->horizon_ms = horizon_begin_ms(r->view->settings.retention_hours, clock_wall_ms(s->clock));
    r->next = r->position.offset;
    read_from(r, r->next, after_read);
}

/* ---- GetShardIterator ---- */

static void answer_iterator(struct reading *r, uint64_t offset)
{
    struct iterator it = {
        .kind = ITERATOR_SHARD,
        .shard = r->shard->index,
        .made_ms = clock_wall_ms(r->service->clock),
        .stream = r->view->settings.number,
        .offset = offset,
    };
    memcpy(it.name, r->view->settings.name, sizeof(it.name));
    struct kinesis_get_shard_iterator_output out = {.shard_iterator =
                                                        token_of(r->exchange, r->service, &it)};
    stream_view_unref(r->view);
    reply_shape(r->exchange, &shape_kinesis_get_shard_iterator_output, &out);
}

static void after_find_time(struct reading *r)
{
    if (r->read.status == OK || r->read.status == END)
        answer_iterator(r, r->read.offset);
    else
        reading_fail_log(r);
}

static enum status sequence_fault(const struct reading *r, struct bytes number, const char *why,
                                  struct fault *f)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(r->shard->index, id);
    return fault_set(f, INVALID_ARGUMENT,
                     "StartingSequenceNumber %.*s used in GetShardIterator on shard %s in stream "
                     "%s under account %s "
                     "is invalid%s.",
                     BYTES_ARGS(number), id, r->view->settings.name,
                     r->view->settings.scope.account, why);
}

static enum status by_sequence(struct reading *r, struct bytes number, bool after, uint64_t *offset,
                               struct fault *f)
{
    struct sequence sequence;
    bool shard_known;
    enum status st = sequence_parse(number, &sequence, &shard_known);
    if (shard_known && sequence.shard != r->shard->index) {
        char theirs[SHARD_ID_BYTES], ours[SHARD_ID_BYTES];
        shard_id_print(sequence.shard, theirs);
        shard_id_print(r->shard->index, ours);
        return fault_set(f, INVALID_ARGUMENT,
                         "Invalid StartingSequenceNumber. It encodes %s, while it was used in a "
                         "call to a shard with %s",
                         theirs, ours);
    }
    if (st != OK)
        return sequence_fault(r, number, "", f);
    if (sequence.created_s != r->shard->created_s)
        return sequence_fault(r, number, " because it did not come from this stream", f);
    struct log_bounds bounds;
    log_bounds(r->shard->log, &bounds);
    if (sequence.place == SEQUENCE_PLACE_END) {
        if (after)
            return fault_set(f, INVALID_ARGUMENT,
                             "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, "
                             "SequenceNumber has "
                             "reached max possible value for the shard.");
        *offset = bounds.end;
        return OK;
    }
    if (sequence.place > bounds.end)
        return sequence_fault(r, number, "", f);
    *offset = after || sequence.place == 0 ? sequence.place : sequence.place - 1;
    return OK;
}

static enum status check_arguments(const struct service *s,
                                   const struct kinesis_get_shard_iterator_input *in, int type,
                                   struct fault *f)
{
    bool wants_number = type == KINESIS_SHARD_ITERATOR_TYPE_AT_SEQUENCE_NUMBER ||
                        type == KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER;
    bool number = bytes_present(in->starting_sequence_number);
    if (type == KINESIS_SHARD_ITERATOR_TYPE_AT_TIMESTAMP) {
        uint64_t now_ms = clock_wall_ms(s->clock);
        if (!in->timestamp.present)
            return fault_set(f, INVALID_ARGUMENT,
                             "Must specify timestampInMillis parameter for iterator of type "
                             "AT_TIMESTAMP. Current "
                             "request has no timestamp parameter.");
        if (in->timestamp.value > (int64_t)now_ms)
            return fault_set(f, INVALID_ARGUMENT,
                             "The timestampInMillis parameter cannot be greater than the "
                             "currentTimestampInMillis. "
                             "timestampInMillis: %lld, currentTimestampInMillis: %llu",
                             (long long)in->timestamp.value, (unsigned long long)now_ms);
    } else if (number != wants_number) {
        return fault_set(f, INVALID_ARGUMENT,
                         "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
                         "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
                         "StartingSequenceNumber. Request "
                         "specified %.*s and %s.",
                         BYTES_ARGS(in->shard_iterator_type),
                         number ? "also a StartingSequenceNumber" : "no StartingSequenceNumber");
    }
    return OK;
}

/* The shard asked for, in a stream that is there to be read. AWS has one sentence for all that may
 * be missing. */
static enum status find_shard(struct reading *r, const struct kinesis_get_shard_iterator_input *in,
                              struct fault *f)
{
    const struct service *s = r->service;
    struct scope scope;
    struct bytes name;
    uint32_t index;
    enum status st =
        request_stream_name(r->exchange, in->stream_name, in->stream_arn, &scope, &name, f);
    if (st != OK)
        return st;
    if (!shard_id_parse(in->shard_id, &index))
        return fault_shard_not_found(f, in->shard_id, name, scope.account);
    struct stream *stream = stream_table_find(s->streams, &scope, name);
    r->view = stream ? stream_look(stream) : NULL;
    stream_unref(stream);
    st = access_check(r->exchange, &scope, name, r->view, f);
    if (st != OK)
        return st;
    if (!r->view)
        return fault_shard_missing(f, index, name, scope.account);
    r->shard = stream_view_shard(r->view, index);
    if (!r->shard || r->shard->state == SHARD_PENDING ||
        r->view->settings.status == STREAM_CREATING)
        return fault_shard_missing(f, index, name, scope.account);
    return OK;
}

void op_get_shard_iterator(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_get_shard_iterator_input *in = input;
    struct fault f = {0};
    struct reading *r = reading_new(s, x);
    if (!r)
        return;
    int type = shape_enum_index(&shape_kinesis_shard_iterator_type, in->shard_iterator_type);
    uint64_t offset = 0;
    enum status st = find_shard(r, in, &f);
    if (st == OK)
        st = check_arguments(s, in, type, &f);
    if (st == OK && (type == KINESIS_SHARD_ITERATOR_TYPE_AT_SEQUENCE_NUMBER ||
                     type == KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER))
        st = by_sequence(r, in->starting_sequence_number,
                         type == KINESIS_SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER, &offset, &f);
    if (st != OK) {
        reading_fail(r, &f);
        return;
    }
    struct log_bounds bounds;
    log_bounds(r->shard->log, &bounds);
    uint64_t horizon_ms =
        horizon_begin_ms(r->view->settings.retention_hours, clock_wall_ms(s->clock));
    if (type == KINESIS_SHARD_ITERATOR_TYPE_AT_TIMESTAMP) {
        uint64_t time_ms = in->timestamp.value > 0 ? (uint64_t)in->timestamp.value : 0;
        find_time(r, time_ms > horizon_ms ? time_ms : horizon_ms, after_find_time);
    } else if (type == KINESIS_SHARD_ITERATOR_TYPE_LATEST) {
        answer_iterator(r, bounds.end);
    } else if (type == KINESIS_SHARD_ITERATOR_TYPE_TRIM_HORIZON) {
        answer_iterator(r, bounds.begin);
    } else {
        answer_iterator(r, offset);
    }
}
