/* sdk_worker_test.c: a worker while memory is short: each allocation of its life fails in turn, one run an allocation, until a run comes
 * through without.
 *
 * In that life it joins a group, reads a shard to its end and the two that it was split into, checkpoints each batch, hands shards over to
 * a second worker that joins (and has memory), and leaves. It works on, or ends with SLUICE_NO_MEMORY; the second one is there in
 * either case. Every record is handled by one of the two, in order per key (W1, W2); nothing leaks; nothing waits for ever.
 *
 * Left to others: jansson's allocations within the file of leases (unit/consumer-sdk/lease_file_test.c). libcurl's own are left alone, as in
 * sdk_client_test.c. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include <stdbool.h>

/* All but the second worker's thread: the first one's own, and those of its callbacks. */
static _Thread_local bool spared;
#define FAILING_HERE (!spared)

#include "base/mem.h"
#include "base/must.h"
#include "consumer-sdk/given.h"
#include "support/failing.h"
#include "support/in_turn.h"
#include "support/numbered.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum manner { BY_SERVICE, BY_THREADS, BY_FILE, BY_PUSH };
enum { SHARDS = 2, BEFORE = 192, AFTER = 128, BATCH = 40, SESSION_MS = 1500, PATIENCE_S = 60 };

struct run {
    /* fixed before the workers begin */
    enum manner manner;
    char stream[32], leases[128];
    sluice_client *client; /* of the records; the first worker's thread, then the second's */
    pthread_t thread;      /* the second worker's */

    pthread_mutex_t mu; /* the rest */
    struct numbered put;
    struct numbered_seen seen;
    sluice_worker *first, *second;
    bool joined, shared; /* the second one's thread runs; it had a shard */
};

/* ---- callbacks ---- */

static void *second_life(void *arg);

/* The second one joins as soon as there is something to take over from the first. */
static void join_second(struct run *r)
{
    if (!r->joined)
        must(pthread_create(&r->thread, NULL, second_life, r) == 0);
    r->joined = true;
}

static void stop_when_all_is_seen(struct run *r)
{
    if (!r->shared || memcmp(r->seen.next, r->put.next, sizeof(r->put.next)) != 0)
        return;
    if (r->first)
        sluice_worker_stop(r->first);
    sluice_worker_stop(r->second);
}

static enum sluice_status take_records(void *context, sluice_shard *shard,
                                       const struct sluice_batch *batch)
{
    struct run *r = context;
    struct sluice_error e;
    pthread_mutex_lock(&r->mu);
    numbered_see(&r->seen, batch);
    if (batch->count > 0)
        join_second(r);
    stop_when_all_is_seen(r);
    pthread_mutex_unlock(&r->mu);
    if (batch->count > 0) {
        enum sluice_status st = sluice_checkpoint_batch(shard, &e);
        must(st == SLUICE_OK || st == e.status);
    }
    return SLUICE_OK;
}

/* What is not saved comes again. */
static void end_shard(void *context, sluice_shard *shard, enum sluice_end why)
{
    struct sluice_error e;
    (void)context;
    if (why == SLUICE_SHARD_ENDED)
        (void)!sluice_checkpoint_end(shard, &e);
}

/* Records that come while the shards are shared. */
static void begin_second(void *context, sluice_shard *shard)
{
    struct run *r = context;
    (void)shard;
    pthread_mutex_lock(&r->mu);
    if (!r->shared)
        numbered_put(&r->put, AFTER);
    r->shared = true;
    pthread_mutex_unlock(&r->mu);
}

static void print_notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    if (getenv("TORTURE_TRACE"))
        fprintf(stderr, "%s %s %s\n", spared ? "second" : "first", shard_id, text);
}

/* ---- lives ---- */

static void must_be_fair(enum sluice_status st, const struct sluice_error *e)
{
    if (st == SLUICE_OK)
        return;
    if (st != e->status || st != SLUICE_NO_MEMORY || !failing.failed)
        die("%s %s: %s, and %s failed", sluice_status_name(st), e->type, e->message,
            failing.failed ? "one" : "none");
}

