/* burst.c: see burst.h.
 *
 * All calls of a burst are under way at once, so the model cannot say which comes first, and need not: each answer is checked for what it says
 * of the order itself. First what the change made is learnt, then the puts that were acknowledged are taken in, then the reads are compared.
 *
 * After a kill, a put that was not answered is pending: its records are there or not, each at most once. What a reader saw of them before the
 * kill was durable, and must be there. What is found at the first look afterwards stays; what is not found must never come. */
#include "sim/burst.h"

#include "base/mem.h"
#include "sim/control.h"
#include "sim/learn.h"
#include "sim/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PUTS_MAX = 8,
    READS_MAX = 3,
    RECORDS_MAX = 60,
    LARGE_BYTES = 1048570,
    RECORD_MAX = 1048576,
    SYNCS_MAX = 8
};

struct put {
    struct model_stream *stream;
    struct model_record *records[500];
    uint32_t count;
    bool one;
};

struct burst {
    struct put puts[PUTS_MAX];
    struct reader *readers[READS_MAX];
    struct control control;
    bool has_control;
    uint32_t put_count, read_count, first_put, first_read; /* their flights, in this order */
    struct flight flights[PUTS_MAX + READS_MAX + 1];
    uint32_t count;
};

/* ---- puts ---- */

static const char *draw_key(struct sim *m)
{
    static const char *const keys[] = {"a",
                                       "b",
                                       "e",
                                       "f",
                                       "ключ",
                                       "k1",
                                       "k2",
                                       "k3",
                                       "k4",
                                       "k5",
                                       "k6",
                                       "k7",
                                       "k8",
                                       "k9",
                                       "k10",
                                       "k11",
                                       "a longer key by far"};
    return keys[draw(m, sizeof(keys) / sizeof(keys[0]))];
}

static struct model_record *draw_record(struct sim *m)
{
    static const uint32_t sizes[] = {0, 1, 10, 100, 100, 1000, 1000, 10000};
    uint32_t size = one_in(m, 200)  ? LARGE_BYTES + (uint32_t)draw(m, 20)
                    : one_in(m, 40) ? (uint32_t)draw(m, 100000)
                                    : sizes[draw(m, 8)];
    struct model_record *r = model_record_new(++m->made, size, draw_key(m));
    r->step = m->diary.step;
    r->ms = sim_now(m);
    r->by_hash = one_in(m, 3);
    if (r->by_hash)
        r->hash = one_in(m, 8)   ? 0
                  : one_in(m, 8) ? U128_MAX
                                 : (u128)random_next(&m->chance) << 64 | random_next(&m->chance);
    return r;
}

static json_t *entry_of(const struct model_record *r)
{
    char *data = model_data(r), hash[U128_DECIMAL_BYTES_MAX + 1] = "";
    json_t *entry = json_pack("{s:s, s:s}", "PartitionKey", r->key, "Data", data);
    u128_print(r->hash, hash);
    if (r->by_hash)
        json_object_set_new(entry, "ExplicitHashKey", json_string(hash));
    mem_free(data);
    return entry;
}

static struct flight put_flight(const struct put *p)
{
    json_t *ask = json_object();
    if (p->one) {
        json_decref(ask);
        ask = entry_of(p->records[0]);
    } else {
        json_t *entries = json_array();
        for (uint32_t i = 0; i < p->count; i++)
            json_array_append_new(entries, entry_of(p->records[i]));
        json_object_set_new(ask, "Records", entries);
    }
    json_object_set_new(ask, "StreamName", json_string(p->stream->name));
    return (struct flight){.operation = p->one ? "PutRecord" : "PutRecords", .ask = ask};
}

static void draw_put(struct sim *m, struct model_stream *s, struct put *p)
{
    static const uint32_t counts[] = {1, 2, 5, 20, RECORDS_MAX};
    p->stream = s;
    p->one = one_in(m, 2);
    p->count = p->one ? 1 : counts[draw(m, 5)];
    for (uint32_t i = 0; i < p->count; i++)
        p->records[i] = draw_record(m);
}

