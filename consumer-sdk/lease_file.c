/* lease_file.c: leases and checkpoints of workers of one machine, in a file.
 *
 * Each function takes the lock, reads the file, lets groups/ decide, and replaces the file: no state but the session is kept between two, so that
 * any process may die at any moment. The lock is a file beside it, since the file itself is replaced.
 *
 *   {"format": "sluice-leases 1", "groups": [{"stream": "arn:...", "group": "...", "shards": {"id": ["parent", "adjacent parent"], ...},
 *    "rows": [...]}, ...]}                                                                    rows: groups/group_json.h
 *
 * Workers list the stream's shards each for himself, and not at the same time. New shards have larger ids, so the largest one tells which
 * of two lists is older: that one is not taken, or it would drop the leases of shards that its worker has not heard of. Of two that are
 * equally new, the shards in both count: the others are past their retention.
 *
 * L1, L3: groups/group.h, G2 and G3.
 * L2. The file is written whole beside the old one, synced, and renamed over it; the folder is synced.
 *
 * The clock is the machine's wall clock: when it is set back, sessions last longer by as much.
 * Thread: the worker's. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/error.h"
#include "groups/group_json.h"

#include <sluice/lease_store.h>

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* 20,000 leases take some 5 MB. */
#define LEASE_FILE_BYTES_MAX MIB(64)
enum { LOCK_WAIT_MS = 5000, LOCK_EVERY_MS = 2 };
static const char format[] = "sluice-leases 1";

struct lease_file {
    sluice_lease_store store;
    char path[PATH_MAX], lock_path[PATH_MAX]; /* fixed at birth */
    uint64_t session;                         /* of the last join */
};

/* The file while its lock is held. */
struct opened {
    struct lease_file *file;
    int lock;
    json_t *root;  /* owned */
    json_t *entry; /* the group's, in root */
    struct group *group;
    uint64_t now_ms;
    struct fault fault;
};

/* ---- reading ---- */

static enum status lock_wait(struct opened *o)
{
    for (unsigned waited = 0;; waited += LOCK_EVERY_MS) {
        enum status st = file_lock(o->file->lock_path, &o->lock, &o->fault);
        if (st != IN_USE || waited >= LOCK_WAIT_MS)
            return st;
        poll(NULL, 0, LOCK_EVERY_MS);
    }
}

static enum status not_ours(struct opened *o)
{
    return fault_set(&o->fault, CORRUPT, "%s is not a file of leases", o->file->path);
}

static enum status no_memory(struct opened *o)
{
    return fault_set(&o->fault, NO_MEMORY, "no memory for the file of leases");
}

static enum status parse(struct opened *o, struct bytes text)
{
    json_error_t error = {0};
    o->root = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!o->root) /* without memory jansson says nothing */
        return error.text[0] ? not_ours(o) : no_memory(o);
    const char *said = json_string_value(json_object_get(o->root, "format"));
    bool fine =
        said && strcmp(said, format) == 0 && json_is_array(json_object_get(o->root, "groups"));
    return fine ? OK : not_ours(o);
}

static enum status read_file(struct opened *o)
{
    struct buf text;
    buf_init(&text, LEASE_FILE_BYTES_MAX);
    enum status st = file_read(o->file->path, &text, &o->fault);
    if (st == OK) {
        st = parse(o, buf_view(&text));
    } else if (st == NOT_FOUND) {
        o->root = json_pack("{s:s, s:[]}", "format", format, "groups");
        st = o->root ? OK : no_memory(o);
    }
    buf_fini(&text);
    return st;
}

static bool says(const json_t *entry, const char *name, const char *value)
{
    const char *said = json_string_value(json_object_get(entry, name));
    return said && strcmp(said, value) == 0;
}

static enum status find_entry(struct opened *o, const struct sluice_lease_member *member)
{
    json_t *groups = json_object_get(o->root, "groups"), *entry;
    size_t i;
    json_array_foreach(groups, i, entry)
    {
        if (says(entry, "stream", member->stream_arn) && says(entry, "group", member->group)) {
            o->entry = entry;
            return OK;
        }
    }
    entry = json_pack("{s:s, s:s, s:{}, s:[]}", "stream", member->stream_arn, "group",
                      member->group, "shards", "rows");
    if (!entry || json_array_append_new(groups, entry) != 0)
        return no_memory(o);
    o->entry = entry;
    return OK;
}

/* Members before the leases that they own. */
static enum status load_rows(struct opened *o, bool *listed)
{
    json_t *rows = json_object_get(o->entry, "rows"), *object;
    size_t i;
    for (int leases = 0; leases < 2; leases++) {
        json_array_foreach(rows, i, object)
        {
            struct group_row row;
            if (!group_row_of_json(object, &row))
                return not_ours(o);
            if ((row.kind == GROUP_ROW_LEASE) != leases)
                continue;
            enum status st = group_load(o->group, &row, &o->fault);
            if (st != OK)
                return st;
            *listed |= row.kind == GROUP_ROW_HEAD && row.head.listed;
        }
    }
    return OK;
}

