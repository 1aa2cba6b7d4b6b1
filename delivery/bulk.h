/* bulk.h: OpenSearch's and Elasticsearch's bulk API: names of indexes, lines of a request, what an answer says of each of them. Thread: any. */
#ifndef SLUICE_DELIVERY_BULK_H
#define SLUICE_DELIVERY_BULK_H

#include "base/buf.h"

enum { BULK_INDEX_BYTES = 120 };
/* The index of what arrived then: "i", "i-2016-02-25-13", "i-2016-02-25", "i-2016-w09", "i-2016-02" for IndexRotationPeriod NoRotation, OneHour, OneDay
 * (also when it is absent), OneWeek, OneMonth; UTC. A week begins on Sunday and belongs to the year of its Saturday. */
void bulk_index_name(struct bytes index, struct bytes rotation, uint64_t arrival_ms,
                     char out[BULK_INDEX_BYTES]);

struct bulk_action {
    struct bytes index;
    struct bytes type; /* empty: none (OpenSearch 2 and later take none) */
    struct bytes id;   /* empty: the cluster makes one */
    struct bytes document;
};
/* The two lines of indexing a document, whose line ends become spaces. Failures latch in out. */
void bulk_append(const struct bulk_action *a, struct buf *out);
/* Whether a record can be a document: one JSON object, and nothing after it but white space. */
bool bulk_is_document(struct bytes data);

/* One line's outcome. */
struct bulk_item {
    int status;      /* HTTP's */
    const char *why; /* "mapper_parsing_exception: failed to parse", or "" */
};
/* Calls `each` for the items of an answer, in order; MALFORMED unless there are `count` of them. */
enum status bulk_answer_read(struct bytes answer, uint32_t count,
                             void (*each)(void *arg, uint32_t place, const struct bulk_item *item),
                             void *arg) MUST_USE;

#endif
