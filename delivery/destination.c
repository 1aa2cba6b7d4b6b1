/* destination.c: which destination serves which kind. */
#include "delivery/destination.h"

const struct destination_ops *destination_of(enum delivery_kind kind)
{
    (void)kind;
    return &destination_s3;
}
