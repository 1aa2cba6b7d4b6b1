/* process_split.c: RecordDeAggregation: one record into many.
 *
 *   SubRecordType JSON        consecutive objects, with white space or nothing between: {"a":1}{"a":2}. An array is none.
 *   SubRecordType DELIMITED   what stands between its delimiter (base64 in the configuration); nothing between is left out
 *
 * A record that does not read so, or has more than SPLIT_RECORDS_MAX parts, passes whole. White space and newlines around objects
 * are not kept.
 *
 * JSON is cut by its brackets and strings alone, without a tree or recursion: whether an object is valid inside is for whoever reads it.
 *
 * Pure. Thread: the lane's. */
#include "base/mem.h"
#include "delivery/process_internal.h"
#include "wire/base64.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the string whose opening quote is at `from`; in.len: there is none. */
static size_t string_end(struct bytes in, size_t from)
{
    size_t at = from + 1;
    while (at < in.len && in.at[at] != '"')
        at += in.at[at] == '\\' ? 2 : 1;
    return at < in.len ? at : in.len;
}

/* One past the object that begins at `from`; 0: it does not end. */
static size_t object_end(struct bytes in, size_t from)
{
    size_t depth = 0;
    for (size_t at = from; at < in.len; at++) {
        uint8_t c = in.at[at];
        if (c == '"')
            at = string_end(in, at);
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return 0;
}

static enum status add(struct process_parts *parts, struct bytes part)
{
    return parts->count == SPLIT_RECORDS_MAX ? TOO_LARGE : parts_add(parts, part);
}

enum status json_cut(const void *own, struct bytes data, struct process_parts *parts)
{
    (void)own;
    enum status st = OK;
    size_t at = 0;
    while (st == OK) {
        while (at < data.len && is_space(data.at[at]))
            at++;
        if (at == data.len)
            break;
        size_t end = data.at[at] == '{' ? object_end(data, at) : 0;
        if (end == 0)
            return MALFORMED;
        st = add(parts, bytes_of(data.at + at, end - at));
        at = end;
    }
    return st;
}

enum status delimiter_cut(const void *own, struct bytes data, struct process_parts *parts)
{
    const struct bytes *delimiter = own;
    enum status st = OK;
    while (data.len && st == OK) {
        const uint8_t *found = memmem(data.at, data.len, delimiter->at, delimiter->len);
        size_t len = found ? (size_t)(found - data.at) : data.len;
        if (len)
            st = add(parts, bytes_of(data.at, len));
        len += found ? delimiter->len : 0;
        data = bytes_of(data.at + len, data.len - len);
    }
    return st;
}

/* ---- the step ---- */

struct split {
    struct bytes delimiter; /* absent: JSON */
    uint8_t *memory;
};

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    struct split *s = MEM_NEW(struct split);
    struct bytes type = processor_parameter(p->processor, "SubRecordType");
    *out = s;
    if (!bytes_equal(type, BYTES_LITERAL("DELIMITED")))
        return OK;
    struct bytes text = processor_parameter(p->processor, "Delimiter");
    size_t len = 0;
    s->memory = mem_must(text.len + 4);
    enum status st = base64_decode(text, s->memory, &len, f);
    s->delimiter = bytes_of(s->memory, len);
    return st;
}

static void close_split(void *own)
{
    struct split *s = own;
    mem_free(s->memory);
    mem_free(s);
}

static enum status run(void *own, struct process_work *w)
{
    const struct split *s = own;
    return bytes_present(s->delimiter) ? process_cut_all(w, delimiter_cut, &s->delimiter)
                                       : process_cut_all(w, json_cut, NULL);
}

const struct process_step_kind process_split = {
    .processor = "RecordDeAggregation", .open = open, .close = close_split, .run = run};
