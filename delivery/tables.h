/* tables.h: which tables there are for SchemaConfiguration to name: what an operator lists, as Glue's GetTables answers.
 *
 *   --tables FILE    {"TableList": [{"DatabaseName": "d", "Name": "t", "VersionId": "3",
 *                                    "StorageDescriptor": {"Columns": [{"Name": "id", "Type": "bigint"}, ...]}}, ...]}
 *
 * so that `aws glue get-tables --database-name d` writes such a file. Members that are not named here are passed over.
 * Columns are taken when a delivery stream is created or updated, and kept with it: an object's bytes must not change under its name.
 *
 * Fixed once open. Thread: any. */
#ifndef SLUICE_DELIVERY_TABLES_H
#define SLUICE_DELIVERY_TABLES_H

#include "base/buf.h"
#include "base/status.h"

enum { TABLES_FILE_BYTES_MAX = 16 * 1024 * 1024, TABLES_MAX = 10000 };

struct tables;
/* "" for none. INVALID_VALUE says what is wrong in the file. */
enum status tables_open(const char *file, struct tables **out, struct fault *f) MUST_USE;
void tables_close(struct tables *t);
/* The columns of a table in the stored form (columns.h). `version`: absent and "LATEST" take the last one listed. NOT_FOUND. `t` may be NULL. */
enum status tables_find(const struct tables *t, struct bytes database, struct bytes table,
                        struct bytes version, struct buf *columns) MUST_USE;

#endif
