/* delivery_crash.c: part of programs linked with --wrap=delivery_store_submit: once the bucket's steps are used up, a crash keeps changes from the
 * disk, as it keeps objects from the bucket. */
#include "delivery/delivery_store.h"
#include "support/bucket.h"

void __real_delivery_store_submit(struct delivery_store *s, struct delivery_change *c);
void __wrap_delivery_store_submit(struct delivery_store *s, struct delivery_change *c);
void __wrap_delivery_store_submit(struct delivery_store *s, struct delivery_change *c)
{
    if (bucket_step()) {
        __real_delivery_store_submit(s, c);
        return;
    }
    c->status = IO_FAILED;
    c->done(c);
}
