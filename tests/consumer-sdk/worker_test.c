/* worker_test.c: the SDK's worker against a real server. */
#include "consumer-sdk/given.h"
#include "support/numbered.h"
#include "wire/aggregate.h"

#include <pthread.h>
#include <sluice/kinesis.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARDS_MAX = 64 };

static sluice_client *client_new(void)
{
    return client_with((struct sluice_client_options){0});
}

/* ---- a worker on a thread of its own, and what it saw ---- */

struct shard_story {
    char id[SLUICE_SHARD_ID_BYTES];
    unsigned begun, ended, lost; /* when, counted over all shards; 0: not */
    uint64_t epoch;
};
struct run {
    struct sluice_worker_options options;
    sluice_worker *worker;
    pthread_t thread;
    enum sluice_status outcome;
    struct sluice_error error;
    _Atomic uint64_t records, tips;
    pthread_mutex_t mu; /* the rest, but for the thread's own */
    struct numbered_seen seen;
    struct shard_story shards[SHARDS_MAX];
    unsigned shard_count, clock;
    bool checkpoint_batches;
    uint64_t stop_after;
    unsigned notices;
    char words[4096];
};

static struct shard_story *story(struct run *r, const char *id)
{
    for (unsigned i = 0; i < r->shard_count; i++)
        if (strcmp(r->shards[i].id, id) == 0)
            return &r->shards[i];
    assert_true(r->shard_count < SHARDS_MAX);
    struct shard_story *s = &r->shards[r->shard_count++];
    snprintf(s->id, sizeof(s->id), "%s", id);
    return s;
}

static void on_begin(void *context, sluice_shard *shard)
{
    struct run *r = context;
    pthread_mutex_lock(&r->mu);
    struct shard_story *s = story(r, sluice_shard_id(shard));
    s->begun = ++r->clock;
    s->epoch = sluice_shard_epoch(shard);
    pthread_mutex_unlock(&r->mu);
}

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    struct run *r = context;
    struct sluice_error e;
    pthread_mutex_lock(&r->mu);
    numbered_see(&r->seen, batch);
    pthread_mutex_unlock(&r->mu);
    r->records += batch->count;
    r->tips += batch->count == 0;
    if (r->checkpoint_batches && batch->count > 0 &&
        sluice_checkpoint_batch(shard, &e) != SLUICE_OK)
        fprintf(stderr, "checkpoint: %s %s\n", e.type, e.message);
    if (r->stop_after > 0 && r->records >= r->stop_after)
        sluice_worker_stop(r->worker);
    return SLUICE_OK;
}

static void on_end(void *context, sluice_shard *shard, enum sluice_end why)
{
    struct run *r = context;
    struct sluice_error e;
    if (why == SLUICE_SHARD_ENDED && sluice_checkpoint_end(shard, &e) != SLUICE_OK)
        fprintf(stderr, "end: %s %s\n", e.type, e.message);
    pthread_mutex_lock(&r->mu);
    struct shard_story *s = story(r, sluice_shard_id(shard));
    if (why == SLUICE_SHARD_ENDED)
        s->ended = ++r->clock;
    if (why == SLUICE_SHARD_LOST)
        s->lost = ++r->clock;
    pthread_mutex_unlock(&r->mu);
}

static void on_notice(void *context, const char *shard_id, const char *text)
{
    struct run *r = context;
    pthread_mutex_lock(&r->mu);
    r->notices++;
    size_t len = strlen(r->words);
    snprintf(r->words + len, sizeof(r->words) - len, "%s %s\n", shard_id, text);
    pthread_mutex_unlock(&r->mu);
}

static void run_init(struct run *r, const char *stream, const char *group)
{
    *r = (struct run){0};
    pthread_mutex_init(&r->mu, NULL);
    sluice_worker_options_init(&r->options);
    r->options.client = options_with((struct sluice_client_options){0});
    r->options.stream = stream;
    r->options.group = group;
    r->options.poll_ms = 20;
    r->options.fetch = SLUICE_FETCH_POLL;
    r->options.handler = (struct sluice_handler){on_begin, on_records, on_end, on_notice};
    r->options.context = r;
}

static void *run_thread(void *arg)
{
    struct run *r = arg;
    r->outcome = sluice_worker_run(r->worker, &r->error);
    return NULL;
}

static void run_begin(struct run *r)
{
    struct sluice_error e;
    if (sluice_worker_new(&r->options, &r->worker, &e) != SLUICE_OK)
        fail_msg("%s", e.message);
    assert_int_equal(pthread_create(&r->thread, NULL, run_thread, r), 0);
}

