/* settings.h: reads a table of settings from defaults, a JSON file, the environment and flags, in
 * that order: the later wins. One row of server/settings.def makes the parser, --help,
 * --print-config and the manual. */
#ifndef SLUICE_BASE_SETTINGS_H
#define SLUICE_BASE_SETTINGS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_BOOL,
    SETTING_COUNT,
    SETTING_BYTES,
    SETTING_MS,
    SETTING_CHOICE,
    SETTING_SECRET /* as TEXT, but it is never printed */
};

/* A row. A value lives at `offset` in the caller's struct: char * (owned, mem_free) for TEXT and SECRET, bool,
 * or uint64_t for the rest (BYTES takes 64MiB, 1GiB, 512KiB or a plain number; MS takes 250ms, 5s,
 * 2m, 1h or a plain number of ms; CHOICE the index). */
struct setting {
    const char *name; /* "listen-address": --listen-address, SLUICE_LISTEN_ADDRESS, "listen-address"
                         in the file */
    enum setting_kind kind;
    size_t offset;
    const char *standard; /* default, as text */
    uint64_t least, most; /* bounds of COUNT, BYTES, MS */
    const char *choices;  /* "text|json", of CHOICE */
    const char *help;     /* one sentence */
};

enum status settings_defaults(const struct setting *rows, size_t count, void *values,
                              struct fault *f) MUST_USE;
/* One value from text. `origin` is where it stood, for the fault ("--listen-port", "config file").
 */
enum status settings_set(const struct setting *rows, size_t count, void *values, struct bytes name,
                         struct bytes text, const char *origin, struct fault *f) MUST_USE;
/* A JSON object of name: string, number or boolean. Unknown names are refused, with the nearest
 * known one named. */
enum status settings_from_json(const struct setting *rows, size_t count, void *values,
                               struct bytes json, const char *origin, struct fault *f) MUST_USE;
enum status settings_from_file(const struct setting *rows, size_t count, void *values,
                               const char *path, struct fault *f) MUST_USE;
/* Reads SLUICE_<NAME>; environ is handed in. Unknown SLUICE_ names are refused. */
enum status settings_from_environment(const struct setting *rows, size_t count, void *values,
                                      char *const *environment, struct fault *f) MUST_USE;
/* --name value, --name=value, --name (bool), --no-name (bool). argv[0] is the first word after the
 * program's name. Stops at the first word that is no flag, or after a lone "--": *used is the index
 * of what comes next. */
enum status settings_from_flags(const struct setting *rows, size_t count, void *values, int argc,
                                char *const *argv, int *used, struct fault *f) MUST_USE;
/* The values in force, as a JSON object that settings_from_json reads; without secrets. */
void settings_print_json(const struct setting *rows, size_t count, const void *values,
                         struct buf *out);
void settings_print_help(const struct setting *rows, size_t count, struct buf *out);
void settings_free(const struct setting *rows, size_t count, void *values);

#endif
