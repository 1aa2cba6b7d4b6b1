/* conversion.c: see the header. Dictionaries: EnableDictionaryCompression is false by default, as in AWS. */
#include "delivery/conversion.h"

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/conversions.h"
#include "delivery/moment.h"

enum { NAME_BYTES_MAX = 1024 };

typedef const struct firehose_data_format_conversion_configuration configuration;

configuration *conversion_of(const struct firehose_create_delivery_stream_input *config)
{
    const struct firehose_extended_s3_destination_configuration *s3 =
        config->extended_s3_destination_configuration;
    configuration *c = s3 ? s3->data_format_conversion_configuration : NULL;
    return c && c->enabled.value ? c : NULL;
}

static const struct firehose_serializer *serializer_of(configuration *c)
{
    return c->output_format_configuration ? c->output_format_configuration->serializer : NULL;
}

static const struct firehose_deserializer *deserializer_of(configuration *c)
{
    return c->input_format_configuration ? c->input_format_configuration->deserializer : NULL;
}

enum compression conversion_compression(configuration *c)
{
    const struct firehose_serializer *s = serializer_of(c);
    return s && s->orc_serde ? COMPRESSION_ORC : COMPRESSION_PARQUET;
}

static uint64_t or_else(struct opt_int given, uint64_t standard)
{
    return given.present ? (uint64_t)given.value : standard;
}

static double or_real(struct opt_double given, double standard)
{
    return given.present ? given.value : standard;
}

static bool is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_text(text));
}

/* ---- files ---- */

static void form_parquet(const struct firehose_parquet_serde *p, struct columnar_form *form)
{
    form->format = COLUMNAR_PARQUET;
    form->packing = is(p->compression, "UNCOMPRESSED") ? COLUMNAR_PLAIN
                    : is(p->compression, "GZIP")       ? COLUMNAR_ZLIB
                                                       : COLUMNAR_SNAPPY;
    form->page_bytes = or_else(p->page_size_bytes, MIB(1));
    form->block_bytes = or_else(p->block_size_bytes, MIB(256));
    form->dictionary = p->enable_dictionary_compression.value != 0;
    form->version_2 = is(p->writer_version, "V2");
}

static enum status bloom_columns(const struct firehose_orc_serde *o, struct conversion *to,
                                 struct fault *f)
{
    uint32_t *at = arena_take(&to->arena, (o->bloom_filter_columns.count + 1) * sizeof(*at));
    if (!at)
        return fault_set(f, NO_MEMORY, "no memory for a conversion");
    for (uint32_t i = 0; i < o->bloom_filter_columns.count; i++) {
        uint32_t k = 0;
        while (k < to->rows.columns.count &&
               !bytes_equal_ignore_case(o->bloom_filter_columns.at[i],
                                        bytes_text(to->rows.columns.at[k].name)))
            k++;
        if (k == to->rows.columns.count)
            return fault_set(f, INVALID_ARGUMENT,
                             "BloomFilterColumns: the table has no column %.*s.",
                             BYTES_ARGS(o->bloom_filter_columns.at[i]));
        at[i] = k;
    }
    to->form.bloom_columns = at;
    to->form.bloom_count = o->bloom_filter_columns.count;
    return OK;
}

static enum status form_orc(const struct firehose_orc_serde *o, struct conversion *to,
                            struct fault *f)
{
    struct columnar_form *form = &to->form;
    form->format = COLUMNAR_ORC;
    form->packing = is(o->compression, "NONE")   ? COLUMNAR_PLAIN
                    : is(o->compression, "ZLIB") ? COLUMNAR_ZLIB
                                                 : COLUMNAR_SNAPPY;
    form->stripe_bytes = or_else(o->stripe_size_bytes, MIB(64));
    form->row_index_stride = or_else(o->row_index_stride, 10000);
    form->padding_tolerance = o->enable_padding.value ? or_real(o->padding_tolerance, 0.05) : 0;
    form->dictionary_threshold = or_real(o->dictionary_key_threshold, 0);
    form->bloom_probability = or_real(o->bloom_filter_false_positive_probability, 0.05);
    form->version_0_11 = is(o->format_version, "V0_11");
    return bloom_columns(o, to, f);
}

static enum status set_form(configuration *c, struct conversion *to, struct fault *f)
{
    const struct firehose_serializer *s = serializer_of(c);
    if (!s || !s->orc_serde == !s->parquet_serde)
        return fault_set(
            f, INVALID_ARGUMENT,
            "OutputFormatConfiguration must have exactly one Serializer: ParquetSerDe or "
            "OrcSerDe.");
    to->form.columns = to->rows.columns.at;
    to->form.count = to->rows.columns.count;
    if (s->orc_serde)
        return form_orc(s->orc_serde, to, f);
    form_parquet(s->parquet_serde, &to->form);
    return OK;
}

