/* time_zone.h: a zone of the IANA database, and what its clocks show at an instant.
 *
 * Thread: any; opening reads a file. */
#ifndef SLUICE_DELIVERY_TIME_ZONE_H
#define SLUICE_DELIVERY_TIME_ZONE_H

#include "base/bytes.h"
#include "base/status.h"

struct time_zone;
enum { TIME_ZONE_NAME_BYTES_MAX = 50, TIME_ZONE_ABBREVIATION_BYTES = 16 };

/* "Europe/Berlin", "UTC". INVALID_ARGUMENT: there is no such zone; CORRUPT: its file cannot be read as one. */
enum status time_zone_open(struct bytes name, struct time_zone **out, struct fault *f) MUST_USE;
void time_zone_free(struct time_zone *z);
/* A zone from the bytes of its file (RFC 8536), which are copied. */
enum status time_zone_parse(struct bytes file, struct bytes name, struct time_zone **out,
                            struct fault *f) MUST_USE;

struct time_zone_moment {
    int32_t offset_s; /* east of UTC */
    char abbreviation[TIME_ZONE_ABBREVIATION_BYTES];
};
/* NULL is UTC. */
void time_zone_at(const struct time_zone *z, int64_t unix_s, struct time_zone_moment *out);
const char *time_zone_name(const struct time_zone *z);

#endif
