/* conversions.h: what the server has for data format conversion: tables, and the library that writes columns.
 *
 * The library (delivery/columnar/) is loaded when the first delivery stream wants it: it and Apache Arrow are 60 MB that nobody else has to
 * have. It stays loaded. Thread: any. */
#ifndef SLUICE_DELIVERY_CONVERSIONS_H
#define SLUICE_DELIVERY_CONVERSIONS_H

#include "base/arena.h"
#include "delivery/columnar/columnar.h"
#include "wire/model/firehose.h"

struct conversions;
/* `library`: "" means sluice-columnar.so beside the program, or in ../lib/sluice from there. INVALID_VALUE: what is wrong in the file of tables. */
enum status conversions_open(const char *tables_file, const char *library, struct conversions **out,
                             struct fault *f) MUST_USE;
void conversions_close(struct conversions *c);
/* UNSUPPORTED: it cannot be loaded, and why. `c` may be NULL. */
enum status conversions_library(struct conversions *c, const struct columnar_library **out,
                                struct fault *f) MUST_USE;
/* The columns of the table that is named, in their stored form (columns.h), in the arena. INVALID_ARGUMENT: there is no such table. `c` may be NULL. */
enum status conversions_columns(const struct conversions *c,
                                const struct firehose_schema_configuration *schema, struct arena *a,
                                struct bytes *out, struct fault *f) MUST_USE;

#endif
