/* compress.c: input gathers in a stage of 64 KiB; a full stage is what a format's `block` gets, and the last one whatever is left.
 *
 * So pieces are cut by their place in the object alone (C1). Snappy's two formats need such blocks anyhow. zlib would nearly do without: what deflate makes does not depend on
 * how its input comes, as far as its source says, but that is no promise of its interface.
 *
 *   SNAPPY          ff 06 00 00 "sNaPpY", then chunks: kind u8 (00 compressed, 01 not) | length u24 | masked CRC-32C u32 | data      little-endian
 *   HADOOP_SNAPPY   blocks: length u32 | compressed length u32 | data                                                                 big-endian
 *   PARQUET, ORC    by another's library, which is given whole rows (columnar.h)
 *   ZIP             local header | deflated | central directory | end: one entry, sizes put into the local header at the end */
#include "delivery/compress.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/trace.h"

#include <snappy-c.h>
#include <zlib.h>

enum { STAGE_BYTES = 64 * 1024, DEFLATE_BYTES = 288 * 1024, LEVEL = 6, ZIP_HEADER_BYTES = 30 };

struct format {
    const char *name, *extension;
    bool deflates, staged;
    void (*begin)(struct compressor *);
    void (*block)(struct compressor *, struct bytes);
    void (*end)(struct compressor *);
};

struct compressor {
    const struct format *format;
    struct buf *out;
    struct bytes name;
    size_t begin; /* where the object begins in `out` */
    uint64_t fed;
    uint32_t crc;
    z_stream z;
    const struct columnar_library *library;
    struct columnar_writer *columns;
    size_t staged;
    uint8_t stage[]; /* STAGE_BYTES of a format that is staged */
};

static void put(struct buf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
}

static void put_be32(struct buf *out, uint32_t value)
{
    for (int i = 3; i >= 0; i--)
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
}

static void nothing(struct compressor *c)
{
    (void)c;
}

/* ---- deflate ---- */

static void deflate_all(struct compressor *c, struct bytes in, int flush)
{
    c->z.next_in = (Bytef *)(uintptr_t)in.at;
    c->z.avail_in = (uInt)in.len;
    int did = Z_OK;
    do {
        uint8_t *room = buf_reserve(c->out, 16 * 1024);
        if (!room)
            return;
        c->z.next_out = room;
        c->z.avail_out = 16 * 1024;
        did = deflate(&c->z, flush);
        buf_add(c->out, 16 * 1024 - c->z.avail_out);
    } while (c->z.avail_in > 0 || (flush == Z_FINISH && did != Z_STREAM_END));
}

static void deflate_block(struct compressor *c, struct bytes in)
{
    deflate_all(c, in, Z_NO_FLUSH);
}

static void deflate_end(struct compressor *c)
{
    deflate_all(c, BYTES_LITERAL(""), Z_FINISH);
}

/* ---- ZIP ---- */

static void zip_facts(struct compressor *c, struct buf *out, uint32_t crc, uint64_t packed,
                      uint64_t fed)
{
    put(out, 20, 2);       /* version needed: 2.0 */
    put(out, 1u << 11, 2); /* the name is UTF-8 */
    put(out, 8, 2);        /* deflate */
    put(out, 0x00210000u,
        4); /* 1 January 1980, 00:00: a name's time would differ after a restart */
    put(out, crc, 4);
    put(out, packed, 4);
    put(out, fed, 4);
    put(out, c->name.len, 2);
    put(out, 0, 2);
}

static void zip_begin(struct compressor *c)
{
    put(c->out, 0x04034b50, 4);
    zip_facts(c, c->out, 0, 0, 0);
    buf_append(c->out, c->name);
}

static void zip_block(struct compressor *c, struct bytes in)
{
    c->crc = (uint32_t)crc32(c->crc, in.at, (uInt)in.len);
    deflate_block(c, in);
}

