/* sigv4_internal.h: the parts of sigv4*.c that only they share. Wire's own. */
#ifndef SLUICE_WIRE_SIGV4_INTERNAL_H
#define SLUICE_WIRE_SIGV4_INTERNAL_H

#include "wire/sigv4.h"
#include "wire/uri.h"

#define SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR "aws4_request"
enum { SIGV4_TIMESTAMP_BYTES = 16, SIGV4_DAY_BYTES = 8 };

/* ---- text.  Appends into memory of a size reckoned beforehand; what would not fit is left out and
 * remembered. */
struct sigv4_text {
    uint8_t *at;
    size_t len, room;
    bool over;
};

static inline void sigv4_put(struct sigv4_text *t, struct bytes b)
{
    if (b.len > t->room - t->len) {
        t->over = true;
    } else if (b.len > 0) {
        memcpy(t->at + t->len, b.at, b.len);
        t->len += b.len;
    }
}

static inline void sigv4_put_byte(struct sigv4_text *t, char c)
{
    sigv4_put(t, bytes_of(&c, 1));
}

static inline struct bytes sigv4_text_view(const struct sigv4_text *t)
{
    return bytes_of(t->at, t->len);
}

/* ---- sigv4_time.c */
/* "20261123T235846Z", strictly; false for days that no calendar has. */
bool sigv4_time_from_iso(struct bytes text, uint64_t *wall_ms);

/* ---- sigv4_canonical.c */
/* A header's value by name, without regard to case; absent when there is none. */
struct bytes sigv4_header_find(const struct sigv4_request *r, struct bytes name);
/* HTTP/2's name of the Host header: the AWS SDK for JavaScript signs it there instead. */
static inline bool sigv4_is_authority(struct bytes name)
{
    return bytes_equal(name, BYTES_LITERAL(":authority"));
}
/* Takes the next name off "a;b;c"; false at the end. */
bool sigv4_next_name(struct bytes *list, struct bytes *name);
/* Dot segments and doubled slashes removed, then escaped once more; absent when the arena had no
 * room. */
struct bytes sigv4_canonical_path(struct bytes path, struct arena *a);
/* Sorts p, then "a=1&b=2", X-Amz-Signature left out; absent when the arena had no room. */
struct bytes sigv4_canonical_query(struct uri_parameter *p, size_t count, struct arena *a);
struct sigv4_canonical {
    struct bytes path, query; /* canonical */
    struct bytes signed_headers;
    struct bytes payload_hash;
};
/* The canonical request. BAD_SIGNATURE: a signed header is missing, or signed twice; NO_MEMORY. */
enum status sigv4_canonical_request(const struct sigv4_request *r, const struct sigv4_canonical *c,
                                    struct arena *a, struct bytes *out, struct fault *f) MUST_USE;

#endif
