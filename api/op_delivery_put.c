/* op_delivery_put.c: PutRecord and PutRecordBatch of delivery streams: all records of a request are one batch in the one shard of the hidden
 * stream.
 *
 * A delivery stream's records have no partition key: an empty one is stored. Their RecordIds are made of chance: AWS's are opaque, and nothing
 * takes them.
 *
 * P1. A record is answered with a RecordId only if the batch that holds it completed with OK, that is, is synced (delivery/README.md F1).
 * P2. Records of one request keep their order.
 *
 * Thread: the exchange's loop; append_done on the committer's. */
#include "api/delivery_request.h"
#include "api/put_batch.h"

#include "base/random.h"
#include "wire/base64.h"

#include <openssl/crypto.h>

enum { BATCH_BYTES_MAX = 4 << 20, RECORD_ID_RANDOM = 168, RECORD_ID_SEED = 24 };

struct delivery_put {
    struct service *service;
    struct exchange *exchange;
    struct delivery *delivery; /* referenced */
    struct stream_view *view;  /* referenced: of the hidden stream, keeps its shard */
    const struct firehose_record *records;
    uint32_t count;
    bool *refused; /* by rate */
    struct put_batch batch;
    bool one; /* PutRecord */
};

static const char slow_down[] = "Slow down.";

static void put_end(struct delivery_put *p)
{
    stream_view_unref(p->view);
    delivery_unref(p->delivery);
}

static void put_fail(struct delivery_put *p, const struct fault *f)
{
    put_end(p);
    reply_fault(p->exchange, f);
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ---- the answer ---- */

/* 224 characters of base64. The first bytes are the system's chance, and no two are alike; the rest, drawn from them, is length. */
static struct bytes record_id(struct arena *a)
{
    uint8_t raw[RECORD_ID_RANDOM];
    uint64_t seed;
    struct random rest;
    random_bytes(raw, RECORD_ID_SEED);
    memcpy(&seed, raw, sizeof(seed));
    random_seed(&rest, seed);
    for (size_t at = RECORD_ID_SEED; at < sizeof(raw); at += sizeof(seed)) {
        seed = random_next(&rest);
        memcpy(raw + at, &seed, sizeof(seed));
    }
    uint8_t *text = arena_take(a, base64_encoded_len(sizeof(raw)));
    if (!text)
        return BYTES_NONE;
    base64_encode(bytes_of(raw, sizeof(raw)), text);
    return bytes_of(text, base64_encoded_len(sizeof(raw)));
}

static struct opt_int is_encrypted(const struct delivery_put *p)
{
    return (struct opt_int){stream_encryption_epoch(p->view->settings.encryption) != 0, true};
}

static bool is_full(enum status st)
{
    return st == THROTTLED || st == NO_SPACE || st == CLOSING;
}

static enum status append_fault(enum status st, struct fault *f)
{
    return is_full(st) ? fault_set(f, st, "%s", slow_down)
                       : fault_set(f, st, "a delivery stream's log: %s", status_name(st));
}

static void answer_one(struct delivery_put *p)
{
    struct exchange *x = p->exchange;
    struct fault f = {0};
    if (p->batch.append.status != OK) {
        append_fault(p->batch.append.status, &f);
        put_fail(p, &f);
        return;
    }
    struct firehose_put_record_output out = {.record_id = record_id(&x->arena),
                                             .encrypted = is_encrypted(p)};
    put_end(p);
    reply_shape(x, &shape_firehose_put_record_output, &out);
}

static void answer_many(struct delivery_put *p)
{
    struct exchange *x = p->exchange;
    enum status st = p->batch.append.status;
    int64_t failed = 0;
    struct firehose_put_record_batch_response_entry *entries =
        arena_zero(&x->arena, p->count * sizeof(*entries));
    if (!entries) {
        put_fail(p, &(struct fault){.status = NO_MEMORY});
        return;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        bool full = p->refused[i] || is_full(st);
        if (!p->refused[i] && st == OK) {
            entries[i].record_id = record_id(&x->arena);
            continue;
        }
        entries[i].error_code =
            full ? BYTES_LITERAL("ServiceUnavailableException") : BYTES_LITERAL("InternalFailure");
        entries[i].error_message =
            full ? bytes_text(slow_down) : BYTES_LITERAL("Internal Service Failure");
        failed++;
    }
    struct firehose_put_record_batch_output out = {
        .failed_put_count = {failed, true},
        .encrypted = is_encrypted(p),
        .request_responses = {.count = p->count, .present = true, .at = entries},
    };
    put_end(p);
    reply_shape(x, &shape_firehose_put_record_batch_output, &out);
}

/* ---- the way through ---- */

static void batch_done(struct message *m)
{
    struct delivery_put *p = LIST_OWNER(m, struct exchange, message)->operation;
    struct delivery_counters *c = delivery_counters(p->delivery);
    if (p->batch.append.status == OK) {
        count(&c->incoming_bytes, p->batch.data_bytes);
        count(&c->incoming_records, p->batch.count);
    } else if (is_full(p->batch.append.status)) {
        count(&c->throttled_records, p->batch.count);
    }
    p->one ? answer_one(p) : answer_many(p);
}

static void append_done(struct log_append *a)
{
    exchange_send(LIST_OWNER(a, struct delivery_put, batch.append)->exchange, batch_done);
}

/* Refuses what is over the rates of --quotas aws. THROTTLED: the request as a whole. */
static enum status hold_quotas(struct delivery_put *p, struct fault *f)
{
    const struct quotas *q = p->service->quotas;
    struct delivery_quota *mine = delivery_quota(p->delivery);
    const char *region = p->exchange->scope.region;
    uint32_t refused = 0;
    if (!q)
        return OK;
    uint64_t now_ns = quotas_now_ns(q);
    bool request = delivery_quota_request(mine, region, now_ns);
    for (uint32_t i = 0; i < p->count; i++) {
        p->refused[i] =
            !request || !delivery_quota_record(mine, region, now_ns, p->records[i].data.len);
        refused += p->refused[i];
    }
    count(&delivery_counters(p->delivery)->throttled_records, refused);
    return refused == p->count ? fault_set(f, THROTTLED, "%s", slow_down) : OK;
}

static enum status pack(struct delivery_put *p, struct fault *f)
{
    const struct stream_settings *settings = &p->view->settings;
    uint32_t epoch = stream_encryption_epoch(settings->encryption);
    struct bytes no_key = BYTES_LITERAL("");
    uint8_t key[AEAD_KEY_BYTES];
    p->batch.shard = p->view->open[0];
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->refused[i])
            put_batch_count(&p->batch, no_key, p->records[i].data, false);
    enum status st = put_batch_begin(&p->batch, &p->exchange->arena, epoch, f);
    for (uint32_t i = 0; i < p->count && st == OK; i++)
        if (!p->refused[i])
            put_batch_add(&p->batch, no_key, p->records[i].data, NULL); /* P2 */
    if (st == OK && epoch)
        st = stream_settings_data_key(settings, p->service->master_keys, epoch, key, f);
    if (st == OK)
        put_batch_finish(&p->batch, epoch, key, append_done);
    if (epoch)
        OPENSSL_cleanse(key, sizeof(key));
    return st;
}

