/* date_pattern.h: times printed by patterns of Java's DateTimeFormatter, which Firehose's prefixes are written in. Pure.
 *
 * As java.time prints them in the locale en_US: G u y D M L d Q q Y w W E e c F a h K k H m s S A n N V z O X x Z, quotes, brackets. Not taken, though Java
 * takes them: p (padding), B (day periods), g, v, zzzz (names of zones in words). */
#ifndef SLUICE_DELIVERY_DATE_PATTERN_H
#define SLUICE_DELIVERY_DATE_PATTERN_H

#include "base/buf.h"
#include "delivery/time_zone.h"

/* INVALID_ARGUMENT, in Java's words where they are known. */
enum status date_pattern_check(struct bytes pattern, struct fault *f) MUST_USE;
/* Of a pattern that was checked; what cannot be printed prints nothing. */
void date_pattern_print(struct bytes pattern, uint64_t unix_ms, const struct time_zone *zone,
                        struct buf *out);

#endif
