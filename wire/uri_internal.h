/* uri_internal.h: escaping into memory of known size, for sigv4's hot path. Wire's own. */
#ifndef SLUICE_WIRE_URI_INTERNAL_H
#define SLUICE_WIRE_URI_INTERNAL_H

#include "base/bytes.h"

/* How many bytes uri_escape_into writes. */
size_t uri_escaped_len(struct bytes text, bool keep_slash);
/* Escapes as uri_escape does; returns the end of what was written. */
uint8_t *uri_escape_into(uint8_t *out, struct bytes text, bool keep_slash);

#endif
