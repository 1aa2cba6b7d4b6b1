/* utf8.h: strict UTF-8 (RFC 3629). Thread: any. */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include "base/buf.h"
#include "base/bytes.h"

/* The bytes of the character that text (not empty) begins with, 1 to 4; 0 if it does not begin with
 * one. */
size_t utf8_length(struct bytes text);
/* Eight bytes a step where the text is ASCII. */
bool utf8_valid(struct bytes text);
/* Appends the text with each byte that is not UTF-8 replaced by U+FFFD. */
void utf8_append(struct buf *out, struct bytes text);

#endif
