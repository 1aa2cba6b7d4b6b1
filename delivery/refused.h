/* refused.h: what a destination refused for good becomes error records, in one object of the error output. Thread: the lane's. */
#ifndef SLUICE_DELIVERY_REFUSED_H
#define SLUICE_DELIVERY_REFUSED_H

#include "delivery/plan.h"

struct plan;

/* Writes into its facts why its parcel was refused, and the name of the error object: a function of the plan (F3). */
enum status refused_plan(struct plan *p, struct fault *f) MUST_USE;
/* Makes the plan's cargo into error records, as its facts say. */
enum status refused_cargo(struct plan *p, struct fault *f) MUST_USE;

#endif
