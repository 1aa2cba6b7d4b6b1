/* s3_client.h: one signed request to an S3 server at a time; many may be under way.
 *
 * Credentials are looked for when there are none, and anew after the server refused them. Thread: the loop's. */
#ifndef SLUICE_DELIVERY_S3_CLIENT_H
#define SLUICE_DELIVERY_S3_CLIENT_H

#include "delivery/destination.h"
#include "delivery/engine.h"
#include "wire/credentials.h"
#include "wire/sigv4.h"
#include "wire/uri.h"

struct s3_client {
    const struct delivery_engine_settings *settings;
    struct web *web;
    const struct clock *clock;
    struct scope scope; /* its region, unless a setting says another */
    bool have;          /* credentials */
    struct credentials credentials;
    char key_day[9]; /* of `key`; "": none */
    uint8_t key[SIGV4_KEY_BYTES];
};
/* INVALID_ARGUMENT: the endpoint is not a URL. */
enum status s3_client_init(struct s3_client *c, const struct destination_settings *s,
                           struct fault *f) MUST_USE;
void s3_client_fini(struct s3_client *c);

struct s3_request {
    const char *method, *bucket, *key; /* key NULL: the bucket itself */
    const char *query;                 /* as sent, sorted or not; "" */
    struct bytes body;
    const char *kms_key; /* NULL: none */
};

enum s3_outcome { S3_DONE, S3_FAILED };
struct s3_call {
    struct web_call web;
    struct arena arena; /* of what the request points to, and of what is read of the answer */
    void (*done)(struct s3_call *);
    void *owner;
    struct s3_client *client;
    bool under_way;
    /* set before done */
    enum s3_outcome outcome;
    char code[80]; /* FAILED: "S3.NoSuchBucket" */
    char why[256]; /* FAILED: a sentence, without secrets */
};
/* done comes later, never before it returns. What stands in *r must stay until done. NOT_FOUND, INVALID_VALUE: no credentials; NO_MEMORY. */
enum status s3_call_start(struct s3_client *client, struct s3_call *c, const struct s3_request *r,
                          struct fault *f) MUST_USE;
/* After done; or before, and then done does not come. Fine when it never began. */
void s3_call_end(struct s3_call *c);

#endif
