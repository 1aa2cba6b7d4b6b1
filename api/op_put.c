/* op_put.c: PutRecord and PutRecords: from decoded records to batches in shards' logs, and back to sequence numbers.
 *
 *   records -> hash -> shard --pack, one batch a shard--> log_append_all -> ... synced ... -> done, last one -> back to our loop -> reply
 *
 * Records are packed into the exchange's arena in their stored form, and their CRC taken, here on the network's thread (put_batch.h); the
 * committer only numbers them. A batch that is routed again is packed and sealed anew.
 *
 * P1. A record is answered with a sequence number only if the batch that holds it completed with OK, that is, is synced.
 * P2. Records of one request that fall to one shard keep their order: they are one batch.
 * P3. A batch that meets the seal of its shard was not stored: its records are routed again by the next view of the stream, and only they.
 * P4. With the header of put_stamp.h, a batch that brings what is stored already is not stored: its records that are new are sent again, and only they.
 *
 * Thread: the exchange's loop; append_done on the committer's. */
#include "api/inject_gate.h"
#include "api/operations.h"
#include "api/put_internal.h"

#include "base/digest.h"
#include "shards/stream_fault.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

/* ---- packing ---- */

/* Whether the shard takes one more record now; if not, says why. */
static bool within_quota(struct put *p, const struct shard *s, const struct put_record *r)
{
    const struct quotas *q = p->service->quotas;
    return !q || shard_quota_write(&s->rate->quota, quotas_now_ns(q), r->key.len + r->data.len,
                                   KIB(p->view->settings.record_kib_max));
}

static enum status refusal_by_rate(struct put *p, const struct shard *s, struct fault *f)
{
    metric_add(p->service->data.write_throttled, 1);
    shard_rate_write_refused(s->rate, 1);
    shard_rate_write_refused(p->view->settings.rate, 1);
    return put_refusal(p, THROTTLED, s, f);
}

static void refuse_by_rate(struct put *p, const struct shard *s, struct put_record *r)
{
    struct fault f = {0};
    r->refused = refusal_by_rate(p, s, &f) != OK;
    r->error_code = "ProvisionedThroughputExceededException";
    r->error_text = arena_copy(&p->exchange->arena, bytes_text(f.text));
}

/* Gives each record that is neither stored nor refused its shard's part, and counts what the parts
 * will hold. */
static enum status route(struct put *p, struct fault *f)
{
    struct arena *a = &p->exchange->arena;
    const struct stream_view *v = p->view;
    uint32_t most = p->count < v->open_count ? p->count : v->open_count;
    p->parts = arena_zero(a, most * sizeof(*p->parts));
    uint32_t *part_of =
        p->one ? NULL
               : arena_zero(a, (v->open_count + 1) * sizeof(*part_of)); /* by place; 0: none yet */
    if (!p->parts || (!p->one && !part_of))
        return fault_set(f, NO_MEMORY, "no memory for the put");
    p->part_count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct put_record *r = &p->records[i];
        if (r->stored || r->refused)
            continue;
        uint32_t place = stream_view_place(v, r->hash);
        if (!within_quota(p, v->open[place], r)) {
            if (p->one)
                return refusal_by_rate(p, v->open[place], f);
            refuse_by_rate(p, v->open[place], r);
            continue;
        }
        uint32_t *slot = p->one ? &(uint32_t){0} : &part_of[place];
        if (*slot == 0) {
            p->parts[p->part_count].batch.shard = v->open[place];
            *slot = ++p->part_count;
        }
        struct put_part *part = &p->parts[*slot - 1];
        r->part = *slot - 1;
        r->place = part->batch.count; /* P2 */
        put_batch_count(&part->batch, r->key, r->data, r->explicit_hash);
    }
    return OK;
}

/* P4 */
static enum status stamp_parts(struct put *p, struct fault *f)
{
    enum status st = OK;
    for (uint32_t i = 0; i < p->part_count && st == OK; i++)
        st = put_stamp_begin(p->stamper, &p->parts[i].batch, &p->exchange->arena, f);
    for (uint32_t i = 0; i < p->count && st == OK; i++) {
        const struct put_record *r = &p->records[i];
        if (!r->stored && !r->refused)
            put_stamp_number(&p->parts[r->part].batch, r->place, p->stamper->numbers[i]);
    }
    for (uint32_t i = 0; i < p->part_count && st == OK; i++)
        put_stamp_end(&p->parts[i].batch);
    return st;
}

