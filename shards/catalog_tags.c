/* catalog_tags.c: tags of streams are put on and taken off. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"
#include "shards/tags.h"

#include "base/mem.h"

/* Tags may change while shards are being split, but not before a stream is there or once it goes. */
static bool may_change(enum stream_status status)
{
    return status == STREAM_ACTIVE || status == STREAM_UPDATING;
}

enum status catalog_set_tags(struct catalog *c, struct catalog_command *command)
{
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    uint32_t room = settings.tag_count + command->tags.count;
    settings.tags =
        mem_must((room + 1) * sizeof(*settings.tags)); /* texts of the view, and the command */
    if (settings.tag_count)
        memcpy(settings.tags, v->settings.tags, settings.tag_count * sizeof(*settings.tags));
    for (uint32_t i = 0; i < command->tags.count; i++)
        stream_tags_change(settings.tags, &settings.tag_count, command->tags.at[i]);
    if (!may_change(settings.status))
        st = fault_stream_busy(&command->fault, command->stream, command->scope.account,
                               settings.status);
    else if (settings.tag_count > STREAM_TAGS_MAX)
        st = fault_tags_too_many(&command->fault, command->stream, command->scope.account);
    if (st == OK)
        st = catalog_change_settings(c, stream, v, &settings, &command->fault);
    mem_free(settings.tags);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}
