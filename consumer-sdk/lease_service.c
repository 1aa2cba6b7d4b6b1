/* lease_service.c: the service's consumer groups as a lease store.
 *
 * Each function is one call, which is given less time than the session has: who waits longer for an answer has lost it anyway.
 *
 * L1 to L3 are the service's (groups/group.h).
 * Thread: the client's. */
#include "consumer-sdk/lease_service.h"

#include "base/mem.h"
#include "consumer-sdk/error.h"

#include <sluice/service.h>

struct lease_service {
    sluice_lease_store store;
    sluice_client *client; /* fixed at birth */
    int64_t session;       /* of the last join */
};

static enum sluice_status call(struct lease_service *l, const struct sluice_lease_member *member,
                               const struct sluice_operation *operation, const void *input,
                               size_t input_size, sluice_reply **reply, struct sluice_error *error)
{
    const struct sluice_call_options options = {
        .size = sizeof(options),
        .timeout_ms = member->session_timeout_ms / 2,
        .attempt_timeout_ms = member->session_timeout_ms / 3,
    };
    struct sluice_error own;
    error = error ? error : &own;
    *reply = NULL;
    enum sluice_status st =
        sluice_call(l->client, operation, input, input_size, &options, reply, error);
    if (st == SLUICE_SERVICE && strcmp(error->type, "FencedException") == 0)
        st = error->status = SLUICE_FENCED;
    return st;
}

static enum sluice_status join(void *self, const struct sluice_lease_member *member,
                               struct sluice_error *error)
{
    struct lease_service *l = self;
    const struct sluice_service_join_consumer_group_input in = {
        .stream_arn = sluice_text(member->stream_arn),
        .group_name = sluice_text(member->group),
        .member_name = sluice_text(member->member),
        .session_timeout_ms = sluice_int(member->session_timeout_ms),
        .handover_ms = sluice_int(member->handover_ms),
        .leases_max = sluice_int(member->leases_max),
    };
    sluice_reply *reply;
    enum sluice_status st = call(l, member, &sluice_service_join_consumer_group_operation, &in,
                                 sizeof(in), &reply, error);
    if (st == SLUICE_OK) {
        const struct sluice_service_join_consumer_group_output *out = sluice_reply_output(reply);
        l->session = out->session_epoch.value;
    }
    sluice_reply_free(reply);
    return st;
}

/* ---- heartbeat ---- */

static void copy_text(char *to, size_t room, struct sluice_bytes from)
{
    size_t len = from.len < room ? from.len : room - 1;
    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = 0;
}

static void take_lease(const struct sluice_service_group_lease *from, struct sluice_lease *to)
{
    *to = (struct sluice_lease){
        .epoch = (uint64_t)from->lease_epoch.value,
        .revoked = from->revoked.value,
    };
    copy_text(to->shard_id, sizeof(to->shard_id), from->shard_id);
    if (!from->checkpoint)
        return;
    copy_text(to->checkpoint.sequence_number, sizeof(to->checkpoint.sequence_number),
              from->checkpoint->sequence_number);
    to->checkpoint.sub_sequence_number = (uint64_t)from->checkpoint->sub_sequence_number.value;
}

static enum sluice_status take_leases(const struct sluice_service_group_lease_list *from,
                                      struct sluice_lease *leases, size_t *count,
                                      struct sluice_error *error)
{
    size_t room = *count;
    *count = from->count;
    if (from->count > room)
        return error_set(error, SLUICE_FULL, "there are %u leases", from->count);
    for (uint32_t i = 0; i < from->count; i++)
        take_lease(&from->at[i], &leases[i]);
    return SLUICE_OK;
}

