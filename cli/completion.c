/* completion.c: completion for shells, out of the table of commands: a script that knows commands and options. Names of streams are not
 * completed: that would be a call at each press of a key. */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"

#include <string.h>

static bool is_first_of_group(size_t at)
{
    const struct command *c = &command_table[at];
    return c->group == NULL || at == 0 || command_table[at - 1].group == NULL ||
           strcmp(command_table[at - 1].group, c->group) != 0;
}

static const char *first_word(const struct command *c)
{
    return c->group ? c->group : c->name;
}

static void print_words(void)
{
    fputs("serve keys version help", stdout);
    for (size_t i = 0; i < command_count; i++) {
        if (is_first_of_group(i))
            printf(" %s", first_word(&command_table[i]));
    }
}

static void print_members(const char *group)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        if (c->group && strcmp(c->group, group) == 0)
            printf("%s ", c->name);
    }
}

static void print_options(const struct option *options)
{
    for (const struct option *o = options; o && o->name; o++)
        printf("--%s ", o->name);
}

/* ---- bash; zsh reads the same by bashcompinit ---- */

static void print_bash(void)
{
    fputs("_sluice() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    case \"$COMP_CWORD ${COMP_WORDS[1]}\" in\n"
          "    \"1 \"*) words=\"",
          stdout);
    print_words();
    fputs("\" ;;\n", stdout);
    for (size_t i = 0; i < command_count; i++) {
        if (command_table[i].group == NULL || !is_first_of_group(i))
            continue;
        printf("    \"2 %s\") words=\"", command_table[i].group);
        print_members(command_table[i].group);
        fputs("\" ;;\n", stdout);
    }
    fputs("    *)\n"
          "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          stdout);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        printf("        \"%s %s\"%s) words=\"", first_word(c), c->group ? c->name : "",
               c->group ? "" : "*");
        print_options(c->options);
        fputs("\" ;;\n", stdout);
    }
    fputs("        esac\n        words+=\" ", stdout);
    print_options(common_options);
    fputs("--help\" ;;\n"
          "    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "}\n"
          "complete -o default -F _sluice sluice\n",
          stdout);
}

/* ---- fish ---- */

/* Within single quotes. */
static void print_quoted(const char *text)
{
    fputc('\'', stdout);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', stdout);
        fputc(*text, stdout);
    }
    fputc('\'', stdout);
}

static void print_fish_options(const struct command *c)
{
    for (const struct option *o = c->options; o && o->name; o++) {
        printf("complete -c sluice -n '__fish_seen_subcommand_from %s", first_word(c));
        if (c->group)
            printf("; and __fish_seen_subcommand_from %s", c->name);
        printf("' -l %s%s -d ", o->name, o->kind == OPTION_SWITCH ? "" : " -r");
        print_quoted(o->what);
        fputc('\n', stdout);
    }
}

static void print_fish(void)
{
    fputs("complete -c sluice -n __fish_use_subcommand -f -a '", stdout);
    print_words();
    fputs("'\n", stdout);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        if (c->group) {
            printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -f -a %s -d ", c->group,
                   c->name);
            print_quoted(c->what);
            fputc('\n', stdout);
        }
        print_fish_options(c);
    }
    for (const struct option *o = common_options; o->name; o++) {
        printf("complete -c sluice -l %s%s -d ", o->name, o->kind == OPTION_SWITCH ? "" : " -r");
        print_quoted(o->what);
        fputc('\n', stdout);
    }
}

int completion_run(struct invocation *words)
{
    const char *shell = words->arguments[0];
    if (strcmp(shell, "zsh") == 0)
        fputs("autoload -U +X bashcompinit && bashcompinit\n", stdout);
    if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0)
        print_bash();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return (int)session_say(words, CLI_MISUSED, "there is bash, zsh and fish, not %.40s",
                                shell);
    return CLI_DONE;
}
