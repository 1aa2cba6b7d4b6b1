/* delivery_request.h: what operations on delivery streams share: the one that is meant, and a command to delivery-control, as request.c has them
 * for streams. Thread: the exchange's loop. */
#ifndef SLUICE_API_DELIVERY_REQUEST_H
#define SLUICE_API_DELIVERY_REQUEST_H

#include "api/operations.h"
#include "delivery/delivery_control.h"
#include "wire/model/firehose.h"

/* The caller's delivery stream of that name; both referenced. NOT_FOUND. */
enum status request_delivery(const struct service *s, const struct exchange *x, struct bytes name,
                             struct delivery **d, struct delivery_view **v,
                             struct fault *f) MUST_USE;

/* A command for an exchange; when it is done, `answer` answers, or the fault is. */
struct delivery_request {
    struct delivery_command command;
    struct exchange *exchange;
    void (*answer)(struct delivery_request *);
};
/* In the arena, about that delivery stream of the caller's; NULL, and answered, when there was no room. */
struct delivery_request *delivery_request_new(struct exchange *x, enum delivery_verb verb,
                                              struct bytes name,
                                              void (*answer)(struct delivery_request *));
void delivery_request_run(const struct service *s, struct delivery_request *r);

#endif
