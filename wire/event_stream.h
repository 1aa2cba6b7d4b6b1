/* event_stream.h: the frames of application/vnd.amazon.eventstream, in which SubscribeToShard answers.
 *
 *     total length u32 | headers length u32 | CRC-32 of these 8 | headers | payload | CRC-32 of all before
 *     a header: name length u8 | name | type u8 | value; a string (type 7): length u16 | bytes.  All big-endian.
 *
 * Writing takes two steps around a payload that the caller appends himself, so that it is encoded
 * where it is sent from:
 *     event_stream_begin_event(out, &frame, "SubscribeToShardEvent", "application/json");
 *     json_encode(shape, event, out);
 *     event_stream_end(out, &frame);
 * Thread: any. */
#ifndef SLUICE_WIRE_EVENT_STREAM_H
#define SLUICE_WIRE_EVENT_STREAM_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

/* ---- writing ---- */

/* A header whose value is a string. Name: 1 to 255 bytes; value: at most EVENT_STREAM_STRING_MAX. */
struct event_stream_string {
    struct bytes name, value;
};
enum { EVENT_STREAM_STRING_MAX = 32767 };

/* Where a frame that is being written stands in its buffer. */
struct event_stream_frame {
    size_t begin, payload;
};

/* Appends all that comes before the payload. Until event_stream_end the buffer may only grow.
 * Failures latch in out->status. */
void event_stream_begin(struct buf *out, struct event_stream_frame *frame,
                        const struct event_stream_string *headers, size_t count);
/* The two kinds of message that a service sends: `:message-type` event with its `:event-type`, and
 * `:message-type` exception with its `:exception-type`; with the payload's `:content-type`. */
void event_stream_begin_event(struct buf *out, struct event_stream_frame *frame,
                              const char *event_type, const char *content_type);
void event_stream_begin_exception(struct buf *out, struct event_stream_frame *frame,
                                  const char *exception_type, const char *content_type);
/* The payload is complete: fills in lengths and checksums. A frame over
 * EVENT_STREAM_FRAME_BYTES_MAX latches TOO_LARGE. */
void event_stream_end(struct buf *out, const struct event_stream_frame *frame);

/* ---- reading ---- */

enum event_stream_type {
    EVENT_STREAM_TRUE,
    EVENT_STREAM_FALSE,
    EVENT_STREAM_BYTE,
    EVENT_STREAM_SHORT,
    EVENT_STREAM_INTEGER,
    EVENT_STREAM_LONG,
    EVENT_STREAM_BYTES,
    EVENT_STREAM_STRING,
    EVENT_STREAM_TIMESTAMP, /* milliseconds since the epoch */
    EVENT_STREAM_UUID
};

struct event_stream_header {
    struct bytes name;
    enum event_stream_type type;
    struct bytes value; /* as it lies in the frame: numbers big-endian; without a string's length */
};

/* Views of the bytes it was read from. */
struct event_stream_message {
    struct bytes headers; /* checked; for event_stream_header_next */
    struct bytes payload;
};

/* The frame that `in` begins with; *taken is its length. END: a good beginning, and more must come.
 * MALFORMED: lengths or headers that no frame has. TOO_LARGE: over the bounds of limits.h, told from
 * the first 12 bytes. CORRUPT: a checksum is wrong. After any of these three the rest of the stream
 * means nothing. */
enum status event_stream_parse(struct bytes in, struct event_stream_message *out, size_t *taken,
                               struct fault *f) MUST_USE;
/* The next header of `*rest` (begin with a copy of message->headers), or false at the end. */
bool event_stream_header_next(struct bytes *rest, struct event_stream_header *out);
/* The value of a header that is a string, or an absent view. */
struct bytes event_stream_string(const struct event_stream_message *message, const char *name);

#endif
