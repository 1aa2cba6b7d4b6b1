/* moment.h: times read out of text, as the deserializers of Firehose's format conversion read them. Pure. Thread: any.
 *
 * Standard forms: java.sql.Timestamp's "2026-11-26 07:00:00[.123456789]", ISO 8601's "2026-11-26T07:00:00[.123][Z|+02:00|+0200]", and a date
 * alone. Without a zone they are UTC.
 *
 * Patterns are Joda-Time's DateTimeFormat, as HiveJsonSerDe.TimestampFormats has them: y Y M d H k h K m s S a E Z and text in quotes, where
 * a letter's count is the least digits (MMM and MMMM, EEE and EEEE: English names); "millis" is milliseconds since 1970. */
#ifndef SLUICE_DELIVERY_MOMENT_H
#define SLUICE_DELIVERY_MOMENT_H

#include "base/bytes.h"
#include "base/status.h"

enum { MOMENT_PATTERN_BYTES_MAX = 128 };

/* Microseconds since 1970. False: it is not of that form, or no such time. */
bool moment_standard(struct bytes text, int64_t *micros);
/* Of a pattern that was checked. */
bool moment_by_pattern(struct bytes text, struct bytes pattern, int64_t *micros);
/* INVALID_ARGUMENT: a letter that is not read. */
enum status moment_pattern_check(struct bytes pattern, struct fault *f) MUST_USE;

#endif
