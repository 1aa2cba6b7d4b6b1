/* op_group.c: CreateConsumerGroup, DeleteConsumerGroup, DescribeConsumerGroup, ListConsumerGroups, ResetConsumerGroup: operations of our
 * own, for people and their tools. What members ask: op_group_member.c. */
#include "api/group_request.h"

#include <string.h>

enum { LEASES_PER_ANSWER = 1000 };

void op_create_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_create_consumer_group_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_CREATE, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (r)
        group_request_run(s, r);
}

void op_delete_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_delete_consumer_group_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_DELETE, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (r)
        group_request_run(s, r);
}

/* ---- describe ---- */

static struct sluice_group_member_list describe_members(const struct group_request *r)
{
    const struct group_command *c = &r->command;
    struct sluice_group_member *at =
        arena_zero(&r->exchange->arena, (c->member_count + 1) * sizeof(*at));
    if (!at)
        return (struct sluice_group_member_list){.present = false};
    for (size_t i = 0; i < c->member_count; i++) {
        const struct group_member *m = &c->members[i];
        at[i] = (struct sluice_group_member){
            .member_name = bytes_text(m->name),
            .session_epoch = {(int64_t)m->session, true},
            .session_timeout_ms = {m->session_timeout_ms, true},
            .handover_ms = {m->handover_ms, true},
            .leases_max = {m->leases_max, true},
            .lease_count = {c->held[i], true},
            .silent_ms = {(int64_t)(c->now_ms > m->heartbeat_ms ? c->now_ms - m->heartbeat_ms : 0),
                          true},
        };
    }
    return (struct sluice_group_member_list){
        .present = true, .count = (uint32_t)c->member_count, .at = at};
}

static void answer_described(struct group_request *r)
{
    const struct group_command *c = &r->command;
    struct sluice_consumer_group_description shown = {
        .group_name = bytes_text(c->name),
        .stream_arn = stream_arn_print(&r->exchange->arena, &c->view->settings),
        .group_creation_timestamp = {(int64_t)c->created_ms, true},
        .members = describe_members(r),
        .leases = group_leases_describe(r, true),
        .has_more_leases = {c->more_leases, true},
    };
    struct sluice_describe_consumer_group_output out = {.consumer_group_description = &shown};
    reply_shape(r->exchange, &shape_sluice_describe_consumer_group_output, &out);
}

void op_describe_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_describe_consumer_group_input *in = input;
    struct bytes after = in->exclusive_start_shard_id;
    struct group_request *r =
        group_request_new(s, x, GROUP_DESCRIBE,
                          &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    r->answer = answer_described;
    r->command.page.after = bytes_present(after) ? group_request_text(x, after) : NULL;
    r->command.page.most = in->limit.present ? (size_t)in->limit.value : LEASES_PER_ANSWER;
    group_request_run(s, r);
}

/* ---- list ---- */

static void answer_listed(struct group_request *r)
{
    const struct group_command *c = &r->command;
    struct sluice_consumer_group_summary *at =
        arena_zero(&r->exchange->arena, (c->summary_count + 1) * sizeof(*at));
    struct sluice_list_consumer_groups_output out = {
        .consumer_groups = {
            .present = true, .count = at ? (uint32_t)c->summary_count : 0, .at = at}};
    for (size_t i = 0; i < out.consumer_groups.count; i++) {
        const struct group_summary *g = &c->summaries[i];
        at[i] = (struct sluice_consumer_group_summary){
            .group_name = bytes_text(g->name),
            .group_creation_timestamp = {(int64_t)g->created_ms, true},
            .member_count = {(int64_t)g->member_count, true},
        };
    }
    reply_shape(r->exchange, &shape_sluice_list_consumer_groups_output, &out);
}

void op_list_groups(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_list_consumer_groups_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_LIST, &(struct group_asked){in->stream_name, in->stream_arn, BYTES_NONE});
    if (!r)
        return;
    r->answer = answer_listed;
    group_request_run(s, r);
}

/* ---- reset ---- */

/* Either all shards to a position, or one to a sequence number. LATEST is the time of the reset: what is put from now on is read, whenever
 * the members come. */
static enum status take_position(const struct service *s, struct group_request *r,
                                 const struct sluice_reset_consumer_group_input *in,
                                 struct fault *f)
{
    struct checkpoint *at = &r->command.reset.at;
    bool number = bytes_present(in->shard_id) && bytes_present(in->sequence_number);
    bool half = bytes_present(in->shard_id) != bytes_present(in->sequence_number);
    bool timed = bytes_present(in->position) &&
                 bytes_equal(in->position, BYTES_LITERAL(CHECKPOINT_TIMESTAMP));
    uint64_t now_ms = clock_wall_ms(s->clock);
    if (half || number == bytes_present(in->position) || timed != in->timestamp.present ||
        (in->sub_sequence_number.present && !number))
        return fault_set(f, INVALID_ARGUMENT,
                         "Must either specify (1) Position, with a Timestamp if it is "
                         "AT_TIMESTAMP, or (2) ShardId and SequenceNumber.");
    if (number)
        return group_request_checkpoint(r, in->shard_id, in->sequence_number,
                                        in->sub_sequence_number, at, f);
    if (timed && (in->timestamp.value < 0 || in->timestamp.value > (int64_t)now_ms))
        return fault_set(f, INVALID_ARGUMENT, "The Timestamp must be in the past.");
    *at = (struct checkpoint){.sequence = CHECKPOINT_HORIZON};
    if (bytes_equal(in->position, BYTES_LITERAL(CHECKPOINT_HORIZON)))
        return OK;
    *at = (struct checkpoint){.sequence = CHECKPOINT_TIMESTAMP,
                              .sub = timed ? (uint64_t)in->timestamp.value : now_ms};
    return OK;
}

void op_reset_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_reset_consumer_group_input *in = input;
    struct fault f = {0};
    struct group_request *r = group_request_new(
        s, x, GROUP_RESET, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    if (take_position(s, r, in, &f) != OK) {
        group_request_refuse(r, &f);
        return;
    }
    if (bytes_present(in->shard_id))
        r->command.reset.shard_id = group_request_text(x, in->shard_id);
    group_request_run(s, r);
}
