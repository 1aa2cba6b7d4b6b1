/* http_body.c: see the header.
 *
 * The body is written piece by piece, through zlib when it is to be gzipped, so that the whole of it is never there in both forms. Speed over size:
 * base64 of anything shrinks by a quarter at once, and seconds spent for a little more would be seconds in which the loop serves no other.
 *
 * Thread: any. */
#include "delivery/http_body.h"

#include "base/mem.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <jansson.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_MEMORY_LEVEL = 8, PIECE_BYTES = 48 << 10 };

struct writer {
    struct buf *out;
    z_stream *zip; /* NULL: plain */
    uint8_t piece[PIECE_BYTES / 3 * 4];
};

static void *zip_take(void *arg, unsigned count, unsigned size)
{
    (void)arg;
    return mem_try((size_t)count * size);
}

static void zip_free(void *arg, void *at)
{
    (void)arg;
    mem_free(at);
}

static void zip_write(struct writer *w, struct bytes bytes, int flush)
{
    w->zip->next_in = (uint8_t *)(uintptr_t)bytes.at;
    w->zip->avail_in = (uInt)bytes.len;
    int outcome = Z_OK;
    do {
        uint8_t *at = buf_reserve(w->out, PIECE_BYTES);
        if (at == NULL)
            return;
        w->zip->next_out = at;
        w->zip->avail_out = PIECE_BYTES;
        outcome = deflate(w->zip, flush);
        buf_add(w->out, PIECE_BYTES - w->zip->avail_out);
    } while (w->zip->avail_out == 0 && outcome == Z_OK);
}

static void put(struct writer *w, struct bytes bytes)
{
    if (w->zip != NULL)
        zip_write(w, bytes, Z_NO_FLUSH);
    else
        buf_append(w->out, bytes);
}

static void put_base64(struct writer *w, struct bytes data)
{
    while (data.len > 0) {
        size_t len =
            data.len < PIECE_BYTES ? data.len : PIECE_BYTES; /* a multiple of 3, but the last */
        base64_encode(bytes_of(data.at, len), w->piece);
        put(w, bytes_of(w->piece, base64_encoded_len(len)));
        data = bytes_of(data.at + len, data.len - len);
    }
}

static void put_all(struct writer *w, const struct parcel *p, uint64_t now_ms)
{
    char head[128];
    int len = snprintf(head, sizeof(head), "{\"requestId\":\"%s\",\"timestamp\":%llu,\"records\":[",
                       p->name, (unsigned long long)now_ms);
    put(w, bytes_of(head, (size_t)len));
    for (uint32_t i = 0; i < p->record_count; i++) {
        put(w, i == 0 ? BYTES_LITERAL("{\"data\":\"") : BYTES_LITERAL(",{\"data\":\""));
        put_base64(w, bytes_of(p->body.at + p->records[i].at, p->records[i].len));
        put(w, BYTES_LITERAL("\"}"));
    }
    put(w, BYTES_LITERAL("]}"));
}

void http_attributes_append(const struct firehose_http_endpoint_request_configuration *request,
                            struct buf *out)
{
    buf_append_text(out, "{\"commonAttributes\":{");
    for (uint32_t i = 0; i < request->common_attributes.count; i++) {
        const struct firehose_http_endpoint_common_attribute *a = &request->common_attributes.at[i];
        buf_append_text(out, i > 0 ? "," : "");
        json_append_string(out, a->attribute_name);
        buf_append_byte(out, ':');
        json_append_string(out, a->attribute_value);
    }
    buf_append_text(out, "}}");
}

enum status http_body_write(const struct parcel *p, uint64_t now_ms, bool gzip, struct buf *out,
                            struct fault *f)
{
    z_stream zip = {.zalloc = zip_take, .zfree = zip_free};
    if (gzip && deflateInit2(&zip, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                             Z_DEFAULT_STRATEGY) != Z_OK)
        return fault_set(f, NO_MEMORY, "no memory to compress a request");
    struct writer *w = MEM_NEW(struct writer);
    w->out = out;
    w->zip = gzip ? &zip : NULL;
    put_all(w, p, now_ms);
    if (gzip) {
        zip_write(w, BYTES_LITERAL(""), Z_FINISH);
        deflateEnd(&zip);
    }
    mem_free(w);
    if (out->status != OK)
        return fault_set(f, out->status, "no memory for a request");
    return OK;
}

enum status http_answer_check(struct bytes answer, const char *request_id, struct fault *f)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)answer.at, answer.len, 0, &error);
    enum status st = OK;
    const char *echoed = json_string_value(json_object_get(root, "requestId"));
    json_t *timestamp = json_object_get(root, "timestamp");
    if (!json_is_object(root))
        st = fault_set(f, MALFORMED, "its body is not a JSON object");
    else if (echoed == NULL || strcmp(echoed, request_id) != 0)
        st = fault_set(f, MALFORMED, "its requestId is not that of the request");
    else if (!json_is_number(timestamp))
        st = fault_set(f, MALFORMED, "its timestamp is not a number");
    json_decref(root);
    return st;
}
