/* settings_source.c: where settings come from: a JSON file, the environment, the command line.
 *
 * Each source is read strictly: a name that no row has is refused, since a setting that is silently
 * ignored is worse than one that stops the start. The nearest known name is offered, by edit
 * distance.
 *
 * I1. A fault never repeats a text setting, which may be a secret, nor the file around an error.
 *
 * Left to others: what a value means (settings.c), the order of the sources (the caller's).
 * Thread: its caller's. */
#include "base/file.h"
#include "base/limits.h"
#include "base/settings_internal.h"

#include <jansson.h>
#include <stdio.h>

enum { ORIGIN_BYTES_MAX = 256, NAME_ECHO_BYTES_MAX = 80 };

/* Origins are cut rather than refused: they are only for reading. */
#define PRINT_CUT(out, ...)                                                                        \
    ((void)(snprintf(out, sizeof(out), __VA_ARGS__) < 0 ? (out)[0] = '\0' : 0))

static uint8_t spell_byte(char c, enum setting_spelling spelling)
{
    if (spelling != SPELT_ENVIRONMENT)
        return (uint8_t)c;
    if (c == '-')
        return '_';
    return (uint8_t)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

void setting_spell(const struct setting *row, enum setting_spelling spelling,
                   char out[SETTING_NAME_BYTES_MAX])
{
    static const char *const prefixes[] = {"", "--", "SLUICE_"};
    size_t at = strlen(prefixes[spelling]);
    memcpy(out, prefixes[spelling], at);
    for (const char *c = row->name; *c != '\0' && at < SETTING_NAME_BYTES_MAX - 1; c++)
        out[at++] = (char)spell_byte(*c, spelling);
    out[at] = '\0';
}

/* How many letters to add, drop or change to make one name of the other. Both are short. */
static size_t edit_distance(struct bytes a, struct bytes b)
{
    size_t row[SETTING_NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t change = diagonal + (a.at[i] != b.at[j]);
            diagonal = row[j + 1];
            size_t drop = row[j + 1] + 1, insert = row[j] + 1;
            size_t least = drop < insert ? drop : insert;
            row[j + 1] = least < change ? least : change;
        }
    }
    return row[b.len];
}

static const struct setting *nearest(const struct setting *rows, size_t count, struct bytes name)
{
    const struct setting *best = NULL;
    size_t best_distance = name.len / 3 + 2; /* further off it would be a guess */
    if (name.len > SETTING_NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(name, bytes_text(rows[i].name));
        if (distance < best_distance) {
            best = &rows[i];
            best_distance = distance;
        }
    }
    return best;
}

enum status setting_unknown(const struct setting *rows, size_t count, struct bytes name,
                            enum setting_spelling spelling, struct bytes written,
                            const char *origin, struct fault *f)
{
    int length = written.len > NAME_ECHO_BYTES_MAX ? NAME_ECHO_BYTES_MAX : (int)written.len;
    const struct setting *near = nearest(rows, count, name);
    if (near == NULL)
        return fault_set(f, INVALID_ARGUMENT, "%s: there is no setting %.*s", origin, length,
                         (const char *)written.at);
    char suggestion[SETTING_NAME_BYTES_MAX];
    setting_spell(near, spelling, suggestion);
    return fault_set(f, INVALID_ARGUMENT, "%s: there is no setting %.*s; did you mean %s?", origin,
                     length, (const char *)written.at, suggestion);
}

static enum status set_from_json(const struct setting *row, void *values, const json_t *value,
                                 const char *origin, struct fault *f)
{
    char digits[24];
    if (json_is_string(value))
        return setting_set(
            row, values, bytes_of(json_string_value(value), json_string_length(value)), origin, f);
    if (json_is_boolean(value) && row->kind == SETTING_BOOL)
        return setting_set(row, values, bytes_text(json_is_true(value) ? "true" : "false"), origin,
                           f);
    bool is_number =
        row->kind == SETTING_COUNT || row->kind == SETTING_BYTES || row->kind == SETTING_MS;
    if (json_is_integer(value) && is_number) {
        snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return setting_set(row, values, bytes_text(digits), origin, f);
    }
    const char *expected = row->kind == SETTING_BOOL ? "true or false"
                           : is_number               ? "a whole number or a string"
                                                     : "a string";
    return fault_set(f, INVALID_VALUE, "%s: the value must be %s", origin, expected);
}

static enum status walk_json(const struct setting *rows, size_t count, void *values, json_t *object,
                             const char *origin, struct fault *f)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct setting *row = setting_find(rows, count, bytes_text(name));
        if (row == NULL)
            return setting_unknown(rows, count, bytes_text(name), SPELT_PLAIN, bytes_text(name),
                                   origin, f);
        char place[ORIGIN_BYTES_MAX];
        PRINT_CUT(place, "%s: %s", origin, name);
        enum status st = set_from_json(row, values, value, place, f);
        if (st != OK)
            return st;
    }
    return OK;
}

