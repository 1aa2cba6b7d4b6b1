/* scope.h: the name space that a stream lives in: an account and a region. Streams of one name in two scopes have nothing to do
 * with each other. A plain value, always of valid texts once scope_set has said so. Thread: any. */
#ifndef SLUICE_SHARDS_SCOPE_H
#define SLUICE_SHARDS_SCOPE_H

#include "base/bytes.h"

enum {
    ACCOUNT_BYTES = 13,
    REGION_CHARS_MAX = 64,
    REGION_BYTES = REGION_CHARS_MAX + 2
}; /* with their NULs: 12 digits; 1 to 64 of a-z, 0-9, -; a hidden one has a '.' before these */

struct scope {
    char account[ACCOUNT_BYTES], region[REGION_BYTES];
};

bool account_is_valid(struct bytes account);
bool region_is_valid(struct bytes region);
/* False, and *s unchanged, unless both are valid. */
bool scope_set(struct scope *s, struct bytes account, struct bytes region);
/* Beside each scope there is a hidden one, which no client can name (scope_set refuses it): for streams that the server owns itself.
 * They count in no limit, list or metric of their account. */
struct scope scope_hidden(const struct scope *s);
bool scope_is_hidden(const struct scope *s);
/* The region that a client would name: of a hidden one, that of the scope beside it. */
const char *scope_region(const struct scope *s);
/* As scope_set, of rows on disk: hidden ones are taken too. */
bool scope_set_stored(struct scope *s, struct bytes account, struct bytes region);
/* "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", NUL-terminated. */
enum { STREAM_ARN_BYTES = 256 };
void scope_stream_arn(const struct scope *s, const char *name, char out[STREAM_ARN_BYTES]);
/* Its parts, as views, whatever they hold; false: it is not of that form. */
struct stream_arn {
    struct bytes region, account, name;
};
bool stream_arn_parse(struct bytes arn, struct stream_arn *out);
bool scope_equal(const struct scope *a, const struct scope *b);

#endif
