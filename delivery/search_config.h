/* search_config.h: what AmazonopensearchserviceDestinationConfiguration and ElasticsearchDestinationConfiguration have in common, and how documents
 * are called: for whoever sends them, and for the error records of those that were refused. Thread: any. */
#ifndef SLUICE_DELIVERY_SEARCH_CONFIG_H
#define SLUICE_DELIVERY_SEARCH_CONFIG_H

#include "delivery/destination.h"

struct search_config {
    struct bytes endpoint, index, type, rotation; /* type: empty when there is none */
    uint64_t retry_s;
    bool with_id; /* FIREHOSE_DEFAULT */
};
/* Views of v's; v->kind is DELIVERY_TO_OPENSEARCH. */
struct search_config search_config_of(const struct delivery_view *v);

enum { DOCUMENT_ID_BYTES = 96 };
/* The _id of a record: a function of its parcel's name and its own position. "" when the cluster makes ids. */
void search_document_id(const struct search_config *c, const char *parcel_name,
                        const struct parcel_record *r, char out[DOCUMENT_ID_BYTES]);

#endif
