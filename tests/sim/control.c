/* control.c: see control.h. */
#include "sim/control.h"

#include "sim/learn.h"
#include "support/key_file.h"

#include <stdio.h>
#include <string.h>

enum { OPEN_MAX = 12, RECOUNTS_A_DAY = 10, ENCRYPTIONS_A_DAY = 25 };

static const char *const names[CONTROL_KINDS] = {"split",     "merge",      "recount",
                                                 "retention", "encryption", "delete"};

/* ---- drawing one ---- */

static bool draw_split(struct sim *m, struct control *c)
{
    uint32_t open = model_open_count(c->stream);
    const struct model_shard *h = model_open_at(c->stream, (uint32_t)draw(m, open));
    u128 room = h->high - h->low;
    c->shard = h->index;
    c->at = h->low + 2;
    if (room < 4 || open >= OPEN_MAX)
        return false;
    if (!one_in(m, 8)) /* else as low as can be */
        c->at += (room >> 64 ? (room >> 64) * (u128)draw(m, UINT64_MAX) : draw(m, (uint64_t)room)) %
                 (room - 2);
    return true;
}

static bool draw_merge(struct sim *m, struct control *c)
{
    uint32_t open = model_open_count(c->stream);
    if (open < 2)
        return false;
    uint32_t n = (uint32_t)draw(m, open - 1);
    c->shard = model_open_at(c->stream, n)->index;
    c->other = model_open_at(c->stream, n + 1)->index;
    return true;
}

static bool draw_recount(struct sim *m, struct control *c)
{
    uint32_t open = model_open_count(c->stream), low = (open + 1) / 2;
    uint32_t high = 2 * open < OPEN_MAX ? 2 * open : OPEN_MAX;
    c->open_before = open;
    c->count = low + (uint32_t)draw(m, high > low ? high - low + 1 : 1);
    return true;
}

bool control_draw(struct sim *m, struct model_stream *s, enum control_kind kind, struct control *c)
{
    static const uint32_t hours[] = {24, 25, 36, 48, 72};
    *c = (struct control){.kind = kind, .stream = s, .before = s->count};
    bool can = s->exists;
    if (can && kind <= CONTROL_RECOUNT)
        can = !s->on_demand;
    if (can && kind == CONTROL_SPLIT)
        can = draw_split(m, c);
    if (can && kind == CONTROL_MERGE)
        can = draw_merge(m, c);
    if (can && kind == CONTROL_RECOUNT)
        can = draw_recount(m, c);
    c->hours = hours[draw(m, 5)];
    c->on = one_in(m, 2);
    if (can)
        diary_note(&m->diary, "%s %s: shard %u, other %u, count %u, hours %u, on %d", names[kind],
                   s->name, c->shard, c->other, c->count, c->hours, c->on);
    return can;
}

static struct flight retention(const struct control *c, json_t *ask)
{
    bool longer = c->hours >= c->stream->hours;
    json_object_set_new(ask, "RetentionPeriodHours", json_integer(c->hours));
    return (struct flight){.operation = longer ? "IncreaseStreamRetentionPeriod"
                                               : "DecreaseStreamRetentionPeriod",
                           .ask = ask};
}

struct flight control_flight(const struct control *c)
{
    char shard[32], other[32], at[U128_DECIMAL_BYTES_MAX + 1] = "";
    json_t *ask = json_pack("{s:s}", "StreamName", c->stream->name);
    snprintf(shard, sizeof(shard), "shardId-%012u", c->shard);
    snprintf(other, sizeof(other), "shardId-%012u", c->other);
    u128_print(c->at, at);
    switch (c->kind) {
    case CONTROL_SPLIT:
        json_object_set_new(ask, "ShardToSplit", json_string(shard));
        json_object_set_new(ask, "NewStartingHashKey", json_string(at));
        return (struct flight){.operation = "SplitShard", .ask = ask};
    case CONTROL_MERGE:
        json_object_set_new(ask, "ShardToMerge", json_string(shard));
        json_object_set_new(ask, "AdjacentShardToMerge", json_string(other));
        return (struct flight){.operation = "MergeShards", .ask = ask};
    case CONTROL_RECOUNT:
        json_object_set_new(ask, "TargetShardCount", json_integer(c->count));
        json_object_set_new(ask, "ScalingType", json_string("UNIFORM_SCALING"));
        return (struct flight){.operation = "UpdateShardCount", .ask = ask};
    case CONTROL_RETENTION:
        return retention(c, ask);
    case CONTROL_ENCRYPTION:
        json_object_set_new(ask, "EncryptionType", json_string("KMS"));
        json_object_set_new(ask, "KeyId", json_string(KEY_A));
        return (struct flight){
            .operation = c->on ? "StartStreamEncryption" : "StopStreamEncryption", .ask = ask};
    default:
        json_object_set_new(ask, "EnforceConsumerDeletion", json_true());
        return (struct flight){.operation = "DeleteStream", .ask = ask};
    }
}

