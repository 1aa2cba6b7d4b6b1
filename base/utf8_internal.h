/* utf8_internal.h: where a UTF-8 character ends; for traces and settings. The data plane has its
 * own, faster check. */
#ifndef SLUICE_BASE_UTF8_INTERNAL_H
#define SLUICE_BASE_UTF8_INTERNAL_H

#include "base/bytes.h"

/* The bytes of the character that text (not empty) begins with, 1 to 4; 0 if it does not begin with
 * one. */
size_t utf8_length(struct bytes text);
bool utf8_valid(struct bytes text);

#endif
