/* producer_calls.c: a producer's calls: PutRecords, and ListShards for the map.
 *
 * One attempt each: what is worth another one, and when, is the dispatch's to say, which knows more of shards than the client does.
 *
 * The header of idempotent puts:
 *   x-sluice-producer: <id, 32 hex digits>;<epoch>;<number of the first record>                     they follow each other
 *   x-sluice-producer: <id, 32 hex digits>;<epoch>;<first>+<count>,<first>+<count>...               runs of them
 *
 * Thread: whoever turns the producer. */
#include "base/clock.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/producer_internal.h"

#include <stdio.h>

enum { EPOCH = 1, LIST_PAGE = 10000 };

static uint64_t now(void)
{
    return clock_mono_us(&clock_system);
}

/* ---- PutRecords ---- */

static void put_answered(void *context, const void *output, sluice_reply *reply,
                         const struct sluice_error *error)
{
    struct put_call *call = context;
    struct sluice_producer *p = call->owner;
    const struct sluice_kinesis_put_records_output *out = output;
    struct sluice_error own = *error;
    uint64_t now_us = now();
    own.retryable |= own.status == SLUICE_NO_MEMORY && own.attempts == 0; /* it was never sent */
    if (own.status == SLUICE_OK && out->records.count != call->count) {
        error_set(&own, SLUICE_PROTOCOL, "%u answers to %u records", out->records.count,
                  call->count);
        own.retryable = true;
    }
    for (uint32_t i = 0; own.status == SLUICE_OK && i < call->count; i++) {
        const struct sluice_kinesis_put_records_result_entry *e = &out->records.at[i];
        struct put_result r = {
            .shard_id = bytes_from(e->shard_id),
            .sequence_number = bytes_from(e->sequence_number),
            .error_code = bytes_from(e->error_code),
            .error_message = bytes_from(e->error_message),
        };
        dispatch_record(&p->dispatch, call, i, &r, now_us);
    }
    dispatch_ended(&p->dispatch, call, own.status == SLUICE_OK ? NULL : &own, now_us);
    sluice_reply_free(reply);
}

/* False: no memory. */
static bool make_header(struct sluice_producer *p, const struct put_call *call)
{
    buf_clear(&p->header);
    buf_printf(&p->header, "x-sluice-producer: %s;%d;", p->id, EPOCH);
    dispatch_numbers(call, &p->header);
    buf_append_byte(&p->header, '\0');
    return p->header.status == OK;
}

/* The call ends when the newest of its records has no more time. */
static unsigned time_for(const struct sluice_producer *p, const struct put_call *call,
                         uint64_t now_us)
{
    unsigned most = p->options.client.timeout_ms;
    uint64_t left_ms = call->until_us > now_us ? (call->until_us - now_us) / 1000 + 1 : 1;
    return left_ms < most ? (unsigned)left_ms : most;
}

static enum sluice_status start_put(struct sluice_producer *p, struct put_call *call,
                                    uint64_t now_us, struct sluice_error *error)
{
    if (p->options.idempotent && !make_header(p, call))
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a header");
    for (uint32_t i = 0; i < call->count; i++) {
        const struct parcel *one = call->parcels[i];
        p->entries[i] = (struct sluice_kinesis_put_records_request_entry){
            .data = view_of(one->data),
            .partition_key = view_of(one->partition_key),
            .explicit_hash_key = view_of(one->explicit_hash_key),
        };
    }
    const struct sluice_kinesis_put_records_input in = {
        .records = {.count = call->count, .present = true, .at = p->entries},
        .stream_name = p->by_arn ? sluice_text(NULL) : sluice_text(p->stream),
        .stream_arn = p->by_arn ? sluice_text(p->stream) : sluice_text(NULL),
    };
    const char *header = (const char *)p->header.at;
    const struct sluice_call_options options = {
        .size = sizeof(options),
        .timeout_ms = time_for(p, call, now_us),
        .attempts_max = 1,
        .headers = &header,
        .header_count = p->options.idempotent,
    };
    sluice_call_handle *handle;
    enum sluice_status st = sluice_kinesis_put_records_start(p->client, &in, &options, put_answered,
                                                             call, &handle, error);
    call->handle = handle;
    return st;
}