static bool is_too_large(const struct model_record *r)
{
    return model_data_bytes(r) + strlen(r->key) > RECORD_MAX;
}

static bool is_throttled(const struct sim *m, const char *error)
{
    return m->client.settings.quotas &&
           strcmp(error, "ProvisionedThroughputExceededException") == 0;
}

static void check_place(struct sim *m, const struct model_stream *s, const struct model_shard *h,
                        const struct model_record *r, const char *number)
{
    if (!h || !model_owns(h, r->hash) || (!h->open && h->closed_step != m->diary.step))
        DIFFERS(m, "%s: the record %" PRIu64 " was put to shard %d, which is not where it belongs",
                s->name, r->id, h ? (int)h->index : -1);
    if (!number || strlen(number) != 56 || strcmp(number, h->first) <= 0 ||
        (!h->open && strcmp(number, h->last) >= 0))
        DIFFERS(m, "%s/%u: the record %" PRIu64 " got the number %s", s->name, h->index, r->id,
                number ? number : "?");
    const struct model_record *same = model_record_at(h, number);
    if (same)
        DIFFERS(m, "%s/%u: %" PRIu64 " and %" PRIu64 " both got %s", s->name, h->index, same->id,
                r->id, number);
    uint32_t next = model_place(h, number);
    if (next < h->count && h->records[next]->step != r->step)
        DIFFERS(m, "%s/%u: the record %" PRIu64 " stands before %" PRIu64 ", which was there first",
                s->name, h->index, r->id, h->records[next]->id);
}

/* One record that was said to be stored. */
static void acknowledge(struct sim *m, struct model_stream *s, struct model_record *r,
                        const json_t *entry, bool encrypted)
{
    const char *number = json_string_value(json_object_get(entry, "SequenceNumber"));
    const char *id = json_string_value(json_object_get(entry, "ShardId"));
    struct model_shard *h = model_shard_find(s, learn_index(m, id));
    if (is_too_large(r))
        DIFFERS(m, "the record %" PRIu64 " is too large and was taken", r->id);
    check_place(m, s, h, r, number);
    snprintf(r->number, sizeof(r->number), "%s", number);
    r->encrypted = encrypted;
    model_accept(h, r);
    m->tally.put++;
}

static void check_refused(struct sim *m, const struct put *p, const struct model_record *r,
                          const char *error, bool deleting)
{
    bool large = is_too_large(r) && strcmp(error, "InvalidArgumentException") == 0;
    bool gone = deleting && strcmp(error, "ResourceNotFoundException") == 0;
    if (!large && !gone && !is_throttled(m, error) && !(deleting && !p->one))
        DIFFERS(m, "%s: the record %" PRIu64 " is refused: %s", p->stream->name, r->id, error);
}

static void take_entries(struct sim *m, struct put *p, const struct flight *f, bool encrypted,
                         bool deleting)
{
    const json_t *entries = json_object_get(f->answer, "Records");
    json_int_t failed = 0;
    const char *last[2] = {"", ""}; /* number and shard of the one before */
    if (json_array_size(entries) != p->count)
        DIFFERS(m, "%zu results for %u records", json_array_size(entries), p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *error = json_string_value(json_object_get(entry, "ErrorCode"));
        if (error) {
            failed++;
            check_refused(m, p, p->records[i], error, deleting);
            mem_free(p->records[i]);
            continue;
        }
        acknowledge(m, p->stream, p->records[i], entry, encrypted);
        const char *id = json_string_value(json_object_get(entry, "ShardId"));
        if (strcmp(last[1], id) == 0 && strcmp(last[0], p->records[i]->number) >= 0)
            DIFFERS(m, "%s: one PutRecords has its records out of order in %s", p->stream->name,
                    id);
        last[0] = p->records[i]->number;
        last[1] = id;
    }
    if (json_integer_value(json_object_get(f->answer, "FailedRecordCount")) != failed)
        DIFFERS(m, "FailedRecordCount is not %d", (int)failed);
}

