/* s3_multipart.h: one object in parts: one attempt. Thread: the loop's. */
#ifndef SLUICE_DELIVERY_S3_MULTIPART_H
#define SLUICE_DELIVERY_S3_MULTIPART_H

#include "delivery/s3_client.h"

enum { S3_PART_BYTES = 8 * 1024 * 1024 };

struct s3_object {
    const char *bucket, *key, *kms_key;
    struct bytes body;
};
struct s3_multipart;
/* Begins an attempt; `done(owner, failed)` comes once, later: failed NULL, or the call that did, whose code and why tell. `sweep`: uploads of that key that an
 * earlier attempt or life left behind are aborted first. Fails as s3_call_start does. */
enum status s3_multipart_start(struct s3_client *client, const struct s3_object *o, bool sweep,
                               void (*done)(void *owner, const struct s3_call *failed), void *owner,
                               struct s3_multipart **out, struct fault *f) MUST_USE;
/* Ends it, before or after done. */
void s3_multipart_free(struct s3_multipart *m);

#endif
