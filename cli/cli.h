/* cli.h: the commands of `sluice` that are clients of the service: put, get, tail, stream, ... Everything goes through the public SDK:
 * what they can, any program can.
 *
 * C1. Exit codes (enum cli_exit) mean the same for every command.
 * C2. Data and tables go to stdout, everything else to stderr; nothing prints a secret.
 * C3. A reader that goes away ends a command quietly.
 *
 * Thread: main. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <stdbool.h>
#include <stdio.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* the service or the way to it */
    CLI_MISUSED = 2,     /* the words were not understood */
    CLI_PARTLY = 3,      /* some records failed */
    CLI_NOT_THERE = 4,   /* ResourceNotFoundException */
    CLI_NOT_ALLOWED = 5, /* no credentials, or they do not allow it */
};

/* Whether the word begins one of its commands. */
bool cli_has(const char *word);
/* argv[0] is that word. Returns the program's exit code. */
int cli_run(int argc, char **argv);
/* The one of its commands' first words that a mistyped word is likest to, or NULL when none is near. */
const char *cli_nearest(const char *word);
/* `name` when the word is near to it, and nearer than to `other` (which may be NULL); else `other`. */
const char *cli_nearer(const char *word, const char *name, const char *other);
/* A line for each command, as main's help prints its own. */
void cli_list(FILE *to);

#endif