enum status settings_from_json(const struct setting *rows, size_t count, void *values,
                               struct bytes json, const char *origin, struct fault *f)
{
    json_error_t error;
    json_t *root = json_loadb(json.len == 0 ? "" : (const char *)json.at, json.len,
                              JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        /* jansson tells what stood there after the word "near": that may be a secret, I1 */
        const char *near = strstr(error.text, " near ");
        int length = near == NULL ? (int)strlen(error.text) : (int)(near - error.text);
        return fault_set(f, MALFORMED, "%s: not JSON at line %d, column %d: %.*s", origin,
                         error.line, error.column, length, error.text);
    }
    enum status st = json_is_object(root)
                         ? walk_json(rows, count, values, root, origin, f)
                         : fault_set(f, MALFORMED, "%s: not a JSON object of settings", origin);
    json_decref(root);
    return st;
}

enum status settings_from_file(const struct setting *rows, size_t count, void *values,
                               const char *path, struct fault *f)
{
    struct buf content;
    buf_init(&content, SETTINGS_FILE_BYTES_MAX);
    enum status st = file_read(path, &content, f);
    if (st == OK)
        st = settings_from_json(rows, count, values, buf_view(&content), path, f);
    buf_fini(&content);
    return st;
}

/* The row that this variable sets, or NULL. */
static const struct setting *row_of_variable(const struct setting *rows, size_t count,
                                             struct bytes variable)
{
    for (size_t i = 0; i < count; i++) {
        char spelt[SETTING_NAME_BYTES_MAX];
        setting_spell(&rows[i], SPELT_ENVIRONMENT, spelt);
        if (bytes_equal(bytes_text(spelt), variable))
            return &rows[i];
    }
    return NULL;
}

/* Turns SLUICE_LISTEN_PROT into listen-prot, to look for the nearest name. */
static enum status unknown_variable(const struct setting *rows, size_t count, struct bytes variable,
                                    struct fault *f)
{
    char plain[SETTING_NAME_BYTES_MAX];
    size_t prefix = strlen("SLUICE_"), length = 0;
    for (size_t i = prefix; i < variable.len && length < sizeof(plain); i++) {
        uint8_t c = variable.at[i];
        plain[length++] = (char)(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return setting_unknown(rows, count, bytes_of(plain, length), SPELT_ENVIRONMENT, variable,
                           "environment", f);
}

enum status settings_from_environment(const struct setting *rows, size_t count, void *values,
                                      char *const *environment, struct fault *f)
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals == NULL || strncmp(*environment, "SLUICE_", strlen("SLUICE_")) != 0)
            continue;
        struct bytes variable = bytes_of(*environment, (size_t)(equals - *environment));
        const struct setting *row = row_of_variable(rows, count, variable);
        if (row == NULL)
            return unknown_variable(rows, count, variable, f);
        char origin[SETTING_NAME_BYTES_MAX];
        setting_spell(row, SPELT_ENVIRONMENT, origin);
        enum status st = setting_set(row, values, bytes_text(equals + 1), origin, f);
        if (st != OK)
            return st;
    }
    return OK;
}

/* One flag and, if it wants one that stands apart, its value; *at moves past them. */
static enum status read_flag(const struct setting *rows, size_t count, void *values, int argc,
                             char *const *argv, int *at, struct fault *f)
{
    struct bytes word = bytes_text(argv[(*at)++]);
    const uint8_t *equals = memchr(word.at, '=', word.len);
    struct bytes flag = bytes_of(word.at, equals == NULL ? word.len : (size_t)(equals - word.at));
    struct bytes name = bytes_of(flag.at + 2, flag.len - 2), text = BYTES_NONE;
    if (equals != NULL)
        text = bytes_of(equals + 1, word.len - flag.len - 1);
    const struct setting *row = setting_find(rows, count, name);
    if (row == NULL && equals == NULL && bytes_starts_with(name, BYTES_LITERAL("no-"))) {
        row = setting_find(rows, count, bytes_of(name.at + 3, name.len - 3));
        row = row != NULL && row->kind == SETTING_BOOL ? row : NULL;
        text = BYTES_LITERAL("false");
    }
    if (row == NULL)
        return setting_unknown(rows, count, name, SPELT_FLAG, flag, "command line", f);
    char origin[SETTING_NAME_BYTES_MAX];
    setting_spell(row, SPELT_FLAG, origin);
    if (!bytes_present(text) && row->kind == SETTING_BOOL)
        text = BYTES_LITERAL("true");
    if (!bytes_present(text)) {
        if (*at >= argc || strncmp(argv[*at], "--", 2) == 0)
            return fault_set(f, INVALID_ARGUMENT, "%s: a value must follow", origin);
        text = bytes_text(argv[(*at)++]);
    }
    return setting_set(row, values, text, origin, f);
}

enum status settings_from_flags(const struct setting *rows, size_t count, void *values, int argc,
                                char *const *argv, int *used, struct fault *f)
{
    enum status st = OK;
    int at = 0;
    while (st == OK && at < argc && strncmp(argv[at], "--", 2) == 0) {
        if (argv[at][2] == '\0') { /* a lone "--" ends the flags */
            at++;
            break;
        }
        st = read_flag(rows, count, values, argc, argv, &at, f);
    }
    *used = at;
    return st;
}
