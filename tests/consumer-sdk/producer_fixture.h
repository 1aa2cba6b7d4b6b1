/* producer_fixture.h: a stream of a real server, producers into it, and everything that lies in it read back. */
#ifndef SLUICE_TESTS_PRODUCER_FIXTURE_H
#define SLUICE_TESTS_PRODUCER_FIXTURE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/u128.h"
#include "consumer-sdk/given.h"
#include "wire/aggregate.h"

#include <sluice/kinesis.h>
#include <sluice/producer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* One record of a test: `i` is in its data. */
struct expected {
    _Atomic unsigned completions;
    enum sluice_status status;
    char shard_id[32], sequence_number[64];
    uint64_t sub_sequence_number;
    unsigned stored;       /* times found in the stream */
    bool found_where_said; /* under the sequence and sub-sequence number of its completion */
};

static struct expected *expected;

static inline sluice_client *client_open(void)
{
    /* readers are throttled too */
    return client_with((struct sluice_client_options){.attempts_max = 30});
}

static inline void stream_of(const char *name, int64_t shards)
{
    sluice_client *c = client_open();
    make_stream(c, name, shards);
    sluice_client_free(c);
}

/* ---- completions ---- */

static inline void record_delivered(void *context, void *record_context,
                                    const struct sluice_delivered *result)
{
    (void)context;
    struct expected *x = record_context;
    x->status = result->status;
    x->sub_sequence_number = result->sub_sequence_number;
    must((result->status == SLUICE_OK) == (result->error == NULL));
    snprintf(x->shard_id, sizeof(x->shard_id), "%s", result->shard_id);
    snprintf(x->sequence_number, sizeof(x->sequence_number), "%s", result->sequence_number);
    atomic_fetch_add(&x->completions, 1);
}

static inline void expect(unsigned count)
{
    mem_free(expected);
    expected = mem_must(count * sizeof(*expected));
}

static inline sluice_producer *producer_open(struct sluice_producer_options o, const char *stream)
{
    sluice_producer *p = NULL;
    struct sluice_error e = {0};
    o.size = sizeof(o);
    o.client = options_with(o.client);
    o.stream = stream;
    o.delivered = record_delivered;
    must_be_ok(sluice_producer_new(&o, &p, &e), &e);
    return p;
}

/* Record i of key i % keys: "i" and padding. */
static inline enum sluice_status put_one(sluice_producer *p, unsigned i, unsigned keys,
                                         unsigned bytes)
{
    char key[16], data[64 * 1024];
    struct sluice_error e = {0};
    snprintf(key, sizeof(key), "key-%u", i % keys);
    int len = snprintf(data, sizeof(data), "%u:", i);
    memset(data + len, 'x', sizeof(data) - (size_t)len);
    const struct sluice_record r = {
        .data = sluice_view(data, bytes > (unsigned)len ? bytes : (unsigned)len),
        .partition_key = sluice_text(key),
        .context = &expected[i],
    };
    return sluice_producer_put(p, &r, &e);
}

static inline void all_were_delivered_once(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (expected[i].completions != 1 || expected[i].status != SLUICE_OK)
            fail_msg("record %u: %u completions, %s", i, expected[i].completions,
                     sluice_status_name(expected[i].status));
        assert_true(expected[i].shard_id[0] && expected[i].sequence_number[0]);
    }
}

/* ---- what lies in the stream ---- */

struct reading {
    sluice_client *client;
    const char *stream;
    bool ordered; /* records of a key must come in the order of their puts */
    unsigned count, keys;
    long last[64]; /* of a key */
    unsigned kinesis_records, aggregated;
    unsigned
        dropped; /* of an aggregated record that does not belong whole to its shard, as a reader does (P4) */
    u128 first, end; /* of the shard being read */
};

static inline void found(struct reading *r, struct bytes data, struct bytes sequence, uint64_t sub)
{
    char text[32] = {0};
    memcpy(text, data.at, data.len < sizeof(text) - 1 ? data.len : sizeof(text) - 1);
    unsigned i = (unsigned)strtoul(text, NULL, 10);
    assert_true(i < r->count);
    struct expected *x = &expected[i];
    if (bytes_equal(sequence, bytes_text(x->sequence_number)))
        x->found_where_said |= x->sub_sequence_number == sub;
    if (r->ordered && !x->stored) {
        if ((long)i <= r->last[i % r->keys])
            fail_msg("record %u came after %ld", i, r->last[i % r->keys]);
        r->last[i % r->keys] = i;
    }
    x->stored++;
}

