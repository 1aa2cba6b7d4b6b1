/* buf.c: a buffer that grows by doubling up to the ceiling it was born with.
 *
 * Writers of answers append dozens of pieces; checking each would bury the shape of the answer. So
 * the first failure latches and the writer looks at `status` once, at the end.
 *
 * I1. len <= room <= ceiling, and after a failure nothing is added any more: what is there is a
 * prefix of what was meant.
 *
 * Left to others: what TOO_LARGE means to a client.
 * Thread: its owner's. */
#include "base/buf.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { ROOM_FIRST = 256, PRINTF_BYTES_USUAL = 512 };

void buf_init(struct buf *b, size_t ceiling)
{
    *b = (struct buf){.ceiling = ceiling, .status = OK};
}

void buf_fini(struct buf *b)
{
    mem_free(b->at);
    buf_init(b, b->ceiling);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->status = OK;
}

static bool buf_grow(struct buf *b, size_t need)
{
    size_t room = b->room < ROOM_FIRST ? ROOM_FIRST : b->room;
    while (room < need && room <= SIZE_MAX / 2)
        room *= 2;
    if (room > b->ceiling || room < need)
        room = b->ceiling;
    uint8_t *at = mem_resize_try(b->at, room);
    if (at == NULL) {
        b->status = NO_MEMORY;
        return false;
    }
    b->at = at;
    b->room = room;
    return true;
}

uint8_t *buf_reserve(struct buf *b, size_t more)
{
    if (b->status != OK)
        return NULL;
    if (more > b->ceiling - b->len) {
        b->status = TOO_LARGE;
        return NULL;
    }
    /* An empty buf is given memory even for nothing, so that NULL always means failure. */
    if ((b->at == NULL || more > b->room - b->len) && !buf_grow(b, b->len + more))
        return NULL;
    return b->at + b->len;
}

void buf_add(struct buf *b, size_t written)
{
    b->len += written;
}

void buf_append(struct buf *b, struct bytes bytes)
{
    uint8_t *to = buf_reserve(b, bytes.len);
    if (to == NULL || bytes.len == 0)
        return;
    memcpy(to, bytes.at, bytes.len);
    b->len += bytes.len;
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, bytes_text(text));
}

void buf_append_byte(struct buf *b, uint8_t byte)
{
    uint8_t *to = buf_reserve(b, 1);
    if (to == NULL)
        return;
    *to = byte;
    b->len++;
}

void buf_append_u64(struct buf *b, uint64_t decimal)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + decimal % 10);
        decimal /= 10;
    } while (decimal != 0);
    buf_append(b, bytes_of(digits + at, sizeof(digits) - at));
}

/* The slow way, for texts longer than usual: `length` is what vsnprintf asked for. */
__attribute__((format(printf, 3, 0))) static void buf_vprintf_long(struct buf *b, size_t length,
                                                                   const char *format, va_list args)
{
    if (length > b->ceiling - b->len) {
        b->status = TOO_LARGE;
        return;
    }
    char *text = mem_try(length + 1);
    if (text == NULL) {
        b->status = NO_MEMORY;
        return;
    }
    vsnprintf(text, length + 1, format, args);
    buf_append(b, bytes_of(text, length));
    mem_free(text);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    char text[PRINTF_BYTES_USUAL];
    if (b->status != OK)
        return;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(text, sizeof(text), format, args);
    if (length < 0)
        b->status = INTERNAL;
    else if ((size_t)length < sizeof(text))
        buf_append(b, bytes_of(text, (size_t)length));
    else
        buf_vprintf_long(b, (size_t)length, format, again);
    va_end(again);
    va_end(args);
}

uint8_t *buf_take(struct buf *b, size_t *len)
{
    uint8_t *at = b->at;
    *len = b->len;
    buf_init(b, b->ceiling);
    return at;
}
