/* worker_test.c: the SDK's worker against a real server. */
#include "support/numbered.h"
#include "support/served.h"
#include "unit/base/cmocka_all.h"

#include <pthread.h>
#include <sluice/kinesis.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARDS_MAX = 64 };

static struct served served;

static struct sluice_client_options client_options(void)
{
    struct sluice_client_options o;
    sluice_client_options_init(&o);
    o.endpoint = served.endpoint;
    o.region = "us-east-1";
    o.access_key_id = "AKIDEXAMPLE";
    o.secret_access_key = "secret";
    return o;
}

static sluice_client *client_new(void)
{
    struct sluice_client_options o = client_options();
    struct sluice_error e;
    sluice_client *c;
    if (sluice_client_new(&o, &c, &e) != SLUICE_OK)
        fail_msg("%s", e.message);
    return c;
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
    for (size_t i = 0; i < batch->count; i++)
        numbered_see(&r->seen, &batch->records[i]);
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
    r->options.client = client_options();
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

static int begin(void **state)
{
    (void)state;
    served_start(&served);
    return 0;
}

static int end(void **state)
{
    (void)state;
    served_stop(&served);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_with_a_file_reads_all_over_a_split_and_a_merge),
        cmocka_unit_test(one_worker_of_a_group_of_the_service_reads_all_over_a_split_and_a_merge),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
