/* session.h: where a command's calls go and as whom; and how it says that they failed. Thread: main. */
#ifndef SLUICE_CLI_SESSION_H
#define SLUICE_CLI_SESSION_H

#include "cli/command.h"

#include <sluice/client.h>

/* CLI_DONE: *options is set up by the common options. Otherwise it said why: nothing tells where the service is (a guess might talk to
 * AWS and cost money). */
enum cli_exit session_options(const struct invocation *words,
                              struct sluice_client_options *options);
/* CLI_DONE: *client is the caller's to free. Otherwise it said why. */
enum cli_exit session_open(const struct invocation *words, sluice_client **client);

/* One sentence on stderr, with the service's code and the request's id; the exit code that it means. `what`: "put", "stream list". */
enum cli_exit session_failed(const struct invocation *words, const struct sluice_error *error);
/* The exit code alone. */
enum cli_exit session_exit_of(const struct sluice_error *error);
/* A sentence of the command's own. Returns `exit`. */
enum cli_exit session_say(const struct invocation *words, enum cli_exit exit, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

/* --- Ctrl-C --- */

/* From now on Ctrl-C and SIGTERM set a mark and wake the client (NULL: none); a second one ends the program. */
void session_interruptible(sluice_client *client);
bool session_interrupted(void);
/* The client goes away. */
void session_forget(void);

#endif
