/* command.c: words to a command and its options, by the table.
 *
 * I1. What is not understood is refused before anything is done, with the nearest known word when one is near. */
#include "cli/command.h"

#include "base/bytes.h"

#include <string.h>

/* ---- the table ---- */

bool cli_has(const char *word)
{
    for (size_t i = 0; i < command_count; i++) {
        const char *first = command_table[i].group ? command_table[i].group : command_table[i].name;
        if (strcmp(first, word) == 0)
            return true;
    }
    return false;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < command_count; i++) {
        if (command_table[i].group && strcmp(command_table[i].group, word) == 0)
            return true;
    }
    return false;
}

static const struct command *find(const char *group, const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        bool same = group ? c->group && strcmp(c->group, group) == 0 : c->group == NULL;
        if (same && strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

/* ---- complaints ---- */

/* How many letters two words have in common at the same place from either end. */
static size_t likeness(const char *a, const char *b)
{
    size_t front = 0, back = 0, a_len = strlen(a), b_len = strlen(b);
    while (front < a_len && front < b_len && a[front] == b[front])
        front++;
    while (back + front < a_len && back + front < b_len &&
           a[a_len - 1 - back] == b[b_len - 1 - back])
        back++;
    return front + back;
}

const char *cli_nearer(const char *word, const char *name, const char *other)
{
    size_t like = likeness(word, name);
    if (like * 2 < strlen(name) || (other && like <= likeness(word, other)))
        return other;
    return name;
}

const char *cli_nearest(const char *word)
{
    const char *near = NULL;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        near = cli_nearer(word, c->group ? c->group : c->name, near);
    }
    return near;
}

static enum cli_exit complain_of_command(const char *group, const char *name)
{
    const char *near = NULL;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        if (c->group && strcmp(c->group, group) == 0)
            near = cli_nearer(name, c->name, near);
    }
    fprintf(stderr, "sluice %s: there is no \"%.80s\"", group, name);
    if (near)
        fprintf(stderr, "; is it \"%s\"?", near);
    fprintf(stderr, "\nTry: sluice %s --help\n", group);
    return CLI_MISUSED;
}

