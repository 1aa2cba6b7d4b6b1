/* producer_faults_test.c: what goes wrong around a producer: throttles, reshards, a server that is killed. Nothing that was acknowledged is
 * lost, each record has one completion, and order is kept where it was promised. */
#include "consumer-sdk/producer_fixture.h"

#include <pthread.h>

enum { KEYS = 40 };

static int start_with_quotas(void **state)
{
    served.flags[0] = "--quotas";
    served.flags[1] = "aws";
    int st = start(state);
    served.flags[0] = served.flags[1] = NULL;
    return st;
}

static void put_all(sluice_producer *p, unsigned from, unsigned to, unsigned bytes)
{
    for (unsigned i = from; i < to; i++)
        assert_int_equal(put_one(p, i, KEYS, bytes), SLUICE_OK);
}

static void throttled(const char *stream, bool aggregate, unsigned count, unsigned bytes)
{
    stream_of(stream, 2);
    expect(count);
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){
            .ordered = true, .aggregate = aggregate, .run_thread = true, .linger_ms = 1},
        stream);
    put_all(p, 0, count, bytes);
    assert_int_equal(sluice_producer_flush(p, 120000), SLUICE_OK);
    struct sluice_producer_metrics m = {.size = sizeof(m)};
    sluice_producer_metrics(p, &m);
    assert_true(m.records_throttled > 0); /* else it tested nothing */
    assert_int_equal(sluice_producer_close(p, 1000), SLUICE_OK);
    all_were_delivered_once(count);
    read_all(stream, count, KEYS, true, 1);
}

static void order_is_kept_under_throttles(void **state)
{
    (void)state;
    throttled("throttled", false, 80, 60000);
    throttled("throttled-aggregated", true, 6000, 1000);
}

/* ---- reshards ---- */

struct resharder {
    const char *stream;
    _Atomic bool stop;
    unsigned done;
};

/* The open shards, in the order of their keys. */
static unsigned open_shards(sluice_client *c, const char *stream, char ids[64][32],
                            char middles[64][64])
{
    struct sluice_error e = {0};
    sluice_reply *reply;
    unsigned count = 0;
    const struct sluice_kinesis_list_shards_output *out;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text(stream)};
    must(sluice_kinesis_list_shards(c, &in, &reply, &out, &e) == SLUICE_OK);
    for (uint32_t i = 0; i < out->shards.count && count < 64; i++) {
        const struct sluice_kinesis_shard *s = &out->shards.at[i];
        u128 first, last;
        if (s->sequence_number_range->ending_sequence_number.at)
            continue;
        must(u128_parse(bytes_in(s->hash_key_range->starting_hash_key), &first));
        must(u128_parse(bytes_in(s->hash_key_range->ending_hash_key), &last));
        u128_print(first + (last - first) / 2, middles[count]);
        snprintf(ids[count++], 32, "%.*s", (int)s->shard_id.len, (const char *)s->shard_id.at);
    }
    sluice_reply_free(reply);
    return count;
}

/* Splits one shard after the other, and merges neighbours where it can, until it is told to stop. */
static void *reshard(void *arg)
{
    struct resharder *r = arg;
    sluice_client *c = client_open();
    char ids[64][32], middles[64][64];
    for (unsigned n = 0; !r->stop; n++) {
        struct sluice_error e = {0};
        unsigned count = open_shards(c, r->stream, ids, middles);
        const struct sluice_kinesis_split_shard_input split = {
            .stream_name = sluice_text(r->stream),
            .shard_to_split = sluice_text(ids[n % count]),
            .new_starting_hash_key = sluice_text(middles[n % count])};
        const struct sluice_kinesis_merge_shards_input merge = {
            .stream_name = sluice_text(r->stream),
            .shard_to_merge = sluice_text(ids[n % (count - 1)]),
            .adjacent_shard_to_merge = sluice_text(ids[n % (count - 1) + 1])};
        enum sluice_status st = n % 2 && count > 2
                                    ? sluice_kinesis_merge_shards(c, &merge, NULL, &e)
                                    : sluice_kinesis_split_shard(c, &split, NULL, &e);
        r->done += st == SLUICE_OK; /* two that are not neighbours are refused */
        wait_until_active(c, r->stream);
    }
    sluice_client_free(c);
    return NULL;
}

static void resharded(const char *stream, struct sluice_producer_options o, unsigned count)
{
    pthread_t thread;
    struct resharder r = {.stream = stream};
    stream_of(stream, 3);
    expect(count);
    o.run_thread = true;
    sluice_producer *p = producer_open(o, stream);
    assert_int_equal(pthread_create(&thread, NULL, reshard, &r), 0);
    for (unsigned i = 0; i < count; i += 100) {
        put_all(p, i, i + 100, 100);
        /* keeps the puts among the reshards: one round trip in between */
        assert_int_equal(sluice_producer_flush(p, 60000), SLUICE_OK);
    }
    r.stop = true;
    pthread_join(thread, NULL);
    assert_true(r.done > 3);
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    all_were_delivered_once(count);
    read_all(stream, count, KEYS, o.ordered, o.aggregate ? 0 : 1);
}

static void shards_may_split_and_merge_under_it(void **state)
{
    (void)state;
    resharded("resharded", (struct sluice_producer_options){0}, 5000);
    resharded("resharded-aggregated", (struct sluice_producer_options){.aggregate = true}, 20000);
    resharded("resharded-ordered",
              (struct sluice_producer_options){.aggregate = true, .ordered = true}, 20000);
}

/* ---- kills ---- */

static void killed(const char *stream, struct sluice_producer_options o)
{
    enum { COUNT = 30000, KILLS = 3 };
    stream_of(stream, 3);
    expect(COUNT);
    o.run_thread = true;
    sluice_producer *p = producer_open(o, stream);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(put_one(p, i, KEYS, 100), SLUICE_OK);
        if (i % (COUNT / KILLS) == COUNT / KILLS / 2) {
            served_kill(&served);
            served_restart(&served);
        }
    }
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    all_were_delivered_once(COUNT);
    read_all(stream, COUNT, KEYS, false, 0);
}

static void no_acknowledged_record_is_lost_with_a_killed_server(void **state)
{
    (void)state;
    killed("killed", (struct sluice_producer_options){0});
    killed("killed-aggregated", (struct sluice_producer_options){.aggregate = true});
}

int main(void)
{
    const struct CMUnitTest quotas[] = {
        cmocka_unit_test(order_is_kept_under_throttles),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_may_split_and_merge_under_it),
        cmocka_unit_test(no_acknowledged_record_is_lost_with_a_killed_server),
    };
    int failed = cmocka_run_group_tests(quotas, start_with_quotas, stop_and_forget);
    return failed + cmocka_run_group_tests(tests, start, stop_and_forget);
}
