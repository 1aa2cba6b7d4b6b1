/* put_stamp.c: see put_stamp.h. The header comes from the network: nothing of it is believed. */
#include "api/put_stamp.h"

#include "base/digest.h"
#include "shards/stamp.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- the header ---- */

static enum status malformed(uint32_t count, struct fault *f)
{
    return fault_set(f, INVALID_ARGUMENT,
                     "The header " PRODUCER_HEADER " must be of the form producer;epoch;numbers: "
                     "32 hex digits; a decimal number; the number of the first record, or ranges "
                     "first+count, separated by commas, that cover the %" PRIu32
                     " records of the request.",
                     count);
}

/* What stands before the separator; *rest is what stands behind it. false: there is none. */
static bool cut(struct bytes *rest, char separator, struct bytes *before)
{
    const uint8_t *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    if (!at)
        return false;
    *before = bytes_of(rest->at, (size_t)(at - rest->at));
    *rest = bytes_of(at + 1, rest->len - before->len - 1);
    return true;
}

/* One range. The last number there can be is no record's: what is behind it must be a number, too. */
static bool fill(struct put_stamper *s, uint64_t first, uint64_t count, uint32_t *filled)
{
    if (count == 0 || count > s->count - *filled || first > UINT64_MAX - count)
        return false;
    for (uint64_t i = 0; i < count; i++)
        s->numbers[(*filled)++] = first + i;
    return true;
}

static bool read_numbers(struct put_stamper *s, struct bytes text)
{
    uint32_t filled = 0;
    uint64_t first, count;
    if (bytes_to_u64(text, &first))
        return fill(s, first, s->count, &filled);
    for (bool more = true; more;) {
        struct bytes range, number;
        more = cut(&text, ',', &range);
        if (!more)
            range = text;
        if (!cut(&range, '+', &number) || !bytes_to_u64(number, &first) ||
            !bytes_to_u64(range, &count) || !fill(s, first, count, &filled))
            return false;
    }
    return filled == s->count;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Each number once: quickly seen when they ascend, as they do but in a retry of several requests. */
static enum status check_once(const struct put_stamper *s, struct arena *arena, struct fault *f)
{
    uint32_t ascending = 1;
    while (ascending < s->count && s->numbers[ascending] > s->numbers[ascending - 1])
        ascending++;
    if (ascending == s->count)
        return OK;
    uint64_t *sorted = arena_take(arena, s->count * sizeof(*sorted));
    if (!sorted)
        return fault_set(f, NO_MEMORY, "no memory for the put");
    memcpy(sorted, s->numbers, s->count * sizeof(*sorted));
    qsort(sorted, s->count, sizeof(*sorted), by_size);
    for (uint32_t i = 1; i < s->count; i++)
        if (sorted[i] == sorted[i - 1])
            return fault_set(f, INVALID_ARGUMENT,
                             "The header " PRODUCER_HEADER " gives number %" PRIu64
                             " to two records.",
                             sorted[i]);
    return OK;
}

enum status put_stamper_read(struct bytes header, uint32_t count, struct arena *arena,
                             struct put_stamper **out, struct fault *f)
{
    struct bytes producer, epoch;
    *out = NULL;
    if (!bytes_present(header))
        return OK;
    struct put_stamper *s = arena_zero(arena, sizeof(*s));
    uint64_t *numbers = s ? arena_take(arena, count * sizeof(*numbers)) : NULL;
    if (!numbers)
        return fault_set(f, NO_MEMORY, "no memory for the put");
    s->count = count;
    s->numbers = numbers;
    if (!cut(&header, ';', &producer) || !cut(&header, ';', &epoch) ||
        !hex_parse(producer, s->producer, PRODUCER_ID_BYTES) || !bytes_to_u64(epoch, &s->epoch) ||
        !read_numbers(s, header))
        return malformed(count, f);
    *out = s;
    return check_once(s, arena, f);
}

/* ---- stamps ---- */

struct stamp_room {
    struct log_stamp stamp;
    uint64_t numbers[];
};

enum status put_stamp_begin(const struct put_stamper *s, struct put_batch *batch,
                            struct arena *arena, struct fault *f)
{
    struct stamp_room *room =
        arena_zero(arena, sizeof(*room) + batch->count * sizeof(room->numbers[0]));
    struct log_number *answers = arena_take(arena, batch->count * sizeof(*answers));
    if (!room || !answers)
        return fault_set(f, NO_MEMORY, "no memory for the put");
    memcpy(room->stamp.producer, s->producer, PRODUCER_ID_BYTES);
    room->stamp.epoch = s->epoch;
    room->stamp.numbers = room->numbers;
    room->stamp.count = batch->count;
    room->stamp.answers = answers;
    batch->stamp = &room->stamp;
    return OK;
}

void put_stamp_number(struct put_batch *batch, uint32_t place, uint64_t number)
{
    LIST_OWNER(batch->stamp, struct stamp_room, stamp)->numbers[place] = number;
}

void put_stamp_end(struct put_batch *batch)
{
    stamp_measure(batch->stamp);
}

enum status put_stamp_fault(const struct put_batch *batch, uint32_t place,
                            const struct stream_settings *settings, struct fault *f)
{
    const struct log_stamp *s = batch->stamp;
    char id[SHARD_ID_BYTES], producer[2 * PRODUCER_ID_BYTES + 1];
    shard_id_print(batch->shard->index, id);
    hex_print(bytes_of(s->producer, PRODUCER_ID_BYTES), producer);
    if (batch->append.status == FENCED)
        return fault_set(f, INVALID_ARGUMENT,
                         "Producer %s is fenced: shard %s in stream %s under account %s has seen "
                         "its epoch %" PRIu64 ", which ended epoch %" PRIu64 ".",
                         producer, id, settings->name, settings->scope.account, s->newest_epoch,
                         s->epoch);
    return fault_set(f, INVALID_ARGUMENT,
                     "Number %" PRIu64 " of producer %s is too old: shard %s in stream %s under "
                     "account %s no longer knows whether it was stored.",
                     s->numbers[place], producer, id, settings->name, settings->scope.account);
}
