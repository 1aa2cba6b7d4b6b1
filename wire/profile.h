/* profile.h: profiles in the INI files of the AWS CLI and SDKs: ~/.aws/credentials and ~/.aws/config.
 *
 * Credentials have [name]; the config has [default] and [profile name], and settings of settings, which are indented: those are
 * passed over. Where the files are: AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE, else in $HOME/.aws.
 * Thread: any; reading a file blocks on the disk. */
#ifndef SLUICE_WIRE_PROFILE_H
#define SLUICE_WIRE_PROFILE_H

#include "base/buf.h"

enum { PROFILE_FILE_BYTES_MAX = 256 * 1024, PROFILE_PATH_BYTES = 4096 };
enum profile_file { PROFILE_CREDENTIALS, PROFILE_CONFIG };

/* The environment; NULL: the process's. */
typedef const char *profile_variable_fn(const char *name);
/* The variable's value, or "". */
const char *profile_variable(profile_variable_fn *variable, const char *name);
void profile_path(enum profile_file which, profile_variable_fn *variable,
                  char out[PROFILE_PATH_BYTES]);
/* NOT_FOUND, NO_MEMORY, IO_FAILED, TOO_LARGE. */
enum status profile_read(enum profile_file which, profile_variable_fn *variable, struct buf *out,
                         struct fault *f) MUST_USE;

bool profile_is_in(enum profile_file which, struct bytes file, struct bytes profile);
/* The last value of that name in the profile, without spaces around it; absent: none. A view of the file. */
struct bytes profile_value(enum profile_file which, struct bytes file, struct bytes profile,
                           struct bytes name);

#endif
