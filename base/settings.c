/* settings.c: one value of one setting, from text and back.
 *
 * Every source (file, environment, flags) hands its text to the same function, so a value means the
 * same wherever it stands, and a mistake is explained with the same words: where it stood, what was
 * wrong, what would be right.
 *
 * I1. A value in the caller's struct always lies within its row's bounds.
 * I2. A refused value leaves the one before it in place.
 *
 * Left to others: reading the sources (settings_source.c), printing all (settings_print.c).
 * Thread: its caller's. */
#include "base/mem.h"
#include "base/must.h"
#include "base/settings_internal.h"
#include "base/utf8.h"

#include <inttypes.h>

enum { ECHO_BYTES_MAX = 80 };

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first, as printing wants it; each suffix stands before any that it ends with. */
static const struct unit byte_units[] = {{"TiB", UINT64_C(1) << 40},
                                         {"GiB", UINT64_C(1) << 30},
                                         {"MiB", UINT64_C(1) << 20},
                                         {"KiB", UINT64_C(1) << 10},
                                         {"B", 1},
                                         {NULL, 0}};
static const struct unit time_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                         {"ms", 1},       {"s", 1000},    {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

static const struct unit *units_of(enum setting_kind kind)
{
    return kind == SETTING_BYTES ? byte_units : kind == SETTING_MS ? time_units : no_units;
}

static void *place_of(const struct setting *row, void *values)
{
    return (char *)values + row->offset;
}

/* What was written, short enough to repeat. */
static struct bytes echo(struct bytes text)
{
    return bytes_of(text.len == 0 ? "" : (const void *)text.at,
                    text.len > ECHO_BYTES_MAX ? ECHO_BYTES_MAX : text.len);
}

void setting_print_number(enum setting_kind kind, uint64_t value, struct buf *out)
{
    for (const struct unit *unit = units_of(kind); unit->suffix != NULL; unit++) {
        if (value == 0 || value % unit->factor != 0 || unit->factor == 1)
            continue;
        buf_append_u64(out, value / unit->factor);
        buf_append_text(out, unit->suffix);
        return;
    }
    buf_append_u64(out, value);
    if (kind == SETTING_MS)
        buf_append_text(out, "ms");
}

enum number { NUMBER_FINE, NUMBER_NONE, NUMBER_HUGE };

static enum number parse_number(struct bytes text, enum setting_kind kind, uint64_t *out)
{
    uint64_t factor = 1;
    for (const struct unit *unit = units_of(kind); unit->suffix != NULL; unit++) {
        struct bytes suffix = bytes_text(unit->suffix);
        if (text.len < suffix.len ||
            !bytes_equal(bytes_of(text.at + text.len - suffix.len, suffix.len), suffix))
            continue;
        factor = unit->factor;
        text.len -= suffix.len;
        break;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return NUMBER_NONE;
    }
    if (text.len == 0)
        return NUMBER_NONE;
    uint64_t value;
    if (!bytes_to_u64(text, &value) || __builtin_mul_overflow(value, factor, out))
        return NUMBER_HUGE;
    return NUMBER_FINE;
}

/* A fault that names a bound: "<origin>: <text> is more than the most allowed, <bound>". */
static enum status out_of_bounds(const struct setting *row, struct bytes text, const char *how,
                                 uint64_t bound, const char *origin, struct fault *f)
{
    struct buf printed;
    buf_init(&printed, ECHO_BYTES_MAX);
    setting_print_number(row->kind, bound, &printed);
    enum status st = fault_set(f, INVALID_VALUE, "%s: %.*s is %s allowed, %.*s", origin,
                               BYTES_ARGS(echo(text)), how, BYTES_ARGS(echo(buf_view(&printed))));
    buf_fini(&printed);
    return st;
}

static enum status set_number(const struct setting *row, void *values, struct bytes text,
                              const char *origin, struct fault *f)
{
    static const char *const expected[] = {
        [SETTING_COUNT] = "a whole number",
        [SETTING_BYTES] = "a size such as 512KiB, 64MiB or 1GiB",
        [SETTING_MS] = "a time such as 250ms, 5s, 2m or 1h",
    };
    uint64_t value = 0;
    switch (parse_number(text, row->kind, &value)) {
    case NUMBER_NONE:
        return fault_set(f, INVALID_VALUE, "%s: \"%.*s\" is not %s", origin, BYTES_ARGS(echo(text)),
                         expected[row->kind]);
    case NUMBER_HUGE:
        return out_of_bounds(row, text, "more than the most", row->most, origin, f);
    case NUMBER_FINE:
        break;
    }
    if (value > row->most)
        return out_of_bounds(row, text, "more than the most", row->most, origin, f);
    if (value < row->least)
        return out_of_bounds(row, text, "less than the least", row->least, origin, f);
    *(uint64_t *)place_of(row, values) = value;
    return OK;
}

static enum status set_bool(const struct setting *row, void *values, struct bytes text,
                            const char *origin, struct fault *f)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no",
                                                                                "off", "0"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        bool is_yes = bytes_equal_ignore_case(text, bytes_text(yes[i]));
        if (!is_yes && !bytes_equal_ignore_case(text, bytes_text(no[i])))
            continue;
        *(bool *)place_of(row, values) = is_yes;
        return OK;
    }
    return fault_set(f, INVALID_VALUE, "%s: \"%.*s\" is neither true nor false", origin,
                     BYTES_ARGS(echo(text)));
}

