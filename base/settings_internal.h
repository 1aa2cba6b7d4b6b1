/* settings_internal.h: what settings.c lends to the readers of sources (settings_source.c) and the
 * printers (settings_print.c). */
#ifndef SLUICE_BASE_SETTINGS_INTERNAL_H
#define SLUICE_BASE_SETTINGS_INTERNAL_H

#include "base/settings.h"

/* How a name is written where it stands: listen-port, --listen-port or SLUICE_LISTEN_PORT. */
enum setting_spelling { SPELT_PLAIN, SPELT_FLAG, SPELT_ENVIRONMENT };

enum { SETTING_NAME_BYTES_MAX = 64 };

const struct setting *setting_find(const struct setting *rows, size_t count, struct bytes name);
/* Refuses a name that no row has, naming the nearest that one has, if any is near. `written` is the
 * name as it stood. */
enum status setting_unknown(const struct setting *rows, size_t count, struct bytes name,
                            enum setting_spelling spelling, struct bytes written,
                            const char *origin, struct fault *f);
/* The row's name in that spelling; NUL-terminated, cut at the end of `out`. */
void setting_spell(const struct setting *row, enum setting_spelling spelling,
                   char out[SETTING_NAME_BYTES_MAX]);
/* Sets one row's value from text. */
enum status setting_set(const struct setting *row, void *values, struct bytes text,
                        const char *origin, struct fault *f);
/* A number as a person would write it: 64MiB, 5s, 8080. */
void setting_print_number(enum setting_kind kind, uint64_t value, struct buf *out);
/* The choice of that index; absent when there is none. */
struct bytes setting_choice(const struct setting *row, uint64_t index);

#endif
