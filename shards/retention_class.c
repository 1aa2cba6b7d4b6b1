/* retention_class.c: a geometric grid of retention periods.
 *
 * A segment goes when all it holds is past retention. Were streams kept for a day and for a year in one segment, the day's
 * would stay a year. A segment for each period that somebody set would mean thousands. Steps of 1/24 keep what is together
 * within what a seal by age costs anyway (a 24th of the period), and make 145 classes of all periods AWS knows.
 *
 * Thread: any; pure. */
#include "shards/retention_class_internal.h"

#include "base/limits.h"
#include "base/must.h"

/* Hours in 1/2^20, so that the small steps at the beginning do not round away. */
enum { FRACTION = 1 << 20 };

uint32_t retention_class(uint32_t hours)
{
    uint64_t wanted = hours < RETENTION_HOURS_MIN   ? RETENTION_HOURS_MIN
                      : hours > RETENTION_HOURS_MAX ? RETENTION_HOURS_MAX
                                                    : hours;
    uint64_t begin = (uint64_t)RETENTION_HOURS_MIN * FRACTION;
    uint32_t class = 0;
    for (;;) {
        begin += begin / 24;
        if (begin > wanted * FRACTION)
            return class;
        class++;
        must(class < RETENTION_CLASSES);
    }
}

uint32_t retention_class_hours(uint32_t class)
{
    uint64_t begin = (uint64_t)RETENTION_HOURS_MIN * FRACTION;
    must(class < RETENTION_CLASSES);
    for (uint32_t i = 0; i < class; i++)
        begin += begin / 24;
    return (uint32_t)((begin + FRACTION - 1) / FRACTION);
}

uint64_t retention_class_seal_age_ms(uint32_t class)
{
    uint64_t hour_ms = 3600 * 1000ull;
    uint64_t part = retention_class_hours(class) * hour_ms / 24;
    return part > hour_ms ? part : hour_ms;
}
