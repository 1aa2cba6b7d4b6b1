/* process_partition.h: partition keys on their way: "query:name\0value\0lambda:name\0value\0" (process.h), of the names that a prefix takes.
 *
 * Thread: the lane's; partition_names_of: any. */
#ifndef SLUICE_DELIVERY_PROCESS_PARTITION_H
#define SLUICE_DELIVERY_PROCESS_PARTITION_H

#include "delivery/prefix.h"
#include "delivery/process_internal.h"

/* The names that a prefix takes from the query, or from a transform: sorted, each once. Views of the prefix. */
struct partition_names {
    uint32_t count;
    struct bytes at[PREFIX_PARTS_MAX];
};
enum status partition_names_of(struct bytes prefix, bool from_lambda, struct partition_names *out,
                               struct fault *f) MUST_USE;

struct partition_pairs {
    struct buf text;
};
void partition_init(struct partition_pairs *p);
void partition_fini(struct partition_pairs *p);
/* In the order of names. MALFORMED: the value is empty, too long or holds a NUL. */
enum status partition_add(struct partition_pairs *p, bool from_lambda, struct bytes name,
                          struct bytes value) MUST_USE;
enum status partition_take(struct partition_pairs *p, struct arena *a, struct bytes *out) MUST_USE;

struct bytes view_prefix(const struct delivery_view *v); /* of an S3 destination; else absent */

/* The last step of what is partitioned: both kinds of keys together; an item whose prefix cannot be expanded with them fails. */
extern const struct process_step_kind process_partition;

#endif
