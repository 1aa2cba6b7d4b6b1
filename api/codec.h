/* codec.h: the two ways in which requests and replies are written, as one table: whoever reads or
 * writes a body asks it, and knows neither. Thread: any. */
#ifndef SLUICE_API_CODEC_H
#define SLUICE_API_CODEC_H

#include "api/exchange.h"
#include "wire/shape.h"

struct codec {
    const char *content_type;
    /* Whether the body is one structure in good form; does not change it. */
    bool (*is_structure)(struct bytes body);
    /* json.h, cbor.h */
    enum status (*decode)(const struct shape *s, uint8_t *body, size_t len, struct arena *arena,
                          void *out, struct fault *f);
    void (*encode)(const struct shape *s, const void *in, struct buf *out);
    /* An error: {"__type": name} and, unless text is absent, the text under its key. */
    void (*encode_error)(struct buf *out, const char *name, const char *text_key,
                         struct bytes text);
};

/* Never NULL. */
const struct codec *codec_of(const struct exchange *x);

#endif
