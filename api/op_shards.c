/* op_shards.c: ListShards with all its filters and pages, and how a shard is shown. */
#include "api/operations.h"

#include "shards/horizon.h"
#include "shards/stream_fault.h"
#include "wire/base64.h"

#include <stdio.h>

enum { PAGE_DEFAULT = 1000, PAGE_MOST = 1000 };

/* ---- showing a shard ---- */

struct kinesis_hash_key_range *hash_range_describe(const struct shard *s, struct arena *a)
{
    struct kinesis_hash_key_range *range = arena_zero(a, sizeof(*range));
    char *texts = arena_take(a, 2 * U128_DECIMAL_BYTES_MAX);
    if (!range || !texts)
        return NULL;
    range->starting_hash_key = bytes_of(texts, u128_print(s->start, texts));
    char *end = texts + U128_DECIMAL_BYTES_MAX;
    range->ending_hash_key = bytes_of(end, u128_print(s->end, end));
    return range;
}

static struct bytes id_of(int64_t index, struct arena *a)
{
    char id[SHARD_ID_BYTES];
    if (index == SHARD_NONE)
        return BYTES_NONE;
    shard_id_print((uint32_t)index, id);
    return arena_copy(a, bytes_text(id));
}

enum status shard_describe(const struct shard *s, struct arena *a, struct kinesis_shard *out)
{
    struct kinesis_sequence_number_range *numbers = arena_zero(a, sizeof(*numbers));
    char text[SEQUENCE_TEXT_BYTES];
    if (!numbers)
        return NO_MEMORY;
    numbers->starting_sequence_number =
        arena_copy(a, bytes_of(text, shard_sequence_first(s, text)));
    if (s->state == SHARD_CLOSED)
        numbers->ending_sequence_number =
            arena_copy(a, bytes_of(text, shard_sequence_last(s, text)));
    *out = (struct kinesis_shard){
        .shard_id = id_of(s->index, a),
        .parent_shard_id = id_of(s->parent, a),
        .adjacent_parent_shard_id = id_of(s->adjacent, a),
        .hash_key_range = hash_range_describe(s, a),
        .sequence_number_range = numbers,
    };
    return bytes_present(out->shard_id) && out->hash_key_range ? OK : NO_MEMORY;
}

/* ---- page tokens ---- */

struct bytes page_token_seal(const struct service *s, struct exchange *x, struct iterator *it)
{
    uint8_t sealed[ITERATOR_BYTES];
    it->made_ms = clock_wall_ms(s->clock);
    iterator_seal(it, catalog_iterator_key(s->catalog), sealed);
    size_t len = base64_encoded_len(sizeof(sealed));
    uint8_t *text = arena_take(&x->arena, len);
    if (text)
        base64_encode(bytes_of(sealed, sizeof(sealed)), text);
    return text ? bytes_of(text, len) : BYTES_NONE;
}

enum status page_token_open(const struct service *s, struct bytes token, enum iterator_kind kind,
                            struct iterator *out, struct fault *f)
{
    uint8_t sealed[ITERATOR_BYTES + 8];
    size_t len = 0;
    if (token.len != base64_encoded_len(ITERATOR_BYTES) ||
        base64_decode(token, sealed, &len, NULL) != OK ||
        iterator_open(bytes_of(sealed, len), kind, catalog_iterator_key(s->catalog), out) != OK)
        return fault_set(f, INVALID_ARGUMENT, "NextToken is invalid.");
    if (clock_wall_ms(s->clock) > out->made_ms + TOKEN_LIFE_MS)
        return fault_set(f, EXPIRED_TOKEN,
                         "NextToken has expired. Tokens are valid for %d seconds.",
                         TOKEN_LIFE_MS / 1000);
    return OK;
}

/* ---- ListShards ---- */

/* What is listed: also what a page token carries (extra[0]: filter, extra[1]: its time; offset: the
 * next index). */
struct listing {
    uint64_t first; /* index */
    int filter;
    uint64_t time_ms;
};

static enum status read_filter(const struct kinesis_shard_filter *filter, uint64_t now_ms,
                               struct listing *l, struct fault *f)
{
    l->filter = shape_enum_index(&shape_kinesis_shard_filter_type, filter->type);
    uint32_t after;
    switch (l->filter) {
    case KINESIS_SHARD_FILTER_TYPE_AFTER_SHARD_ID:
        if (!bytes_present(filter->shard_id))
            return fault_set(
                f, INVALID_ARGUMENT,
                "ShardId must be provided in ShardFilter for filter type AFTER_SHARD_ID.");
        if (!shard_id_parse(filter->shard_id, &after))
            return fault_set(f, INVALID_ARGUMENT, "ShardId %.*s in ShardFilter is invalid.",
                             BYTES_ARGS(filter->shard_id));
        l->first = (uint64_t)after + 1;
        return OK;
    case KINESIS_SHARD_FILTER_TYPE_AT_TIMESTAMP:
    case KINESIS_SHARD_FILTER_TYPE_FROM_TIMESTAMP:
        if (!filter->timestamp.present)
            return fault_set(f, INVALID_ARGUMENT,
                             "Timestamp must be provided in ShardFilter for filter type %.*s.",
                             BYTES_ARGS(filter->type));
        if (filter->timestamp.value > (int64_t)now_ms)
            return fault_set(f, INVALID_ARGUMENT,
                             "Timestamp in ShardFilter cannot be greater than the current time.");
        l->time_ms = filter->timestamp.value > 0 ? (uint64_t)filter->timestamp.value : 0;
        return OK;
    default:
        return OK;
    }
}

