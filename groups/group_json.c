/* group_json.c: see the header. What is read was stored, by us or by a file's owner: it is checked. */
#include "groups/group_json.h"

#include <string.h>

/* ---- writing: the first that fails makes the whole fail ---- */

static bool put_integer(json_t *object, const char *name, uint64_t value)
{
    return value == 0 || json_object_set_new(object, name, json_integer((json_int_t)value)) == 0;
}

static bool put_text(json_t *object, const char *name, const char *text)
{
    return text[0] == '\0' || json_object_set_new(object, name, json_string(text)) == 0;
}

static bool put_head(json_t *object, const struct group_head *head)
{
    return json_object_set_new(object, "listed", json_boolean(head->listed)) == 0 &&
           put_integer(object, "created_ms", head->created_ms) &&
           put_integer(object, "last_session", head->last_session);
}

static bool put_member(json_t *object, const struct group_member *m)
{
    return put_text(object, "name", m->name) && put_integer(object, "session", m->session) &&
           put_integer(object, "session_timeout_ms", m->session_timeout_ms) &&
           put_integer(object, "handover_ms", m->handover_ms) &&
           put_integer(object, "leases_max", m->leases_max) &&
           put_integer(object, "heartbeat_ms", m->heartbeat_ms);
}

static bool put_lease(json_t *object, const struct group_lease *l)
{
    return put_text(object, "shard", l->shard_id) && put_integer(object, "epoch", l->epoch) &&
           put_text(object, "owner", l->owner) &&
           (!l->revoked || json_object_set_new(object, "revoked_ms",
                                               json_integer((json_int_t)l->revoked_ms)) == 0) &&
           put_text(object, "at", l->checkpoint.sequence) &&
           put_integer(object, "sub", l->checkpoint.sub);
}

json_t *group_row_json(const struct group_row *row)
{
    json_t *object = json_object();
    bool fine = object != NULL;
    if (fine && row->kind == GROUP_ROW_HEAD)
        fine = put_head(object, &row->head);
    else if (fine && row->kind == GROUP_ROW_MEMBER)
        fine = put_member(object, &row->member);
    else if (fine)
        fine = put_lease(object, &row->lease);
    if (!fine) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- reading ---- */

/* One that is not there is 0. */
static bool take_integer(const json_t *object, const char *name, uint64_t most, uint64_t *out)
{
    const json_t *value = json_object_get(object, name);
    json_int_t integer = json_integer_value(value);
    *out = (uint64_t)integer;
    return !value || (json_is_integer(value) && integer >= 0 && *out <= most);
}

static bool take_u32(const json_t *object, const char *name, uint32_t *out)
{
    uint64_t value;
    bool fine = take_integer(object, name, UINT32_MAX, &value);
    *out = (uint32_t)value;
    return fine;
}

/* One that is not there is "". */
static bool take_text(const json_t *object, const char *name, char *out, size_t room)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    out[0] = '\0';
    if (!text)
        return value == NULL;
    size_t len = json_string_length(value);
    if (len >= room || strlen(text) != len)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool take_head(const json_t *object, struct group_head *head)
{
    head->listed = json_is_true(json_object_get(object, "listed"));
    return take_integer(object, "created_ms", INT64_MAX, &head->created_ms) &&
           take_integer(object, "last_session", INT64_MAX, &head->last_session);
}

static bool take_member(const json_t *object, struct group_member *m)
{
    return take_text(object, "name", m->name, sizeof(m->name)) && m->name[0] &&
           take_integer(object, "session", INT64_MAX, &m->session) &&
           take_u32(object, "session_timeout_ms", &m->session_timeout_ms) &&
           m->session_timeout_ms > 0 && take_u32(object, "handover_ms", &m->handover_ms) &&
           take_u32(object, "leases_max", &m->leases_max) &&
           take_integer(object, "heartbeat_ms", INT64_MAX, &m->heartbeat_ms);
}

static bool take_lease(const json_t *object, struct group_lease *l)
{
    l->revoked = json_object_get(object, "revoked_ms") != NULL;
    return take_text(object, "shard", l->shard_id, sizeof(l->shard_id)) && l->shard_id[0] &&
           take_integer(object, "epoch", INT64_MAX, &l->epoch) &&
           take_text(object, "owner", l->owner, sizeof(l->owner)) &&
           take_integer(object, "revoked_ms", INT64_MAX, &l->revoked_ms) &&
           take_text(object, "at", l->checkpoint.sequence, sizeof(l->checkpoint.sequence)) &&
           take_integer(object, "sub", INT64_MAX, &l->checkpoint.sub) &&
           checkpoint_is_valid(&l->checkpoint);
}

bool group_row_of_json(const json_t *object, struct group_row *out)
{
    *out = (struct group_row){0};
    if (!json_is_object(object))
        return false;
    if (json_object_get(object, "listed")) {
        out->kind = GROUP_ROW_HEAD;
        return take_head(object, &out->head);
    }
    if (json_object_get(object, "name")) {
        out->kind = GROUP_ROW_MEMBER;
        return take_member(object, &out->member);
    }
    out->kind = GROUP_ROW_LEASE;
    return take_lease(object, &out->lease);
}
