/* run.c: see run.h. What a step does is a function of the seed, the step's number and what is there: leaving steps out leaves the others alike,
 * so a failure can be cut down to the steps that it takes. */
#include "sim/run.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "sim/burst.h"
#include "sim/control.h"
#include "sim/learn.h"
#include "sim/lists.h"
#include "sim/read.h"
#include "sim/watch.h"
#include "support/key_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN_MS UINT64_C(1700000000000)

static struct model_stream *some_stream(struct sim *m)
{
    struct model_stream *s;
    do
        s = &m->streams[draw(m, MODEL_STREAMS)];
    while (!s->exists);
    return s;
}

/* ---- actions ---- */

static void act_read_begin(struct sim *m)
{
    read_begin(m, some_stream(m));
}

static void act_read_all(struct sim *m)
{
    struct model_stream *s = some_stream(m);
    diary_note(&m->diary, "reads all of %s", s->name);
    learn_shards(m, s, false);
    read_all(m, s, false);
}

static void act_list(struct sim *m)
{
    lists_check_shards(m, some_stream(m));
    if (one_in(m, 4))
        lists_check_streams(m);
}

static void act_refusals(struct sim *m)
{
    lists_check_refusals(m, some_stream(m));
}

static void pass(struct sim *m, uint64_t ms)
{
    m->client.now_ms += ms;
    diary_note(&m->diary, "%" PRIu64 " ms pass: it is %" PRIu64, ms, sim_now(m));
}

static void act_moments(struct sim *m)
{
    pass(m, 1 + draw(m, one_in(m, 3) ? 20000 : 700));
}

static void act_minutes(struct sim *m)
{
    pass(m, draw(m, 20 * 60000));
}

/* Sometimes to the very moment when something is as old as it may be. */
static void act_hours(struct sim *m)
{
    const struct model_stream *s = some_stream(m);
    const struct model_shard *h = &s->shards[draw(m, s->count)];
    uint64_t ms = draw(m, 9 * MODEL_HOUR_MS);
    if (h->count && one_in(m, 2)) {
        const struct model_record *r = h->records[draw(m, h->count)];
        uint64_t due_ms = r->ms + s->hours * MODEL_HOUR_MS + draw(m, 2);
        ms = due_ms > sim_now(m) ? due_ms - sim_now(m) : ms;
    }
    pass(m, ms < 30 * MODEL_HOUR_MS ? ms : 30 * MODEL_HOUR_MS);
}

static void act_tidy(struct sim *m)
{
    diary_note(&m->diary, "housekeeping");
    mem_free(client_say(&m->client, FRAME_TIDY, 0, 0, NULL, NULL));
    for (int i = 0; i < MODEL_STREAMS; i++)
        if (m->streams[i].exists)
            m->tally.expired += model_tidy(&m->streams[i], sim_now(m));
}

static void act_create(struct sim *m)
{
    struct model_stream *s = &m->streams[draw(m, MODEL_STREAMS)];
    if (!s->exists)
        control_create(m, s);
}

static void act_watch(struct sim *m)
{
    watch_begin(m, some_stream(m));
}

static void scale(struct sim *m)
{
    mem_free(client_say(&m->client, FRAME_SCALE, 0, 0, NULL, NULL));
    for (int i = 0; i < MODEL_STREAMS; i++)
        if (m->streams[i].exists && m->streams[i].on_demand)
            learn_shards(m, &m->streams[i], true);
}

/* A second and more of a shard's whole rate must split it; a quiet day must leave no less than four. */
static void act_scale(struct sim *m)
{
    struct model_stream *s = some_stream(m);
    if (!s->on_demand || model_open_count(s) > 12 || m->client.settings.quotas)
        return;
    uint32_t hot = model_open_at(s, (uint32_t)draw(m, model_open_count(s)))->index;
    bool loaded = one_in(m, 2);
    diary_note(&m->diary, "%s is %s: shard %u", s->name, loaded ? "loaded" : "left alone", hot);
    if (!loaded)
        m->client.now_ms += 2 * HOST_SCALE_MEMORY_MS;
    for (int i = 0; i < 14; i++) {
        m->client.now_ms += HOST_SCALE_WINDOW_MS / 11;
        if (loaded)
            burst_load(m, s, model_shard_find(s, hot)->low, 200);
        scale(m);
        if (loaded && !model_shard_find(s, hot)->open)
            return;
    }
    bool room = model_shard_find(s, hot)->high - model_shard_find(s, hot)->low >= 4;
    if (loaded && room && model_open_count(s) < 8)
        DIFFERS(m, "%s/%u is overloaded and not split", s->name, hot);
    if (model_open_count(s) < 4)
        DIFFERS(m, "%s is left with %u shards", s->name, model_open_count(s));
}

