/* arena.c: memory that dies with its exchange or batch.
 *
 * A request makes hundreds of small pieces that all end together, so a piece costs one addition and
 * freeing costs one call a block. A large piece gets a block of its own, set behind the newest one,
 * so that what is left there is still used.
 *
 * I1. What is taken from the heap never exceeds the ceiling.
 * I2. Every piece is 16-byte aligned.
 *
 * Thread: its owner's. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

enum { ALIGNMENT = 16, BLOCK_FIRST = 4096, BLOCK_LARGEST = 1024 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* with this header */
    alignas(ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t ceiling)
{
    *a = (struct arena){.ceiling = ceiling};
}

static void free_blocks(struct arena *a, struct arena_block *from, const struct arena_block *until)
{
    while (from != until) {
        struct arena_block *next = from->next;
        a->used -= from->size;
        mem_free(from);
        from = next;
    }
}

void arena_fini(struct arena *a)
{
    free_blocks(a, a->block, NULL);
    arena_init(a, a->ceiling);
}

void arena_reset(struct arena *a)
{
    struct arena_block *first = a->block;
    while (first != NULL && first->next != NULL)
        first = first->next;
    /* A first block made for one large piece is not kept: idle arenas should be small. */
    if (first != NULL && first->size > BLOCK_FIRST)
        first = NULL;
    free_blocks(a, a->block, first);
    a->block = first;
    a->at = first == NULL ? NULL : first->bytes;
    a->end = first == NULL ? NULL : (uint8_t *)first + first->size;
}

void arena_recycle(struct arena *a)
{
    struct arena_block *largest = a->block;
    for (struct arena_block *block = a->block; block != NULL; block = block->next)
        largest = block->size > largest->size ? block : largest;
    if (largest == NULL)
        return;
    free_blocks(a, a->block, largest);
    free_blocks(a, largest->next, NULL);
    largest->next = NULL;
    a->block = largest;
    a->at = largest->bytes;
    a->end = (uint8_t *)largest + largest->size;
}

static struct arena_block *block_new(struct arena *a, size_t size)
{
    if (size > a->ceiling - a->used) /* I1 */
        return NULL;
    struct arena_block *block = mem_try(size);
    if (block == NULL)
        return NULL;
    block->size = size;
    a->used += size;
    return block;
}

/* A block for one piece alone. */
static void *take_alone(struct arena *a, size_t size)
{
    struct arena_block *block = block_new(a, sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    if (a->block == NULL) {
        block->next = NULL;
        a->block = block;
        a->at = a->end = block->bytes + size;
    } else {
        block->next = a->block->next;
        a->block->next = block;
    }
    return block->bytes;
}

/* Twice the newest, or whatever the ceiling still allows. */
static size_t next_block_size(const struct arena *a)
{
    size_t size = a->block == NULL ? BLOCK_FIRST : a->block->size * 2;
    size_t most = a->ceiling - a->used < BLOCK_LARGEST ? a->ceiling - a->used : BLOCK_LARGEST;
    return size < most ? size : most;
}

static void *take_from_new_block(struct arena *a, size_t size)
{
    size_t block_size = next_block_size(a);
    if (size + sizeof(struct arena_block) > block_size)
        return take_alone(a, size);
    struct arena_block *block = block_new(a, block_size);
    if (block == NULL)
        return NULL;
    block->next = a->block;
    a->block = block;
    a->at = block->bytes + size;
    a->end = (uint8_t *)block + block_size;
    return block->bytes;
}

void *arena_take(struct arena *a, size_t size)
{
    if (size > a->ceiling || size > SIZE_MAX / 2) /* so that no sum below wraps round */
        return NULL;
    size = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); /* I2 */
    if (a->at == NULL || size > (size_t)(a->end - a->at))
        return take_from_new_block(a, size);
    uint8_t *piece = a->at;
    a->at += size;
    return piece;
}

void *arena_zero(struct arena *a, size_t size)
{
    void *piece = arena_take(a, size);
    if (piece != NULL)
        memset(piece, 0, size);
    return piece;
}

struct bytes arena_copy(struct arena *a, struct bytes bytes)
{
    if (bytes.len >= a->ceiling)
        return BYTES_NONE;
    uint8_t *copy = arena_take(a, bytes.len + 1);
    if (copy == NULL)
        return BYTES_NONE;
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    return bytes_of(copy, bytes.len);
}

struct bytes arena_printf(struct arena *a, const char *format, ...)
{
    struct bytes printed = BYTES_NONE;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : arena_take(a, (size_t)length + 1);
    if (text != NULL) {
        vsnprintf(text, (size_t)length + 1, format, again);
        printed = bytes_of(text, (size_t)length);
    }
    va_end(again);
    va_end(args);
    return printed;
}
