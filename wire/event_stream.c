/* event_stream.c: frames around payloads that somebody else writes.
 *
 * Idea: a frame begins with its own length, which nobody knows until the payload is encoded. So the
 * head is left blank, the payload goes straight into the same buffer, and the blanks are filled in
 * at the end: no payload is copied for its frame's sake. The message's checksum goes on from the
 * prelude's, as it covers that too.
 *
 * I1. A parsed frame lies wholly within its input; its checksums hold and all its headers are of
 * known types, so whoever walks them needs no checks of his own.
 * I2. A frame longer than the bounds is refused before its bytes are waited for.
 *
 * Leaves to others: what events mean, and when they are sent. Thread: any. */
#include "wire/event_stream.h"

#include "base/limits.h"
#include "base/must.h"

#include <zlib.h>

enum { PRELUDE_BYTES = 12, CRC_BYTES = 4, FRAME_BYTES_MIN = PRELUDE_BYTES + CRC_BYTES };

/* ---- numbers ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t crc(uint32_t before, const uint8_t *at, size_t len)
{
    return (uint32_t)crc32_z(before, at, len);
}

/* ---- writing ---- */

static void append_string(struct buf *out, const struct event_stream_string *header)
{
    must(header->name.len > 0 && header->name.len <= UINT8_MAX);
    must(header->value.len <= EVENT_STREAM_STRING_MAX);
    buf_append_byte(out, (uint8_t)header->name.len);
    buf_append(out, header->name);
    buf_append_byte(out, EVENT_STREAM_STRING);
    buf_append_byte(out, (uint8_t)(header->value.len >> 8));
    buf_append_byte(out, (uint8_t)header->value.len);
    buf_append(out, header->value);
}

void event_stream_begin(struct buf *out, struct event_stream_frame *frame,
                        const struct event_stream_string *headers, size_t count)
{
    static const uint8_t blank[PRELUDE_BYTES];
    frame->begin = out->len;
    buf_append(out, bytes_of(blank, sizeof(blank)));
    for (size_t i = 0; i < count; i++)
        append_string(out, &headers[i]);
    frame->payload = out->len;
}

static void begin_message(struct buf *out, struct event_stream_frame *frame,
                          struct bytes message_type, struct event_stream_string kind,
                          const char *content_type)
{
    const struct event_stream_string headers[] = {
        kind,
        {BYTES_LITERAL(":content-type"), bytes_text(content_type)},
        {BYTES_LITERAL(":message-type"), message_type},
    };
    event_stream_begin(out, frame, headers, sizeof(headers) / sizeof(*headers));
}

void event_stream_begin_event(struct buf *out, struct event_stream_frame *frame,
                              const char *event_type, const char *content_type)
{
    begin_message(
        out, frame, BYTES_LITERAL("event"),
        (struct event_stream_string){BYTES_LITERAL(":event-type"), bytes_text(event_type)},
        content_type);
}

void event_stream_begin_exception(struct buf *out, struct event_stream_frame *frame,
                                  const char *exception_type, const char *content_type)
{
    begin_message(
        out, frame, BYTES_LITERAL("exception"),
        (struct event_stream_string){BYTES_LITERAL(":exception-type"), bytes_text(exception_type)},
        content_type);
}

void event_stream_end(struct buf *out, const struct event_stream_frame *frame)
{
    uint8_t *trailer = buf_reserve(out, CRC_BYTES);
    if (trailer == NULL)
        return;
    size_t total = out->len - frame->begin + CRC_BYTES;
    if (total > EVENT_STREAM_FRAME_BYTES_MAX) {
        out->status = TOO_LARGE;
        return;
    }
    uint8_t *head = out->at + frame->begin;
    put_u32(head, (uint32_t)total);
    put_u32(head + 4, (uint32_t)(frame->payload - frame->begin - PRELUDE_BYTES));
    uint32_t sum = crc(0, head, 8);
    put_u32(head + 8, sum);
    put_u32(trailer, crc(sum, head + 8, total - 8 - CRC_BYTES));
    buf_add(out, CRC_BYTES);
}

/* ---- reading ---- */