/* Thread: the committer's, or ours. */
static void append_done(struct log_append *a);

static enum status pack(struct put *p, struct fault *f)
{
    struct arena *a = &p->exchange->arena;
    const struct stream_settings *settings = &p->view->settings;
    uint8_t key[AEAD_KEY_BYTES];
    uint32_t epoch = stream_encryption_epoch(settings->encryption);
    enum status st = p->stamper ? stamp_parts(p, f) : OK;
    p->appends = arena_take(a, (p->part_count + 1) * sizeof(struct log_append *));
    if (!p->appends)
        return fault_set(f, NO_MEMORY, "no memory for the put");
    for (uint32_t i = 0; i < p->part_count && st == OK; i++) {
        p->parts[i].put = p;
        st = put_batch_begin(&p->parts[i].batch, a, epoch, f);
    }
    if (st != OK)
        return st;
    for (uint32_t i = 0; i < p->count; i++) {
        struct put_record *r = &p->records[i];
        if (r->stored || r->refused)
            continue;
        put_batch_add(&p->parts[r->part].batch, r->key, r->data,
                      r->explicit_hash ? &r->hash : NULL);
    }
    if (epoch)
        st = stream_settings_data_key(settings, p->service->master_keys, epoch, key, f);
    for (uint32_t i = 0; i < p->part_count && st == OK; i++) {
        put_batch_finish(&p->parts[i].batch, epoch, key, append_done);
        p->appends[i] = &p->parts[i].batch.append;
    }
    if (epoch)
        OPENSSL_cleanse(key, sizeof(key));
    return st;
}

/* ---- the way through ---- */

static void send_off(struct put *p)
{
    struct fault f = {0};
    if (route(p, &f) != OK || pack(p, &f) != OK) {
        put_fail(p, &f);
        return;
    }
    if (p->part_count == 0) { /* all were refused */
        put_answer(p);
        return;
    }
    atomic_store(&p->outstanding, p->part_count);
    log_append_all(p->service->logs, p->appends, p->part_count);
}

static void take_next_view(struct message *m)
{
    struct put *p = LIST_OWNER(m, struct exchange, message)->operation;
    struct stream_view *next = stream_look(p->stream);
    if (next->settings.status == STREAM_DELETING && p->one) {
        struct fault f = {0};
        fault_stream_not_found(&f, bytes_text(next->settings.name),
                               p->view->settings.scope.account);
        stream_view_unref(next);
        put_fail(p, &f);
        return;
    }
    if (next->settings.status == STREAM_DELETING || next->version == p->view->version ||
        p->routes == ROUTES_MAX) {
        /* Deleted meanwhile, or the reshard cannot finish now (stream_wake): the records stay
         * refused. */
        stream_view_unref(next);
        put_answer(p);
        return;
    }
    p->views[p->routes++] = p->view;
    p->view = next;
    send_off(p);
}

/* Thread: the catalog's, or ours. */
static void view_changed(struct stream_waiter *w)
{
    exchange_send(LIST_OWNER(w, struct put, waiter)->exchange, take_next_view);
}

/* What each shard took, or refused: once a batch. */
static void count_parts(struct put *p)
{
    uint64_t bytes = 0, records = 0;
    for (uint32_t i = 0; i < p->part_count; i++) {
        struct put_batch *part = &p->parts[i].batch;
        if (part->append.status == OK) {
            shard_rate_in(part->shard->rate, part->data_bytes, part->count);
            bytes += part->data_bytes;
            records += part->count;
        } else if (part->append.status == THROTTLED) {
            shard_rate_write_refused(part->shard->rate, part->count);
            shard_rate_write_refused(p->view->settings.rate, part->count);
        }
    }
    shard_rate_in(p->view->settings.rate, bytes, records);
    metric_add(p->service->data.incoming_bytes, bytes);
    metric_add(p->service->data.incoming_records, records);
}