/* ---- what became of it ---- */

static void check_split(struct sim *m, const struct control *c)
{
    const struct model_stream *s = c->stream;
    const struct model_shard *p = model_shard_find(s, c->shard);
    const struct model_shard *left = &s->shards[c->before], *right = left + 1;
    if (s->count != c->before + 2 || p->open || left->low != p->low || left->high != c->at - 1 ||
        right->low != c->at || right->high != p->high || left->parents[0] != p->index ||
        right->parents[0] != p->index)
        DIFFERS(m, "%s/%u was not split as asked", s->name, c->shard);
}

static void check_merge(struct sim *m, const struct control *c)
{
    const struct model_stream *s = c->stream;
    const struct model_shard *child = &s->shards[c->before];
    if (s->count != c->before + 1 || child->parents[0] != c->shard || child->parents[1] != c->other)
        DIFFERS(m, "%s/%u and %u were not merged as asked", s->name, c->shard, c->other);
}

/* Every border within a thousandth of a share of its even place. */
static void check_recount(struct sim *m, const struct control *c)
{
    const struct model_stream *s = c->stream;
    u128 share = U128_MAX / c->count;
    if (model_open_count(s) != c->count)
        DIFFERS(m, "%s has %u open shards, not %u", s->name, model_open_count(s), c->count);
    for (uint32_t n = 0; n < c->count; n++) {
        u128 low = model_open_at(s, n)->low, even = share * n;
        if ((low > even ? low - even : even - low) > share / 1000)
            DIFFERS(m, "%s/%u is not at its even place", s->name, model_open_at(s, n)->index);
    }
}

static bool may_refuse(const struct sim *m, const struct control *c, const struct flight *f)
{
    bool limit = strcmp(flight_error(f), "LimitExceededException") == 0;
    if (limit && m->client.settings.quotas)
        return true;
    if (c->kind == CONTROL_RECOUNT)
        return limit && c->stream->recounts >= RECOUNTS_A_DAY;
    return c->kind == CONTROL_ENCRYPTION && limit;
}

static void check_change(struct sim *m, const struct control *c)
{
    struct model_stream *s = c->stream;
    if (c->kind == CONTROL_SPLIT)
        check_split(m, c);
    else if (c->kind == CONTROL_MERGE)
        check_merge(m, c);
    else if (c->kind == CONTROL_RECOUNT)
        check_recount(m, c);
    else if (c->kind == CONTROL_ENCRYPTION)
        s->encrypted = c->on;
}

static void check_summary(struct sim *m, const struct model_stream *s, const json_t *summary)
{
    uint32_t hours = (uint32_t)json_integer_value(json_object_get(summary, "RetentionPeriodHours"));
    const char *type = json_string_value(json_object_get(summary, "EncryptionType"));
    uint32_t open = (uint32_t)json_integer_value(json_object_get(summary, "OpenShardCount"));
    if (hours != s->hours || !type || (strcmp(type, "KMS") == 0) != s->encrypted ||
        open != model_open_count(s))
        DIFFERS(m, "%s: %u hours, encryption %s, %u open; not %u, %s, %u", s->name, hours,
                type ? type : "?", open, s->hours, s->encrypted ? "KMS" : "NONE",
                model_open_count(s));
}

static void learn(struct sim *m, struct model_stream *s, bool may_change, json_t **summary)
{
    if (!learn_wait_active(m, s, summary))
        DIFFERS(m, "%s is not there", s->name);
    learn_shards(m, s, may_change);
}