struct bytes setting_choice(const struct setting *row, uint64_t index)
{
    const char *at = row->choices;
    for (; index > 0; index--) {
        at = strchr(at, '|');
        if (at == NULL)
            return BYTES_NONE;
        at++;
    }
    return bytes_of(at, strcspn(at, "|"));
}

static enum status set_choice(const struct setting *row, void *values, struct bytes text,
                              const char *origin, struct fault *f)
{
    struct bytes choice;
    for (uint64_t i = 0; bytes_present(choice = setting_choice(row, i)); i++) {
        if (!bytes_equal_ignore_case(choice, text))
            continue;
        *(uint64_t *)place_of(row, values) = i;
        return OK;
    }
    return fault_set(f, INVALID_VALUE, "%s: \"%.*s\" is none of %s", origin, BYTES_ARGS(echo(text)),
                     row->choices);
}

static enum status set_text(const struct setting *row, void *values, struct bytes text,
                            const char *origin, struct fault *f)
{
    if (text.len > 0 && memchr(text.at, 0, text.len) != NULL)
        return fault_set(f, INVALID_VALUE, "%s: a text may not hold a zero byte", origin);
    /* JSON could not say it, so what is in force could not be printed. */
    if (!utf8_valid(text))
        return fault_set(f, INVALID_VALUE, "%s: the text is not UTF-8", origin);
    char *copy = mem_try(text.len + 1);
    if (copy == NULL)
        return fault_set(f, NO_MEMORY, "%s: no memory for a text of %zu bytes", origin, text.len);
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    char **place = place_of(row, values);
    mem_free(*place);
    *place = copy;
    return OK;
}

enum status setting_set(const struct setting *row, void *values, struct bytes text,
                        const char *origin, struct fault *f)
{
    switch (row->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        return set_text(row, values, text, origin, f);
    case SETTING_BOOL:
        return set_bool(row, values, text, origin, f);
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_MS:
        return set_number(row, values, text, origin, f);
    case SETTING_CHOICE:
        return set_choice(row, values, text, origin, f);
    }
    return fault_set(f, INTERNAL, "%s: a setting of no known kind", origin);
}

const struct setting *setting_find(const struct setting *rows, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(bytes_text(rows[i].name), name))
            return &rows[i];
    }
    return NULL;
}

enum status settings_set(const struct setting *rows, size_t count, void *values, struct bytes name,
                         struct bytes text, const char *origin, struct fault *f)
{
    const struct setting *row = setting_find(rows, count, name);
    if (row == NULL)
        return setting_unknown(rows, count, name, SPELT_PLAIN, name, origin, f);
    return setting_set(row, values, text, origin, f);
}

static bool is_text(const struct setting *row)
{
    return row->kind == SETTING_TEXT || row->kind == SETTING_SECRET;
}

enum status settings_defaults(const struct setting *rows, size_t count, void *values,
                              struct fault *f)
{
    /* All of them first: after a fault half way, settings_free must find no wild pointer. */
    for (size_t i = 0; i < count; i++) {
        must(strlen(rows[i].name) + sizeof("SLUICE_") <= SETTING_NAME_BYTES_MAX);
        if (is_text(&rows[i]))
            *(char **)place_of(&rows[i], values) = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        enum status st =
            setting_set(&rows[i], values, bytes_text(rows[i].standard), rows[i].name, f);
        if (st != OK)
            return st;
    }
    return OK;
}

void settings_free(const struct setting *rows, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_text(&rows[i]))
            continue;
        char **place = place_of(&rows[i], values);
        mem_free(*place);
        *place = NULL;
    }
}
