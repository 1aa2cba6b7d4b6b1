/* group_request.h: what operations on consumer groups share: the stream that is meant, and a command to the keeper (group_keeper.h), as
 * request.c has them for streams. Thread: the exchange's loop. */
#ifndef SLUICE_API_GROUP_REQUEST_H
#define SLUICE_API_GROUP_REQUEST_H

#include "api/group_keeper.h"
#include "api/operations.h"
#include "wire/model/sluice.h"

struct group_request {
    struct group_command command;
    struct exchange *exchange;
    const void *input;
    void (*answer)(struct group_request *); /* when it is OK; NULL: 200 with an empty body */
};

/* Which group of which stream: as all these operations say it. */
struct group_asked {
    struct bytes stream_name, stream_arn, group; /* no group: GROUP_LIST */
};
/* In the arena, with the view of the stream, which the caller may touch and which is there; NULL, and answered, when not so. End it by
 * group_request_run or group_request_refuse. */
struct group_request *group_request_new(const struct service *s, struct exchange *x,
                                        enum group_verb verb, const struct group_asked *asked);
void group_request_run(const struct service *s, struct group_request *r);
void group_request_refuse(struct group_request *r, const struct fault *f);
/* A copy that ends in a NUL, in the arena; NULL: no room. */
const char *group_request_text(struct exchange *x, struct bytes text);
/* A checkpoint as it was sent. Whether it could be the shard's: INVALID_ARGUMENT when it is a sequence number of another one. */
enum status group_request_checkpoint(const struct group_request *r, struct bytes shard_id,
                                     struct bytes sequence, struct opt_int sub,
                                     struct checkpoint *out, struct fault *f) MUST_USE;
/* As they are shown: leases, in the arena; an absent list when there was no room. */
struct sluice_group_lease_list group_leases_describe(const struct group_request *r,
                                                     bool with_owner);

#endif
