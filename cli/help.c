/* help.c: help, out of the table of commands. */
#include "cli/command.h"

#include <string.h>

enum { NAME_COLUMN = 30 };

static void print_arguments(const struct argument *a, FILE *to)
{
    for (; a && a->name; a++)
        fprintf(to, a->optional ? " [%s%s]" : " %s%s", a->name, a->many ? "..." : "");
}

static void print_options(const struct option *o)
{
    for (; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-*s %s\n", NAME_COLUMN, left, o->what);
    }
}

void help_print_command(const struct command *c)
{
    printf("sluice %s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
    print_arguments(c->arguments, stdout);
    printf("%s: %s\n", c->options ? " [options]" : "", c->what);
    if (c->examples)
        printf("\nExamples:\n%s", c->examples);
    if (c->options) {
        fputs("\nOptions:\n", stdout);
        print_options(c->options);
    }
    fputs("\nWhere and who:\n", stdout);
    print_options(common_options);
    fputs("\nExit codes: 0 done, 1 failed, 2 not understood, 3 some records failed, 4 not there, 5 "
          "not allowed.\n",
          stdout);
}

void help_print_group(const char *group, FILE *to)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        if (c->group == NULL || strcmp(c->group, group) != 0)
            continue;
        int column = fprintf(to, "  sluice %s %s", c->group, c->name);
        for (const struct argument *a = c->arguments; a && a->name; a++)
            column += fprintf(to, a->optional ? " [%s]" : " %s", a->name);
        fprintf(to, "%*s %s\n", column < 48 ? 48 - column : 0, "", c->what);
    }
    fprintf(to, "\nMore: sluice %s COMMAND --help\n", group);
}

/* Groups come as one line, with their names in the order of the table. */
void cli_list(FILE *to)
{
    const char *group = NULL;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        if (c->group == NULL) {
            fprintf(to, "%s  sluice %-10s %s", group ? "\n" : "", c->name, c->what);
            fputs("\n", to);
            group = NULL;
        } else if (group && strcmp(group, c->group) == 0) {
            fprintf(to, "|%s", c->name);
        } else {
            fprintf(to, "%s  sluice %-10s %s", group ? "\n" : "", c->group, c->name);
            group = c->group;
        }
    }
    if (group)
        fputs("\n", to);
}
