/* clock.c: the system's clocks, a clock for tests, and times as text.
 *
 * Time is handed in everywhere, as a `const struct clock *`, so that a test decides what time it
 * is.
 *
 * Thread: any. */
#include "base/clock.h"

#include "base/must.h"

#include <stdio.h>
#include <time.h>

/* 9999-12-31T23:59:59.999Z: the last time that both formats can write. */
#define WALL_MS_PRINTABLE_MAX 253402300799999u

static struct timespec now(clockid_t id)
{
    struct timespec t;
    must(clock_gettime(id, &t) == 0);
    return t;
}

static uint64_t system_wall_ms(const struct clock *c)
{
    (void)c;
    struct timespec t = now(CLOCK_REALTIME);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t system_mono_us(const struct clock *c)
{
    (void)c;
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

const struct clock clock_system = {.wall_ms = system_wall_ms, .mono_us = system_mono_us};

static const struct clock_manual *manual_of(const struct clock *c)
{
    return (const struct clock_manual *)(const void *)((const char *)c -
                                                       offsetof(struct clock_manual, clock));
}

static uint64_t manual_wall_ms(const struct clock *c)
{
    return manual_of(c)->wall_ms;
}

static uint64_t manual_mono_us(const struct clock *c)
{
    return manual_of(c)->mono_us;
}

void clock_manual_init(struct clock_manual *m, uint64_t wall_ms)
{
    m->clock = (struct clock){.wall_ms = manual_wall_ms, .mono_us = manual_mono_us};
    m->wall_ms = wall_ms;
    m->mono_us = 1000000; /* not 0, which code may take for "never" */
}

void clock_manual_advance_ms(struct clock_manual *m, uint64_t ms)
{
    m->wall_ms += ms;
    m->mono_us += ms * 1000;
}

static struct tm broken_down(uint64_t wall_ms)
{
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    must(gmtime_r(&seconds, &tm) != NULL);
    return tm;
}

void clock_print_iso(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
    if (wall_ms > WALL_MS_PRINTABLE_MAX)
        wall_ms = WALL_MS_PRINTABLE_MAX;
    struct tm tm = broken_down(wall_ms);
    size_t length = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + length, CLOCK_TEXT_BYTES - length, ".%03uZ", (unsigned)(wall_ms % 1000));
}

void clock_print_aws(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
    if (wall_ms > WALL_MS_PRINTABLE_MAX)
        wall_ms = WALL_MS_PRINTABLE_MAX;
    struct tm tm = broken_down(wall_ms);
    strftime(out, CLOCK_TEXT_BYTES, "%a %b %d %H:%M:%S UTC %Y", &tm);
}

void clock_print_http(uint64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
    if (wall_ms > WALL_MS_PRINTABLE_MAX)
        wall_ms = WALL_MS_PRINTABLE_MAX;
    struct tm tm = broken_down(wall_ms);
    strftime(out, CLOCK_TEXT_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