/* ---- rows ---- */

static enum status set_keys(const struct firehose_open_x_json_serde *x, struct conversion *to,
                            struct fault *f)
{
    struct row_rules *r = &to->rows;
    struct bytes *keys = arena_take(&to->arena, r->columns.count * sizeof(*keys));
    if (!keys)
        return fault_set(f, NO_MEMORY, "no memory for a conversion");
    for (uint32_t i = 0; i < r->columns.count; i++) {
        keys[i] = bytes_text(r->columns.at[i].name);
        for (uint32_t k = 0; x && k < x->column_to_json_key_mappings.count; k++)
            if (bytes_equal_ignore_case(x->column_to_json_key_mappings.at[k].key, keys[i]))
                keys[i] = x->column_to_json_key_mappings.at[k].value;
    }
    r->keys = keys;
    return OK;
}

static enum status set_hive(const struct firehose_hive_json_serde *h, struct row_rules *r,
                            struct fault *f)
{
    r->hive = true;
    r->formats = h->timestamp_formats.at;
    r->format_count = h->timestamp_formats.count;
    enum status st = OK;
    for (uint32_t i = 0; i < r->format_count && st == OK; i++)
        st = moment_pattern_check(r->formats[i], f);
    return st;
}

static enum status set_rows(configuration *c, struct conversion *to, struct fault *f)
{
    const struct firehose_deserializer *d = deserializer_of(c);
    if (!d || !d->open_x_json_serde == !d->hive_json_serde)
        return fault_set(
            f, INVALID_ARGUMENT,
            "InputFormatConfiguration must have exactly one Deserializer: OpenXJsonSerDe "
            "or HiveJsonSerDe.");
    const struct firehose_open_x_json_serde *x = d->open_x_json_serde;
    to->rows.case_sensitive = x && x->case_insensitive.present && !x->case_insensitive.value;
    to->rows.dots_are_underscores = x && x->convert_dots_in_json_keys_to_underscores.value;
    enum status st = set_keys(x, to, f);
    return st == OK && !x ? set_hive(d->hive_json_serde, &to->rows, f) : st;
}

enum status conversion_new(configuration *c, struct bytes columns, struct conversions *conversions,
                           struct conversion **out, struct fault *f)
{
    struct conversion *to = MEM_NEW(struct conversion);
    arena_init(&to->arena, SIZE_MAX / 2);
    to->schema = c->schema_configuration;
    to->columnar.form = &to->form;
    enum status st = columns_parse(columns, &to->arena, &to->rows.columns, f);
    if (st == OK)
        st = set_rows(c, to, f);
    if (st == OK)
        st = set_form(c, to, f);
    if (st == OK)
        st = conversions_library(conversions, &to->columnar.library, f);
    if (st != OK) {
        conversion_free(to);
        to = NULL;
    }
    *out = to;
    return st;
}

void conversion_free(struct conversion *c)
{
    if (!c)
        return;
    arena_fini(&c->arena);
    mem_free(c);
}

/* ---- whether it runs ---- */

static enum status check_schema(const struct firehose_schema_configuration *s, struct fault *f)
{
    if (!s)
        return fault_set(f, INVALID_ARGUMENT,
                         "SchemaConfiguration must be specified when data format conversion is "
                         "enabled.");
    const struct {
        const char *name;
        struct bytes given;
    } wanted[] = {
        {"RoleARN", s->role_arn}, {"DatabaseName", s->database_name}, {"TableName", s->table_name}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!wanted[i].given.len)
            return fault_set(f, INVALID_ARGUMENT, "SchemaConfiguration.%s must be specified.",
                             wanted[i].name);
    return OK;
}

enum status conversion_check(configuration *c, struct conversions *conversions, struct arena *a,
                             struct bytes *columns, struct fault *f)
{
    struct conversion *made = NULL;
    struct fault why = {.text = ""};
    enum status st = check_schema(c->schema_configuration, f);
    if (st == OK)
        st = conversions_columns(conversions, c->schema_configuration, a, columns, f);
    if (st != OK)
        return st;
    st = conversion_new(c, *columns, conversions, &made, &why);
    conversion_free(made);
    if (st == UNSUPPORTED)
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not convert data formats, since %s: "
                         "DataFormatConversionConfiguration must not be enabled.",
                         why.text);
    *f = why;
    return st;
}
