/* cbor_internal.h: CBOR's grammar, for cbor_decode.c and cbor_encode.c alone. Nothing here
 * allocates or knows shapes. Thread: any. */
#ifndef SLUICE_WIRE_CBOR_INTERNAL_H
#define SLUICE_WIRE_CBOR_INTERNAL_H

#include "base/bytes.h"

/* The high three bits of an item's first byte. */
enum cbor_major {
    CBOR_UNSIGNED,
    CBOR_NEGATIVE, /* -1 - number */
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_LIST,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_OTHER
};
/* First bytes that stand for a value of their own. */
enum {
    CBOR_BYTE_BEGIN_LIST = 0x9f,
    CBOR_BYTE_BEGIN_MAP = 0xbf,
    CBOR_BYTE_TAG_TIME = 0xc1,
    CBOR_BYTE_FALSE = 0xf4,
    CBOR_BYTE_TRUE = 0xf5,
    CBOR_BYTE_NULL = 0xf6,
    CBOR_BYTE_DOUBLE = 0xfb,
    CBOR_BYTE_BREAK = 0xff
};

/* Where a reader stands. Every function that returns false has found that the bytes are no CBOR (or
 * nothing that we read: see cbor_read_item); the position is then of no use. */
struct cbor_reader {
    const uint8_t *at, *end;
    unsigned depth; /* lists and maps open */
};

enum cbor_kind {
    CBOR_KIND_UNSIGNED,
    CBOR_KIND_NEGATIVE,
    CBOR_KIND_BYTES,
    CBOR_KIND_TEXT,
    CBOR_KIND_LIST,
    CBOR_KIND_MAP,
    CBOR_KIND_DOUBLE,
    CBOR_KIND_BOOLEAN,
    CBOR_KIND_NULL
};

/* An item's head. Of strings, lists and maps the content follows. */
struct cbor_item {
    enum cbor_kind kind;
    bool
        indefinite; /* of strings, lists and maps: it ends by a break, and `number` means nothing */
    uint64_t number; /* the value, the length, or the count (of pairs); of a boolean 0 or 1 */
    double real;
};

/* The next item's head; tags before it are passed over. False also for simple values that RFC 8949
 * gives no meaning, and for a break that ends nothing. */
bool cbor_read_item(struct cbor_reader *r, struct cbor_item *out);
/* The content of a string whose head was read. Text is UTF-8, each piece by itself. What comes in
 * pieces is moved together at the first one's place when `join`, which writes to the body; else the
 * view is not to be used. */
bool cbor_read_string(struct cbor_reader *r, const struct cbor_item *head, bool join,
                      struct bytes *out);
/* The content of an item whose head was read. */
bool cbor_skip_content(struct cbor_reader *r, const struct cbor_item *head);
/* Any item. */
bool cbor_skip(struct cbor_reader *r);

/* Walks a list or map whose head was read:
 *     cbor_open(r, &head, &w);  while (cbor_more(r, &w)) { an item; in a map cbor_read_name and an
 * item }  if (w.broken) ... */
struct cbor_walk {
    uint64_t left;
    bool indefinite, broken;
};
void cbor_open(struct cbor_reader *r, const struct cbor_item *head, struct cbor_walk *w);
bool cbor_more(struct cbor_reader *r, struct cbor_walk *w);
/* A member's name: only text is one. */
bool cbor_read_name(struct cbor_reader *r, bool join, struct bytes *name);

#endif
