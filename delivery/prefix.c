/* prefix.c: see the header. An expression that AWS does not know is refused; "!{" without an end, too. */
#include "delivery/prefix.h"

#include "base/digest.h"
#include "delivery/date_pattern.h"

struct expression {
    const char *space;
    const char *value; /* NULL: any, which is the part's text */
    enum prefix_part_kind kind;
};
static const struct expression expressions[] = {
    {"timestamp", NULL, PREFIX_TIMESTAMP},
    {"firehose", "random-string", PREFIX_RANDOM},
    {"firehose", "error-output-type", PREFIX_ERROR_TYPE},
    {"partitionKeyFromQuery", NULL, PREFIX_KEY_FROM_QUERY},
    {"partitionKeyFromLambda", NULL, PREFIX_KEY_FROM_LAMBDA},
};

static enum status part_add(struct prefix *p, enum prefix_part_kind kind, struct bytes text,
                            struct fault *f)
{
    if (p->count == PREFIX_PARTS_MAX)
        return fault_set(f, INVALID_ARGUMENT, "Prefix has too many expressions");
    p->parts[p->count++] = (struct prefix_part){kind, text};
    return OK;
}

/* "namespace:value", what stands between the braces. */
static enum status expression_add(struct prefix *p, struct bytes inside, struct fault *f)
{
    const uint8_t *colon = inside.len ? memchr(inside.at, ':', inside.len) : NULL;
    size_t before = colon ? (size_t)(colon - inside.at) : inside.len;
    struct bytes space = bytes_of(inside.at, before);
    struct bytes value = colon ? bytes_of(colon + 1, inside.len - before - 1) : BYTES_LITERAL("");
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        const struct expression *e = &expressions[i];
        if (!bytes_equal(space, bytes_text(e->space)))
            continue;
        if (e->value && !bytes_equal(value, bytes_text(e->value)))
            continue;
        if (value.len == 0)
            break;
        if (e->kind == PREFIX_TIMESTAMP) {
            enum status st = date_pattern_check(value, f);
            if (st != OK)
                return st;
        }
        return part_add(p, e->kind, value, f);
    }
    return fault_set(f, INVALID_ARGUMENT, "Prefix contains an invalid expression: !{%.*s}",
                     BYTES_ARGS(inside));
}

enum status prefix_parse(struct bytes text, struct prefix *out, struct fault *f)
{
    out->count = 0;
    enum status st = OK;
    size_t begin = 0, at = 0;
    while (st == OK && at + 1 < text.len) {
        if (text.at[at] != '!' || text.at[at + 1] != '{') {
            at++;
            continue;
        }
        if (at > begin)
            st = part_add(out, PREFIX_TEXT, bytes_of(text.at + begin, at - begin), f);
        const uint8_t *inside = text.at + at + 2;
        const uint8_t *end = memchr(inside, '}', text.len - at - 2);
        if (st == OK && !end)
            return fault_set(f, INVALID_ARGUMENT,
                             "Prefix contains an expression without an end: %.*s",
                             BYTES_ARGS(text));
        if (st == OK)
            st = expression_add(out, bytes_of(inside, (size_t)(end - inside)), f);
        if (st == OK)
            begin = at = (size_t)(end - text.at) + 1;
    }
    if (st == OK && begin < text.len)
        st = part_add(out, PREFIX_TEXT, bytes_of(text.at + begin, text.len - begin), f);
    return st;
}

bool prefix_has(const struct prefix *p, enum prefix_part_kind kind)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->parts[i].kind == kind)
            return true;
    return false;
}

bool prefix_has_expressions(const struct prefix *p)
{
    return p->count > 1 || (p->count == 1 && p->parts[0].kind != PREFIX_TEXT);
}

/* How long it becomes at least; of values that are not known yet nothing is said. */
static enum status check_length(const struct prefix *p, struct fault *f)
{
    size_t len = 0;
    struct buf scratch;
    buf_init(&scratch, 16 * PREFIX_EXPANDED_BYTES_MAX);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct prefix_part *part = &p->parts[i];
        buf_clear(&scratch);
        if (part->kind == PREFIX_TEXT)
            len += part->text.len;
        else if (part->kind == PREFIX_RANDOM)
            len += PREFIX_RANDOM_BYTES;
        else if (part->kind == PREFIX_TIMESTAMP)
            date_pattern_print(part->text, 0, NULL, &scratch);
        len += scratch.status == OK ? scratch.len : PREFIX_EXPANDED_BYTES_MAX + 1;
    }
    buf_fini(&scratch);
    return len <= PREFIX_EXPANDED_BYTES_MAX
               ? OK
               : fault_set(f, INVALID_ARGUMENT,
                           "Prefix is too long: it must evaluate to at most %d characters",
                           PREFIX_EXPANDED_BYTES_MAX);
}

