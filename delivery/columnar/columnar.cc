/* columnar.cc: see columnar.h. Rows become Arrow's builders' values; so many of them are a record batch, which Arrow's Parquet and ORC
 * writers encode.
 *
 * Why C++: Arrow is the maintained implementation of both formats, and its writers have no C interface.
 * Batches end after BATCH_ROWS rows or BATCH_BYTES bytes of rows, whichever comes first: by the rows alone, so that the same rows make the
 * same file however they come (delivery's promise F3).
 * One thread, no pools of threads, memory of a pool of its own, so that it can be told how much it holds.
 * Arrow's functions answer with a Status; what the standard library throws (bad_alloc) ends at the C interface. */
#include "delivery/columnar/columnar.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/api.h>
#include <arrow/builder.h>
#include <arrow/config.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/config.h>
#include <parquet/arrow/writer.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

using arrow::Status;

namespace
{

constexpr int64_t BATCH_ROWS = 4096;
constexpr size_t BATCH_BYTES = 1024 * 1024;

/* ---- rows ---- */

struct Reader {
    const uint8_t *at, *end;

    bool take(void *to, size_t len)
    {
        if ((size_t)(end - at) < len)
            return false;
        std::memcpy(to, at, len);
        at += len;
        return true;
    }
    template <typename T> bool take(T *to)
    {
        return take(to, sizeof *to);
    }
    const uint8_t *skip(size_t len)
    {
        if ((size_t)(end - at) < len)
            return nullptr;
        const uint8_t *was = at;
        at += len;
        return was;
    }
};

Status short_row()
{
    return Status::Invalid("a row ends too early");
}

/* ---- types ---- */

std::shared_ptr<arrow::DataType> type_of(const column &c)
{
    switch (c.kind) {
    case COLUMN_BOOLEAN:
        return arrow::boolean();
    case COLUMN_TINYINT:
        return arrow::int8();
    case COLUMN_SMALLINT:
        return arrow::int16();
    case COLUMN_INT:
        return arrow::int32();
    case COLUMN_BIGINT:
        return arrow::int64();
    case COLUMN_FLOAT:
        return arrow::float32();
    case COLUMN_DOUBLE:
        return arrow::float64();
    case COLUMN_STRING:
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
        return arrow::utf8();
    case COLUMN_BINARY:
        return arrow::binary();
    case COLUMN_DATE:
        return arrow::date32();
    case COLUMN_TIMESTAMP:
        return arrow::timestamp(arrow::TimeUnit::MICRO);
    case COLUMN_DECIMAL:
        return arrow::decimal128((int32_t)c.precision, (int32_t)c.scale);
    case COLUMN_ARRAY:
        return arrow::list(arrow::field("element", type_of(c.children[0])));
    case COLUMN_MAP:
        return arrow::map(type_of(c.children[0]), type_of(c.children[1]));
    case COLUMN_STRUCT:
        break;
    }
    arrow::FieldVector fields;
    for (uint32_t i = 0; i < c.count; i++)
        fields.push_back(arrow::field(c.children[i].name, type_of(c.children[i])));
    return arrow::struct_(fields);
}

std::shared_ptr<arrow::Schema> schema_of(const columnar_form &form)
{
    arrow::FieldVector fields;
    for (uint32_t i = 0; i < form.count; i++)
        fields.push_back(arrow::field(form.columns[i].name, type_of(form.columns[i])));
    return arrow::schema(fields);
}

/* ---- values ---- */

Status add_value(const column &c, Reader &r, arrow::ArrayBuilder *b);

template <typename Builder> Status add_integer(Reader &r, arrow::ArrayBuilder *b)
{
    int64_t n;
    if (!r.take(&n))
        return short_row();
    return static_cast<Builder *>(b)->Append(static_cast<typename Builder::value_type>(n));
}

template <typename Builder> Status add_real(Reader &r, arrow::ArrayBuilder *b)
{
    double n;
    if (!r.take(&n))
        return short_row();
    return static_cast<Builder *>(b)->Append(static_cast<typename Builder::value_type>(n));
}

Status add_text(Reader &r, arrow::ArrayBuilder *b)
{
    uint32_t len;
    const uint8_t *at = nullptr;
    if (!r.take(&len) || (at = r.skip(len)) == nullptr)
        return short_row();
    return static_cast<arrow::BinaryBuilder *>(b)->Append(at, (int32_t)len);
}

Status add_boolean(Reader &r, arrow::ArrayBuilder *b)
{
    uint8_t is;
    return r.take(&is) ? static_cast<arrow::BooleanBuilder *>(b)->Append(is != 0) : short_row();
}

Status add_decimal(Reader &r, arrow::ArrayBuilder *b)
{
    uint64_t low;
    int64_t high;
    if (!r.take(&low) || !r.take(&high))
        return short_row();
    return static_cast<arrow::Decimal128Builder *>(b)->Append(arrow::Decimal128(high, low));
}

Status add_array(const column &c, Reader &r, arrow::ArrayBuilder *b)
{
    auto *list = static_cast<arrow::ListBuilder *>(b);
    uint32_t count;
    if (!r.take(&count))
        return short_row();
    ARROW_RETURN_NOT_OK(list->Append());
    for (uint32_t i = 0; i < count; i++)
        ARROW_RETURN_NOT_OK(add_value(c.children[0], r, list->value_builder()));
    return Status::OK();
}

Status add_map(const column &c, Reader &r, arrow::ArrayBuilder *b)
{
    auto *map = static_cast<arrow::MapBuilder *>(b);
    uint32_t count;
    if (!r.take(&count))
        return short_row();
    ARROW_RETURN_NOT_OK(map->Append());
    for (uint32_t i = 0; i < count; i++) {
        ARROW_RETURN_NOT_OK(add_value(c.children[0], r, map->key_builder()));
        ARROW_RETURN_NOT_OK(add_value(c.children[1], r, map->item_builder()));
    }
    return Status::OK();
}

Status add_struct(const column &c, Reader &r, arrow::ArrayBuilder *b)
{
    auto *fields = static_cast<arrow::StructBuilder *>(b);
    ARROW_RETURN_NOT_OK(fields->Append());
    for (uint32_t i = 0; i < c.count; i++)
        ARROW_RETURN_NOT_OK(add_value(c.children[i], r, fields->field_builder((int)i)));
    return Status::OK();
}

Status add_value(const column &c, Reader &r, arrow::ArrayBuilder *b)
{
    uint8_t is;
    if (!r.take(&is))
        return short_row();
    if (!is)
        return b->AppendNull();
    switch (c.kind) {
    case COLUMN_BOOLEAN:
        return add_boolean(r, b);
    case COLUMN_TINYINT:
        return add_integer<arrow::Int8Builder>(r, b);
    case COLUMN_SMALLINT:
        return add_integer<arrow::Int16Builder>(r, b);
    case COLUMN_INT:
        return add_integer<arrow::Int32Builder>(r, b);
    case COLUMN_BIGINT:
        return add_integer<arrow::Int64Builder>(r, b);
    case COLUMN_FLOAT:
        return add_real<arrow::FloatBuilder>(r, b);
    case COLUMN_DOUBLE:
        return add_real<arrow::DoubleBuilder>(r, b);
    case COLUMN_STRING:
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
    case COLUMN_BINARY:
        return add_text(r, b);
    case COLUMN_DATE:
        return add_integer<arrow::Date32Builder>(r, b);
    case COLUMN_TIMESTAMP:
        return add_integer<arrow::TimestampBuilder>(r, b);
    case COLUMN_DECIMAL:
        return add_decimal(r, b);
    case COLUMN_ARRAY:
        return add_array(c, r, b);
    case COLUMN_MAP:
        return add_map(c, r, b);
    case COLUMN_STRUCT:
        return add_struct(c, r, b);
    }
    return Status::Invalid("no such type");
}

/* ---- where bytes go ---- */

class Sink : public arrow::io::OutputStream
{
  public:
    Sink(int (*write)(void *, const void *, size_t), void *context)
        : write_(write), context_(context)
    {
    }
    Status Close() override
    {
        closed_ = true;
        return Status::OK();
    }
    bool closed() const override
    {
        return closed_;
    }
    arrow::Result<int64_t> Tell() const override
    {
        return at_;
    }
    Status Write(const void *data, int64_t len) override
    {
        if (write_(context_, data, (size_t)len) != 0)
            return Status::OutOfMemory("no memory for the object");
        at_ += len;
        return Status::OK();
    }

