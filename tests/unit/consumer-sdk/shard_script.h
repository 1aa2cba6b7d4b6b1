/* shard_script.h: a shard's reader with a fetch that does what the test says, a store that answers as it says, and a clock that stands still.
 * The program links with -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try (support/failing.h). Included once, by the test itself. */
#ifndef SLUICE_TESTS_UNIT_SHARD_SCRIPT_H
#define SLUICE_TESTS_UNIT_SHARD_SCRIPT_H

#include "consumer-sdk/shard_reader.h"

#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { SECOND_US = 1000000 };

/* ---- the fetch, the host, the handler: what they were told, and what they answer ---- */

struct script {
    struct shard_host host;
    struct clock_manual clock;
    struct sluice_shard *shard;
    struct fetch fetch;
    unsigned opens, closes, commits, notices;
    bool open, open_fails, open_push;
    struct fetch_from opened_at;
    enum sluice_status commit_answer, handler_answer;
    struct sluice_checkpoint_at committed;
    enum sluice_status hopeless;
    bool checkpoints, checkpoints_end;
    unsigned begins, ends, batches;
    uint64_t records, last;
    enum sluice_end why;
    char said[512];
};
static struct script t;
static sluice_shard *handed_shard;
static char last_sequence[SLUICE_SEQUENCE_BYTES];

static uint64_t fetch_nothing(struct fetch *f, uint64_t now_us)
{
    (void)f;
    (void)now_us;
    return UINT64_MAX;
}

static inline void fetch_closed(struct fetch *f)
{
    (void)f;
    t.closes++;
    t.open = false;
}

static inline struct fetch *open_fetch(struct shard_host *host, const char *shard_id,
                                       const struct fetch_from *from, bool push)
{
    static const struct fetch_ops ops = {fetch_nothing, fetch_closed};
    (void)host;
    assert_string_equal(shard_id, "shard-1");
    assert_false(t.open);
    if (t.open_fails)
        return NULL;
    t.opens++;
    t.open = true;
    t.open_push = push;
    t.opened_at = *from;
    t.fetch = (struct fetch){.ops = &ops, .from = *from, .push = push};
    return &t.fetch;
}

static inline enum sluice_status commit(struct shard_host *host, const struct sluice_lease *lease,
                                        const struct sluice_checkpoint_at *at,
                                        struct sluice_error *error)
{
    (void)host;
    assert_int_equal(lease->epoch, 3);
    t.commits++;
    if (t.commit_answer == SLUICE_OK)
        t.committed = *at;
    return t.commit_answer == SLUICE_OK ? SLUICE_OK : error_set(error, t.commit_answer, "no");
}

static inline void notice(struct shard_host *host, const char *shard_id, const char *text)
{
    (void)host;
    (void)shard_id;
    t.notices++;
    snprintf(t.said, sizeof(t.said), "%s", text);
}

static inline void hopeless(struct shard_host *host, const struct sluice_error *error)
{
    (void)host;
    t.hopeless = error->status;
}

static inline void on_begin(void *context, sluice_shard *shard)
{
    (void)context;
    handed_shard = shard;
    t.begins++;
}

static inline enum sluice_status on_records(void *context, sluice_shard *shard,
                                            const struct sluice_batch *batch)
{
    struct sluice_error e;
    (void)context;
    assert_int_equal(t.begins, 1);
    assert_int_equal(t.ends, 0);
    t.batches++;
    for (size_t i = 0; i < batch->count; i++) {
        t.records++;
        uint64_t number;
        assert_true(bytes_to_u64(bytes_text(batch->records[i].sequence_number), &number));
        assert_true(number > t.last); /* W2 */
        t.last = number;
        snprintf(last_sequence, sizeof(last_sequence), "%s", batch->records[i].sequence_number);
    }
    if (t.checkpoints)
        assert_int_equal(sluice_checkpoint_batch(shard, &e), t.commit_answer);
    return t.handler_answer;
}

static inline void on_end(void *context, sluice_shard *shard, enum sluice_end why)
{
    struct sluice_error e;
    (void)context;
    t.ends++;
    t.why = why;
    if (t.checkpoints_end)
        assert_int_equal(sluice_checkpoint_end(shard, &e), SLUICE_OK);
}

static inline void wake(void *arg)
{
    (void)arg;
}

static inline void begin_at(const char *checkpoint, unsigned checkpoint_every_ms)
{
    static const struct shard_host_ops ops = {open_fetch, commit, notice, hopeless};
    struct sluice_error e;
    struct sluice_lease lease = {.shard_id = "shard-1", .epoch = 3};
    snprintf(lease.checkpoint.sequence_number, sizeof(lease.checkpoint.sequence_number), "%s",
             checkpoint);
    t = (struct script){.commit_answer = SLUICE_OK};
    clock_manual_init(&t.clock, 1000000);
    clock_manual_advance_ms(&t.clock, 1000);
    t.host = (struct shard_host){.ops = &ops,
                                 .clock = &t.clock.clock,
                                 .handler = {on_begin, on_records, on_end, NULL},
                                 .checkpoint_every_ms = checkpoint_every_ms,
                                 .records_max = 4,
                                 .batches_max = 2,
                                 .stuck_ms = 60000,
                                 .first = {.place = FETCH_LATEST}};
    random_seed(&t.host.random, 1);
    assert_int_equal(callback_pool_new(0, wake, NULL, &t.host.pool, &e), SLUICE_OK);
    t.shard = shard_reader_new(&t.host, &lease, KEY_RANGE_ALL);
    assert_non_null(t.shard);
}

static inline void step(void)
{
    shard_reader_step(t.shard, clock_mono_us(&t.clock.clock), false);
}

/* The callback that waits, if one does; then a step. */
static inline bool callback(void)
{
    struct list done;
    bool ran = callback_pool_run_one(t.host.pool);
    list_init(&done);
    callback_pool_take_done(t.host.pool, &done);
    LIST_EACH(node, keep, &done)
    {
        list_remove(node);
        shard_reader_task_done(shard_of_task(node), clock_mono_us(&t.clock.clock));
    }
    step();
    return ran;
}

static inline void run_callbacks(void)
{
    step();
    while (callback())
        ;
}

static inline void later(unsigned ms)
{
    clock_manual_advance_ms(&t.clock, ms);
    run_callbacks();
}

/* Records first to first + count - 1, from the fetch. */
static inline void fetched(uint64_t first, uint32_t count, int64_t behind_ms)
{
    static struct sluice_kinesis_record records[64];
    static char numbers[64][24];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%llu", (unsigned long long)first + i);
        records[i] = (struct sluice_kinesis_record){.sequence_number = sluice_text(numbers[i]),
                                                    .data = sluice_text("d"),
                                                    .partition_key = sluice_text("k")};
    }
    struct fetched *b = fetched_copy(records, count, behind_ms);
    assert_non_null(b);
    if (count > 0)
        assert_true(fetch_after(&t.fetch.from, records[count - 1].sequence_number));
    t.fetch.sink->batch(&t.fetch, b);
}

static inline void finish(void)
{
    shard_reader_free(t.shard);
    callback_pool_free(t.host.pool);
    assert_int_equal(t.opens, t.closes);
}

static inline void leave_and_finish(void)
{
    shard_reader_leave(t.shard, SLUICE_SHARD_LOST);
    run_callbacks();
    assert_int_equal(t.shard->state, SHARD_OVER);
    finish();
}

#endif
