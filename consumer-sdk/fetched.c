/* fetched.c: stored records into those that a program wrote.
 *
 * Data and keys stay where the answer has them; only sequence numbers are copied, since the handler is promised a C string. What looks
 * aggregated and is not, is somebody's own data, and passes as it is.
 *
 * K3. Records that are not after `rules->after` are left out: after a restart reading begins at the checkpoint's own record,
 *     which may be an aggregated one that was handled in part.
 *
 * K4. An aggregated record of the KPL's or our producer's, of which one key belongs to another shard, is left out whole, as the KCL does: a shard
 *     split under it, and its producer, which knows where it lies, puts all of it again. Handed out from here it would come twice, and the second
 *     time too late. What others aggregate may be cut to no shard's keys, and nobody else would hand it out: it passes.
 *
 * Thread: the batch's owner's. */
#include "consumer-sdk/fetched.h"

#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/progress.h"
#include "wire/aggregate.h"

/* Sequence numbers of 10,000 records, and what it takes to take 10 MiB of aggregated ones apart: at most half as many records as bytes. */
#define OPENED_ARENA_BYTES_MAX MIB(512)
enum { FIRST_ROOM = 64 };

struct fetched *fetched_new(const struct sluice_kinesis_record *stored, uint32_t count,
                            int64_t behind_ms, void *source, void (*free_source)(void *source))
{
    struct fetched *b = mem_try(sizeof(*b));
    if (!b)
        return NULL;
    *b = (struct fetched){
        .stored = stored,
        .stored_count = count,
        .behind_ms = behind_ms,
        .source = source,
        .free_source = free_source,
    };
    list_init(&b->node);
    arena_init(&b->arena, OPENED_ARENA_BYTES_MAX);
    return b;
}

void fetched_free(struct fetched *b)
{
    if (!b)
        return;
    if (b->free_source)
        b->free_source(b->source);
    arena_fini(&b->arena);
    mem_free(b->records);
    mem_free(b);
}

/* ---- copies ---- */

static size_t copied_bytes(const struct sluice_kinesis_record *r)
{
    return r->sequence_number.len + r->partition_key.len + r->data.len;
}

static struct sluice_bytes copy_to(uint8_t **at, struct sluice_bytes from)
{
    if (!from.at)
        return from;
    struct sluice_bytes copy = sluice_view(*at, from.len);
    if (from.len)
        memcpy(*at, from.at, from.len);
    *at += from.len;
    return copy;
}

struct fetched *fetched_copy(const struct sluice_kinesis_record *stored, uint32_t count,
                             int64_t behind_ms)
{
    size_t bytes = count * sizeof(*stored) + 1;
    for (uint32_t i = 0; i < count; i++)
        bytes += copied_bytes(&stored[i]);
    struct sluice_kinesis_record *copies = mem_try(bytes);
    if (!copies)
        return NULL;
    uint8_t *at = (uint8_t *)(copies + count);
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = (struct sluice_kinesis_record){
            .sequence_number = copy_to(&at, stored[i].sequence_number),
            .partition_key = copy_to(&at, stored[i].partition_key),
            .data = copy_to(&at, stored[i].data),
            .approximate_arrival_timestamp = stored[i].approximate_arrival_timestamp,
        };
    }
    struct fetched *b = fetched_new(copies, count, behind_ms, copies, mem_free);
    if (!b)
        mem_free(copies);
    return b;
}

/* ---- opening ---- */

/* What is known of the stored record that is being opened. */
struct opening {
    struct fetched *b;
    size_t room;
    const struct fetched_rules *rules;
    bool past;             /* this one, and so all behind it, are after rules->after */
    struct bytes sequence; /* as it is stored */
    uint64_t sub;
    struct sluice_received like; /* what all that come out of it have in common */
};

static struct sluice_bytes public_bytes(struct bytes b)
{
    return sluice_view(b.at, b.len);
}

static struct bytes inner_bytes(struct sluice_bytes b)
{
    return bytes_of(b.at, b.len);
}

/* K3. Records come in order: from the first new one on there is nothing to compare. */
static bool is_new(struct opening *o)
{
    struct sluice_checkpoint_at at;
    o->past =
        o->past || (place_set(&at, o->sequence, o->sub) && place_compare(&at, o->rules->after) > 0);
    return o->past;
}

static bool grow(struct opening *o)
{
    struct fetched *b = o->b;
    size_t room = o->room ? 2 * o->room : FIRST_ROOM;
    if (room < b->stored_count)
        room = b->stored_count;
    struct sluice_received *grown = mem_resize_try(b->records, room * sizeof(*grown));
    if (!grown)
        return false;
    b->records = grown;
    o->room = room;
    return true;
}

