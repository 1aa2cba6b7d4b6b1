/* group_commit_bench.c: how many checkpoints a second the keeper of consumer groups makes durable, by how many of them wait at once.
 *
 * The keeper alone, without the network: 16 groups of one stream of 64 shards, each worker commits the lease of its own shard, one after
 * the other. Its limit is a lone fdatasync of 4 KiB: how many a second there could be if each commit had one of its own. */
#include "api/group_keeper.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/latency.h"
#include "bench/support/report.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS = 16, SHARDS = 64, WORKERS_MAX = GROUPS * SHARDS };

/* One lease, and the commits to it. */
struct worker {
    struct group_command command;
    struct group_commit_one commit;
    char shard_id[SHARD_ID_BYTES];
    uint64_t count, begun_us;
};

static struct rig {
    struct stream_table *streams;
    struct stream_view *view;
    struct group_keeper *keeper;
    char names[GROUPS][8];
    uint64_t sessions[GROUPS];
    struct worker workers[WORKERS_MAX];
    struct lock mu;
    struct signal idle;
    unsigned busy; /* under mu */
    uint64_t until_us;
    struct latency latency; /* the keeper thread's */
    uint64_t committed;
} rig;

static void is_idle(void)
{
    lock_take(&rig.mu);
    rig.busy--;
    signal_all(&rig.idle);
    lock_drop(&rig.mu);
}

static void wait_idle(void)
{
    lock_take(&rig.mu);
    while (rig.busy > 0)
        signal_wait(&rig.idle, &rig.mu);
    lock_drop(&rig.mu);
}

static void start(struct worker *w)
{
    w->commit.at.sub = ++w->count;
    w->begun_us = clock_mono_us(&clock_system);
    group_command_submit(rig.keeper, &w->command);
}

static void committed(struct group_command *c)
{
    struct worker *w = LIST_OWNER(c, struct worker, command);
    uint64_t now_us = clock_mono_us(&clock_system);
    must(c->status == OK && w->commit.status == OK); /* B3 */
    latency_add(&rig.latency, now_us - w->begun_us);
    rig.committed++;
    if (now_us < rig.until_us)
        start(w);
    else
        is_idle();
}

static void one_done(struct group_command *c)
{
    must(c->status == OK);
    is_idle();
}

static void run_one(struct group_command *c)
{
    c->view = rig.view;
    c->done = one_done;
    rig.busy = 1;
    group_command_submit(rig.keeper, c);
    wait_idle();
}

static void make_stream(void)
{
    struct stream_settings settings = {
        .number = 1, .scope = {"000000000000", "us-east-1"}, .name = "s", .status = STREAM_ACTIVE};
    struct shard **shards = mem_must(SHARDS * sizeof(struct shard *));
    for (uint32_t i = 0; i < SHARDS; i++)
        shards[i] = shard_new(&(struct shard){.index = i,
                                              .state = SHARD_OPEN,
                                              .start = i,
                                              .end = i,
                                              .parent = SHARD_NONE,
                                              .adjacent = SHARD_NONE});
    struct stream *stream = stream_new(stream_view_new(&settings, shards, SHARDS, 1));
    mem_free(shards);
    rig.streams = stream_table_new();
    stream_table_add(rig.streams, stream);
    rig.view = stream_look(stream);
    stream_unref(stream);
}

static void join(unsigned g)
{
    struct group_command c = {.verb = GROUP_JOIN,
                              .name = rig.names[g],
                              .member = {.name = "m", .session_timeout_ms = 3600000}};
    snprintf(rig.names[g], sizeof(rig.names[g]), "g%u", g);
    run_one(&c);
    rig.sessions[g] = c.session;
}

static void make_worker(unsigned i)
{
    struct worker *w = &rig.workers[i];
    unsigned g = i % GROUPS;
    shard_id_print(i / GROUPS, w->shard_id);
    w->commit = (struct group_commit_one){.lease = {w->shard_id, 1},
                                          .at = {.sequence = CHECKPOINT_TIMESTAMP}};
    w->command = (struct group_command){.verb = GROUP_COMMIT,
                                        .view = rig.view,
                                        .name = rig.names[g],
                                        .who = {"m", rig.sessions[g]},
                                        .commits = {&w->commit, 1},
                                        .done = committed};
}

static double measure(unsigned workers, double seconds, double *p50_us, double *p99_us)
{
    uint64_t begin_us = clock_mono_us(&clock_system);
    rig.committed = 0;
    rig.busy = workers;
    rig.until_us = begin_us + (uint64_t)(seconds * 1e6);
    latency_clear(&rig.latency);
    for (unsigned i = 0; i < workers; i++)
        start(&rig.workers[i]);
    wait_idle();
    *p50_us = (double)latency_at(&rig.latency, 0.5);
    *p99_us = (double)latency_at(&rig.latency, 0.99);
    return (double)rig.committed * 1e6 / (double)(clock_mono_us(&clock_system) - begin_us);
}

static void report_commits(const struct bench *b, unsigned workers)
{
    struct series rates = {0}, syncs = {0}, p99s = {0};
    for (unsigned round = 0; round < b->rounds; round++) {
        struct latency alone;
        double p50_us, p99_us;
        latency_clear(&alone);
        disk_sync_latency(b->folder, b->seconds / 4, &alone);
        double rate = measure(workers, b->seconds, &p50_us, &p99_us);
        printf("  round %u, %u at once: %.0f/s, p50 %.0f us, p99 %.0f us\n", round, workers, rate,
               p50_us, p99_us);
        series_add(&rates, rate);
        series_add(&p99s, p99_us / 1e3);
        series_add(&syncs, 1e6 / (double)latency_at(&alone, 0.5));
    }
    report(&(struct figure){.id = "",
                            .what = text_of("checkpoints of consumer groups, %u at once", workers),
                            .value = series_median(&rates),
                            .unit = "/s",
                            .limit_what = "one fdatasync of 4 KiB each",
                            .limit = series_median(&syncs),
                            .ratio = series_ratio(&rates, &syncs),
                            .kind = FIGURE_SHOWN,
                            .note = spread("p99 ", &p99s, "ms")});
}

static void run(struct bench *b)
{
    struct fault f;
    struct group_keeper_settings settings = {.folder = text_of("%s/groups", b->folder),
                                             .clock = &clock_system};
    lock_init(&rig.mu, LOCK_TEST);
    signal_init(&rig.idle);
    make_stream();
    settings.streams = rig.streams;
    must(group_keeper_open(&settings, &rig.keeper, &f) == OK);
    for (unsigned g = 0; g < GROUPS; g++)
        join(g);
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        make_worker(i);
    static const unsigned at_once[] = {1, 16, 128, 1024};
    for (size_t i = 0; i < sizeof(at_once) / sizeof(*at_once); i++)
        report_commits(b, at_once[i]);
    group_keeper_close(rig.keeper);
    stream_view_unref(rig.view);
}

int main(int argc, char **argv)
{
    struct bench b = {.rounds = 3, .seconds = 4, .limit_s = 120};
    return bench_main(&b, "checkpoints of consumer groups", argc, argv, run);
}
