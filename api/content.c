/* content.c: Content-Type, as the pipeline and what answers in its place read it. */
#include "api/content.h"

enum content content_of(const struct exchange *x)
{
    struct bytes type = exchange_header(x, "Content-Type");
    if (!bytes_present(type))
        return CONTENT_NONE;
    const uint8_t *end = memchr(type.at, ';', type.len);
    if (end)
        type.len = (size_t)(end - type.at);
    type = bytes_trim(type);
    if (bytes_equal_ignore_case(type, BYTES_LITERAL("application/x-amz-json-1.1")))
        return CONTENT_JSON11;
    if (bytes_equal_ignore_case(type, BYTES_LITERAL("application/x-amz-cbor-1.1")))
        return CONTENT_CBOR11;
    return bytes_equal_ignore_case(type, BYTES_LITERAL("application/json")) ? CONTENT_JSON
                                                                            : CONTENT_OTHER;
}

enum exchange_codec content_codec(enum content content)
{
    return content == CONTENT_CBOR11 ? CODEC_CBOR : CODEC_JSON;
}