static void zip_end(struct compressor *c)
{
    deflate_end(c);
    struct buf *out = c->out;
    if (out->status != OK)
        return;
    size_t data_begin = c->begin + ZIP_HEADER_BYTES + c->name.len;
    uint64_t packed = out->len - data_begin;
    struct buf facts;
    buf_init(&facts, ZIP_HEADER_BYTES);
    zip_facts(c, &facts, c->crc, packed, c->fed);
    if (facts.status != OK) {
        out->status = facts.status;
        buf_fini(&facts);
        return;
    }
    memcpy(out->at + c->begin + 4, facts.at, facts.len);
    size_t directory = out->len - c->begin;
    put(out, 0x02014b50, 4);
    put(out, 3 << 8 | 20, 2); /* made by Unix, 2.0 */
    buf_append(out, buf_view(&facts));
    put(out, 0, 2 + 2 + 2);
    put(out, (uint64_t)0100644 << 16, 4);
    put(out, 0, 4); /* where the local header is */
    buf_append(out, c->name);
    size_t directory_len = out->len - c->begin - directory;
    put(out, 0x06054b50, 4);
    put(out, 0, 2 + 2);
    put(out, 1, 2);
    put(out, 1, 2);
    put(out, directory_len, 4);
    put(out, directory, 4);
    put(out, 0, 2);
    buf_fini(&facts);
}

/* ---- Snappy ---- */

static void snappy_begin(struct compressor *c)
{
    buf_append(c->out, bytes_of("\xff\x06\x00\x00sNaPpY", 10));
}

/* Compresses a block behind `head` bytes that are the caller's to fill; 0: there was no memory. */
static size_t snappy_pack(struct compressor *c, struct bytes in, size_t head)
{
    size_t len = snappy_max_compressed_length(in.len);
    uint8_t *room = buf_reserve(c->out, head + len);
    if (!room)
        return 0;
    return snappy_compress((const char *)in.at, in.len, (char *)room + head, &len) == SNAPPY_OK
               ? len
               : 0;
}

static void snappy_block(struct compressor *c, struct bytes in)
{
    enum { HEAD = 8 };
    size_t len = snappy_pack(c, in, HEAD);
    if (len == 0)
        return;
    bool smaller = len < in.len;
    uint32_t crc = crc32c_extend(0, in);
    crc = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
    put(c->out, smaller ? 0x00 : 0x01, 1);
    put(c->out, (smaller ? len : in.len) + 4, 3);
    put(c->out, crc, 4);
    if (smaller)
        buf_add(c->out, len); /* it stands there already */
    else
        buf_append(c->out, in);
}

static void hadoop_block(struct compressor *c, struct bytes in)
{
    enum { HEAD = 8 };
    size_t len = snappy_pack(c, in, HEAD);
    if (len == 0)
        return;
    put_be32(c->out, (uint32_t)in.len);
    put_be32(c->out, (uint32_t)len);
    buf_add(c->out, len);
}

static void plain_block(struct compressor *c, struct bytes in)
{
    buf_append(c->out, in);
}

/* ---- columns ---- */

static int columns_write(void *context, const void *at, size_t len)
{
    struct compressor *c = context;
    buf_append(c->out, bytes_of(at, len));
    return c->out->status == OK ? 0 : -1;
}

/* What can go wrong is memory: rows are ours. */
static void columns_did(struct compressor *c, int outcome, const char *words)
{
    if (outcome == 0)
        return;
    trace(TRACE_ERROR, "delivery", "columns: %s", words);
    if (c->out->status == OK)
        c->out->status = NO_MEMORY;
}

static void columns_block(struct compressor *c, struct bytes in)
{
    char words[COLUMNAR_WORDS] = "";
    if (c->out->status == OK)
        columns_did(c, c->library->rows(c->columns, in.at, in.len, words), words);
}

static void columns_end(struct compressor *c)
{
    char words[COLUMNAR_WORDS] = "";
    if (c->out->status == OK)
        columns_did(c, c->library->finish(c->columns, words), words);
}

static enum status columns_new(struct compressor *c, const struct columnar *columnar,
                               struct fault *f)
{
    char words[COLUMNAR_WORDS] = "";
    if (!columnar)
        return fault_set(f, UNSUPPORTED, "there is nothing that writes columns");
    c->library = columnar->library;
    return c->library->open(columnar->form, columns_write, c, &c->columns, words) == 0
               ? OK
               : fault_set(f, NO_MEMORY, "no columns can be written: %s", words);
}

