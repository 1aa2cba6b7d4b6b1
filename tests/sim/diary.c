/* diary.c: see diary.h. */
#include "sim/diary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void diary_note(struct diary *d, const char *format, ...)
{
    char *line = d->lines[d->count++ % DIARY_LINES];
    int len = snprintf(line, DIARY_LINE_BYTES, "%5u  ", d->step);
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, (size_t)(DIARY_LINE_BYTES - len), format, args);
    va_end(args);
}

void diary_differs(const struct diary *d, const char *format, ...)
{
    uint64_t first = d->count > DIARY_LINES ? d->count - DIARY_LINES : 0;
    fprintf(stderr, "----- seed %" PRIu64 ", the last of %" PRIu64 " actions:\n", d->seed,
            d->count);
    for (uint64_t i = first; i < d->count; i++)
        fprintf(stderr, "%s\n", d->lines[i % DIARY_LINES]);
    fprintf(stderr, "----- seed %" PRIu64 ", step %u: ", d->seed, d->step);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    fflush(NULL);
    _exit(1); /* the service's process sees the end of its line, and goes, too */
}
