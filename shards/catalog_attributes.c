/* catalog_attributes.c: what hangs on a stream or on a consumer of it, and may change at any time of its life: tags and its resource policy.
 *
 * Both bear them alike, so a change is made to a copy of whichever it is (struct bearer), and put back whole. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"
#include "shards/tags.h"

#include "base/mem.h"

struct bearer {
    struct stream *stream; /* referenced, as is the view */
    struct stream_view *v;
    bool is_consumer;
    struct stream_settings settings; /* copies, to be changed; */
    struct consumer consumer;        /* texts and policies stay whose they are */
    struct stream_tag **tags;        /* into one of the two */
    uint32_t *tag_count;
    struct policy **policy;
    struct bytes name;
    char arn[CONSUMER_ARN_BYTES];
};

static void let_go(struct bearer *b)
{
    stream_view_unref(b->v);
    stream_unref(b->stream);
}

static void bear_by_stream(struct bearer *b)
{
    b->tags = &b->settings.tags;
    b->tag_count = &b->settings.tag_count;
    b->policy = &b->settings.policy;
    b->name = bytes_text(b->settings.name);
    scope_stream_arn(&b->settings.scope, b->settings.name, b->arn);
}

static enum status bear_by_consumer(struct bearer *b, struct catalog_command *command)
{
    struct bytes name = command->of_consumer.name;
    const struct consumer *c = consumer_set_find(b->settings.consumers, name);
    if (!c || c->created_s != command->of_consumer.created_s)
        return fault_consumer_not_found(&command->fault, name, command->stream,
                                        command->scope.account);
    b->is_consumer = true;
    b->consumer = consumer_values(c);
    b->tags = &b->consumer.tags;
    b->tag_count = &b->consumer.tag_count;
    b->policy = &b->consumer.policy;
    b->name = name;
    consumer_arn(c, &b->settings.scope, b->settings.name, b->arn);
    return OK;
}

/* Attributes may change while shards are being split, but not before a stream is there, nor once it goes. References nothing
 * unless OK. */
static enum status find_bearer(struct catalog *c, struct catalog_command *command, struct bearer *b)
{
    *b = (struct bearer){0};
    enum status st = catalog_find(c, command, &b->stream, &b->v);
    if (st != OK)
        return st;
    b->settings = b->v->settings;
    enum stream_status status = b->settings.status;
    if (status != STREAM_ACTIVE && status != STREAM_UPDATING)
        st = fault_stream_unsettled(&command->fault, &b->settings);
    else if (bytes_present(command->of_consumer.name))
        st = bear_by_consumer(b, command);
    else
        bear_by_stream(b);
    if (st != OK)
        let_go(b);
    return st;
}

static enum status put_back(struct catalog *c, const struct bearer *b, struct fault *f)
{
    if (b->is_consumer)
        return catalog_put_consumer(c, b->stream, b->v, consumer_new(&b->consumer), f);
    return catalog_change_settings(c, b->stream, b->v, &b->settings, f);
}

int catalog_set_tags(struct catalog *c, struct catalog_command *command)
{
    struct bearer b;
    enum status st = find_bearer(c, command, &b);
    if (st != OK)
        return st;
    struct stream_tag *tags = mem_must((*b.tag_count + command->tags.count + 1) * sizeof(*tags));
    if (*b.tag_count)
        memcpy(tags, *b.tags, *b.tag_count * sizeof(*tags));
    *b.tags = tags; /* the texts stay the view's and the command's */
    for (uint32_t i = 0; i < command->tags.count; i++)
        stream_tags_change(tags, b.tag_count, command->tags.at[i]);
    if (*b.tag_count > STREAM_TAGS_MAX)
        st = fault_tags_too_many(&command->fault, b.name, command->scope.account);
    if (st == OK)
        st = put_back(c, &b, &command->fault);
    mem_free(tags);
    let_go(&b);
    return st;
}

int catalog_set_policy(struct catalog *c, struct catalog_command *command)
{
    struct bearer b;
    enum status st = find_bearer(c, command, &b);
    if (st != OK)
        return st;
    struct policy *policy = NULL;
    if (bytes_present(command->policy.text))
        st = policy_parse(command->policy.text, b.arn, &policy, &command->fault);
    else if (!*b.policy)
        st = fault_set(&command->fault, NOT_FOUND, "No resource policy found for resource ARN %s",
                       b.arn);
    *b.policy = policy;
    if (st == OK)
        st = put_back(c, &b, &command->fault);
    policy_unref(policy);
    let_go(&b);
    return st;
}