static enum sluice_status heartbeat(void *self, const struct sluice_lease_member *member,
                                    const struct sluice_lease_shard *shards, size_t shard_count,
                                    const struct sluice_lease *released, size_t released_count,
                                    struct sluice_lease *leases, size_t *count,
                                    struct sluice_error *error)
{
    struct lease_service *l = self;
    (void)shards;
    (void)shard_count;
    struct sluice_service_released_lease *gone = mem_try((released_count + 1) * sizeof(*gone));
    if (!gone)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a heartbeat");
    for (size_t i = 0; i < released_count; i++)
        gone[i] = (struct sluice_service_released_lease){
            .shard_id = sluice_text(released[i].shard_id),
            .lease_epoch = sluice_int((int64_t)released[i].epoch),
        };
    const struct sluice_service_heartbeat_consumer_group_input in = {
        .stream_arn = sluice_text(member->stream_arn),
        .group_name = sluice_text(member->group),
        .member_name = sluice_text(member->member),
        .session_epoch = sluice_int(l->session),
        .released = {.count = (uint32_t)released_count, .present = released_count > 0, .at = gone},
    };
    sluice_reply *reply;
    enum sluice_status st = call(l, member, &sluice_service_heartbeat_consumer_group_operation, &in,
                                 sizeof(in), &reply, error);
    mem_free(gone);
    if (st == SLUICE_OK) {
        const struct sluice_service_heartbeat_consumer_group_output *out =
            sluice_reply_output(reply);
        st = take_leases(&out->leases, leases, count, error);
    }
    sluice_reply_free(reply);
    return st;
}

/* ---- commit, leave ---- */

/* What the answer says of the one checkpoint that was sent. */
static enum sluice_status outcome(const struct sluice_service_commit_consumer_group_output *out,
                                  struct sluice_error *error)
{
    if (out->results.count != 1)
        return error_set(error, SLUICE_PROTOCOL, "%u results for one checkpoint",
                         out->results.count);
    const struct sluice_service_commit_result *r = &out->results.at[0];
    if (!r->error_code.at)
        return SLUICE_OK;
    char type[sizeof(error->type)];
    copy_text(type, sizeof(type), r->error_code);
    enum sluice_status st = SLUICE_SERVICE;
    if (strcmp(type, "FencedException") == 0)
        st = SLUICE_FENCED;
    error_set(error, st, "%.*s", (int)r->error_message.len, (const char *)r->error_message.at);
    if (error) {
        memcpy(error->type, type, sizeof(type));
        error->http_status = 200;
    }
    return st;
}

static enum sluice_status commit(void *self, const struct sluice_lease_member *member,
                                 const struct sluice_lease *lease,
                                 const struct sluice_checkpoint_at *at, struct sluice_error *error)
{
    struct lease_service *l = self;
    const struct sluice_service_commit_request one = {
        .shard_id = sluice_text(lease->shard_id),
        .lease_epoch = sluice_int((int64_t)lease->epoch),
        .sequence_number = sluice_text(at->sequence_number),
        .sub_sequence_number = sluice_int((int64_t)at->sub_sequence_number),
    };
    const struct sluice_service_commit_consumer_group_input in = {
        .stream_arn = sluice_text(member->stream_arn),
        .group_name = sluice_text(member->group),
        .member_name = sluice_text(member->member),
        .session_epoch = sluice_int(l->session),
        .commits = {.count = 1, .present = true, .at = &one},
    };
    sluice_reply *reply;
    enum sluice_status st = call(l, member, &sluice_service_commit_consumer_group_operation, &in,
                                 sizeof(in), &reply, error);
    if (st == SLUICE_OK)
        st = outcome(sluice_reply_output(reply), error);
    sluice_reply_free(reply);
    return st;
}

static enum sluice_status leave(void *self, const struct sluice_lease_member *member,
                                struct sluice_error *error)
{
    struct lease_service *l = self;
    const struct sluice_service_leave_consumer_group_input in = {
        .stream_arn = sluice_text(member->stream_arn),
        .group_name = sluice_text(member->group),
        .member_name = sluice_text(member->member),
        .session_epoch = sluice_int(l->session),
    };
    sluice_reply *reply;
    enum sluice_status st = call(l, member, &sluice_service_leave_consumer_group_operation, &in,
                                 sizeof(in), &reply, error);
    sluice_reply_free(reply);
    return st;
}

sluice_lease_store *lease_service_new(sluice_client *client)
{
    struct lease_service *l = mem_try(sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct lease_service){
        .store = {.size = sizeof(l->store),
                  .self = l,
                  .join = join,
                  .heartbeat = heartbeat,
                  .commit = commit,
                  .leave = leave},
        .client = client,
    };
    return &l->store;
}

void lease_service_free(sluice_lease_store *store)
{
    if (store)
        mem_free(store->self);
}
