/* op_read.c: GetShardIterator and GetRecords.
 *
 * A position is (stream, shard, next offset), sealed into a token (iterator.h). Nothing is kept for a reader between calls.
 *
 *   GetRecords: open the token -> log_read (memory answers at once, the disk later) -> past retention? find the horizon, read again
 *   -> walk the batches into records -> reply, with a new token
 *
 * G1. Nothing older than the stream's retention is served, whether its bytes are still there or not (record_page.h, P1; encrypted ones: P3).
 * G2. The token handed out says exactly where the records given end: none is skipped, none comes twice (P2).
 * G3. A closed shard's reader gets no next token, and its children, only after its last record and once the children are there to be read.
 *
 * Thread: the exchange's loop; read_done also on a disk reader's. */
#include "api/inject_gate.h"
#include "api/operations.h"
#include "api/position.h"
#include "api/record_page.h"

#include "base/mem.h"
#include "shards/horizon.h"
#include "shards/stream_fault.h"
#include "wire/base64.h"

struct reading {
    struct service *service;
    struct exchange *exchange;
    struct stream_view *view; /* referenced */
    struct shard *shard;      /* the view's */
    struct iterator position;
    bool at_horizon; /* the horizon was looked up already */
    struct log_read read;
    void (*then)(struct reading *);
    struct record_page page;
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
        .count_max = r->page.records_max,
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

static enum status refusal_by_rate(const struct reading *r, struct fault *f)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(r->shard->index, id);
    shard_rate_read_refused(r->shard->rate);
    shard_rate_read_refused(r->view->settings.rate);
    return fault_set(f, THROTTLED, "Rate exceeded for Shard - %s/%s/%s",
                     r->view->settings.scope.account, r->view->settings.name, id);
}

/* One call of the kind that `take` counts, if the shard's quota is held. */
static enum status within_quota(const struct reading *r,
                                bool (*take)(struct shard_quota *, uint64_t now_ns),
                                struct fault *f)
{
    const struct quotas *q = r->service->quotas;
    return !q || take(&r->shard->rate->quota, quotas_now_ns(q)) ? OK : refusal_by_rate(r, f);
}

/* A log's own failure, as the client hears it. */
static void reading_fail_log(struct reading *r)
{
    struct fault f = r->read.fault;
    f.status = r->read.status;
    if (f.status == THROTTLED)
        refusal_by_rate(r, &f);
    reading_fail(r, &f);
}

/* ---- GetRecords ---- */

static void answer_records(struct reading *r)
{
    struct exchange *x = r->exchange;
    const struct service *s = r->service;
    uint64_t now_ms = clock_wall_ms(s->clock);
    struct log_bounds bounds;
    log_bounds(r->shard->log, &bounds);
    /* A seal takes the last offset: behind the last record of a sealed log nothing more will come.
     */
    bool at_end = r->page.next + (bounds.sealed ? 1 : 0) >= bounds.end;
    uint64_t behind = 0;
    if (!at_end) {
        uint64_t last_ms = r->page.count ? r->page.last_ms : bounds.last_ms;
        behind = now_ms > last_ms ? now_ms - last_ms : 1;
    }
    struct kinesis_get_records_output out = {
        .records = {.count = r->page.count, .present = true, .at = r->page.records},
        .millis_behind_latest = {(int64_t)behind, true},
    };
    if (at_end && bounds.sealed && r->shard->state == SHARD_CLOSED) {
        out.child_shards = children_describe(r->view, r->shard, &x->arena); /* G3 */
    } else {
        struct iterator next = r->position;
        next.offset = r->page.next;
        next.made_ms = now_ms;
        out.next_shard_iterator = token_of(x, s, &next);
    }
    metric_add(s->data.outgoing_bytes, r->page.bytes);
    metric_add(s->data.outgoing_records, r->page.count);
    metric_set(s->data.iterator_age_ms, (int64_t)behind);
    if (s->quotas)
        shard_quota_read_done(&r->shard->rate->quota, quotas_now_ns(s->quotas), r->page.bytes);
    shard_rate_out(r->shard->rate, r->page.bytes, r->page.count, behind);
    shard_rate_out(r->view->settings.rate, r->page.bytes, r->page.count, behind);
    stream_view_unref(r->view);
    reply_shape(x, &shape_kinesis_get_records_output, &out);
}

static void after_horizon(struct reading *r);

static void after_read(struct reading *r)
{
    if (r->read.status == END) {
        r->page.next = r->read.offset > r->page.next ? r->read.offset : r->page.next;
        answer_records(r);
        return;
    }
    if (r->read.status != OK) {
        reading_fail_log(r);
        return;
    }
    if (!r->at_horizon && r->read.spans[0]->last_ms < r->page.horizon_ms) {
        log_read_release(&r->read);
        find_time(r, r->page.horizon_ms,
                  after_horizon); /* G1, without walking through what is past it */
        return;
    }
    struct fault f = {0};
    enum status st = record_page_fill(&r->page, &r->read, &f);
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
        r->page.next = r->read.offset > r->page.next ? r->read.offset : r->page.next;
        read_from(r, r->page.next, after_read);
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
    if (st == OK)
        st = within_quota(r, shard_quota_read, &f);
    if (st != OK) {
        reading_fail(r, &f);
        return;
    }
    r->page = (struct record_page){
        .service = s,
        .view = r->view,
        .shard = r->shard,
        .arena = &x->arena,
        .horizon_ms = horizon_begin_ms(r->view->settings.retention_hours, clock_wall_ms(s->clock)),
        .records_max = in->limit.present ? (uint32_t)in->limit.value : READ_RECORDS_MAX,
        .bytes_max = READ_BYTES_MAX,
        .next = r->position.offset,
    };
    read_from(r, r->page.next, after_read);
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
    st = access_check(r->exchange,
                      &(struct access_target){.scope = scope, .stream = name, .view = r->view}, f);
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
    struct position_found found;
    enum status st = find_shard(r, in, &f);
    if (st == OK)
        st = within_quota(r, shard_quota_iterator, &f);
    if (st == OK)
        st = position_find(s, r->view, r->shard,
                           &(struct position){.type = in->shard_iterator_type,
                                              .sequence_number = in->starting_sequence_number,
                                              .timestamp = in->timestamp,
                                              .operation = "GetShardIterator"},
                           &found, &f);
    if (st != OK)
        reading_fail(r, &f);
    else if (found.by_time)
        find_time(r, found.time_ms, after_find_time);
    else
        answer_iterator(r, found.offset);
}