/* Takes over the records. */
static void take_put(struct sim *m, struct put *p, const struct flight *f,
                     const struct control *control)
{
    bool mine = control && control->stream == p->stream;
    bool deleting = mine && control->kind == CONTROL_DELETE;
    const char *type = json_string_value(json_object_get(f->answer, "EncryptionType"));
    bool encrypted = type && strcmp(type, "KMS") == 0;
    if (f->status != 200 || !p->stream->exists) {
        for (uint32_t i = 0; i < p->count; i++) {
            if (f->status != 200 && (p->one || !deleting))
                check_refused(m, p, p->records[i], flight_error(f), deleting);
            mem_free(p->records[i]);
        }
        return;
    }
    if (encrypted != p->stream->encrypted && !(mine && control->kind == CONTROL_ENCRYPTION))
        DIFFERS(m, "%s: a put was %s", p->stream->name, encrypted ? "encrypted" : "plain");
    if (!p->one)
        take_entries(m, p, f, encrypted, deleting);
    else
        acknowledge(m, p->stream, p->records[0], f->answer, encrypted);
}

/* ---- a burst ---- */

static struct model_stream *draw_stream(struct sim *m)
{
    uint64_t first = draw(m, MODEL_STREAMS);
    for (uint64_t i = 0; i < MODEL_STREAMS; i++) {
        struct model_stream *s = &m->streams[(first + i) % MODEL_STREAMS];
        if (s->exists)
            return s;
    }
    return NULL;
}

static bool reads_beside(const struct burst *b, const struct reader *r)
{
    for (uint32_t i = 0; i < b->read_count; i++)
        if (b->readers[i] == r)
            return false; /* one page at a time */
    bool mine = b->has_control && b->control.stream == r->stream;
    return !mine || (b->control.kind != CONTROL_DELETE && b->control.kind != CONTROL_RETENTION);
}

static void draw_control(struct sim *m, struct burst *b, bool killed)
{
    static const enum control_kind kinds[] = {
        CONTROL_SPLIT,   CONTROL_SPLIT,     CONTROL_MERGE,      CONTROL_MERGE,
        CONTROL_RECOUNT, CONTROL_RETENTION, CONTROL_ENCRYPTION, CONTROL_DELETE};
    enum control_kind kind = kinds[draw(m, 8)];
    if (kind == CONTROL_DELETE && !one_in(m, 3))
        kind = CONTROL_SPLIT;
    b->has_control =
        one_in(m, killed ? 2 : 3) && control_draw(m, draw_stream(m), kind, &b->control);
}

static struct burst *draw_burst(struct sim *m, bool killed)
{
    struct burst *b = MEM_NEW(struct burst);
    draw_control(m, b, killed);
    if (b->has_control)
        b->flights[b->count++] = control_flight(&b->control);
    b->first_put = b->count;
    b->put_count = 1 + (uint32_t)draw(m, PUTS_MAX);
    uint32_t records = 0;
    for (uint32_t i = 0; i < b->put_count; i++) {
        draw_put(m, draw_stream(m), &b->puts[i]);
        records += b->puts[i].count;
        b->flights[b->count++] = put_flight(&b->puts[i]);
    }
    b->first_read = b->count;
    for (uint64_t i = draw(m, READS_MAX + 1); i > 0; i--) {
        struct reader *r = read_choose(m);
        if (!r || !reads_beside(b, r))
            continue;
        b->readers[b->read_count++] = r;
        b->flights[b->count++] = (struct flight){.operation = "GetRecords", .ask = read_ask(m, r)};
    }
    diary_note(&m->diary, "%u puts of %u records, %u reads%s%s", b->put_count, records,
               b->read_count, b->has_control ? ", beside that" : "", killed ? "; a kill" : "");
    return b;
}

static void take_reads(struct sim *m, struct burst *b)
{
    for (uint32_t i = 0; i < b->read_count; i++) {
        struct flight *f = &b->flights[b->first_read + i];
        if (f->answered && !is_throttled(m, flight_error(f)))
            read_take(m, b->readers[i], f, true);
    }
}

