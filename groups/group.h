/* group.h: one consumer group: its members, the shards they share, who has which, and how far each shard is handled. No disk, no clock,
 * no thread of its own: time is handed in, and what must be durable is handed out as rows. The service keeps groups so, and so does the
 * SDK's file.
 *
 *   lease:   free --given: epoch + 1--> owned --revoked--> owned, revoked --released, or hand-over time over--> free
 *            owned --its member expires, leaves, or joins anew--> free         owned --checkpoint SHARD_END--> done
 *   member:  (none) --join--> lives --silent for its session time-out, or leaves--> (none)
 *
 * G1. A lease has one owner at a time. It is handed on only when its owner let it go, is gone, or had its hand-over time since it was revoked.
 * G2. A lease's epoch grows with each change of owner. Who commits with an older one, or is not the owner, is FENCED and changes nothing.
 * G3. No shard is given to anybody before all its parents that are still there are at SHARD_END.
 * G4. Shares are even, and leases move as little as can be: assign.h.
 * G5. A checkpoint never goes back, but by group_reset, which needs a group without members.
 * G6. A shard that appears after the first list was seen begins at TRIM_HORIZON: none of it was there when the group began.
 * G7. What fails with NO_MEMORY has changed nothing.
 *
 * Time is any clock's in milliseconds; when it seems to go back it stands still. Not for threads: one owner at a time. */
#ifndef SLUICE_GROUPS_GROUP_H
#define SLUICE_GROUPS_GROUP_H

#include "base/status.h"
#include "groups/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROUP_MEMBER_BYTES = 129, GROUP_SHARD_ID_BYTES = 129 };

/* ---- values ---- */

struct group_member {
    char name[GROUP_MEMBER_BYTES];
    uint64_t
        session; /* grows with each join of the group; whoever has an older one is not this member any more */
    uint32_t session_timeout_ms, handover_ms;
    uint32_t leases_max;   /* 0: as many as there are */
    uint64_t heartbeat_ms; /* when it was last heard of */
};
struct group_lease {
    char shard_id[GROUP_SHARD_ID_BYTES];
    uint64_t epoch;                 /* 0: never given to anybody */
    char owner[GROUP_MEMBER_BYTES]; /* "": nobody */
    bool revoked;                   /* its owner is to let it go */
    uint64_t revoked_ms;            /* when that was */
    struct checkpoint checkpoint;
};
/* What is kept of a group. A member's heartbeat_ms and a lease's revoked and revoked_ms are for who keeps no group in memory: they change
 * without group_is_changed. */
struct group_row {
    enum group_row_kind { GROUP_ROW_HEAD, GROUP_ROW_MEMBER, GROUP_ROW_LEASE } kind;
    bool gone; /* to be removed: of its value only the name, or shard_id, counts */
    union {
        struct group_head {
            uint64_t created_ms;   /* as it was said to group_new */
            uint64_t last_session; /* never given again */
            bool listed;           /* the first list of shards was seen (G6) */
        } head;
        struct group_member member;
        struct group_lease lease;
    };
};

struct group_shard {
    const char *shard_id, *parent_id, *adjacent_parent_id; /* NULL or "": none */
};
struct group_session {
    const char *member;
    uint64_t session;
};
struct group_lease_id {
    const char *shard_id;
    uint64_t epoch;
};

/* ---- life ---- */

struct group;
/* NULL: no memory. */
struct group *group_new(uint64_t created_ms);
void group_free(struct group *g);
/* Puts a stored row back: members before the leases that they own. Then group_set_shards, before anything else. CORRUPT, NO_MEMORY. */
enum status group_load(struct group *g, const struct group_row *row, struct fault *f) MUST_USE;

/* Every row, or those only that changed since group_settle (what is gone first). What `each` answers other than OK ends it. Nothing is
 * settled by it: who could not write them throws the group away and loads it anew. */
enum group_which { GROUP_ALL, GROUP_CHANGED };
enum status group_rows(const struct group *g, enum group_which which,
                       enum status (*each)(void *arg, const struct group_row *row),
                       void *arg) MUST_USE;
bool group_is_changed(const struct group *g);
void group_settle(struct group *g);

size_t group_member_count(const struct group *g);
uint64_t group_created_ms(const struct group *g);

/* ---- what happens to it ---- */

/* All shards there are, in any order, each once; parents that are not among them count as done. Those missing are dropped. NO_MEMORY,
 * INVALID_ARGUMENT (a name too long). */
enum status group_set_shards(struct group *g, const struct group_shard *shards, size_t count,
                             uint64_t now_ms) MUST_USE;

/* `m`: all but session and heartbeat_ms. A member of that name that lives is replaced: its session is fenced, its leases are free.
 * LIMIT_EXCEEDED over GROUP_MEMBERS_MAX, INVALID_ARGUMENT, NO_MEMORY. */
enum status group_join(struct group *g, const struct group_member *m, uint64_t now_ms,
                       uint64_t *session, struct fault *f) MUST_USE;
/* The member lives, and lets go of these: of those it does not have any more, nothing happens. Then group_leases_of says what it has.
 * FENCED: it expired or was replaced; join again. */
enum status group_heartbeat(struct group *g, const struct group_session *who,
                            const struct group_lease_id *released, size_t count, uint64_t now_ms,
                            struct fault *f) MUST_USE;
/* Counts as a sign of life. FENCED: the session, or the lease, is another's now. INVALID_ARGUMENT: it would go back, or is no checkpoint.
 * NOT_FOUND: no such shard. The same again is OK. */
enum status group_commit(struct group *g, const struct group_session *who,
                         const struct group_lease_id *lease, const struct checkpoint *at,
                         uint64_t now_ms, struct fault *f) MUST_USE;
/* FENCED. */
enum status group_leave(struct group *g, const struct group_session *who, uint64_t now_ms,
                        struct fault *f) MUST_USE;
/* Sets one shard's checkpoint, or (NULL) that of all. IN_USE while it has members; NOT_FOUND, INVALID_ARGUMENT. */
enum status group_reset(struct group *g, const char *shard_id, const struct checkpoint *at,
                        uint64_t now_ms, struct fault *f) MUST_USE;
/* Whose time is over. Everything above does it first, by its own now_ms. */
void group_expire(struct group *g, uint64_t now_ms);
/* When group_expire will next have something to do, if nothing happens until then; UINT64_MAX: never. */
uint64_t group_due_ms(const struct group *g);

/* The leases of a member (none when there is no such one), in no order. */
enum status group_leases_of(const struct group *g, const char *member,
                            enum status (*each)(void *arg, const struct group_lease *lease),
                            void *arg) MUST_USE;

#endif