static sluice_worker *worker_of(struct run *r, const char *member, const sluice_lease_store *store)
{
    struct sluice_worker_options o;
    struct sluice_error e = {0};
    sluice_worker *w;
    sluice_worker_options_init(&o);
    o.client = options_with((struct sluice_client_options){0});
    o.stream = r->stream;
    o.group = "g";
    o.member = member;
    o.fetch = r->manner == BY_PUSH ? SLUICE_FETCH_PUSH : SLUICE_FETCH_POLL;
    o.session_timeout_ms = SESSION_MS;
    o.poll_ms = 20;
    o.records_max = BATCH;
    o.threads = r->manner == BY_THREADS && !spared ? 2 : 0;
    o.store = store;
    o.handler = (struct sluice_handler){spared ? begin_second : NULL, take_records, end_shard,
                                        print_notice};
    o.context = r;
    must_be_fair(sluice_worker_new(&o, &w, &e), &e);
    return w;
}

static void set(struct run *r, sluice_worker **which, sluice_worker *to)
{
    pthread_mutex_lock(&r->mu);
    *which = to;
    pthread_mutex_unlock(&r->mu);
}

static void life(struct run *r, sluice_worker **which, const char *member)
{
    struct sluice_error e = {0};
    sluice_lease_store *store = NULL;
    if (r->manner == BY_FILE)
        must_be_fair(sluice_file_leases_new(r->leases, &store, &e), &e);
    sluice_worker *w = r->manner == BY_FILE && !store ? NULL : worker_of(r, member, store);
    set(r, which, w);
    if (w)
        must_be_fair(sluice_worker_run(w, &e), &e);
    set(r, which, NULL);
    sluice_worker_free(w);
    sluice_file_leases_free(store);
}

static void *second_life(void *arg)
{
    struct run *r = arg;
    spared = true;
    life(r, &r->second, "second");
    return NULL;
}

/* ---- runs ---- */

/* A shard that ends, and children that wait for it. */
static void prepare(struct run *r, long which)
{
    alarm(PATIENCE_S);
    pthread_mutex_init(&r->mu, NULL);
    snprintf(r->stream, sizeof(r->stream), "s-%d-%ld", (int)r->manner, which);
    snprintf(r->leases, sizeof(r->leases), "%s/%s.json", served.folder, r->stream);
    r->client = client_with((struct sluice_client_options){0});
    numbered_make(&r->put, r->client, r->stream, SHARDS);
    numbered_put(&r->put, BEFORE / 2);
    numbered_split(&r->put, "shardId-000000000000");
    numbered_put(&r->put, BEFORE / 2);
}

static bool run(int manner, long which)
{
    struct run *r = MEM_NEW(struct run);
    r->manner = (enum manner)manner;
    prepare(r, which);
    failing_begin(which);
    life(r, &r->first, "first");
    pthread_mutex_lock(&r->mu);
    join_second(r);
    pthread_mutex_unlock(&r->mu);
    must(pthread_join(r->thread, NULL) == 0);
    bool failed = failing_end();
    must(r->shared && r->seen.out_of_order == 0);
    must(memcmp(r->seen.next, r->put.next, sizeof(r->put.next)) == 0);
    sluice_client_free(r->client);
    pthread_mutex_destroy(&r->mu);
    mem_free(r);
    return failed;
}

static void in_turn_by(enum manner manner)
{
    const struct in_turn t = {
        .run = run, .manner = (int)manner, .at_once = 12, .hurried = 12, .at_most = 3000};
    assert_true(in_turn(&t) > 100);
}

static void every_allocation_may_fail_with_the_services_group(void **state)
{
    (void)state;
    in_turn_by(BY_SERVICE);
}

static void every_allocation_may_fail_with_callbacks_on_threads(void **state)
{
    (void)state;
    in_turn_by(BY_THREADS);
}

static void every_allocation_may_fail_with_a_file_of_leases(void **state)
{
    (void)state;
    in_turn_by(BY_FILE);
}

static void every_allocation_may_fail_with_push(void **state)
{
    (void)state;
    in_turn_by(BY_PUSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail_with_the_services_group),
        cmocka_unit_test(every_allocation_may_fail_with_callbacks_on_threads),
        cmocka_unit_test(every_allocation_may_fail_with_a_file_of_leases),
        cmocka_unit_test(every_allocation_may_fail_with_push),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
