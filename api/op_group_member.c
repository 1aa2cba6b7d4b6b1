/* op_group_member.c: JoinConsumerGroup, HeartbeatConsumerGroup, CommitConsumerGroup, LeaveConsumerGroup: what members of a group ask
 * (docs/GROUPS.md). All are small and answered after one write and sync that they share with whoever else asks (group_keeper.h). */
#include "api/exception.h"
#include "api/group_request.h"

#include "base/mem.h"

#include <stdio.h>

enum { SESSION_TIMEOUT_MS = 6000, HANDOVER_MS = 10000 };

static void refuse_for_memory(struct group_request *r)
{
    group_request_refuse(r, &(struct fault){.status = NO_MEMORY});
}

static struct group_session session_of(struct exchange *x, struct bytes member,
                                       struct opt_int epoch)
{
    return (struct group_session){group_request_text(x, member), (uint64_t)epoch.value};
}

/* ---- join ---- */

static void answer_joined(struct group_request *r)
{
    struct sluice_join_consumer_group_output out = {
        .session_epoch = {(int64_t)r->command.session, true}};
    reply_shape(r->exchange, &shape_sluice_join_consumer_group_output, &out);
}

static uint32_t or_else(struct opt_int given, uint32_t otherwise)
{
    return given.present ? (uint32_t)given.value : otherwise;
}

void op_join_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_join_consumer_group_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_JOIN, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    struct group_member *m = &r->command.member;
    snprintf(m->name, sizeof(m->name), "%.*s", BYTES_ARGS(in->member_name));
    m->session_timeout_ms = or_else(in->session_timeout_ms, SESSION_TIMEOUT_MS);
    m->handover_ms = or_else(in->handover_ms, HANDOVER_MS);
    m->leases_max = or_else(in->leases_max, 0);
    r->answer = answer_joined;
    group_request_run(s, r);
}

/* ---- heartbeat ---- */

static void answer_heartbeat(struct group_request *r)
{
    struct sluice_heartbeat_consumer_group_output out = {.leases = group_leases_describe(r, false)};
    reply_shape(r->exchange, &shape_sluice_heartbeat_consumer_group_output, &out);
}

static struct group_lease_id lease_id(struct exchange *x, struct bytes shard_id,
                                      struct opt_int epoch)
{
    return (struct group_lease_id){group_request_text(x, shard_id), (uint64_t)epoch.value};
}

void op_heartbeat_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_heartbeat_consumer_group_input *in = input;
    struct group_request *r =
        group_request_new(s, x, GROUP_HEARTBEAT,
                          &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    struct group_lease_id *released =
        arena_zero(&x->arena, (in->released.count + 1) * sizeof(*released));
    r->command.who = session_of(x, in->member_name, in->session_epoch);
    bool fits = released && r->command.who.member;
    for (uint32_t i = 0; i < in->released.count && fits; i++) {
        released[i] = lease_id(x, in->released.at[i].shard_id, in->released.at[i].lease_epoch);
        fits = released[i].shard_id != NULL;
    }
    if (!fits) {
        refuse_for_memory(r);
        return;
    }
    r->command.released.at = released;
    r->command.released.count = in->released.count;
    r->answer = answer_heartbeat;
    group_request_run(s, r);
}

/* ---- commit ---- */

static struct sluice_commit_result result_of(struct exchange *x, const struct group_commit_one *one,
                                             int64_t *failed)
{
    struct sluice_commit_result result = {.shard_id = bytes_text(one->lease.shard_id)};
    if (one->status == OK)
        return result;
    ++*failed;
    result.error_code = bytes_text(exception_of(x->service, one->status)->name);
    if (one->text)
        result.error_message = bytes_text(one->text);
    return result;
}

static void answer_committed(struct group_request *r)
{
    const struct group_command *c = &r->command;
    struct sluice_commit_result *at =
        arena_zero(&r->exchange->arena, c->commits.count * sizeof(*at));
    struct sluice_commit_consumer_group_output out = {
        .failed_commit_count = {0, true},
        .results = {.present = at != NULL, .count = at ? (uint32_t)c->commits.count : 0, .at = at},
    };
    for (size_t i = 0; i < out.results.count; i++)
        at[i] = result_of(r->exchange, &c->commits.at[i], &out.failed_commit_count.value);
    reply_shape(r->exchange, &shape_sluice_commit_consumer_group_output, &out);
}

static bool take_commit(struct group_request *r, const struct sluice_commit_request *in,
                        struct group_commit_one *out)
{
    struct fault f;
    out->lease = lease_id(r->exchange, in->shard_id, in->lease_epoch);
    out->status = group_request_checkpoint(r, in->shard_id, in->sequence_number,
                                           in->sub_sequence_number, &out->at, &f);
    if (out->status != OK)
        out->text = mem_strdup(f.text);
    return out->lease.shard_id != NULL;
}

void op_commit_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_commit_consumer_group_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_COMMIT, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    struct group_commit_one *commits = arena_zero(&x->arena, in->commits.count * sizeof(*commits));
    r->command.who = session_of(x, in->member_name, in->session_epoch);
    r->command.commits.at = commits;
    r->command.commits.count = commits ? in->commits.count : 0;
    bool fits = commits && r->command.who.member;
    for (uint32_t i = 0; i < in->commits.count && fits; i++)
        fits = take_commit(r, &in->commits.at[i], &commits[i]);
    if (!fits) {
        refuse_for_memory(r);
        return;
    }
    r->answer = answer_committed;
    group_request_run(s, r);
}

/* ---- leave ---- */

void op_leave_group(struct service *s, struct exchange *x, const void *input)
{
    const struct sluice_leave_consumer_group_input *in = input;
    struct group_request *r = group_request_new(
        s, x, GROUP_LEAVE, &(struct group_asked){in->stream_name, in->stream_arn, in->group_name});
    if (!r)
        return;
    r->command.who = session_of(x, in->member_name, in->session_epoch);
    if (r->command.who.member)
        group_request_run(s, r);
    else
        refuse_for_memory(r);
}