static void run_join(struct run *r)
{
    pthread_join(r->thread, NULL);
    if (r->outcome != SLUICE_OK)
        fail_msg("%s %s: %s\n%s", sluice_status_name(r->outcome), r->error.type, r->error.message,
                 r->words);
    sluice_worker_free(r->worker);
    pthread_mutex_destroy(&r->mu);
}

static void run_end(struct run *r)
{
    sluice_worker_stop(r->worker);
    run_join(r);
}

static bool wait_for(_Atomic uint64_t *what, uint64_t least, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 200 && *what < least; i++)
        usleep(5000); /* another thread counts; there is nothing to wait on */
    return *what >= least;
}

static void expect_all(struct run *r, const struct numbered *n)
{
    assert_int_equal(r->seen.out_of_order, 0);
    assert_memory_equal(r->seen.next, n->next, sizeof(n->next));
}

static struct sluice_bytes empty;

static void expect_parent_first(struct run *r, const struct shard_story *child,
                                struct sluice_bytes parent)
{
    char id[SLUICE_SHARD_ID_BYTES] = {0};
    if (parent.len == 0)
        return;
    memcpy(id, parent.at, parent.len);
    struct shard_story *s = story(r, id);
    assert_true(s->ended > 0);
    assert_true(child->begun > s->ended);
}

static void expect_parents_first(struct run *r, struct numbered *n)
{
    struct sluice_error e;
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *list;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text(n->stream)};
    assert_int_equal(sluice_kinesis_list_shards(n->client, &in, &reply, &list, &e), SLUICE_OK);
    for (uint32_t i = 0; i < list->shards.count; i++) {
        const struct sluice_kinesis_shard *s = &list->shards.at[i];
        char id[SLUICE_SHARD_ID_BYTES] = {0};
        memcpy(id, s->shard_id.at, s->shard_id.len);
        expect_parent_first(r, story(r, id), s->parent_shard_id.len ? s->parent_shard_id : empty);
        expect_parent_first(r, story(r, id), s->adjacent_parent_shard_id);
    }
    sluice_reply_free(reply);
}

/* ---- tests ---- */

static void split_and_merge(struct run *r, const char *stream, uint64_t records)
{
    sluice_client *c = client_new();
    struct numbered n;
    numbered_make(&n, c, stream, 2);
    run_begin(r);
    numbered_put(&n, records * 4 / 10);
    numbered_split(&n, "shardId-000000000000");
    numbered_put(&n, records * 3 / 10);
    numbered_merge(&n, "shardId-000000000003", "shardId-000000000001");
    numbered_put(&n, records - n.total);
    if (!wait_for(&r->records, n.total, 120))
        print_error("%llu of %llu\n%s", (unsigned long long)r->records, (unsigned long long)n.total,
                    r->words);
    run_end(r);
    expect_all(r, &n);
    assert_int_equal(r->seen.repeats, 0);
    expect_parents_first(r, &n);
    sluice_client_free(c);
}

static sluice_lease_store *file_store(char *path)
{
    struct sluice_error e;
    sluice_lease_store *store;
    if (sluice_file_leases_new(path, &store, &e) != SLUICE_OK)
        fail_msg("%s", e.message);
    return store;
}

static void one_worker_with_a_file_reads_all_over_a_split_and_a_merge(void **state)
{
    (void)state;
    struct run r;
    char path[128];
    snprintf(path, sizeof(path), "%s/leases.json", served.folder);
    run_init(&r, "split-file", "g");
    sluice_lease_store *store = file_store(path);
    r.options.store = store;
    r.checkpoint_batches = true;
    split_and_merge(&r, "split-file", 20000);
    sluice_file_leases_free(store);
}

static void one_worker_of_a_group_of_the_service_reads_all_over_a_split_and_a_merge(void **state)
{
    (void)state;
    struct run r;
    run_init(&r, "split-service", "g");
    r.options.threads = 3;
    r.checkpoint_batches = true;
    split_and_merge(&r, "split-service", 100000);
}

static void one_worker_reads_all_by_push_over_a_split_and_a_merge(void **state)
{
    (void)state;
    struct run r;
    run_init(&r, "split-push", "g");
    r.options.fetch = SLUICE_FETCH_PUSH;
    r.options.threads = 2;
    r.checkpoint_batches = true;
    split_and_merge(&r, "split-push", 20000);
}

