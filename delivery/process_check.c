/* process_check.c: which ProcessingConfigurations run. A table of processors and one of their parameters; then the rules between them.
 *
 * What would not run is refused here, in a sentence that names it: a delivery stream that is made works. Pure. Thread: any. */
#include "delivery/process_internal.h"

#include "base/mem.h"
#include "delivery/process_jq.h"
#include "delivery/process_partition.h"
#include "delivery/transform.h"
#include "wire/base64.h"

/* ---- values ---- */

typedef bool value_fn(struct bytes value);

static bool is(struct bytes value, const char *text)
{
    return bytes_equal(value, bytes_text(text));
}
static bool is_split(struct bytes v)
{
    return is(v, "JSON") || is(v, "DELIMITED");
}
static bool is_gzip(struct bytes v)
{
    return is(v, "GZIP");
}
static bool is_flag(struct bytes v)
{
    return bytes_equal_ignore_case(v, BYTES_LITERAL("true")) ||
           bytes_equal_ignore_case(v, BYTES_LITERAL("false"));
}

static bool is_jq(struct bytes v)
{
    return is(v, "JQ-1.6");
}

static bool is_at_most(struct bytes v, uint64_t most)
{
    uint64_t n;
    return bytes_to_u64(v, &n) && n <= most;
}
static bool is_retries(struct bytes v)
{
    return is_at_most(v, 300);
}
static bool is_interval(struct bytes v)
{
    return is_at_most(v, 900);
}
/* Digits, and perhaps a point and digits. */
static bool is_buffer_size(struct bytes v)
{
    uint64_t whole, part = 0;
    const uint8_t *point = memchr(v.at, '.', v.len);
    size_t before = point ? (size_t)(point - v.at) : v.len, after = v.len - before;
    if (!bytes_to_u64(bytes_of(v.at, before), &whole) || after > 9)
        return false;
    if (point && !bytes_to_u64(bytes_of(point + 1, after - 1), &part))
        return false;
    for (size_t i = after; i > 0 && i < 9; i++)
        part *= 10;
    return whole < 3 ? whole > 0 || part >= 20000000 : whole == 3 && part == 0;
}

