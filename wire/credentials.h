/* credentials.h: with what requests to AWS's services, and their likes, are signed: what was said, else the environment, else a profile
 * of ~/.aws/credentials, else (where it is asked for) of ~/.aws/config.
 *
 * Files and profiles: wire/profile.h; the profile is AWS_PROFILE, else "default". Nothing here is ever traced (F7).
 * Thread: any; reading the file blocks on the disk, which is why it is read when credentials are needed anew and not for each request. */
#ifndef SLUICE_WIRE_CREDENTIALS_H
#define SLUICE_WIRE_CREDENTIALS_H

#include "wire/profile.h"

enum {
    CREDENTIALS_KEY_BYTES = 132,
    CREDENTIALS_SECRET_BYTES = 132,
    CREDENTIALS_TOKEN_BYTES = 4100
};

struct credentials {
    char access_key[CREDENTIALS_KEY_BYTES], secret_key[CREDENTIALS_SECRET_BYTES];
    char token[CREDENTIALS_TOKEN_BYTES]; /* "": none */
};

struct credentials_from {
    const char *access_key, *secret_key, *token; /* what was said: "" or NULL: nothing */
    const char *said_where;                      /* "the settings for S3": for words */
    const char *profile;                         /* NULL: AWS_PROFILE, else "default" */
    bool with_config;                            /* ~/.aws/config, too */
    profile_variable_fn *variable;               /* the environment; NULL: the process's */
};
/* NOT_FOUND: there are none, and where they were looked for; INVALID_VALUE, NO_MEMORY. */
enum status credentials_find(const struct credentials_from *from, struct credentials *out,
                             struct fault *f) MUST_USE;
/* A profile of a file. NOT_FOUND; INVALID_VALUE: a value is too long, or a key lacks its secret. */
enum status credentials_parse(enum profile_file which, struct bytes file, struct bytes profile,
                              struct credentials *out, struct fault *f) MUST_USE;
void credentials_wipe(struct credentials *c);

#endif
