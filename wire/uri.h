/* uri.h: parses and escapes URIs as SigV4 needs them (RFC 3986). Thread: any. */
#ifndef SLUICE_WIRE_URI_H
#define SLUICE_WIRE_URI_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends text with all but A-Z a-z 0-9 - . _ ~ as %XX; '/' is kept when keep_slash. */
void uri_escape(struct buf *out, struct bytes text, bool keep_slash);
/* %XX decoded, '+' left alone; a broken escape stays as it is. NULL view when the arena had no
 * room. */
struct bytes uri_unescape(struct arena *a, struct bytes text);

struct uri_parameter {
    struct bytes name, value; /* unescaped */
};
/* Splits a query string ("a=1&b=2", no '?'). TOO_LARGE over `most`. */
enum status uri_query_split(struct bytes query, struct arena *a, struct uri_parameter *out,
                            size_t most, size_t *count, struct fault *f) MUST_USE;
/* The value of the first parameter of that name, or an absent view. */
struct bytes uri_query_find(const struct uri_parameter *p, size_t count, const char *name);

/* "http://host:port/path": views of text. */
struct uri {
    struct bytes scheme, host, path, query;
    struct bytes authority; /* host and port as they stand there, with an IPv6 address's brackets */
    uint16_t port;          /* 0 when none was given */
};
enum status uri_parse(struct bytes text, struct uri *out, struct fault *f) MUST_USE;
/* The one given, else its scheme's (http, https), else 0. */
uint16_t uri_port(const struct uri *u);
/* Whether what may be told to the one may be told to the other: the same scheme, host and port. */
bool uri_same_origin(const struct uri *a, const struct uri *b);

#endif
