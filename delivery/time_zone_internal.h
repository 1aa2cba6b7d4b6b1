/* time_zone_internal.h: the rule that a zone's file ends with: a POSIX TZ string, as "CET-1CEST,M3.5.0,M10.5.0/3". */
#ifndef SLUICE_DELIVERY_TIME_ZONE_INTERNAL_H
#define SLUICE_DELIVERY_TIME_ZONE_INTERNAL_H

#include "delivery/time_zone.h"

/* When clocks change, each year. */
struct zone_change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_WEEKDAY } kind; /* Jn (no 29 February), n, Mm.w.d */
    int32_t month, week, day;
    int32_t time_s; /* local, may be below 0 or over a day */
};
struct zone_rule {
    bool given, has_summer;
    struct time_zone_moment standard, summer;
    struct zone_change to_summer, to_standard;
};
/* An empty text is no rule. */
bool zone_rule_parse(struct bytes text, struct zone_rule *out);
void zone_rule_at(const struct zone_rule *r, int64_t unix_s, struct time_zone_moment *out);

#endif