void control_done(struct sim *m, const struct control *c, const struct flight *f)
{
    struct model_stream *s = c->stream;
    json_t *summary = NULL;
    bool refused = f->status != 200;
    if (refused && !may_refuse(m, c, f))
        DIFFERS(m, "%s of %s answers %d %s: %s", names[c->kind], s->name, f->status,
                flight_error(f), flight_message(f));
    s->recounts += c->kind == CONTROL_RECOUNT;
    if (c->kind == CONTROL_DELETE) {
        if (learn_wait_active(m, s, NULL))
            DIFFERS(m, "%s is still there", s->name);
        model_stream_end(s);
        return;
    }
    if (!refused && c->kind == CONTROL_RETENTION) /* it says what is listed, too */
        model_set_hours(s, c->hours, sim_now(m));
    learn(m, s, !refused && c->kind <= CONTROL_RECOUNT, &summary);
    if (!refused)
        check_change(m, c);
    check_summary(m, s, summary);
    json_decref(summary);
}

/* ---- after a kill ---- */

/* Whether the stream shows that it was done. */
static bool was_done(const struct control *c, const json_t *summary)
{
    const struct model_stream *s = c->stream;
    const char *type = json_string_value(json_object_get(summary, "EncryptionType"));
    if (c->kind == CONTROL_RETENTION)
        return json_integer_value(json_object_get(summary, "RetentionPeriodHours")) == c->hours;
    if (c->kind == CONTROL_ENCRYPTION)
        return type && (strcmp(type, "KMS") == 0) == c->on;
    return s->count != c->before;
}

void control_resolve(struct sim *m, const struct control *c, const struct flight *f)
{
    struct model_stream *s = c->stream;
    json_t *summary = NULL;
    if (f->answered) { /* then it is durable */
        control_done(m, c, f);
        return;
    }
    s->recounts += c->kind == CONTROL_RECOUNT;
    if (!learn_wait_active(m, s, &summary)) {
        if (c->kind != CONTROL_DELETE)
            DIFFERS(m, "%s is not there", s->name);
        model_stream_end(s);
        return;
    }
    if (c->kind == CONTROL_RETENTION && was_done(c, summary))
        model_set_hours(s, c->hours, sim_now(m));
    learn_shards(m, s, c->kind <= CONTROL_RECOUNT);
    bool done = was_done(c, summary);
    diary_note(&m->diary, "%s of %s was %s", names[c->kind], s->name, done ? "done" : "not done");
    if (done)
        check_change(m, c);
    check_summary(m, s, summary);
    json_decref(summary);
}

/* ---- making streams ---- */

void control_register(struct sim *m, struct model_stream *s)
{
    char arn[96];
    snprintf(arn, sizeof(arn), "arn:aws:kinesis:us-east-1:000000000000:stream/%s", s->name);
    json_t *got = client_ask(&m->client, "RegisterStreamConsumer",
                             json_pack("{s:s, s:s}", "StreamARN", arn, "ConsumerName", "watcher"));
    const char *made =
        json_string_value(json_object_get(json_object_get(got, "Consumer"), "ConsumerARN"));
    snprintf(s->consumer, sizeof(s->consumer), "%s", made ? made : "");
    json_decref(got);
}

void control_create(struct sim *m, struct model_stream *s)
{
    bool on_demand = one_in(m, 3);
    uint32_t count = on_demand ? 4 : 1 + (uint32_t)draw(m, 4);
    json_t *ask = json_pack("{s:s}", "StreamName", s->name);
    if (!on_demand)
        json_object_set_new(ask, "ShardCount", json_integer(count));
    diary_note(&m->diary, "create %s: %u shards%s", s->name, count, on_demand ? ", on demand" : "");
    json_decref(client_ask(&m->client, "CreateStream", ask));
    model_stream_begin(s, sim_now(m), on_demand);
    learn(m, s, true, NULL);
    if (s->count != count)
        DIFFERS(m, "%s begins with %u shards, not %u", s->name, s->count, count);
    for (uint32_t n = 0; n < count; n++)
        if (s->shards[n].low != (U128_MAX / count + (count == 1 || count == 2 || count == 4)) * n)
            DIFFERS(m, "%s/%u begins elsewhere", s->name, n);
    control_register(m, s);
}