/* The bytes that a value of that type takes, its length before it included; SIZE_MAX when there is
 * no such type, or the length is not whole. *prefix: how many of them are the length. */
static size_t value_size(uint8_t type, struct bytes rest, size_t *prefix)
{
    static const uint8_t fixed[] = {
        [EVENT_STREAM_BYTE] = 1, [EVENT_STREAM_SHORT] = 2,     [EVENT_STREAM_INTEGER] = 4,
        [EVENT_STREAM_LONG] = 8, [EVENT_STREAM_TIMESTAMP] = 8, [EVENT_STREAM_UUID] = 16,
    };
    *prefix = 0;
    if (type > EVENT_STREAM_UUID)
        return SIZE_MAX;
    if (type != EVENT_STREAM_BYTES && type != EVENT_STREAM_STRING)
        return fixed[type];
    if (rest.len < 2)
        return SIZE_MAX;
    *prefix = 2;
    return 2 + ((size_t)rest.at[0] << 8 | rest.at[1]);
}

bool event_stream_header_next(struct bytes *rest, struct event_stream_header *out)
{
    if (rest->len == 0)
        return false;
    size_t name = rest->at[0], prefix;
    if (name == 0 || rest->len < 1 + name + 1)
        return false;
    uint8_t type = rest->at[1 + name];
    struct bytes value = bytes_of(rest->at + name + 2, rest->len - name - 2);
    size_t size = value_size(type, value, &prefix);
    if (size > value.len || size - prefix > EVENT_STREAM_STRING_MAX)
        return false;
    *out = (struct event_stream_header){.name = bytes_of(rest->at + 1, name),
                                        .type = (enum event_stream_type)type,
                                        .value = bytes_of(value.at + prefix, size - prefix)};
    *rest = bytes_of(value.at + size, value.len - size);
    return true;
}

struct bytes event_stream_string(const struct event_stream_message *message, const char *name)
{
    struct bytes rest = message->headers, wanted = bytes_text(name);
    struct event_stream_header header;
    while (event_stream_header_next(&rest, &header)) {
        if (header.type == EVENT_STREAM_STRING && bytes_equal(header.name, wanted))
            return header.value;
    }
    return BYTES_NONE;
}

/* Lengths that fit each other and the bounds: all that can be told before the rest is there. */
static enum status check_prelude(const uint8_t *at, struct fault *f)
{
    uint32_t total = get_u32(at), headers = get_u32(at + 4);
    if (crc(0, at, 8) != get_u32(at + 8))
        return fault_set(f, CORRUPT, "the checksum of an event's prelude is wrong");
    if (total > EVENT_STREAM_FRAME_BYTES_MAX || headers > EVENT_STREAM_HEADER_BYTES_MAX)
        return fault_set(f, TOO_LARGE, "an event of %u bytes, %u of them headers", total, headers);
    if (total < FRAME_BYTES_MIN || headers > total - FRAME_BYTES_MIN)
        return fault_set(f, MALFORMED, "an event of %u bytes, %u of them headers", total, headers);
    return OK;
}

enum status event_stream_parse(struct bytes in, struct event_stream_message *out, size_t *taken,
                               struct fault *f)
{
    if (in.len < PRELUDE_BYTES)
        return END;
    enum status st = check_prelude(in.at, f); /* I2 */
    if (st != OK)
        return st;
    size_t total = get_u32(in.at), headers = get_u32(in.at + 4);
    if (in.len < total)
        return END;
    if (crc(0, in.at, total - CRC_BYTES) != get_u32(in.at + total - CRC_BYTES))
        return fault_set(f, CORRUPT, "the checksum of an event is wrong");
    out->headers = bytes_of(in.at + PRELUDE_BYTES, headers);
    out->payload = bytes_of(out->headers.at + headers, total - FRAME_BYTES_MIN - headers);
    struct bytes rest = out->headers;
    struct event_stream_header header;
    while (event_stream_header_next(&rest, &header))
        continue;
    if (rest.len != 0) /* I1 */
        return fault_set(f, MALFORMED, "a header of an event is broken");
    *taken = total;
    return OK;
}
