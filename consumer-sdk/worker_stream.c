/* worker_stream.c: what a worker must know of its stream: its ARN, its shards, and the consumer that it subscribes by.
 *
 * Thread: that of sluice_worker_run. */
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/worker_internal.h"

#include <sluice/kinesis.h>

#include <stdio.h>
#include <stdlib.h>

enum { TRY_AGAIN_MS = 500, CONSUMER_WAIT_MS = 200, CONSUMER_WAITS_MAX = 300 };
enum { LIST_EVERY_MS = 30000, LIST_PAGE = 1000, LISTED_MAX = 100000 };

static bool copy(char *to, size_t room, struct sluice_bytes from)
{
    if (from.len >= room)
        return false;
    if (from.len > 0)
        memcpy(to, from.at, from.len);
    to[from.len] = 0;
    return true;
}

/* ---- the stream ---- */

static enum sluice_status describe(struct sluice_worker *w, struct sluice_error *error)
{
    struct sluice_kinesis_describe_stream_summary_input in = {0};
    const struct sluice_kinesis_describe_stream_summary_output *out;
    sluice_reply *reply = NULL;
    if (strncmp(w->stream, "arn:", 4) == 0)
        in.stream_arn = sluice_text(w->stream);
    else
        in.stream_name = sluice_text(w->stream);
    enum sluice_status st =
        sluice_kinesis_describe_stream_summary(w->client, &in, &reply, &out, error);
    if (st == SLUICE_OK &&
        (!out->stream_description_summary ||
         !copy(w->stream_arn, sizeof(w->stream_arn), out->stream_description_summary->stream_arn)))
        st = error_set(error, SLUICE_PROTOCOL, "the stream's description has no ARN");
    sluice_reply_free(reply);
    return st;
}

bool worker_find_stream(struct sluice_worker *w)
{
    struct sluice_error error;
    while (!worker_stops(w)) {
        if (describe(w, &error) == SLUICE_OK) {
            w->told = false;
            return true;
        }
        if (worker_may_retry(w, "finding the stream", &error))
            worker_wait(w, TRY_AGAIN_MS);
    }
    return false;
}

/* ---- the consumer ---- */

/* SLUICE_OK with w->consumer_arn set; *active says whether it can be used. */
static enum sluice_status look_at_consumer(struct sluice_worker *w, bool *active,
                                           struct sluice_error *error)
{
    const struct sluice_kinesis_describe_stream_consumer_input in = {
        .stream_arn = sluice_text(w->stream_arn),
        .consumer_name = sluice_text(w->group),
    };
    const struct sluice_kinesis_describe_stream_consumer_output *out;
    sluice_reply *reply = NULL;
    enum sluice_status st =
        sluice_kinesis_describe_stream_consumer(w->client, &in, &reply, &out, error);
    if (st == SLUICE_OK) {
        const struct sluice_kinesis_consumer_description *c = out->consumer_description;
        if (!c || !copy(w->consumer_arn, sizeof(w->consumer_arn), c->consumer_arn))
            st = error_set(error, SLUICE_PROTOCOL, "the consumer's description has no ARN");
        else
            *active =
                c->consumer_status.len == 6 && memcmp(c->consumer_status.at, "ACTIVE", 6) == 0;
    }
    sluice_reply_free(reply);
    return st;
}

/* Another worker may have been first: that is as good. */
static enum sluice_status register_consumer(struct sluice_worker *w, struct sluice_error *error)
{
    const struct sluice_kinesis_register_stream_consumer_input in = {
        .stream_arn = sluice_text(w->stream_arn),
        .consumer_name = sluice_text(w->group),
    };
    const struct sluice_kinesis_register_stream_consumer_output *out;
    sluice_reply *reply = NULL;
    enum sluice_status st =
        sluice_kinesis_register_stream_consumer(w->client, &in, &reply, &out, error);
    sluice_reply_free(reply);
    return st == SLUICE_SERVICE && strcmp(error->type, "ResourceInUseException") == 0 ? SLUICE_OK
                                                                                      : st;
}

static enum sluice_status consumer(struct sluice_worker *w, struct sluice_error *error)
{
    bool active = false;
    enum sluice_status st = look_at_consumer(w, &active, error);
    if (st == SLUICE_SERVICE && strcmp(error->type, "ResourceNotFoundException") == 0)
        st = register_consumer(w, error);
    for (unsigned i = 0; i < CONSUMER_WAITS_MAX && !active && st == SLUICE_OK; i++) {
        if (i > 0)
            worker_wait(w, CONSUMER_WAIT_MS);
        if (worker_stops(w))
            return SLUICE_OK;
        st = look_at_consumer(w, &active, error);
    }
    if (st == SLUICE_OK && !active)
        st = error_set(error, SLUICE_TIMED_OUT, "consumer %s does not become active", w->group);
    return st;
}

void worker_find_consumer(struct sluice_worker *w)
{
    struct sluice_error error;
    if (consumer(w, &error) == SLUICE_OK)
        return;
    w->host.push = false;
    if (w->host.push_only)
        worker_fail(w, &error);
    else
        worker_note(w, "", "push cannot be had, records are polled: %s %s", error.type,
                    error.message);
}

