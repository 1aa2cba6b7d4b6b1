/* dispatch_internal.h: what the parts of the dispatch share. */
#ifndef SLUICE_SDK_DISPATCH_INTERNAL_H
#define SLUICE_SDK_DISPATCH_INTERNAL_H

#include "consumer-sdk/dispatch.h"

enum { DISPATCH_AGAIN_US = 10000 }; /* after an allocation failed */

/* A packed parcel that lies in another shard than it was packed for. */
struct stray {
    struct list node;
    struct parcel *parcel;
    uint64_t ask; /* the listing that will tell: one that began after it came back */
    char shard_id[SHARD_ID_TEXT_BYTES], sequence_number[SHARD_ID_TEXT_BYTES + 1];
};

/* Completes one record of the parcel. */
void dispatch_deliver(struct dispatch *d, const struct parcel *p, uint32_t place,
                      const struct sluice_delivered *result, uint64_t now_us);
/* Completes all of it with the error, and frees it. It is in no list. */
void dispatch_fail(struct dispatch *d, struct parcel *p, const struct sluice_error *error,
                   uint64_t now_us);
/* Likewise with what is behind it in its shard, when order is to be kept. */
void dispatch_fail_with_those_behind(struct dispatch *d, struct parcel *p, struct shard_queue *q,
                                     const struct sluice_error *error, uint64_t now_us);
/* Completes all of the list. */
void dispatch_fail_all(struct dispatch *d, struct list *parcels, const struct sluice_error *error,
                       uint64_t now_us);
struct sluice_error dispatch_error(enum sluice_status status, const char *message);
/* To the queue of its shard, as the newest; or to the unrouted. */
void dispatch_route(struct dispatch *d, struct parcel *p);
/* In order, to the queue that it belongs to. */
void dispatch_return(struct dispatch *d, struct parcel *p);
void dispatch_activate(struct dispatch *d, struct shard_queue *q);
/* A map that waits comes into force, when nothing is on its way to a shard that it does not have. */
void dispatch_try_map(struct dispatch *d, uint64_t now_us);
/* It may be stored, and the service would know it again: it is sent as it is, wherever that may be, before its shard's queue ends (P5). */
static inline bool dispatch_must_stay_whole(const struct parcel *p)
{
    return p && p->entries && p->unknown && p->number;
}
/* It is stored in a shard that it was not packed for. Nothing of its queue goes until a map says where its records belong. */
void dispatch_stray(struct dispatch *d, struct shard_queue *q, struct parcel *p,
                    const struct put_result *result, uint64_t now_us);
void dispatch_forget_closed(struct dispatch *d);
/* A map is wanted at once. */
void dispatch_map_is_old(struct dispatch *d);

#endif