static void say_command(const struct command *c)
{
    fprintf(stderr, "sluice %s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
}

static enum cli_exit complain(const struct command *c, const char *what, const char *word)
{
    say_command(c);
    fprintf(stderr, ": %s%.80s\nTry: sluice %s%s%s --help\n", what, word, c->group ? c->group : "",
            c->group ? " " : "", c->name);
    return CLI_MISUSED;
}

static const char *nearest(const struct option *options, const char *name, const char *near)
{
    for (const struct option *o = options; o && o->name; o++)
        near = cli_nearer(name, o->name, near);
    return near;
}

static enum cli_exit complain_of_option(const struct command *c, const char *name, size_t len)
{
    char word[80];
    snprintf(word, sizeof(word), "%.*s", (int)(len < 79 ? len : 79), name);
    const char *near = nearest(common_options, word, nearest(c->options, word, NULL));
    say_command(c);
    fprintf(stderr, ": there is no option --%s", word);
    if (near)
        fprintf(stderr, "; is it --%s?", near);
    fprintf(stderr, "\nTry: sluice %s%s%s --help\n", c->group ? c->group : "", c->group ? " " : "",
            c->name);
    return CLI_MISUSED;
}

/* ---- options ---- */

static const struct option *option_find(const struct option *options, const char *name, size_t len)
{
    for (const struct option *o = options; o && o->name; o++) {
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    }
    return NULL;
}

static enum cli_exit take_number(const struct command *c, const struct option *o, const char *text,
                                 uint64_t *number)
{
    char words[160];
    bool fine = bytes_to_u64(bytes_text(text), number) && *number >= o->min &&
                (o->max == 0 || *number <= o->max);
    if (fine)
        return CLI_DONE;
    if (o->max != 0)
        snprintf(words, sizeof(words), "--%s takes a whole number from %llu to %llu, not ", o->name,
                 (unsigned long long)o->min, (unsigned long long)o->max);
    else
        snprintf(words, sizeof(words), "--%s takes a whole number of %llu or more, not ", o->name,
                 (unsigned long long)o->min);
    return complain(c, words, text);
}

/* argv[*at] begins with "--". */
static enum cli_exit take_option(struct invocation *w, int argc, char **argv, int *at)
{
    const struct command *c = w->command;
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *o = option_find(c->options, name, len);
    if (o == NULL)
        o = option_find(common_options, name, len);
    if (o == NULL)
        return complain_of_option(c, name, len);
    if (w->given_count == OPTIONS_MAX)
        return complain(c, "too many options", "");
    const char *value = equals ? equals + 1 : NULL;
    if (o->kind == OPTION_SWITCH && value)
        return complain(c, "this option takes no value: --", o->name);
    if (o->kind != OPTION_SWITCH && value == NULL) {
        if (*at + 1 >= argc)
            return complain(c, "this option wants a value: --", o->name);
        value = argv[++*at];
    }
    w->given[w->given_count].option = o;
    w->given[w->given_count].text = value ? value : "";
    if (o->kind == OPTION_NUMBER &&
        take_number(c, o, value, &w->given[w->given_count].number) != CLI_DONE)
        return CLI_MISUSED;
    w->given_count++;
    return CLI_DONE;
}

/* ---- arguments ---- */

static enum cli_exit check_arguments(const struct invocation *w)
{
    const struct command *c = w->command;
    unsigned at = 0;
    const struct argument *a = c->arguments;
    for (; a && a->name; a++) {
        if (at >= w->argument_count && !a->optional)
            return complain(c, "this is missing: ", a->name);
        if (a->many)
            return CLI_DONE;
        uint64_t number;
        if (at < w->argument_count && a->number &&
            !bytes_to_u64(bytes_text(w->arguments[at]), &number))
            return complain(c, "this is no whole number: ", w->arguments[at]);
        at++;
    }
    if (at < w->argument_count)
        return complain(c, "this is one word too many: ", w->arguments[at]);
    return CLI_DONE;
}

static enum cli_exit take_argument(struct invocation *w, const char *word)
{
    if (w->argument_count == ARGUMENTS_MAX)
        return complain(w->command, "too many words, from: ", word);
    w->arguments[w->argument_count++] = word;
    return CLI_DONE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

enum cli_exit command_parse(int argc, char **argv, struct invocation *words, bool *help_wanted)
{
    int at = 1;
    *words = (struct invocation){0};
    *help_wanted = false;
    if (is_group(argv[0])) {
        *help_wanted = argc > 1 && is_help(argv[1]);
        if (*help_wanted)
            return CLI_DONE;
        if (argc < 2) {
            help_print_group(argv[0], stderr);
            return CLI_MISUSED;
        }
        words->command = find(argv[0], argv[at++]);
        if (words->command == NULL)
            return complain_of_command(argv[0], argv[1]);
    } else {
        words->command = find(NULL, argv[0]);
    }
    bool only_arguments = false;
    enum cli_exit done = CLI_DONE;
    for (; at < argc && done == CLI_DONE; at++) {
        if (!only_arguments && is_help(argv[at])) {
            *help_wanted = true;
            return CLI_DONE;
        }
        if (!only_arguments && strcmp(argv[at], "--") == 0)
            only_arguments = true;
        else if (!only_arguments && strncmp(argv[at], "--", 2) == 0)
            done = take_option(words, argc, argv, &at);
        else
            done = take_argument(words, argv[at]);
    }
    return done == CLI_DONE ? check_arguments(words) : done;
}

/* ---- what was given ---- */

static int given_index(const struct invocation *words, const char *name)
{
    for (unsigned i = words->given_count; i-- > 0;) {
        if (strcmp(words->given[i].option->name, name) == 0)
            return (int)i;
    }
    return -1;
}

const char *invocation_text(const struct invocation *words, const char *name)
{
    int i = given_index(words, name);
    return i < 0 ? NULL : words->given[i].text;
}

bool invocation_has(const struct invocation *words, const char *name)
{
    return given_index(words, name) >= 0;
}

uint64_t invocation_number(const struct invocation *words, const char *name, uint64_t otherwise)
{
    int i = given_index(words, name);
    return i < 0 ? otherwise : words->given[i].number;
}
