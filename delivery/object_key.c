/* object_key.c: which prefix holds, and what follows it. */
#include "delivery/object_key.h"

#include "delivery/date_pattern.h"

#include <stdio.h>

static void put_u64(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (8 * (7 - i)));
}

/* "sluice object 1" | numbers | output: each of a fixed width but the last. */
void object_identity_digest(const struct object_identity *i, uint8_t out[SHA256_BYTES])
{
    static const char label[] = "sluice object 1";
    uint8_t text[sizeof(label) + 7 * 8];
    memcpy(text, label, sizeof(label));
    const uint64_t numbers[] = {i->delivery,  i->stream,      i->shard,   i->first_offset,
                                i->first_sub, i->last_offset, i->last_sub};
    for (size_t n = 0; n < 7; n++)
        put_u64(text + sizeof(label) + 8 * n, numbers[n]);
    digest_hmac_sha256(bytes_of(text, sizeof(text)), bytes_text(i->output), out);
}

void object_uuid(const uint8_t digest[SHA256_BYTES], char out[UUID_BYTES])
{
    uint8_t b[16];
    memcpy(b, digest, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char hex[33];
    hex_print(bytes_of(b, sizeof(b)), hex);
    snprintf(out, UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

/* AWS's rules: no Prefix is yyyy/MM/dd/HH/; one without a timestamp gets that behind it. Errors without a prefix of their own take Prefix; what does not
 * say the type of the error gets it behind, before the time. */
static enum status prefix_of(const struct object_key *k, struct buf *out, struct fault *f)
{
    const struct prefix_values values = {
        .time_ms = k->time_ms,
        .zone = k->zone,
        .error_type = k->error_type,
        .partition = k->partition,
        .identity = bytes_of(k->digest, SHA256_BYTES),
    };
    bool own = k->is_error && k->error_prefix.len > 0;
    struct prefix p;
    enum status st = prefix_parse(own ? k->error_prefix : k->prefix, &p, f);
    if (st == OK)
        st = prefix_expand(&p, &values, out, f);
    if (st != OK)
        return st;
    if (k->is_error && !prefix_has(&p, PREFIX_ERROR_TYPE))
        buf_append(out, k->error_type);
    if (!prefix_has(&p, PREFIX_TIMESTAMP))
        date_pattern_print(BYTES_LITERAL("yyyy/MM/dd/HH/"), k->time_ms, k->zone, out);
    return OK;
}

enum status object_key_print(const struct object_key *k, struct buf *out, struct fault *f)
{
    size_t before = out->len;
    enum status st = prefix_of(k, out, f);
    if (st != OK)
        return st;
    char uuid[UUID_BYTES];
    object_uuid(k->digest, uuid);
    buf_append(out, k->delivery_name);
    buf_printf(out, "-%llu-", (unsigned long long)k->version);
    date_pattern_print(BYTES_LITERAL("yyyy-MM-dd-HH-mm-ss-"), k->time_ms, k->zone, out);
    buf_append_text(out, uuid);
    buf_append(out, k->extension);
    if (out->status != OK)
        return fault_set(f, out->status, "no room for the name of an object");
    if (out->len - before > OBJECT_KEY_BYTES_MAX)
        return fault_set(f, TOO_LARGE, "the name of an object would have more than %d bytes",
                         OBJECT_KEY_BYTES_MAX);
    return OK;
}
