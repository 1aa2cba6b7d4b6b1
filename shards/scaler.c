/* scaler.c: counters -> rates -> policy -> a command, a stream at a time.
 *
 * Counting is the data plane's (shard_rate.h: an atomic addition a batch); all else happens here, off its path. What is remembered of a
 * stream between turns is its peak and the view last acted upon; what is remembered of a shard lives with its counters.
 *
 * S1. One reshard of a stream at a time: a view is acted upon once, and only while the stream is ACTIVE. (A command that failed leaves the
 *     view in force; it is acted upon again after AGAIN_MS.)
 * S2. A restart forgets peaks. What the shards that are there can take counts as the peak then, so a restart merges nothing early.
 * S3. In one turn no more splits are asked for in an account and region than its shard limit leaves room for: the catalog alone would let
 *     two that begin together both have the last shard, because it counts what is open.
 *
 * Left to others: what is decided (scale_policy.c), doing it (reshard.c). */
#include "shards/scaler.h"

#include "base/mem.h"
#include "base/trace.h"
#include "shards/scale_policy.h"

enum { AGAIN_MS = 10000, TURN_MS_MIN = 20 };
#define BUSY_SHARE 0.05 /* less than this is quiet: half of what may be merged (scale_policy.c) */

/* What is remembered of a stream. */
struct scaler_stream {
    uint64_t number;
    uint64_t turn; /* when it was last seen */
    struct scale_peak peak;
    uint64_t acted_version, acted_ms;
};

/* A command on its way. */
struct scaling {
    struct catalog_command command;
    char name[STREAM_NAME_BYTES_MAX + 1];
};

void scaler_init(struct scaler *s, const struct scaler_settings *settings)
{
    *s = (struct scaler){.settings = *settings};
    table_init(&s->known);
}

void scaler_fini(struct scaler *s)
{
    void *value;
    for (size_t at = 0; table_next(&s->known, &at, &value);)
        mem_free(value);
    table_fini(&s->known);
}

uint64_t scaler_turn_ms(const struct scaler *s)
{
    uint64_t half_gap_ms = s->settings.window_ms / (RATE_SAMPLES - 1) / 2;
    return half_gap_ms > TURN_MS_MIN ? half_gap_ms : TURN_MS_MIN;
}

static struct scaler_stream *known(struct scaler *s, const struct stream_view *v, uint64_t now_ms)
{
    uint64_t number = v->settings.number;
    struct scaler_stream *one = table_find(&s->known, bytes_of(&number, sizeof(number)));
    if (!one) {
        one = MEM_NEW(struct scaler_stream);
        one->number = number;
        scale_peak_note(&one->peak, now_ms, s->settings.memory_ms, v->open_count / 2.0); /* S2 */
        table_set(&s->known, bytes_of(&one->number, sizeof(number)), one);
    }
    one->turn = s->turn;
    return one;
}

/* Streams that are gone, or no longer on demand. One a turn: there is no hurry. */
static void forget_one(struct scaler *s)
{
    void *value;
    for (size_t at = 0; table_next(&s->known, &at, &value);) {
        struct scaler_stream *one = value;
        if (one->turn == s->turn)
            continue;
        table_remove(&s->known, bytes_of(&one->number, sizeof(one->number)));
        mem_free(one);
        return;
    }
}

static bool measure(const struct scaler *s, struct shard_rate *r, uint64_t now_ms, double *share)
{
    struct rate rate;
    const struct rate_sample sample = {
        .time_ms = now_ms,
        .bytes = atomic_load_explicit(&r->in_bytes, memory_order_relaxed),
        .records = atomic_load_explicit(&r->in_records, memory_order_relaxed),
    };
    rate_window_sample(&r->window, &sample, s->settings.window_ms);
    bool whole = rate_window_rate(&r->window, s->settings.window_ms, &rate);
    *share = scale_share(&rate);
    if (r->busy_ms == 0 || *share > BUSY_SHARE)
        r->busy_ms = now_ms;
    return whole;
}

static void look(const struct scaler *s, const struct shard *shard, uint64_t now_ms,
                 struct scale_shard *out)
{
    out->measured = measure(s, shard->rate, now_ms, &out->share);
    out->quiet = now_ms >= shard->rate->busy_ms + s->settings.quiet_ms;
    out->width = shard->end - shard->start;
}

/* A turn under way: where it is, and what it may still ask for there. */
struct scaler_turn {
    struct scaler *scaler;
    uint64_t now_ms;
    struct scope scope; /* whose streams are looked at now: they come one after the other */
    uint64_t room;      /* shards more that its limit allows (S3) */
    unsigned asked;
};

