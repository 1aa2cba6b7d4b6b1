/* op_tags.c: tags of streams, by two families of operations over one store: AddTagsToStream, RemoveTagsFromStream, ListTagsForStream, and
 * TagResource, UntagResource, ListTagsForResource.
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

/* `tags` are the arena's; NULL: it had no room. */
static void change(struct service *s, struct exchange *x, struct bytes name, struct bytes arn,
                   const struct stream_tag *tags, uint32_t count)
{
    struct fault f = {0};
    struct stream_view *v = NULL;
    enum status st = tags ? OK : fault_set(&f, NO_MEMORY, "no memory for the tags");
    if (st == OK)
        st = request_stream(s, x, name, arn, NULL, &v, &f);
    if (st == OK)
        st = tags_check(&v->settings.scope, bytes_text(v->settings.name), tags, count, &f); /* T1 */
    stream_view_unref(v);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    struct control_command *c = control_command_new(x);
    if (!c)
        return;
    c->command.verb = CATALOG_SET_TAGS;
    c->command.tags.at = tags;
    c->command.tags.count = count;
    control_command_run(s, c, name, arn);
}

void op_add_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_add_tags_to_stream_input *in = input;
    change(s, x, in->stream_name, in->stream_arn, request_tags(x, &in->tags), in->tags.count);
}

void op_remove_tags(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_remove_tags_from_stream_input *in = input;
    change(s, x, in->stream_name, in->stream_arn, request_tag_keys(x, &in->tag_keys),
           in->tag_keys.count);
}

void op_tag_resource(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_tag_resource_input *in = input;
    struct fault f = {0};
    struct bytes arn;
    if (request_resource_stream(in->resource_arn, &arn, &f) == OK)
        change(s, x, BYTES_NONE, arn, request_tags(x, &in->tags), in->tags.count);
    else
        reply_fault(x, &f);
}

void op_untag_resource(struct service *s, struct exchange *x, const void *input)
{
    const struct kinesis_untag_resource_input *in = input;
    struct fault f = {0};
    struct bytes arn;
    if (request_resource_stream(in->resource_arn, &arn, &f) == OK)
        change(s, x, BYTES_NONE, arn, request_tag_keys(x, &in->tag_keys), in->tag_keys.count);
    else
        reply_fault(x, &f);
}

/* ---- listing ---- */

/* At most `most` tags after that key; *more says whether others follow. Views of the settings. */
static bool list(struct exchange *x, const struct stream_settings *s, struct bytes after,
                 uint32_t most, struct kinesis_tag_list *out, bool *more)
{
    uint32_t at = stream_tags_after(s->tags, s->tag_count, after);
    struct kinesis_tag *tags = arena_zero(&x->arena, (s->tag_count + 1) * sizeof(*tags));
    if (!tags)
        return false;
    *out = (struct kinesis_tag_list){.present = true, .at = tags};
    for (; at < s->tag_count && out->count < most; at++)
        tags[out->count++] =
            (struct kinesis_tag){bytes_text(s->tags[at].key), bytes_text(s->tags[at].value)};
    *more = at < s->tag_count;
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
    if (list(x, &v->settings, in->exclusive_start_tag_key, most, &out.tags, &more)) {
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
    struct bytes arn;
    enum status st = request_resource_stream(in->resource_arn, &arn, &f);
    if (st == OK)
        st = request_stream(s, x, BYTES_NONE, arn, NULL, &v, &f);
    if (st != OK) {
        reply_fault(x, &f);
        return;
    }
    bool more;
    if (list(x, &v->settings, BYTES_NONE, STREAM_TAGS_MAX, &out.tags, &more))
        reply_shape(x, &shape_kinesis_list_tags_for_resource_output, &out);
    else
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
    stream_view_unref(v);
}
