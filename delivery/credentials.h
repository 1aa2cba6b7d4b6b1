/* credentials.h: with what requests to S3 are signed: settings, else the environment, else a profile of ~/.aws/credentials.
 *
 * The file's place is AWS_SHARED_CREDENTIALS_FILE, else $HOME/.aws/credentials; the profile AWS_PROFILE, else "default". Nothing here is ever traced (F7).
 * Thread: any; reading the file blocks on the disk, which is why it is read when credentials are needed anew and not for each request. */
#ifndef SLUICE_DELIVERY_CREDENTIALS_H
#define SLUICE_DELIVERY_CREDENTIALS_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    CREDENTIALS_KEY_BYTES = 132,
    CREDENTIALS_SECRET_BYTES = 132,
    CREDENTIALS_TOKEN_BYTES = 4100,
    CREDENTIALS_FILE_BYTES_MAX = 256 * 1024
};

struct credentials {
    char access_key[CREDENTIALS_KEY_BYTES], secret_key[CREDENTIALS_SECRET_BYTES];
    char token[CREDENTIALS_TOKEN_BYTES]; /* "": none */
};

struct credentials_from {
    const char *access_key, *secret_key;       /* settings: both, or "" */
    const char *(*variable)(const char *name); /* the environment; NULL: the process's */
};
/* NOT_FOUND: there are none, and where they were looked for. */
enum status credentials_find(const struct credentials_from *from, struct credentials *out,
                             struct fault *f) MUST_USE;
/* A profile of an INI file as the AWS CLI writes it. NOT_FOUND; INVALID_VALUE: a value is too long, or a key lacks its secret. */
enum status credentials_parse(struct bytes file, struct bytes profile, struct credentials *out,
                              struct fault *f) MUST_USE;
void credentials_wipe(struct credentials *c);

#endif