/* P4. A record of a batch that was not stored for its stamp. Whether it is new: to be sent again. */
static bool note_known(struct put *p, struct put_record *r)
{
    const struct put_batch *batch = &p->parts[r->part].batch;
    const struct log_number *known = &batch->stamp->answers[r->place];
    bool fenced = batch->append.status == FENCED;
    if (!fenced && known->state == NUMBER_NEW)
        return true;
    if (!fenced && known->state == NUMBER_STORED) /* NULL: long ago, in a shard that is no more */
        r->shard = stream_view_shard(p->view, known->shard);
    r->stored = r->shard != NULL;
    r->refused = !r->stored;
    if (r->stored) {
        r->offset = known->offset;
        r->time_ms = known->time_ms;
    } else {
        struct fault f = {0};
        put_stamp_fault(batch, r->place, &p->view->settings, &f);
        r->error_code = "InvalidArgumentException";
        r->error_text = arena_copy(&p->exchange->arena, bytes_text(f.text));
    }
    return false;
}

/* All parts are done: notes what was stored; waits for the next view if a seal was met (P3). */
static void parts_done(struct message *m)
{
    struct put *p = LIST_OWNER(m, struct exchange, message)->operation;
    bool met_seal = false, again = false;
    for (uint32_t i = 0; i < p->count; i++) {
        struct put_record *r = &p->records[i];
        if (r->stored || r->refused)
            continue;
        const struct put_part *part = &p->parts[r->part];
        if (part->batch.append.status == OK) { /* P1 */
            r->stored = true;
            r->shard = part->batch.shard;
            r->offset = part->batch.append.first_offset + r->place;
            r->time_ms = part->batch.append.time_ms;
        } else if (part->batch.append.status == SEALED) {
            met_seal = true;
        } else if (part->batch.append.status == REPEATED || part->batch.append.status == FENCED) {
            again = note_known(p, r) || again;
        } else {
            r->refused = true;
            if (!p->one) {
                struct kinesis_put_records_result_entry ignored;
                put_describe_refused(
                    p, r, &ignored); /* while its part is known: a new routing reuses the numbers */
            }
        }
    }
    count_parts(p);
    if (met_seal) {
        p->waiter.wake = view_changed;
        stream_wait(p->stream, p->view->version, &p->waiter);
    } else if (again) {
        send_off(p);
    } else {
        put_answer(p);
    }
}

static void append_done(struct log_append *a)
{
    struct put *p = LIST_OWNER(a, struct put_part, batch.append)->put;
    if (atomic_fetch_sub_explicit(&p->outstanding, 1, memory_order_acq_rel) == 1)
        exchange_send(p->exchange, parts_done);
}

/* ---- from the request ---- */

static struct put *put_new(struct service *s, struct exchange *x, uint32_t count)
{
    struct put *p = arena_zero(&x->arena, sizeof(*p));
    struct put_record *records = p ? arena_zero(&x->arena, count * sizeof(*records)) : NULL;
    if (!records) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return NULL;
    }
    p->service = s;
    p->exchange = x;
    p->records = records;
    p->count = count;
    x->operation = p;
    return p;
}

/* Finds the stream; it must have been made whole. */
static enum status find_stream(struct put *p, struct bytes name, struct bytes arn, struct fault *f)
{
    enum status st = request_stream(p->service, p->exchange, name, arn, &p->stream, &p->view, f);
    if (st == OK && (p->view->settings.status == STREAM_CREATING || p->view->open_count == 0))
        st = fault_stream_not_found(f, bytes_text(p->view->settings.name),
                                    p->view->settings.scope.account);
    return st;
}

static enum status set_hash(struct put_record *r, struct bytes explicit_hash, struct fault *f)
{
    r->explicit_hash = bytes_present(explicit_hash);
    if (!r->explicit_hash) {
        uint8_t md5[MD5_BYTES];
        digest_md5(r->key, md5);
        r->hash = u128_from_be(md5);
        return OK;
    }
    if (u128_parse(explicit_hash, &r->hash))
        return OK;
    return fault_set(f, INVALID_ARGUMENT,
                     "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                     "Specified value was "
                     "%.*s",
                     BYTES_ARGS(explicit_hash));
}

static bool over_size(const struct put *p, const struct put_record *r)
{
    return r->key.len + r->data.len > KIB(p->view->settings.record_kib_max);
}

