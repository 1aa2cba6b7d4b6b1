/* dispatch_fixture.h: a service that misbehaves by a seed, and the clock, for the middle of a producer. */
#ifndef SLUICE_TESTS_DISPATCH_FIXTURE_H
#define SLUICE_TESTS_DISPATCH_FIXTURE_H

#include "consumer-sdk/dispatch.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_MAX = 20000, SHARDS_MAX = 400, KEYS = 37, CALLS = 64 };

struct fake_shard {
    char id[24];
    u128 first, last;
    bool open;
    uint64_t newest; /* number */
};
struct fake_record {
    unsigned completions, stored, seen; /* stored: where a reader finds it */
    enum sluice_status status;
    uint64_t first_at; /* its first place in the order of all that was stored */
    char shard_id[24];
};
/* How badly it behaves: of 1,000. */
struct fake_manners {
    unsigned throttle, internal, fatal, lose_before, lose_after, reshard, list_fails;
};
struct fake {
    struct fake_manners manners;
    struct random random;
    struct fake_shard shards[SHARDS_MAX];
    unsigned shard_count;
    uint64_t now_us, at; /* `at` counts what was stored */
    struct intake intake;
    struct dispatch dispatch;
    struct put_call *calls[CALLS];
    unsigned call_count, call_most;
    struct fake_record *records;
    struct bytes *numbered; /* data that was stored under a number, by number */
    unsigned *numbered_shard;
    uint64_t numbered_max;
    unsigned put_count, in_call_most;
    bool listing;
};

static inline bool chance(struct fake *f, unsigned of_1000)
{
    return random_below(&f->random, 1000) < of_1000;
}

static inline struct fake_shard *shard_add(struct fake *f, u128 first, u128 last)
{
    assert_true(f->shard_count < SHARDS_MAX);
    struct fake_shard *s = &f->shards[f->shard_count];
    *s = (struct fake_shard){.first = first, .last = last, .open = true};
    snprintf(s->id, sizeof(s->id), "shardId-%012u", f->shard_count++);
    return s;
}

static inline void fake_delivered(void *context, void *record_context,
                                  const struct sluice_delivered *result)
{
    struct fake *f = context;
    struct fake_record *r = record_context;
    assert_true(r >= f->records && r < f->records + RECORDS_MAX);
    assert_int_equal(r->completions, 0); /* P1 */
    r->completions++;
    r->status = result->status;
    snprintf(r->shard_id, sizeof(r->shard_id), "%s", result->shard_id);
    if (result->status == SLUICE_OK)
        assert_true(r->stored > 0);
    else
        assert_non_null(result->error);
}

static inline struct dispatch_options fake_options(void)
{
    return (struct dispatch_options){.batch_bytes_max = 20000,
                                     .batch_records_max = 50,
                                     .calls_max = 8,
                                     .linger_us = 5000,
                                     .timeout_us = 3600 * 1000000ull,
                                     .map_age_us = 60 * 1000000ull,
                                     .seed = 1};
}

static inline struct fake *fake_new(struct dispatch_options o, struct fake_manners manners,
                                    uint64_t seed, unsigned shards)
{
    struct fake *f = mem_must(sizeof(*f));
    f->manners = manners;
    random_seed(&f->random, seed);
    f->now_us = 1000000;
    f->records = mem_must(RECORDS_MAX * sizeof(*f->records));
    f->numbered_max = 8 * RECORDS_MAX;
    f->numbered = mem_must(f->numbered_max * sizeof(*f->numbered));
    f->numbered_shard = mem_must(f->numbered_max * sizeof(*f->numbered_shard));
    u128 each = U128_MAX / shards;
    for (unsigned i = 0; i < shards; i++)
        shard_add(f, each * i, i + 1 == shards ? U128_MAX : each * (i + 1) - 1);
    o.delivered = fake_delivered;
    o.context = f;
    intake_init(&f->intake, MIB(64), MIB(8));
    dispatch_init(&f->dispatch, &o, &f->intake);
    return f;
}

static inline void fake_free(struct fake *f)
{
    dispatch_fini(&f->dispatch);
    lock_take(&f->intake.mu);
    intake_settle(&f->intake);
    assert_int_equal(f->intake.held, 0); /* all memory came back */
    lock_drop(&f->intake.mu);
    intake_fini(&f->intake);
    for (uint64_t i = 0; i < f->numbered_max; i++)
        mem_free((void *)(uintptr_t)f->numbered[i].at);
    mem_free(f->numbered);
    mem_free(f->numbered_shard);
    mem_free(f->records);
    mem_free(f);
}

/* The next record: its number is its data's beginning, its key one of KEYS. */
static inline void fake_put(struct fake *f)
{
    char key[16], data[1500];
    unsigned i = f->put_count++;
    snprintf(key, sizeof(key), "key-%u", i % KEYS);
    memset(data, 'x', sizeof(data));
    int len = snprintf(data, sizeof(data), "%u:", i);
    size_t size = chance(f, 20) ? 1400 : random_below(&f->random, 200);
    struct parcel one = {.partition_key = bytes_text(key),
                         .data = bytes_of(data, size > (size_t)len ? size : (size_t)len),
                         .put_us = f->now_us,
                         .context = &f->records[i]};
    lock_take(&f->intake.mu);
    assert_int_equal(intake_put(&f->intake, &one), OK);
    lock_drop(&f->intake.mu);
}