static bool add(struct opening *o, const struct aggregate_record *r)
{
    struct fetched *b = o->b;
    if (!is_new(o))
        return true;
    if (b->count == o->room && !grow(o))
        return false;
    if (!o->like.sequence_number) { /* once for all that come out of a stored record */
        struct bytes text = arena_copy(&b->arena, o->sequence);
        if (!bytes_present(text))
            return false;
        o->like.sequence_number = (const char *)text.at;
    }
    struct sluice_received *to = &b->records[b->count++];
    *to = o->like;
    to->data = public_bytes(r->data);
    to->partition_key = public_bytes(r->partition_key);
    to->explicit_hash_key = public_bytes(r->explicit_hash_key);
    to->sub_sequence_number = o->sub;
    return true;
}

/* As it was stored. One that was handled in part, taken apart then, is whole again now: it counts as its next part. */
static bool add_whole(struct opening *o, const struct sluice_kinesis_record *stored)
{
    const struct aggregate_record whole = {.data = inner_bytes(stored->data),
                                           .partition_key = inner_bytes(stored->partition_key)};
    const struct sluice_checkpoint_at *after = o->rules->after;
    if (!o->past && after->sub_sequence_number > 0 && aggregate_is(whole.data) &&
        bytes_equal(bytes_text(after->sequence_number), o->sequence))
        o->sub = after->sub_sequence_number + 1;
    return add(o, &whole);
}

/* K4. Records that share a key stand together, and keys in one table: a look at the address saves most digests. */
static bool is_astray(const struct opening *o, const struct sluice_kinesis_record *stored,
                      const struct aggregate_record *parts, uint32_t count)
{
    const struct key_range *keys = &o->rules->keys;
    const uint8_t *last = NULL;
    if ((keys->first == 0 && keys->last == U128_MAX) ||
        !bytes_equal(inner_bytes(stored->partition_key), BYTES_LITERAL(AGGREGATE_PARTITION_KEY)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].partition_key.at == last && !bytes_present(parts[i].explicit_hash_key))
            continue;
        u128 hash = aggregate_hash(&parts[i]);
        if (hash < keys->first || hash > keys->last)
            return true;
        last = bytes_present(parts[i].explicit_hash_key) ? NULL : parts[i].partition_key.at;
    }
    return false;
}

static bool add_parts(struct opening *o, const struct sluice_kinesis_record *stored)
{
    struct aggregate_record *parts;
    uint32_t count;
    enum status st =
        aggregate_read(inner_bytes(stored->data), UINT32_MAX, &o->b->arena, &parts, &count);
    if (st == NO_MEMORY || st == TOO_LARGE)
        return false;
    if (st != OK)
        return add_whole(o, stored);
    if (is_astray(o, stored, parts, count)) {
        o->b->strays++;
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        o->sub = i;
        if (!add(o, &parts[i]))
            return false;
    }
    return true;
}

static enum sluice_status open_one(struct opening *o, const struct sluice_kinesis_record *stored,
                                   struct sluice_error *error)
{
    o->sequence = inner_bytes(stored->sequence_number);
    o->sub = 0;
    o->like = (struct sluice_received){.arrived_ms = stored->approximate_arrival_timestamp.value};
    if (!place_is_number(o->sequence))
        return error_set(error, SLUICE_PROTOCOL, "a record's sequence number is none: %.*s",
                         (int)(o->sequence.len > 64 ? 64 : o->sequence.len),
                         (const char *)o->sequence.at);
    bool apart = !o->rules->keep_aggregated && aggregate_is(inner_bytes(stored->data));
    if (apart ? add_parts(o, stored) : add_whole(o, stored))
        return SLUICE_OK;
    return error_set(error, SLUICE_NO_MEMORY, "no memory for %u records", o->b->stored_count);
}

static void close_again(struct fetched *b)
{
    arena_fini(&b->arena);
    arena_init(&b->arena, OPENED_ARENA_BYTES_MAX);
    mem_free(b->records);
    b->records = NULL;
    b->count = b->strays = 0;
}

enum sluice_status fetched_open(struct fetched *b, const struct fetched_rules *rules,
                                struct sluice_error *error)
{
    struct opening o = {.b = b, .rules = rules};
    enum sluice_status st = SLUICE_OK;
    for (uint32_t i = 0; i < b->stored_count && st == SLUICE_OK; i++)
        st = open_one(&o, &b->stored[i], error);
    if (st != SLUICE_OK)
        close_again(b);
    return st;
}