/* Had it been made by that time? A child is there from the moment its parents closed, although its numbers begin with the next second:
 * at any time the shards that were open cover all keys. Parents that are gone closed before every time that is asked for. */
static bool opened_by(const struct stream_view *v, const struct shard *s, uint64_t time_ms)
{
    const int64_t parents[] = {s->parent, s->adjacent};
    for (int i = 0; i < 2; i++) {
        const struct shard *parent =
            parents[i] == SHARD_NONE ? NULL : stream_view_shard(v, (uint32_t)parents[i]);
        if (parent && parent->closed_ms >= time_ms)
            return false;
    }
    return true;
}

static bool open_at(const struct stream_view *v, const struct shard *s, uint64_t time_ms)
{
    return opened_by(v, s, time_ms) && (s->state == SHARD_OPEN || s->closed_ms >= time_ms);
}

static bool listed(const struct listing *l, const struct stream_view *v, const struct shard *s,
                   uint64_t now_ms)
{
    uint64_t horizon_ms = horizon_begin_ms(v->settings.retention_hours, now_ms);
    uint64_t begin_ms = horizon_ms > v->settings.created_ms ? horizon_ms : v->settings.created_ms;
    uint64_t time_ms = l->time_ms > begin_ms ? l->time_ms : begin_ms;
    bool open = s->state == SHARD_OPEN;
    if (s->state == SHARD_PENDING || s->index < l->first || (!open && s->closed_ms < horizon_ms))
        return false;
    switch (l->filter) {
    case KINESIS_SHARD_FILTER_TYPE_AT_LATEST:
        return open;
    case KINESIS_SHARD_FILTER_TYPE_AT_TRIM_HORIZON:
        return open_at(v, s, begin_ms);
    case KINESIS_SHARD_FILTER_TYPE_AT_TIMESTAMP:
        return open_at(v, s, time_ms);
    case KINESIS_SHARD_FILTER_TYPE_FROM_TIMESTAMP:
        return open || s->closed_ms >= time_ms;
    default:
        return true;
    }
}

static enum status start_page(const struct service *s, const struct exchange *x,
                              const struct kinesis_list_shards_input *in, struct listing *l,
                              struct stream_view **v, struct fault *f)
{
    l->filter = -1;
    bool named = bytes_present(in->stream_name) || bytes_present(in->stream_arn);
    if (!bytes_present(in->next_token)) {
        if (!named)
            return fault_set(f, INVALID_ARGUMENT,
                             "Either NextToken or StreamName should be provided.");
        uint32_t after;
        if (bytes_present(in->exclusive_start_shard_id) &&
            shard_id_parse(in->exclusive_start_shard_id, &after))
            l->first = (uint64_t)after + 1;
        enum status st =
            in->shard_filter ? read_filter(in->shard_filter, clock_wall_ms(s->clock), l, f) : OK;
        return st == OK ? request_stream(s, x, in->stream_name, in->stream_arn, NULL, v, f) : st;
    }
    if (named)
        return fault_set(f, INVALID_ARGUMENT,
                         "NextToken and StreamName cannot be provided together.");
    if (bytes_present(in->exclusive_start_shard_id))
        return fault_set(f, INVALID_ARGUMENT,
                         "NextToken and ExclusiveStartShardId cannot be provided together.");
    struct iterator it;
    enum status st = page_token_open(s, in->next_token, ITERATOR_LIST_SHARDS, &it, f);
    if (st != OK)
        return st;
    *l = (struct listing){
        .first = it.offset, .filter = (int)(int64_t)it.extra[0], .time_ms = it.extra[1]};
    return request_stream_number(s, x, &it, v, f);
}

static struct bytes next_page(const struct service *s, struct exchange *x,
                              const struct stream_view *v, const struct listing *l,
                              uint32_t next_index)
{
    struct iterator it = {
        .kind = ITERATOR_LIST_SHARDS,
        .stream = v->settings.number,
        .offset = next_index,
        .extra = {(uint64_t)(int64_t)l->filter, l->time_ms},
    };
    memcpy(it.name, v->settings.name, sizeof(it.name));
    return page_token_seal(s, x, &it);
}

void op_list_shards(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_list_shards_input *in = input;
    struct fault f = {0};
    struct listing l = {0};
    struct stream_view *v;
    if (start_page(s, x, in, &l, &v, &f) != OK || request_made(v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    uint32_t most = in->max_results.present && in->max_results.value < PAGE_MOST
                        ? (uint32_t)in->max_results.value
                        : PAGE_DEFAULT;
    struct kinesis_shard *shards = arena_zero(&x->arena, most * sizeof(*shards));
    struct kinesis_list_shards_output out = {.shards = {.present = true, .at = shards}};
    enum status st = shards ? OK : NO_MEMORY;
    uint64_t now_ms = clock_wall_ms(s->clock);
    for (uint32_t i = 0; st == OK && i < v->shard_count; i++) {
        if (!listed(&l, v, v->shards[i], now_ms))
            continue;
        if (out.shards.count == most) {
            out.next_token = next_page(s, x, v, &l, v->shards[i]->index);
            break;
        }
        st = shard_describe(v->shards[i], &x->arena, &shards[out.shards.count++]);
    }
    if (st == OK)
        reply_shape(x, &shape_kinesis_list_shards_output, &out);
    else
        reply_fault(x, &(struct fault){.status = st});
    stream_view_unref(v);
}