static void act_restart(struct sim *m)
{
    bool clean = one_in(m, 2);
    diary_note(&m->diary, "restart, %s", clean ? "clean" : "by a kill");
    if (clean)
        client_end(&m->client);
    else
        client_kill(&m->client, (enum forget_manner)draw(m, FORGET_MANNERS), &m->chance);
    client_start(&m->client);
    burst_check_all(m);
}

static const struct action {
    unsigned weight;
    void (*act)(struct sim *);
} actions[] = {
    {120, burst},      {40, act_read_begin}, {80, read_on},     {6, act_read_all}, {30, act_list},
    {6, act_refusals}, {50, act_moments},    {14, act_minutes}, {14, act_hours},   {16, act_tidy},
    {6, act_create},   {30, act_watch},      {60, watch_on},    {4, watch_end},    {3, act_scale},
    {5, act_restart},  {14, burst_killed},
};

/* ---- a run ---- */

static void begin_step(struct sim *m, uint64_t step)
{
    random_seed(&m->chance, m->seed * UINT64_C(0x9e3779b97f4a7c15) + step);
    m->diary.step = (uint32_t)step;
}

static void step(struct sim *m, uint32_t number)
{
    begin_step(m, number);
    bool any = false;
    for (int i = 0; i < MODEL_STREAMS; i++)
        any = any || m->streams[i].exists;
    if (!any)
        control_create(m, &m->streams[draw(m, MODEL_STREAMS)]);
    unsigned all = 0;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        all += actions[i].weight;
    uint64_t at = draw(m, all);
    for (const struct action *a = actions;; a++) {
        if (at < a->weight) {
            a->act(m);
            return;
        }
        at -= a->weight;
    }
}

static void end(struct sim *m, uint32_t steps)
{
    begin_step(m, steps);
    diary_note(&m->diary, "the end: restart, and all is read");
    client_end(&m->client);
    client_start(&m->client);
    burst_check_all(m);
    client_end(&m->client);
    for (int i = 0; i < MODEL_STREAMS; i++)
        model_stream_end(&m->streams[i]);
    for (int i = 0; i < SIM_READERS; i++)
        mem_free(m->readers[i].token);
}

/* What the seed fixes for the whole run. */
static void begin(struct sim *m, const struct run_plan *plan, struct key_file *keys, char *folder)
{
    m->seed = m->diary.seed = plan->seed;
    begin_step(m, UINT64_MAX);
    m->client.diary = &m->diary;
    m->client.now_ms = BEGIN_MS + draw(m, 1000000);
    m->client.settings = (struct host_settings){
        .folder = folder,
        .segment_bytes =
            one_in(m, 4) ? MIB(32) : KIB(16) + draw(m, one_in(m, 2) ? KIB(64) : KIB(512)),
        .tail_bytes_max = one_in(m, 2) ? KIB(64) : MIB(16),
        .shard_limit = 200,
        .quotas = one_in(m, 6),
        .master_keys = keys->keys,
    };
    for (int i = 0; i < MODEL_STREAMS; i++)
        snprintf(m->streams[i].name, sizeof(m->streams[i].name), "s%d", i);
    diary_note(&m->diary, "segments of %" PRIu64 ", a tail of %" PRIu64 "%s",
               m->client.settings.segment_bytes, m->client.settings.tail_bytes_max,
               m->client.settings.quotas ? ", quotas" : "");
}

/* In memory where that is to be had: what a disk would forget is played (forget.h), and a sync then costs nothing. */
static void folder_of(pid_t run, char folder[64])
{
    const char *under = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, 64, "%s/sluice-sim-%ld", under, (long)run);
}

void run_sweep(pid_t run)
{
    char folder[64], command[128];
    folder_of(run, folder);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    must(system(command) == 0);
}

void run_all(const struct run_plan *plan)
{
    struct sim *m = MEM_NEW(struct sim);
    struct key_file keys;
    char folder[64];
    run_sweep(getpid());
    folder_of(getpid(), folder);
    must(mkdir(folder, 0700) == 0);
    forget_init();
    key_file_open(&keys, KEY_A " alias/a enabled " BITS_1 "\n");
    begin(m, plan, &keys, folder);
    client_start(&m->client);
    begin_step(m, UINT64_MAX - 1);
    control_create(m, &m->streams[0]);
    control_create(m, &m->streams[1]);
    for (uint32_t i = 0; i < plan->steps; i++)
        if (!plan->skip[i])
            step(m, i);
    end(m, plan->steps);
    const struct tally *t = &m->tally;
    printf("seed %" PRIu64 ": as promised in %u steps: %" PRIu64 " records put, %" PRIu64
           " read, %" PRIu64 " pushed; %u reshards, %u kills (%u records came to light, %u blocks "
           "went back), %u drops\n",
           plan->seed, plan->steps, t->put, t->read, t->pushed, t->reshards, t->kills, t->adopted,
           m->client.blocks_lost, t->expired);
    key_file_close(&keys);
    mem_free(m);
}