static inline void fake_take(struct fake *f)
{
    struct list taken;
    list_init(&taken);
    lock_take(&f->intake.mu);
    struct chunk *detached = intake_detach(&f->intake);
    lock_drop(&f->intake.mu);
    intake_take(detached, &taken);
    parcel_hash_all(&taken);
    dispatch_put(&f->dispatch, &taken, f->now_us);
}

/* ---- the service ---- */

static inline struct fake_shard *owner_of(struct fake *f, u128 hash)
{
    for (unsigned i = 0; i < f->shard_count; i++)
        if (f->shards[i].open && hash >= f->shards[i].first && hash <= f->shards[i].last)
            return &f->shards[i];
    fail_msg("no shard owns a key");
    return NULL;
}

static inline bool belongs(const struct fake_shard *s, struct bytes key)
{
    uint8_t digest[MD5_BYTES];
    digest_md5(key, digest);
    u128 hash = u128_from_be(digest);
    return hash >= s->first && hash <= s->last;
}

static inline void lies_there(struct fake *f, struct bytes data, bool whole)
{
    char text[16] = {0};
    memcpy(text, data.at, data.len < 15 ? data.len : 15);
    struct fake_record *r = &f->records[strtoul(text, NULL, 10)];
    r->seen++;
    if (!whole)
        return; /* a reader drops it (P4) */
    if (!r->stored++)
        r->first_at = ++f->at;
}

static inline void store(struct fake *f, struct fake_shard *s, const struct parcel *p)
{
    if (!p->entries) {
        lies_there(f, p->data, true);
        return;
    }
    struct arena a;
    struct aggregate_record *records;
    uint32_t count;
    arena_init(&a, MIB(1));
    assert_int_equal(aggregate_read(p->data, 10000, &a, &records, &count), OK);
    assert_int_equal(count, p->count);
    assert_true(count > 1);
    bool whole = true;
    for (uint32_t i = 0; i < count; i++)
        whole = whole && belongs(s, records[i].partition_key);
    for (uint32_t i = 0; i < count; i++)
        lies_there(f, records[i].data, whole);
    arena_fini(&a);
}

/* As Sluice does for idempotent puts: a number that was stored is not stored again, its answer is the old one. */
static inline struct fake_shard *store_numbered(struct fake *f, struct fake_shard *s,
                                                const struct parcel *p)
{
    assert_true(p->number < f->numbered_max);
    struct bytes *there = &f->numbered[p->number];
    if (there->at) {
        assert_true(bytes_equal(*there, p->data)); /* P5: its own number, always */
        return &f->shards[f->numbered_shard[p->number]];
    }
    assert_true(p->number + DISPATCH_WINDOW > s->newest);
    s->newest = p->number > s->newest ? p->number : s->newest;
    uint8_t *copy = mem_must(p->data.len + 1);
    memcpy(copy, p->data.at, p->data.len);
    *there = bytes_of(copy, p->data.len);
    f->numbered_shard[p->number] = (unsigned)(s - f->shards);
    store(f, s, p);
    return s;
}

static inline void do_record(struct fake *f, struct put_call *c, uint32_t i, bool answered)
{
    const struct parcel *p = c->parcels[i];
    struct put_result r = {0};
    if (chance(f, f->manners.throttle)) {
        r.error_code = BYTES_LITERAL("ProvisionedThroughputExceededException");
    } else if (chance(f, f->manners.internal)) {
        r.error_code = BYTES_LITERAL("InternalFailure");
    } else if (chance(f, f->manners.fatal)) {
        r.error_code = BYTES_LITERAL("InvalidArgumentException");
    } else {
        struct fake_shard *s = owner_of(f, p->hash);
        if (f->dispatch.options.idempotent)
            s = store_numbered(f, s, p);
        else
            store(f, s, p);
        r.shard_id = bytes_text(s->id);
        r.sequence_number = BYTES_LITERAL("49");
    }
    if (answered)
        dispatch_record(&f->dispatch, c, i, &r, f->now_us);
}

static inline void answer(struct fake *f, unsigned which)
{
    struct put_call *c = f->calls[which];
    f->calls[which] = f->calls[--f->call_count];
    bool before = chance(f, f->manners.lose_before), after = chance(f, f->manners.lose_after);
    for (uint32_t i = 0; !before && i < c->count; i++)
        do_record(f, c, i, !after);
    struct sluice_error lost = {.status = SLUICE_TRANSPORT, .retryable = true};
    dispatch_ended(&f->dispatch, c, before || after ? &lost : NULL, f->now_us);
}

