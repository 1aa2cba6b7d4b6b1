/* catalog_attributes.c: what hangs on a stream and may change at any time of its life: tags and its resource policy. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"
#include "shards/tags.h"

#include "base/mem.h"

/* Attributes may change while shards are being split, but not before a stream is there, nor once it goes. References nothing
 * unless OK. */
static enum status find_settled(struct catalog *c, struct catalog_command *command,
                                struct stream **stream, struct stream_view **v)
{
    enum status st = catalog_find(c, command, stream, v);
    if (st != OK)
        return st;
    enum stream_status status = (*v)->settings.status;
    if (status == STREAM_ACTIVE || status == STREAM_UPDATING)
        return OK;
    stream_view_unref(*v);
    stream_unref(*stream);
    return fault_stream_busy(&command->fault, command->stream, command->scope.account, status);
}

int catalog_set_tags(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_settled(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    uint32_t room = settings.tag_count + command->tags.count;
    settings.tags = mem_must(
        (room + 1) * sizeof(*settings.tags)); /* the texts stay the view's and the command's */
    if (settings.tag_count)
        memcpy(settings.tags, v->settings.tags, settings.tag_count * sizeof(*settings.tags));
    for (uint32_t i = 0; i < command->tags.count; i++)
        stream_tags_change(settings.tags, &settings.tag_count, command->tags.at[i]);
    if (settings.tag_count > STREAM_TAGS_MAX)
        st = fault_tags_too_many(&command->fault, command->stream, command->scope.account);
    if (st == OK)
        st = catalog_change_settings(c, stream, v, &settings, &command->fault);
    mem_free(settings.tags);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

int catalog_set_policy(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = find_settled(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    struct policy *policy = NULL;
    char arn[STREAM_ARN_BYTES];
    scope_stream_arn(&settings.scope, settings.name, arn);
    if (bytes_present(command->policy.text))
        st = policy_parse(command->policy.text, arn, &policy, &command->fault);
    else if (!settings.policy)
        st = fault_set(&command->fault, NOT_FOUND, "No resource policy found for resource ARN %s",
                       arn);
    settings.policy = policy;
    if (st == OK)
        st = catalog_change_settings(c, stream, v, &settings, &command->fault);
    policy_unref(policy);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