static void burst_end(struct burst *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        flight_fini(&b->flights[i]);
    mem_free(b);
}

void burst(struct sim *m)
{
    struct burst *b = draw_burst(m, false);
    client_fly(&m->client, b->flights, b->count, NULL);
    if (b->has_control)
        control_done(m, &b->control, &b->flights[0]);
    for (uint32_t i = 0; i < b->put_count; i++)
        take_put(m, &b->puts[i], &b->flights[b->first_put + i],
                 b->has_control ? &b->control : NULL);
    take_reads(m, b);
    burst_end(b);
}

void burst_load(struct sim *m, struct model_stream *s, u128 hash, uint32_t count)
{
    struct put *p = MEM_NEW(struct put);
    p->stream = s;
    p->count = count;
    for (uint32_t i = 0; i < count; i++) {
        p->records[i] = model_record_new(++m->made, 8, "hot");
        p->records[i]->step = m->diary.step;
        p->records[i]->ms = sim_now(m);
        p->records[i]->by_hash = true;
        p->records[i]->hash = hash;
    }
    struct flight f = put_flight(p);
    client_fly(&m->client, &f, 1, NULL);
    take_put(m, p, &f, NULL);
    flight_fini(&f);
    mem_free(p);
}

/* ---- with a kill ---- */

static void make_pending(struct sim *m, const struct put *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (m->pending_count == SIM_PENDING_MAX)
            DIFFERS(m, "more is pending than the run can hold");
        m->pending[m->pending_count++] =
            (struct pending){p->stream, p->stream->generation, p->records[i]};
    }
}

static void forget_pending(struct sim *m)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < m->pending_count; i++) {
        found += m->pending[i].record == NULL;
        mem_free(m->pending[i].record);
    }
    if (m->pending_count)
        diary_note(&m->diary, "of %u records without an answer %u are there", m->pending_count,
                   found);
    m->pending_count = 0;
}

static void drop_watchers(struct sim *m)
{
    for (int i = 0; i < HOST_SLOTS; i++)
        m->watchers[i].live = false;
}

static void check_all(struct sim *m, bool adopting)
{
    for (int i = 0; i < MODEL_STREAMS; i++) {
        struct model_stream *s = &m->streams[i];
        if (!s->exists)
            continue;
        learn_shards(m, s, false);
        read_all(m, s, adopting);
    }
    forget_pending(m);
    drop_watchers(m);
}

void burst_check_all(struct sim *m)
{
    check_all(m, false);
}

void burst_killed(struct sim *m)
{
    struct burst *b = draw_burst(m, true);
    struct fall fall = {b->count, 1 + (uint32_t)draw(m, 3000), 0};
    enum forget_manner manner = (enum forget_manner)draw(m, FORGET_MANNERS);
    uint64_t lot = draw(m, 3);
    if (lot == 1) /* just when something was answered: a recount then has just begun */
        fall = (struct fall){1 + (uint32_t)draw(m, one_in(m, 2) ? 2 : b->count), 1000000, 0};
    if (lot == 2)
        fall = (struct fall){b->count, 1000000, 1 + (uint32_t)draw(m, SYNCS_MAX)};
    client_fly(&m->client, b->flights, b->count, &fall);
    client_kill(&m->client, manner, &m->chance);
    m->tally.kills++;
    client_start(&m->client);
    if (b->has_control)
        control_resolve(m, &b->control, &b->flights[0]);
    for (uint32_t i = 0; i < b->put_count; i++) {
        const struct flight *f = &b->flights[b->first_put + i];
        if (f->answered)
            take_put(m, &b->puts[i], f, b->has_control ? &b->control : NULL);
        else
            make_pending(m, &b->puts[i]);
    }
    /* before the first look, so that what was seen is owed */
    take_reads(m, b);
    burst_end(b);
    check_all(m, true);
}
