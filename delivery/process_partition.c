/* process_partition.c: see the header.
 *
 * The prefix is expanded here once for each run of items of one partition, so that no plan ever meets keys that it cannot make a name
 * of: that would stop the lane. It is expanded for one and the same time, of long names (a Wednesday in September), and with a margin: whether a
 * partition can be named depends on itself alone, not on the record that came first in its batch (F3). */
#include "delivery/process_partition.h"

#include "base/mem.h"

enum { PAIRS_BYTES_MAX = 64 * 1024, MARGIN_BYTES = 32 };
#define LONG_NAMES_MS 1695855539999ull /* 2023-09-27T22:58:59.999Z */

enum status partition_names_of(struct bytes text, bool from_lambda, struct partition_names *out,
                               struct fault *f)
{
    struct prefix prefix;
    out->count = 0;
    enum status st = prefix_parse(text, &prefix, f);
    for (uint32_t i = 0; i < prefix.count && st == OK; i++) {
        if (prefix.parts[i].kind != (from_lambda ? PREFIX_KEY_FROM_LAMBDA : PREFIX_KEY_FROM_QUERY))
            continue;
        struct bytes name = prefix.parts[i].text;
        uint32_t at = 0;
        while (at < out->count && bytes_compare(out->at[at], name) < 0)
            at++;
        if (at < out->count && bytes_equal(out->at[at], name))
            continue;
        memmove(&out->at[at + 1], &out->at[at], (out->count - at) * sizeof(out->at[0]));
        out->at[at] = name;
        out->count++;
    }
    return st;
}

void partition_init(struct partition_pairs *p)
{
    buf_init(&p->text, PAIRS_BYTES_MAX);
}

void partition_fini(struct partition_pairs *p)
{
    buf_fini(&p->text);
}

enum status partition_add(struct partition_pairs *p, bool from_lambda, struct bytes name,
                          struct bytes value)
{
    if (value.len == 0 || value.len > PREFIX_EXPANDED_BYTES_MAX ||
        memchr(value.at, 0, value.len) != NULL)
        return MALFORMED;
    buf_append_text(&p->text, from_lambda ? "lambda:" : "query:");
    buf_append(&p->text, name);
    buf_append_byte(&p->text, 0);
    buf_append(&p->text, value);
    buf_append_byte(&p->text, 0);
    return p->text.status == TOO_LARGE ? MALFORMED : p->text.status;
}

enum status partition_take(struct partition_pairs *p, struct arena *a, struct bytes *out)
{
    if (p->text.len == 0)
        return OK;
    *out = arena_copy(a, buf_view(&p->text));
    return bytes_present(*out) ? OK : NO_MEMORY;
}

struct bytes view_prefix(const struct delivery_view *v)
{
    return v->kind == DELIVERY_TO_S3 ? v->config->extended_s3_destination_configuration->prefix
                                     : BYTES_NONE;
}

/* ---- the step ---- */

struct partition {
    struct prefix prefix;
    struct buf scratch;
};

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    struct partition *own = MEM_NEW(struct partition);
    *out = own;
    buf_init(&own->scratch, PAIRS_BYTES_MAX);
    return prefix_parse(view_prefix(p->settings->view), &own->prefix, f);
}

static void close_partition(void *own)
{
    struct partition *p = own;
    buf_fini(&p->scratch);
    mem_free(p);
}

static enum status join_keys(struct process_work *w, struct process_item *i)
{
    size_t query = i->from_query.len, lambda = i->from_transform.len;
    i->partition = query ? i->from_query : i->from_transform;
    if (query == 0 || lambda == 0)
        return OK;
    uint8_t *at = arena_take(&w->batch->arena, query + lambda);
    if (!at)
        return NO_MEMORY;
    memcpy(at, i->from_query.at, query);
    memcpy(at + query, i->from_transform.at, lambda);
    i->partition = bytes_of(at, query + lambda);
    return OK;
}

static bool can_expand(struct partition *p, const struct process_item *i)
{
    struct fault f;
    const struct prefix_values values = {
        .time_ms = LONG_NAMES_MS,
        .partition = i->partition,
        .identity = BYTES_LITERAL("some"),
    };
    buf_clear(&p->scratch);
    return prefix_expand(&p->prefix, &values, &p->scratch, &f) == OK &&
           p->scratch.len + MARGIN_BYTES <= PREFIX_EXPANDED_BYTES_MAX;
}

static enum status run(void *own, struct process_work *w)
{
    struct bytes fine = BYTES_NONE; /* the partition before, which had a name */
    enum status st = OK;
    for (uint32_t n = 0; n < w->count && st == OK; n++) {
        struct process_item *i = &w->items[n];
        if (i->fate != ITEM_GOES_ON)
            continue;
        st = join_keys(w, i);
        if (st != OK || (bytes_present(fine) && bytes_equal(fine, i->partition)))
            continue;
        if (can_expand(own, i))
            fine = i->partition;
        else
            st = item_fail(w, i, "DynamicPartitioning.PrefixEvaluationFailed",
                           "The S3 prefix cannot be evaluated with the record's partition keys");
    }
    return st;
}

const struct process_step_kind process_partition = {
    .open = open, .close = close_partition, .run = run};
