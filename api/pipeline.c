/* pipeline.c: the fixed road of a request, in AWS's order of checks (docs/API.md, "Order of checks"):
 *
 *   OPTIONS -> our own pages (GET) -> method -> empty body -> content type -> a structure? -> known operation? -> signature -> types -> bounds
 *   -> the operation
 *
 * AWS looks whether the body parses before it looks at the signature. We verify first and decode once, in place; only when a check before
 * decoding fails do we look whether the body would have parsed, and answer what AWS would. The order seen is the same.
 *
 * Thread: the exchange's loop. */
#include "api/codec.h"
#include "api/content.h"
#include "api/health.h"
#include "api/inject_gate.h"
#include "api/operations.h"
#include "api/push.h"
#include "api/quota_gate.h"
#include "api/target.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/must.h"
#include "base/random.h"
#include "wire/base64.h"
#include "wire/check.h"
#include "wire/json.h"

#include <stdio.h>

/* ---- answers before any operation is known ---- */

static void common_headers(struct exchange *x)
{
    enum { ID2_RANDOM = 72 };
    uint8_t id2[ID2_RANDOM];
    random_noise(id2,
                 sizeof(id2)); /* AWS seals what it knows in here; it means nothing to clients */
    base64_encode(bytes_of(id2, sizeof(id2)), (uint8_t *)x->id2);
    x->id2[base64_encoded_len(ID2_RANDOM)] = '\0';
    exchange_reply_header(x, "x-amz-id-2", x->id2);
    if (bytes_present(exchange_header(x, "Origin"))) {
        exchange_reply_header(x, "Access-Control-Allow-Origin", "*");
        exchange_reply_header(x, "Access-Control-Expose-Headers",
                              "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-"
                              "amzn-ErrorMessage,Date");
    }
}

static void preflight(struct exchange *x)
{
    static const char *const echoed[][2] = {
        {"Access-Control-Request-Headers", "Access-Control-Allow-Headers"},
        {"Access-Control-Request-Method", "Access-Control-Allow-Methods"},
    };
    exchange_reply_header(x, "Access-Control-Allow-Origin", "*");
    exchange_reply_header(x, "Access-Control-Max-Age", "172800");
    for (size_t i = 0; i < 2; i++) {
        struct bytes asked = exchange_header(x, echoed[i][0]);
        struct bytes copy = bytes_present(asked) ? arena_copy(&x->arena, asked) : BYTES_NONE;
        if (bytes_present(copy))
            exchange_reply_header(x, echoed[i][1], (const char *)copy.at);
    }
    reply_raw(x, 200, NULL, BYTES_LITERAL(""));
}

static void answer_no_service(struct exchange *x)
{
    reply_raw(
        x, 403, NULL,
        BYTES_LITERAL(
            "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
            "authorized</Message>\n</AccessDeniedException>\n"));
}

static void answer_type(struct exchange *x, const char *name)
{
    reply_error(x, 400, name, NULL, BYTES_NONE);
}

/* Whether the body would parse. */
static bool is_structure(const struct exchange *x)
{
    return codec_of(x)->is_structure(bytes_of(x->body, x->body_len));
}

/* "Service.Operation", both there */
static bool target_is_complete(struct bytes target)
{
    const uint8_t *dot =
        bytes_present(target) && target.len ? memchr(target.at, '.', target.len) : NULL;
    return dot && dot > target.at && dot + 1 < target.at + target.len;
}

static void answer_plain_json(struct exchange *x)
{
    bool fine = json_is_object(bytes_of(x->body, x->body_len));
    reply_raw(
        x, fine ? 404 : 400, "application/json",
        fine
            ? BYTES_LITERAL(
                  "{\"Output\":{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"},"
                  "\"Version\":\"1.0\"}")
            : BYTES_LITERAL(
                  "{\"Output\":{\"__type\":\"com.amazon.coral.service#SerializationException\"},"
                  "\"Version\":\"1.0\"}"));
}

/* Whatever can be answered without reading the body. */
static bool answer_by_head(struct exchange *x, enum content content, struct bytes target,
                           const struct operation_row *row)
{
    if (!bytes_equal(x->method, BYTES_LITERAL("POST"))) {
        answer_no_service(x);
    } else if (x->body_len == 0) {
        x->codec = content == CONTENT_JSON11 ? CODEC_JSON : CODEC_CBOR; /* as AWS does */
        answer_type(x, row ? "SerializationException" : "UnknownOperationException");
    } else if (content == CONTENT_NONE || content == CONTENT_OTHER) {
        if (target_is_complete(target))
            reply_raw(x, 404, NULL, BYTES_LITERAL("<UnknownOperationException/>\n"));
        else
            answer_no_service(x);
    } else if (content == CONTENT_JSON) {
        answer_plain_json(x);
    } else if (content == CONTENT_CBOR11 && row && row->service != SERVICE_KINESIS) {
        reply_raw(x, 404, NULL, BYTES_LITERAL("<UnknownOperationException/>\n")); /* JSON alone */
    } else {
        return false;
    }
    return true;
}