static const struct format formats[] = {
    [COMPRESSION_NONE] = {"UNCOMPRESSED", "", false, false, nothing, plain_block, nothing},
    [COMPRESSION_GZIP] = {"GZIP", ".gz", true, true, nothing, deflate_block, deflate_end},
    [COMPRESSION_ZIP] = {"ZIP", ".zip", true, true, zip_begin, zip_block, zip_end},
    [COMPRESSION_SNAPPY] = {"Snappy", ".snappy", false, true, snappy_begin, snappy_block, nothing},
    [COMPRESSION_HADOOP_SNAPPY] = {"HADOOP_SNAPPY", ".hsnappy", false, true, nothing, hadoop_block,
                                   nothing},
    [COMPRESSION_PARQUET] = {"PARQUET", ".parquet", false, false, nothing, columns_block,
                             columns_end},
    [COMPRESSION_ORC] = {"ORC", ".orc", false, false, nothing, columns_block, columns_end},
};

bool compression_parse(struct bytes format, struct bytes *extension, enum compression *out)
{
    *out = COMPRESSION_NONE;
    *extension = BYTES_LITERAL("");
    if (!bytes_present(format))
        return true;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (!bytes_equal(format, bytes_text(formats[i].name)))
            continue;
        *extension = bytes_text(formats[i].extension);
        *out = (enum compression)i;
        return true;
    }
    return false;
}

const char *compression_name(enum compression c)
{
    return formats[c].name;
}

struct bytes compression_extension(enum compression c)
{
    return bytes_text(formats[c].extension);
}

static size_t stage_bytes(const struct format *format)
{
    return format->staged ? STAGE_BYTES : 0;
}

size_t compressor_memory(const struct compressor *c)
{
    return sizeof(*c) + stage_bytes(c->format) + (c->format->deflates ? DEFLATE_BYTES : 0) +
           (c->columns ? c->library->memory(c->columns) : 0);
}

static enum status deflate_new(struct compressor *c, enum compression kind, struct fault *f)
{
    int gzip_header = kind == COMPRESSION_GZIP ? 16 : 0;
    int window = gzip_header ? MAX_WBITS + gzip_header : -MAX_WBITS;
    return deflateInit2(&c->z, LEVEL, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK
               ? OK
               : fault_set(f, NO_MEMORY, "no memory to compress an object");
}

enum status compressor_new(enum compression kind, struct bytes name,
                           const struct columnar *columnar, struct buf *out,
                           struct compressor **made, struct fault *f)
{
    *made = NULL;
    const struct format *format = &formats[kind];
    struct compressor *c = mem_try(sizeof(*c) + stage_bytes(format));
    if (!c)
        return fault_set(f, NO_MEMORY, "no memory to compress an object");
    *c = (struct compressor){.format = format, .out = out, .name = name, .begin = out->len};
    enum status st = OK;
    if (format->deflates)
        st = deflate_new(c, kind, f);
    else if (format->block == columns_block)
        st = columns_new(c, columnar, f);
    if (st != OK) {
        mem_free(c);
        return st;
    }
    format->begin(c);
    *made = c;
    return OK;
}

void compressor_free(struct compressor *c)
{
    if (c && c->format->deflates)
        (void)deflateEnd(&c->z);
    if (c && c->columns)
        c->library->close(c->columns);
    mem_free(c);
}

void compressor_feed(struct compressor *c, struct bytes data)
{
    c->fed += data.len;
    if (!c->format->staged) {
        c->format->block(c, data);
        return;
    }
    while (data.len) {
        size_t room = STAGE_BYTES - c->staged;
        size_t taken = data.len < room ? data.len : room;
        memcpy(c->stage + c->staged, data.at, taken);
        c->staged += taken;
        data = bytes_of(data.at + taken, data.len - taken);
        if (c->staged == STAGE_BYTES) {
            c->format->block(c, bytes_of(c->stage, c->staged));
            c->staged = 0;
        }
    }
}

void compressor_finish(struct compressor *c)
{
    if (c->staged)
        c->format->block(c, bytes_of(c->stage, c->staged));
    c->staged = 0;
    c->format->end(c);
}
