/* numbered.c: see the header. */
#include "support/numbered.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/u128.h"
#include "unit/base/cmocka_all.h"

#include <sluice/kinesis.h>
#include <stdio.h>
#include <stdlib.h>

enum { PER_CALL = 500, TEXT_BYTES = 32 };

static void fine(enum sluice_status st, const struct sluice_error *e)
{
    if (st != SLUICE_OK)
        fail_msg("%s %d %s: %s", sluice_status_name(st), e->http_status, e->type, e->message);
}

static void wait_until_active(struct numbered *n)
{
    const struct sluice_kinesis_describe_stream_summary_input ask = {.stream_name =
                                                                         sluice_text(n->stream)};
    for (bool active = false; !active;) {
        struct sluice_error e;
        sluice_reply *reply;
        const struct sluice_kinesis_describe_stream_summary_output *out;
        fine(sluice_kinesis_describe_stream_summary(n->client, &ask, &reply, &out, &e), &e);
        struct sluice_bytes status = out->stream_description_summary->stream_status;
        active = status.len == 6 && memcmp(status.at, "ACTIVE", 6) == 0;
        sluice_reply_free(reply);
    }
}

void numbered_make(struct numbered *n, sluice_client *client, const char *stream, int64_t shards)
{
    struct sluice_error e;
    *n = (struct numbered){.client = client, .stream = stream};
    const struct sluice_kinesis_create_stream_input in = {.stream_name = sluice_text(stream),
                                                          .shard_count = sluice_int(shards)};
    fine(sluice_kinesis_create_stream(client, &in, NULL, &e), &e);
    wait_until_active(n);
}

static void put_some(struct numbered *n, uint64_t count)
{
    static struct sluice_kinesis_put_records_request_entry entries[PER_CALL];
    static char keys[PER_CALL][TEXT_BYTES], data[PER_CALL][TEXT_BYTES];
    struct sluice_error e;
    for (uint64_t i = 0; i < count; i++) {
        unsigned key = (unsigned)((n->total + i) % NUMBERED_KEYS);
        snprintf(keys[i], TEXT_BYTES, "key-%u", key);
        snprintf(data[i], TEXT_BYTES, "%u %llu", key, (unsigned long long)n->next[key]++);
        entries[i] = (struct sluice_kinesis_put_records_request_entry){
            .data = sluice_text(data[i]), .partition_key = sluice_text(keys[i])};
    }
    const struct sluice_kinesis_put_records_input in = {
        .stream_name = sluice_text(n->stream),
        .records = {.count = (uint32_t)count, .present = true, .at = entries}};
    sluice_reply *reply;
    const struct sluice_kinesis_put_records_output *out;
    fine(sluice_kinesis_put_records(n->client, &in, &reply, &out, &e), &e);
    assert_int_equal(out->failed_record_count.value, 0);
    sluice_reply_free(reply);
    n->total += count;
}

void numbered_put(struct numbered *n, uint64_t count)
{
    for (uint64_t some; count > 0; count -= some) {
        some = count < PER_CALL ? count : PER_CALL;
        put_some(n, some);
    }
}

/* The middle of the shard's hash keys. */
static void find_middle(struct numbered *n, const char *shard, char out[U128_DECIMAL_BYTES_MAX])
{
    struct sluice_error e;
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *list;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text(n->stream)};
    fine(sluice_kinesis_list_shards(n->client, &in, &reply, &list, &e), &e);
    out[0] = 0;
    for (uint32_t i = 0; i < list->shards.count; i++) {
        const struct sluice_kinesis_shard *s = &list->shards.at[i];
        u128 low, high;
        if (s->shard_id.len != strlen(shard) || memcmp(s->shard_id.at, shard, s->shard_id.len) != 0)
            continue;
        struct sluice_bytes from = s->hash_key_range->starting_hash_key,
                            to = s->hash_key_range->ending_hash_key;
        must(u128_parse(bytes_of(from.at, from.len), &low) &&
             u128_parse(bytes_of(to.at, to.len), &high));
        u128_print(low + (high - low) / 2 + 1, out);
    }
    assert_true(out[0] != 0);
    sluice_reply_free(reply);
}

void numbered_split(struct numbered *n, const char *shard)
{
    struct sluice_error e;
    char middle[U128_DECIMAL_BYTES_MAX];
    find_middle(n, shard, middle);
    const struct sluice_kinesis_split_shard_input in = {.stream_name = sluice_text(n->stream),
                                                        .shard_to_split = sluice_text(shard),
                                                        .new_starting_hash_key =
                                                            sluice_text(middle)};
    fine(sluice_kinesis_split_shard(n->client, &in, NULL, &e), &e);
    wait_until_active(n);
}

void numbered_merge(struct numbered *n, const char *shard, const char *adjacent)
{
    struct sluice_error e;
    const struct sluice_kinesis_merge_shards_input in = {.stream_name = sluice_text(n->stream),
                                                         .shard_to_merge = sluice_text(shard),
                                                         .adjacent_shard_to_merge =
                                                             sluice_text(adjacent)};
    fine(sluice_kinesis_merge_shards(n->client, &in, NULL, &e), &e);
    wait_until_active(n);
}

static void see(struct numbered_seen *seen, const struct sluice_received *record)
{
    char text[TEXT_BYTES] = {0}, *end;
    assert_in_range(record->data.len, 3, sizeof(text) - 1);
    memcpy(text, record->data.at, record->data.len);
    unsigned long key = strtoul(text, &end, 10);
    unsigned long long number = strtoull(end, NULL, 10);
    assert_true(key < NUMBERED_KEYS);
    seen->records++;
    if (number == seen->next[key])
        seen->next[key]++;
    else if (number < seen->next[key])
        seen->repeats++;
    else
        seen->out_of_order++;
}

void numbered_see(struct numbered_seen *seen, const struct sluice_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        see(seen, &batch->records[i]);
}
