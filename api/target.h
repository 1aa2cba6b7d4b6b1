/* target.h: which operation of which service an X-Amz-Target names: "Kinesis_20131202.PutRecord". Thread: any. */
#ifndef SLUICE_API_TARGET_H
#define SLUICE_API_TARGET_H

#include "api/operations.h"

struct operation_row {
    struct bytes name;
    const struct operation_model *model;
    operation_fn *run;
    enum exchange_service service;
};

/* NULL when there is none, or it is not served here. */
const struct operation_row *target_row(const struct service *s, struct bytes target);
/* The operations of Kinesis, of Firehose and of consumer groups have places from 0, in that order: they are measured, and faults may be
 * injected into them. Others have none. */
size_t target_places(void);
bool target_place(const struct operation_row *row, size_t *place);
const struct operation_row *target_row_at(size_t place);

#endif
