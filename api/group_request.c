/* group_request.c: see the header. */
#include "api/group_request.h"

#include "shards/stream_fault.h"

#include <stdio.h>

const char *group_request_text(struct exchange *x, struct bytes text)
{
    return (const char *)arena_copy(&x->arena, text).at;
}

static void refuse_for_memory(struct exchange *x)
{
    reply_fault(x, &(struct fault){.status = NO_MEMORY});
}

static enum status find_stream(const struct service *s, struct exchange *x,
                               const struct group_asked *asked, struct stream_view **view,
                               struct fault *f)
{
    enum status st = request_stream(s, x, asked->stream_name, asked->stream_arn, NULL, view, f);
    if (st != OK)
        return st;
    enum stream_status is = (*view)->settings.status;
    if (is == STREAM_ACTIVE || is == STREAM_UPDATING)
        return OK;
    st = fault_stream_unsettled(f, &(*view)->settings);
    stream_view_unref(*view);
    return st;
}

struct group_request *group_request_new(const struct service *s, struct exchange *x,
                                        enum group_verb verb, const struct group_asked *asked)
{
    struct fault f = {0};
    struct group_request *r = arena_zero(&x->arena, sizeof(*r));
    const char *name = bytes_present(asked->group) ? group_request_text(x, asked->group) : "";
    if (!r || !name) {
        refuse_for_memory(x);
        return NULL;
    }
    if (find_stream(s, x, asked, &r->command.view, &f) != OK) {
        reply_fault(x, &f);
        return NULL;
    }
    r->exchange = x;
    r->command.verb = verb;
    r->command.name = name;
    return r;
}

static void end(struct group_request *r)
{
    stream_view_unref(r->command.view);
    group_command_fini(&r->command);
}

void group_request_refuse(struct group_request *r, const struct fault *f)
{
    reply_fault(r->exchange, f);
    end(r);
}

static void answered(struct message *m)
{
    struct exchange *x = LIST_OWNER(m, struct exchange, message);
    struct group_request *r = x->operation;
    struct group_command *c = &r->command;
    if (c->status == OK && r->answer) {
        r->answer(r);
    } else if (c->status == OK) {
        reply_empty(x);
    } else {
        c->fault.status = c->status;
        reply_fault(x, &c->fault);
    }
    end(r);
}

/* Thread: the keeper's. */
static void done(struct group_command *c)
{
    exchange_send(LIST_OWNER(c, struct group_request, command)->exchange, answered);
}

void group_request_run(const struct service *s, struct group_request *r)
{
    r->exchange->operation = r;
    r->command.done = done;
    group_command_submit(s->groups, &r->command);
}

/* A number that another shard, or one of another stream, gave out is a mistake of the client's; what the shard has given out so far is
 * not looked at: an aggregated record, or one just stored, may be ahead of what is seen here. */
static enum status check_number(const struct stream_view *v, struct bytes shard_id,
                                struct bytes text, struct fault *f)
{
    struct sequence sequence;
    bool known;
    uint32_t index;
    const struct shard *shard =
        shard_id_parse(shard_id, &index) ? stream_view_shard(v, index) : NULL;
    if (!shard)
        return OK; /* the group says so */
    if (sequence_parse(text, &sequence, &known) == OK && sequence.shard == shard->index &&
        sequence.created_s == shard->created_s)
        return OK;
    return fault_set(f, INVALID_ARGUMENT,
                     "SequenceNumber %.*s did not come from shard %.*s of stream %s under account "
                     "%s.",
                     BYTES_ARGS(text), BYTES_ARGS(shard_id), v->settings.name,
                     v->settings.scope.account);
}

enum status group_request_checkpoint(const struct group_request *r, struct bytes shard_id,
                                     struct bytes sequence, struct opt_int sub,
                                     struct checkpoint *out, struct fault *f)
{
    *out = (struct checkpoint){.sub = sub.present ? (uint64_t)sub.value : 0};
    snprintf(out->sequence, sizeof(out->sequence), "%.*s", BYTES_ARGS(sequence));
    bool is_number = sequence.len > 0 && sequence.at[0] >= '0' && sequence.at[0] <= '9';
    return is_number ? check_number(r->command.view, shard_id, sequence, f) : OK;
}

static struct sluice_group_checkpoint *describe_checkpoint(struct arena *a,
                                                           const struct checkpoint *c)
{
    struct sluice_group_checkpoint *out = c->sequence[0] ? arena_zero(a, sizeof(*out)) : NULL;
    if (out)
        *out = (struct sluice_group_checkpoint){bytes_text(c->sequence), {(int64_t)c->sub, true}};
    return out;
}

struct sluice_group_lease_list group_leases_describe(const struct group_request *r, bool with_owner)
{
    const struct group_command *c = &r->command;
    struct arena *a = &r->exchange->arena;
    struct sluice_group_lease *at = arena_zero(a, (c->lease_count + 1) * sizeof(*at));
    if (!at)
        return (struct sluice_group_lease_list){.present = false};
    for (size_t i = 0; i < c->lease_count; i++) {
        const struct group_lease *l = &c->leases[i];
        at[i] = (struct sluice_group_lease){
            .shard_id = bytes_text(l->shard_id),
            .lease_epoch = {(int64_t)l->epoch, true},
            .revoked = {l->revoked, true},
            .checkpoint = describe_checkpoint(a, &l->checkpoint),
        };
        if (with_owner && l->owner[0])
            at[i].member_name = bytes_text(l->owner);
    }
    return (struct sluice_group_lease_list){
        .present = true, .count = (uint32_t)c->lease_count, .at = at};
}
