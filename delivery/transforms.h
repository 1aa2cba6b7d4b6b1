/* transforms.h: which functions there are, and where: what an operator lists. API callers can only name one of these (LambdaArn).
 *
 *   --transforms FILE       {"name": {"url": "http://..."}, "other": {"command": ["python3", "x.py"], "timeoutSeconds": 30}}
 *   --lambda-endpoint URL   every other name: a server that speaks Lambda's Invoke
 *
 * Fixed once open. Thread: any. */
#ifndef SLUICE_DELIVERY_TRANSFORMS_H
#define SLUICE_DELIVERY_TRANSFORMS_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    TRANSFORM_NAME_BYTES_MAX = 140,
    TRANSFORM_TIMEOUT_MS = 5 * 60 * 1000, /* Lambda's, as Firehose has it */
    TRANSFORMS_FILE_BYTES_MAX = 1024 * 1024,
    TRANSFORMS_MAX = 1000,
    TRANSFORM_WORDS_MAX = 64
};

struct transform_target {
    char *name;
    char *url;      /* NULL: a command */
    char **command; /* NULL-terminated */
    bool
        is_lambda; /* url: of a server that speaks Lambda's Invoke, signed when there are credentials */
    uint64_t timeout_ms;
};

struct transforms;
/* "" for none. Reads the file: INVALID_VALUE says what is wrong in it. */
enum status transforms_open(const char *file, const char *lambda_endpoint, struct transforms **out,
                            struct fault *f) MUST_USE;
void transforms_close(struct transforms *t);
/* The function's name in "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]"; absent when it is no such ARN. */
struct bytes transform_name(struct bytes arn, struct bytes *qualifier);
/* What runs a LambdaArn: filled, with its text in `url` where that is made for the occasion. NOT_FOUND. `t` may be NULL. */
enum { TRANSFORM_URL_BYTES = 2048 };
enum status transforms_find(const struct transforms *t, struct bytes arn,
                            struct transform_target *out, char url[TRANSFORM_URL_BYTES]) MUST_USE;

#endif
