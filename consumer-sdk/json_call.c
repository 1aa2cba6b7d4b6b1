/* json_call.c: calls whose input and output are the service's own JSON: the structs of wire/ stand between, so that bounds, codecs,
 * signatures and retries are those of every other call.
 *
 * Left to others: the call (call.c), JSON (wire/json). Thread: one at a time, whoever is in the client; sluice_reply_json: any. */
#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/answer.h"
#include "consumer-sdk/error.h"
#include "wire/json.h"

static enum sluice_status decode(const struct shape *s, const char *input, size_t len,
                                 struct arena *arena, const void **out, struct sluice_error *error)
{
    struct fault f = {.status = OK};
    struct bytes text = arena_copy(arena, bytes_of(input, len)); /* decoding writes into it */
    void *in = arena_zero(arena, s->size);
    if (!bytes_present(text) || in == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a request");
    enum status st = json_decode(s, (uint8_t *)(uintptr_t)text.at, len, arena, in, &f);
    *out = in;
    if (st == OK)
        return SLUICE_OK;
    if (st != MALFORMED)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a request");
    return error_set(error, SLUICE_INVALID_ARGUMENT, "%s",
                     f.text[0] != '\0' ? f.text : "the input is not a JSON object");
}

enum sluice_status sluice_call_json(sluice_client *client, const struct sluice_operation *operation,
                                    const char *input, size_t input_len,
                                    const struct sluice_call_options *options, sluice_reply **reply,
                                    struct sluice_error *error)
{
    struct arena arena;
    const void *in = NULL;
    const struct shape *s = operation->model->input;
    enum sluice_status st = SLUICE_OK;
    if (reply != NULL)
        *reply = NULL;
    arena_init(&arena, EXCHANGE_ARENA_BYTES_MAX);
    if (s != NULL)
        st = decode(s, input, input_len, &arena, &in, error);
    if (st == SLUICE_OK)
        st = sluice_call(client, operation, in, s != NULL ? s->size : 0, options, reply, error);
    arena_fini(&arena);
    return st;
}

const char *sluice_reply_json(const struct sluice_operation *operation, sluice_reply *reply,
                              size_t *len)
{
    struct buf text;
    buf_init(&text, REPLY_BYTES_MAX);
    if (operation->model->output != NULL && reply->output != NULL)
        json_encode(operation->model->output, reply->output, &text);
    else
        buf_append_text(&text, "{}");
    struct bytes kept = BYTES_NONE;
    if (text.status == OK)
        kept = arena_copy(&reply->arena, buf_view(&text)); /* ends it with a NUL */
    if (len != NULL)
        *len = kept.len;
    buf_fini(&text);
    return (const char *)kept.at;
}