static enum status check(const struct delivery_put *p, const struct delivery_view *v,
                         struct fault *f)
{
    size_t total = 0;
    if (v->status != DELIVERY_ACTIVE)
        return fault_delivery_not_found(f, bytes_text(v->name), v->scope.account);
    if (v->source != DELIVERY_DIRECT_PUT)
        return fault_set(f, INVALID_ARGUMENT,
                         "This operation is not permitted on KinesisStreamAsSource delivery stream "
                         "type.");
    for (uint32_t i = 0; i < p->count; i++)
        total += p->records[i].data.len;
    return total <= BATCH_BYTES_MAX
               ? OK
               : fault_set(f, INVALID_ARGUMENT, "Records size exceeds 4 MB limit");
}

/* The hidden stream; it goes just before its delivery stream does. */
static enum status find_stream(struct delivery_put *p, const struct delivery_view *v,
                               struct fault *f)
{
    struct scope hidden = delivery_hidden_scope(&v->scope);
    struct stream *stream = stream_table_find(p->service->streams, &hidden, bytes_text(v->name));
    p->view = stream ? stream_look(stream) : NULL;
    stream_unref(stream);
    return p->view && p->view->open_count > 0 && p->view->settings.status != STREAM_DELETING
               ? OK
               : fault_delivery_not_found(f, bytes_text(v->name), v->scope.account);
}

static void put(struct service *s, struct exchange *x, struct bytes name,
                const struct firehose_record *records, uint32_t record_count, bool one)
{
    struct fault f = {0};
    struct delivery_view *v = NULL;
    struct delivery_put *p = arena_zero(&x->arena, sizeof(*p));
    bool *refused = p ? arena_zero(&x->arena, record_count + 1) : NULL;
    if (!refused) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return;
    }
    *p = (struct delivery_put){.service = s,
                               .exchange = x,
                               .records = records,
                               .count = record_count,
                               .refused = refused,
                               .one = one};
    x->operation = p;
    enum status st = request_delivery(s, x, name, &p->delivery, &v, &f);
    if (st == OK)
        st = check(p, v, &f);
    if (st == OK)
        st = find_stream(p, v, &f);
    if (st == OK)
        count(&delivery_counters(p->delivery)->incoming_requests, 1);
    if (st == OK)
        st = hold_quotas(p, &f);
    if (st == OK)
        st = pack(p, &f);
    delivery_view_unref(v);
    if (st == OK)
        log_append_all(s->logs, &(struct log_append *){&p->batch.append}, 1);
    else
        put_fail(p, &f);
}

void op_delivery_put_record(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_put_record_input *in = input;
    put(s, x, in->delivery_stream_name, in->record, 1, true);
}

void op_delivery_put_batch(struct service *s, struct exchange *x, const void *input)
{
    const struct firehose_put_record_batch_input *in = input;
    put(s, x, in->delivery_stream_name, in->records.at, in->records.count, false);
}
