/* cli.c: a command, from its words to its exit code. */
#include "cli/cli.h"

#include "cli/ask.h"
#include "cli/command.h"

#include <errno.h>
#include <signal.h>

/* A reader that went away (C3) is no failure; a full disk is. */
static int finish(int code)
{
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || errno == EPIPE || code != CLI_DONE)
        return code;
    fputs("sluice: the output could not be written\n", stderr);
    return CLI_FAILED;
}

int cli_run(int argc, char **argv)
{
    static struct invocation words;
    bool help_wanted;
    enum cli_exit understood = command_parse(argc, argv, &words, &help_wanted);
    if (understood != CLI_DONE)
        return (int)understood;
    if (help_wanted && words.command == NULL)
        help_print_group(argv[0], stdout);
    else if (help_wanted)
        help_print_command(words.command);
    if (help_wanted)
        return finish(CLI_DONE);
    signal(SIGPIPE, SIG_IGN);
    return finish(words.command->ask ? ask_run(&words) : words.command->run(&words));
}
