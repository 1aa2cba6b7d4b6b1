/* op_tags.c: tags of streams, by two families of operations over one store: AddTagsToStream, RemoveTagsFromStream, ListTagsForStream, and
 * TagResource, UntagResource, ListTagsForResource, which know consumers too.
 *
 * T1. Characters are looked at after the stream was found, and before the count: in the order of the real service. */
#include "api/operations.h"
#include "api/tag_check.h"

#include "shards/tags.h"

/* ---- taking ---- */

/* NUL-terminated; NULL when there is no room. U+0000, which no tag may have, becomes another of its kind: tags_check refuses it. */
static char *take_text(struct exchange *x, struct bytes text)
{
    char *taken = arena_take(&x->arena, text.len + 1);
    for (size_t i = 0; taken && i < text.len; i++)
        taken[i] = text.at[i] ? (char)text.at[i] : '\1';
    if (taken)
        taken[text.len] = '\0';
    return taken;
}

struct stream_tag *request_tags(struct exchange *x, const struct kinesis_tag_map *tags)
{
    struct stream_tag *taken = arena_zero(&x->arena, (tags->count + 1) * sizeof(*taken));
    for (uint32_t i = 0; taken && i < tags->count; i++) {
        taken[i].key = take_text(x, tags->at[i].key);
        taken[i].value = take_text(x, tags->at[i].value);
        if (!taken[i].key || !taken[i].value)
            return NULL;
    }
    return taken;
}

struct stream_tag *request_tag_keys(struct exchange *x, const struct kinesis_tag_key_list *keys)
{
    struct stream_tag *taken = arena_zero(&x->arena, (keys->count + 1) * sizeof(*taken));
    for (uint32_t i = 0; taken && i < keys->count; i++) {
        taken[i].key = take_text(x, keys->at[i]);
        if (!taken[i].key)
            return NULL;
    }
    return taken;
}

/* ---- changing ---- */

/* What is tagged: a stream by name or ARN, or a consumer of it. */
struct tagged {
    struct bytes stream_name;
    struct consumer_name name; /* the stream's ARN; without a consumer: the stream itself */
};

static enum status check_tags(const struct service *s, const struct exchange *x,
                              const struct tagged *t, const struct stream_tag *tags, uint32_t count,
                              struct fault *f)
{
    struct stream_view *v = NULL;
    struct consumer *consumer = NULL;
    if (!tags)
        return fault_set(f, NO_MEMORY, "no memory for the tags");
    enum status st = bytes_present(t->name.consumer)
                         ? request_bearer(s, x, &t->name, &v, &consumer, f)
                         : request_stream(s, x, t->stream_name, t->name.stream_arn, NULL, &v, f);
    if (st != OK)
        return st;
    st = tags_check(&v->settings.scope, bytes_text(consumer ? consumer->name : v->settings.name),
                    tags, count, f); /* T1 */
    stream_view_unref(v);
    return st;
}

/* `tags` are the arena's; NULL: it had no room. */
static void change(struct service *s, struct exchange *x, const struct tagged *t,
                   const struct stream_tag *tags, uint32_t count)
{
    struct fault f = {0};
    if (check_tags(s, x, t, tags, count, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_TAGS;
    c->command.tags.at = tags;
    c->command.tags.count = count;
    control_command_run_on(s, c, t->stream_name, t->name.stream_arn, &t->name);
}

void op_add_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_add_tags_to_stream_input *in = input;
    change(s, x, &(struct tagged){in->stream_name, {.stream_arn = in->stream_arn}},
           request_tags(x, &in->tags), in->tags.count);
}

void op_remove_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_remove_tags_from_stream_input *in = input;
    change(s, x, &(struct tagged){in->stream_name, {.stream_arn = in->stream_arn}},
           request_tag_keys(x, &in->tag_keys), in->tag_keys.count);
}

void op_tag_resource(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_tag_resource_input *in = input;
    struct fault f = {0};
    struct tagged t = {0};
    if (request_bearer_name(in->resource_arn, &t.name, &f) == OK)
        change(s, x, &t, request_tags(x, &in->tags), in->tags.count);
    else
        reply_fault(x, &f);
}

void op_untag_resource(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_untag_resource_input *in = input;
    struct fault f = {0};
    struct tagged t = {0};
    if (request_bearer_name(in->resource_arn, &t.name, &f) == OK)
        change(s, x, &t, request_tag_keys(x, &in->tag_keys), in->tag_keys.count);
    else
        reply_fault(x, &f);
}

/* ---- listing ---- */

/* At most `most` tags of a set after that key; *more says whether others follow. Views of the set. */
static bool list(struct exchange *x, const struct stream_tag *set, uint32_t count,
                 struct bytes after, uint32_t most, struct kinesis_tag_list *out, bool *more)
{
    uint32_t at = stream_tags_after(set, count, after);
    struct kinesis_tag *tags = arena_zero(&x->arena, (count + 1) * sizeof(*tags));
    if (!tags)
        return false;
    *out = (struct kinesis_tag_list){.present = true, .at = tags};
    for (; at < count && out->count < most; at++)
        tags[out->count++] =
            (struct kinesis_tag){bytes_text(set[at].key), bytes_text(set[at].value)};
    *more = at < count;
    return true;
}

void op_list_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_list_tags_for_stream_input *in = input;
    struct fault f = {0};
    struct stream_view *v;
    struct kinesis_list_tags_for_stream_output out = {0};
    uint32_t most = in->limit.present ? (uint32_t)in->limit.value : STREAM_TAGS_MAX;
    if (request_stream(s, x, in->stream_name, in->stream_arn, NULL, &v, &f) != OK) {
        reply_fault(x, &f);
        return;
    }
    out.has_more_tags.present = true;
    bool more = false;
    if (list(x, v->settings.tags, v->settings.tag_count, in->exclusive_start_tag_key, most,
             &out.tags, &more)) {
        out.has_more_tags.value = more;
        reply_shape(x, &shape_kinesis_list_tags_for_stream_output, &out);
    } else {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
    }
    stream_view_unref(v);
}

void op_list_resource_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_list_tags_for_resource_input *in = input;
    struct fault f = {0};
    struct stream_view *v;
    struct kinesis_list_tags_for_resource_output out = {0};
    struct consumer_name name;
    struct consumer *c;
    enum status st = request_bearer_name(in->resource_arn, &name, &f);
    if (st == OK)
        st = request_bearer(s, x, &name, &v, &c, &f);
    if (st == OK)
        st = request_made(v, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    bool more;
    if (list(x, c ? c->tags : v->settings.tags, c ? c->tag_count : v->settings.tag_count,
             BYTES_NONE, STREAM_TAGS_MAX, &out.tags, &more))
        reply_shape(x, &shape_kinesis_list_tags_for_resource_output, &out);
    else
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
    stream_view_unref(v);
}
