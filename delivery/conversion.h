/* conversion.h: what a view's DataFormatConversionConfiguration means: how records become rows, and rows a file.
 *
 * AWS's defaults: Parquet with Snappy, pages of 1 MiB, row groups of 256 MiB, no dictionaries but where Arrow thinks them good (see
 * conversion.c); ORC with Snappy, stripes of 64 MiB, 10,000 rows an index entry. Sources: the API reference's ParquetSerDe, OrcSerDe,
 * OpenXJsonSerDe, HiveJsonSerDe. Thread: any. */
#ifndef SLUICE_DELIVERY_CONVERSION_H
#define SLUICE_DELIVERY_CONVERSION_H

#include "delivery/compress.h"
#include "delivery/delivery.h"
#include "delivery/row.h"

struct conversions;
struct conversion {
    struct arena arena; /* of all below */
    struct row_rules rows;
    struct columnar_form form;
    struct columnar columnar;                           /* the form, and who writes it */
    const struct firehose_schema_configuration *schema; /* the configuration's */
};

/* The configuration when it is there and enabled; else NULL. */
const struct firehose_data_format_conversion_configuration *
conversion_of(const struct firehose_create_delivery_stream_input *config);
enum compression
conversion_compression(const struct firehose_data_format_conversion_configuration *c);
/* Of columns in their stored form. The configuration must outlive it. INVALID_ARGUMENT in a sentence of AWS's kind; UNSUPPORTED: nothing here writes such files, and
 * why; NO_MEMORY. */
enum status conversion_new(const struct firehose_data_format_conversion_configuration *c,
                           struct bytes columns, struct conversions *conversions,
                           struct conversion **out, struct fault *f) MUST_USE;
void conversion_free(struct conversion *c);

/* Whether it would run: everything named is there, and the library. INVALID_ARGUMENT. *columns is in the arena. */
enum status conversion_check(const struct firehose_data_format_conversion_configuration *c,
                             struct conversions *conversions, struct arena *a,
                             struct bytes *columns, struct fault *f) MUST_USE;

#endif