  private:
    int (*write_)(void *, const void *, size_t);
    void *context_;
    int64_t at_ = 0;
    bool closed_ = false;
};

std::shared_ptr<parquet::WriterProperties> parquet_rules(const columnar_form &f,
                                                         arrow::MemoryPool *pool)
{
    parquet::WriterProperties::Builder b;
    b.memory_pool(pool);
    b.compression(f.packing == COLUMNAR_PLAIN    ? parquet::Compression::UNCOMPRESSED
                  : f.packing == COLUMNAR_SNAPPY ? parquet::Compression::SNAPPY
                                                 : parquet::Compression::GZIP);
    b.data_pagesize((int64_t)f.page_bytes);
    b.version(f.version_2 ? parquet::ParquetVersion::PARQUET_2_6
                          : parquet::ParquetVersion::PARQUET_1_0);
    b.data_page_version(f.version_2 ? parquet::ParquetDataPageVersion::V2
                                    : parquet::ParquetDataPageVersion::V1);
    b.created_by("sluice");
    if (f.dictionary)
        b.enable_dictionary();
    else
        b.disable_dictionary();
    return b.build();
}

arrow::adapters::orc::WriteOptions orc_rules(const columnar_form &f)
{
    arrow::adapters::orc::WriteOptions o;
    o.compression = f.packing == COLUMNAR_PLAIN    ? arrow::Compression::UNCOMPRESSED
                    : f.packing == COLUMNAR_SNAPPY ? arrow::Compression::SNAPPY
                                                   : arrow::Compression::GZIP;
    o.batch_size = BATCH_ROWS;
    o.stripe_size = (int64_t)f.stripe_bytes;
    o.row_index_stride = (int64_t)f.row_index_stride;
    o.padding_tolerance = f.padding_tolerance;
    o.dictionary_key_size_threshold = f.dictionary_threshold;
    o.bloom_filter_fpp = f.bloom_probability;
    o.bloom_filter_columns.assign(f.bloom_columns, f.bloom_columns + f.bloom_count);
    o.file_version = f.version_0_11 ? arrow::adapters::orc::FileVersion(0, 11)
                                    : arrow::adapters::orc::FileVersion(0, 12);
    return o;
}

/* Runs `work`, and says in words what it answered or threw. */
template <typename Work> int guarded(char words[COLUMNAR_WORDS], Work work)
{
    std::string why;
    try {
        Status st = work();
        if (st.ok())
            return 0;
        std::snprintf(words, COLUMNAR_WORDS, "%s", st.message().c_str());
    } catch (const std::exception &e) {
        std::snprintf(words, COLUMNAR_WORDS, "%s", e.what());
    }
    return -1;
}

} // namespace