static inline void list_shards(struct fake *f)
{
    if (chance(f, f->manners.list_fails)) {
        struct sluice_error e = {.status = SLUICE_TRANSPORT, .retryable = true};
        dispatch_map_failed(&f->dispatch, &e, f->now_us);
        return;
    }
    struct shard_map *m = shard_map_new();
    for (unsigned i = 0; i < f->shard_count; i++) {
        char first[U128_DECIMAL_BYTES_MAX], last[U128_DECIMAL_BYTES_MAX];
        if (!f->shards[i].open) {
            struct shard_range r = {.first = f->shards[i].first, .last = f->shards[i].last};
            snprintf(r.id, sizeof(r.id), "%s", f->shards[i].id);
            if (dispatch_wants_closed(&f->dispatch))
                dispatch_closed(&f->dispatch, &r);
            continue;
        }
        u128_print(f->shards[i].first, first);
        u128_print(f->shards[i].last, last);
        assert_int_equal(
            shard_map_add(m, bytes_text(f->shards[i].id), bytes_text(first), bytes_text(last)), OK);
    }
    assert_int_equal(shard_map_finish(m), OK);
    dispatch_set_map(&f->dispatch, m, f->now_us);
}

static inline void split(struct fake *f, struct fake_shard *s)
{
    u128 middle = s->first + (s->last - s->first) / 2;
    s->open = false;
    shard_add(f, s->first, middle)->newest = s->newest;
    shard_add(f, middle + 1, s->last)->newest = s->newest;
}

/* With the open shard above it, if there is one. */
static inline void merge(struct fake *f, struct fake_shard *s)
{
    if (s->last == U128_MAX)
        return;
    struct fake_shard *above = owner_of(f, s->last + 1);
    s->open = above->open = false;
    uint64_t newest = s->newest > above->newest ? s->newest : above->newest;
    shard_add(f, s->first, above->last)->newest = f->dispatch.options.idempotent ? 0 : newest;
}

static inline void reshard(struct fake *f)
{
    if (f->shard_count + 2 > SHARDS_MAX)
        return;
    uint8_t key[16];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)random_next(&f->random);
    struct fake_shard *s = owner_of(f, u128_from_be(key));
    if (chance(f, 600))
        split(f, s);
    else
        merge(f, s);
}

/* ---- histories ---- */

static inline void send_due(struct fake *f)
{
    for (struct put_call *c; (c = dispatch_next(&f->dispatch, f->now_us)) != NULL;) {
        assert_true(f->call_count < f->dispatch.options.calls_max);
        assert_true(c->count <= f->dispatch.options.batch_records_max);
        assert_true(c->count == 1 || c->bytes <= f->dispatch.options.batch_bytes_max);
        dispatch_seal(&f->dispatch, c);
        f->calls[f->call_count++] = c;
        f->call_most = f->call_count > f->call_most ? f->call_count : f->call_most;
        f->in_call_most = c->count > f->in_call_most ? c->count : f->in_call_most;
    }
}

/* One thing happens, and the clock goes on. */
static inline void step(struct fake *f)
{
    dispatch_expire(&f->dispatch, f->now_us);
    if (chance(f, f->manners.reshard))
        reshard(f);
    if (f->listing && chance(f, 300)) {
        f->listing = false;
        list_shards(f);
    }
    if (!f->listing && dispatch_wants_map(&f->dispatch, f->now_us))
        f->listing = true;
    send_due(f);
    if (f->call_count && chance(f, 500))
        answer(f, (unsigned)random_below(&f->random, f->call_count));
    f->now_us += random_below(&f->random, 3000);
}

/* Until everything has its completion. */
static inline void drain(struct fake *f)
{
    f->dispatch.flush_order = f->intake.order;
    for (unsigned steps = 0; dispatch_oldest(&f->dispatch) != DISPATCH_NEVER; steps++) {
        step(f);
        if (steps > 2000000)
            fail_msg("it does not come to an end");
        if (!f->call_count && !f->listing) { /* nothing can come: on to the next moment */
            uint64_t due_us = dispatch_due_us(&f->dispatch, f->now_us);
            assert_true(due_us != DISPATCH_NEVER);
            f->now_us = due_us > f->now_us ? due_us : f->now_us;
        }
    }
    while (f->call_count)
        answer(f, 0);
}

static inline void play(struct fake *f, unsigned records)
{
    for (unsigned i = 0; i < records; i++) {
        fake_put(f);
        if (chance(f, 300))
            fake_take(f);
        if (chance(f, 300))
            step(f);
    }
    fake_take(f);
    drain(f);
    for (unsigned i = 0; i < records; i++)
        assert_int_equal(f->records[i].completions, 1);
}

/* P3: of each key, what was stored was stored in the order of the puts. */
static inline void stored_in_order(const struct fake *f)
{
    uint64_t last[KEYS] = {0};
    for (unsigned i = 0; i < f->put_count; i++) {
        if (!f->records[i].stored)
            continue;
        if (f->records[i].first_at < last[i % KEYS])
            fail_msg("record %u of key %u was stored too early", i, i % KEYS);
        last[i % KEYS] = f->records[i].first_at;
    }
}

#endif
