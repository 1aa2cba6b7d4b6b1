/* server_settings.h: what `sluice` was told: a struct with a member for each row of settings.def,
 * and where its values come from. */
#ifndef SLUICE_SERVER_SERVER_SETTINGS_H
#define SLUICE_SERVER_SERVER_SETTINGS_H

#include "base/buf.h"
#include "base/settings.h"

enum server_quotas { QUOTAS_NONE, QUOTAS_AWS };                   /* in the order of the choices */
enum server_durability { DURABILITY_SYNCED, DURABILITY_RELAXED }; /* in the order of the choices */

#define SETTING_FIELD_TEXT   char *
#define SETTING_FIELD_SECRET char *
#define SETTING_FIELD_BOOL   bool
#define SETTING_FIELD_COUNT  uint64_t
#define SETTING_FIELD_BYTES  uint64_t
#define SETTING_FIELD_MS     uint64_t
#define SETTING_FIELD_CHOICE uint64_t
struct server_settings {
#define SETTING(field, name, kind, standard, least, most, choices, help) SETTING_FIELD_##kind field;
#include "server/settings.def"
#undef SETTING
};

/* The words behind a command: flags of our own taken out, flags of settings.def and the rest left
 * in their order. Holds views of argv; `flags` and `words` are argv's memory, reordered. */
struct server_words {
    const char *config;             /* --config FILE, or NULL */
    const char *account;            /* --account NUMBER, or NULL */
    bool help, print_config, force; /* --help or -h, --print-config, --force */
    char **rest;                    /* what remains, flags and plain words */
    int rest_count;
};
/* argv[0] is the first word after the command's name. argv is reordered. INVALID_ARGUMENT: --config
 * without a file, --account without a number. */
enum status server_words_read(int argc, char **argv, struct server_words *out,
                              struct fault *f) MUST_USE;

/* Defaults, the file, the environment, the flags: the later wins; then checks what one setting says
 * about another. *used (may be NULL: then no plain word may follow) is how many of words->rest were
 * flags. On a fault nothing needs freeing. */
enum status server_settings_load(const struct server_words *words, char *const *environment,
                                 struct server_settings *out, int *used, struct fault *f) MUST_USE;
void server_settings_free(struct server_settings *s);

/* The values in force, as JSON that --config reads. */
void server_settings_print(const struct server_settings *s, struct buf *out);
/* All flags, in groups. */
void server_settings_help(struct buf *out);

/* Whether the address is the machine's own (127.0.0.0/8 or ::1); and whether it means all of them.
 */
bool address_is_loopback(const char *address);
bool address_is_any(const char *address);

#endif
