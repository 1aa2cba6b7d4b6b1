/* intake.c: where puts come in.
 *
 * A block takes what the producer packs by default, 50 KiB and an entry a record, where records have some 300 bytes or more; with smaller ones packed
 * memory is allocated each time. A record that does not fit into a fresh block has a chunk of its own size.
 *
 * Thread: any. */
#include "consumer-sdk/intake.h"

#include "base/mem.h"

#include <stdalign.h>

enum { BLOCK_BYTES = 54 * 1024, BLOCK_USED_MIN = BLOCK_BYTES / 4 * 3, SPARES_MAX = 64 };
#define ALIGNMENT (alignof(struct parcel))

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static size_t chunk_head(void)
{
    return aligned(sizeof(struct chunk));
}

size_t parcel_room(const struct parcel *record)
{
    return aligned(sizeof(*record) + record->partition_key.len + record->explicit_hash_key.len +
                   record->data.len);
}

/* ---- memory ---- */

static void *take_spare(struct intake *in)
{
    struct intake_spare *spare = in->spares;
    mem_show(spare, BLOCK_BYTES);
    in->spares = spare->next;
    in->spare_count--;
    return spare;
}

static void drop_spare(struct intake *in)
{
    mem_free(take_spare(in));
}

/* P2 */
static void drop_what_does_not_fit(struct intake *in)
{
    while (in->spare_count && in->held + in->spare_count * (size_t)BLOCK_BYTES > in->most)
        drop_spare(in);
}

/* Under mu: there is room for it. */
static void *take_memory(struct intake *in, size_t size)
{
    in->held += size;
    if (size == BLOCK_BYTES && in->spare_count)
        return take_spare(in);
    drop_what_does_not_fit(in);
    void *memory = mem_try(size);
    in->held -= memory ? 0 : size;
    return memory;
}

void *intake_take_memory(struct intake *in, size_t *bytes)
{
    void *memory = NULL;
    lock_take(&in->mu);
    intake_settle(in);
    if (*bytes > BLOCK_USED_MIN && *bytes < BLOCK_BYTES && in->held + BLOCK_BYTES <= in->most)
        *bytes = BLOCK_BYTES;
    if (*bytes <= in->most && in->held <= in->most - *bytes)
        memory = take_memory(in, *bytes);
    lock_drop(&in->mu);
    return memory;
}

void intake_return(struct intake *in, void *memory, size_t bytes)
{
    in->returned += bytes;
    if (bytes != BLOCK_BYTES || in->returned_count == SPARES_MAX) {
        mem_free(memory);
        return;
    }
    struct intake_spare *spare = memory;
    spare->next = in->returned_spares;
    if (!spare->next)
        in->first_returned = spare;
    in->returned_spares = spare;
    in->returned_count++;
    mem_hide(spare + 1, BLOCK_BYTES - sizeof(*spare));
}

void intake_settle(struct intake *in)
{
    in->roomier |= in->returned > 0;
    in->held -= in->returned;
    in->returned = 0;
    while (in->spare_count && in->spare_count + in->returned_count > SPARES_MAX)
        drop_spare(in); /* those that came earlier */
    if (in->returned_spares) {
        in->first_returned->next = in->spares;
        in->spares = in->returned_spares;
        in->returned_spares = NULL;
    }
    in->spare_count += in->returned_count;
    in->returned_count = 0;
    drop_what_does_not_fit(in);
}

/* ---- birth, end ---- */

void intake_init(struct intake *in, size_t most, size_t reserve)
{
    *in = (struct intake){.most = most, .reserve = reserve};
    lock_init(&in->mu, LOCK_SDK_INTAKE);
}

void intake_fini(struct intake *in)
{
    while (in->oldest) {
        struct chunk *c = in->oldest;
        in->oldest = c->next;
        mem_free(c);
    }
    intake_settle(in);
    while (in->spare_count)
        drop_spare(in);
    lock_fini(&in->mu);
}

/* ---- records ---- */

static struct chunk *chunk_in(void *memory, size_t size)
{
    struct chunk *c = memory;
    if (!c)
        return NULL;
    *c = (struct chunk){.size = size, .used = chunk_head()};
    list_init(&c->parcels);
    return c;
}

static struct bytes copy(uint8_t **at, struct bytes from)
{
    if (!bytes_present(from))
        return BYTES_NONE;
    struct bytes to = bytes_of(*at, from.len);
    if (from.len)
        memcpy(*at, from.at, from.len);
    *at += from.len;
    return to;
}

struct parcel *chunk_add(struct chunk *c, const struct parcel *record)
{
    struct parcel *p = (struct parcel *)(void *)((uint8_t *)c + c->used);
    uint8_t *at = (uint8_t *)(p + 1);
    c->used += parcel_room(record);
    *p = *record;
    p->partition_key = copy(&at, record->partition_key);
    p->explicit_hash_key = copy(&at, record->explicit_hash_key);
    p->data = copy(&at, record->data);
    p->count = 1;
    p->chunk = c;
    c->refs++;
    list_init(&p->numbered_node);
    list_append(&c->parcels, &p->node);
    return p;
}

static enum status open_chunk(struct intake *in, size_t room)
{
    size_t puts_max = in->most - in->reserve;
    size_t size = chunk_head() + room;
    if (size < BLOCK_BYTES && in->held + BLOCK_BYTES <= puts_max)
        size = BLOCK_BYTES;
    if (size > puts_max)
        return TOO_LARGE;
    if (in->held + size > puts_max) /* P2 */
        return THROTTLED;
    struct chunk *c = chunk_in(take_memory(in, size), size);
    if (!c)
        return NO_MEMORY;
    if (in->newest)
        in->newest->next = c;
    else
        in->oldest = c;
    in->newest = c;
    return OK;
}

enum status intake_put(struct intake *in, const struct parcel *record)
{
    size_t room = parcel_room(record);
    if (!in->newest || in->newest->size - in->newest->used < room) {
        enum status st = open_chunk(in, room);
        if (st != OK)
            return st;
    }
    struct parcel *p = chunk_add(in->newest, record);
    p->order = ++in->order;
    if (!in->waiting)
        in->first_us = p->put_us;
    in->waiting += room;
    return OK;
}

struct chunk *intake_detach(struct intake *in)
{
    struct chunk *all = in->oldest;
    in->oldest = in->newest = NULL;
    in->waiting = 0;
    return all;
}

void intake_take(struct chunk *detached, struct list *out)
{
    for (struct chunk *c = detached; c;) {
        struct chunk *next = c->next; /* c lives on in its parcels */
        list_splice(out, &c->parcels);
        c = next;
    }
}

struct chunk *intake_chunk(struct intake *in, size_t bytes)
{
    size_t size = chunk_head() + bytes;
    void *memory = intake_take_memory(in, &size);
    return chunk_in(memory, size);
}
