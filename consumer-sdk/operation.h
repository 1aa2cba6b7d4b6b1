/* operation.h: what a `struct sluice_operation` is; and the proof that the public views and numbers lie as those of base/ and wire/ do.
 * The rows are made by wire/model/generate_sdk.py. */
#ifndef SLUICE_CONSUMER_SDK_OPERATION_H
#define SLUICE_CONSUMER_SDK_OPERATION_H

#include "wire/shape.h"

#include <sluice/client.h>

/* Each has an endpoint of its own, and a name that signatures carry. */
enum service { SERVICE_KINESIS, SERVICE_FIREHOSE, SERVICES };

/* Programs hold copies of these rows (the linker copies data of shared libraries into them): the size stays as long as the soname
 * does. What more there is to say of an operation goes into its model. */
struct sluice_operation {
    const struct operation_model *model;
    const char *target; /* X-Amz-Target */
    enum service service;
    bool has_cbor;
};
_Static_assert(sizeof(struct sluice_operation) == 2 * sizeof(void *) + 8, "programs hold copies");

/* sluice_call, for the typed functions; `output` may be NULL. In call.c. */
enum sluice_status call_and_wait(struct sluice_client *client,
                                 const struct sluice_operation *operation, const void *input,
                                 size_t input_size, sluice_reply **reply, const void **output,
                                 struct sluice_error *error);

#define OPERATION_SAME(ours, theirs, member)                                                       \
    _Static_assert(sizeof(ours) == sizeof(theirs) &&                                               \
                       offsetof(ours, member) == offsetof(theirs, member),                         \
                   "the codecs read the one as the other")
OPERATION_SAME(struct sluice_bytes, struct bytes, at);
OPERATION_SAME(struct sluice_bytes, struct bytes, len);
OPERATION_SAME(struct sluice_opt_int, struct opt_int, value);
OPERATION_SAME(struct sluice_opt_int, struct opt_int, present);
OPERATION_SAME(struct sluice_opt_double, struct opt_double, value);
OPERATION_SAME(struct sluice_opt_double, struct opt_double, present);
OPERATION_SAME(struct sluice_pair, struct shape_pair, key);
OPERATION_SAME(struct sluice_pair, struct shape_pair, value);

#endif
