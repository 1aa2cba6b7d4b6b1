/* columnar.h: rows into a Parquet or ORC file: what the program and the writer's library agree on.
 *
 * The writer (columnar.cc) stands on Apache Arrow's C++ libraries, which are large and not in Debian: it is a shared library of its own,
 * which the server loads when the first delivery stream asks for conversion (columnar_library.c). This header is C for both.
 *
 * Rows, one after the other, each: length u32 (of what follows) | a value for each column, in their order. All little-endian.
 *
 *   value       0 u8 (null), or 1 u8 and:
 *   BOOLEAN     u8                          TINYINT..BIGINT   i64                     FLOAT, DOUBLE    IEEE 754 double
 *   STRING, CHAR, VARCHAR, BINARY           length u32 | bytes
 *   DATE        i64 days since 1970         TIMESTAMP  i64 microseconds since 1970    DECIMAL          i128, unscaled
 *   ARRAY       count u32 | values          MAP        count u32 | key, value, ...    STRUCT           a value for each field
 *
 * A writer belongs to one thread at a time. Nothing throws through this interface. */
#ifndef SLUICE_DELIVERY_COLUMNAR_H
#define SLUICE_DELIVERY_COLUMNAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hive's types, as Glue has them. */
enum column_kind {
    COLUMN_BOOLEAN,
    COLUMN_TINYINT,
    COLUMN_SMALLINT,
    COLUMN_INT,
    COLUMN_BIGINT,
    COLUMN_FLOAT,
    COLUMN_DOUBLE,
    COLUMN_STRING,
    COLUMN_CHAR,
    COLUMN_VARCHAR,
    COLUMN_BINARY,
    COLUMN_DATE,
    COLUMN_TIMESTAMP,
    COLUMN_DECIMAL,
    COLUMN_ARRAY, /* one child */
    COLUMN_MAP,   /* key, value */
    COLUMN_STRUCT /* its fields */
};

struct column {
    const char *name; /* of a column or a field; "" of an element, a key or a value */
    enum column_kind kind;
    uint32_t precision, scale; /* DECIMAL */
    uint32_t length;           /* CHAR, VARCHAR: characters */
    uint32_t count;
    const struct column *children;
};

enum columnar_format { COLUMNAR_PARQUET, COLUMNAR_ORC };
enum columnar_packing { COLUMNAR_PLAIN, COLUMNAR_SNAPPY, COLUMNAR_ZLIB };

/* What a file is like. AWS's own defaults are filled in by columnar_form_of. */
struct columnar_form {
    enum columnar_format format;
    enum columnar_packing packing;
    uint32_t count;
    const struct column *columns;
    /* Parquet */
    uint64_t page_bytes, block_bytes;
    bool dictionary, version_2;
    /* ORC */
    uint64_t stripe_bytes, row_index_stride;
    double padding_tolerance, dictionary_threshold, bloom_probability;
    bool version_0_11;
    uint32_t bloom_count;
    const uint32_t *bloom_columns; /* indexes */
};

enum { COLUMNAR_VERSION = 1, COLUMNAR_WORDS = 512 };

struct columnar_writer;
struct columnar_library {
    uint32_t version; /* COLUMNAR_VERSION */
    /* What makes files: "Apache Arrow 26.0.1". */
    const char *name;
    /* Bytes of the file go to `write`, which answers 0, or not when there is no room for them. 0; otherwise `words` says why. The form must outlive it. */
    int (*open)(const struct columnar_form *form,
                int (*write)(void *context, const void *at, size_t len), void *context,
                struct columnar_writer **out, char words[COLUMNAR_WORDS]);
    /* Whole rows. What the file's bytes are does not depend on how rows are cut into calls. */
    int (*rows)(struct columnar_writer *w, const uint8_t *at, size_t len,
                char words[COLUMNAR_WORDS]);
    int (*finish)(struct columnar_writer *w, char words[COLUMNAR_WORDS]);
    void (*close)(struct columnar_writer *w);
    /* Bytes of memory that it holds now. */
    size_t (*memory)(const struct columnar_writer *w);
};

/* The library's one symbol: "sluice_columnar". */
typedef const struct columnar_library *columnar_entry(void);

#ifdef __cplusplus
}
#endif
#endif