struct parameter {
    const char *processor, *name;
    bool required;
    value_fn *takes;
    const char *what; /* a value has to be */
};
static const struct parameter parameters[] = {
    {"RecordDeAggregation", "SubRecordType", true, is_split, "JSON or DELIMITED"},
    {"RecordDeAggregation", "Delimiter", false, NULL, NULL},
    {"Decompression", "CompressionFormat", true, is_gzip, "GZIP"},
    {"CloudWatchLogProcessing", "DataMessageExtraction", true, is_flag, "true or false"},
    {"Lambda", "LambdaArn", true, NULL, NULL},
    {"Lambda", "NumberOfRetries", false, is_retries, "a number from 0 to 300"},
    {"Lambda", "RoleArn", false, NULL, NULL},
    {"Lambda", "BufferSizeInMBs", false, is_buffer_size, "a number from 0.2 to 3"},
    {"Lambda", "BufferIntervalInSeconds", false, is_interval, "a number from 0 to 900"},
    {"MetadataExtraction", "MetadataExtractionQuery", true, NULL, NULL},
    {"MetadataExtraction", "JsonParsingEngine", true, is_jq, "JQ-1.6"},
    {"AppendDelimiterToRecord", "Delimiter", false, NULL, NULL},
};
enum { PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

static const char *const processors[] = {"RecordDeAggregation",     "Decompression",
                                         "CloudWatchLogProcessing", "Lambda",
                                         "MetadataExtraction",      "AppendDelimiterToRecord"};
enum { PROCESSORS = sizeof(processors) / sizeof(processors[0]) };

/* ---- one processor ---- */

static const struct parameter *parameter_of(const struct firehose_processor *p, struct bytes name)
{
    for (size_t i = 0; i < PARAMETERS; i++)
        if (processor_is(p, parameters[i].processor) && is(name, parameters[i].name))
            return &parameters[i];
    return NULL;
}

static enum status check_given(const struct firehose_processor *p, uint32_t n, struct fault *f)
{
    struct bytes name = p->parameters.at[n].parameter_name;
    struct bytes value = p->parameters.at[n].parameter_value;
    const struct parameter *known = parameter_of(p, name);
    if (!known)
        return fault_set(f, INVALID_ARGUMENT,
                         "Parameter %.*s is not applicable to the %.*s processor.",
                         BYTES_ARGS(name), BYTES_ARGS(p->type));
    for (uint32_t i = 0; i < n; i++)
        if (bytes_equal(p->parameters.at[i].parameter_name, name))
            return fault_set(f, INVALID_ARGUMENT,
                             "Parameter %.*s is given more than once for the %.*s processor.",
                             BYTES_ARGS(name), BYTES_ARGS(p->type));
    if (known->takes && !known->takes(value))
        return fault_set(f, INVALID_ARGUMENT, "Parameter %.*s of the %.*s processor must be %s.",
                         BYTES_ARGS(name), BYTES_ARGS(p->type), known->what);
    return OK;
}

static enum status check_delimiter(const struct firehose_processor *p, struct fault *f)
{
    bool delimited = is(processor_parameter(p, "SubRecordType"), "DELIMITED");
    struct bytes text = processor_parameter(p, "Delimiter");
    if (delimited != bytes_present(text))
        return fault_set(f, INVALID_ARGUMENT,
                         delimited ? "Parameter Delimiter must be specified when SubRecordType is "
                                     "DELIMITED."
                                   : "Parameter Delimiter is only applicable when SubRecordType "
                                     "is DELIMITED.");
    if (!delimited)
        return OK;
    uint8_t *decoded = mem_must(text.len + 4);
    size_t len = 0;
    enum status st = base64_decode(text, decoded, &len, f);
    mem_free(decoded);
    return st == OK && len > 0 ? OK
                               : fault_set(f, INVALID_ARGUMENT,
                                           "Parameter Delimiter of the RecordDeAggregation "
                                           "processor must be encoded in base64.");
}

static enum status check_processor(const struct firehose_processor *p,
                                   const struct transforms *transforms, struct fault *f)
{
    bool known = false;
    for (size_t i = 0; i < PROCESSORS; i++)
        known = known || processor_is(p, processors[i]);
    if (!known)
        return fault_set(f, INVALID_ARGUMENT, "This server does not run %.*s processors.",
                         BYTES_ARGS(p->type));
    enum status st = OK;
    for (uint32_t i = 0; i < p->parameters.count && st == OK; i++)
        st = check_given(p, i, f);
    for (size_t i = 0; i < PARAMETERS && st == OK; i++)
        if (parameters[i].required && processor_is(p, parameters[i].processor) &&
            !bytes_present(processor_parameter(p, parameters[i].name)))
            st = fault_set(f, INVALID_ARGUMENT,
                           "Parameter %s must be specified for the %s processor.",
                           parameters[i].name, parameters[i].processor);
    if (st == OK && processor_is(p, "Lambda"))
        st = process_transform_check(transforms, processor_parameter(p, "LambdaArn"), f);
    if (st == OK && processor_is(p, "RecordDeAggregation"))
        st = check_delimiter(p, f);
    return st;
}

/* ---- between them ---- */

static const struct firehose_processor *find(const struct firehose_processing_configuration *c,
                                             const char *type)
{
    for (uint32_t i = 0; c && i < c->processors.count; i++)
        if (processor_is(&c->processors.at[i], type))
            return &c->processors.at[i];
    return NULL;
}

/* Keys have to come from somewhere, and go somewhere. */
static enum status check_partitioning(const struct process_rules *r, struct fault *f)
{
    const struct firehose_processor *p = find(r->processing, "MetadataExtraction");
    if (!r->partitioning)
        return p ? fault_set(f, INVALID_ARGUMENT,
                             "MetadataExtraction processor is only applicable when Dynamic "
                             "Partitioning is enabled.")
                 : OK;
    bool lambda = find(r->processing, "Lambda") != NULL;
    struct partition_names from_query, from_lambda;
    enum status st = partition_names_of(r->prefix, false, &from_query, f);
    if (st == OK)
        st = partition_names_of(r->prefix, true, &from_lambda, f);
    if (st != OK)
        return st;
    if (!p && !lambda)
        return fault_set(f, INVALID_ARGUMENT,
                         "MetadataExtraction or Lambda processor must be specified when Dynamic "
                         "Partitioning is enabled.");
    if (!p && from_query.count > 0)
        return fault_set(f, INVALID_ARGUMENT,
                         "MetadataExtraction processor must be specified when the Prefix has "
                         "partitionKeyFromQuery.");
    if (!lambda && from_lambda.count > 0)
        return fault_set(f, INVALID_ARGUMENT,
                         "Lambda processor must be specified when the Prefix has "
                         "partitionKeyFromLambda.");
    return p ? process_jq_check(processor_parameter(p, "MetadataExtractionQuery"), r->prefix, f)
             : OK;
}

enum status process_check(const struct process_rules *r, struct fault *f)
{
    const struct firehose_processing_configuration *c = r->processing;
    if (!c || !c->enabled.value)
        return OK; /* what is partitioned has it enabled (delivery_check.c) */
    for (uint32_t i = 0; i < c->processors.count; i++) {
        const struct firehose_processor *p = &c->processors.at[i];
        for (uint32_t k = 0; k < i; k++)
            if (bytes_equal(c->processors.at[k].type, p->type))
                return fault_set(f, INVALID_ARGUMENT,
                                 "ProcessingConfiguration must not have more than one %.*s "
                                 "processor.",
                                 BYTES_ARGS(p->type));
        enum status st = check_processor(p, r->transforms, f);
        if (st != OK)
            return st;
    }
    if (find(c, "CloudWatchLogProcessing") && !find(c, "Decompression"))
        return fault_set(f, INVALID_ARGUMENT,
                         "The Decompression processor must be specified for the "
                         "CloudWatchLogProcessing processor.");
    return check_partitioning(r, f);
}