static enum status check_main(const struct prefix *p, bool partitioning, struct fault *f)
{
    if (prefix_has(p, PREFIX_ERROR_TYPE))
        return fault_set(f, INVALID_ARGUMENT, "Prefix can't contain !{firehose:error-output-type}");
    bool keys = prefix_has(p, PREFIX_KEY_FROM_QUERY) || prefix_has(p, PREFIX_KEY_FROM_LAMBDA);
    if (keys && !partitioning)
        return fault_set(f, INVALID_ARGUMENT,
                         "Prefix can contain partitionKeyFromQuery and partitionKeyFromLambda only "
                         "when dynamic partitioning is enabled");
    if (partitioning && !keys)
        return fault_set(
            f, INVALID_ARGUMENT,
            "Prefix must contain partitioning keys when dynamic partitioning is enabled");
    return check_length(p, f);
}

static enum status check_error(const struct prefix *p, struct fault *f)
{
    if (prefix_has(p, PREFIX_KEY_FROM_QUERY) || prefix_has(p, PREFIX_KEY_FROM_LAMBDA))
        return fault_set(f, INVALID_ARGUMENT,
                         "ErrorOutputPrefix can't contain partitionKeyFromQuery or "
                         "partitionKeyFromLambda");
    if (prefix_has_expressions(p) && !prefix_has(p, PREFIX_ERROR_TYPE))
        return fault_set(f, INVALID_ARGUMENT,
                         "ErrorOutputPrefix must contain !{firehose:error-output-type} when it "
                         "contains expressions");
    return check_length(p, f);
}

enum status prefix_check(struct bytes prefix, struct bytes error_prefix, bool partitioning,
                         struct fault *f)
{
    struct prefix p;
    enum status st = prefix_parse(prefix, &p, f);
    if (st == OK)
        st = check_main(&p, partitioning, f);
    if (st == OK && (prefix_has_expressions(&p) || partitioning) && error_prefix.len == 0)
        st = fault_set(f, INVALID_ARGUMENT,
                       "ErrorOutputPrefix can't be null when Prefix contains expressions");
    if (st == OK)
        st = prefix_parse(error_prefix, &p, f);
    return st == OK ? check_error(&p, f) : st;
}

/* One text up to its NUL. */
static struct bytes take_text(struct bytes *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->at, 0, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct bytes text = bytes_of(rest->at, len);
    size_t taken = len + (end != NULL);
    *rest = bytes_of(rest->at + taken, rest->len - taken);
    return text;
}

struct bytes prefix_key_value(struct bytes partition, bool from_lambda, struct bytes name)
{
    struct bytes space = from_lambda ? BYTES_LITERAL("lambda:") : BYTES_LITERAL("query:");
    while (partition.len) {
        struct bytes key = take_text(&partition), value = take_text(&partition);
        if (bytes_starts_with(key, space) &&
            bytes_equal(bytes_of(key.at + space.len, key.len - space.len), name))
            return value;
    }
    return BYTES_NONE;
}

static void random_append(const struct prefix_values *v, uint32_t place, struct buf *out)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const uint8_t where[4] = {(uint8_t)place, (uint8_t)(place >> 8)};
    uint8_t hash[SHA256_BYTES];
    digest_hmac_sha256(v->identity, bytes_of(where, sizeof(where)), hash);
    for (size_t i = 0; i < PREFIX_RANDOM_BYTES; i++) /* 16 bits each: the bias is below 0.1 % */
        buf_append_byte(out, (uint8_t)signs[(hash[2 * i] << 8 | hash[2 * i + 1]) % 62]);
}

static enum status part_expand(const struct prefix_part *part, uint32_t place,
                               const struct prefix_values *v, struct buf *out, struct fault *f)
{
    struct bytes value;
    switch (part->kind) {
    case PREFIX_TEXT:
        buf_append(out, part->text);
        break;
    case PREFIX_TIMESTAMP:
        date_pattern_print(part->text, v->time_ms, v->zone, out);
        break;
    case PREFIX_RANDOM:
        random_append(v, place, out);
        break;
    case PREFIX_ERROR_TYPE:
        buf_append(out, v->error_type);
        break;
    case PREFIX_KEY_FROM_QUERY:
    case PREFIX_KEY_FROM_LAMBDA:
        value = prefix_key_value(v->partition, part->kind == PREFIX_KEY_FROM_LAMBDA, part->text);
        if (!bytes_present(value))
            return fault_set(f, NOT_FOUND, "there is no partition key %.*s",
                             BYTES_ARGS(part->text));
        buf_append(out, value);
        break;
    }
    return OK;
}

enum status prefix_expand(const struct prefix *p, const struct prefix_values *v, struct buf *out,
                          struct fault *f)
{
    size_t before = out->len;
    for (uint32_t i = 0; i < p->count; i++) {
        enum status st = part_expand(&p->parts[i], i, v, out, f);
        if (st != OK)
            return st;
    }
    if (out->status != OK)
        return fault_set(f, out->status, "no room for a prefix");
    if (out->len - before > PREFIX_EXPANDED_BYTES_MAX)
        return fault_set(f, TOO_LARGE, "the prefix evaluates to more than %d characters",
                         PREFIX_EXPANDED_BYTES_MAX);
    return OK;
}
