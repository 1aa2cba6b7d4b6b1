#include "base/json_text.h"

#include <jansson.h>

static int append(const char *text, size_t len, void *out)
{
    struct buf *to = out;
    buf_append(to, bytes_of(text, len));
    return to->status == OK ? 0 : -1;
}

enum status json_text_append(const json_t *value, size_t flags, struct buf *out)
{
    if (out->status == OK && json_dump_callback(value, append, out, flags) != 0 &&
        out->status == OK)
        return NO_MEMORY; /* jansson's own */
    return out->status;
}
