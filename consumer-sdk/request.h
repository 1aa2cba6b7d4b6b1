/* request.h: one request: encoded once, signed anew for each attempt. Thread: one at a time, whoever is in the client. */
#ifndef SLUICE_CONSUMER_SDK_REQUEST_H
#define SLUICE_CONSUMER_SDK_REQUEST_H

#include "base/digest.h"
#include "consumer-sdk/client.h"

enum { REQUEST_HEADERS_MAX = 8, REQUEST_ARENA_BYTES_MAX = 256 * 1024 };
/* When that is allowed, blobs of at least so many bytes, at most so many of them, are sent from where they are; but not those of a small body, which
 * libcurl sends in one go with the head, and once more on another connection when a kept one turns out to be dead. */
enum {
    REQUEST_BLOB_BYTES_MIN = 8 * 1024,
    REQUEST_BLOBS_MAX = 64,
    REQUEST_PIECES_BYTES_MIN = 64 * 1024
};

struct request {
    struct sluice_client *client;
    const struct sluice_operation *operation;
    bool cbor;
    struct buf body;                   /* but for what is left where it is */
    struct rope sent;                  /* all of it */
    struct bytes one;                  /* its piece, if that is all */
    uint8_t body_sha256[SHA256_BYTES]; /* once it has been digested */
    bool is_digested;
    struct arena kept;    /* the caller's headers, and the pieces of `sent` */
    struct arena attempt; /* what one attempt's head is made of */
    struct sigv4_header extra[REQUEST_HEADERS_MAX];
    unsigned extra_count;
};

/* Checks the input against its model and encodes it. While the client is corked, what the input views must stay until request_fini. Only request_fini may follow a failure.
 * SLUICE_INVALID_ARGUMENT, SLUICE_NO_MEMORY. */
enum sluice_status request_init(struct request *r, struct sluice_client *client,
                                const struct sluice_operation *operation, const void *input,
                                size_t input_size, const struct sluice_call_options *options,
                                struct sluice_error *error);
/* Digests the bodies of both: signing does it otherwise, but one after the other takes longer. */
void request_digest_pair(struct request *a, struct request *b);
/* Signs it for now and puts it into *call, which borrows from it until the next request_sign or request_fini.
 * SLUICE_CREDENTIALS, SLUICE_NO_MEMORY. */
enum sluice_status request_sign(struct request *r, struct web_call *call,
                                struct sluice_error *error);
void request_fini(struct request *r);

#endif