/* A worker that is stopped in the middle hands what it did to the next one; nothing comes twice. */
static void stop_in_the_middle(const char *stream, unsigned threads, unsigned checkpoint_every_ms)
{
    static struct run r;
    struct numbered n;
    struct numbered_seen seen = {0};
    sluice_client *c = client_new();
    uint64_t total = 0;
    numbered_make(&n, c, stream, 4);
    numbered_put(&n, 12000);
    for (unsigned life = 0; total < n.total && life < 20; life++) {
        run_init(&r, stream, "g");
        r.options.records_max = 50;
        r.options.threads = threads;
        r.options.checkpoint_every_ms = checkpoint_every_ms;
        r.checkpoint_batches = checkpoint_every_ms == 0;
        r.stop_after = life < 4 ? 1500 : n.total - total;
        r.seen = seen;
        run_begin(&r);
        run_join(&r);
        seen = r.seen;
        total += r.records;
    }
    expect_all(&r, &n);
    assert_int_equal(seen.repeats, 0);
    assert_int_equal(total, n.total);
    sluice_client_free(c);
}

static void a_worker_stopped_in_the_middle_is_followed_without_a_record_twice(void **state)
{
    (void)state;
    stop_in_the_middle("stop-own", 0, 0);
    stop_in_the_middle("stop-threads", 4, 0);
    stop_in_the_middle("stop-interval", 2, 60000);
}

/* ---- aggregated records ---- */

enum { PACKED = 40 };

static void put_packed(sluice_client *c, const char *stream)
{
    static uint8_t whole[8192];
    static char texts[PACKED][16];
    struct aggregate_writer w;
    struct sluice_error e;
    uint8_t *at = whole;
    aggregate_writer_init(&w);
    for (unsigned i = 0; i < PACKED; i++) {
        snprintf(texts[i], sizeof(texts[i]), "0 %u", i);
        const struct aggregate_record r = {.partition_key = bytes_text("key"),
                                           .data = bytes_text(texts[i])};
        assert_int_equal(aggregate_add(&w, &r, sizeof(whole)), OK);
    }
    size_t len = aggregate_bytes(&w);
    aggregate_write(&w, whole);
    aggregate_seal(&at, &len, 1);
    aggregate_writer_fini(&w);
    const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text(stream),
                                                       .partition_key = sluice_text("a"),
                                                       .data = sluice_view(whole, len)};
    assert_int_equal(sluice_kinesis_put_record(c, &in, NULL, NULL, &e), SLUICE_OK);
}

struct partly {
    struct run run;
    unsigned stop_at; /* after that many records a checkpoint is taken, and the worker stops */
    unsigned count, next;
};

static enum sluice_status take_partly(void *context, sluice_shard *shard,
                                      const struct sluice_batch *batch)
{
    struct partly *p = context;
    struct sluice_error e;
    for (size_t i = 0; i < batch->count && p->count < p->stop_at; i++) {
        const struct sluice_received *r = &batch->records[i];
        char wanted[16];
        assert_int_equal(r->sub_sequence_number, p->next);
        snprintf(wanted, sizeof(wanted), "0 %u", p->next++);
        assert_int_equal(r->data.len, strlen(wanted));
        assert_memory_equal(r->data.at, wanted, r->data.len);
        if (++p->count == p->stop_at) {
            assert_int_equal(sluice_checkpoint(shard, r, &e), SLUICE_OK);
            sluice_worker_stop(p->run.worker);
        }
    }
    return SLUICE_OK;
}

static void the_rest_of_an_aggregated_record_comes_after_a_checkpoint_within_it(void **state)
{
    (void)state;
    static struct partly p;
    struct numbered n;
    sluice_client *c = client_new();
    numbered_make(&n, c, "packed", 1);
    put_packed(c, "packed");
    unsigned next = 0;
    for (unsigned life = 0; life < 4; life++) {
        run_init(&p.run, "packed", "g");
        p.run.options.handler = (struct sluice_handler){.records = take_partly};
        p.run.options.context = &p;
        p.stop_at = PACKED / 4;
        p.count = 0;
        p.next = next;
        run_begin(&p.run);
        run_join(&p.run);
        next = p.next;
    }
    assert_int_equal(next, PACKED);
    sluice_client_free(c);
}

/* ---- where shards begin ---- */

static void latest_is_where_the_group_began_also_for_the_next_worker(void **state)
{
    (void)state;
    static struct run r;
    struct numbered n;
    sluice_client *c = client_new();
    numbered_make(&n, c, "latest", 2);
    numbered_put(&n, 640);
    for (unsigned life = 0; life < 2; life++) {
        run_init(&r, "latest", "g");
        r.options.start = SLUICE_LATEST;
        run_begin(&r);
        if (life == 0) { /* reads nothing and saves nothing */
            assert_true(wait_for(&r.tips, 4, 30));
            run_end(&r);
            assert_int_equal(r.seen.records, 0);
            numbered_put(&n, 640);
        }
    }
    assert_true(wait_for(&r.records, 640, 30));
    run_end(&r);
    assert_int_equal(r.seen.records, 640);
    assert_int_equal(r.seen.repeats, 0);
    sluice_client_free(c);
}

