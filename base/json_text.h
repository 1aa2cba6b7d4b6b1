/* json_text.h: a tree of jansson's as text.
 *
 * In place of json_dumps, which passes over a member's name that had no memory and calls the rest whole (up to jansson 2.14:
 * akheron/jansson#655). A buf latches, so what lacks a piece is never taken for done. */
#ifndef SLUICE_BASE_JSON_TEXT_H
#define SLUICE_BASE_JSON_TEXT_H

#include "base/buf.h"

struct json_t;

/* Appends it. `flags` are jansson's. Not OK: NO_MEMORY, TOO_LARGE for the buf, or what it had latched before; what it holds
 * is no JSON then. NULL, a tree that had no memory, is NO_MEMORY. */
enum status json_text_append(const struct json_t *value, size_t flags, struct buf *out) MUST_USE;

#endif
