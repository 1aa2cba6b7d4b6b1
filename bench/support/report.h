/* report.h: rounds to medians, and figures to rows of bench/RESULTS.md. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_REPORT_H
#define SLUICE_BENCH_SUPPORT_REPORT_H

#include "bench/support/bench.h"

/* One value a round. Begins as {0}. */
struct series {
    unsigned count;
    double values[ROUNDS_MAX];
};
void series_add(struct series *s, double value);
double series_median(const struct series *s);
/* The median of the rounds' own ratios: what slows a whole round does not move it. */
double series_ratio(const struct series *s, const struct series *limit);
/* "p99 5.50 to 11.5 ms in 5 rounds", with `what` "p99 "; stays until the end. */
const char *spread(const char *what, const struct series *s, const char *unit);

enum figure_kind {
    FIGURE_SHOWN,       /* held to nothing */
    FIGURE_VALUE_LEAST, /* at least `target`, in the figure's unit */
    FIGURE_VALUE_MOST,
    FIGURE_RATIO_LEAST, /* at least `target` times its limit */
    FIGURE_RATIO_MOST,
};

struct figure {
    const char *id; /* the letter of docs and issue: "b"; or "" */
    const char *what;
    double value;
    const char *unit;
    const char *limit_what; /* NULL: it has none */
    double limit;           /* in the same unit */
    double ratio;           /* of the rounds; 0: value / limit */
    enum figure_kind kind;
    double target;
    const char *note; /* or NULL */
};
/* Prints it, and writes its row when figures are to be written. Keeps nothing. */
void report(const struct figure *figure);

/* For the frame: rows go to `path` from now on (NULL: nowhere). */
void report_open(const char *path);
void report_close(void);

#endif
