/* shown.h: a record as get and tail print it. Thread: main. */
#ifndef SLUICE_CLI_SHOWN_H
#define SLUICE_CLI_SHOWN_H

#include <stdbool.h>
#include <stdio.h>

struct sluice_received;

/* The bytes as they are and a newline. false: it cannot be written. */
bool shown_raw(FILE *to, const struct sluice_received *record);
/* A line of JSON: data as base64, and as text when it is UTF-8. */
bool shown_json(FILE *to, const char *shard_id, const struct sluice_received *record);

#endif
