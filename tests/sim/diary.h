/* diary.h: what a run did lately, and the end of a run that finds a difference. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_DIARY_H
#define SLUICE_TESTS_SIM_DIARY_H

#include <stdint.h>

enum { DIARY_LINES = 50, DIARY_LINE_BYTES = 200 };

struct diary {
    uint64_t seed;
    uint32_t step;
    uint64_t count; /* of notes, ever */
    char lines[DIARY_LINES][DIARY_LINE_BYTES];
};

void diary_note(struct diary *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints seed, step, the last actions and what differs; ends the process with 1. */
_Noreturn void diary_differs(const struct diary *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
