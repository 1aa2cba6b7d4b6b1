/* cargo.h: what one output gathers for one object or request: results end to end, compressed as they come.
 *
 * Thread: its lane's. */
#ifndef SLUICE_DELIVERY_CARGO_H
#define SLUICE_DELIVERY_CARGO_H

#include "delivery/compress.h"
#include "delivery/destination.h"
#include "delivery/position.h"

struct cargo {
    enum compression compression;
    bool with_records; /* keeps where each result is: for destinations that send records */
    struct bytes name; /* of a ZIP's entry */
    const struct columnar *
        columnar; /* of PARQUET and ORC, to which whole rows are added; set by the owner, whom it outlives */
    struct buf
        plain; /* a small one waits here, so that a thousand small outputs need no compressors */
    struct buf body;
    struct compressor *compressor;
    struct parcel_record *records;
    uint32_t count, room;
    uint64_t bytes; /* before compression */
    struct position first, last;
    uint64_t first_ms; /* the oldest */
    bool closed;
};

void cargo_init(struct cargo *c, enum compression compression, bool with_records,
                struct bytes name);
void cargo_fini(struct cargo *c);
/* NO_MEMORY: it is broken for good. */
enum status cargo_add(struct cargo *c, struct position at, uint64_t time_ms,
                      struct bytes data) MUST_USE;
/* The body is whole then. */
enum status cargo_close(struct cargo *c) MUST_USE;
/* Bytes of the heap that it holds. */
uint64_t cargo_memory(const struct cargo *c);
struct bytes cargo_body(const struct cargo *c);

#endif
