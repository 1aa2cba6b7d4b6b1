/* clock.h: the only source of time. Tests hand in a clock of their own. Thread: any. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    uint64_t (*wall_ms)(const struct clock *); /* milliseconds since 1970, UTC; may jump */
    uint64_t (*mono_us)(const struct clock *); /* microseconds that never go back */
};

extern const struct clock clock_system;

static inline uint64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}
static inline uint64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c);
}

/* A clock that stands still until it is told otherwise; for tests. Thread: any. */
struct clock_manual {
    struct clock clock; /* hand out &m->clock */
    _Atomic uint64_t wall_ms, mono_us;
};
void clock_manual_init(struct clock_manual *m, uint64_t wall_ms);
void clock_manual_advance_ms(struct clock_manual *m, uint64_t ms);

enum { CLOCK_TEXT_BYTES = 32 };
/* "2026-11-23T23:58:46.123Z" */
void clock_print_iso(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES]);
/* "Thu Jan 22 01:22:02 UTC 2015", as AWS words times in its errors */
void clock_print_aws(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES]);
/* "Thu, 22 Jan 2015 01:22:02 GMT", as HTTP writes dates (RFC 9110) */
void clock_print_http(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES]);

#endif
