/* shape_merge.h: members of one shape into another that has members of the same names: a configuration into its description, an
 * update into a configuration. Driven by the shapes' tables, so a member that AWS adds needs no line here. Pure. */
#ifndef SLUICE_DELIVERY_SHAPE_MERGE_H
#define SLUICE_DELIVERY_SHAPE_MERGE_H

#include "base/arena.h"
#include "base/status.h"
#include "wire/shape.h"

/* Each member that is present in `from` and that `to` has: by its name, or by the one it has there (S3Update is the update of
 * S3Configuration, which is described as S3DestinationDescription).
 *
 * M1. A structure that has another shape there is merged member by member: absent members keep their value.
 * M2. All else is replaced whole, and shared with `from`, not copied.
 * M3. Nothing that the target shape lacks gets there: descriptions lack the secrets.
 * NO_MEMORY: `to` may have been merged in part. */
enum status shape_merge(const struct shape *to_shape, void *to, const struct shape *from_shape,
                        const void *from, struct arena *arena) MUST_USE;
/* The reverse, within one shape: each member of `from` that `to` lacks, also in the structures that both have. */
void shape_fill(const struct shape *s, void *to, const void *from);

#endif