/* ---- the shards ---- */

struct listing {
    struct worker_shard *at;
    size_t count, room;
};

static bool parse_key(struct sluice_bytes text, u128 *out)
{
    return u128_parse(bytes_of(text.at, text.len), out);
}

static enum sluice_status add_page(struct listing *l,
                                   const struct sluice_kinesis_list_shards_output *page,
                                   struct sluice_error *error)
{
    size_t wanted = l->count + page->shards.count;
    if (wanted > l->room) {
        size_t room = 2 * wanted;
        struct worker_shard *grown =
            wanted <= LISTED_MAX ? mem_resize_try(l->at, room * sizeof(*grown)) : NULL;
        if (!grown)
            return error_set(error, SLUICE_NO_MEMORY, "no memory for %zu shards", wanted);
        l->at = grown;
        l->room = room;
    }
    for (uint32_t i = 0; i < page->shards.count; i++) {
        const struct sluice_kinesis_shard *s = &page->shards.at[i];
        struct worker_shard *to = &l->at[l->count];
        if (!copy(to->id, sizeof(to->id), s->shard_id) ||
            !copy(to->parent, sizeof(to->parent), s->parent_shard_id) ||
            !copy(to->adjacent_parent, sizeof(to->adjacent_parent), s->adjacent_parent_shard_id))
            return error_set(error, SLUICE_PROTOCOL, "a shard's id is too long");
        const struct sluice_kinesis_hash_key_range *r = s->hash_key_range;
        if (!r || !parse_key(r->starting_hash_key, &to->range.first) ||
            !parse_key(r->ending_hash_key, &to->range.last))
            return error_set(error, SLUICE_PROTOCOL, "shard %s has no keys", to->id);
        l->count++;
    }
    return SLUICE_OK;
}

static enum sluice_status list_all(struct sluice_worker *w, struct listing *l,
                                   struct sluice_error *error)
{
    sluice_reply *before = NULL;
    struct sluice_kinesis_list_shards_input in = {
        .stream_arn = sluice_text(w->stream_arn),
        .max_results = sluice_int(LIST_PAGE),
    };
    enum sluice_status st;
    bool more;
    do {
        const struct sluice_kinesis_list_shards_output *out;
        sluice_reply *reply = NULL;
        st = sluice_kinesis_list_shards(w->client, &in, &reply, &out, error);
        if (st == SLUICE_OK)
            st = add_page(l, out, error);
        more = st == SLUICE_OK && out->next_token.len > 0;
        if (more)
            in = (struct sluice_kinesis_list_shards_input){.next_token = out->next_token,
                                                           .max_results = sluice_int(LIST_PAGE)};
        sluice_reply_free(before);
        before = reply; /* the token lives in it */
    } while (more);
    sluice_reply_free(before);
    return st;
}

static int by_id(const void *a, const void *b)
{
    const struct worker_shard *left = a, *right = b;
    return strcmp(left->id, right->id);
}

static bool keep(struct sluice_worker *w, struct listing *l)
{
    if (l->count > 0)
        qsort(l->at, l->count, sizeof(*l->at), by_id);
    struct sluice_lease_shard *views = mem_try((l->count + 1) * sizeof(*views));
    if (!views)
        return false;
    for (size_t i = 0; i < l->count; i++)
        views[i] =
            (struct sluice_lease_shard){l->at[i].id, l->at[i].parent, l->at[i].adjacent_parent};
    mem_free(w->listed);
    mem_free(w->listed_views);
    w->listed = l->at;
    w->listed_views = views;
    w->listed_count = l->count;
    return true;
}

void worker_list_shards(struct sluice_worker *w)
{
    struct listing l = {0};
    struct sluice_error error;
    uint64_t now = worker_now_us(w);
    if (w->listed_count > 0 && now < w->listed_us)
        return;
    enum sluice_status st = list_all(w, &l, &error);
    if (st == SLUICE_OK && !keep(w, &l))
        st = error_set(&error, SLUICE_NO_MEMORY, "no memory for %zu shards", l.count);
    if (st == SLUICE_OK) {
        w->listed_us = now + LIST_EVERY_MS * 1000ull;
        return;
    }
    mem_free(l.at);
    (void)worker_may_retry(w, "listing the shards", &error);
}

static const struct worker_shard *listed(const struct sluice_worker *w, const char *shard_id)
{
    size_t low = 0, high = w->listed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(shard_id, w->listed[middle].id);
        if (order == 0)
            return &w->listed[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct worker_shard *worker_shard_named(struct sluice_worker *w, const char *shard_id,
                                              bool *gone)
{
    const struct worker_shard *s = listed(w, shard_id);
    *gone = false;
    if (s)
        return s;
    w->listed_us = 0;
    worker_list_shards(w);
    s = listed(w, shard_id);
    *gone = !s && w->listed_us > 0;
    return s;
}
