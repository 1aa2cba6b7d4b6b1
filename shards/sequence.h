/* sequence.h: sequence numbers: make, print, parse. Pure.
 *
 * A number is 188 bits, printed in decimal (56 digits). From the most significant hex digit:
 *
 *   2 | shard creation, s (9) | shard index & 15 (1) | place (16) | behind (2) | arrival, s (9) | shard index (8) | 2
 *
 * place is the offset plus 1: 0 is the start of a shard, before any record; 7fffffffffffffff the end of a closed one.
 * behind is 00, as on AWS, or 01: no record's own number, but one between the record's at this place, whatever its time, and the
 * next one's. With the present for a time it tells how far a reader is who has had nothing to read.
 * Source: numbers seen from AWS (AWS documents only that they grow); clients compare them as big integers, and KCL parses none. */
#ifndef SLUICE_SHARDS_SEQUENCE_H
#define SLUICE_SHARDS_SEQUENCE_H

#include "base/bytes.h"
#include "base/status.h"

enum { SEQUENCE_TEXT_BYTES = 64 };
#define SEQUENCE_PLACE_END 0x7fffffffffffffffull

struct sequence {
    uint64_t created_s; /* of the shard */
    uint64_t place;     /* offset + 1 */
    uint64_t time_s;
    uint32_t shard;
    bool behind;
};

/* Returns the length; NUL-terminated. */
size_t sequence_print(const struct sequence *s, char out[SEQUENCE_TEXT_BYTES]);
/* INVALID_ARGUMENT (no text: the caller knows the sentence) unless it is a number that
 * sequence_print could have made. *shard_known says that out->shard was readable all the same: AWS
 * complains of the wrong shard first. Numbers under 2^124 are an older form: they hold only the
 * shard. */
enum status sequence_parse(struct bytes text, struct sequence *out, bool *shard_known) MUST_USE;

#endif
