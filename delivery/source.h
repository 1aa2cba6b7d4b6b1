/* source.h: the stream that a delivery stream reads: a Kinesis stream, or the hidden one that a DirectPut delivery stream owns. Thread: any. */
#ifndef SLUICE_DELIVERY_SOURCE_H
#define SLUICE_DELIVERY_SOURCE_H

#include "delivery/delivery.h"
#include "shards/stream_table.h"

/* "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"; the name is a view. */
bool source_of_arn(struct bytes arn, struct scope *scope, struct bytes *name);
/* Referenced; NULL: it is not there. */
struct stream *source_find(struct stream_table *streams, const struct delivery_view *v);

#endif