static enum status size_fault(const struct put *p, const struct put_record *r, struct fault *f)
{
    return fault_set(f, INVALID_ARGUMENT,
                     "Record size of %zu bytes (data and partition key) exceeds the maximum record "
                     "size of %llu bytes "
                     "of stream %s under account %s.",
                     r->key.len + r->data.len,
                     (unsigned long long)KIB(p->view->settings.record_kib_max),
                     p->view->settings.name, p->view->settings.scope.account);
}

/* SequenceNumberForOrdering: the next number must be greater. All of ours are, if it is one of this
 * stream's that was given out. */
static enum status check_ordering(const struct put *p, struct bytes number, struct fault *f)
{
    if (!bytes_present(number))
        return OK;
    struct sequence sequence;
    bool shard_known;
    enum status st = sequence_parse(number, &sequence, &shard_known);
    if (st == OK && sequence.time_s <= clock_wall_ms(p->service->clock) / 1000 + 1 &&
        sequence.place != SEQUENCE_PLACE_END)
        return OK;
    return fault_set(f, INVALID_ARGUMENT,
                     "ExclusiveMinimumSequenceNumber %.*s used in PutRecord on stream %s under "
                     "account %s is invalid.",
                     BYTES_ARGS(number), p->view->settings.name, p->view->settings.scope.account);
}

/* Refuses what an injected throttle hits: once, before the first routing. OK, or why the one record of a PutRecord is refused. */
static enum status inject_refusals(struct put *p, struct fault *f)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct put_record *r = &p->records[i];
        const struct shard *s = stream_view_route(p->view, r->hash);
        if (r->refused || !inject_throttles_shard(p->service, p->exchange, p->view, s))
            continue;
        if (p->one)
            return refusal_by_rate(p, s, f);
        refuse_by_rate(p, s, r);
    }
    return OK;
}

static enum status read_stamper(struct put *p, struct fault *f)
{
    return put_stamper_read(exchange_header(p->exchange, PRODUCER_HEADER), p->count,
                            &p->exchange->arena, &p->stamper, f);
}

void op_put_record(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_put_record_input *in = input;
    struct put *p = put_new(s, x, 1);
    if (!p)
        return;
    p->one = true;
    struct fault f = {0};
    struct put_record *r = &p->records[0];
    r->key = in->partition_key;
    r->data = in->data;
    enum status st = find_stream(p, in->stream_name, in->stream_arn, &f);
    if (st == OK)
        st = set_hash(r, in->explicit_hash_key, &f);
    if (st == OK && over_size(p, r))
        st = size_fault(p, r, &f);
    if (st == OK)
        st = check_ordering(p, in->sequence_number_for_ordering, &f);
    if (st == OK)
        st = read_stamper(p, &f);
    if (st == OK && inject_is_on(s))
        st = inject_refusals(p, &f);
    if (st == OK)
        send_off(p);
    else
        put_fail(p, &f);
}

/* Fills the records; one that is too large is refused alone. */
static enum status take_records(struct put *p, const struct kinesis_put_records_input *in,
                                struct fault *f)
{
    size_t total = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct kinesis_put_records_request_entry *entry = &in->records.at[i];
        struct put_record *r = &p->records[i];
        r->key = entry->partition_key;
        r->data = entry->data;
        total += r->key.len + r->data.len;
        enum status st = set_hash(r, entry->explicit_hash_key, f);
        if (st != OK)
            return st;
        if (over_size(p, r)) {
            struct fault size = {0};
            size_fault(p, r, &size);
            r->refused = true;
            r->error_code = "InvalidArgumentException";
            r->error_text = arena_copy(&p->exchange->arena, bytes_text(size.text));
        }
    }
    if (total > PUT_BYTES_MAX)
        return fault_set(f, INVALID_ARGUMENT, "Records size exceeds 10 MB limit");
    return OK;
}

void op_put_records(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_put_records_input *in = input;
    struct put *p = put_new(s, x, in->records.count);
    if (!p)
        return;
    struct fault f = {0};
    enum status st = find_stream(p, in->stream_name, in->stream_arn, &f);
    if (st == OK)
        st = take_records(p, in, &f);
    if (st == OK)
        st = read_stamper(p, &f);
    if (st == OK && inject_is_on(s))
        st = inject_refusals(p, &f);
    if (st == OK)
        send_off(p);
    else
        put_fail(p, &f);
}