void producer_start_call(struct sluice_producer *p, struct put_call *call, uint64_t now_us)
{
    struct sluice_error e = {0};
    call->owner = p;
    dispatch_seal(&p->dispatch, call);
    enum sluice_status st = start_put(p, call, now_us, &e);
    if (st == SLUICE_OK)
        return;
    e.status = st;
    e.retryable = st == SLUICE_NO_MEMORY;
    dispatch_ended(&p->dispatch, call, &e, now_us);
}

/* ---- ListShards ---- */

static void list_failed(struct sluice_producer *p, const struct sluice_error *error)
{
    shard_map_free(p->listing);
    p->listing = NULL;
    dispatch_map_failed(&p->dispatch, error, now());
}

static void list_failed_as(struct sluice_producer *p, enum status st)
{
    struct sluice_error e;
    error_set(&e, st == NO_MEMORY ? SLUICE_NO_MEMORY : SLUICE_PROTOCOL,
              st == NO_MEMORY ? "no memory for the list of shards"
              : st == CHANGED ? "the shards listed do not cover all keys once"
                              : "the shards listed are not shards");
    e.retryable = true;
    list_failed(p, &e);
}

/* Those that are closed have an end; they are listed also by services that do not know the filter. */
static enum status take_shard(struct sluice_producer *p, const struct sluice_kinesis_shard *s)
{
    if (!s->hash_key_range || !s->sequence_number_range)
        return MALFORMED;
    struct bytes id = bytes_from(s->shard_id);
    struct bytes first = bytes_from(s->hash_key_range->starting_hash_key);
    struct bytes last = bytes_from(s->hash_key_range->ending_hash_key);
    if (!s->sequence_number_range->ending_sequence_number.at)
        return shard_map_add(p->listing, id, first, last);
    struct shard_range closed;
    if (dispatch_wants_closed(&p->dispatch) && shard_range_set(&closed, id, first, last))
        dispatch_closed(&p->dispatch, &closed);
    return OK;
}

static enum status take_page(struct sluice_producer *p,
                             const struct sluice_kinesis_list_shards_output *out)
{
    enum status st = OK;
    for (uint32_t i = 0; st == OK && i < out->shards.count; i++)
        st = take_shard(p, &out->shards.at[i]);
    return st;
}

static void list_page(struct sluice_producer *p, struct sluice_bytes token);

static void page_answered(void *context, const void *output, sluice_reply *reply,
                          const struct sluice_error *error)
{
    struct sluice_producer *p = context;
    const struct sluice_kinesis_list_shards_output *out = output;
    p->list_call = NULL;
    if (error->status != SLUICE_OK) {
        list_failed(p, error);
        return;
    }
    enum status st = take_page(p, out);
    bool more = st == OK && out->next_token.len;
    if (more)
        list_page(p, out->next_token);
    else if (st == OK)
        st = shard_map_finish(p->listing);
    if (st != OK) {
        list_failed_as(p, st);
    } else if (!more) {
        struct shard_map *m = p->listing;
        p->listing = NULL;
        dispatch_set_map(&p->dispatch, m, now());
    }
    sluice_reply_free(reply);
}

static void list_page(struct sluice_producer *p, struct sluice_bytes token)
{
    static const struct sluice_kinesis_shard_filter open = {
        .type = {(const uint8_t *)"AT_LATEST", sizeof("AT_LATEST") - 1}};
    struct sluice_kinesis_list_shards_input in = {.next_token = token,
                                                  .max_results = sluice_int(LIST_PAGE)};
    if (!token.at) {
        if (!dispatch_wants_closed(&p->dispatch))
            in.shard_filter = &open;
        if (p->by_arn)
            in.stream_arn = sluice_text(p->stream);
        else
            in.stream_name = sluice_text(p->stream);
    }
    struct sluice_error e = {0};
    enum sluice_status st =
        sluice_kinesis_list_shards_start(p->client, &in, NULL, page_answered, p, &p->list_call, &e);
    if (st == SLUICE_OK)
        return;
    e.status = st;
    list_failed(p, &e);
}

void producer_start_listing(struct sluice_producer *p)
{
    p->listing = shard_map_new();
    if (!p->listing) {
        list_failed_as(p, NO_MEMORY);
        return;
    }
    list_page(p, sluice_text(NULL));
}

void producer_cancel_calls(struct sluice_producer *p)
{
    if (p->list_call)
        sluice_call_cancel(p->list_call);
    LIST_EACH(node, keep, &p->dispatch.calls)
    sluice_call_cancel(LIST_OWNER(node, struct put_call, node)->handle);
}