static enum status set_stored_shards(struct opened *o)
{
    json_t *stored = json_object_get(o->entry, "shards"), *one;
    const char *id;
    struct group_shard *shards = mem_try((json_object_size(stored) + 1) * sizeof(*shards));
    if (!shards)
        return no_memory(o);
    size_t count = 0;
    json_object_foreach(stored, id, one)
    {
        shards[count++] = (struct group_shard){
            .shard_id = id,
            .parent_id = json_string_value(json_array_get(one, 0)),
            .adjacent_parent_id = json_string_value(json_array_get(one, 1)),
        };
    }
    enum status st = group_set_shards(o->group, shards, count, o->now_ms);
    mem_free(shards);
    return st;
}

static enum status open_group(struct opened *o, struct lease_file *file,
                              const struct sluice_lease_member *member)
{
    *o = (struct opened){.file = file, .lock = -1};
    enum status st = lock_wait(o);
    if (st == OK)
        st = read_file(o);
    if (st == OK)
        st = find_entry(o, member);
    if (st != OK)
        return st;
    o->now_ms = clock_wall_ms(&clock_system);
    o->group = group_new(o->now_ms);
    if (!o->group)
        return no_memory(o);
    bool listed = false;
    st = load_rows(o, &listed);
    return st == OK && listed ? set_stored_shards(o) : st;
}

/* ---- writing ---- */

static enum status add_row(void *arg, const struct group_row *row)
{
    json_t *object = group_row_json(row);
    return object && json_array_append_new(arg, object) == 0 ? OK : NO_MEMORY;
}

static enum status write_group(struct opened *o)
{
    json_t *rows = json_array();
    if (!rows || json_object_set_new(o->entry, "rows", rows) != 0 ||
        group_rows(o->group, GROUP_ALL, add_row, rows) != OK)
        return no_memory(o);
    struct buf text;
    buf_init(&text, LEASE_FILE_BYTES_MAX);
    enum status st = json_text_append(o->root, JSON_COMPACT, &text) == OK
                         ? file_replace(o->file->path, buf_view(&text), &o->fault) /* L2 */
                         : no_memory(o);
    buf_fini(&text);
    return st;
}

/* Writes when all went well, and lets go. */
static enum sluice_status close_group(struct opened *o, enum status st, struct sluice_error *error)
{
    if (st == OK)
        st = write_group(o);
    group_free(o->group);
    json_decref(o->root);
    if (o->lock >= 0)
        close(o->lock);
    if (st == OK)
        return SLUICE_OK;
    if (o->fault.status == OK)
        fault_set(&o->fault, st, "the file of leases refused: %s", status_name(st));
    return st == FENCED ? error_set(error, SLUICE_FENCED, "%s", o->fault.text)
                        : error_from(error, st, &o->fault);
}

/* ---- the store ---- */

static struct group_session session_of(const struct lease_file *file,
                                       const struct sluice_lease_member *member)
{
    return (struct group_session){.member = member->member, .session = file->session};
}

static enum sluice_status join(void *self, const struct sluice_lease_member *member,
                               struct sluice_error *error)
{
    struct lease_file *file = self;
    struct opened o;
    struct group_member m = {
        .session_timeout_ms = member->session_timeout_ms,
        .handover_ms = member->handover_ms,
        .leases_max = member->leases_max,
    };
    snprintf(m.name, sizeof(m.name), "%s", member->member);
    enum status st = open_group(&o, file, member);
    if (st == OK)
        st = group_join(o.group, &m, o.now_ms, &file->session, &o.fault);
    return close_group(&o, st, error);
}

/* "shardId-000000000010" is newer than "shardId-000000000009". */
static bool is_newer(const char *id, const char *than)
{
    size_t id_len = strlen(id), than_len = strlen(than);
    return id_len != than_len ? id_len > than_len : strcmp(id, than) > 0;
}

static const char *newest_stored(json_t *stored)
{
    const char *newest = "", *id;
    json_t *one;
    json_object_foreach(stored, id, one)
    {
        if (is_newer(id, newest))
            newest = id;
    }
    return newest;
}

static enum status take_shards(struct opened *o, const struct sluice_lease_shard *shards,
                               size_t count)
{
    json_t *stored = json_object_get(o->entry, "shards");
    const char *newest = "", *known = newest_stored(stored);
    for (size_t i = 0; i < count; i++)
        if (is_newer(shards[i].shard_id, newest))
            newest = shards[i].shard_id;
    if (is_newer(known, newest))
        return OK;
    bool both = strcmp(known, newest) == 0;
    json_t *list = json_object();
    enum status st = list ? OK : no_memory(o);
    for (size_t i = 0; i < count && st == OK; i++) {
        const struct sluice_lease_shard *s = &shards[i];
        if (both && !json_object_get(stored, s->shard_id))
            continue;
        json_t *one = json_pack("[s, s]", s->parent_id ? s->parent_id : "",
                                s->adjacent_parent_id ? s->adjacent_parent_id : "");
        if (!one || json_object_set_new(list, s->shard_id, one) != 0)
            st = no_memory(o);
    }
    if (st != OK) {
        json_decref(list);
        return st;
    }
    if (json_object_set_new(o->entry, "shards", list) != 0)
        return no_memory(o);
    return set_stored_shards(o);
}

