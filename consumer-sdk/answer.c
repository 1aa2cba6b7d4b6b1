/* answer.c: see the header.
 *
 * The output is decoded in one pass: its texts and blobs are views of the body, which the reply keeps. Errors have a shape too, so
 * the same codecs read them: {"__type": "com.amazonaws.kinesis#NameException", "message": "..."}, `Message` with some.
 *
 * I1. What the service sends is checked, never believed: a body that is not of the operation's shape is SLUICE_PROTOCOL.
 *
 * Thread: any. */
#include "consumer-sdk/answer.h"

#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "wire/cbor.h"
#include "wire/json.h"

#include <stdio.h>

enum { ERROR_ARENA_BYTES_MAX = 64 * 1024 };

void answer_text(char *out, size_t room, struct bytes text)
{
    size_t len = text.len < room - 1 ? text.len : room - 1;
    while (len > 0 && len < text.len && (text.at[len] & 0xc0) == 0x80)
        len--; /* between characters */
    if (len > 0)
        memcpy(out, text.at, len);
    out[len] = '\0';
}

bool answer_is_cbor(const struct web_call *call)
{
    return bytes_starts_with(call->answer_type, BYTES_LITERAL("application/x-amz-cbor")) ||
           bytes_starts_with(call->answer_type, BYTES_LITERAL("application/cbor"));
}

static enum status decode(const struct shape *s, uint8_t *body, size_t len, bool cbor,
                          struct arena *arena, void *out, struct fault *f)
{
    return cbor ? cbor_decode(s, body, len, arena, out, f)
                : json_decode(s, body, len, arena, out, f);
}

/* ---- errors ---- */

struct error_body {
    struct bytes type, message, other_message;
};
static const struct shape text_shape = {
    .name = "Text", .kind = SHAPE_STRING, .size = sizeof(struct bytes)};
#define FIELD(name_, member)                                                                       \
    {                                                                                              \
        .name = name_, .path = name_, .name_len = sizeof(name_) - 1,                               \
        .offset = offsetof(struct error_body, member), .shape = &text_shape                        \
    }
static const struct shape_field error_fields[] = {
    FIELD("__type", type),
    FIELD("message", message),
    FIELD("Message", other_message),
};
static const struct shape error_shape = {.name = "Error",
                                         .kind = SHAPE_STRUCTURE,
                                         .size = sizeof(struct error_body),
                                         .fields = error_fields,
                                         .field_count = 3};

/* "com.amazonaws.kinesis#Name" and "Name:http://..." are Name. */
static struct bytes bare_type(struct bytes type)
{
    const uint8_t *hash = type.len > 0 ? memchr(type.at, '#', type.len) : NULL;
    if (hash != NULL)
        type = bytes_of(hash + 1, type.len - (size_t)(hash + 1 - type.at));
    const uint8_t *colon = type.len > 0 ? memchr(type.at, ':', type.len) : NULL;
    if (colon != NULL)
        type.len = (size_t)(colon - type.at);
    return type;
}

void answer_error(struct sluice_error *error, uint8_t *body, size_t len, bool cbor,
                  struct bytes said_type)
{
    struct error_body e = {0};
    struct arena arena;
    struct fault f;
    arena_init(&arena, ERROR_ARENA_BYTES_MAX);
    if (decode(&error_shape, body, len, cbor, &arena, &e, &f) != OK)
        e = (struct error_body){0};
    struct bytes type = bytes_present(said_type) ? said_type : e.type;
    struct bytes message = bytes_present(e.message) ? e.message : e.other_message;
    error->status = SLUICE_SERVICE;
    answer_text(error->type, sizeof(error->type), bare_type(type));
    if (bytes_present(message))
        answer_text(error->message, sizeof(error->message), message);
    else
        snprintf(error->message, sizeof(error->message), "HTTP status %d, and no reason was given",
                 error->http_status);
    arena_fini(&arena);
}

enum sluice_status answer_failure(const struct web_call *call, struct sluice_error *error)
{
    enum sluice_status st = error_status(call->status);
    if (call->status == IO_FAILED || call->status == UNSUPPORTED)
        st = SLUICE_TRANSPORT;
    error_set(error, st, "%s", call->fault.text);
    /* Without a certificate that we trust, and without TLS, there will be no other answer. */
    error->retryable =
        st == SLUICE_TIMED_OUT || (st == SLUICE_TRANSPORT && call->why != WEB_FAILED_TLS &&
                                   call->why != WEB_FAILED_CERTIFICATE);
    return st;
}

/* ---- replies ---- */

static bool needs_members(const struct shape *s)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        if (s->fields[i].required)
            return true;
    }
    return false;
}

static enum status decode_output(sluice_reply *r, const struct shape *s, size_t len, bool cbor,
                                 struct fault *f)
{
    void *output = arena_zero(&r->arena, s->size);
    if (output == NULL)
        return fault_set(f, NO_MEMORY, "no memory for an answer");
    r->output = output;
    if (len == 0 && !needs_members(s))
        return OK;
    return decode(s, r->body, len, cbor, &r->arena, output, f);
}

static enum sluice_status read_reply(const struct sluice_operation *operation,
                                     struct web_call *call, sluice_reply **reply,
                                     struct sluice_error *error)
{
    const struct shape *s = operation->model->output;
    sluice_reply *r = *reply != NULL ? *reply : reply_new(NULL, 0);
    *reply = r;
    if (r == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for an answer");
    answer_text(r->request_id, sizeof(r->request_id), call->answer_request_id);
    size_t len;
    r->room = call->answer.room;
    r->body = buf_take(&call->answer, &len);
    struct fault f;
    enum status st = s == NULL ? OK : decode_output(r, s, len, answer_is_cbor(call), &f);
    if (st == OK)
        return SLUICE_OK;
    if (st == NO_MEMORY)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for an answer");
    return error_set(error, SLUICE_PROTOCOL, "the answer is not a %s: %s", s->name,
                     f.text[0] != '\0' ? f.text : "it cannot be read");
}

static enum sluice_status read_any(const struct sluice_operation *operation, struct web_call *call,
                                   sluice_reply **reply, struct sluice_error *error)
{
    if (call->status != OK)
        return answer_failure(call, error);
    enum sluice_status st = SLUICE_SERVICE;
    if (call->code >= 200 && call->code < 300) {
        st = read_reply(operation, call, reply, error);
        if (st == SLUICE_OK)
            return st;
    } else {
        *error = (struct sluice_error){.http_status = call->code};
        answer_error(error, call->answer.at, call->answer.len, answer_is_cbor(call),
                     call->answer_error_type);
    }
    error->http_status = call->code;
    answer_text(error->request_id, sizeof(error->request_id), call->answer_request_id);
    return st;
}

enum sluice_status answer_read(const struct sluice_operation *operation, struct web_call *call,
                               sluice_reply **reply, struct sluice_error *error)
{
    enum sluice_status st = read_any(operation, call, reply, error);
    if (st != SLUICE_OK) {
        sluice_reply_free(*reply);
        *reply = NULL;
    }
    return st;
}