struct columnar_writer {
    const columnar_form *form;
    std::unique_ptr<arrow::ProxyMemoryPool> pool;
    std::shared_ptr<arrow::Schema> schema;
    std::shared_ptr<Sink> sink;
    std::unique_ptr<arrow::RecordBatchBuilder> batch;
    std::unique_ptr<parquet::arrow::FileWriter> parquet;
    std::unique_ptr<arrow::adapters::orc::ORCFileWriter> orc;
    int64_t batch_rows = 0;
    size_t batch_bytes = 0;
    uint64_t block_bytes = 0;
    int64_t written = 0; /* of the file, after the last batch */
    uint64_t unwritten =
        0; /* of rows, since it last grew: ORC's writer does not say what it holds */

    Status start(const columnar_form *f, int (*write)(void *, const void *, size_t), void *context)
    {
        form = f;
        pool = std::make_unique<arrow::ProxyMemoryPool>(arrow::system_memory_pool());
        schema = schema_of(*f);
        sink = std::make_shared<Sink>(write, context);
        ARROW_ASSIGN_OR_RAISE(batch, arrow::RecordBatchBuilder::Make(schema, pool.get()));
        if (f->format == COLUMNAR_ORC) {
            ARROW_ASSIGN_OR_RAISE(
                orc, arrow::adapters::orc::ORCFileWriter::Open(sink.get(), orc_rules(*f)));
            return Status::OK();
        }
        /* INT96 is what Hive's own readers take for a timestamp, and all others too. */
        auto arrow_rules = parquet::ArrowWriterProperties::Builder()
                               .enable_deprecated_int96_timestamps()
                               ->set_use_threads(false)
                               ->build();
        ARROW_ASSIGN_OR_RAISE(
            parquet, parquet::arrow::FileWriter::Open(*schema, pool.get(), sink,
                                                      parquet_rules(*f, pool.get()), arrow_rules));
        return Status::OK();
    }

