/* group_json.h: the rows of a group (group.h) as JSON, for whoever stores them: the service a row each, the SDK's file all of them.
 *
 *   head      {"created_ms": ..., "last_session": 7, "listed": true}
 *   member    {"name": "...", "session": 7, "session_timeout_ms": 6000, "handover_ms": 10000, "leases_max": 0, "heartbeat_ms": ...}
 *   lease     {"shard": "...", "epoch": 3, "owner": "...", "revoked_ms": ..., "at": "4957...", "sub": 2}
 *             without what is 0, "" or false; "revoked_ms" only of one that is revoked
 *
 * Thread: any. */
#ifndef SLUICE_GROUPS_GROUP_JSON_H
#define SLUICE_GROUPS_GROUP_JSON_H

#include "groups/group.h"

#include <jansson.h>

/* A new reference, to an object that says of which kind it is by what it has; NULL: no memory. */
json_t *group_row_json(const struct group_row *row);
/* false: it is none of these. */
bool group_row_of_json(const json_t *object, struct group_row *out);

#endif