static void enter_scope(struct scaler_turn *turn, const struct scope *scope)
{
    const struct scaler_settings *settings = &turn->scaler->settings;
    struct stream_totals totals;
    if (scope_equal(&turn->scope, scope))
        return;
    stream_table_totals(settings->streams, scope, &totals);
    uint64_t limit = settings->shard_limit;
    turn->scope = *scope;
    turn->room = limit > totals.claimed_shards ? limit - totals.claimed_shards : 0;
}

/* How many shards it may come to. */
static uint32_t most_of(const struct scaler_turn *turn, const struct stream_view *v)
{
    uint64_t most = v->open_count + turn->room;
    return most < STREAM_SHARDS_MAX ? (uint32_t)most : STREAM_SHARDS_MAX;
}

/* ---- asking ---- */

/* Thread: the catalog's. */
static void scaled(struct catalog_command *command)
{
    struct scaling *scaling = LIST_OWNER(command, struct scaling, command);
    if (command->status != OK && command->status != CLOSING)
        TRACE_SELDOM(TRACE_WARN, "scaler", "stream %s of %s in %s could not be scaled: %s",
                     scaling->name, command->scope.account, command->scope.region,
                     command->fault.text);
    mem_free(scaling);
}

static void ask(const struct scaler *s, const struct stream_view *v, const struct scale_step *step)
{
    const struct shard *shard = v->open[step->place];
    struct scaling *scaling = MEM_NEW(struct scaling);
    memcpy(scaling->name, v->settings.name, sizeof(scaling->name));
    struct catalog_command *c = &scaling->command;
    c->stream = bytes_text(scaling->name);
    c->scope = v->settings.scope;
    c->by_scaler = true;
    c->done = scaled;
    if (step->kind == SCALE_SPLIT) {
        c->verb = CATALOG_SPLIT_SHARD;
        c->split.shard = shard->index;
        c->split.at = shard->start + (shard->end - shard->start) / 2 + 1;
    } else {
        c->verb = CATALOG_MERGE_SHARDS;
        c->merge.left = shard->index;
        c->merge.right = v->open[step->place + 1]->index;
    }
    trace(TRACE_INFO, "scaler", "stream %s of %s in %s: %s shard %u of %u open", v->settings.name,
          c->scope.account, c->scope.region,
          step->kind == SCALE_SPLIT ? "splitting" : "merging with its neighbour", shard->index,
          v->open_count);
    catalog_submit(s->settings.catalog, c);
}

static bool scale(struct scaler_turn *turn, const struct stream_view *v)
{
    struct scaler *s = turn->scaler;
    uint64_t now_ms = turn->now_ms;
    struct scaler_stream *one = known(s, v, now_ms);
    struct scale_shard *shards = mem_must((v->open_count + 1) * sizeof(*shards));
    struct scale_stream stream = {
        .shards = shards,
        .count = v->open_count,
        .warm = v->settings.warm_given ? v->settings.warm_mibps : 0,
        .most = most_of(turn, v),
    };
    for (uint32_t i = 0; i < v->open_count; i++)
        look(s, v->open[i], now_ms, &shards[i]);
    measure(s, v->settings.rate, now_ms, &stream.share);
    scale_peak_note(&one->peak, now_ms, s->settings.memory_ms, stream.share);
    stream.peak_share = scale_peak_of(&one->peak);
    bool free_to = v->settings.status == STREAM_ACTIVE &&
                   (v->version != one->acted_version || now_ms >= one->acted_ms + AGAIN_MS);
    struct scale_step step = {.kind = SCALE_NOTHING};
    if (free_to) /* S1 */
        step = scale_decide(&stream);
    mem_free(shards);
    if (step.kind == SCALE_NOTHING)
        return false;
    one->acted_version = v->version;
    one->acted_ms = now_ms;
    turn->room -= step.kind == SCALE_SPLIT;
    ask(s, v, &step);
    return true;
}

static bool scale_one(void *arg, struct stream_view *v)
{
    struct scaler_turn *turn = arg;
    if (v->settings.mode != STREAM_ON_DEMAND)
        return true;
    enter_scope(turn, &v->settings.scope);
    turn->asked += scale(turn, v);
    return true;
}

unsigned scaler_turn(struct scaler *s)
{
    struct scaler_turn turn = {
        .scaler = s, .now_ms = clock_mono_us(s->settings.clock) / 1000 + 1, /* 0 is "never" */
    };
    s->turn++;
    stream_table_each(s->settings.streams, scale_one, &turn);
    forget_one(s);
    return turn.asked;
}
