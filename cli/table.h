/* table.h: JSON as people read it: aligned columns of a list, or the members of an object, a line each. Thread: main. */
#ifndef SLUICE_CLI_TABLE_H
#define SLUICE_CLI_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* `path`: "StreamModeDetails.StreamMode"; "": the element itself. title NULL ends a list. Members whose names end in "Timestamp" are
 * printed as times. */
struct column {
    const char *title, *path;
};

/* What lies at the path, or NULL; borrowed. */
json_t *json_at(const json_t *from, const char *path);
/* Sets it there; takes `value`. Objects on the way are made. */
void json_put(json_t *into, const char *path, json_t *value);

void table_print(const struct column *columns, const json_t *list, FILE *to);
void object_print(const json_t *object, FILE *to);
/* A line of JSON. */
void json_print(const json_t *value, FILE *to);

#endif
