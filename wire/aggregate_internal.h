/* aggregate_internal.h: the numbers of the format, for both directions. */
#ifndef SLUICE_WIRE_AGGREGATE_INTERNAL_H
#define SLUICE_WIRE_AGGREGATE_INTERNAL_H

#include "wire/aggregate.h"

/* Protobuf's kinds of fields. */
enum { AGGREGATE_VARINT = 0, AGGREGATE_FIXED64 = 1, AGGREGATE_LENGTH = 2, AGGREGATE_FIXED32 = 5 };
/* The message's fields, and a record's. */
enum { AGGREGATE_KEY = 1, AGGREGATE_HASH_KEY = 2, AGGREGATE_RECORD = 3 };
enum { AGGREGATE_RECORD_KEY = 1, AGGREGATE_RECORD_HASH_KEY = 2, AGGREGATE_RECORD_DATA = 3 };

static const uint8_t aggregate_magic[AGGREGATE_MAGIC_BYTES] = {0xF3, 0x89, 0x9A, 0xC2};

#endif
