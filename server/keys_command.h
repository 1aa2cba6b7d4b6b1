/* keys_command.h: `sluice keys add | list | remove`: the access keys, whether or not a server runs.
 */
#ifndef SLUICE_SERVER_KEYS_COMMAND_H
#define SLUICE_SERVER_KEYS_COMMAND_H

#include "base/buf.h"

/* argv[0] is the first word after `keys`. Returns the exit code: 0, 1 failed, 2 not understood. */
int keys_command(int argc, char **argv, char *const *environment);
void keys_command_help(struct buf *out);

#endif