/* ---- failures ---- */

static void a_stream_that_is_not_there_ends_the_worker(void **state)
{
    (void)state;
    static struct run r;
    struct sluice_error e;
    run_init(&r, "nowhere", "g");
    assert_int_equal(sluice_worker_new(&r.options, &r.worker, &e), SLUICE_OK);
    assert_int_equal(sluice_worker_run(r.worker, &e), SLUICE_SERVICE);
    assert_string_equal(e.type, "ResourceNotFoundException");
    sluice_worker_free(r.worker);
    r.options.handler.records = NULL;
    assert_int_equal(sluice_worker_new(&r.options, &r.worker, &e), SLUICE_INVALID_ARGUMENT);
    assert_null(r.worker);
}

static enum sluice_status refuse(void *context, sluice_shard *shard,
                                 const struct sluice_batch *batch)
{
    (void)context;
    (void)shard;
    return batch->count > 0 ? SLUICE_IO : SLUICE_OK;
}

static void a_handler_that_fails_ends_the_worker_with_its_status(void **state)
{
    (void)state;
    static struct run r;
    struct numbered n;
    struct sluice_error e;
    sluice_client *c = client_new();
    numbered_make(&n, c, "refused", 2);
    numbered_put(&n, 128);
    for (unsigned threads = 0; threads < 3; threads += 2) {
        run_init(&r, "refused", "g");
        r.options.handler.records = refuse;
        r.options.threads = threads;
        assert_int_equal(sluice_worker_new(&r.options, &r.worker, &e), SLUICE_OK);
        assert_int_equal(sluice_worker_run(r.worker, &e), SLUICE_IO);
        assert_non_null(strstr(e.message, "handler"));
        sluice_worker_free(r.worker);
    }
    sluice_client_free(c);
}

static void without_a_consumer_to_register_auto_polls_and_push_ends_the_worker(void **state)
{
    (void)state;
    static struct run r;
    struct numbered n;
    struct sluice_error e;
    sluice_client *c = client_new();
    numbered_make(&n, c, "full", 1);
    char arn[256];
    snprintf(arn, sizeof(arn), "arn:aws:kinesis:us-east-1:000000000000:stream/full");
    for (unsigned i = 0; i < 20; i++) { /* as many as a stream may have */
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        const struct sluice_kinesis_register_stream_consumer_input in = {
            .stream_arn = sluice_text(arn), .consumer_name = sluice_text(name)};
        while (sluice_kinesis_register_stream_consumer(c, &in, NULL, NULL, &e) != SLUICE_OK)
            assert_string_equal(e.type, "LimitExceededException"); /* too many in creation */
    }
    numbered_put(&n, 128);
    run_init(&r, "full", "g");
    r.options.fetch = SLUICE_FETCH_AUTO;
    run_begin(&r);
    assert_true(wait_for(&r.records, 128, 30));
    run_end(&r);
    assert_non_null(strstr(r.words, "push cannot be had"));
    run_init(&r, "full", "g");
    r.options.fetch = SLUICE_FETCH_PUSH;
    assert_int_equal(sluice_worker_new(&r.options, &r.worker, &e), SLUICE_OK);
    assert_int_equal(sluice_worker_run(r.worker, &e), SLUICE_SERVICE);
    assert_string_equal(e.type, "LimitExceededException");
    sluice_worker_free(r.worker);
    sluice_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_with_a_file_reads_all_over_a_split_and_a_merge),
        cmocka_unit_test(one_worker_of_a_group_of_the_service_reads_all_over_a_split_and_a_merge),
        cmocka_unit_test(one_worker_reads_all_by_push_over_a_split_and_a_merge),
        cmocka_unit_test(a_worker_stopped_in_the_middle_is_followed_without_a_record_twice),
        cmocka_unit_test(the_rest_of_an_aggregated_record_comes_after_a_checkpoint_within_it),
        cmocka_unit_test(latest_is_where_the_group_began_also_for_the_next_worker),
        cmocka_unit_test(a_stream_that_is_not_there_ends_the_worker),
        cmocka_unit_test(a_handler_that_fails_ends_the_worker_with_its_status),
        cmocka_unit_test(without_a_consumer_to_register_auto_polls_and_push_ends_the_worker),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
