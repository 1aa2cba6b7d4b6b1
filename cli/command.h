/* command.h: what a command is, as data: one table (command_table.c) drives parsing, help, completion and the check of docs/CLI.md; and
 * a command as typed. Thread: main. */
#ifndef SLUICE_CLI_COMMAND_H
#define SLUICE_CLI_COMMAND_H

#include "cli/cli.h"

#include <stddef.h>
#include <stdint.h>

enum option_kind { OPTION_SWITCH, OPTION_TEXT, OPTION_NUMBER };

/* `member`: where in the request of an ask (ask.h) it goes, as "StreamModeDetails.StreamMode"; NULL: the command looks at it itself. */
struct option {
    const char *name;  /* "shards": typed as --shards; NULL ends a list */
    const char *value; /* "N": how help names its value; NULL for switches */
    const char *what;
    enum option_kind kind;
    uint64_t min, max; /* of numbers; max 0: any */
    const char *member;
};

struct argument {
    const char *name; /* "STREAM"; NULL ends a list */
    const char *member;
    bool optional, many; /* many: only the last */
    bool number;
};

struct invocation;
struct ask;

struct command {
    const char *group; /* "stream"; NULL: the name stands alone */
    const char *name;
    const char *what;
    const struct argument *arguments; /* NULL: none */
    const struct option *options;     /* NULL: none but the common ones */
    const char *examples;             /* lines */
    int (*run)(struct invocation *words);
    const struct ask *ask; /* of those that are one request */
};

extern const struct command command_table[];
extern const size_t command_count;
extern const struct option common_options[];

enum { ARGUMENTS_MAX = 64, OPTIONS_MAX = 32 };

struct invocation {
    const struct command *command;
    const char *arguments[ARGUMENTS_MAX];
    unsigned argument_count;
    struct {
        const struct option *option;
        const char *text;
        uint64_t number;
    } given[OPTIONS_MAX];
    unsigned given_count;
};

/* CLI_DONE: *words holds it. Otherwise it said why on stderr. argv[0] is the command's first word. `help_wanted`: print the help of
 * what was found (words->command, or the group argv[0]) and nothing else. */
enum cli_exit command_parse(int argc, char **argv, struct invocation *words, bool *help_wanted);

/* The option as given, or NULL; the last when it was given twice. `name` without dashes. */
const char *invocation_text(const struct invocation *words, const char *name);
bool invocation_has(const struct invocation *words, const char *name);
uint64_t invocation_number(const struct invocation *words, const char *name, uint64_t otherwise);

void help_print_command(const struct command *command);
void help_print_group(const char *group, FILE *to);

#endif
