/* tally.h: how many lines became what; progress, complaints, the summary and the exit code. */
#ifndef SLUICE_CLI_TALLY_H
#define SLUICE_CLI_TALLY_H

#include "cli/session.h"

#include <stdatomic.h>

struct tally {
    const struct invocation *words;
    bool json, on_terminal;
    uint64_t began_us, shown_us; /* main's */
    uint64_t lines, bytes;       /* main's */
    bool broken;                 /* main's: a file could not be read to its end */
    atomic_ullong stored, failed;
    atomic_int first; /* the exit code that the first failure means; 0: none */
};

void tally_init(struct tally *t, const struct invocation *words);
/* Thread: main. Also shows progress, when stderr is a terminal. */
void tally_read(struct tally *t, size_t bytes);
/* A line that was not sent, and why. Thread: main. */
void tally_refused(struct tally *t, uint64_t line, const char *why);
void tally_broken(struct tally *t, const char *path, const char *why);
/* Thread: any. The first ones are said. */
void tally_stored(struct tally *t);
void tally_failed(struct tally *t, uint64_t line, const struct sluice_error *error);
/* The summary. Thread: main, when no other is left. */
enum cli_exit tally_end(struct tally *t);

#endif