/* ---- the operation ---- */

static enum status decode(struct exchange *x, const struct shape *shape, void **input,
                          struct fault *f)
{
    *input = arena_zero(&x->arena, shape->size ? shape->size : 1);
    if (!*input)
        return fault_set(f, NO_MEMORY, "no memory for the request");
    enum status st = codec_of(x)->decode(shape, x->body, x->body_len, &x->arena, *input, f);
    return st == OK ? check(shape, *input, f) : st;
}

/* What AWS says of a request whose signature is wrong: first of all, whether its body would parse. */
static enum status verify(struct service *s, struct exchange *x, struct fault *f)
{
    const char *name = x->service == SERVICE_FIREHOSE ? "firehose" : "kinesis";
    enum status st = auth_verify(&s->auth, x, name, f);
    return st == OK || is_structure(x) ? st : fault_set(f, MALFORMED, "%s", "");
}

static void run(struct service *s, struct exchange *x, const struct operation_row *row)
{
    struct fault f = {0};
    void *input = NULL;
    x->action = row->name;
    enum status st = verify(s, x, &f);
    if (st == OK)
        st = decode(x, row->model->input, &input, &f);
    if (st != OK)
        reply_fault(x, &f);
    else if (inject_is_on(s))
        inject_gate(s, x, row->model, row->run, input);
    else
        quota_gate(s, x, row->model, row->run, input);
}

/* No rule of fault injection applies to it: whoever shut himself out can take it back. */
static void run_ours(struct service *s, struct exchange *x, const struct operation_row *row)
{
    struct fault f = {0};
    void *input = NULL;
    x->action = row->name;
    enum status st = verify(s, x, &f);
    if (st == OK)
        st = decode(x, row->model->input, &input, &f);
    if (st == OK)
        row->run(s, x, input);
    else
        reply_fault(x, &f);
}

static void handle(struct exchange_handler *handler, struct exchange *x)
{
    struct service *s = LIST_OWNER(handler, struct service, handler);
    uuid_make(x->request_id);
    exchange_reply_header(x, "x-amzn-RequestId", x->request_id);
    if (bytes_equal(x->method, BYTES_LITERAL("OPTIONS")) &&
        bytes_present(exchange_header(x, "Origin"))) {
        preflight(x);
        return;
    }
    if (health_answer(s, x))
        return;
    common_headers(x);
    struct bytes target = exchange_header(x, "X-Amz-Target");
    enum content content = content_of(x);
    const struct operation_row *row = target_row(s, target);
    size_t place;
    x->codec = content_codec(content);
    x->service = row ? row->service : SERVICE_KINESIS;
    if (answer_by_head(x, content, target, row))
        return;
    if (!row) {
        answer_type(x, is_structure(x) ? "UnknownOperationException" : "SerializationException");
    } else if (target_place(row, &place)) {
        x->metrics = &s->metrics[place];
        run(s, x, row);
    } else {
        run_ours(s, x, row);
    }
}

void service_init(struct service *s)
{
    s->handler.handle = handle;
    s->data = (struct data_metrics){
        .incoming_bytes =
            metric_counter("kinesis_incoming_bytes_total", "AWS/Kinesis IncomingBytes.", ""),
        .incoming_records =
            metric_counter("kinesis_incoming_records_total", "AWS/Kinesis IncomingRecords.", ""),
        .write_throttled = metric_counter("kinesis_write_provisioned_throughput_exceeded_total",
                                          "AWS/Kinesis WriteProvisionedThroughputExceeded.", ""),
        .outgoing_bytes =
            metric_counter("kinesis_get_records_bytes_total", "AWS/Kinesis GetRecords.Bytes.", ""),
        .outgoing_records = metric_counter("kinesis_get_records_records_total",
                                           "AWS/Kinesis GetRecords.Records.", ""),
        .iterator_age_ms =
            metric_gauge("kinesis_get_records_iterator_age_milliseconds",
                         "AWS/Kinesis GetRecords.IteratorAgeMilliseconds, of the last read.", ""),
    };
    s->push = push_new(s);
    s->metrics = mem_must(target_places() * sizeof(*s->metrics));
    for (size_t i = 0; i < target_places(); i++) {
        const struct operation_row *row = target_row_at(i);
        char labels[96];
        snprintf(labels, sizeof(labels), "operation=\"%.*s\"%s", BYTES_ARGS(row->name),
                 row->service == SERVICE_FIREHOSE ? ",service=\"firehose\"" : "");
        s->metrics[i].seconds = metric_histogram(
            "sluice_operation_seconds", "Time from a complete request to its answer.", labels);
        s->metrics[i].errors =
            metric_counter("sluice_operation_errors_total", "Answers other than 200.", labels);
    }
}

void service_fini(struct service *s)
{
    push_free(s->push);
    s->push = NULL;
    quotas_free(s->quotas);
    s->quotas = NULL;
    mem_free(s->metrics);
    s->metrics = NULL;
}