static inline struct bytes bytes_in(struct sluice_bytes b)
{
    return bytes_of(b.at, b.len);
}

static inline void found_kinesis_record(struct reading *r, const struct sluice_kinesis_record *k)
{
    struct arena a;
    struct aggregate_record *records;
    uint32_t count = 0;
    r->kinesis_records++;
    arena_init(&a, MIB(64));
    if (aggregate_is(bytes_in(k->data))) {
        assert_int_equal(aggregate_read(bytes_in(k->data), 1000000, &a, &records, &count), OK);
        r->aggregated++;
    } else {
        found(r, bytes_in(k->data), bytes_in(k->sequence_number), 0);
    }
    bool whole = true;
    for (uint32_t i = 0; i < count; i++) {
        u128 hash = aggregate_hash(&records[i]);
        whole = whole && hash >= r->first && hash <= r->end;
    }
    for (uint32_t i = 0; whole && i < count; i++)
        found(r, records[i].data, bytes_in(k->sequence_number), i);
    r->dropped += whole ? 0 : count;
    arena_fini(&a);
}

static inline void keep(char *to, size_t room, struct sluice_bytes from)
{
    assert_true(from.len < room);
    if (from.len)
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
}

/* An open shard is read until it shows nothing more, a closed one to its end. */
static inline void read_shard(struct reading *r, const struct sluice_kinesis_shard *s)
{
    struct sluice_error e = {0};
    sluice_reply *reply;
    const struct sluice_kinesis_get_shard_iterator_output *at;
    const struct sluice_kinesis_get_shard_iterator_input in = {
        .stream_name = sluice_text(r->stream),
        .shard_id = s->shard_id,
        .shard_iterator_type = sluice_text("TRIM_HORIZON")};
    assert_true(u128_parse(bytes_in(s->hash_key_range->starting_hash_key), &r->first));
    assert_true(u128_parse(bytes_in(s->hash_key_range->ending_hash_key), &r->end));
    must_be_ok(sluice_kinesis_get_shard_iterator(r->client, &in, &reply, &at, &e), &e);
    char iterator[1024];
    keep(iterator, sizeof(iterator), at->shard_iterator);
    sluice_reply_free(reply);
    for (bool more = true; more;) {
        const struct sluice_kinesis_get_records_output *out;
        const struct sluice_kinesis_get_records_input get = {.shard_iterator =
                                                                 sluice_text(iterator)};
        must_be_ok(sluice_kinesis_get_records(r->client, &get, &reply, &out, &e), &e);
        for (uint32_t i = 0; i < out->records.count; i++)
            found_kinesis_record(r, &out->records.at[i]);
        more = out->next_shard_iterator.at &&
               (out->records.count || out->millis_behind_latest.value > 0);
        keep(iterator, sizeof(iterator), out->next_shard_iterator);
        sluice_reply_free(reply);
    }
}

/* Reads parents before children, as they are listed. Each record must lie there once at least; at_most: 0: or more often. */
static inline struct reading read_all(const char *stream, unsigned count, unsigned keys,
                                      bool ordered, unsigned at_most)
{
    struct reading r = {.client = client_open(),
                        .stream = stream,
                        .ordered = ordered,
                        .count = count,
                        .keys = keys};
    struct sluice_error e = {0};
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *out;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text(stream)};
    for (unsigned i = 0; i < keys && i < 64; i++)
        r.last[i] = -1;
    must_be_ok(sluice_kinesis_list_shards(r.client, &in, &reply, &out, &e), &e);
    for (uint32_t i = 0; i < out->shards.count; i++)
        read_shard(&r, &out->shards.at[i]);
    sluice_reply_free(reply);
    sluice_client_free(r.client);
    for (unsigned i = 0; i < count; i++) {
        bool stored = expected[i].completions && expected[i].status == SLUICE_OK;
        if ((stored && (!expected[i].stored || !expected[i].found_where_said)) ||
            (at_most && expected[i].stored > at_most))
            fail_msg("record %u lies there %u times (%s)", i, expected[i].stored,
                     sluice_status_name(expected[i].status));
    }
    return r;
}

static inline int stop_and_forget(void **state)
{
    mem_free(expected);
    expected = NULL;
    return stop(state);
}

#endif
