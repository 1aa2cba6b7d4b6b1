/* bench.h: the frame of a benchmark: its options, its folder, its limit in time.
 *
 * bench_main runs `run` in a process of its own and waits for it. When that ends, is interrupted or
 * takes longer than limit_s, whatever it started dies with it (B1) and its folder goes (B2). */
#ifndef SLUICE_BENCH_SUPPORT_BENCH_H
#define SLUICE_BENCH_SUPPORT_BENCH_H

#include <stdbool.h>
#include <stdint.h>

enum { ROUNDS_MAX = 64 };

/* The program says how much it does by itself; options change it. 0: it has no use for that one. */
struct bench {
    double seconds;       /* --seconds: how long one load lasts */
    unsigned rounds;      /* --rounds */
    unsigned connections; /* --connections */
    uint64_t mib;         /* --mib: how much is put */
    unsigned limit_s;     /* grows with what the options ask for */
    bool quick;           /* --quick: a short look */
    const char *folder;   /* set by bench_main: where the data goes */
};

/* Gives main's exit code: 0 when all of it ran and every answer was right, whatever the figures. */
int bench_main(struct bench *b, const char *what, int argc, char **argv,
               void (*run)(struct bench *b));

/* The path of a program of the same build, by its place under the build's folder ("sluice"). */
const char *bench_program(const char *name);

/* printf into memory that stays until the program ends. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
