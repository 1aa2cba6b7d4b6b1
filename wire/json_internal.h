/* json_internal.h: JSON's grammar, for json_decode.c and json_encode.c alone: tokens, and values
 * that nobody wants. Nothing here writes to the text, allocates, or knows shapes. Thread: any. */
#ifndef SLUICE_WIRE_JSON_INTERNAL_H
#define SLUICE_WIRE_JSON_INTERNAL_H

#include "base/bytes.h"

/* Where a reader stands. Every function that returns false has found that the text is no JSON (or
 * is nested too deeply); the position is then of no use. */
struct json_text {
    const uint8_t *at, *end;
    unsigned depth; /* arrays and objects open */
};

/* What lies between the quotes: valid UTF-8 with valid escapes. */
struct json_string {
    struct bytes raw;
    bool escaped;
};

/* digits * 10^exponent. More than 19 significant digits are cut: `digits` then has 19, and is
 * rounded down. */
struct json_number {
    uint64_t digits;
    int32_t exponent; /* between -JSON_EXPONENT_MAX and JSON_EXPONENT_MAX */
    bool negative;
};
enum { JSON_EXPONENT_MAX = 100000000 };

/* The next byte that is not a space, or 0 at the end (which no token begins with). Does not consume
 * it. */
uint8_t json_peek(struct json_text *t);
/* true, false or null: the whole word must stand here. */
bool json_read_word(struct json_text *t, struct bytes word);
/* At the opening quote. */
bool json_read_string(struct json_text *t, struct json_string *out);
bool json_read_number(struct json_text *t, struct json_number *out);
/* Any value. */
bool json_skip(struct json_text *t);

/* Walks an array or object, at its opening bracket or brace:
 *     json_open(t, &w);  while (json_more(t, &w)) { a value, or json_read_name and a value }  if
 * (w.broken) ... */
struct json_walk {
    uint8_t close;
    bool first, broken;
};
void json_open(struct json_text *t, struct json_walk *w);
bool json_more(struct json_text *t, struct json_walk *w);
/* A member's name and the colon. */
bool json_read_name(struct json_text *t, struct json_string *name);

/* The string's text, at most raw.len bytes; `out` may be where raw lies. Returns its length. */
size_t json_unescape(struct bytes raw, uint8_t *out);

/* The first quote, backslash or control byte, or the end; *beyond_ascii is set (never cleared) if a
 * byte before it, or close behind it, is not ASCII. */
const uint8_t *json_scan(const uint8_t *at, const uint8_t *end, bool *beyond_ascii);
#endif