    Status flush()
    {
        if (batch_rows == 0)
            return Status::OK();
        std::shared_ptr<arrow::RecordBatch> made;
        ARROW_ASSIGN_OR_RAISE(made, batch->Flush());
        block_bytes += batch_bytes;
        batch_rows = 0;
        batch_bytes = 0;
        if (orc) {
            ARROW_RETURN_NOT_OK(orc->Write(*made));
            int64_t now = sink->Tell().ValueOr(0);
            unwritten = now == written ? block_bytes : 0;
            block_bytes = unwritten;
            written = now;
            return Status::OK();
        }
        ARROW_RETURN_NOT_OK(parquet->WriteRecordBatch(*made));
        if (block_bytes < form->block_bytes)
            return Status::OK();
        block_bytes = 0;
        return parquet->NewBufferedRowGroup();
    }

    Status row(Reader r, size_t len)
    {
        for (uint32_t i = 0; i < form->count; i++)
            ARROW_RETURN_NOT_OK(add_value(form->columns[i], r, batch->GetField((int)i)));
        if (r.at != r.end)
            return Status::Invalid("a row goes on after its last column");
        batch_rows++;
        batch_bytes += len;
        return batch_rows >= BATCH_ROWS || batch_bytes >= BATCH_BYTES ? flush() : Status::OK();
    }

    Status rows(const uint8_t *at, size_t len)
    {
        Reader all{at, at + len};
        while (all.at != all.end) {
            uint32_t row_len;
            const uint8_t *begin = nullptr;
            if (!all.take(&row_len) || (begin = all.skip(row_len)) == nullptr)
                return short_row();
            ARROW_RETURN_NOT_OK(row(Reader{begin, begin + row_len}, row_len));
        }
        return Status::OK();
    }

    Status finish()
    {
        ARROW_RETURN_NOT_OK(flush());
        return orc ? orc->Close() : parquet->Close();
    }
};

namespace
{

int writer_open(const columnar_form *form, int (*write)(void *, const void *, size_t),
                void *context, columnar_writer **out, char words[COLUMNAR_WORDS])
{
    *out = nullptr;
    return guarded(words, [&] {
        auto w = std::make_unique<columnar_writer>();
        ARROW_RETURN_NOT_OK(w->start(form, write, context));
        *out = w.release();
        return Status::OK();
    });
}

int writer_rows(columnar_writer *w, const uint8_t *at, size_t len, char words[COLUMNAR_WORDS])
{
    return guarded(words, [&] { return w->rows(at, len); });
}

int writer_finish(columnar_writer *w, char words[COLUMNAR_WORDS])
{
    return guarded(words, [&] { return w->finish(); });
}

void writer_close(columnar_writer *w)
{
    char words[COLUMNAR_WORDS];
    (void)guarded(words, [&] {
        delete w;
        return Status::OK();
    });
}

size_t writer_memory(const columnar_writer *w)
{
    return (size_t)w->pool->bytes_allocated() + (size_t)w->unwritten + sizeof *w;
}

const columnar_library library = {
    COLUMNAR_VERSION, "Apache Arrow " ARROW_VERSION_STRING,
    writer_open,      writer_rows,
    writer_finish,    writer_close,
    writer_memory,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const columnar_library *sluice_columnar(void)
{
    return &library;
}
