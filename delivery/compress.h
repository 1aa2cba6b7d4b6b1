/* compress.h: compresses an object as it fills, so that nothing long is left to do when it closes.
 *
 * C1. The bytes made are a function of all the bytes fed, however they are cut into feeds: a restart that feeds other pieces makes the same object (F3).
 * Thread: its owner's. */
#ifndef SLUICE_DELIVERY_COMPRESS_H
#define SLUICE_DELIVERY_COMPRESS_H

#include "base/buf.h"
#include "delivery/columnar/columnar.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZIP,
    COMPRESSION_SNAPPY,        /* the framing format */
    COMPRESSION_HADOOP_SNAPPY, /* Hadoop's SnappyCodec: blocks */
    /* Not CompressionFormat's: what data format conversion makes of rows (columnar.h). */
    COMPRESSION_PARQUET,
    COMPRESSION_ORC
};

/* How rows become columns. Both outlive the compressor. */
struct columnar {
    const struct columnar_library *library;
    const struct columnar_form *form;
};

/* From CompressionFormat ("UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY"; absent: none), or "PARQUET", "ORC". False: none of these. */
bool compression_parse(struct bytes format, struct bytes *extension, enum compression *out);
const char *compression_name(enum compression c);
struct bytes compression_extension(enum compression c);

struct compressor;
/* Makes what begins the object at once. `out` must outlive it. `name` is the entry's in a ZIP; `columnar` is for PARQUET and ORC, to which whole rows
 * are fed. NO_MEMORY. */
enum status compressor_new(enum compression kind, struct bytes name,
                           const struct columnar *columnar, struct buf *out,
                           struct compressor **made, struct fault *f) MUST_USE;
void compressor_free(struct compressor *c);
/* Failures latch in out->status. */
void compressor_feed(struct compressor *c, struct bytes data);
/* The end of the object; once. */
void compressor_finish(struct compressor *c);
/* Bytes that it holds beside `out`. */
size_t compressor_memory(const struct compressor *c);

#endif
