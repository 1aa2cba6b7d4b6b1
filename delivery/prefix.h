/* prefix.h: Firehose's prefix language: text with expressions "!{namespace:value}". Parsed once into parts, which are checked or expanded.
 *
 *   !{timestamp:yyyy/MM/dd/}            a pattern of Java's DateTimeFormatter (date_pattern.h)
 *   !{firehose:random-string}           11 letters and digits, others at each place
 *   !{firehose:error-output-type}       of ErrorOutputPrefix alone
 *   !{partitionKeyFromQuery:name}       of Prefix alone, with dynamic partitioning
 *   !{partitionKeyFromLambda:name}
 *
 * Pure. Thread: any. */
#ifndef SLUICE_DELIVERY_PREFIX_H
#define SLUICE_DELIVERY_PREFIX_H

#include "base/buf.h"
#include "delivery/time_zone.h"

enum {
    PREFIX_PARTS_MAX = 128, /* Prefix has at most 1024 characters */
    PREFIX_EXPANDED_BYTES_MAX = 512,
    PREFIX_RANDOM_BYTES = 11
};

enum prefix_part_kind {
    PREFIX_TEXT,
    PREFIX_TIMESTAMP,
    PREFIX_RANDOM,
    PREFIX_ERROR_TYPE,
    PREFIX_KEY_FROM_QUERY,
    PREFIX_KEY_FROM_LAMBDA
};
struct prefix_part {
    enum prefix_part_kind kind;
    struct bytes text; /* the text, the pattern or the key's name: a view */
};
struct prefix {
    uint32_t count;
    struct prefix_part parts[PREFIX_PARTS_MAX];
};

/* Views of `text`, which may be absent. INVALID_ARGUMENT: an expression that is none. */
enum status prefix_parse(struct bytes text, struct prefix *out, struct fault *f) MUST_USE;
bool prefix_has(const struct prefix *p, enum prefix_part_kind kind);
bool prefix_has_expressions(const struct prefix *p);

/* Whether Firehose takes this pair: Prefix and ErrorOutputPrefix of one S3 destination, each absent or not. INVALID_ARGUMENT in AWS's words where they are known.
 * Which keys a query makes is process_check's matter. */
enum status prefix_check(struct bytes prefix, struct bytes error_prefix, bool partitioning,
                         struct fault *f) MUST_USE;

/* What a prefix is expanded with. */
struct prefix_values {
    uint64_t time_ms;
    const struct time_zone *zone;
    struct bytes error_type;
    struct bytes partition; /* "query:name\0value\0lambda:name\0value\0" (process.h) */
    struct bytes identity;  /* random strings are a function of it and of their place */
};
/* The value of a partition key, or absent. */
struct bytes prefix_key_value(struct bytes partition, bool from_lambda, struct bytes name);
/* Appends. NOT_FOUND: a key is not in the partition; TOO_LARGE: over PREFIX_EXPANDED_BYTES_MAX. */
enum status prefix_expand(const struct prefix *p, const struct prefix_values *v, struct buf *out,
                          struct fault *f) MUST_USE;

#endif
