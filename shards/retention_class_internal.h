/* retention_class_internal.h: retention periods grouped so that what a segment holds goes at about one time. Pure. */
#ifndef SLUICE_SHARDS_RETENTION_CLASS_INTERNAL_H
#define SLUICE_SHARDS_RETENTION_CLASS_INTERNAL_H

#include <stdint.h>

/* Class k begins at 24 * (25/24)^k hours; the last one holds 8760. */
enum { RETENTION_CLASSES = 145 };

/* Hours outside 24..8760 count as the nearest of these. */
uint32_t retention_class(uint32_t hours);
/* The hours at which a class begins, rounded up. */
uint32_t retention_class_hours(uint32_t class);
/* How old a segment of this class may become before it seals: max(1 hour, 1/24 of the period). */
uint64_t retention_class_seal_age_ms(uint32_t class);

#endif