struct taking {
    struct sluice_lease *leases;
    size_t room, count;
};

static enum status take_lease(void *arg, const struct group_lease *from)
{
    struct taking *t = arg;
    if (t->count++ >= t->room)
        return OK;
    struct sluice_lease *to = &t->leases[t->count - 1];
    *to = (struct sluice_lease){.epoch = from->epoch, .revoked = from->revoked};
    memcpy(to->shard_id, from->shard_id, sizeof(to->shard_id));
    memcpy(to->checkpoint.sequence_number, from->checkpoint.sequence,
           sizeof(to->checkpoint.sequence_number));
    to->checkpoint.sub_sequence_number = from->checkpoint.sub;
    return OK;
}

static enum status beat(struct opened *o, const struct group_session *who,
                        const struct sluice_lease *released, size_t count)
{
    struct group_lease_id *ids = mem_try((count + 1) * sizeof(*ids));
    if (!ids)
        return no_memory(o);
    for (size_t i = 0; i < count; i++)
        ids[i] = (struct group_lease_id){released[i].shard_id, released[i].epoch};
    enum status st = group_heartbeat(o->group, who, ids, count, o->now_ms, &o->fault);
    mem_free(ids);
    return st;
}

static enum sluice_status heartbeat(void *self, const struct sluice_lease_member *member,
                                    const struct sluice_lease_shard *shards, size_t shard_count,
                                    const struct sluice_lease *released, size_t released_count,
                                    struct sluice_lease *leases, size_t *count,
                                    struct sluice_error *error)
{
    struct opened o;
    struct taking taking = {.leases = leases, .room = *count};
    const struct group_session who = session_of(self, member);
    enum status st = open_group(&o, self, member);
    if (st == OK && shard_count > 0)
        st = take_shards(&o, shards, shard_count);
    if (st == OK)
        st = beat(&o, &who, released, released_count);
    if (st == OK)
        st = group_leases_of(o.group, member->member, take_lease, &taking);
    enum sluice_status outcome = close_group(&o, st, error);
    *count = taking.count;
    if (outcome == SLUICE_OK && taking.count > taking.room)
        return error_set(error, SLUICE_FULL, "there are %zu leases", taking.count);
    return outcome;
}

static enum sluice_status commit(void *self, const struct sluice_lease_member *member,
                                 const struct sluice_lease *lease,
                                 const struct sluice_checkpoint_at *at, struct sluice_error *error)
{
    struct opened o;
    const struct group_session who = session_of(self, member);
    const struct group_lease_id id = {lease->shard_id, lease->epoch};
    struct checkpoint to = {.sub = at->sub_sequence_number};
    memcpy(to.sequence, at->sequence_number, sizeof(to.sequence));
    enum status st = open_group(&o, self, member);
    if (st == OK)
        st = group_commit(o.group, &who, &id, &to, o.now_ms, &o.fault);
    return close_group(&o, st, error);
}

static enum sluice_status leave(void *self, const struct sluice_lease_member *member,
                                struct sluice_error *error)
{
    struct opened o;
    const struct group_session who = session_of(self, member);
    enum status st = open_group(&o, self, member);
    if (st == OK)
        st = group_leave(o.group, &who, o.now_ms, &o.fault);
    return close_group(&o, st, error);
}

/* ---- life ---- */

static enum sluice_status look_at_file(struct lease_file *file, struct sluice_error *error)
{
    struct opened o = {.file = file, .lock = -1};
    enum status st = read_file(&o);
    json_decref(o.root);
    return st == OK ? SLUICE_OK : error_from(error, st, &o.fault);
}

enum sluice_status sluice_file_leases_new(const char *path, sluice_lease_store **store,
                                          struct sluice_error *error)
{
    *store = NULL;
    struct lease_file *file = mem_try(sizeof(*file));
    if (!file)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a file of leases");
    *file = (struct lease_file){
        .store = {.size = sizeof(file->store),
                  .self = file,
                  .wants_shards = true,
                  .join = join,
                  .heartbeat = heartbeat,
                  .commit = commit,
                  .leave = leave},
    };
    size_t room = sizeof(file->path);
    enum sluice_status st = SLUICE_OK;
    if ((size_t)snprintf(file->path, room, "%s", path) >= room ||
        (size_t)snprintf(file->lock_path, room, "%s.lock", path) >= room)
        st = error_set(error, SLUICE_INVALID_ARGUMENT, "path too long: %s", path);
    if (st == SLUICE_OK)
        st = look_at_file(file, error);
    if (st == SLUICE_OK)
        *store = &file->store;
    else
        mem_free(file);
    return st;
}

void sluice_file_leases_free(sluice_lease_store *store)
{
    if (store)
        mem_free(store->self);
}
