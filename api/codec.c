/* codec.c: JSON and CBOR, side by side. An error has no shape in the model, so its two members are
 * put together here. */
#include "api/codec.h"

#include "wire/cbor.h"
#include "wire/json.h"

static void json_error(struct buf *out, const char *name, const char *text_key, struct bytes text)
{
    buf_append_text(out, "{\"__type\":");
    json_append_string(out, bytes_text(name));
    if (bytes_present(text)) {
        buf_append_byte(out, ',');
        json_append_string(out, bytes_text(text_key));
        buf_append_byte(out, ':');
        json_append_string(out, text);
    }
    buf_append_byte(out, '}');
}

static void cbor_error(struct buf *out, const char *name, const char *text_key, struct bytes text)
{
    cbor_begin_map(out);
    cbor_append_string(out, BYTES_LITERAL("__type"));
    cbor_append_string(out, bytes_text(name));
    if (bytes_present(text)) {
        cbor_append_string(out, bytes_text(text_key));
        cbor_append_string(out, text);
    }
    cbor_end_map(out);
}

const struct codec *codec_of(const struct exchange *x)
{
    static const struct codec codecs[] = {
        [CODEC_JSON] = {"application/x-amz-json-1.1", json_is_object, json_decode, json_encode,
                        json_error},
        [CODEC_CBOR] = {"application/x-amz-cbor-1.1", cbor_is_map, cbor_decode, cbor_encode,
                        cbor_error},
    };
    return &codecs[x->codec];
}
